"""Erasing a user, or a person, from everything that holds their data; handing it out."""

import importlib
from typing import TYPE_CHECKING, Any

from piirag.erasure.data_subjects import erase_subject, export_user, find_subject
from piirag.erasure.journal import Journal
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
from piirag.erasure.signing import SigningKey
from piirag.erasure.suppression import Reapplied, SuppressionList
from piirag.erasure.target import (
    Capabilities,
    DeletableTarget,
    EditableTarget,
    ErasureTarget,
    ListingTarget,
    Residue,
    StoredItem,
    Traces,
    as_targets,
    register_resolver,
)
from piirag.erasure.verify import TargetVerification, Verification, verify_erasure
from piirag.errors import JournalError, ReceiptError

if TYPE_CHECKING:
    from piirag.erasure.export import UserExport
    from piirag.erasure.export_write import ExportedTarget, ExportSummary
    from piirag.erasure.preview import Mention, SubjectPreview, TargetMentions

# Loaded on first use.
_HOME = {
    "ExportSummary": "export_write",
    "ExportedTarget": "export_write",
    "Mention": "preview",
    "SubjectPreview": "preview",
    "TargetMentions": "preview",
    "UserExport": "export",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"piirag.erasure.{_HOME[name]}"), name)
    raise AttributeError(f"module 'piirag.erasure' has no attribute {name!r}")


__all__ = [
    "COMPLETE",
    "NOTHING_FOUND",
    "PARTIAL",
    "Capabilities",
    "DeletableTarget",
    "EditableTarget",
    "ErasureReceipt",
    "ErasureService",
    "ErasureTarget",
    "ExportSummary",
    "ExportedTarget",
    "Journal",
    "JournalError",
    "ListingTarget",
    "MemoryJournal",
    "Mention",
    "PostgresJournal",
    "Reapplied",
    "ReceiptError",
    "Residue",
    "Retry",
    "SQLiteJournal",
    "SigningKey",
    "StoredItem",
    "SubjectPreview",
    "SuppressionList",
    "TargetMentions",
    "TargetReceipt",
    "TargetVerification",
    "Traces",
    "UserExport",
    "Verification",
    "as_targets",
    "delete_user",
    "erase_subject",
    "export_user",
    "find_subject",
    "register_resolver",
    "verify_erasure",
    "verify_receipt",
]
