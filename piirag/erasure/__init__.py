"""Erasing a user from everything that holds their data."""

from piirag.erasure.receipt import (
    COMPLETE,
    NOTHING_FOUND,
    PARTIAL,
    ErasureReceipt,
    TargetReceipt,
)
from piirag.erasure.service import delete_user
from piirag.erasure.target import (
    Capabilities,
    ErasureTarget,
    Residue,
    Traces,
    as_targets,
    register_resolver,
)

__all__ = [
    "COMPLETE",
    "NOTHING_FOUND",
    "PARTIAL",
    "Capabilities",
    "ErasureReceipt",
    "ErasureTarget",
    "Residue",
    "TargetReceipt",
    "Traces",
    "as_targets",
    "delete_user",
    "register_resolver",
]
