"""What a retention run deleted. Holds no personal data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from piirag.errors import ReceiptError

if TYPE_CHECKING:
    from piirag.erasure.signing import SigningKey

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
    """

    name: str
    kind: str
    period: float | None
    before: float | None
    deleted: int = 0
    over: int | None = None
    native: str = ""
    error: str | None = None


@dataclass(frozen=True)
class RetentionReceipt:
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
            lines[-1] += self._done(target)
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
        data = asdict(self)
        data["format"] = FORMAT
        data["versions"] = dict(self.versions)
        data["targets"] = list(data["targets"])
        data["deleted"] = self.deleted
        if self.signature is None:
            del data["signature"]
        else:
            data["signature"] = dict(self.signature)
        return data

    def to_json(self) -> str:
        """The receipt as JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True)

    def signed(self, key: SigningKey) -> RetentionReceipt:
        """The same receipt, signed."""
        return replace(self, signature=key.signature(self.to_dict()))

    @classmethod
    def from_json(cls, text: str | bytes) -> RetentionReceipt:
        """Read a receipt; the signature is not checked, see `verify_retention_receipt`.

        Raises:
            ReceiptError: This is no receipt, or one of another version.
        """
        from piirag.erasure.signing import read_json

        return cls._from_dict(read_json(text))

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> RetentionReceipt:
        try:
            if data["format"] == FORMAT:
                known = {f.name for f in fields(cls)}
                values = {key: data[key] for key in data if key in known}
                values["targets"] = tuple(ExpiredTarget(**entry) for entry in data["targets"])
                receipt = cls(**values)
                _check(receipt)
                # What is computed must be what the receipt says, and nothing may stand beside.
                if receipt.to_dict() == data:
                    return receipt
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        raise ReceiptError("this is no receipt of a retention run, or one of another version")


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
    from piirag.erasure.signing import check_signature

    return RetentionReceipt._from_dict(check_signature(text, public_key))


def told(seconds: float | None) -> str:
    """A period for people."""
    if seconds is None:
        return "for ever"
    if seconds == 0:
        return "until they end"
    if seconds >= _DAY:
        return f"{seconds / _DAY:g} days"
    return f"{seconds / 60:g} minutes"


_TYPES: dict[str, tuple[type, ...]] = {
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
}


def _check(receipt: RetentionReceipt) -> None:
    parts = [vars(receipt), *(vars(target) for target in receipt.targets)]
    for name, value in (pair for part in parts for pair in part.items()):
        if name in _TYPES and (type(value) not in _TYPES[name] or value in (math.inf, -math.inf)):
            raise TypeError
    texts = [*receipt.versions.values()]
    texts += [] if receipt.signature is None else receipt.signature.values()
    if receipt.status not in _STATUS or any(type(text) is not str for text in texts):
        raise TypeError
