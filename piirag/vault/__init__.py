"""Where token -> value mappings live, encrypted."""

from piirag.errors import SessionGoneError
from piirag.vault.key_wrapper import KeyWrapper
from piirag.vault.keyring import KeyRing, Rotation
from piirag.vault.keys import MasterKey
from piirag.vault.postgres import PostgresBackend, PostgresVault
from piirag.vault.protocol import Entry, UserRecord, VaultBackend
from piirag.vault.redis import RedisBackend, RedisVault
from piirag.vault.sessions import SessionVault
from piirag.vault.user_vault import Claim
from piirag.vault.vault import MemoryVault, SQLiteVault, UserVault, Vault

__all__ = [
    "Claim",
    "Entry",
    "KeyRing",
    "KeyWrapper",
    "MasterKey",
    "MemoryVault",
    "PostgresBackend",
    "PostgresVault",
    "RedisBackend",
    "RedisVault",
    "Rotation",
    "SQLiteVault",
    "SessionGoneError",
    "SessionVault",
    "UserRecord",
    "UserVault",
    "Vault",
    "VaultBackend",
]
