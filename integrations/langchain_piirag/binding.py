"""A wrapped model with options or a config bound to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig

if TYPE_CHECKING:
    _Base = Runnable[Any, Any]
else:
    _Base = object


class RedactedBinding(RunnableBinding[Any, Any]):
    """A `RunnableBinding` around a wrapper, which stays around what is added later.

    LangChain's own would put a fallback beside the wrapper, where it gets the raw prompt, and
    would lose the bound options when tools are bound.
    """

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialised as the binding that it is."""
        return [*cls.get_lc_namespace(), "RunnableBinding"]

    @property
    def _wrapper(self) -> Any:
        return self.bound

    def _rebound(self, bound: Any) -> Any:
        return self.model_copy(update={"bound": bound})

    def with_retry(self, **kwargs: Any) -> Any:
        """Retry the wrapped model. See `ModelCalls.with_retry`."""
        return self._rebound(self._wrapper.with_retry(**kwargs))

    def with_fallbacks(self, fallbacks: Sequence[Runnable[Any, Any]], **kwargs: Any) -> Any:
        """Give the wrapped model fallbacks. See `ModelCalls.with_fallbacks`."""
        return self._rebound(self._wrapper.with_fallbacks(fallbacks, **kwargs))

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        """Ask for data of a schema. See `ModelCalls.with_structured_output`."""
        return self._rebound(self._wrapper.with_structured_output(schema, **kwargs))

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Bind tools beside what is bound already. See `ModelCalls.bind_tools`."""
        return self._rebound(self._wrapper.bind_tools(tools, **kwargs))

    def configurable_fields(self, **kwargs: Any) -> Any:
        """Make fields of the wrapped model configurable."""
        return self._rebound(self._wrapper.configurable_fields(**kwargs))

    def configurable_alternatives(self, which: Any, **kwargs: Any) -> Any:
        """Give the wrapped model alternatives."""
        return self._rebound(self._wrapper.configurable_alternatives(which, **kwargs))

    def with_alisteners(self, **kwargs: Any) -> Any:
        """Listen to the run of the wrapped model. See `Runnable.with_alisteners`."""
        return redacted_binding(super().with_alisteners(**kwargs))

    def for_user(self, user_id: str, *, viewer: str | None = None) -> Any:
        """The same for one user. See `ModelCalls.for_user`."""
        return self._rebound(self._wrapper.for_user(user_id, viewer=viewer))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.bound!r})"

    __str__ = __repr__


def redacted_binding(binding: Any) -> Any:
    """A binding around a wrapper, as one that stays around it.

    Args:
        binding: What LangChain makes of a wrapper: a `RunnableBinding`, or else returned as it is.
    """
    if not isinstance(binding, RunnableBinding) or isinstance(binding, RedactedBinding):
        return binding
    # Not by its own constructor, which would merge the configs of wrapper and binding again.
    fields = {name: getattr(binding, name) for name in RunnableBinding.model_fields}
    return RedactedBinding.model_construct(**fields)


class Bindings(_Base):
    """What a wrapper gives when options, a config or listeners are bound to it."""

    def bind(self, **kwargs: Any) -> Any:
        """Bind options to every call; they are redacted with it. See `Runnable.bind`."""
        return redacted_binding(super().bind(**kwargs))

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Bind a config to every call. See `Runnable.with_config`."""
        return redacted_binding(super().with_config(config, **kwargs))

    def with_listeners(self, **kwargs: Any) -> Any:
        """Listen to the run of the wrapped model: placeholders. See `Runnable.with_listeners`."""
        return redacted_binding(super().with_listeners(**kwargs))

    def with_alisteners(self, **kwargs: Any) -> Any:
        """Listen to the run of the wrapped model. See `Runnable.with_alisteners`."""
        return redacted_binding(super().with_alisteners(**kwargs))

    def with_types(self, **kwargs: Any) -> Any:
        """Name the types of input and output. See `Runnable.with_types`."""
        return redacted_binding(super().with_types(**kwargs))
