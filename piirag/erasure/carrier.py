"""Carrying an erasure out: the lease, the order of the targets, the receipt at the end."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from piirag.erasure import receipt as receipts
from piirag.erasure.covering import Mask, numbered
from piirag.erasure.journal import TOMBSTONE, Erasure, Journal, Suppressed
from piirag.erasure.lease import Lease
from piirag.erasure.receipt import ErasureReceipt, TargetReceipt
from piirag.erasure.retry import Retry
from piirag.erasure.steps import Run, TargetWork, version_of
from piirag.erasure.subjects import Subjects
from piirag.erasure.target import ErasureTarget
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import LeaseLostError
from piirag.vault.vault import Vault

if TYPE_CHECKING:
    from piirag.erasure.signing import SigningKey

_POLL = 0.05
_POLL_LONGEST = 1.0
_GONE = "piirag.errors.ConfigurationError"
_GONE_NOTE = "this target was part of the erasure and is not among the service's targets any more"

Probe = list[tuple[int | None, str | None]]
"""Per target how many items it holds, and the type of the error where it could not be counted."""


@dataclass
class Carrier:
    """Carries erasures out over a fixed set of targets.

    Args:
        targets: What is erased from.
        vaults: Those of the targets that are vaults.
        subjects: Hashes users.
        journal: Where steps are noted.
        retry: For what stores fail at.
        lease: Seconds a lease runs.
        keep_ids: Put sealed ids on the suppression list.
        signing_key: Signs receipts.
        not_covered: What receipts say is not covered.
    """

    targets: list[ErasureTarget]
    vaults: list[Vault]
    subjects: Subjects
    journal: Journal
    retry: Retry
    lease: float
    keep_ids: bool
    signing_key: SigningKey | None
    not_covered: Callable[[], tuple[str, ...]]

    def run(
        self,
        erasure: Erasure,
        user_id: str,
        *,
        wait: float,
        probe: Probe | None = None,
        scan: bool = True,
    ) -> ErasureReceipt | None:
        """Carry an erasure out, or wait for whoever does; None where that took too long."""
        deadline = time.monotonic() + wait
        pause = _POLL
        while True:
            if erasure.status == receipts.COMPLETE and erasure.receipt is not None:
                return ErasureReceipt.from_json(erasure.receipt)
            lease = Lease(self.journal, erasure.id, self.lease)
            if lease.acquire():
                # What was counted before somebody else was at it is out of date.
                fresh = probe if erasure.runs == 0 else None
                erasure = self.journal.get(erasure.id)
                try:
                    with lease:
                        return self._carry_out(
                            Run(self.journal, erasure, lease),
                            lease,
                            user_id,
                            fresh,
                            scan or erasure.physical,
                        )
                except LeaseLostError:
                    pass
            elif time.monotonic() > deadline:
                return None
            else:
                time.sleep(pause)
                pause = min(pause * 1.5, _POLL_LONGEST)
            before, erasure = erasure, self.journal.get(erasure.id)
            if erasure.receipt is not None and erasure.finished != before.finished:
                return ErasureReceipt.from_json(erasure.receipt)

    def _carry_out(
        self, run: Run, lease: Lease, user_id: str, probe: Probe | None, scan: bool
    ) -> ErasureReceipt:
        entries: dict[int, TargetReceipt] = {}
        # The journal names no user, and a store may be named for one.
        names = numbered(map(Mask(user_id).text, (target.name for target in self.targets)))
        barred = self._tombstone(run, user_id)
        # Keys go last: while a store still holds chunks, a crash here must leave a tombstone.
        order = sorted(
            range(len(self.targets)), key=lambda i: isinstance(self.targets[i], VaultTarget)
        )
        for index in order:
            work = TargetWork(self.targets[index], names[index], user_id, run, self.retry, scan)
            entries[index] = work.carry_out(None if probe is None else probe[index])
        done = [entries[index] for index in range(len(self.targets))]
        done += [_missing(name) for name in sorted(run.targets() - set(names))]
        gone = barred and all(entry.verified_absent for entry in done)
        status = receipts.COMPLETE if gone else receipts.PARTIAL
        erasure = run.erasure
        receipt = self._receipt(status, user_id, erasure.started, done, erasure.id, erasure.runs)
        self.journal.finish(erasure.id, lease.owner, status, receipt.to_json())
        return receipt

    def _tombstone(self, run: Run, user_id: str) -> bool:
        """Have writes refused in every vault, and the user put on the suppression list."""
        barred = True
        for vault in self.vaults:
            # Again in a resumed run: a tombstone costs little, and a vault may have been restored.
            _, error = self.retry.attempt(vault.tombstone, user_id)
            barred = barred and error is None
        if self.vaults:
            kept = run.erasure.sealed if self.keep_ids else None
            since = round(run.erasure.started, 3)
            self.journal.suppress([Suppressed(run.erasure.subject, kept, since)])
        if barred:
            run.mark("", TOMBSTONE)
        return barred

    def nothing_found(self, user_id: str, started: float, physical: bool) -> ErasureReceipt:
        """The receipt of an erasure that found nothing and did nothing."""
        reclaimed = "no" if physical else "not asked"
        now = round(time.time(), 3)
        entries = [
            TargetReceipt(
                t.name,
                t.kind,
                0,
                0,
                reclaimed,
                # No key was destroyed.
                note="" if isinstance(t, VaultTarget) else t.capabilities.why_not,
                version=version_of(t),
                verified_at=now,
            )
            for t in self.targets
        ]
        status = receipts.NOTHING_FOUND
        return self._receipt(status, user_id, started, entries, uuid.uuid4().hex, 1)

    def _receipt(
        self,
        status: str,
        user_id: str,
        started: float,
        entries: list[TargetReceipt],
        id: str,
        runs: int,
    ) -> ErasureReceipt:
        from piirag import __version__

        mask = Mask(user_id)
        receipt = ErasureReceipt(
            status,
            self.subjects.subject(user_id) if self.vaults else None,
            round(started, 3),
            round(time.time(), 3),
            tuple(mask.target(entry) for entry in entries),
            tuple(mask.text(text) for text in self.not_covered()),
            id,
            runs,
            {"piirag": __version__, "python": platform.python_version()},
        )
        return receipt if self.signing_key is None else receipt.signed(self.signing_key)


def _missing(name: str) -> TargetReceipt:
    return TargetReceipt(name, "unknown", None, None, "no", note=_GONE_NOTE, error=_GONE)
