"""What a retention run deleted. Holds no personal data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from piirag.erasure.signed import SignedReceipt, Types, check_types

COMPLETE = "complete"
PARTIAL = "partial"
BUSY = "busy"
FORMAT = "piirag-retention-receipt/1"

_STATUS = frozenset({COMPLETE, PARTIAL, BUSY})
_DAY = 86_400.0


@dataclass(frozen=True)
class ExpiredTarget:
    """What a run did to one target.

    Args:
        name: The target.
        kind: The kind of data.
        period: How long this kind is kept, in seconds; None for ever, and then nothing was done.
        before: What was written before this moment, or ended by it, was deleted; seconds since
            the epoch. None where nothing was done.
        deleted: How many items were deleted.
        over: How many there are to be deleted, in a dry run; None where the store cannot tell.
        native: What deletes besides, by itself; empty where nothing does.
        error: Qualified name of the exception that stopped it, or None.
        note: What else is to be known, such as how many items have no time; empty where nothing.
    """

    name: str
    kind: str
    period: float | None
    before: float | None
    deleted: int = 0
    over: int | None = None
    native: str = ""
    error: str | None = None
    note: str = ""


@dataclass(frozen=True)
class RetentionReceipt(SignedReceipt):
    """What a retention run did.

    Args:
        status: ``"complete"``, ``"partial"`` (a target failed; the next run tries again) or
            ``"busy"`` (another run was under way; nothing was done).
        started: Seconds since the epoch.
        finished: Seconds since the epoch.
        targets: One entry per target.
        dry_run: Whether items were counted only.
        id: Name of the run.
        versions: Of piirag and of Python.
        signature: Of all the rest, or None.
    """

    FORMAT: ClassVar[str] = FORMAT
    NAME: ClassVar[str] = "receipt of a retention run"

    status: str
    started: float
    finished: float
    targets: tuple[ExpiredTarget, ...]
    dry_run: bool = False
    id: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    signature: Mapping[str, str] | None = None

    @property
    def complete(self) -> bool:
        """Whether every target was expired."""
        return self.status == COMPLETE

    @property
    def deleted(self) -> int:
        """Items deleted, over all targets."""
        return sum(target.deleted for target in self.targets)

    def __str__(self) -> str:
        what = "retention, dry run" if self.dry_run else f"retention {self.status}"
        if self.status == BUSY:
            return "retention: another run is under way, nothing was done"
        total = sum(t.over or 0 for t in self.targets) if self.dry_run else self.deleted
        lines = [f"{what}: {total} items {'are over' if self.dry_run else 'deleted'}"]
        for target in self.targets:
            lines.append(f"- {target.name} ({target.kind}, kept {told(target.period)}): ")
            lines[-1] += self._done(target) + (f"; {target.note}" if target.note else "")
        return "\n".join(lines)

    def _done(self, target: ExpiredTarget) -> str:
        if target.error is not None:
            return f"failed: {target.error}, {target.deleted} deleted"
        if target.before is None:
            return "nothing is over"
        if not self.dry_run:
            return f"{target.deleted} deleted"
        return "not counted" if target.over is None else f"{target.over} are over"

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON-ready data."""
        data = self._labelled(asdict(self))
        data["targets"] = list(data["targets"])
        data["deleted"] = self.deleted
        return data

    @classmethod
    def _parsed(cls, values: dict[str, Any]) -> Self:
        values["targets"] = tuple(ExpiredTarget(**entry) for entry in values["targets"])
        receipt = cls(**values)
        _check(receipt)
        return receipt


def verify_retention_receipt(text: str | bytes, public_key: str | bytes) -> RetentionReceipt:
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
    return RetentionReceipt.verified(text, public_key)


def told(seconds: float | None) -> str:
    """A period for people."""
    if seconds is None:
        return "for ever"
    if seconds == 0:
        return "until they end"
    if seconds >= _DAY:
        return f"{seconds / _DAY:g} days"
    return f"{seconds / 60:g} minutes"


_TYPES: Types = {
    "status": (str,),
    "started": (int, float),
    "finished": (int, float),
    "dry_run": (bool,),
    "id": (str,),
    "name": (str,),
    "kind": (str,),
    "period": (int, float, type(None)),
    "before": (int, float, type(None)),
    "deleted": (int,),
    "over": (int, type(None)),
    "native": (str,),
    "error": (str, type(None)),
    "note": (str,),
}


def _check(receipt: RetentionReceipt) -> None:
    texts = [*receipt.versions.values()]
    texts += [] if receipt.signature is None else receipt.signature.values()
    check_types(_TYPES, [receipt, *receipt.targets], texts)
    if receipt.status not in _STATUS:
        raise TypeError
