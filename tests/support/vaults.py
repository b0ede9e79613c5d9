"""Vaults of every kind at one address, as one process after another would open them."""

from __future__ import annotations

from piirag.vault import Vault
from piirag.vault.keyring import KeyRing
from piirag.vault.keys import MasterKey
from piirag.vault.memory import MemoryBackend
from piirag.vault.protocol import VaultBackend


class Store:
    """A place where vaults are kept.

    Args:
        kind: `memory`, `sqlite`, `redis` or `postgres`.
        address: A file, a URL, or a URL, a bar and a schema.
    """

    def __init__(self, kind: str, address: str) -> None:
        self.kind = kind
        self.address = address
        self._memory = MemoryBackend()
        self._opened: list[VaultBackend] = []

    def backend(self) -> VaultBackend:
        """A new connection."""
        backend: VaultBackend = self._memory
        if self.kind == "sqlite":
            from piirag.vault.sqlite import SQLiteBackend

            backend = SQLiteBackend(self.address)
        elif self.kind == "redis":
            from piirag.vault.redis import RedisBackend

            backend = RedisBackend(self.address)
        elif self.kind == "postgres":
            from piirag.vault.postgres import PostgresBackend

            url, schema = self.address.split("|")
            backend = PostgresBackend(url, schema=schema, max_connections=2)
        self._opened.append(backend)
        return backend

    def vault(self, key: MasterKey | KeyRing) -> Vault:
        """A vault as a process that starts now would open it."""
        return Vault(self.backend(), key)

    def close(self) -> None:
        for backend in self._opened:
            backend.close()
