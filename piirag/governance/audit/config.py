"""The audit log of a deployment, from the ``[audit]`` table of a ``piirag.toml``.

```toml
[audit]
path = "audit.jsonl"          # ".db" for SQLite; or url_env = "AUDIT_URL", a Postgres URL
key_file = "/run/secrets/audit.key"     # or key_env; base64url of at least 16 bytes
prompts = "redacted"          # or "hash", "drop"
replies = "redacted"
fsync = "second"              # or "always", "never"
max_megabytes = 64            # of JSON lines: rotate there, and at midnight UTC
user_key_days = 30            # how long a user's tag stays the same
user_keys_kept_days = 90      # how long after that it can be traced back
```

What ``[logging]`` says of the fields of records goes before ``prompts`` and ``replies``.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from piirag.config_file import read_toml, secret_from_env, table_of, text_of
from piirag.errors import ConfigurationError
from piirag.governance.audit.chain import check_key
from piirag.governance.audit.log import AuditLog, is_sqlite
from piirag.governance.audit.sinks.base import StoringSink, check_fsync
from piirag.governance.audit.sinks.jsonl import JSONLinesSink
from piirag.governance.audit.sinks.postgres import PostgresSink, PostgresTags
from piirag.governance.audit.sinks.sqlite import SQLiteSink
from piirag.governance.audit.tags import SQLiteTags, UserTags
from piirag.governance.logging_policy.policy import DROP, HASH, REDACT, LoggingPolicy
from piirag.vault.key_file import read_private

_KEYS = (
    "path",
    "url_env",
    "key_file",
    "key_env",
    "prompts",
    "replies",
    "fsync",
    "max_megabytes",
    "user_key_days",
    "user_keys_kept_days",
)
TEXTS: Mapping[str, str] = {"redacted": REDACT, "hash": HASH, "drop": DROP}


@dataclass(frozen=True)
class AuditConfig:
    """What a ``piirag.toml`` says of the audit log.

    Args:
        folder: The folder that paths are relative to.
        table: The ``[audit]`` table.
        policy: The ``[logging]`` table.
    """

    folder: Path
    table: Mapping[str, Any] = field(repr=False)
    policy: LoggingPolicy = field(default_factory=LoggingPolicy)

    @classmethod
    def from_file(cls, path: str | Path) -> AuditConfig:
        """Read a file; nothing is opened.

        Raises:
            ConfigurationError: It cannot be read, is not TOML, or holds what nobody knows.
        """
        path = Path(path)
        table = table_of(read_toml(path), "audit", _KEYS)
        config = cls(path.resolve().parent, table, LoggingPolicy.from_file(path))
        for name in ("prompts", "replies"):
            config.text_action(name)
        check_fsync(str(table.get("fsync", "second")))
        for name, default in (
            ("max_megabytes", 64),
            ("user_key_days", 30),
            ("user_keys_kept_days", 90),
        ):
            config._number(name, default)
        return config

    @property
    def on(self) -> bool:
        """Whether there is an audit log."""
        return "path" in self.table or "url_env" in self.table

    def text_action(self, name: str) -> str:
        """What becomes of ``prompts`` or ``replies``: ``"redact"``, ``"hash"`` or ``"drop"``.

        Raises:
            ConfigurationError: An unknown word.
        """
        word = self.table.get(name, "redacted")
        if word not in TEXTS:
            raise ConfigurationError(f"audit: {name} is one of {', '.join(TEXTS)}")
        return TEXTS[word]

    def key(self) -> bytes | None:
        """The key; None where the file names none.

        Raises:
            ConfigurationError: It is no base64url, too short, or not there.
            VaultKeyError: Its file cannot be read, or others may read it.
        """
        if "key_file" in self.table:
            text = read_private(self.folder / text_of(self.table, "key_file"))
        elif "key_env" in self.table:
            text = secret_from_env(text_of(self.table, "key_env"))
        else:
            return None
        key = b""
        with contextlib.suppress(binascii.Error, ValueError):
            key = base64.urlsafe_b64decode(text.strip())
        check_key(key)
        return key

    def sink(self) -> StoringSink:
        """The sink, not yet bound to a key.

        Raises:
            ConfigurationError: The table names none, or it cannot be opened.
        """
        fsync = str(self.table.get("fsync", "second"))
        if "url_env" in self.table:
            return PostgresSink(secret_from_env(text_of(self.table, "url_env")), fsync=fsync)
        path = self.folder / text_of(self.table, "path")
        if is_sqlite(path):
            return SQLiteSink(path, fsync=fsync)
        megabytes = self._number("max_megabytes", 64)
        return JSONLinesSink(path, max_bytes=int(megabytes * 1024 * 1024), fsync=fsync)

    def tags(self) -> UserTags:
        """What makes the tags of users.

        Raises:
            ConfigurationError: The table names no log, or it cannot be opened.
        """
        options: dict[str, Any] = {
            "key": self.key(),
            "days": self._number("user_key_days", 30),
            "keep_days": self._number("user_keys_kept_days", 90),
        }
        if "url_env" in self.table:
            return PostgresTags(secret_from_env(text_of(self.table, "url_env")), **options)
        path = self.folder / text_of(self.table, "path")
        return SQLiteTags(path.with_name(f"{path.name}.tags"), **options)

    def open(self) -> AuditLog:
        """The audit log.

        Raises:
            ConfigurationError: The table is wrong, or what it names cannot be opened.
        """
        sink = self.sink()
        texts = {"prompt": self.text_action("prompts"), "reply": self.text_action("replies")}
        own = LoggingPolicy(fields=texts)
        # A store of records keeps texts as said here; a collector gets them where [logging] says.
        policy = self.policy.over(LoggingPolicy(sinks={sink.name: dict(own.fields)}))
        return AuditLog(sink, key=self.key(), policy=policy, tags=self.tags())

    def _number(self, name: str, default: float) -> float:
        value = self.table.get(name, default)
        if type(value) not in (int, float) or not 0 < value < 10**9:
            raise ConfigurationError(f"audit: {name} must be a number above 0")
        return float(value)
