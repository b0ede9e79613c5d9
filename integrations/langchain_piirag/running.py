"""The ways to call a wrapped model, shared by `RedactedModel` and `RedactedChatModel`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig, run_in_executor

from langchain_piirag.calls import Call, CallSettings
from langchain_piirag.inner import bind_tools, unwrapped
from langchain_piirag.observing import observed
from langchain_piirag.watching import note_refusal, with_watcher
from piirag.errors import ConfigurationError, PiiragError
from piirag.redaction.guard import ModelGuard

if TYPE_CHECKING:
    from langchain_piirag.model import RedactedModel

_END: Any = object()


class ModelCalls:
    """Calls `model` with placeholders and restores what it returns.

    What a LangChain runnable offers beyond calling (retries, fallbacks, configurable fields) is
    put around the wrapped model, inside the wrapper: so a fallback gets placeholders too, a retry
    sees the provider's own exceptions, and the runs that these open in a trace hold placeholders.
    """

    model: Any

    @property
    def _settings(self) -> CallSettings:
        raise NotImplementedError

    def _target(self) -> Any:
        """What is called in place of the wrapper."""
        return self.model

    def _open(self, input: Any, config: RunnableConfig | None, kwargs: Mapping[str, Any]) -> Call:
        model = self._target()
        try:
            return self._settings.open(model, input, config, kwargs)
        except PiiragError as error:
            told = with_watcher(config, self._settings.watcher)
            note_refusal(model, self._settings.user_id, told, input, error)
            raise

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the model.

        Args:
            input: A string, a prompt value, a message or messages.
            config: Passed to the wrapped model, what tracers see of it redacted.
            **kwargs: Passed to the wrapped model, strings in them redacted.

        Returns:
            The model's reply with the values put back, and counts of them under
            ``response_metadata["piirag"]``.

        Raises:
            InvalidInputError: Input, or a part of it, that cannot be searched; nothing was sent.
            DetectionError: The detector failed; nothing was sent.
            ModelCallError: The model raised.
            PIIBlockedError: The reply has a value that was not in the prompt, and the policy
                blocks.
        """
        with self._open(input, config, kwargs) as call:
            with ModelGuard() as guard, observed(call.observation):
                output = call.model.invoke(call.input, call.config, **call.options)
            guard.check()
            return self._restored(call, output)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the model. See `invoke`."""
        with await run_in_executor(None, self._open, input, config, kwargs) as call:
            with ModelGuard() as guard, observed(call.observation):
                output = await call.model.ainvoke(call.input, call.config, **call.options)
            guard.check()
            return await run_in_executor(None, self._restored, call, output)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Call the model and yield its reply as it comes, values put back. See `invoke`."""
        with self._open(input, config, kwargs) as call:
            restorer = self._chunks(call)
            feed = restorer.feed
            chunks: Any = iter(())
            chunk: Any = _END
            with ModelGuard() as guard:
                chunks = iter(call.model.stream(call.input, call.config, **call.options))
            try:
                # The model's run begins with the first chunk.
                with guard, observed(call.observation):
                    chunk = next(chunks, _END)
                while chunk is not _END:
                    shown = feed(chunk)
                    if shown is not None:
                        yield shown
                    chunk = _END
                    with guard:
                        chunk = next(chunks, _END)
                guard.check()
                rest = restorer.flush()
                if rest is not None:
                    yield rest
            finally:
                _close(chunks)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Call the model and yield its reply as it comes, values put back. See `invoke`."""
        with await run_in_executor(None, self._open, input, config, kwargs) as call:
            restorer = self._chunks(call)
            feed = restorer.feed
            chunks: Any = _nothing()
            chunk: Any = _END
            with ModelGuard() as guard:
                chunks = call.model.astream(call.input, call.config, **call.options)
            try:
                with guard, observed(call.observation):
                    chunk = await anext(chunks, _END)
                while chunk is not _END:
                    # Looking for values of the model's own would keep the loop from serving
                    # others.
                    shown = await run_in_executor(None, feed, chunk) if call.looks else feed(chunk)
                    if shown is not None:
                        yield shown
                    chunk = _END
                    with guard:
                        chunk = await anext(chunks, _END)
                guard.check()
                rest = await run_in_executor(None, restorer.flush)
                if rest is not None:
                    yield rest
            finally:
                await aclose(chunks)

    def _restored(self, call: Call, output: Any) -> Any:
        return call.restore(output)

    def _chunks(self, call: Call) -> Any:
        return call.chunks()

    def for_user(self, user_id: str, *, viewer: str | None = None) -> Any:
        """The same model for one user; cheap, so make one per request.

        Args:
            user_id: The tenant whose pseudonyms and known values count.
            viewer: Who reads the reply, if that is somebody else: values that are not the
                viewer's own are then not put back.

        Raises:
            InvalidUserIdError: No usable user id, or viewer.
        """
        return self._configured(self._settings.for_user(user_id, viewer))

    def _configured(self, settings: CallSettings) -> Any:
        raise NotImplementedError

    def _around(self, model: Runnable[Any, Any]) -> RedactedModel:
        """A runnable with the same settings around another model."""
        from langchain_piirag.model import RedactedModel

        return RedactedModel._made(model, self._settings)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Bind tools to the wrapped model. See `BaseChatModel.bind_tools`."""
        return self._around(bind_tools(self._target(), tools, kwargs))

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        """Ask the model for data of a schema. See `BaseChatModel.with_structured_output`.

        Values are put back before the reply is parsed and validated. What does not fit the schema
        is a `ModelCallError` without text; with ``include_raw=True`` it is in the result.
        A streamed result comes whole, at the end.

        Args:
            schema: A pydantic class, a `TypedDict`, a JSON schema or an OpenAI tool.
            **kwargs: As the wrapped model takes them: `method`, `include_raw`, `strict` and so on.

        Raises:
            ConfigurationError: The wrapped model has no structured output.
        """
        from langchain_piirag.structured import structured_model

        return structured_model(self._target(), self._settings, schema, kwargs)

    def with_retry(self, **kwargs: Any) -> Any:
        """Retry the wrapped model. See `Runnable.with_retry`.

        Args:
            **kwargs: As `Runnable.with_retry` takes them. Exception types are the provider's own;
                `ModelCallError` stands for all of them.
        """
        given = kwargs.pop("retry_if_exception_type", (Exception,))
        model = self._target().with_retry(retry_if_exception_type=_theirs(given), **kwargs)
        return self._around(model)

    def with_fallbacks(
        self,
        fallbacks: Sequence[Runnable[Any, Any]],
        *,
        exceptions_to_handle: tuple[type[BaseException], ...] = (Exception,),
        exception_key: str | None = None,
    ) -> Any:
        """Let other models answer where the wrapped one fails. See `Runnable.with_fallbacks`.

        Args:
            fallbacks: Plain models, which get placeholders here, or wrapped ones, of which the
                wrapped model is taken.
            exceptions_to_handle: The provider's own; `ModelCallError` stands for all of them.
            exception_key: Not supported: it would put an exception into the prompt.

        Raises:
            ConfigurationError: An `exception_key`.
        """
        if exception_key is not None:
            raise ConfigurationError("exception_key would put a provider's message into a prompt")
        spare = [unwrapped(fallback) for fallback in fallbacks]
        handled = _theirs(exceptions_to_handle)
        return self._around(self._target().with_fallbacks(spare, exceptions_to_handle=handled))

    def configurable_fields(self, **kwargs: Any) -> Any:
        """Make fields of the wrapped model configurable. See `RunnableSerializable`."""
        return self._around(self._target().configurable_fields(**kwargs))

    def configurable_alternatives(self, which: Any, **kwargs: Any) -> Any:
        """Make the wrapped model exchangeable. See `RunnableSerializable`.

        Alternatives get placeholders, as the wrapped model does.
        """
        from langchain_core.runnables.base import RunnableSerializable

        options = {
            key: unwrapped(value)
            if isinstance(value, RunnableSerializable | ModelCalls)
            else _unwrapping(value)
            for key, value in kwargs.items()
        }
        return self._around(self._target().configurable_alternatives(which, **options))


def _unwrapping(value: Any) -> Any:
    return (lambda: unwrapped(value())) if callable(value) else value


def _theirs(kinds: tuple[type[BaseException], ...]) -> tuple[type[BaseException], ...]:
    """Exceptions as they are inside, where the provider's own are not turned into ours yet."""
    return tuple(Exception if issubclass(kind, PiiragError) else kind for kind in kinds)


async def _nothing() -> AsyncIterator[Any]:
    return
    yield


def _close(chunks: Any) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        with ModelGuard():
            close()


async def aclose(chunks: Any) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        with ModelGuard():
            await close()
