"""The wrapper as a chat model, for code that demands one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from langchain_core.callbacks import Callbacks
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableBinding, RunnableConfig, run_in_executor
from langchain_core.runnables.config import merge_configs
from pydantic import Field, PrivateAttr

from langchain_piirag.binding import Bindings
from langchain_piirag.calls import Call, CallSettings
from langchain_piirag.events import EventStreams
from langchain_piirag.inner import bind_tools
from langchain_piirag.observing import observed
from langchain_piirag.running import ModelCalls
from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.governance.audit import AuditLog
from piirag.governance.providers.policy import ProviderPolicy
from piirag.redaction import Redactor, Scrubber
from piirag.redaction.guard import ModelGuard
from piirag.tenancy.tags import TENANT_KEY

# Fields of a chat model that take effect on the wrapped one, where they are set on the wrapper.
_PASSED_ON = ("cache", "rate_limiter", "disable_streaming", "output_version", "verbose")


class RedactedChatModel(Bindings, EventStreams, ModelCalls, BaseChatModel):
    """`RedactedModel` as a `BaseChatModel`, for agents and other people's chains.

    In a trace there is one run, that of the wrapped model under its own name: callbacks, event
    streams, LangSmith, `set_debug` and LLM caches see placeholders. The caller gets values.

    Args:
        model: The chat model to wrap; without `bind`, retries and so on, which belong on the
            wrapper.
        redactor: See `RedactedModel`, as for what follows.
        scrubber: Gives access to the vault.
        user_id: The user whose pseudonyms and known values count.
        viewer: Who reads the replies; the user if None.
        known: Values the application knows to stand in prompts.
        restore_tool_args: Names of tools that get real values as arguments.
        allow_media: Let images, audio and files through.
        unknown_blocks: ``"refuse"`` or ``"drop"``.
        tenant_key: The metadata key under which documents in tool results name their user.
        shared_tools: Names of tools whose results are not the user's own.
        providers: Which endpoints may be called.
        max_label: See `RedactedModel`.
        audit: See `RedactedModel`.
        **kwargs: Fields of `BaseChatModel`, such as `callbacks`, `tags`, `cache` or
            `rate_limiter`; they take effect on the wrapped model's calls.

    Raises:
        ConfigurationError: `model` is no chat model, or arguments do not go together.
    """

    model: BaseChatModel = Field(exclude=True)
    _chat_settings: CallSettings = PrivateAttr()

    def __init__(
        self,
        model: BaseChatModel,
        redactor: Redactor | None = None,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        viewer: str | None = None,
        known: Known | None = None,
        restore_tool_args: Collection[str] = (),
        allow_media: bool = False,
        unknown_blocks: str = "refuse",
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
        providers: ProviderPolicy | None = None,
        max_label: str | None = None,
        audit: AuditLog | str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(model, BaseChatModel):
            kind = type(model).__name__
            raise ConfigurationError(
                f"RedactedChatModel wraps a chat model, not {kind}; bind on the wrapper, "
                "or use RedactedModel"
            )
        settings = CallSettings.make(
            redactor,
            scrubber,
            restore_tool_args,
            user_id=user_id,
            viewer=viewer,
            known=known,
            allow_media=allow_media,
            unknown_blocks=unknown_blocks,
            tenant_key=tenant_key,
            shared_tools=shared_tools,
            providers=providers,
            max_label=max_label,
            audit=audit,
        )
        super().__init__(model=model, **kwargs)  # type: ignore[call-arg]
        self._chat_settings = settings

    @property
    def redactor(self) -> Redactor:
        """What does the work."""
        return self._settings.redactor

    @property
    def _settings(self) -> CallSettings:
        return self._chat_settings

    def _configured(self, settings: CallSettings) -> Self:
        other = self.model_copy()
        other._chat_settings = settings
        return other

    def _target(self) -> BaseChatModel:
        """The wrapped model, with the fields that are set on the wrapper."""
        update = {k: getattr(self, k) for k in _PASSED_ON if k in self.model_fields_set}
        if self.callbacks:
            both = merge_configs({"callbacks": self.model.callbacks}, {"callbacks": self.callbacks})
            update["callbacks"] = both["callbacks"]
        told = {k: v for k, v in (self.metadata or {}).items() if k != "lc_versions"}
        if self.tags or told:
            parts = self._settings.parts(self._settings.session(), {})
            update["tags"] = [*(self.model.tags or ()), *parts.lenient(self.tags or [])]
            update["metadata"] = {**(self.model.metadata or {}), **parts.lenient(told)}
        return self.model.model_copy(update=update) if update else self.model

    # What LangChain calls on chat models beside `invoke` and `stream`.

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Call the model once for each list of messages. See `BaseChatModel.generate`."""
        results = []
        with _Calls(self._opened(messages, callbacks, {"stop": stop, **kwargs})) as calls:
            for call in calls:
                with ModelGuard() as guard, observed(call.observation):
                    results.append(call.model.generate([call.input], **_told(call), **call.options))
                guard.check()
            return self._gathered(calls, results)

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Call the model once for each list of messages. See `BaseChatModel.agenerate`."""
        opened = await run_in_executor(
            None, self._opened, messages, callbacks, {"stop": stop, **kwargs}
        )
        results: list[LLMResult] = []
        with _Calls(opened) as calls:
            with ModelGuard() as guard:
                results = await asyncio.gather(*(_generated(call) for call in calls))
            guard.check()
            return await run_in_executor(None, self._gathered, calls, results)

    def _opened(
        self, messages: list[list[BaseMessage]], callbacks: Callbacks, options: dict[str, Any]
    ) -> list[Call]:
        config: dict[str, Any] = {"callbacks": callbacks}
        for key in ("tags", "metadata", "run_name", "run_id"):
            value = options.pop(key, None)
            if value is not None:
                config[key] = value
        calls = []
        for prompt in messages:
            calls.append(self._open(prompt, config, options))  # type: ignore[arg-type]
            config.pop("run_id", None)  # names the first run only
        return calls

    def _gathered(self, calls: list[Call], results: list[LLMResult]) -> LLMResult:
        generations = [
            [_restored(call, generation) for generation in result.generations[0]]
            for call, result in zip(calls, results, strict=True)
        ]
        told = self.model._combine_llm_outputs([result.llm_output for result in results])
        runs = [run for result in results for run in result.run or ()]
        return LLMResult(generations=generations, llm_output=told, run=runs or None)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        callbacks = run_manager.get_child() if run_manager else None
        result = self.generate([messages], stop, callbacks, **kwargs)
        generations: Any = result.generations[0]
        return ChatResult(generations=generations, llm_output=result.llm_output)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        callbacks = run_manager.get_child() if run_manager else None
        result = await self.agenerate([messages], stop, callbacks, **kwargs)
        generations: Any = result.generations[0]
        return ChatResult(generations=generations, llm_output=result.llm_output)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        config = _child(run_manager)
        for chunk in self.stream(messages, config, stop=stop, **kwargs):
            yield ChatGenerationChunk(message=_chunk(chunk))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        config = _child(run_manager)
        async for chunk in self.astream(messages, config, stop=stop, **kwargs):
            yield ChatGenerationChunk(message=_chunk(chunk))

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any) -> Any:
        """Bind tools, in the wrapped model's own form. See `BaseChatModel.bind_tools`."""
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        bound = bind_tools(self.model, tools, kwargs)
        if isinstance(bound, RunnableBinding) and bound.bound is self.model:
            return self.bind(**bound.kwargs)
        return self._around(bind_tools(self._target(), tools, kwargs))

    def get_token_ids(self, text: str) -> list[int]:
        """Tokens of the text as it would be sent. See `BaseLanguageModel.get_token_ids`."""
        return self.model.get_token_ids(self._settings.session().redact(text).text)

    def get_num_tokens(self, text: str) -> int:
        """Number of tokens of the text as it would be sent."""
        return self.model.get_num_tokens(self._settings.session().redact(text).text)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None, **kwargs: Any
    ) -> int:
        """Number of tokens of messages as they would be sent: some providers count themselves."""
        parts = self._settings.parts(self._settings.session(), {"tools": tools})
        clean = parts.input(messages)
        self._settings.check_provider(self.model, {}, None)
        count = 0
        with ModelGuard() as guard:
            if tools is not None:
                kwargs["tools"] = tools
            count = self.model.get_num_tokens_from_messages(clean, **kwargs)
        guard.check()
        return count

    # What LangChain asks a chat model about itself.

    @property
    def _llm_type(self) -> str:
        return f"redacted-{self.model._llm_type}"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return self.model._identifying_params

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.model._get_ls_params(stop=stop, **kwargs)

    def _resolve_model_profile(self) -> Any:
        return self.model.profile

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("model", type(self.model).__name__)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.model).__name__})"

    __str__ = __repr__


def _told(call: Call) -> dict[str, Any]:
    keys = ("callbacks", "tags", "metadata", "run_name", "run_id")
    return {key: call.config[key] for key in keys if call.config.get(key) is not None}


async def _generated(call: Call) -> LLMResult:
    with observed(call.observation):
        result: LLMResult = await call.model.agenerate([call.input], **_told(call), **call.options)
    return result


class _Calls(ExitStack):
    """Several calls, all of which are closed in the end, whatever befalls one."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self._calls = calls
        for call in calls:
            self.enter_context(call)

    def __enter__(self) -> list[Call]:  # type: ignore[override]
        return self._calls


def _child(run_manager: Any) -> RunnableConfig | None:
    return {"callbacks": run_manager.get_child()} if run_manager else None


def _restored(call: Call, generation: Any) -> Any:
    message = call.restore(generation.message)
    return ChatGeneration(message=message, generation_info=generation.generation_info)


def _chunk(message: Any) -> Any:
    if isinstance(message, AIMessageChunk):
        return message
    fields = {name: getattr(message, name) for name in message.model_fields_set - {"type"}}
    return AIMessageChunk(**fields)
