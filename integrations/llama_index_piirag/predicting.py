"""`predict` and its kin without the events that LlamaIndex's own versions fire.

`LLM.predict` reports template arguments and output, raw, in three events, a callback and a span,
whatever the model behind it does. These do the same work and report nothing; what the wrapped
model reports holds placeholders.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.async_utils import asyncio_run
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
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.tools import BaseTool
from llama_index.core.types import Model, TokenAsyncGen, TokenGen

from llama_index_piirag.objects import agrowing, growing, parsed, partial
from llama_index_piirag.tools import arun_calls, run_calls
from llama_index_piirag.tracing import plain, unspanned

if TYPE_CHECKING:
    from llama_index.core.agent.workflow.workflow_events import AgentOutput
    from llama_index.core.chat_engine.types import AgentChatResponse
    from llama_index.core.llms.structured_llm import StructuredLLM


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

    # Objects

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
        return self.object_of(output_cls, self._filled(prompt, prompt_args), llm_kwargs)

    @unspanned
    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Fill in a prompt and parse the model's reply. See `structured_predict`."""
        return await self.aobject_of(output_cls, self._filled(prompt, prompt_args), llm_kwargs)

    @unspanned
    def stream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model, None, None]:
        """Yield the output object whenever what has come so far makes a new, valid one."""
        return self.objects_of(output_cls, self._filled(prompt, prompt_args), llm_kwargs)

    @unspanned
    async def astream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model, None]:
        """Yield the output object as it grows. See `stream_structured_predict`."""
        return await self.aobjects_of(output_cls, self._filled(prompt, prompt_args), llm_kwargs)

    def object_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> Model:
        """The reply to a chat as an object; the class's schema is added to the messages.

        Raises:
            InvalidInputError: The reply does not fit the output class.
        """
        reply = self.chat(_with_schema(output_cls, messages), **(options or {}))
        return parsed(output_cls, reply.message.content or "")

    async def aobject_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> Model:
        """The reply to a chat as an object. See `object_of`."""
        reply = await self.achat(_with_schema(output_cls, messages), **(options or {}))
        return parsed(output_cls, reply.message.content or "")

    def objects_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> Generator[Model, None, None]:
        """The reply to a chat as an object that grows."""
        chunks = self.stream_chat(_with_schema(output_cls, messages), **(options or {}))
        yield from growing(chunks, lambda c: partial(output_cls, c.message.content or ""))

    async def aobjects_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Model, None]:
        """The reply to a chat as an object that grows."""
        chunks = await self.astream_chat(_with_schema(output_cls, messages), **(options or {}))
        return agrowing(chunks, lambda c: partial(output_cls, c.message.content or ""))

    @unspanned
    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> StructuredLLM:
        """This model with objects of one class for replies. See `LLM.as_structured_llm`."""
        from llama_index_piirag.structured import RedactedStructuredLLM

        return RedactedStructuredLLM(llm=self, output_cls=output_cls, **kwargs)

    # Tools, by way of text

    @unspanned
    def predict_and_call(
        self,
        tools: list[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Ask for a tool in text, and call it. See `LLM.predict_and_call`.

        The tool's arguments come out of the text that a person would read, so they hold values.
        Nothing is printed, whatever `verbose` says.

        Raises:
            ModelCallError: The model raised; LlamaIndex would make that the response.
        """
        output = asyncio_run(self._react(tools, user_msg, chat_history, kwargs))
        return _answer(run_calls(tools, output.tool_calls))

    @unspanned
    async def apredict_and_call(
        self,
        tools: list[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Ask for a tool in text, and call it. See `predict_and_call`."""
        output = await self._react(tools, user_msg, chat_history, kwargs)
        return _answer(await arun_calls(tools, output.tool_calls))

    async def _react(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None,
        chat_history: Sequence[ChatMessage] | None,
        kwargs: dict[str, Any],
    ) -> AgentOutput:
        from llama_index.core.agent.workflow import ReActAgent
        from llama_index.core.agent.workflow.agent_context import SimpleAgentContext
        from llama_index.core.memory import ChatMemoryBuffer
        from llama_index.core.tools import adapt_to_async_tool

        from llama_index_piirag.react import UntracedReActParser

        formatter = kwargs.get("react_chat_formatter")
        given = {} if formatter is None else {"formatter": formatter}
        parser = UntracedReActParser(kwargs.get("output_parser"))
        agent = ReActAgent(tools=list(tools), llm=self, output_parser=parser, **given)
        messages = [*(chat_history or ()), *as_messages(user_msg)]
        memory = ChatMemoryBuffer.from_defaults(llm=self)
        ready = [adapt_to_async_tool(tool) for tool in tools]
        return await agent.take_step(SimpleAgentContext(), messages, ready, memory)

    def _parse_output(self, output: str) -> str:
        parser = self.output_parser
        # What a parser gets and makes would be in its span.
        return output if parser is None else str(plain(type(parser).parse)(parser, output))

    def _filled(self, prompt: PromptTemplate, args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **args))

    def _refuse_parser(self, prompt: BasePromptTemplate) -> None:
        if prompt.output_parser is not None or self.output_parser is not None:
            raise NotImplementedError("Output parser is not supported for streaming.")


def as_messages(user_msg: str | ChatMessage | None) -> list[ChatMessage]:
    """What a user says, as messages."""
    if user_msg is None:
        return []
    if isinstance(user_msg, str):
        return [ChatMessage(role="user", content=user_msg)]
    return [user_msg]


def _with_schema(output_cls: type[BaseModel], messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    return PydanticOutputParser(output_cls=output_cls).format_messages(list(messages))


def _answer(outputs: list[Any]) -> AgentChatResponse:
    from llama_index.core.chat_engine.types import AgentChatResponse

    text = "\n\n".join(output.content for output in outputs)
    return AgentChatResponse(response=text, sources=outputs)
