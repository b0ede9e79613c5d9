"""Retrieval-augmented generation that is safe with personal data.

The core knows no framework; `langchain_piirag` and `llama_index_piirag` build on it. Names are
loaded on first use, so that `import piirag` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from piirag.conversations import Retention, RetentionSweeper
    from piirag.detection import Detector, Finding, KnownValues, default_detector
    from piirag.erasure import (
        ErasureReceipt,
        ErasureService,
        SigningKey,
        SubjectPreview,
        SuppressionList,
        UserExport,
        delete_user,
        erase_subject,
        export_user,
        find_subject,
        verify_receipt,
    )
    from piirag.errors import (
        ConfigurationError,
        DetectionError,
        DetectionTimeoutError,
        ErasureError,
        InvalidInputError,
        InvalidUserIdError,
        JournalError,
        LeaseLostError,
        MissingDependencyError,
        ModelCallError,
        PIIBlockedError,
        PiiragError,
        ReceiptError,
        RetrievalError,
        SessionGoneError,
        StoreError,
        TenancyError,
        ToolCallError,
        UnsupportedStoreError,
        UserErasedError,
        VaultError,
        VaultKeyError,
    )
    from piirag.observe import TextGuard
    from piirag.policy import Policy
    from piirag.redaction import (
        Redaction,
        RedactionMapping,
        RedactionSession,
        Redactor,
        Reply,
        ReplyCounts,
        ReplyStream,
        Scrubber,
        ScrubResult,
        StreamRehydrator,
    )
    from piirag.vault import (
        KeyRing,
        KeyWrapper,
        MasterKey,
        MemoryVault,
        PostgresVault,
        RedisVault,
        Rotation,
        SessionVault,
        SQLiteVault,
        Vault,
    )

__version__ = "0.1.0"

_HOME = {
    "ConfigurationError": "errors",
    "default_detector": "detection",
    "delete_user": "erasure",
    "DetectionError": "errors",
    "DetectionTimeoutError": "errors",
    "Detector": "detection",
    "erase_subject": "erasure",
    "ErasureError": "errors",
    "ErasureReceipt": "erasure",
    "ErasureService": "erasure",
    "export_user": "erasure",
    "find_subject": "erasure",
    "Finding": "detection",
    "InvalidInputError": "errors",
    "InvalidUserIdError": "errors",
    "JournalError": "errors",
    "KeyRing": "vault",
    "KeyWrapper": "vault",
    "KnownValues": "detection",
    "LeaseLostError": "errors",
    "MasterKey": "vault",
    "MemoryVault": "vault",
    "MissingDependencyError": "errors",
    "ModelCallError": "errors",
    "PIIBlockedError": "errors",
    "PiiragError": "errors",
    "Policy": "policy",
    "PostgresVault": "vault",
    "ReceiptError": "errors",
    "Redaction": "redaction",
    "RedactionMapping": "redaction",
    "RedactionSession": "redaction",
    "Redactor": "redaction",
    "RedisVault": "vault",
    "Reply": "redaction",
    "ReplyCounts": "redaction",
    "ReplyStream": "redaction",
    "Retention": "conversations",
    "RetentionSweeper": "conversations",
    "RetrievalError": "errors",
    "Rotation": "vault",
    "Scrubber": "redaction",
    "ScrubResult": "redaction",
    "SessionGoneError": "errors",
    "SessionVault": "vault",
    "SigningKey": "erasure",
    "SQLiteVault": "vault",
    "StoreError": "errors",
    "StreamRehydrator": "redaction",
    "SubjectPreview": "erasure",
    "SuppressionList": "erasure",
    "TenancyError": "errors",
    "TextGuard": "observe",
    "ToolCallError": "errors",
    "UnsupportedStoreError": "errors",
    "UserErasedError": "errors",
    "UserExport": "erasure",
    "Vault": "vault",
    "VaultError": "errors",
    "VaultKeyError": "errors",
    "verify_receipt": "erasure",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"piirag.{_HOME[name]}"), name)
    if name == "errors":
        return importlib.import_module("piirag.errors")
    raise AttributeError(f"module 'piirag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ConfigurationError",
    "DetectionError",
    "DetectionTimeoutError",
    "Detector",
    "ErasureError",
    "ErasureReceipt",
    "ErasureService",
    "Finding",
    "InvalidInputError",
    "InvalidUserIdError",
    "JournalError",
    "KeyRing",
    "KeyWrapper",
    "KnownValues",
    "LeaseLostError",
    "MasterKey",
    "MemoryVault",
    "MissingDependencyError",
    "ModelCallError",
    "PIIBlockedError",
    "PiiragError",
    "Policy",
    "PostgresVault",
    "ReceiptError",
    "Redaction",
    "RedactionMapping",
    "RedactionSession",
    "Redactor",
    "RedisVault",
    "Reply",
    "ReplyCounts",
    "ReplyStream",
    "Retention",
    "RetentionSweeper",
    "RetrievalError",
    "Rotation",
    "SQLiteVault",
    "ScrubResult",
    "Scrubber",
    "SessionGoneError",
    "SessionVault",
    "SigningKey",
    "StoreError",
    "StreamRehydrator",
    "SubjectPreview",
    "SuppressionList",
    "TenancyError",
    "TextGuard",
    "ToolCallError",
    "UnsupportedStoreError",
    "UserErasedError",
    "UserExport",
    "Vault",
    "VaultError",
    "VaultKeyError",
    "__version__",
    "default_detector",
    "delete_user",
    "erase_subject",
    "export_user",
    "find_subject",
    "verify_receipt",
]
