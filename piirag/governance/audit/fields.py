"""What becomes of each field of an audit record before it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from piirag.governance.audit.tags import OWN, Tagger
from piirag.governance.logging_policy.apply import Writer
from piirag.governance.logging_policy.policy import (
    DROP,
    HASH,
    REDACT,
    STORE,
    LoggingPolicy,
)
from piirag.redaction import tokens

# Numbers, words of the schema, and tags.
_SAFE = (
    "time",
    "event",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "duration_s",
    "outcome",
    "label",
    "input_hash",
    "user",
    "session",
)
# A collector, and an application's log, are other places that data goes to.
_ELSEWHERE = {"prompt": DROP, "reply": DROP}

DEFAULTS = LoggingPolicy(
    fields=dict.fromkeys(_SAFE, STORE),
    sinks=dict.fromkeys(("logging", "structlog", "otel"), _ELSEWHERE),
)
"""What holds where the application's policy says nothing; all else is redacted."""

_TENANT_KEYS = frozenset({"user_id", "tenant", "tenant_id", "owner"})

# Ids that come from a random generator or a hash say nothing of a person.
_RANDOM = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9]*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{32}|"
    r"[0-9a-f]{64})"
)
# Ids that are paths, names of files or addresses bear people's names, in forms that are no text.
_NAMED = re.compile(r"[/\\@]|_at_|\.[A-Za-z][A-Za-z0-9]{1,4}\Z|\A[A-Za-z][A-Za-z+.-]+:")
# Names of code and servers, whose dates and numbers a detector might take for somebody's.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
# Longer than a version's date: a card's number, an account's, somebody's.
_NUMBER = re.compile(r"\d{9,}|\d(?:[_-]?\d){11,}")
# What code says of itself; in another form it is searched like any text.
_SAYING = re.compile(
    r"[a-z][a-z0-9_ .:,'-]{0,99}(?:(?<=: )[A-Za-z_.]{1,60}(?:Error|Exception|Exit|Interrupt))?"
)
_FORMS = {
    "gen_ai.operation.name": _WORD,
    "gen_ai.provider.name": _WORD,
    "gen_ai.request.model": _WORD,
    "gen_ai.response.model": _WORD,
    "server.address": _WORD,
    "error.type": _WORD,
    "where": _SAYING,
    "reason": _SAYING,
}
# Within decisions and chunks: words of the schema, and numbers.
_FIXED = frozenset({"action", "counts", "score", "label"})
_TYPE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class Cleaner:
    """Makes of a record what may be written.

    Args:
        writer: Applies the policy and the second look.
        tagger: Gives what makes the tags of a user, or of nobody in particular.
    """

    def __init__(self, writer: Writer, tagger: Callable[[str | None], Tagger]) -> None:
        self.writer = writer
        self._tagger = tagger
        self._actions: dict[tuple[str, str], str] = {}

    def _action(self, sink: str, name: str) -> str:
        """What the policy says; asked once, since there are few sinks and names."""
        key = (sink, name)
        if key not in self._actions:
            self._actions[key] = self.writer.policy.action(sink, name)
        return self._actions[key]

    def tagged(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record with tags in place of the user, the session, the input and tenants.

        With a user they are all under the user's secret, and forgotten with the user.
        """
        result = dict(record)
        user_id = result.get("user")
        if user_id is not None and OWN.fullmatch(user_id):
            user_id = None
        tags = _Lazy(lambda: self._tagger(user_id))
        if user_id is not None:
            result["user"] = tags.made("user")
        for name, kind in (("session", "session"), ("input_hash", "input")):
            value = result.get(name)
            if value is not None and not OWN.fullmatch(value):
                result[name] = tags.made(kind, value)
        if "filter" in result:
            result["filter"] = _tenants(result["filter"], tags)
        if "chunks" in result:
            result["chunks"] = [_chunk(chunk, tags) for chunk in result["chunks"]]
        if "decisions" in result:
            result["decisions"] = [_decision(item) for item in result["decisions"]]
        return result

    def cleaned(
        self, sink: str, record: Mapping[str, Any], redacted: Collection[str]
    ) -> dict[str, Any]:
        """What a sink may have of a record that is `tagged`.

        Args:
            sink: Name of the sink.
            record: The record.
            redacted: Fields that a redactor made.
        """
        safe: dict[str, Any] = {}
        looked: dict[str, Any] = {}
        for name, value in record.items():
            action = self._action(sink, name)
            if action == REDACT and name in redacted:
                action = STORE
            if action == HASH:
                safe[name] = self.writer.hashed(value)
            elif action == STORE:
                (safe if name in _SAFE else looked)[name] = value
            elif action == REDACT:
                looked[name] = self._redacted(name, value)
        return {**safe, **self.writer.check.value(looked)}

    def _redacted(self, name: str, value: Any) -> Any:
        """A field with its texts redacted; tags, tokens, random ids and names of code stay."""
        if name in ("chunks", "decisions"):
            return [{key: self._part(key, inner) for key, inner in item.items()} for item in value]
        if name == "filter":
            return self._nested(value)
        return self._part(name, value)

    def _part(self, name: str, value: Any) -> Any:
        if name in _FIXED or name == "pseudonyms":
            return value
        form = _FORMS.get(name)
        if form is _WORD and isinstance(value, str):
            value = _NUMBER.sub("[NUMBER]", value)
        if form is not None and isinstance(value, str) and form.fullmatch(value):
            return value
        return self._leaf(name, value)

    def _nested(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {self._key(key): self._nested(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._nested(inner, name) for inner in value]
        return self._leaf(name, value)

    def _leaf(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and (is_token(value) or _RANDOM.fullmatch(value)):
            return value
        return self.writer.redacted(name, value)

    def _key(self, key: str) -> str:
        plain = key.isidentifier() or key[:1] == "$"
        return key if plain else str(self.writer.redacted("", key))


class _Lazy:
    """Looks a secret up when a tag is needed, and once."""

    def __init__(self, tagger: Callable[[], Tagger]) -> None:
        self._make = tagger
        self._tagger: Tagger | None = None

    def made(self, kind: str, *values: str) -> str:
        if self._tagger is None:
            self._tagger = self._make()
        return str(getattr(self._tagger, kind)(*values))


def _tenants(value: Any, tags: _Lazy, key: str = "") -> Any:
    if isinstance(value, dict):
        # Below a tenant's key stand operators: {"user_id": {"$eq": "alice"}}.
        return {
            name: _tenants(inner, tags, key if key in _TENANT_KEYS else name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_tenants(inner, tags, key) for inner in value]
    if key in _TENANT_KEYS and value is not None and not isinstance(value, bool):
        text = str(value)
        return text if OWN.fullmatch(text) else tags.made("keyed", text)
    return value


def _chunk(chunk: Mapping[str, Any], tags: _Lazy) -> dict[str, Any]:
    result = {key: value for key, value in chunk.items() if value is not None}
    if isinstance(result.get("id"), str) and _NAMED.search(result["id"]):
        result["id"] = tags.made("keyed", result["id"])
    if "pseudonyms" in result:
        # Only what has the form of a pseudonym is one.
        result["pseudonyms"] = [
            text if is_token(text) else tags.made("keyed", text) for text in result["pseudonyms"]
        ]
    return result


def _decision(decision: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in decision.items() if value is not None}
    if "counts" in result:
        counts: dict[str, int] = {}
        for kind, count in result["counts"].items():
            name = kind if _TYPE_NAME.fullmatch(kind) else "OTHER"
            counts[name] = counts.get(name, 0) + count
        result["counts"] = counts
    return result


def is_token(text: str) -> bool:
    """Whether a text is a pseudonym, a placeholder or a tag, and nothing else."""
    return bool(
        OWN.fullmatch(text)
        or tokens.PSEUDONYM.fullmatch(text)
        or tokens.PLACEHOLDER.fullmatch(text)
    )
