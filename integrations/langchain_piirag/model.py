"""A runnable around the model call: placeholders go out, values come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, run_in_executor

from langchain_piirag.messages import MessageRedactor, restore
from langchain_piirag.streaming import ChunkRestorer
from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.redaction import RedactionMapping, Redactor, Scrubber
from piirag.redaction.guard import ModelGuard
from piirag.user_id import check_user_id


class RedactedModel(Runnable[Any, Any]):
    """Wraps a chat model or LLM: what leaves for it holds placeholders, what returns holds values.

    It has no run of its own in a trace; the run of the wrapped model shows placeholders only.
    Every exception of the model is raised as `ModelCallError`, because providers echo the prompt
    in theirs; so put `with_retry` and `with_fallbacks` on the inner model.

    Args:
        model: Any LangChain chat model or LLM, or one with `bind`, retries or fallbacks.
        redactor: Does the work; one over `scrubber` if None.
        scrubber: Gives access to the vault, so that pseudonyms in retrieved chunks come back as
            the values they stand for.
        user_id: The user whose pseudonyms those are. See also `for_user`.
        known: Values the application knows to stand in prompts.
        restore_tool_args: Names of tools that get real values as arguments. Others get
            placeholders.
        allow_media: Let images, audio and files through, into which nobody can look.

    Raises:
        ConfigurationError: A `user_id` without a scrubber, or a model that is no runnable.
    """

    def __init__(
        self,
        model: Runnable[Any, Any],
        redactor: Redactor | None = None,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        known: Known | None = None,
        restore_tool_args: Collection[str] = (),
        allow_media: bool = False,
    ) -> None:
        if not isinstance(model, Runnable):
            raise ConfigurationError(f"a model is a Runnable, not {type(model).__name__}")
        if isinstance(restore_tool_args, str):
            raise ConfigurationError("restore_tool_args is a list of tool names")
        self.model = model
        self.redactor = redactor if redactor is not None else Redactor(scrubber=scrubber)
        if redactor is not None and scrubber is not None and redactor.scrubber is not scrubber:
            raise ConfigurationError("pass the scrubber to the redactor, or pass no redactor")
        self._user_id = user_id
        self._known = known
        self._tools = frozenset(restore_tool_args)
        self._allow_media = allow_media
        self._session()

    def for_user(self, user_id: str) -> RedactedModel:
        """The same model for one user; cheap, so make one per request.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        return self._with(self.model, check_user_id(user_id))

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> RedactedModel:
        """Bind tools to the wrapped model. See `BaseChatModel.bind_tools`."""
        return self._with(self.model.bind_tools(tools, **kwargs))  # type: ignore[attr-defined]

    def _with(self, model: Runnable[Any, Any], user_id: str | None = None) -> RedactedModel:
        return RedactedModel(
            model,
            self.redactor,
            user_id=user_id if user_id is not None else self._user_id,
            known=self._known,
            restore_tool_args=self._tools,
            allow_media=self._allow_media,
        )

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the model.

        Args:
            input: A string, a prompt value, a message or messages.
            config: Passed to the wrapped model.
            **kwargs: Passed to the wrapped model, strings in them redacted.

        Returns:
            The model's reply with the values put back.

        Raises:
            InvalidInputError: Input, or a part of it, that cannot be searched; nothing was sent.
            DetectionError: The detector failed; nothing was sent.
            ModelCallError: The model raised.
        """
        call = self._outward(input, config, kwargs)
        with ModelGuard() as guard:
            output = self.model.invoke(call.input, call.config, **call.options)
        guard.check()
        return restore(output, call.mapping, self._tools)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the model. See `invoke`."""
        call = await run_in_executor(None, self._outward, input, config, kwargs)
        with ModelGuard() as guard:
            output = await self.model.ainvoke(call.input, call.config, **call.options)
        guard.check()
        return restore(output, call.mapping, self._tools)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        """Call the model and yield its reply as it comes, values put back. See `invoke`."""
        call = self._outward(input, config, kwargs)
        restorer = ChunkRestorer(call.mapping, self._tools)
        chunks = iter(())
        with ModelGuard() as guard:
            chunks = iter(self.model.stream(call.input, call.config, **call.options))
        while not guard.failed:
            with ModelGuard() as guard:
                chunk = next(chunks, _END)
            if guard.failed or chunk is _END:
                break
            yield restorer.feed(chunk)
        guard.check()
        rest = restorer.flush()
        if rest is not None:
            yield rest

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        """Call the model and yield its reply as it comes, values put back. See `invoke`."""
        call = await run_in_executor(None, self._outward, input, config, kwargs)
        restorer = ChunkRestorer(call.mapping, self._tools)
        chunks = self.model.astream(call.input, call.config, **call.options)
        while True:
            with ModelGuard() as guard:
                chunk = await anext(chunks, _END)
            if guard.failed or chunk is _END:
                break
            yield restorer.feed(chunk)
        guard.check()
        rest = restorer.flush()
        if rest is not None:
            yield rest

    def _session(self) -> Any:
        return self.redactor.session(user_id=self._user_id, known=self._known)

    def _outward(self, input: Any, config: RunnableConfig | None, kwargs: dict[str, Any]) -> _Call:
        session = self._session()
        parts = MessageRedactor(session, allow_media=self._allow_media)
        clean = parts.input(input)
        options = {name: parts.option(name, value) for name, value in kwargs.items()}
        return _Call(clean, parts.config(config), options, session.mapping)

    def __repr__(self) -> str:
        return f"RedactedModel({type(self.model).__name__})"


_END: Any = object()


@dataclass(frozen=True, repr=False)
class _Call:
    """What leaves for the model, and what is needed to restore its reply."""

    input: Any
    config: Any
    options: dict[str, Any]
    mapping: RedactionMapping
