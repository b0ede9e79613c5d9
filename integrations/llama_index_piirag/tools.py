"""Calling tools without LlamaIndex's spans, which would show what they get and return."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, ToolOutput
from llama_index.core.tools.types import BaseToolAsyncAdapter

from llama_index_piirag.tracing import plain
from piirag.errors import InvalidInputError


def call_quietly(tool: BaseTool, arguments: Mapping[str, Any]) -> ToolOutput:
    """Call a tool; no span is opened for the call itself.

    What the tool's function does inside, and what it traces, is its own.
    """
    if isinstance(tool, BaseToolAsyncAdapter):
        tool = tool.base_tool
    method = type(tool).call if isinstance(tool, AsyncBaseTool) else type(tool).__call__
    output: ToolOutput = _called(plain(method), tool, arguments)
    return output


async def acall_quietly(tool: BaseTool, arguments: Mapping[str, Any]) -> ToolOutput:
    """Call a tool. See `call_quietly`."""
    if isinstance(tool, BaseToolAsyncAdapter):
        tool = tool.base_tool
    if not isinstance(tool, AsyncBaseTool):
        return await asyncio.to_thread(call_quietly, tool, arguments)
    output: ToolOutput = await _called(plain(type(tool).acall), tool, arguments)
    return output


def run_calls(tools: Sequence[BaseTool], calls: Sequence[ToolSelection]) -> list[ToolOutput]:
    """Call the tools that a model selected, one after the other; errors become outputs."""
    outputs = []
    for call in calls:
        tool = _named(tools, call.tool_name)
        try:
            outputs.append(call_quietly(tool, call.tool_kwargs))
        except Exception as error:  # noqa: BLE001 - as LlamaIndex does: the model gets to know
            outputs.append(_failed(call, error))
    return outputs


async def arun_calls(tools: Sequence[BaseTool], calls: Sequence[ToolSelection]) -> list[ToolOutput]:
    """Call the tools that a model selected, at the same time. See `run_calls`."""

    async def run(call: ToolSelection) -> ToolOutput:
        tool = _named(tools, call.tool_name)
        try:
            return await acall_quietly(tool, call.tool_kwargs)
        except Exception as error:  # noqa: BLE001 - as LlamaIndex does: the model gets to know
            return _failed(call, error)

    return list(await asyncio.gather(*(run(call) for call in calls)))


def _called(method: Any, tool: BaseTool, arguments: Mapping[str, Any]) -> Any:
    one = len(arguments) == 1 and not isinstance(tool, FunctionTool)
    if one and len(tool.metadata.get_parameters_dict()["properties"]) == 1:
        # Tools of one argument may name it as they like.
        return method(tool, next(iter(arguments.values())))
    return method(tool, **arguments)


def _named(tools: Sequence[BaseTool], name: str) -> BaseTool:
    for tool in tools:
        if tool.metadata.name == name:
            return tool
    raise InvalidInputError("the model asked for a tool that it was not given")


def _failed(call: ToolSelection, error: Exception) -> ToolOutput:
    return ToolOutput(
        content=f"Encountered error: {error}",
        tool_name=call.tool_name,
        raw_input=call.tool_kwargs,
        raw_output=str(error),
        is_error=True,
        exception=error,
    )
