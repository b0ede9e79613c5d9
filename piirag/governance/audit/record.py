"""One record of the audit log: its fields, its schema, and what is refused.

The names follow OpenTelemetry's semantic conventions for generative AI where those have one
(``gen_ai.request.model``); the others are ours.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from piirag.errors import AuditError
from piirag.governance.labels import LABELS

SCHEMA_VERSION = 1

EVENTS = (
    "model_call",
    "retrieval",
    "embedding",
    "ingestion",
    "decision",
    "erasure",
    "retention",
    "audit",
)
"""What a record can be about; ``audit`` is the log's own: it was repaired, or lost its head."""

OUTCOMES = ("ok", "error", "blocked")
ACTIONS = ("redacted", "blocked", "let_through")

# Attribute of the dataclass -> name in the record.
NAMES: Mapping[str, str] = {
    "time": "time",
    "event": "event",
    "request_id": "request_id",
    "parent_id": "parent_id",
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "server_address": "server.address",
    "error_type": "error.type",
    "duration_s": "duration_s",
    "outcome": "outcome",
    "input_hash": "input_hash",
    "prompt": "prompt",
    "reply": "reply",
    "user": "user",
    "session": "session",
    "feature": "feature",
    "decisions": "decisions",
    "chunks": "chunks",
    "filter": "filter",
    "label": "label",
}
_ATTRIBUTES = {name: attribute for attribute, name in NAMES.items()}
CHAIN_FIELDS = ("schema", "seq", "prev", "hash")
"""What the log adds."""

_DECISION_KEYS = ("action", "where", "reason", "counts")
_CHUNK_KEYS = ("id", "score", "pseudonyms", "source", "label")
_DEEPEST = 16


