"""A model whose replies are objects of one class, without the events that LlamaIndex's fires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    MessageRole,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms.structured_llm import StructuredLLM

from llama_index_piirag.predicting import UntracedLLM
from llama_index_piirag.tracing import unspanned


class RedactedStructuredLLM(UntracedLLM, StructuredLLM):
    """A `StructuredLLM` over a redacted model; made by `RedactedLLM.as_structured_llm`.

    The messages are sent as they are: braces in them are text, not variables of a template.
    `raw` of a response is the object; the message is its JSON. Both hold values.
    """

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "redacted_structured_llm"

    @unspanned
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat; the reply is an object of the output class.

        Raises:
            InvalidInputError: The reply does not fit the output class.
        """
        return _response(self.llm.object_of(self.output_cls, messages, kwargs))  # type: ignore[attr-defined]

    @unspanned
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat; the reply is an object of the output class. See `chat`."""
        return _response(await self.llm.aobject_of(self.output_cls, messages, kwargs))  # type: ignore[attr-defined]

    @unspanned
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Chat; the object, whenever what has come so far makes a new, valid one."""
        for found in self.llm.objects_of(self.output_cls, messages, kwargs):  # type: ignore[attr-defined]
            yield _response(found)

    @unspanned
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Chat; the object as it grows. See `stream_chat`."""
        objects = await self.llm.aobjects_of(self.output_cls, messages, kwargs)  # type: ignore[attr-defined]

        async def responses() -> ChatResponseAsyncGen:
            async for found in objects:
                yield _response(found)

        return responses()

    @unspanned
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete a prompt with an object. See `chat`."""
        return _completion(self.chat(_user(prompt), **kwargs))

    @unspanned
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Complete a prompt with an object. See `chat`."""
        return _completion(await self.achat(_user(prompt), **kwargs))

    @unspanned
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Complete a prompt with an object that grows. See `stream_chat`."""
        for response in self.stream_chat(_user(prompt), **kwargs):
            yield _completion(response)

    @unspanned
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Complete a prompt with an object that grows. See `stream_chat`."""
        chunks = await self.astream_chat(_user(prompt), **kwargs)

        async def responses() -> CompletionResponseAsyncGen:
            async for response in chunks:
                yield _completion(response)

        return responses()


def _user(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _response(found: BaseModel) -> ChatResponse:
    message = ChatMessage(role=MessageRole.ASSISTANT, content=found.model_dump_json())
    return ChatResponse(message=message, raw=found)


def _completion(response: ChatResponse) -> CompletionResponse:
    return CompletionResponse(text=response.message.content or "", raw=response.raw)
