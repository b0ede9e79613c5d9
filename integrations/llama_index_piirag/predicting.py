"""`predict` and its kin without the events that LlamaIndex's own versions fire.

`LLM.predict` reports template arguments and output, raw, in three events, a callback and a span,
whatever the model behind it does. These do the same work and report nothing; what the wrapped
model reports holds placeholders.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms.llm import (
    LLM,
    astream_chat_response_to_tokens,
    astream_completion_response_to_tokens,
    stream_chat_response_to_tokens,
    stream_completion_response_to_tokens,
)
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.output_parsers.utils import extract_json_str
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import Model, TokenAsyncGen, TokenGen
from pydantic_core import from_json

from llama_index_piirag.tracing import unspanned
from piirag.errors import InvalidInputError


class UntracedLLM(LLM):
    """An `LLM` whose prompt methods leave no trace of what they were given."""

    @unspanned
    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """Fill in a prompt and ask the model. See `LLM.predict`."""
        if self.metadata.is_chat_model:
            output = self.chat(self._get_messages(prompt, **prompt_args)).message.content or ""
        else:
            text = self._get_prompt(prompt, **prompt_args)
            output = self.complete(text, formatted=True).text
        return self._parse_output(output)

    @unspanned
    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """Fill in a prompt and ask the model. See `LLM.apredict`."""
        if self.metadata.is_chat_model:
            reply = await self.achat(self._get_messages(prompt, **prompt_args))
            output = reply.message.content or ""
        else:
            text = self._get_prompt(prompt, **prompt_args)
            output = (await self.acomplete(text, formatted=True)).text
        return self._parse_output(output)

    @unspanned
    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        """Fill in a prompt and stream the model's reply. See `LLM.stream`."""
        self._refuse_parser(prompt)
        if self.metadata.is_chat_model:
            messages = self._get_messages(prompt, **prompt_args)
            return stream_chat_response_to_tokens(self.stream_chat(messages))
        text = self._get_prompt(prompt, **prompt_args)
        return stream_completion_response_to_tokens(self.stream_complete(text, formatted=True))

    @unspanned
    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        """Fill in a prompt and stream the model's reply. See `LLM.astream`."""
        self._refuse_parser(prompt)
        if self.metadata.is_chat_model:
            chat = await self.astream_chat(self._get_messages(prompt, **prompt_args))
            return await astream_chat_response_to_tokens(chat)
        text = self._get_prompt(prompt, **prompt_args)
        completion = await self.astream_complete(text, formatted=True)
        return await astream_completion_response_to_tokens(completion)

    @unspanned
    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Fill in a prompt and parse the model's reply. See `LLM.structured_predict`.

        Raises:
            InvalidInputError: The reply does not fit the output class.
        """
        messages = self._structured(output_cls, prompt, prompt_args)
        reply = self.chat(messages, **(llm_kwargs or {}))
        return _parsed(output_cls, reply.message.content or "")

    @unspanned
    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Fill in a prompt and parse the model's reply. See `structured_predict`."""
        messages = self._structured(output_cls, prompt, prompt_args)
        reply = await self.achat(messages, **(llm_kwargs or {}))
        return _parsed(output_cls, reply.message.content or "")

    @unspanned
    def stream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model, None, None]:
        """Yield the output object whenever what has come so far makes a new, valid one."""
        messages = self._structured(output_cls, prompt, prompt_args)
        last: Model | None = None
        for chunk in self.stream_chat(messages, **(llm_kwargs or {})):
            found = _partial(output_cls, chunk.message.content or "")
            if found is not None and found != last:
                last = found
                yield found

    @unspanned
    async def astream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model, None]:
        """Yield the output object as it grows. See `stream_structured_predict`."""
        messages = self._structured(output_cls, prompt, prompt_args)
        chunks = await self.astream_chat(messages, **(llm_kwargs or {}))

        async def objects() -> AsyncGenerator[Model, None]:
            last: Model | None = None
            async for chunk in chunks:
                found = _partial(output_cls, chunk.message.content or "")
                if found is not None and found != last:
                    last = found
                    yield found

        return objects()

    def _structured(
        self, output_cls: type[BaseModel], prompt: PromptTemplate, args: dict[str, Any]
    ) -> list[ChatMessage]:
        messages = self._extend_messages(prompt.format_messages(llm=self, **args))
        return PydanticOutputParser(output_cls=output_cls).format_messages(messages)

    def _refuse_parser(self, prompt: BasePromptTemplate) -> None:
        if prompt.output_parser is not None or self.output_parser is not None:
            raise NotImplementedError("Output parser is not supported for streaming.")


def _parsed(output_cls: type[Model], text: str) -> Model:
    failed = ""
    try:
        return output_cls.model_validate_json(extract_json_str(text))
    except ValueError as error:
        # pydantic and LlamaIndex quote the reply, into which values have been put back.
        failed = type(error).__name__
    raise InvalidInputError(f"the model's reply does not fit the output class ({failed})")


def _partial(output_cls: type[Model], text: str) -> Model | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        return output_cls.model_validate(from_json(text[start:], allow_partial=True))
    except ValueError:
        return None