@dataclass(frozen=True, repr=False)
class AuditRecord:
    """What happened, once. A field that is None is left out of the log.

    `user`, `session` and texts may be given as they are: the log writes keyed tags, and redacted
    texts, in their place.

    Args:
        event: One of `EVENTS`.
        time: When it began, seconds since the epoch; now if None.
        request_id: Of the call, such as LangChain's run id.
        parent_id: Of the call it is a part of.
        operation: ``"chat"``, ``"text_completion"``, ``"embeddings"``, ``"execute_tool"`` ...
        provider: ``"openai"``, ``"aws.bedrock"`` ...
        request_model: The model asked for.
        response_model: The model that answered.
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the reply.
        server_address: Host of the endpoint.
        error_type: Qualified name of the exception, never its message.
        duration_s: Seconds.
        outcome: One of `OUTCOMES`.
        input_hash: `AuditLog.input_hash` of what was asked, before redaction.
        prompt: The redacted prompt.
        reply: The redacted reply.
        user: The user, or `AuditLog.user_tag` of the user.
        session: The session, or `AuditLog.session_hash` of it.
        feature: A label that the application gives, such as ``"search"``.
        decisions: Mappings with ``action`` (one of `ACTIONS`), ``where``, ``reason``, and
            ``counts`` of findings by entity type.
        chunks: Mappings with ``id``, ``score``, ``pseudonyms``, ``source``, ``label``.
        filter: The filter that selected the chunks.
        label: The highest data class of what went in; one of `LABELS`.

    Raises:
        AuditError: A field of the wrong kind; the message names the field and no value.
    """

    event: str
    time: float | None = None
    request_id: str | None = None
    parent_id: str | None = None
    operation: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    server_address: str | None = None
    error_type: str | None = None
    duration_s: float | None = None
    outcome: str | None = None
    input_hash: str | None = None
    prompt: str | None = None
    reply: str | None = None
    user: str | None = None
    session: str | None = None
    feature: str | None = None
    decisions: Sequence[Mapping[str, Any]] | None = None
    chunks: Sequence[Mapping[str, Any]] | None = None
    filter: Mapping[str, Any] | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.time is None:
            object.__setattr__(self, "time", clock.time())
        for attribute, name in NAMES.items():
            value = getattr(self, attribute)
            if value is not None:
                _CHECKS.get(attribute, _text)(name, value)
        if self.event not in EVENTS:
            raise AuditError("event of an audit record is none that is known")

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> AuditRecord:
        """A record from its names in the log, as `to_dict` gives them.

        Raises:
            AuditError: An unknown name, or a field of the wrong kind.
        """
        given: dict[str, Any] = {}
        for name, value in record.items():
            if name not in _ATTRIBUTES:
                raise AuditError("an audit record has a field that is not in its schema")
            given[_ATTRIBUTES[name]] = value
        if isinstance(given.get("time"), str):
            given["time"] = seconds_of(given["time"])
        if "event" not in given:
            raise AuditError("an audit record needs an event")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The record under its names in the log, without what is None; `time` as ISO 8601."""
        found: dict[str, Any] = {}
        for attribute, name in NAMES.items():
            value = getattr(self, attribute)
            if value is not None:
                found[name] = value if type(value) is str else _plain(value)
        found["time"] = iso_of(found["time"])
        return found

    def __repr__(self) -> str:
        return f"AuditRecord({self.event})"


def iso_of(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(moment: str) -> float:
    """Undo `iso_of`.

    Raises:
        AuditError: No such moment.
    """
    try:
        found = datetime.fromisoformat(moment)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise AuditError("time of an audit record is no ISO 8601 moment")


def _refuse(name: str, what: str) -> None:
    raise AuditError(f"{name} of an audit record must be {what}")


def _text(name: str, value: Any) -> None:
    if type(value) is not str:
        _refuse(name, "a text")


def _count(name: str, value: Any) -> None:
    if type(value) is not int or value < 0:
        _refuse(name, "a whole number of at least 0")


def _number(name: str, value: Any) -> None:
    if type(value) not in (int, float) or not math.isfinite(value):
        _refuse(name, "a finite number")


def _moment(name: str, value: Any) -> None:
    _number(name, value)
    # Years 1 to 9999, which is what ISO 8601 and the databases have.
    if not -62_135_596_800 <= value < 253_402_300_800:
        _refuse(name, "a moment of the calendar")


def _one_of(words: Sequence[str]) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if value not in words:
            _refuse(name, "one of " + ", ".join(words))

    return check


def _json(name: str, value: Any, depth: int = 0) -> None:
    """Data as JSON knows it: no other kinds, and no subclasses that might write themselves."""
    if value is None or type(value) in (str, bool, int):
        return
    if type(value) is float and math.isfinite(value):
        return
    if depth < _DEEPEST and isinstance(value, Mapping):
        for key, inner in value.items():
            _text(f"a key in {name}", key)
            _json(name, inner, depth + 1)
        return
    if depth < _DEEPEST and isinstance(value, list | tuple):
        for inner in value:
            _json(name, inner, depth + 1)
        return
    _refuse(name, "JSON data")


def _mapping(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        _refuse(name, "a mapping")
    _json(name, value)


def _items(keys: Sequence[str], parts: Mapping[str, Any]) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, list | tuple):
            _refuse(name, "a list")
        for item in value:
            if not isinstance(item, Mapping) or any(key not in keys for key in item):
                _refuse(name, "a list of mappings with the keys " + ", ".join(keys))
            for key, inner in item.items():
                if inner is not None:
                    parts.get(key, _text)(f"{key} in {name}", inner)

    return check


def _counts(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        _refuse(name, "a mapping")
    for key, count in value.items():
        _text(name, key)
        _count(name, count)


def _texts(name: str, value: Any) -> None:
    if not isinstance(value, list | tuple):
        _refuse(name, "a list")
    for item in value:
        _text(name, item)


_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "time": _moment,
    "input_tokens": _count,
    "output_tokens": _count,
    "duration_s": _number,
    "outcome": _one_of(OUTCOMES),
    "label": _one_of(LABELS),
    "filter": _mapping,
    "decisions": _items(_DECISION_KEYS, {"action": _one_of(ACTIONS), "counts": _counts}),
    "chunks": _items(
        _CHUNK_KEYS, {"score": _number, "pseudonyms": _texts, "label": _one_of(LABELS)}
    ),
}


def _plain(value: Any) -> Any:
    """A copy of JSON data made of dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
