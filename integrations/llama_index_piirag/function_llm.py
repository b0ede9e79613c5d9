"""A model that calls functions, gets placeholders, and answers in values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    LLMMetadata,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.tools import BaseTool, ToolOutput
from llama_index.core.types import Model, PydanticProgramMode

from llama_index_piirag.llm import RedactedLLM
from llama_index_piirag.llm_call import Call
from llama_index_piirag.objects import agrowing, growing, made, made_so_far, output_classes, parsed
from llama_index_piirag.observing import observed
from llama_index_piirag.predicting import as_messages
from llama_index_piirag.reply_streams import arestored, restored
from llama_index_piirag.tools import arun_calls, run_calls
from llama_index_piirag.tracing import plain, unspanned
from piirag.errors import InvalidInputError
from piirag.governance.observation import begun, watched
from piirag.redaction.guard import ModelGuard

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import AgentChatResponse

_BY_FUNCTIONS = (
    PydanticProgramMode.DEFAULT,
    PydanticProgramMode.FUNCTION,
    PydanticProgramMode.OPENAI,
)


class RedactedFunctionCallingLLM(RedactedLLM, FunctionCallingLLM):
    """Wraps a `FunctionCallingLLM`; ``RedactedLLM(llm)`` makes one of these where it fits.

    Messages are redacted before the wrapped model prepares its request. Tools named in
    `restore_tool_args` get values as arguments, others placeholders. The "tool" that makes an
    object of an output class is no such tool: its arguments are the reply, and are restored.

    Tools themselves (names, descriptions, schemas) are the application's own code, and pass as
    they are.

    Args and raises as for `RedactedLLM`.
    """

    _llm: Any

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "RedactedFunctionCallingLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """The wrapped model's."""
        metadata: LLMMetadata = self._llm.metadata
        return metadata

    def _tools_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None,
        chat_history: Sequence[ChatMessage] | None,
        allow_parallel_tool_calls: bool,
        tool_required: bool,
        kwargs: dict[str, Any],
    ) -> Call:
        messages = [*(chat_history or ()), *as_messages(user_msg)]
        call = self._chat_call(messages, kwargs, output_classes(tools))
        call.options |= {
            "chat_history": call.content,
            "allow_parallel_tool_calls": allow_parallel_tool_calls,
            "tool_required": tool_required,
        }
        return call

    # The four ways to call it with tools

    @unspanned
    def chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        """Chat with tools at hand. See `FunctionCallingLLM.chat_with_tools`, and `chat`."""
        call = self._tools_call(
            tools, user_msg, chat_history, allow_parallel_tool_calls, tool_required, kwargs
        )
        with watched(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                reply = self._llm.chat_with_tools(tools, **call.options)
            guard.check()
            return call.whole.chat(reply)

    @unspanned
    async def achat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        """Chat with tools at hand. See `chat_with_tools`."""
        given = (tools, user_msg, chat_history, allow_parallel_tool_calls, tool_required, kwargs)
        call = await asyncio.to_thread(self._tools_call, *given)
        with watched(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                reply = await self._llm.achat_with_tools(tools, **call.options)
            guard.check()
            return await asyncio.to_thread(call.whole.chat, reply)

    @unspanned
    def stream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> ChatResponseGen:
        """Chat with tools at hand, the reply in chunks. See `stream_chat`.

        Of a tool's arguments, each chunk holds the values that are complete.
        """
        call = self._tools_call(
            tools, user_msg, chat_history, allow_parallel_tool_calls, tool_required, kwargs
        )
        with begun(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                chunks = self._llm.stream_chat_with_tools(tools, **call.options)
            guard.check()
        return restored(chunks, call.stream, call.observation)

    @unspanned
    async def astream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> ChatResponseAsyncGen:
        """Chat with tools at hand, the reply in chunks. See `stream_chat_with_tools`."""
        given = (tools, user_msg, chat_history, allow_parallel_tool_calls, tool_required, kwargs)
        call = await asyncio.to_thread(self._tools_call, *given)
        with begun(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                chunks = await self._llm.astream_chat_with_tools(tools, **call.options)
            guard.check()
        return arestored(chunks, call.stream, call.observation)

    @unspanned
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
        """For whoever calls it directly: `chat(**prepared)` redacts what is in there."""
        prepare = plain(type(self._llm)._prepare_chat_with_tools)
        required = {"tool_required": True} if tool_required else {}
        prepared: dict[str, Any] = prepare(
            self._llm,
            tools,
            chat_history=[],
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            **required,
            **kwargs,
        )
        return {**prepared, "messages": [*(chat_history or ()), *as_messages(user_msg)]}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls in a reply, their arguments parsed.

        Raises:
            InvalidInputError: There is none, and there must be; or one that cannot be read.
        """
        try:
            calls = self._llm.get_tool_calls_from_response(
                response, error_on_no_tool_call=False, **kwargs
            )
        except Exception:  # noqa: BLE001 - its text may be anything
            calls = None
        if calls is None:
            raise InvalidInputError("the model's tool calls cannot be read")
        if error_on_no_tool_call and not calls:
            raise InvalidInputError("the model called no tool")
        return list(calls)

    # Predict, and call

    @unspanned
    def predict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Let the model pick a tool, and call it. See `FunctionCallingLLM.predict_and_call`.

        No span is opened for the call of the tool, and nothing is printed.

        Raises:
            InvalidInputError: No tool call, or a failed one, where that is an error; or several
                where one is allowed.
        """
        if not self.metadata.is_function_calling_model:
            return super().predict_and_call(list(tools), user_msg, chat_history, **kwargs)
        parallel = allow_parallel_tool_calls
        reply = self.chat_with_tools(
            tools, user_msg, chat_history, allow_parallel_tool_calls=parallel, **kwargs
        )
        calls = self.get_tool_calls_from_response(reply, error_on_no_tool_call)
        outputs = run_calls(tools, _as_allowed(calls, parallel))
        return _called(reply, outputs, error_on_tool_error)

    @unspanned
    async def apredict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Let the model pick a tool, and call it. See `predict_and_call`."""
        if not self.metadata.is_function_calling_model:
            return await super().apredict_and_call(list(tools), user_msg, chat_history, **kwargs)
        parallel = allow_parallel_tool_calls
        reply = await self.achat_with_tools(
            tools, user_msg, chat_history, allow_parallel_tool_calls=parallel, **kwargs
        )
        calls = self.get_tool_calls_from_response(reply, error_on_no_tool_call)
        outputs = await arun_calls(tools, _as_allowed(calls, parallel))
        return _called(reply, outputs, error_on_tool_error)

    # Objects, by way of a function

    def object_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> Model:
        """The reply to a chat as an object. See `RedactedLLM.object_of`."""
        if not self._by_function():
            return super().object_of(output_cls, messages, options)
        reply = self.chat_with_tools(**_asking_for(output_cls, messages, options))
        return self._object(output_cls, reply)

    async def aobject_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> Model:
        """The reply to a chat as an object. See `RedactedLLM.object_of`."""
        if not self._by_function():
            return await super().aobject_of(output_cls, messages, options)
        reply = await self.achat_with_tools(**_asking_for(output_cls, messages, options))
        return self._object(output_cls, reply)

    def objects_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> Generator[Model, None, None]:
        """The reply to a chat as an object that grows."""
        if not self._by_function():
            yield from super().objects_of(output_cls, messages, options)
            return
        chunks = self.stream_chat_with_tools(**_asking_for(output_cls, messages, options))
        yield from growing(chunks, lambda chunk: self._object_so_far(output_cls, chunk))

    async def aobjects_of(
        self,
        output_cls: type[Model],
        messages: Sequence[ChatMessage],
        options: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Model, None]:
        """The reply to a chat as an object that grows."""
        if not self._by_function():
            return await super().aobjects_of(output_cls, messages, options)
        chunks = await self.astream_chat_with_tools(**_asking_for(output_cls, messages, options))
        return agrowing(chunks, lambda chunk: self._object_so_far(output_cls, chunk))

    def _by_function(self) -> bool:
        mode = self.pydantic_program_mode
        return self.metadata.is_function_calling_model and mode in _BY_FUNCTIONS

    def _object(self, output_cls: type[Model], reply: ChatResponse) -> Model:
        calls = self.get_tool_calls_from_response(reply, error_on_no_tool_call=False)
        if calls:
            return made(output_cls, calls[0].tool_kwargs)
        return parsed(output_cls, reply.message.content or "")

    def _object_so_far(self, output_cls: type[Model], reply: ChatResponse) -> Model | None:
        calls = self.get_tool_calls_from_response(reply, error_on_no_tool_call=False)
        return made_so_far(output_cls, calls[0].tool_kwargs) if calls else None


def _asking_for(
    output_cls: type[Model], messages: Sequence[ChatMessage], options: dict[str, Any] | None
) -> dict[str, Any]:
    """The arguments of a chat with the one "tool" that makes the object."""
    tools = [get_function_tool(output_cls)]
    return {
        **(options or {}),
        "tools": tools,
        "chat_history": list(messages),
        "tool_required": True,
    }


def _as_allowed(calls: list[ToolSelection], parallel: bool) -> list[ToolSelection]:
    if len(calls) > 1 and not parallel:
        raise InvalidInputError("the model called several tools where one is allowed")
    return calls


def _called(
    reply: ChatResponse, outputs: list[ToolOutput], error_on_tool_error: bool
) -> AgentChatResponse:
    from llama_index.core.chat_engine.types import AgentChatResponse

    failed = sum(output.is_error for output in outputs)
    if failed and error_on_tool_error:
        raise InvalidInputError(f"{failed} of {len(outputs)} tool calls failed")
    text = "\n\n".join(output.content for output in outputs)
    response = text if outputs else reply.message.content or ""
    return AgentChatResponse(response=response, sources=outputs)
