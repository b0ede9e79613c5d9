"""Users who are not to come back: the list that is applied again after a restore."""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.erasure.journal import Journal, Suppressed
from piirag.erasure.receipt import ErasureReceipt
from piirag.erasure.subjects import Subjects
from piirag.erasure.verify import in_vaults
from piirag.errors import ErasureError, VaultKeyError
from piirag.user_id import check_user_id

if TYPE_CHECKING:
    from piirag.erasure.service import ErasureService

_FORMAT = "piirag-suppression-list/1"
_SUBJECT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Reapplied:
    """What applying the list again did.

    Args:
        receipts: One per user of whom something had come back, or whose tombstone was gone.
        absent: Users on the list of whom nothing was there, tombstone in place.
        unmatched: Users of whom only the hash is kept, and who were not among the candidates.
    """

    receipts: tuple[ErasureReceipt, ...]
    absent: int
    unmatched: int

    @property
    def complete(self) -> bool:
        """Whether nobody who could be looked for is left."""
        return all(receipt.complete for receipt in self.receipts)


class SuppressionList:
    """The erased users of a journal, by keyed hash, with their ids sealed under the master key.

    It grows by itself with every erasure, and `ErasureService.reinstate` takes a user off it.
    Keep an exported copy apart from the backups of the stores: a journal that is restored along
    with them has forgotten the erasures since.

    Args:
        journal: Where it is kept.
        subjects: Hashes and opens ids.
    """

    def __init__(self, journal: Journal, subjects: Subjects) -> None:
        self._journal = journal
        self._subjects = subjects

    def __len__(self) -> int:
        return len(self._journal.suppressed())

    def __contains__(self, user_id: object) -> bool:
        subject = self._subjects.subject(check_user_id(user_id))
        return any(entry.subject == subject for entry in self._journal.suppressed())

    def export_file(self, path: str | Path) -> int:
        """Write the list to a new file, mode 0600, that names nobody in clear.

        Returns:
            How many users are on it.

        Raises:
            ErasureError: There is such a file, or it cannot be written.
        """
        entries = self._journal.suppressed()
        lines = [json.dumps({"format": _FORMAT, "entries": len(entries)})]
        lines += [json.dumps(_written(entry), sort_keys=True) for entry in entries]
        reason = ""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write("\n".join(lines) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            reason = error.strerror or type(error).__name__
        if reason:
            raise ErasureError(f"the suppression list cannot be written: {reason}")
        return len(entries)

    def import_file(self, path: str | Path) -> int:
        """Add the users of an exported list; those who are on this one stay on it.

        Returns:
            How many users the file holds.

        Raises:
            ErasureError: It cannot be read, or is no such list, or was cut off. Nobody was added.
            VaultKeyError: Its ids are sealed under another master key. Nobody was added.
        """
        reason = ""
        try:
            lines = Path(path).read_text().splitlines()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
        if reason:
            raise ErasureError(f"the suppression list cannot be read: {reason}")
        entries = _read(lines)
        for entry in entries:
            if entry.sealed is not None:
                self._subjects.open(entry.subject, entry.sealed)
        self._journal.suppress(entries)
        return len(entries)

    def reseal(self) -> int:
        """Seal all ids under the newest master key; do it before an older key is dropped.

        Open erasures are resealed along.

        Returns:
            How many ids were sealed anew.

        Raises:
            VaultKeyError: One is under a master key that was not passed.
        """
        held = {(entry.subject, entry.sealed) for entry in self._journal.suppressed()}
        held |= {(entry.subject, entry.sealed) for entry in self._journal.unfinished()}
        changed = 0
        for subject, sealed in sorted((s, b) for s, b in held if b is not None):
            if not self._subjects.is_newest(sealed):
                self._journal.reseal(subject, sealed, self._subjects.sealed_anew(subject, sealed))
                changed += 1
        return changed

    def reapply(self, service: ErasureService, *, candidates: Iterable[str] = ()) -> Reapplied:
        """Erase again whoever is on the list; after stores or the vault came back from a backup.

        Args:
            service: Erases.
            candidates: Users who may have come back. Needed for those of whom only the hash is
                kept; a candidate who is not on the list is left alone.

        Returns:
            What was done.

        Raises:
            VaultKeyError: An id is sealed under a master key that was not passed; the others were
                erased.
        """
        known = {self._subjects.subject(user): user for user in candidates}
        receipts: list[ErasureReceipt] = []
        absent = unmatched = locked = 0
        for entry in self._journal.suppressed():
            user_id = known.get(entry.subject)
            if user_id is None and entry.sealed is not None:
                try:
                    user_id = self._subjects.open(entry.subject, entry.sealed)
                except VaultKeyError:
                    locked += 1
                    continue
            if user_id is None:
                unmatched += 1
            elif _is_absent(service, user_id):
                absent += 1
            else:
                receipts.append(service.erase_again(user_id))
        if locked:
            raise VaultKeyError(f"{locked} ids on the suppression list do not open with this key")
        return Reapplied(tuple(receipts), absent, unmatched)

    def __repr__(self) -> str:
        return "SuppressionList(...)"


def _is_absent(service: ErasureService, user_id: str) -> bool:
    """Whether nothing of a user is there, and every vault refuses writes."""
    if any(error is not None or found for _, found, error in service.count(user_id)):
        return False
    refused, keys = in_vaults(user_id, service)
    return refused is not False and not keys


def _written(entry: Suppressed) -> dict[str, Any]:
    sealed = None if entry.sealed is None else base64.b64encode(entry.sealed).decode()
    return {"subject": entry.subject, "sealed": sealed, "since": entry.since}


def _read(lines: list[str]) -> list[Suppressed]:
    entries: list[Suppressed] = []
    try:
        head = json.loads(lines[0])
        if head["format"] == _FORMAT and head["entries"] == len(lines) - 1:
            entries = [_entry(json.loads(line)) for line in lines[1:]]
            return entries
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, binascii.Error):
        pass
    raise ErasureError("this is no suppression list, or it was cut off")


def _entry(data: dict[str, Any]) -> Suppressed:
    subject, sealed, since = data["subject"], data["sealed"], data["since"]
    if not _SUBJECT.fullmatch(subject) or isinstance(since, bool) or not math.isfinite(since):
        raise ValueError
    return Suppressed(
        subject,
        None if sealed is None else base64.b64decode(sealed, validate=True),
        float(since),
    )
