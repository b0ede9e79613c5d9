"""Retrieval-augmented generation that is safe with personal data.

The core knows no framework; `langchain_piirag` and `llama_index_piirag` build on it. Names are
loaded on first use, so that `import piirag` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from piirag.detection import Detector, Finding, KnownValues, default_detector
    from piirag.erasure import ErasureReceipt, delete_user
    from piirag.policy import Policy
    from piirag.redaction import (
        Redaction,
        RedactionMapping,
        RedactionSession,
        Redactor,
        Scrubber,
        ScrubResult,
        StreamRehydrator,
    )
    from piirag.vault import MasterKey, MemoryVault, SQLiteVault, Vault

__version__ = "0.1.0"

_HOME = {
    "Detector": "detection",
    "Finding": "detection",
    "KnownValues": "detection",
    "MasterKey": "vault",
    "MemoryVault": "vault",
    "Policy": "policy",
    "Redaction": "redaction",
    "RedactionMapping": "redaction",
    "RedactionSession": "redaction",
    "Redactor": "redaction",
    "SQLiteVault": "vault",
    "ScrubResult": "redaction",
    "Scrubber": "redaction",
    "StreamRehydrator": "redaction",
    "ErasureReceipt": "erasure",
    "Vault": "vault",
    "delete_user": "erasure",
    "default_detector": "detection",
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
    "Detector",
    "ErasureReceipt",
    "Finding",
    "KnownValues",
    "MasterKey",
    "MemoryVault",
    "Policy",
    "Redaction",
    "RedactionMapping",
    "RedactionSession",
    "Redactor",
    "SQLiteVault",
    "ScrubResult",
    "Scrubber",
    "StreamRehydrator",
    "Vault",
    "__version__",
    "default_detector",
    "delete_user",
]
