"""A LlamaIndex LLM that quotes its context: runs anywhere, and always says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_completion_callback

from extractive import answer, pieces_of, prompt_of


def _to_prompt(messages: Sequence[ChatMessage]) -> str:
    return prompt_of((message.role.value, message.content or "") for message in messages)


class ExtractiveLLM(CustomLLM):
    """Answers a prompt from the context in it, or a chat from its system message.

    Knows the prompts of LlamaIndex ("Query: ...") as well as "Context:\\n...\\n\\nQuestion: ...". A
    streamed reply comes in chunks of four to eight characters.

    Attributes:
        limit: The most sentences of the context to quote.
    """

    limit: int = 3

    def __init__(self, **kwargs: Any) -> None:
        """Take the fields of `CustomLLM`, and `limit`."""
        super().__init__(**{"messages_to_prompt": _to_prompt, **kwargs})

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "ExtractiveLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """A context window large enough never to be the limit."""
        return LLMMetadata(context_window=32_768, num_output=1_024, model_name="extractive")

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer a prompt from its own context."""
        return CompletionResponse(text=answer(prompt, self.limit))

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """The same, in chunks; each carries the text so far and what it adds."""

        def chunks() -> CompletionResponseGen:
            text = ""
            for piece in pieces_of(answer(prompt, self.limit)):
                text += piece
                yield CompletionResponse(text=text, delta=piece)

        return chunks()
