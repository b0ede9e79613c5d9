"""Going through everything that is kept for a time, once."""

from __future__ import annotations

import math
import platform
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.config_file import DEFAULT_FILE
from piirag.conversations.retention import Clock, RetentionSweeper
from piirag.errors import ConfigurationError, InvalidInputError, PiiragError, RetentionError
from piirag.governance.retention.locks import RunLock, ThreadLock
from piirag.governance.retention.policy import AUDIT, RetentionPolicy
from piirag.governance.retention.receipt import (
    BUSY,
    COMPLETE,
    PARTIAL,
    ExpiredTarget,
    RetentionReceipt,
)
from piirag.governance.retention.target import RetentionTarget, as_retention_targets

if TYPE_CHECKING:
    from piirag.erasure.signing import SigningKey


class RetentionRunner:
    """Deletes what is over from every target, and keeps a receipt of it.

    A target that fails does not keep the others from their turn. Of several runs at once, one
    works and the others do nothing, where they share a lock.

    ```
    runner = RetentionRunner([histories, vault, journal, store], policy=RetentionPolicy())
    print(runner.run())                   # once
    with runner.start(every=3600):        # or from time to time, in a thread
        ...
    ```

    Args:
        targets: Retention targets, or what `as_retention_targets` knows: stores of conversations,
            a vault, the journal of erasures, an audit log, vector stores.
        policy: How long what is kept.
        signing_key: Signs the receipts; None for receipts without a signature.
        receipts: A folder that exists, for the receipts of runs that deleted something or were
            partial: ``retention-ID.json``. None to keep them nowhere.
        audit: An audit log that is told of each run, under the id of its receipt.
        lock: Shared with other processes; by default, only the threads of this runner exclude
            each other.
        clock: Seconds since the epoch; for tests.
        on_close: Called by `close`.

    Raises:
        ConfigurationError: No target, one that is not known, or a kind of data that the policy
            has no period for.
    """

    def __init__(
        self,
        targets: Iterable[Any],
        *,
        policy: RetentionPolicy | None = None,
        signing_key: SigningKey | None = None,
        receipts: str | Path | None = None,
        audit: Any = None,
        lock: RunLock | None = None,
        clock: Clock = time.time,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.policy = policy or RetentionPolicy()
        self.targets = _once(t for item in targets for t in as_retention_targets(item))
        if not self.targets:
            raise ConfigurationError("a retention runner needs targets")
        for target in self.targets:
            self._period(target)
        self._key = signing_key
        self._receipts = None if receipts is None else Path(receipts)
        if self._receipts is not None and not self._receipts.is_dir():
            raise ConfigurationError("the folder for receipts does not exist")
        self._audit = audit
        self._lock = lock or ThreadLock()
        self._clock = clock
        self._on_close = on_close

    @classmethod
    def from_file(cls, path: str | Path = DEFAULT_FILE, **options: Any) -> RetentionRunner:
        """The runner that a `piirag.toml` describes; see `configured`.

        Raises:
            ConfigurationError: The file is wrong.
        """
        from piirag.governance.retention.configured import open_runner

        return open_runner(path, **options)

    def run(self, now: float | None = None, *, dry_run: bool = False) -> RetentionReceipt:
        """Go through all targets once.

        Args:
            now: Seconds since the epoch; the clock's time if None.
            dry_run: Count what is over, and delete nothing.

        Returns:
            What was done.

        Raises:
            InvalidInputError: `now` is no moment.
            RetentionError: The lock cannot be used, or the receipt cannot be kept; the error says
                how many items were deleted.
        """
        started = float(self._clock())
        moment = started if now is None else float(now)
        if not math.isfinite(moment):
            raise InvalidInputError("now is a moment: seconds since the epoch")
        if not dry_run and not self._lock.acquire():
            return self._receipt(started, [], BUSY, dry_run)
        try:
            done = [self._expire(target, moment, dry_run) for target in self.targets]
        finally:
            if not dry_run:
                self._lock.release()
        if dry_run:
            return self._receipt(started, done, None, dry_run)
        id = uuid.uuid4().hex
        failed = self._tell(id, started, done)
        receipt = self._receipt(started, [*done, *failed], None, dry_run, id)
        self._keep(receipt)
        return receipt

    def sweep(self, now: float | None = None) -> int:
        """As `run`; for `RetentionSweeper`.

        Returns:
            How many items were deleted.

        Raises:
            RetentionError: A target failed; the others were expired all the same.
        """
        receipt = self.run(now)
        if receipt.status == PARTIAL:
            failed = [f"{t.name}: {t.error}" for t in receipt.targets if t.error is not None]
            raise RetentionError("; ".join(failed), receipt.deleted)
        return receipt.deleted

    def start(self, *, every: float = 3600.0) -> RetentionSweeper:
        """Run from time to time, in a thread of its own; `stop` ends it.

        Args:
            every: Seconds between two runs.
        """
        return RetentionSweeper([self], every=every).start()

    def close(self) -> None:
        """Release what `from_file` opened."""
        if self._on_close is not None:
            self._on_close()

    def _period(self, target: RetentionTarget) -> float | None:
        own: float | None = getattr(target, "seconds", None)
        if own is not None and target.kind not in self.policy.kinds():
            return own
        limits = [self.policy.seconds(target.kind), getattr(target, "own_limit", None)]
        return min((limit for limit in limits if limit is not None), default=None)

    def plan(self) -> list[ExpiredTarget]:
        """Every target with its period; nothing is counted or deleted."""
        return [
            ExpiredTarget(t.name, t.kind, self._period(t), None, native=_native(t))
            for t in self.targets
        ]

    def _expire(self, target: RetentionTarget, now: float, dry_run: bool) -> ExpiredTarget:
        period = self._period(target)
        # What carries its end goes at its end, however long things of its kind may be kept.
        before = now if target.ends else None if period is None else now - period
        deleted, over, error, note = 0, None, None, ""
        try:
            native = _native(target)
            if before is not None and dry_run:
                counted = getattr(target, "count", None)
                over = counted(before) if callable(counted) else None
            elif before is not None:
                deleted = target.expire(before)
            noted = getattr(target, "note", None)
            if before is not None and callable(noted):
                note = str(noted())
        except RetentionError as failed:
            deleted, error = failed.deleted, _named(failed)
        except Exception as failed:  # noqa: BLE001 - told in the receipt, tried again next time
            error = _named(failed)
        return ExpiredTarget(
            target.name, target.kind, period, before, deleted, over, native, error, note
        )

    def _tell(self, id: str, started: float, done: list[ExpiredTarget]) -> list[ExpiredTarget]:
        """Write a record of the run into the audit log; what to add to the receipt if it fails."""
        if self._audit is None:
            return []
        error = next((t.error for t in done if t.error is not None), None)
        at = datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds")
        record = {
            "event": "retention",
            "time": at.replace("+00:00", "Z"),
            # The receipt of this name has the counts.
            "request_id": id,
            "duration_s": max(0.0, float(self._clock()) - started),
            "outcome": "ok" if error is None else "error",
            "error.type": error,
        }
        try:
            self._audit.write({key: value for key, value in record.items() if value is not None})
        except Exception as failed:  # noqa: BLE001 - told in the receipt: what was done is done
            return [ExpiredTarget("record of this run", AUDIT, None, None, error=_named(failed))]
        return []

    def _receipt(
        self,
        started: float,
        done: list[ExpiredTarget],
        status: str | None,
        dry_run: bool,
        id: str = "",
    ) -> RetentionReceipt:
        from piirag import __version__

        failed = any(target.error is not None for target in done)
        receipt = RetentionReceipt(
            status or (PARTIAL if failed else COMPLETE),
            started,
            float(self._clock()),
            tuple(done),
            dry_run,
            id or uuid.uuid4().hex,
            {"piirag": __version__, "python": platform.python_version()},
        )
        return receipt if self._key is None else receipt.signed(self._key)

    def _keep(self, receipt: RetentionReceipt) -> None:
        if self._receipts is None or not (receipt.deleted or receipt.status == PARTIAL):
            return
        from piirag.erasure.export_write import Draft

        reason = ""
        try:
            draft = Draft(self._receipts / f"retention-{receipt.id}.json")
            try:
                draft.file.write(receipt.to_json() + "\n")
                draft.finish()
            finally:
                draft.drop()
        except (OSError, PiiragError) as error:
            reason = type(error).__name__
        if reason:
            raise RetentionError(
                f"the receipt of a retention run cannot be kept: {reason}", receipt.deleted
            )

    def __repr__(self) -> str:
        return f"RetentionRunner({len(self.targets)} targets)"


def _once(targets: Iterable[RetentionTarget]) -> tuple[RetentionTarget, ...]:
    """Of targets with the same identity, the first."""
    found: dict[Any, RetentionTarget] = {}
    for target in targets:
        found.setdefault(getattr(target, "identity", id(target)), target)
    return tuple(found.values())


def _native(target: RetentionTarget) -> str:
    return str(getattr(target, "native", ""))


def _named(error: BaseException) -> str:
    """The type of an exception; of one that stands for a driver's, the driver's."""
    own = getattr(error, "error_type", None)
    return own if isinstance(own, str) else f"{type(error).__module__}.{type(error).__qualname__}"
