"""How long each kind of data is kept, what deletes it, and the receipt of what was deleted.

- `policy`: a period per kind of data, from `[retention]` in `piirag.toml`.
- `target`: what can be expired; `targets/` holds one module a kind of data.
- `runner`: goes through all targets once, in this process, from a thread or from cron.
- `receipt`: what a run deleted, signed, without personal data.
- `configured`: the runner that a `piirag.toml` describes.
"""

from piirag.governance.retention.locks import FileLock, PostgresLock, RunLock
from piirag.governance.retention.policy import (
    AUDIT,
    CHUNKS,
    CONVERSATIONS,
    EXPIRED_CHUNKS,
    RECEIPTS,
    VAULT_SESSIONS,
    RetentionPolicy,
)
from piirag.governance.retention.receipt import (
    ExpiredTarget,
    RetentionReceipt,
    verify_retention_receipt,
)
from piirag.governance.retention.runner import RetentionRunner
from piirag.governance.retention.target import RetentionTarget, as_retention_targets
from piirag.governance.retention.targets.audit import AuditTarget
from piirag.governance.retention.targets.callables import CallableRetention
from piirag.governance.retention.targets.chunks import ChunksTarget
from piirag.governance.retention.targets.conversations import ConversationsTarget
from piirag.governance.retention.targets.receipts import JournalTarget, ReceiptFolder
from piirag.governance.retention.targets.vault_sessions import VaultSessionsTarget

__all__ = [
    "AUDIT",
    "CHUNKS",
    "CONVERSATIONS",
    "EXPIRED_CHUNKS",
    "RECEIPTS",
    "VAULT_SESSIONS",
    "AuditTarget",
    "CallableRetention",
    "ChunksTarget",
    "ConversationsTarget",
    "ExpiredTarget",
    "FileLock",
    "JournalTarget",
    "PostgresLock",
    "ReceiptFolder",
    "RetentionPolicy",
    "RetentionReceipt",
    "RetentionRunner",
    "RetentionTarget",
    "RunLock",
    "VaultSessionsTarget",
    "as_retention_targets",
    "verify_retention_receipt",
]
