"""Erasing a user from everything that holds their data."""

from piirag.erasure.journal import Journal, JournalError
from piirag.erasure.journal_postgres import PostgresJournal
from piirag.erasure.journal_sqlite import MemoryJournal, SQLiteJournal
from piirag.erasure.receipt import (
    COMPLETE,
    NOTHING_FOUND,
    PARTIAL,
    ErasureReceipt,
    TargetReceipt,
    verify_receipt,
)
from piirag.erasure.retry import Retry
from piirag.erasure.service import ErasureService, delete_user
from piirag.erasure.signing import ReceiptError, SigningKey
from piirag.erasure.suppression import Reapplied, SuppressionList
from piirag.erasure.target import (
    Capabilities,
    ErasureTarget,
    ListingTarget,
    Residue,
    StoredItem,
    Traces,
    as_targets,
    register_resolver,
)
from piirag.erasure.verify import TargetVerification, Verification, verify_erasure

__all__ = [
    "COMPLETE",
    "NOTHING_FOUND",
    "PARTIAL",
    "Capabilities",
    "ErasureReceipt",
    "ErasureService",
    "ErasureTarget",
    "Journal",
    "JournalError",
    "ListingTarget",
    "MemoryJournal",
    "PostgresJournal",
    "Reapplied",
    "ReceiptError",
    "Residue",
    "Retry",
    "SQLiteJournal",
    "SigningKey",
    "StoredItem",
    "SuppressionList",
    "TargetReceipt",
    "TargetVerification",
    "Traces",
    "Verification",
    "as_targets",
    "delete_user",
    "register_resolver",
    "verify_erasure",
    "verify_receipt",
]
