"""What an erasure did, per target. Holds no personal data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from piirag.erasure.target import Residue

COMPLETE = "complete"
PARTIAL = "partial"
NOTHING_FOUND = "nothing found"


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
    """

    name: str
    kind: str
    found: int | None
    remaining: int | None
    reclaimed: str
    residue: Residue | None = None
    note: str = ""
    error: str | None = None

    @property
    def deleted(self) -> int:
        """Items that were there and are gone."""
        return max(0, (self.found or 0) - (self.remaining or 0))

    @property
    def verified_absent(self) -> bool:
        """Whether reading the store back showed nothing of the user."""
        return self.remaining == 0 and self.error is None


@dataclass(frozen=True)
class ErasureReceipt:
    """What an erasure did.

    Args:
        status: ``"complete"``, ``"partial"`` (run it again) or ``"nothing found"``.
        subject: Keyed hash of the user id, under a key of the vault; None where no vault was
            among the targets.
        started: Seconds since the epoch.
        finished: Seconds since the epoch.
        targets: One entry per target.
        not_covered: What an erasure like this does not reach.
    """

    status: str
    subject: str | None
    started: float
    finished: float
    targets: tuple[TargetReceipt, ...]
    not_covered: tuple[str, ...] = field(default=())

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
            state = "verified absent" if target.verified_absent else f"failed: {target.error}"
            lines.append(f"- {target.name}: {target.deleted} of {target.found} deleted, {state}")
            for file, kinds in (target.residue or {}).items():
                left = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
                lines.append(f"  still in the bytes of {file}: {left}")
            if target.note and target.residue is None:
                lines.append(f"  note: {target.note}")
        return "\n".join([*lines, f"not covered: {'; '.join(self.not_covered)}"])

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON-ready data."""
        data = asdict(self)
        for target, entry in zip(self.targets, data["targets"], strict=True):
            entry["deleted"] = target.deleted
            entry["verified_absent"] = target.verified_absent
        return data

    def to_json(self) -> str:
        """The receipt as JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True)
