"""From what frameworks tell of their calls to audit records."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from piirag.errors import (
    ConfigurationError,
    PIIBlockedError,
    PiiragError,
    ProviderPolicyError,
    UserErasedError,
)
from piirag.governance.audit import AuditLog, AuditRecord
from piirag.governance.labels import highest
from piirag.governance.observation import Observation
from piirag.governance.record_names import name_of, word
from piirag.governance.seen import SeenTexts
from piirag.redaction.heard import without_values
from piirag.redaction.session import RedactionSession
from piirag.redaction.tokens import LITERAL

MOST_OPEN = 10_000
"""Calls that may be open at once; the oldest beyond them is recorded as abandoned."""

MOST_CHUNKS = 100
"""Chunks that the record of an ingestion names; of more it has the number."""

ABANDONED = "piirag.Abandoned"
"""`error.type` of a call of which no end was ever told."""

_LEFT = frozenset({"builtins.GeneratorExit", "asyncio.exceptions.CancelledError"})

Chunks = Sequence[Mapping[str, Any]]
_BLOCKS = (PIIBlockedError, ProviderPolicyError)


@dataclass(frozen=True)
class _Known:
    """What a model call tells of a chunk that went into it."""

    chunk: Mapping[str, Any]
    filter: Mapping[str, Any] | None


@dataclass(repr=False)
class OpenRecord:
    """A call that has begun; `Recorder.end` writes its record, once.

    Args:
        fields: Attributes of an `AuditRecord`.
        began: Seconds since the epoch.
        clock: Of the monotonic clock, when it began.
        decisions: What was decided on the way.
        observation: The wrapper's call that this is a part of.
        written: Whether the record is written.
        redact: Redacts what the model says, where no wrapper does.
    """

    fields: dict[str, Any]
    began: float
    clock: float
    decisions: list[dict[str, Any]] = field(default_factory=list)
    observation: Observation | None = None
    written: bool = False
    redact: Callable[[str], str] | None = None

    def decide(
        self, action: str, where: str, reason: str, counts: Mapping[str, int] | None = None
    ) -> None:
        """Note a decision: ``"redacted"``, ``"blocked"`` or ``"let_through"``."""
        made = {"action": action, "where": where, "reason": reason}
        self.decisions.append({**made, "counts": dict(counts)} if counts else made)

    def __repr__(self) -> str:
        return "OpenRecord(...)"


class Recorder:
    """Writes one record a call.

    Args:
        audit: Where records go: an `AuditLog`, or a path for one. None for nowhere.
        user_id: The user of calls that do not tell theirs.
        session: The session of calls that do not tell theirs.
        feature: What the calls are part of, such as ``"search"``.
        features: Other names of features that a call itself may tell. What is not in this list
            is not recorded.

    Raises:
        ConfigurationError: No name, or no list of names.
    """

    def __init__(
        self,
        audit: AuditLog | str | Path | None,
        *,
        user_id: str | None = None,
        session: str | None = None,
        feature: str | None = None,
        features: Collection[str] = (),
    ) -> None:
        names = [] if feature is None else [feature]
        if isinstance(features, str) or not all(word(name) for name in [*names, *features]):
            raise ConfigurationError("a feature is a name without spaces; features a list of such")
        self.audit = AuditLog(audit) if isinstance(audit, str | Path) else audit
        self._user_id = user_id
        self._session = session
        self._feature = feature
        self._features = frozenset(features)
        self._lock = threading.Lock()
        self._open: OrderedDict[Hashable, list[OpenRecord]] = OrderedDict()
        self._chunks: SeenTexts[_Known] = SeenTexts()

    def begin(
        self,
        key: Hashable,
        event: str,
        operation: str,
        *,
        text: str | None = None,
        observation: Observation | None = None,
        user: str | None = None,
        session: str | None = None,
        features: Collection[Any] = (),
        **fields: Any,
    ) -> OpenRecord:
        """Open the record of a call.

        Args:
            key: What the framework names the call by; None where `take` is not needed.
            event: As in `AuditRecord`.
            operation: As in `AuditRecord`.
            text: The input before redaction; only a keyed hash of it is kept.
            observation: The wrapper's call that this is a part of.
            user: The user, as far as the call tells.
            session: The session, as far as the call tells.
            features: What the call tells that may be its feature.
            **fields: Other attributes of an `AuditRecord`.
        """
        told = observation.user_id if observation is not None else None
        user = told or user or self._user_id
        made = {
            **fields,
            "event": event,
            "operation": operation,
            "user": user,
            "session": session or self._session,
            "feature": next(
                (f for f in features if isinstance(f, str) and f in self._features), self._feature
            ),
        }
        record = OpenRecord(made, time.time(), time.perf_counter(), observation=observation)
        if text is not None and self.audit is not None:
            made["input_hash"] = self.audit.input_hash(text, user)
            if event == "model_call":
                self._went_in(record, user, text)
        if observation is not None:
            _decide_prompt(record, observation)
        if key is not None:
            with self._lock:
                # Applications may call twice at once under one name; who ends first is not told.
                self._open.setdefault(key, []).append(record)
                lost = self._open.popitem(last=False)[1] if len(self._open) > MOST_OPEN else []
            self._abandon(lost)
        return record

    def _went_in(self, record: OpenRecord, user: str | None, text: str) -> None:
        """Tell which chunks stand in a prompt, and what selected them."""
        found = self._chunks.found_in(user or "", [text])
        if found:
            record.fields["chunks"] = [known.chunk for known in found]
            filters = [known.filter for known in found if known.filter is not None]
            if filters:
                record.fields["filter"] = filters[-1]
        labels = [known.chunk.get("label") for known in found]
        if record.observation is not None:
            labels.append(record.observation.label)
        record.fields["label"] = highest(labels)

    def take(self, key: Hashable) -> OpenRecord | None:
        """The open record of a call, which is then the caller's to end."""
        with self._lock:
            records = self._open.get(key)
            if not records:
                return None
            record = records.pop(0)
            if not records:
                del self._open[key]
            return record

    def get(self, key: Hashable) -> OpenRecord | None:
        """The open record of a call."""
        with self._lock:
            records = self._open.get(key)
            return records[0] if records else None

    def end(
        self,
        record: OpenRecord,
        outcome: str,
        *,
        error: BaseException | None = None,
        error_type: str | None = None,
        **fields: Any,
    ) -> None:
        """Write a record; a call of a wrapper's is written when the wrapper is done with it.

        Args:
            record: From `begin`.
            outcome: As in `AuditRecord`.
            error: What was raised; its type is recorded, never its message.
            error_type: The same, by name.
            **fields: Attributes of an `AuditRecord`.

        Raises:
            AuditError: It cannot be written.
        """
        record.fields |= {key: value for key, value in fields.items() if value is not None}
        if error is not None:
            error_type = name_of(error)
        # The model's own time: a wrapper goes on to restore the reply.
        record.fields["duration_s"] = round(time.perf_counter() - record.clock, 6)
        if record.observation is None:
            self._write(record, outcome, error_type)
            return
        observation = record.observation

        def at_end(raised: BaseException | None) -> None:
            self._wrapped(record, observation, outcome, error_type, raised)

        observation.at_end(at_end)

    def _wrapped(
        self,
        record: OpenRecord,
        observation: Observation,
        outcome: str,
        error_type: str | None,
        raised: BaseException | None,
    ) -> None:
        """Write the record of a wrapped call, with what became of its tokens."""
        # A stream that the wrapper stops ends, for the model, as one that was left.
        if outcome != "ok" and error_type not in _LEFT:
            self._write(record, outcome, error_type, ("prompt",))
            return
        counts = {kind.upper(): count for kind, count in observation.told.items() if count}
        if isinstance(raised, _BLOCKS):
            outcome, error_type = "blocked", name_of(raised)
            record.decide("blocked", "reply", "a value of the model's own", counts)
        elif counts.get("UNSEEN"):
            record.decide("redacted", "reply", "values put back, the model's own marked", counts)
        elif counts:
            record.decide("let_through", "reply", "values put back", counts)
        if raised is not None and outcome != "blocked":
            outcome, error_type = "error", name_of(raised)
        if "reply" in record.fields and record.redact is None:
            told = outcome == "blocked" or bool(counts.get("UNSEEN"))
            record.fields["reply"] = _said(observation.session, record, told=told)
        self._write(record, outcome, error_type)

    def _write(
        self,
        record: OpenRecord,
        outcome: str,
        error_type: str | None,
        redacted: Collection[str] = ("prompt", "reply"),
    ) -> None:
        if record.written or self.audit is None:
            return
        record.written = True
        fields = {key: value for key, value in record.fields.items() if value is not None}
        if record.decisions:
            fields["decisions"] = record.decisions
        made = AuditRecord(
            **fields, time=record.began, outcome=outcome, error_type=word(error_type)
        )
        self.audit.write(made, redacted=redacted)

    def abandon(self) -> None:
        """Record all calls that are open as abandoned.

        Raises:
            AuditError: They cannot be recorded.
        """
        with self._lock:
            lost = [record for records in self._open.values() for record in records]
            self._open.clear()
        self._abandon(lost)

    def _abandon(self, records: Sequence[OpenRecord]) -> None:
        for record in records:
            # Nobody knows whether its wrapper will ever be done.
            record.observation = None
            self.end(record, "error", error_type=ABANDONED)

    def refused(self, operation: str, error: BaseException, **fields: Any) -> None:
        """Record a call that was stopped before anything was sent.

        Args:
            operation: As in `AuditRecord`.
            error: Why.
            **fields: As for `begin`.
        """
        fields.setdefault("request_id", str(uuid.uuid4()))
        record = self.begin(None, "model_call", operation, **fields)
        counts = getattr(error, "counts", None)
        record.decide("blocked", "prompt", _reason(error), counts)
        self.end(record, "blocked", error=error)

    def ingested(self, chunks: Chunks, *, changed: int, user: str | None, began: float) -> None:
        """Record chunks that were written to a store.

        Args:
            chunks: What was written, as `chunk_of` tells it; the first `MOST_CHUNKS` are named.
            changed: How many had personal data in them.
            user: Whose they are.
            began: When the write began; `time.perf_counter`.
        """
        record = self.begin(None, "ingestion", "ingestion", user=user, request_id=str(uuid.uuid4()))
        record.clock = began
        record.began -= time.perf_counter() - began
        counts = {"DOCUMENTS": len(chunks), "CHANGED": changed}
        if changed:
            record.decide("redacted", "documents", "personal data found", counts)
        else:
            record.decide("let_through", "documents", "nothing found", counts)
        told = [{k: v for k, v in c.items() if k != "pseudonyms"} for c in chunks[:MOST_CHUNKS]]
        label = highest(chunk.get("label") for chunk in chunks)
        self.end(record, "ok", chunks=told, label=label)

    def read(
        self,
        texts: Sequence[str],
        chunks: Chunks,
        filter: Mapping[str, Any] | None,
        user: str | None,
    ) -> None:
        """Note chunks that were read, so that the model call they go into can name them."""
        for text, chunk in zip(texts, chunks, strict=True):
            self._chunks.note(user or self._user_id or "", text, _Known(chunk, filter))

    def __repr__(self) -> str:
        return "Recorder(...)"


