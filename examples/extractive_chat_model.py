"""A LangChain chat model that quotes its context: runs anywhere, and always says the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from extractive import answer, cut_at, pieces_of, prompt_of

_ROLES = {"human": "user", "system": "system", "tool": "tool"}


class ExtractiveChatModel(BaseChatModel):
    """Answers the last human message from the context in it, or in the system message.

    The prompt is expected to look like "Context:\\n...\\n\\nQuestion: ...". A streamed reply comes
    in chunks of four to eight characters, so that a token such as [PERSON_1] is split over several.

    Attributes:
        limit: The most sentences of the context to quote.
        model_name: The name that traces show.
    """

    limit: int = 3
    model_name: str = "extractive"

    @property
    def _llm_type(self) -> str:
        return "extractive"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "limit": self.limit}

    def _reply(self, messages: list[BaseMessage], stop: list[str] | None) -> str:
        pairs = ((_ROLES.get(message.type, "other"), str(message.text)) for message in messages)
        return cut_at(answer(prompt_of(pairs), self.limit), stop)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = AIMessage(content=self._reply(messages, stop))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in pieces_of(self._reply(messages, stop)):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk
