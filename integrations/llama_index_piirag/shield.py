"""Tools that take pseudonyms and give pseudonyms, whatever they are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Any

from llama_index.core.objects import ObjectRetriever
from llama_index.core.tools import (
    AsyncBaseTool,
    BaseTool,
    FunctionTool,
    ToolMetadata,
    ToolOutput,
)
from workflows.runtime.types.results import WaitingForEvent

from llama_index_piirag.boundary import Boundary
from llama_index_piirag.tools import acall_quietly, call_quietly
from piirag.errors import InvalidInputError, PiiragError


class Shield:
    """Stands between an agent, where all is pseudonyms, and tools.

    Args:
        boundary: The user.
        tools: Names of the tools that get values as arguments. Others get pseudonyms, which are
            the same for the same value in every call.
    """

    def __init__(self, boundary: Boundary, tools: Container[object]) -> None:
        self._boundary = boundary
        self._tools = tools

    def over(self, tool: Any) -> BaseTool:
        """A tool, or a function, behind the shield."""
        if isinstance(tool, ShieldedTool | ShieldedFunctionTool):
            return tool
        if not isinstance(tool, BaseTool):
            tool = FunctionTool.from_defaults(tool)
        if isinstance(tool, FunctionTool):
            return ShieldedFunctionTool(tool, self)
        return ShieldedTool(tool, self)

    def call(self, tool: BaseTool, context: str | None, kwargs: dict[str, Any]) -> ToolOutput:
        """Call a tool with what it may see, and scrub what it says."""
        shown = {k: v for k, v in kwargs.items() if k != context}
        failed = ""
        try:
            return self._clean(tool, call_quietly(tool, self._in(tool, context, kwargs)), shown)
        except WaitingForEvent:
            raise
        except Exception as error:  # noqa: BLE001 - its text may be anything
            failed = self._why(error)
        return _error(tool, failed, shown)

    async def acall(
        self, tool: BaseTool, context: str | None, kwargs: dict[str, Any]
    ) -> ToolOutput:
        """Call a tool with what it may see, and scrub what it says."""
        shown = {k: v for k, v in kwargs.items() if k != context}
        failed = ""
        try:
            given = await asyncio.to_thread(self._in, tool, context, kwargs)
            output = await acall_quietly(tool, given)
            return await asyncio.to_thread(self._clean, tool, output, shown)
        except WaitingForEvent:
            # A tool that waits for a person; its step is run again.
            raise
        except Exception as error:  # noqa: BLE001 - its text may be anything
            failed = await asyncio.to_thread(self._why, error)
        return _error(tool, failed, shown)

    def _in(self, tool: BaseTool, context: str | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        if tool.metadata.name not in self._tools:
            return kwargs
        given = self._boundary.given
        return {k: v if k == context else given(v) for k, v in kwargs.items()}

    def _clean(self, tool: BaseTool, output: Any, shown: dict[str, Any]) -> ToolOutput:
        if not isinstance(output, ToolOutput):
            raise InvalidInputError("a tool returned something that is no ToolOutput")
        blocks, raw = self._boundary.output(output, tool.metadata.name)
        return ToolOutput(
            tool_name=tool.metadata.get_name(),
            blocks=blocks,
            raw_input=shown,
            raw_output=raw,
            is_error=output.is_error,
        )

    def _why(self, error: Exception) -> str:
        if isinstance(error, PiiragError):
            return str(error)
        try:
            return self._boundary.text(str(error))
        except PiiragError:
            return type(error).__name__

    def __repr__(self) -> str:
        return "Shield(...)"


class ShieldedTool(AsyncBaseTool):
    """A tool behind a shield; made by `Shield.over`."""

    def __init__(self, tool: BaseTool, shield: Shield) -> None:
        self._inner = tool
        self._shield = shield

    @property
    def metadata(self) -> ToolMetadata:
        """The tool's."""
        return self._inner.metadata

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Call the tool; arguments and output are pseudonyms."""
        return self._shield.call(self._inner, None, _by_name(self, args, kwargs))

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Call the tool; arguments and output are pseudonyms."""
        return await self._shield.acall(self._inner, None, _by_name(self, args, kwargs))


class ShieldedFunctionTool(FunctionTool):
    """A function tool behind a shield, which may take the workflow's context."""

    def __init__(self, tool: FunctionTool, shield: Shield) -> None:
        # All that agents ask of a function tool: metadata, and the name of its context argument.
        self.__dict__.update(tool.__dict__)
        self._inner = tool
        self._shield = shield

    def __call__(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Call the tool; arguments and output are pseudonyms."""
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Call the tool; arguments and output are pseudonyms."""
        kwargs = _by_name(self, args, kwargs)
        return self._shield.call(self._inner, self.ctx_param_name, kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Call the tool; arguments and output are pseudonyms."""
        kwargs = _by_name(self, args, kwargs)
        return await self._shield.acall(self._inner, self.ctx_param_name, kwargs)


class ShieldingRetriever(ObjectRetriever[Any]):
    """Retrieves tools, and puts them behind a shield."""

    def __init__(self, retriever: ObjectRetriever[Any], shield: Shield) -> None:
        self._inner = retriever
        self._shield = shield

    def retrieve(self, str_or_query_bundle: Any) -> list[Any]:
        """The tools that fit a question."""
        return [self._shield.over(tool) for tool in self._inner.retrieve(str_or_query_bundle)]

    async def aretrieve(self, str_or_query_bundle: Any) -> list[Any]:
        """The tools that fit a question."""
        found = await self._inner.aretrieve(str_or_query_bundle)
        return [self._shield.over(tool) for tool in found]


def _by_name(tool: BaseTool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    if not args:
        return kwargs
    names = list(tool.metadata.get_parameters_dict()["properties"])
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _error(tool: BaseTool, why: str, shown: dict[str, Any]) -> ToolOutput:
    return ToolOutput(
        content=why or "the tool failed",
        tool_name=tool.metadata.get_name(),
        raw_input=shown,
        raw_output=why,
        is_error=True,
    )
