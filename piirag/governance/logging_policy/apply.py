"""Applying a logging policy to the fields of a record."""

from __future__ import annotations

import hmac
import json
import os
from typing import Any

from piirag.errors import ConfigurationError
from piirag.governance.logging_policy.check import SecondCheck
from piirag.governance.logging_policy.policy import DROP, HASH, REDACT, LoggingPolicy
from piirag.observe.text import TextGuard

_LEAST_KEY_BYTES = 16


class Writer:
    """Makes of a record what a sink may have.

    Args:
        policy: What becomes of the fields.
        guard: Redacts; one with the default policy if None, made when it is first needed.
        key: For hashes, at least 128 bits. If None, one that lasts as long as this object: then
            equal values cannot be told after a restart, nor across processes.
        check: The second look; one of its own if None.

    Raises:
        ConfigurationError: The key is too short.
    """

    def __init__(
        self,
        policy: LoggingPolicy | None = None,
        *,
        guard: TextGuard | None = None,
        key: bytes | None = None,
        check: SecondCheck | None = None,
    ) -> None:
        if key is not None and len(key) < _LEAST_KEY_BYTES:
            raise ConfigurationError(f"the key for hashes has at least {_LEAST_KEY_BYTES} bytes")
        self.policy = policy if policy is not None else LoggingPolicy()
        self.check = check if check is not None else SecondCheck()
        self._guard = guard
        self._key = os.urandom(32) if key is None else key

    @property
    def guard(self) -> TextGuard:
        """What redacts."""
        if self._guard is None:
            self._guard = TextGuard()
        return self._guard

    def field(self, action: str, name: str, value: Any) -> Any:
        """What becomes of one field.

        Args:
            action: One of `ACTIONS`; of a dropped field there is None.
            name: Its name, which helps to understand it.
            value: JSON data.
        """
        if action == DROP or value is None:
            return None
        if action == HASH:
            return self.hashed(value)
        return self.check.value(self.redacted(name, value) if action == REDACT else value)

    def redacted(self, name: str, value: Any) -> Any:
        """Data as the guard redacts it; the second look is the caller's to take.

        Args:
            name: The name of the field.
            value: JSON data.
        """
        context = f"{name}: " if name.isidentifier() else ""
        return self.guard.value(value, context=context)

    def hashed(self, value: Any) -> str:
        """The keyed hash of data: ``h_`` and 32 hexadecimal digits."""
        written = (
            value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        )
        body = written.encode("utf-8", "surrogatepass")
        return f"h_{hmac.digest(self._key, body, 'sha256').hex()[:32]}"

    def __repr__(self) -> str:
        return "Writer(...)"
