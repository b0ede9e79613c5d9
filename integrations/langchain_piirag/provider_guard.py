"""The policy for providers around models that are not redacted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig
from pydantic import Field, PrivateAttr

from langchain_piirag.provider_checks import check_policy, enforce
from piirag.errors import ConfigurationError
from piirag.governance.providers.policy import ProviderPolicy


class ProviderGuard(Runnable[Any, Any]):
    """A model, or a chain of them, that is called only where the policy allows all it may call.

    Args:
        model: Any LangChain runnable with a model in it; one in which none can be found is
            refused at its first call.
        policy: The policy.

    Raises:
        ConfigurationError: `model` is no runnable, or `policy` no policy.
    """

    def __init__(self, model: Runnable[Any, Any], policy: ProviderPolicy) -> None:
        if not isinstance(model, Runnable):
            raise ConfigurationError(f"a model is a Runnable, not {type(model).__name__}")
        _needed(policy)
        self.piirag_guarded = model
        self._policy = policy

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the model.

        Raises:
            ProviderPolicyError: The policy forbids it; nothing was sent.
        """
        enforce(self._policy, self.piirag_guarded, kwargs, config)
        return self.piirag_guarded.invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the model. See `invoke`."""
        enforce(self._policy, self.piirag_guarded, kwargs, config)
        return await self.piirag_guarded.ainvoke(input, config, **kwargs)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Call the model and yield its reply as it comes. See `invoke`."""
        enforce(self._policy, self.piirag_guarded, kwargs, config)
        yield from self.piirag_guarded.stream(input, config, **kwargs)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Call the model and yield its reply as it comes. See `invoke`."""
        enforce(self._policy, self.piirag_guarded, kwargs, config)
        async for chunk in self.piirag_guarded.astream(input, config, **kwargs):
            yield chunk

    def _around(self, model: Any) -> ProviderGuard:
        return ProviderGuard(model, self._policy)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ProviderGuard:
        """Bind tools to the model, inside the guard."""
        return self._around(self._own("bind_tools")(tools, **kwargs))

    def with_structured_output(self, schema: Any, **kwargs: Any) -> ProviderGuard:
        """Ask for data of a schema, inside the guard."""
        return self._around(self._own("with_structured_output")(schema, **kwargs))

    def with_fallbacks(self, fallbacks: Sequence[Any], **kwargs: Any) -> Any:
        """Give the model fallbacks, inside the guard."""
        return self._around(self.piirag_guarded.with_fallbacks(fallbacks, **kwargs))

    def configurable_fields(self, **kwargs: Any) -> ProviderGuard:
        """Make fields of the model configurable, inside the guard."""
        return self._around(self._own("configurable_fields")(**kwargs))

    def configurable_alternatives(self, which: Any, **kwargs: Any) -> ProviderGuard:
        """Make the model exchangeable, inside the guard."""
        return self._around(self._own("configurable_alternatives")(which, **kwargs))

    def _own(self, name: str) -> Any:
        method = getattr(self.piirag_guarded, name, None)
        if method is None:
            raise ConfigurationError(f"{type(self.piirag_guarded).__name__} has no {name}")
        return method

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.piirag_guarded).__name__})"


class GuardedChatModel(BaseChatModel):
    """A chat model behind the policy that is a `BaseChatModel`, for agents.

    Its run in a trace is its own. What is not part of `BaseChatModel` is asked of `model`.

    Args:
        model: The chat model.
        policy: The policy.
    """

    piirag_guarded: BaseChatModel = Field(exclude=True)
    _policy: ProviderPolicy = PrivateAttr()

    def __init__(self, model: BaseChatModel, policy: ProviderPolicy, **kwargs: Any) -> None:
        _needed(policy)
        super().__init__(piirag_guarded=model, **kwargs)  # type: ignore[call-arg]
        self._policy = policy

    # Before a run begins: its start, with the prompt, is the first thing that tracers are told.

    def generate(
        self, messages: Any, stop: Any = None, callbacks: Any = None, **kwargs: Any
    ) -> Any:
        """Call the model once for each list of messages. See `BaseChatModel.generate`.

        Raises:
            ProviderPolicyError: The policy forbids it; nothing was sent.
        """
        self._check(kwargs, {"callbacks": callbacks})
        return super().generate(messages, stop, callbacks, **kwargs)

    async def agenerate(
        self, messages: Any, stop: Any = None, callbacks: Any = None, **kwargs: Any
    ) -> Any:
        """Call the model once for each list of messages. See `generate`."""
        self._check(kwargs, {"callbacks": callbacks})
        return await super().agenerate(messages, stop, callbacks, **kwargs)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Call the model and yield its reply as it comes. See `generate`."""
        self._check(kwargs, config)
        yield from super().stream(input, config, **kwargs)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Call the model and yield its reply as it comes. See `generate`."""
        self._check(kwargs, config)
        async for chunk in super().astream(input, config, **kwargs):
            yield chunk

    def _check(self, options: Mapping[str, Any], config: Any = None) -> None:
        enforce(self._policy, self.piirag_guarded, options, config)
        if self.callbacks and self._policy.check_tracers:
            self._policy.enforce_tracing(self.callbacks)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._check(kwargs)
        return self.piirag_guarded._generate(messages, stop, run_manager, **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._check(kwargs)
        return await self.piirag_guarded._agenerate(messages, stop, run_manager, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._check(kwargs)
        yield from self.piirag_guarded._stream(messages, stop, run_manager, **kwargs)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self._check(kwargs)
        async for chunk in self.piirag_guarded._astream(messages, stop, run_manager, **kwargs):
            yield chunk

    def _should_stream(self, **kwargs: Any) -> bool:
        return self.piirag_guarded._should_stream(**kwargs) and super()._should_stream(**kwargs)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Bind tools, in the model's own form. See `BaseChatModel.bind_tools`."""
        bound = self.piirag_guarded.bind_tools(tools, **kwargs)
        if isinstance(bound, RunnableBinding) and bound.bound is self.piirag_guarded:
            return self.bind(**bound.kwargs)
        return ProviderGuard(bound, self._policy)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        """Ask for data of a schema. See `BaseChatModel.with_structured_output`."""
        model = self.piirag_guarded.with_structured_output(schema, **kwargs)
        return ProviderGuard(model, self._policy)

    def with_fallbacks(self, fallbacks: Sequence[Any], **kwargs: Any) -> Any:
        """Give the model fallbacks, inside the guard."""
        return ProviderGuard(self.piirag_guarded, self._policy).with_fallbacks(fallbacks, **kwargs)

    def configurable_fields(self, **kwargs: Any) -> Any:
        """Make fields of the model configurable, inside the guard."""
        return ProviderGuard(self.piirag_guarded, self._policy).configurable_fields(**kwargs)

    def configurable_alternatives(self, which: Any, **kwargs: Any) -> Any:
        """Make the model exchangeable, inside the guard."""
        guard = ProviderGuard(self.piirag_guarded, self._policy)
        return guard.configurable_alternatives(which, **kwargs)

    @property
    def _llm_type(self) -> str:
        return f"guarded-{self.piirag_guarded._llm_type}"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return self.piirag_guarded._identifying_params

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.piirag_guarded._get_ls_params(stop=stop, **kwargs)

    def _resolve_model_profile(self) -> Any:
        return self.piirag_guarded.profile