def _decide_prompt(record: OpenRecord, observation: Observation) -> None:
    """Say what a wrapper made of the prompt."""
    found = observation.found
    issued = {k for k, count in observation.session.mapping.counts.items() if count} - {LITERAL}
    if found:
        record.decide("redacted", "prompt", "placeholders for values", found)
    elif issued:
        record.decide("redacted", "prompt", "placeholders for pseudonyms")
    else:
        record.decide("let_through", "prompt", "nothing found")


def _said(session: RedactionSession, record: OpenRecord, *, told: bool) -> str | None:
    """What the model said, its tokens left and values in the clear marked; None if not known.

    Unless the decisions tell of it, what was done to it is one.
    """
    try:
        said = without_values(session, record.fields["reply"])
    except PiiragError as error:
        record.decide("redacted", "reply", f"left out, not searched: {type(error).__name__}")
        return None
    if said is None:
        record.decide("redacted", "reply", "left out, the session is over")
    elif said != record.fields["reply"] and not told:
        record.decide("redacted", "reply", "values in the clear marked in the record")
    return said


def _reason(error: BaseException) -> str:
    if isinstance(error, ProviderPolicyError):
        return "forbidden by policy"
    if isinstance(error, UserErasedError):
        return "the user was erased"
    return f"refused: {type(error).__name__}"
