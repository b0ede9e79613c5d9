"""One tool call of an agent: which arguments are real, and what its result may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.errors import GraphInterrupt, ParentCommand
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from langchain_piirag.agent_reply import TOOL_ARGS, token_pairs
from langchain_piirag.agent_scrub import StateScrubber
from langchain_piirag.agent_users import Allowed
from langchain_piirag.agent_walk import Changes, rebuild, rebuild_message
from langchain_piirag.messages import MessageRedactor
from langchain_piirag.restoring import METADATA_KEY
from piirag.errors import InvalidInputError
from piirag.redaction import RedactionSession, Redactor
from piirag.redaction.rehydrate import rehydrate
from piirag.redaction.walk import redact_value


class WireTool:
    """A tool call where the state is real: a tool that is not allowed real values gets tokens.

    Args:
        redactor: Does the work.
        user_id: The user, where there is a scrubber.
        known: Values the application knows.
        allowed: Tools that get real values.
        allow_media: Let images, audio and files in the state through to the tool.
    """

    def __init__(
        self,
        redactor: Redactor,
        *,
        user_id: str | None,
        known: Any,
        allowed: Allowed,
        allow_media: bool,
    ) -> None:
        self._redactor = redactor
        self._user_id = user_id
        self._known = known
        self._allowed = allowed
        self._allow_media = allow_media
        self._session: RedactionSession | None = None

    def request(self, request: ToolCallRequest) -> ToolCallRequest:
        """The call as the tool may have it."""
        name = request.tool_call["name"]
        if self._allowed.whole(name):
            return request
        pairs = self._pairs(request) or {}
        known = {kind: list(values) for kind, values in (self._known or {}).items()}
        for token, value in pairs.items():
            known.setdefault(token[1:].rpartition("_")[0], []).append(value)
        self._session = self._redactor.session(user_id=self._user_id, known=known)
        arguments = {
            key: value if self._allowed.argument(name, key) else self._argument(key, value)
            for key, value in request.tool_call["args"].items()
        }
        call: Any = {**request.tool_call, "args": arguments}
        changed = request.override(tool_call=call)
        if not _wants_state(request.tool):
            return changed
        return changed.override(state=self._state(request.state))

    def _pairs(self, request: ToolCallRequest) -> dict[str, str] | None:
        """The tokens that the model itself used in this call, and their values."""
        messages = request.state.get("messages", ()) if isinstance(request.state, Mapping) else ()
        for message in reversed(list(messages)):
            if isinstance(message, AIMessage):
                kept = message.response_metadata.get(METADATA_KEY, {}).get(TOOL_ARGS, {})
                if request.tool_call["id"] in kept:
                    return token_pairs(kept[request.tool_call["id"]], request.tool_call["args"])
        return None

    def _argument(self, key: str, value: Any) -> Any:
        assert self._session is not None
        return redact_value(self._session, value, key=key)

    def _state(self, state: Any) -> Any:
        assert self._session is not None
        session = self._session
        parts = MessageRedactor(session, allow_media=self._allow_media)
        changes = Changes(
            lambda text: session.redact(text).text,
            parts.message,
            lambda number: redact_value(session, number),
            under=lambda leaf, key: redact_value(session, leaf, key=key),
            strict=True,
        )
        return rebuild(state, changes)

    def result(self, result: Any) -> Any:
        """The tool's result, with the values behind the tokens it was given."""
        if self._session is None:
            return result
        mapping = self._session.mapping

        def text(text: str) -> str:
            return rehydrate(text, mapping)

        return rebuild(result, Changes(text, lambda message: rebuild_message(message, text)))


class StateTool:
    """A tool call where the state holds tokens only.

    Args:
        scrubber: The user's.
        allowed: Tools that get real values.
    """

    def __init__(self, scrubber: StateScrubber, allowed: Allowed) -> None:
        self._scrubber = scrubber
        self._allowed = allowed
        self._result = scrubber

    def arguments(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the tool may have them."""
        given = {
            key: self._scrubber.restore(value) if self._allowed.argument(tool, key) else value
            for key, value in arguments.items()
        }
        if self._allowed.some(tool):
            allowed = {k: v for k, v in arguments.items() if self._allowed.argument(tool, k)}
            # What the tool was given, its result may well repeat.
            values = self._scrubber.values_in(allowed)
            if values:
                self._result = self._scrubber.knowing(values)
        return given

    def text(self, text: str) -> str:
        """A text of the tool's as the state may hold it."""
        return self._result.text(text)

    def result(self, result: Any) -> Any:
        """What a tool returned, as the state may hold it.

        What nobody can look into becomes text first, as LangChain would make of it anyway.
        """
        if isinstance(result, Command):
            return replace(
                self._result.value(replace(result, update=None)),
                update=self._result.state(result.update),
            )
        if isinstance(result, BaseMessage):
            return self._result.message(result)
        if isinstance(result, list) and any(isinstance(r, Command | BaseMessage) for r in result):
            return [self.result(item) for item in result]
        return self._content(result)

    def _content(self, content: Any) -> Any:
        if isinstance(content, list) and all(
            isinstance(item, str) or (isinstance(item, dict) and "type" in item) for item in content
        ):
            return self._result.message(ToolMessage(content, tool_call_id="")).content
        try:
            return self._result.value(content)
        except InvalidInputError:
            return self._result.text(_written(content))

    def with_artifact(self, result: Any) -> Any:
        """The same for a tool that returns its content with an artifact."""
        if not isinstance(result, tuple) or len(result) != 2:
            return self.result(result)
        artifact = self._result.message(
            ToolMessage("", tool_call_id="", artifact=result[1])
        ).artifact  # type: ignore[attr-defined]
        return self._content(result[0]), artifact

    def stopped(self, error: Exception) -> Exception:
        """What a tool stops the graph with, tokens in place of values; others as they are."""
        if isinstance(error, GraphInterrupt):
            return GraphInterrupt(self._result.value(error.args[0] if error.args else ()))
        if isinstance(error, ParentCommand):
            return ParentCommand(self.result(error.args[0]))
        return error


def _written(content: Any) -> str:
    try:
        return json.dumps(content, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return str(content)


def _wants_state(tool: Any) -> bool:
    """Whether a tool is given the state, by itself or in its runtime."""
    if tool is None:
        return True
    try:
        from langgraph.prebuilt.tool_node import _get_all_injected_args
    except ImportError:
        return True
    injected = _get_all_injected_args(tool)
    return bool(injected.state or injected.runtime)
