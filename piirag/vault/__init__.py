"""Where token -> value mappings live, encrypted."""

from piirag.vault.keys import MasterKey
from piirag.vault.protocol import Entry, UserRecord, VaultBackend
from piirag.vault.vault import MemoryVault, SQLiteVault, UserVault, Vault

__all__ = [
    "Entry",
    "MasterKey",
    "MemoryVault",
    "SQLiteVault",
    "UserRecord",
    "UserVault",
    "Vault",
    "VaultBackend",
]
