"""The policy for providers around models that are not redacted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM, ToolSelection
from llama_index.core.tools import BaseTool

from piirag.errors import ConfigurationError
from piirag.governance.providers.policy import ProviderPolicy

_TAKEN_OVER = (
    "system_prompt",
    "messages_to_prompt",
    "completion_to_prompt",
    "output_parser",
    "pydantic_program_mode",
    "query_wrapper_prompt",
)


class GuardedLLM(LLM):
    """An LLM that is called only where the policy allows its endpoint; made by `guard_model`.

    Args:
        llm: The model.
        policy: The policy.
    """

    _llm: Any = PrivateAttr()
    _policy: ProviderPolicy = PrivateAttr()

    def __init__(self, llm: LLM, policy: ProviderPolicy) -> None:
        super().__init__(**{name: getattr(llm, name) for name in _TAKEN_OVER})
        self._llm = llm
        self._policy = policy

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "GuardedLLM"

    @property
    def piirag_guarded(self) -> LLM:
        """The model."""
        guarded: LLM = self._llm
        return guarded

    @property
    def metadata(self) -> LLMMetadata:
        """The model's."""
        metadata: LLMMetadata = self._llm.metadata
        return metadata

    def _check(self, options: dict[str, Any]) -> LLM:
        callbacks = self._llm.callback_manager
        self._policy.enforce(self._llm, options=options, callbacks=callbacks)
        return self.piirag_guarded

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat with the model.

        Raises:
            ProviderPolicyError: The policy forbids it; nothing was sent.
        """
        return self._check(kwargs).chat(messages, **kwargs)

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat with the model. See `chat`."""
        return await self._check(kwargs).achat(messages, **kwargs)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete a prompt. See `chat`."""
        return self._check(kwargs).complete(prompt, formatted=formatted, **kwargs)

    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Complete a prompt. See `chat`."""
        return await self._check(kwargs).acomplete(prompt, formatted=formatted, **kwargs)

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Chat with the model, its reply in chunks. See `chat`."""
        return self._check(kwargs).stream_chat(messages, **kwargs)

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Chat with the model, its reply in chunks. See `chat`."""
        return await self._check(kwargs).astream_chat(messages, **kwargs)

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Complete a prompt, the completion in chunks. See `chat`."""
        return self._check(kwargs).stream_complete(prompt, formatted=formatted, **kwargs)

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Complete a prompt, the completion in chunks. See `chat`."""
        return await self._check(kwargs).astream_complete(prompt, formatted=formatted, **kwargs)


class GuardedFunctionCallingLLM(GuardedLLM, FunctionCallingLLM):
    """A `GuardedLLM` that calls functions, for agents."""

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "GuardedFunctionCallingLLM"

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        required = {"tool_required": True} if tool_required else {}
        prepared: dict[str, Any] = self._llm._prepare_chat_with_tools(
            tools,
            user_msg=user_msg,
            chat_history=chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            **required,
            **kwargs,
        )
        return prepared

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls in a reply. See `FunctionCallingLLM`."""
        calls: list[ToolSelection] = self._llm.get_tool_calls_from_response(
            response, error_on_no_tool_call=error_on_no_tool_call, **kwargs
        )
        return calls


class GuardedEmbedding(BaseEmbedding):
    """An embedding model behind the policy: what is embedded leaves, as a prompt does.

    Args:
        embed_model: The embedding model.
        policy: The policy.
    """

    _model: BaseEmbedding = PrivateAttr()
    _policy: ProviderPolicy = PrivateAttr()

    def __init__(self, embed_model: BaseEmbedding, policy: ProviderPolicy) -> None:
        batch = embed_model.embed_batch_size
        super().__init__(model_name=embed_model.model_name, embed_batch_size=batch)
        self._model = embed_model
        self._policy = policy

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "GuardedEmbedding"

    @property
    def piirag_guarded(self) -> BaseEmbedding:
        """The embedding model."""
        return self._model

    def _check(self) -> BaseEmbedding:
        self._policy.enforce(self._model, callbacks=self._model.callback_manager)
        return self._model

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._check()._get_query_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await self._check()._aget_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._check()._get_text_embedding(text)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await self._check()._aget_text_embedding(text)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._check()._get_text_embeddings(texts)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await self._check()._aget_text_embeddings(texts)


def guard_model(model: Any, policy: ProviderPolicy) -> Any:
    """A model that asks the policy before every call.

    Args:
        model: An LLM or an embedding model.
        policy: The policy.

    Returns:
        A `GuardedFunctionCallingLLM`, `GuardedLLM` or `GuardedEmbedding`.

    Raises:
        ConfigurationError: `model` is none of these, or `policy` no policy.
    """
    if not isinstance(policy, ProviderPolicy):
        raise ConfigurationError("a guard needs a ProviderPolicy")
    if isinstance(model, FunctionCallingLLM):
        return GuardedFunctionCallingLLM(model, policy)  # type: ignore[call-arg, arg-type]
    if isinstance(model, LLM):
        return GuardedLLM(model, policy)
    if isinstance(model, BaseEmbedding):
        return GuardedEmbedding(model, policy)
    raise ConfigurationError(f"a model is an LLM or an embedding model, not {type(model).__name__}")
