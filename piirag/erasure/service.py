"""Erasing a user: tombstone, then delete and read back per target, then the keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from piirag.erasure import receipt as receipts
from piirag.erasure.receipt import ErasureReceipt, TargetReceipt
from piirag.erasure.target import ErasureTarget, Residue, Traces, as_targets
from piirag.erasure.targets import chroma as _chroma  # noqa: F401 - registers its resolver
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import ConfigurationError, InvalidUserIdError
from piirag.user_id import check_user_id

# A delete is repeated while items keep appearing (a write that was under way when the tombstone
# was set), at most this often.
_ROUNDS = 5

_NO_VAULT = (
    "no vault was among the targets: later writes are not refused, and the values behind the "
    "user's pseudonyms were not destroyed"
)
_NOT_COVERED = (
    "backups, snapshots and replicas",
    "targets that were not passed",
    "logs and traces of other systems",
)


def delete_user(user_id: str, targets: Sequence[Any], *, physical: bool = False) -> ErasureReceipt:
    """Erase a user from every target, and say truthfully what is gone.

    A tombstone is set first, so that a write that comes meanwhile is refused; each target is
    counted, deleted from and read back; the user's data key is destroyed last. Interrupted at
    any step, it is finished by calling it again; called twice, it changes nothing.

    Args:
        user_id: The user.
        targets: Vector stores, vaults, anything `as_targets` knows. Pass the vault along: without
            it there is no tombstone, and what pseudonyms stand for can still be looked up.
        physical: Also remove the deleted bytes from files, where the store can.

    Returns:
        What was done. Its status is ``"partial"`` where a target failed.

    Raises:
        InvalidUserIdError: No usable user id, or none that every target can hold; nothing was
            deleted.
        ConfigurationError: No targets, or one of an unknown kind; no target was touched.
    """
    check_user_id(user_id)
    if isinstance(targets, str) or not targets:
        raise ConfigurationError("delete_user needs a list of targets")
    resolved = _distinct([target for item in targets for target in as_targets(item)])
    vaults = [t.vault for t in resolved if isinstance(t, VaultTarget)]
    started = time.time()
    subject = vaults[0].receipt_subject(user_id) if vaults else None
    not_covered = _NOT_COVERED if vaults else (*_NOT_COVERED, _NO_VAULT)

    before = [_attempt(target.count, user_id) for target in resolved]
    unseen = not any(vault.has_user(user_id) for vault in vaults)
    if unseen and all(error is None and found == 0 for found, error in before):
        done = tuple(
            TargetReceipt(t.name, t.kind, 0, 0, "not asked" if not physical else "no")
            for t in resolved
        )
        return ErasureReceipt(
            receipts.NOTHING_FOUND, subject, started, time.time(), done, not_covered
        )
    for vault in vaults:
        vault.tombstone(user_id)
    # Keys go last: while a store still holds chunks, a crash here must leave a tombstone.
    order = sorted(range(len(resolved)), key=lambda i: isinstance(resolved[i], VaultTarget))
    entries: dict[int, TargetReceipt] = {}
    for index in order:
        entries[index] = _erase_from(resolved[index], user_id, before[index][0], physical)
    all_gone = all(entry.verified_absent for entry in entries.values())
    return ErasureReceipt(
        receipts.COMPLETE if all_gone else receipts.PARTIAL,
        subject,
        started,
        time.time(),
        tuple(entries[index] for index in range(len(resolved))),
        not_covered,
    )


def _erase_from(
    target: ErasureTarget, user_id: str, found: int | None, physical: bool
) -> TargetReceipt:
    can = target.capabilities
    traces = Traces()
    error: str | None = None
    if can.scan:
        traces, error = _attempt(target.traces, user_id, default=traces)
    remaining: int | None = None
    for _ in range(_ROUNDS):
        _, error = _attempt(target.delete, user_id)
        if error is not None:
            break
        remaining, error = _attempt(target.count, user_id)
        if error is not None or remaining == 0:
            break
    reclaimed = "not asked"
    if physical:
        reclaimed = "not possible"
        if can.reclaim and error is None:
            _, error = _attempt(target.reclaim, user_id)
            reclaimed = "yes" if error is None else "no"
    residue: Residue | None = None
    if can.scan and error is None:
        residue, error = _attempt(target.residue, traces)
    if error is not None:
        remaining = None
    return TargetReceipt(
        target.name, target.kind, found, remaining, reclaimed, residue, can.why_not, error
    )


def _attempt(call: Any, argument: Any, default: Any = None) -> tuple[Any, str | None]:
    """Call a target; an exception becomes its type's name, since its message may hold data."""
    try:
        return call(argument), None
    except InvalidUserIdError:
        raise
    except Exception as failed:  # noqa: BLE001 - any failure makes the receipt partial
        return default, f"{type(failed).__module__}.{type(failed).__qualname__}"


def _distinct(targets: list[ErasureTarget]) -> list[ErasureTarget]:
    """Each store once: several targets may share a vault, and an index holds its docstore."""
    seen: set[Any] = set()
    kept = []
    for target in targets:
        identity = getattr(target, "identity", id(target))
        if identity not in seen:
            seen.add(identity)
            kept.append(target)
    return kept
