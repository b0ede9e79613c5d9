"""The reply to one model call of an agent: restored whole, by events, or chunk by chunk."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langchain_piirag.agent_users import Allowed
from langchain_piirag.restoring import METADATA_KEY, Restorer
from langchain_piirag.streaming import ChunkRestorer
from piirag.redaction import RedactionSession, tokens

TOOL_ARGS = "tool_args"
"""Where beside the counts the arguments of tools stand that get tokens, by the call's id."""


class AgentReply:
    """What a model said in one call, and how to put the values back.

    All tool arguments are restored, because the state is the user's own; which tool may have
    them is decided when it is called.

    Args:
        session: The session of the call.
        allowed: Tools that get real values. The arguments of others are kept as tokens too,
            beside the restored ones, so that they can be called with exactly those. None where
            that is not needed.
        as_json: Whether the text of the reply may be JSON that is parsed later.
    """

    def __init__(
        self, session: RedactionSession, allowed: Allowed | None = None, *, as_json: bool = False
    ) -> None:
        self._session = session
        self._allowed = allowed
        self.as_json = as_json
        # The pieces of a stream share one reply, and so its cap.
        self._streamed = self._restorer()

    def _restorer(self) -> Restorer:
        return Restorer(self._session.reply(), None, as_json=self.as_json)

    @property
    def looks(self) -> bool:
        """Whether replies are searched for values of the model's own."""
        return self._session.policy.replies != "allow"

    def message(self, message: BaseMessage) -> BaseMessage:
        """A whole message with the values put back, and the counts in its metadata.

        Raises:
            PIIBlockedError: The model said a value of its own, and the policy blocks.
        """
        restored: BaseMessage = self._restorer().restore(message)
        kept = self._kept(message) if self._allowed is not None else {}
        if not kept:
            return restored
        noted = {**restored.response_metadata[METADATA_KEY], TOOL_ARGS: kept}
        metadata = {**restored.response_metadata, METADATA_KEY: noted}
        return restored.model_copy(update={"response_metadata": metadata})

    def _kept(self, message: BaseMessage) -> dict[str, Any]:
        """Arguments as the model wrote them, for tools that may not have the values."""
        calls = message.tool_calls if isinstance(message, AIMessage) else []
        reply = self._session.reply()
        written = {
            str(call["id"]): reply.value(call["args"], "none")
            for call in calls
            if self._allowed is not None and not self._allowed.whole(call["name"])
        }
        return {key: args for key, args in written.items() if tokens.PLACEHOLDER.search(repr(args))}

    def value(self, value: Any) -> Any:
        """Anything else with the values put back."""
        return self._streamed.restore(value)

    def arguments(self, written: str) -> str:
        """Arguments of a tool call, in JSON, with the values put back."""
        restored: str = self._streamed.arguments(written, None, None)
        return restored

    def chunks(self) -> ChunkRestorer:
        """For the same reply as it streams."""
        return ChunkRestorer(self._restorer())

    def text_stream(self) -> Any:
        """For one text of the same reply as it streams: `feed` and `flush`."""
        return self._streamed.stream()

    def __repr__(self) -> str:
        return f"AgentReply({self._session!r})"


def without_notes(message: BaseMessage) -> BaseMessage:
    """A message without what this package noted in its metadata."""
    if METADATA_KEY not in message.response_metadata:
        return message
    metadata = {k: v for k, v in message.response_metadata.items() if k != METADATA_KEY}
    return message.model_copy(update={"response_metadata": metadata})


def token_pairs(written: Any, real: Any) -> dict[str, str] | None:
    """Placeholder -> value, from arguments as the model wrote them and as they were restored.

    Returns:
        None where the two differ in more than that, as after a person edited the call.
    """
    pairs: dict[str, str] = {}
    return pairs if _pair(written, real, pairs) else None


def _pair(written: Any, real: Any, pairs: dict[str, str]) -> bool:
    if isinstance(written, str) and isinstance(real, str):
        return _pair_text(written, real, pairs)
    if isinstance(written, dict) and isinstance(real, dict):
        return len(written) == len(real) and all(
            _pair(k1, k2, pairs) and _pair(v1, v2, pairs)
            for (k1, v1), (k2, v2) in zip(written.items(), real.items(), strict=True)
        )
    if isinstance(written, list | tuple) and isinstance(real, list | tuple):
        return len(written) == len(real) and all(
            _pair(one, other, pairs) for one, other in zip(written, real, strict=True)
        )
    return type(written) is type(real) and written == real


def _pair_text(written: str, real: str, pairs: dict[str, str]) -> bool:
    """Match text piece by piece: plain text as it stands, each token against what follows it."""
    at = 0
    last = 0
    pending = ""
    for match in tokens.PLACEHOLDER.finditer(written):
        plain = written[last : match.start()]
        if pending:
            found = real.find(plain, at) if plain else -1
            if found < 0 or not _bind(pending, real[at:found], pairs):
                return False
            at = found + len(plain)
        elif not real.startswith(plain, at):
            return False
        else:
            at += len(plain)
        pending = match.group()
        last = match.end()
    rest = written[last:]
    if not pending:
        return real[at:] == rest
    if not real.endswith(rest) or len(real) - len(rest) < at:
        return False
    return _bind(pending, real[at : len(real) - len(rest)], pairs)


def _bind(token: str, value: str, pairs: dict[str, str]) -> bool:
    return bool(value) and pairs.setdefault(token, value) == value
