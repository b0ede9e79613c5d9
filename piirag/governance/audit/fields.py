"""What becomes of each field of an audit record before it is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from piirag.governance.audit.tags import OWN
from piirag.governance.logging_policy.apply import Writer
from piirag.governance.logging_policy.policy import DROP, HASH, REDACT, STORE, LoggingPolicy
from piirag.redaction import tokens

if TYPE_CHECKING:
    from piirag.governance.audit.log import AuditLog

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
    sinks={name: _ELSEWHERE for name in ("logging", "structlog", "otel")},
)
"""What holds where the application's policy says nothing; all else is redacted."""

_TENANT_KEYS = frozenset({"user_id", "tenant", "tenant_id", "owner"})

# Ids that come from a random generator or a hash say nothing of a person.
_RANDOM = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{16}"
)
# Names of code and servers, whose dates and numbers a detector might take for somebody's.
_WORDS = frozenset(
    """
    gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.response.model
    server.address error.type
    """.split()
)
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
# Words of the schema, and numbers.
_FIXED = frozenset({"score", "counts", "action", "label"})
# What code says of itself; in another form it is searched like any text.
_SAYING = re.compile(r"[a-z][a-z0-9_ .:,-]{0,99}")
_FORMS = {**dict.fromkeys(_WORDS, _WORD), "where": _SAYING, "reason": _SAYING}
_TYPE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class Cleaner:
    """Makes of a record what may be written.

    Args:
        writer: Applies the policy and the second look.
        log: Makes tags.
    """

    def __init__(self, writer: Writer, log: AuditLog) -> None:
        self.writer = writer
        self._log = log

    def tagged(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record with tags in place of the user, the session, the input and tenants."""
        result = dict(record)
        user_id = result.get("user")
        if user_id is not None and not OWN.fullmatch(user_id):
            result["user"] = self._log.user_tag(user_id)
        else:
            user_id = None
        for name, tag in (
            ("session", self._log.session_hash),
            ("input_hash", self._log.input_hash),
        ):
            value = result.get(name)
            if value is not None and not OWN.fullmatch(value):
                result[name] = tag(value, user_id)
        if "filter" in result:
            result["filter"] = self._tenants(result["filter"], user_id)
        if "chunks" in result:
            result["chunks"] = [self._chunk(chunk, user_id) for chunk in result["chunks"]]
        if "decisions" in result:
            result["decisions"] = [self._decision(item) for item in result["decisions"]]
        return result

    def _tenants(self, value: Any, user_id: str | None, key: str = "") -> Any:
        if isinstance(value, dict):
            # Below a tenant's key stand operators: {"user_id": {"$eq": "alice"}}.
            return {
                name: self._tenants(inner, user_id, key if key in _TENANT_KEYS else name)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._tenants(inner, user_id, key) for inner in value]
        if key in _TENANT_KEYS and isinstance(value, str | int | float) and value is not True:
            text = str(value)
            return text if OWN.fullmatch(text) else self._log.keyed(text, user_id)
        return value

    def _chunk(self, chunk: Mapping[str, Any], user_id: str | None) -> dict[str, Any]:
        result = {key: value for key, value in chunk.items() if value is not None}
        if "pseudonyms" in result:
            # Only what has the form of a pseudonym is one.
            result["pseudonyms"] = [
                text if _is_token(text) else self._log.keyed(text, user_id)
                for text in result["pseudonyms"]
            ]
        return result

    def _decision(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        result = {key: value for key, value in decision.items() if value is not None}
        if "counts" in result:
            counts: dict[str, int] = {}
            for kind, count in result["counts"].items():
                name = kind if _TYPE_NAME.fullmatch(kind) else "OTHER"
                counts[name] = counts.get(name, 0) + count
            result["counts"] = counts
        return result

    def cleaned(
        self, sink: str, record: Mapping[str, Any], redacted: Collection[str]
    ) -> dict[str, Any]:
        """What a sink may have of a record."""
        result = {}
        for name, value in record.items():
            action = self.writer.policy.action(sink, name)
            if action == DROP:
                continue
            if action == REDACT and name in redacted:
                action = STORE
            if action in (STORE, HASH) or name in ("prompt", "reply"):
                result[name] = self.writer.field(action, name, value)
            else:
                result[name] = self._redacted(name, value)
        return result

    def _redacted(self, name: str, value: Any) -> Any:
        """Nested data with its texts redacted; tags, tokens and random ids stay."""
        if isinstance(value, dict):
            return {self._key(key): self._redacted(key, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._redacted(name, inner) for inner in value]
        if isinstance(value, str) and (_is_token(value) or _RANDOM.fullmatch(value)):
            return value
        if name in _FIXED:
            return value
        form = _FORMS.get(name)
        if form is not None and isinstance(value, str) and form.fullmatch(value):
            return self.writer.field(STORE, name, value)
        return self.writer.field(REDACT, name, value)

    def _key(self, key: str) -> str:
        return str(self.writer.field(STORE if key.isidentifier() else REDACT, "", key))


def _is_token(text: str) -> bool:
    return bool(
        tokens.PSEUDONYM.fullmatch(text)
        or tokens.PLACEHOLDER.fullmatch(text)
        or OWN.fullmatch(text)
    )