class GuardedEmbeddings(Embeddings):
    """An embedding model behind the policy: what is embedded leaves, as a prompt does.

    Args:
        embeddings: The embedding model.
        policy: The policy.
    """

    def __init__(self, embeddings: Embeddings, policy: ProviderPolicy) -> None:
        _needed(policy)
        self.piirag_guarded = embeddings
        self._policy = policy

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts.

        Raises:
            ProviderPolicyError: The policy forbids it; nothing was sent.
        """
        enforce(self._policy, self.piirag_guarded, {})
        return self.piirag_guarded.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Embed a question. See `embed_documents`."""
        enforce(self._policy, self.piirag_guarded, {})
        return self.piirag_guarded.embed_query(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts. See `embed_documents`."""
        enforce(self._policy, self.piirag_guarded, {})
        return await self.piirag_guarded.aembed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a question. See `embed_documents`."""
        enforce(self._policy, self.piirag_guarded, {})
        return await self.piirag_guarded.aembed_query(text)


def guard_model(model: Any, policy: ProviderPolicy) -> Any:
    """A model that asks the policy before every call.

    Args:
        model: A chat model, an embedding model, or any runnable with a model in it.
        policy: The policy.

    Returns:
        A `GuardedChatModel`, `GuardedEmbeddings` or `ProviderGuard`.

    Raises:
        ConfigurationError: `model` is none of these.
    """
    if isinstance(model, BaseChatModel):
        return GuardedChatModel(model, policy)
    if isinstance(model, Embeddings):
        return GuardedEmbeddings(model, policy)
    return ProviderGuard(model, policy)


def _needed(policy: Any) -> None:
    check_policy(policy)
    if policy is None:
        raise ConfigurationError("a guard needs a ProviderPolicy")
