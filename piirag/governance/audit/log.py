"""The audit log: what is done to a record before it is written, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.errors import ConfigurationError
from piirag.governance.audit.chain import Chain, Head, check_key
from piirag.governance.audit.fields import DEFAULTS, Cleaner
from piirag.governance.audit.record import AuditRecord
from piirag.governance.audit.sinks.base import (
    ForwardingSink,
    Query,
    Sink,
    StoringSink,
    lost,
    mark_of,
)
from piirag.governance.audit.sinks.jsonl import JSONLinesSink
from piirag.governance.audit.sinks.sql import SQLSink
from piirag.governance.audit.tags import MemoryTags, SQLiteTags, UserTags
from piirag.governance.audit.verify import Verification
from piirag.governance.logging_policy.apply import Writer
from piirag.governance.logging_policy.policy import LoggingPolicy
from piirag.observe.text import TextGuard

if TYPE_CHECKING:
    from piirag.erasure.target import ErasureTarget

_SQLITE = re.compile(r"\.(?:db|sqlite3?)", re.IGNORECASE)


class AuditLog:
    """Writes records without personal data to one or more sinks.

    Users, sessions and inputs are written as keyed tags, texts as the logging policy says, and
    everything passes the second look. The record is in its place in the chain, and in the file or
    database, when `write` returns; a process that is killed loses the one in flight at most.

    Args:
        sinks: A path, for JSON lines or, where it ends in ``.db`` or ``.sqlite``, SQLite; a sink,
            or several. Each that stores has a chain of its own; those that hand records on get
            the place in the first one's chain too, so that a collector elsewhere holds a witness
            against a log that was cut off.
        key: At least 128 bits, kept apart from the log. Without one the chain shows accidents
            and careless changes only. From it come the keys of the chain and of the tags.
        policy: What becomes of the fields, per sink.
        guard: Redacts the texts that no redactor has seen; a `TextGuard` of the default policy if
            None.
        tags: Keeps the secrets of the tags; if None, a file ``PATH.tags`` beside the log, or
            memory where there is no path.

    Raises:
        ConfigurationError: A path that cannot be written, no sink, or a key that is too short.
        AuditError: A database whose tables cannot be created.
    """

    def __init__(
        self,
        sinks: str | Path | Sink | Sequence[Sink],
        *,
        key: bytes | None = None,
        policy: LoggingPolicy | None = None,
        guard: TextGuard | None = None,
        tags: UserTags | None = None,
    ) -> None:
        if key is not None:
            check_key(key)
        self.sinks: tuple[Sink, ...] = _opened(sinks)
        self._storing = [sink for sink in self.sinks if isinstance(sink, StoringSink)]
        self._forwarding = [sink for sink in self.sinks if isinstance(sink, ForwardingSink)]
        if not self.sinks or len(self._storing) + len(self._forwarding) != len(self.sinks):
            raise ConfigurationError("an audit log needs a sink, or several, and nothing else")
        chain = Chain(key)
        for sink in self._storing:
            sink.bind(chain)
            if isinstance(sink, JSONLinesSink | SQLSink):
                sink.open()
        self._key = key
        self._tags = tags
        # Sinks, which this log keeps, by identity: a mark is made of a path that is looked up.
        self._begun: set[int] = set()
        writer = Writer((policy or LoggingPolicy()).over(DEFAULTS), guard=guard, key=key)
        self._cleaner = Cleaner(writer, lambda user_id: self.tags.tagger(user_id))

    @property
    def path(self) -> Path | None:
        """The file of the first sink that has one."""
        return next((Path(s.path) for s in self.sinks if hasattr(s, "path")), None)

    @property
    def tags(self) -> UserTags:
        """Makes the tags; opened when it is first needed."""
        if self._tags is None:
            path = self.path
            self._tags = (
                MemoryTags(key=self._key)
                if path is None
                else SQLiteTags(path.with_name(f"{path.name}.tags"), key=self._key)
            )
        return self._tags

    def write(
        self, record: AuditRecord | Mapping[str, Any], *, redacted: Collection[str] = ()
    ) -> None:
        """Write a record to every sink.

        Args:
            record: The record, or a mapping of its names in the log.
            redacted: Fields (``"prompt"``, ``"reply"``) whose text a `Redactor` or `Scrubber`
                has made: the detector is not run on them again, the second look is.

        Raises:
            AuditError: The record is not of the schema, or a sink that stores failed.
        """
        if not isinstance(record, AuditRecord):
            record = AuditRecord.from_dict(record)
        fields = self._cleaner.tagged(record.to_dict())
        place: dict[str, Any] = {}
        for sink in self._storing:
            sealed = self._append(sink, self._cleaner.cleaned(sink.name, fields, redacted))
            place = place or {name: sealed[name] for name in ("schema", "seq", "prev", "hash")}
        for other in self._forwarding:
            other.emit({**self._cleaner.cleaned(other.name, fields, redacted), **place})

    def _append(self, sink: StoringSink, record: Mapping[str, Any]) -> dict[str, Any]:
        if id(sink) in self._begun:
            return sink.append(record)
        mark = mark_of(sink)
        # The mark outlives the log: a first record under a mark is that of a log that was wiped.
        # Looked for before the record is written, so that several that begin at once agree.
        before = self.tags.has_begun(mark)
        sealed = sink.append(record)
        if before and sealed["seq"] == 1:
            sink.append(lost())
        self.tags.note_begun(mark)
        self._begun.add(id(sink))
        return sealed

    def user_tag(self, user_id: str) -> str:
        """The tag that stands for a user, ``u_`` and 32 hexadecimal digits; see `UserTags`.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        return self.tags.tagger(user_id).user()

    def session_hash(self, session_id: str, user_id: str | None = None) -> str:
        """The tag of a session; with its user it is forgotten with the user."""
        return self.tags.tagger(user_id).session(session_id)

    def input_hash(self, text: str, user_id: str | None = None) -> str:
        """The tag of an input as it was before redaction: equal inputs can be told.

        With its user, equal inputs of the same user, until the user is forgotten.
        """
        return self.tags.tagger(user_id).input(text)

    def keyed(self, value: str, user_id: str | None = None) -> str:
        """The tag of anything else that must not stand there as it is: a tenant, an id."""
        return self.tags.tagger(user_id).keyed(value)

    @property
    def replaced(self) -> dict[str, int]:
        """Entity type -> how many the second look replaced: what a first look had missed."""
        return self._cleaner.writer.check.counts

    def records(
        self,
        *,
        request_id: str | None = None,
        event: str | None = None,
        since: float | None = None,
        until: float | None = None,
        user_id: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Records of the first sink that stores.

        Args:
            request_id: Of this request, or part of it.
            event: Of this kind.
            since: Not before, seconds since the epoch.
            until: Before.
            user_id: Of this user, as far as there still are secrets of the user's tags.

        Raises:
            ConfigurationError: No sink stores.
        """
        users = None if user_id is None else self.tags.of_user(user_id)
        return self._first().read(Query(request_id, event, since, until, users))

    def verify(self, expected: Head | None = None) -> Verification:
        """Check the chain of the first sink that stores.

        Args:
            expected: A record that has to be there, from an earlier look.

        Raises:
            ConfigurationError: No sink stores.
        """
        return self._first().verify(expected)

    def expire(self, before: float) -> int:
        """Delete the records from before a moment, and secrets of tags whose time is over.

        Args:
            before: Seconds since the epoch.

        Returns:
            How many records were deleted, in all sinks that store.

        Raises:
            AuditError: A sink failed.
        """
        count = sum(sink.expire(before) for sink in self._storing)
        self.tags.expire()
        return count

    def count_before(self, before: float) -> int:
        """How many records `expire` would delete.

        Args:
            before: Seconds since the epoch.
        """
        query = Query(until=before)
        return sum(1 for sink in self._storing for _ in sink.read(query))

    def _first(self) -> StoringSink:
        if not self._storing:
            raise ConfigurationError("no sink of this audit log stores records")
        return self._storing[0]

    def erasure_targets(self) -> list[ErasureTarget]:
        """The log as an erasure target; see `AuditTarget`."""
        from piirag.governance.audit.target import AuditTarget

        return [AuditTarget(self)]

    def close(self) -> None:
        """Close the sinks and the secrets."""
        for sink in self.sinks:
            sink.close()
        if self._tags is not None:
            self._tags.close()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"AuditLog({', '.join(sink.name for sink in self.sinks)})"


def is_sqlite(path: Path) -> bool:
    """Whether a path is that of a SQLite file, by its ending."""
    return bool(_SQLITE.fullmatch(path.suffix))


def _opened(sinks: str | Path | Sink | Sequence[Sink]) -> tuple[Sink, ...]:
    if isinstance(sinks, str | Path):
        path = Path(sinks)
        if is_sqlite(path):
            from piirag.governance.audit.sinks.sqlite import SQLiteSink

            return (SQLiteSink(path),)
        return (JSONLinesSink(path),)
    if isinstance(sinks, Sink):
        return (sinks,)
    given: Any = sinks
    return tuple(given) if isinstance(given, list | tuple) else ()
