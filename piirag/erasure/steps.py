"""What is done to one target, step by step, each noted in the journal as soon as it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from piirag.erasure.journal import (
    COUNTED,
    DELETED,
    KEYS_DESTROYED,
    RECLAIMED,
    VERIFIED,
    Erasure,
    Journal,
    Steps,
)
from piirag.erasure.lease import Lease
from piirag.erasure.receipt import TargetReceipt
from piirag.erasure.retry import Retry
from piirag.erasure.target import ErasureTarget, Residue, Traces
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import LeaseLostError

# A delete is repeated while items keep appearing (a write that was under way when the tombstone
# was set), at most this often.
_ROUNDS = 5

_NOT_SCANNED = (
    "the files were not searched for what was deleted: what to look for is kept in memory only, "
    "and an earlier run that deleted some of it was interrupted"
)
_NOT_ASKED = "the files were not searched for what was deleted: scan=False"
_NOT_COUNTED = "nothing was done here: the store could not be read"

# Kind of target -> the package whose version the receipt names.
_PACKAGES = {
    "chroma": "chromadb",
    "faiss": "faiss-cpu",
    "lancedb": "lancedb",
    "milvus": "pymilvus",
    "pgvector": "psycopg",
    "postgres": "psycopg",
    "qdrant": "qdrant-client",
    "redis": "redis",
    "sqlite-vec": "sqlite-vec",
    "vault": "piirag",
}


class Run:
    """One run of an erasure, by the owner of its lease.

    Args:
        journal: Where steps are noted.
        erasure: What is carried out.
        lease: The lease on it.
    """

    def __init__(self, journal: Journal, erasure: Erasure, lease: Lease) -> None:
        self.erasure = erasure
        self._journal = journal
        self._lease = lease
        self._steps: Steps = journal.steps(erasure.id)

    def done(self, target: str, step: str) -> Mapping[str, Any] | None:
        """What was noted of a step, by this run or an earlier one; None if it is not done."""
        return self._steps.get((target, step))

    def targets(self) -> set[str]:
        """The targets that steps were noted for."""
        return {target for target, _ in self._steps if target}

    def mark(self, target: str, step: str, **data: Any) -> None:
        """Note a step.

        Raises:
            LeaseLostError: Another process carries the erasure out by now.
        """
        if (target, step) not in self._steps:
            lease = self._lease
            self._journal.mark(self.erasure.id, lease.owner, target, step, data, lease.seconds)
            self._steps[target, step] = data

    def held(self) -> None:
        """Check, before something that takes long, that the erasure still is ours.

        Raises:
            LeaseLostError: It is not.
        """
        if not self._journal.renew(self.erasure.id, self._lease.owner, self._lease.seconds):
            raise LeaseLostError


@dataclass
class TargetWork:
    """Erases a user from one target.

    Args:
        target: The target.
        name: What the journal calls it.
        user_id: The user.
        run: The run it belongs to.
        retry: For what the store fails at.
        scan: Whether to look in files for what was deleted, where the store can.
    """

    target: ErasureTarget
    name: str
    user_id: str = field(repr=False)
    run: Run
    retry: Retry
    scan: bool = True

    def carry_out(self, probed: tuple[int | None, str | None] | None) -> TargetReceipt:
        """Do what is not done yet, and read back what is.

        Args:
            probed: The count just taken and the error it gave; None to take it now.
        """
        self.run.held()
        now, error = probed or self._call("count")
        if error is not None:
            return self._receipt(self._found(now), None, "no", note=_NOT_COUNTED, error=error)
        self.run.mark(self.name, COUNTED, found=now)
        found = self._found(now)
        traces = self._traces(now, found)
        remaining, error = self._delete(now)
        reclaimed = "not asked"
        if self.run.erasure.physical:
            reclaimed, remaining, error = self._reclaim(remaining, error)
        residue: Residue | None = None
        note = self.target.capabilities.why_not
        if error is None and self.target.capabilities.scan:
            if traces is None:
                why = _NOT_SCANNED if self.scan else _NOT_ASKED
                note = f"{note}; {why}" if note else why
            else:
                residue, error = self.retry.run(lambda: self.target.residue(traces))
        return self._receipt(found, remaining, reclaimed, residue, note, error)

    def _found(self, now: int | None) -> int | None:
        counted = self.run.done(self.name, COUNTED)
        return now if counted is None else int(counted["found"])

    def _traces(self, now: int | None, found: int | None) -> Traces | None:
        """What to look for in files; None where some of it is gone already, or unreadable."""
        if not self.scan or not self.target.capabilities.scan or now != found:
            return None
        traces, _ = self._call("traces")
        return traces if isinstance(traces, Traces) else None

    def _delete(self, now: int | None) -> tuple[int | None, str | None]:
        if now == 0 and self.run.done(self.name, DELETED) is not None:
            self._verified()
            return 0, None
        remaining: int | None = None
        for _ in range(_ROUNDS):
            _, error = self._call("delete")
            if error is not None:
                return None, error
            self.run.mark(self.name, DELETED)
            remaining, error = self._call("count")
            if error is not None:
                return None, error
            if remaining == 0:
                self._verified()
                break
        return remaining, None

    def _verified(self) -> None:
        self.run.mark(self.name, VERIFIED)
        if isinstance(self.target, VaultTarget):
            self.run.mark(self.name, KEYS_DESTROYED)

    def _reclaim(
        self, remaining: int | None, error: str | None
    ) -> tuple[str, int | None, str | None]:
        if not self.target.capabilities.reclaim:
            return "not possible", remaining, error
        if error is not None or remaining != 0:
            return "no", remaining, error
        if self.run.done(self.name, RECLAIMED) is not None:
            return "yes", remaining, None
        self.run.held()
        _, error = self._call("reclaim")
        if error is not None:
            impossible = error == "builtins.NotImplementedError"
            return ("not possible", remaining, None) if impossible else ("no", remaining, error)
        # Whatever was rewritten has to be read again.
        remaining, error = self._call("count")
        if error is None and remaining == 0:
            self.run.mark(self.name, RECLAIMED)
        return "yes", remaining, error

    def _call(self, method: str) -> tuple[Any, str | None]:
        return self.retry.attempt(getattr(self.target, method), self.user_id)

    def _receipt(
        self,
        found: int | None,
        remaining: int | None,
        reclaimed: str,
        residue: Residue | None = None,
        note: str = "",
        error: str | None = None,
    ) -> TargetReceipt:
        if error is not None:
            remaining = None
        if not self.run.erasure.physical:
            reclaimed = "not asked"
        return TargetReceipt(
            self.target.name,
            self.target.kind,
            found,
            remaining,
            reclaimed,
            residue,
            note,
            error,
            version_of(self.target),
            None if remaining is None else round(time.time(), 3),
        )


def version_of(target: ErasureTarget) -> str:
    """The version of a target's store: its own word, or that of the package it is used by."""
    own = getattr(target, "version", None)
    if isinstance(own, str):
        return own
    package = _PACKAGES.get(target.kind)
    try:
        return "" if package is None else f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""
