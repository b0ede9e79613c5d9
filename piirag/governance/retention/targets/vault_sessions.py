"""Sessions of the vault: mappings of model calls that wait for their reply."""

from __future__ import annotations

from piirag.governance.retention.policy import VAULT_SESSIONS
from piirag.vault.vault import Vault


class VaultSessionsTarget:
    """Deletes sessions that have ended. None is ever handed out after its end, deleted or not.

    Each carries its end, sealed; how late that may be is decided when it is kept, see
    `RetentionPolicy.limit_sessions`.

    Args:
        vault: The vault.
        name: What the receipt calls it.
    """

    kind = VAULT_SESSIONS
    ends = True

    def __init__(self, vault: Vault, *, name: str | None = None) -> None:
        self._vault = vault
        backend = type(vault.backend).__name__
        self.name = name or f"vault sessions:{backend.removesuffix('Backend')}"
        # Every session there has a time to live of its own.
        self.native = "Redis, at the end of each session" if backend == "RedisBackend" else ""
        self.identity = (self.kind, id(vault.backend))

    def expire(self, before: float) -> int:
        """Delete sessions that ended by a moment."""
        return self._vault.sessions.purge(before)

    def count(self, before: float) -> int:
        """How many sessions `expire` would delete."""
        return self._vault.sessions.count_expired(before)

    def __repr__(self) -> str:
        return "VaultSessionsTarget(...)"
