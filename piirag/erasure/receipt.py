"""What an erasure did, per target. Holds no personal data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from piirag.erasure.signed import SignedReceipt, Types, check_types
from piirag.erasure.target import Residue

COMPLETE = "complete"
PARTIAL = "partial"
NOTHING_FOUND = "nothing found"
FORMAT = "piirag-erasure-receipt/1"

# Computed, and in the JSON for readers who have no piirag.
_COMPUTED = ("deleted", "verified_absent")


@dataclass(frozen=True)
class TargetReceipt:
    """What was done to one target.

    Args:
        name: The target.
        kind: Its kind, such as ``"chroma"``.
        found: Items of the user before; None where counting failed.
        remaining: Items of the user after, read back from the store; None where that failed.
        reclaimed: ``"yes"``, ``"no"``, ``"not asked"`` or ``"not possible"``: whether deleted
            bytes were removed from the files.
        residue: File -> kind of data (``"texts"``, ``"vectors"``, ``"ids"``) -> deleted items whose
            bytes are still in it; None where nobody looked.
        note: What a reader should know, such as why bytes remain.
        error: Qualified name of the exception that stopped it, or None.
        version: The version of the store's library; empty where it is not known.
        verified_at: When the store was read back, in seconds since the epoch; None if it was not.
    """

    name: str
    kind: str
    found: int | None
    remaining: int | None
    reclaimed: str
    residue: Residue | None = None
    note: str = ""
    error: str | None = None
    version: str = ""
    verified_at: float | None = None

    @property
    def deleted(self) -> int:
        """Items that were there and are gone; 0 where nobody could read back."""
        if self.remaining is None:
            return 0
        return max(0, (self.found or 0) - self.remaining)

    @property
    def verified_absent(self) -> bool:
        """Whether reading the store back showed nothing of the user."""
        return self.remaining == 0 and self.error is None


@dataclass(frozen=True)
class ErasureReceipt(SignedReceipt):
    """What an erasure did.

    Args:
        status: ``"complete"``, ``"partial"`` (run it again) or ``"nothing found"``.
        subject: Keyed hash of the user id, under a key of the vault; None where no vault was
            among the targets.
        started: Seconds since the epoch.
        finished: Seconds since the epoch.
        targets: One entry per target.
        not_covered: What an erasure like this does not reach.
        id: The erasure's name in the journal.
        runs: How often it was begun or resumed.
        versions: Of piirag and of Python.
        signature: Of all the rest, or None.
    """

    FORMAT: ClassVar[str] = FORMAT

    status: str
    subject: str | None
    started: float
    finished: float
    targets: tuple[TargetReceipt, ...]
    not_covered: tuple[str, ...] = field(default=())
    id: str = ""
    runs: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    signature: Mapping[str, str] | None = None

    @property
    def complete(self) -> bool:
        """Whether every target was read back and holds nothing of the user."""
        return self.status != PARTIAL

    @property
    def deleted(self) -> int:
        """Items deleted, over all targets."""
        return sum(target.deleted for target in self.targets)

    def __str__(self) -> str:
        lines = [f"erasure {self.status}: {self.deleted} items deleted"]
        for target in self.targets:
            state = "verified absent" if target.verified_absent else f"failed: {_failure(target)}"
            lines.append(f"- {target.name}: {target.deleted} of {target.found} deleted, {state}")
            for file, kinds in (target.residue or {}).items():
                left = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
                lines.append(f"  still in the bytes of {file}: {left}")
            if target.note and target.residue is None:
                lines.append(f"  note: {target.note}")
        return "\n".join([*lines, f"not covered: {'; '.join(self.not_covered)}"])

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON-ready data."""
        data = self._labelled(asdict(self))
        data["targets"] = list(data["targets"])
        data["not_covered"] = list(data["not_covered"])
        for target, entry in zip(self.targets, data["targets"], strict=True):
            entry.update({name: getattr(target, name) for name in _COMPUTED})
        return data

    def to_html(self) -> str:
        """The receipt as a page for people, without anything to load from elsewhere."""
        from piirag.erasure.receipt_html import receipt_html

        return receipt_html(self)

    @classmethod
    def _parsed(cls, values: dict[str, Any]) -> Self:
        values["targets"] = tuple(_target(entry) for entry in values["targets"])
        values["not_covered"] = tuple(values["not_covered"])
        receipt = cls(**values)
        _check(receipt)
        return receipt


def verify_receipt(text: str | bytes, public_key: str | bytes) -> ErasureReceipt:
    """Check that a receipt is what the holder of a key signed.

    Args:
        text: The receipt, as JSON.
        public_key: The signer's public key, base64url, PEM or 32 bytes, known from elsewhere
            than the receipt.

    Returns:
        The receipt.

    Raises:
        ReceiptError: No receipt, not signed, not by this key, or changed since.
        ConfigurationError: No public key.
    """
    return ErasureReceipt.verified(text, public_key)


def _target(entry: Mapping[str, Any]) -> TargetReceipt:
    return TargetReceipt(**{key: value for key, value in entry.items() if key not in _COMPUTED})


_TYPES: Types = {
    "status": (str,),
    "subject": (str, type(None)),
    "started": (int, float),
    "finished": (int, float),
    "id": (str,),
    "runs": (int,),
    "name": (str,),
    "kind": (str,),
    "found": (int, type(None)),
    "remaining": (int, type(None)),
    "reclaimed": (str,),
    "note": (str,),
    "error": (str, type(None)),
    "version": (str,),
    "verified_at": (int, float, type(None)),
}


def _check(receipt: ErasureReceipt) -> None:
    """Check the types of what was read; a page is made of it.

    Raises:
        TypeError: Something is of another type.
    """
    texts = [*receipt.not_covered, *receipt.versions.values()]
    texts += [] if receipt.signature is None else receipt.signature.values()
    check_types(_TYPES, [receipt, *receipt.targets], texts)
    files = [kinds for target in receipt.targets for kinds in (target.residue or {}).values()]
    if any(type(count) is not int for kinds in files for count in kinds.values()):
        raise TypeError


def _failure(target: TargetReceipt) -> str:
    return target.error or f"{target.remaining} still there"
