"""Whose texts the messages of a call are: where LlamaIndex's keep what tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.base.response.schema import (
    AsyncStreamingResponse,
    PydanticResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.chat_engine.types import AgentChatResponse, StreamingAgentChatResponse
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore
from llama_index.core.tools import ToolOutput

from piirag.tenancy.provenance import NOBODY, SPEAKERS, TOOLS, Provenance
from piirag.tenancy.provenance import Owners as AnyOwners

__all__ = ["NOBODY", "Owners", "answering", "is_source", "role_of"]

_SOURCES = (
    BaseNode,
    NodeWithScore,
    ToolOutput,
    Response,
    StreamingResponse,
    AsyncStreamingResponse,
    PydanticResponse,
    AgentChatResponse,
    StreamingAgentChatResponse,
)
# Where a block may have metadata: a subclass of the application's, or a provider's additions.
_OF_BLOCKS = ("metadata", "additional_information", "additional_location_info")

# As a ReAct agent writes a step, and what came of it, in the role of a user.
_ACTION = re.compile(r"^Action:[ \t]*([^\s(]+)", re.MULTILINE)
_OBSERVATION = "Observation:"


class Owners(AnyOwners):
    """Tells by tags whose nodes and tool results a call holds (threat P4).

    Args and raises as for `piirag.tenancy.provenance.Owners`.
    """

    def of(self, message: ChatMessage, tool: str | None = None) -> tuple[str | None, list[str]]:
        """Whose texts a message holds, as `RedactionSession.redact` takes it.

        Args:
            message: The message.
            tool: The tool that answers in it, where the message does not name it.

        Returns:
            The owner, None where it is the viewer; and the texts of those nodes in it that are
            the viewer's own by their tags all the same.
        """
        told = message.additional_kwargs
        found = Provenance()
        found.note(told, self.key)
        found.note(told.get("metadata"), self.key)
        for value in told.values():
            if is_source(value):
                self.search(value, found)
        speaks = role_of(message) in SPEAKERS or tool is not None
        answers = role_of(message) in TOOLS or tool is not None
        if answers:
            self.read(message.content or "", found)
        named = told.get("name") if answers else None
        return self.judged(found, others=speaks, tool=named if isinstance(named, str) else tool)

    def of_block(self, block: Any) -> tuple[bool, str | None]:
        """Whether a content block bears a tag, and whose text it then is."""
        for name in _OF_BLOCKS:
            metadata = getattr(block, name, None)
            nested = metadata.get("metadata") if isinstance(metadata, Mapping) else None
            for told in (metadata, nested):
                tagged, owner = self.of_metadata(told)
                if tagged:
                    return True, owner
        return False, None

    def of_output(self, output: ToolOutput, tool: str | None) -> tuple[str | None, list[str]]:
        """Whose texts a tool returned, by the nodes and answers in its raw output.

        Args:
            output: What the tool returned.
            tool: Its name.

        Returns:
            As for `of`.
        """
        found = Provenance()
        self.search(output.raw_output, found)
        self.read(output.content, found)
        return self.judged(found, others=True, tool=tool)

    def described(self, item: Any) -> tuple[Any, Any]:
        """The metadata of an item, and its text if it is a document."""
        if isinstance(item, NodeWithScore):
            item = item.node
        if isinstance(item, BaseNode):
            return item.metadata, item.get_content(MetadataMode.NONE)
        return super().described(item)

    def fields(self, item: Any) -> dict[str, Any]:
        """What an object holds; the arguments of a tool say nothing of what it returned."""
        held = super().fields(item)
        if isinstance(item, ToolOutput):
            held.pop("raw_input", None)
        return held


def is_source(value: Any) -> bool:
    """Whether a value is a node, a tool's output or an answer with its sources, or a list of such.

    None of these is sent to a model; they tell whose text stands beside them.
    """
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, _SOURCES) for item in value)
    return isinstance(value, _SOURCES)


def role_of(message: ChatMessage) -> Any:
    """The role of a message, as a string."""
    return getattr(message.role, "value", message.role)


def answering(messages: Sequence[Any]) -> list[str | None]:
    """For each message, the tool that answers in it, as the messages before tell."""
    called: dict[Any, str] = {}
    action: str | None = None
    tools: list[str | None] = []
    for message in messages:
        tool = None
        if isinstance(message, ChatMessage):
            role = role_of(message)
            if role in TOOLS:
                id = message.additional_kwargs.get("tool_call_id")
                tool = called.get(id) if isinstance(id, str) else None
            text = message.content or "" if action is not None or role == "assistant" else ""
            if action is not None and text.startswith(_OBSERVATION):
                tool = tool or action
            action = None
            if role == "assistant":
                called.update(_calls(message))
                actions = _ACTION.findall(text)
                action = actions[-1] if actions else None
        tools.append(tool)
    return tools


def _calls(message: ChatMessage) -> dict[Any, str]:
    """The ids of the tool calls in a message, with the names of the tools."""
    found = {b.tool_call_id: b.tool_name for b in message.blocks if isinstance(b, ToolCallBlock)}
    calls = message.additional_kwargs.get("tool_calls")
    for call in calls if isinstance(calls, list | tuple) else ():
        function = _part(call, "function")
        id, name = _part(call, "id"), _part(call if function is None else function, "name")
        if isinstance(id, str) and isinstance(name, str):
            found[id] = name
    return found


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
