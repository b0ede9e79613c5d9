"""How long each kind of data is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.config_file import DEFAULT_FILE, read_toml, table_of
from piirag.errors import ConfigurationError

if TYPE_CHECKING:
    from piirag.vault.vault import Vault

CONVERSATIONS = "conversations"
AUDIT = "audit log"
VAULT_SESSIONS = "vault sessions"
RECEIPTS = "receipts"
CHUNKS = "chunks"
EXPIRED_CHUNKS = "expired chunks"

FOREVER = "forever"
"""What a period in the file says where nothing ends."""

TABLE = "retention"
# Beside the periods; read by `configured`.
OTHER_KEYS = ("targets", "receipts", "physical")

_DAY = 86_400.0
_LONGEST = 1e9
_FIELDS = {
    CONVERSATIONS: ("conversations_days", _DAY),
    AUDIT: ("audit_days", _DAY),
    VAULT_SESSIONS: ("vault_sessions_minutes", 60.0),
    RECEIPTS: ("receipts_days", _DAY),
    CHUNKS: ("chunks_days", _DAY),
}


@dataclass(frozen=True)
class RetentionPolicy:
    """A period per kind of data; None for ever.

    Args:
        conversations_days: From when a message, checkpoint or item of memory was written.
        audit_days: From when a record of the audit log was written.
        vault_sessions_minutes: The longest that the mapping of a model call may wait for its
            reply; see `limit_sessions`. Sessions carry the moment at which they end, and go then.
        receipts_days: From when an erasure was complete, or a retention run done.
        chunks_days: From when a chunk was ingested, by its stamp ``piirag_ingested_at``. A chunk
            past its ``expires_at`` goes in any case.
        others_days: Kinds of the application's own -> days.

    Raises:
        ConfigurationError: A period that is no positive number.
    """

    conversations_days: float | None = 30.0
    audit_days: float | None = 90.0
    vault_sessions_minutes: float | None = 15.0
    receipts_days: float | None = 3650.0
    chunks_days: float | None = None
    others_days: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, _ in _FIELDS.values():
            _check(name, getattr(self, name))
        if not isinstance(self.others_days, Mapping):
            raise ConfigurationError("others_days is a table of kinds and days")
        for kind, days in self.others_days.items():
            if not isinstance(kind, str) or not kind or kind in (*_FIELDS, EXPIRED_CHUNKS):
                raise ConfigurationError("others_days has a kind that is none, or not an own one")
            _check("others_days", days)

    @classmethod
    def from_file(cls, path: str | Path = DEFAULT_FILE) -> RetentionPolicy:
        """Read the table ``[retention]`` of a file; what is not there has its default.

        Raises:
            ConfigurationError: It cannot be read, or holds what nobody knows.
        """
        return cls.from_table(read_table(path))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> RetentionPolicy:
        """Read a table; ``"forever"`` stands for None.

        Raises:
            ConfigurationError: It holds what is no period.
        """
        given = {f.name: table[f.name] for f in fields(cls) if f.name in table}
        others = given.get("others_days", {})
        if not isinstance(others, Mapping):
            raise ConfigurationError("retention: others_days is a table of kinds and days")
        periods = {name: _period(value) for name, value in given.items() if name != "others_days"}
        return cls(others_days={kind: _period(days) for kind, days in others.items()}, **periods)

    def kinds(self) -> list[str]:
        """All kinds of data that this policy knows."""
        return [*_FIELDS, EXPIRED_CHUNKS, *self.others_days]

    def seconds(self, kind: str) -> float | None:
        """How long a kind of data is kept, in seconds; None for ever.

        Raises:
            ConfigurationError: The policy says nothing of this kind.
        """
        if kind == EXPIRED_CHUNKS:
            return 0.0
        if kind in _FIELDS:
            name, unit = _FIELDS[kind]
            period = getattr(self, name)
            return None if period is None else float(period) * unit
        if kind in self.others_days:
            days = self.others_days[kind]
            return None if days is None else float(days) * _DAY
        raise ConfigurationError(f"the retention policy has no period for {kind!r}")

    def limit_sessions(self, vault: Vault) -> None:
        """Have a vault refuse sessions that would wait longer than this policy allows."""
        seconds = self.seconds(VAULT_SESSIONS)
        if seconds is not None:
            vault.sessions.limit(seconds)


def read_table(path: str | Path) -> Mapping[str, Any]:
    """The table ``[retention]`` of a file.

    Raises:
        ConfigurationError: It cannot be read, or has a key that nobody knows.
    """
    known = [*(f.name for f in fields(RetentionPolicy)), *OTHER_KEYS]
    return table_of(read_toml(path), TABLE, known)


def _period(value: Any) -> Any:
    return None if value == FOREVER else value


def _check(name: str, value: Any) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LONGEST
    if value is not None and not good:
        raise ConfigurationError(f"{name} is a positive number, or None ({FOREVER!r} in a file)")
