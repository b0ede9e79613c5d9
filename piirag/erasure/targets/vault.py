"""The vault as an erasure target: the data key is destroyed with the values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from piirag.erasure.target import Capabilities, ErasureTarget, Residue, Traces, register_resolver
from piirag.vault.vault import Vault


class VaultTarget:
    """Destroys a user's data key and values."""

    kind = "vault"
    capabilities = Capabilities(
        why_not="the user's data key is destroyed; what is left of the ciphertext is unreadable, "
        "unless a backup holds the key"
    )

    def __init__(self, vault: Vault, name: str = "vault") -> None:
        self.vault = vault
        self.name = name
        self.identity = ("vault", id(vault))

    def count(self, user_id: str) -> int:
        return self.vault.count(user_id)

    def delete(self, user_id: str) -> None:
        self.vault.forget(user_id)

    def traces(self, user_id: str) -> Traces:
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        return {}

    def reclaim(self, user_id: str) -> None:
        raise NotImplementedError


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [VaultTarget(item)] if isinstance(item, Vault) else None


register_resolver(_resolve)
