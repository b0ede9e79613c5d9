"""Receipts: those in the journal of erasures, and those in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from piirag.erasure.journal import Journal
from piirag.errors import ReceiptError, RetentionError
from piirag.governance.retention.policy import RECEIPTS

_LONGEST = 16 * 1024 * 1024


class JournalTarget:
    """Deletes complete erasures, their steps and their receipts from the journal.

    An erasure that is open or partial stays, and so does the suppression list, which keeps erased
    users from coming back with a backup.

    Args:
        journal: The journal.
        name: What the receipt calls it.
    """

    kind = RECEIPTS
    ends = False
    native = ""

    def __init__(self, journal: Journal, *, name: str = "journal of erasures") -> None:
        self._journal = journal
        self.name = name
        self.identity = (self.kind, id(journal))

    def expire(self, before: float) -> int:
        """Delete erasures that were complete before a moment."""
        return self._journal.expire(before)

    def count(self, before: float) -> int:
        """How many erasures `expire` would delete."""
        return self._journal.count_before(before)

    def __repr__(self) -> str:
        return "JournalTarget(...)"


class ReceiptFolder:
    """Deletes receipts of erasures and of retention runs from a folder.

    A file goes with the page of the same name beside it. The receipt of a partial erasure stays,
    and so does every file that is no receipt.

    Args:
        folder: The folder, such as the one of ``piirag delete-user --receipts``.
        name: What the receipt calls it.
    """

    kind = RECEIPTS
    ends = False
    native = ""

    def __init__(self, folder: str | Path, *, name: str = "folder of receipts") -> None:
        self._folder = Path(folder)
        self.name = name
        self.identity = (self.kind, str(self._folder.absolute()))

    def expire(self, before: float) -> int:
        """Delete receipts of what ended before a moment.

        Raises:
            RetentionError: A file cannot be read or deleted.
        """
        gone = 0
        for path in self._over(before):
            reason = ""
            try:
                path.with_suffix(".html").unlink(missing_ok=True)
                path.unlink()
                gone += 1
            except FileNotFoundError:
                pass  # another run was faster
            except OSError as error:
                reason = type(error).__name__
            if reason:
                raise RetentionError(f"a receipt cannot be deleted: {reason}", gone)
        return gone

    def count(self, before: float) -> int:
        """How many receipts `expire` would delete."""
        return sum(1 for _ in self._over(before))

    def _over(self, before: float) -> Iterator[Path]:
        for path in sorted(self._folder.glob("*.json")):
            ended = _ended(path)
            if ended is not None and ended < before:
                yield path

    def __repr__(self) -> str:
        return "ReceiptFolder(...)"


def _ended(path: Path) -> float | None:
    """When what a receipt tells of ended; None for what is to stay."""
    from piirag.erasure.receipt import PARTIAL, ErasureReceipt
    from piirag.governance.retention.receipt import RetentionReceipt

    reason = ""
    try:
        if path.is_symlink() or path.stat().st_size > _LONGEST:
            return None
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = type(error).__name__
    if reason:
        raise RetentionError(f"a file among the receipts cannot be read: {reason}")
    kinds: tuple[Any, ...] = (ErasureReceipt, RetentionReceipt)
    for kind in kinds:
        try:
            receipt = kind.from_json(text)
        except ReceiptError:
            continue
        open_still = kind is ErasureReceipt and receipt.status == PARTIAL
        return None if open_still else float(receipt.finished)
    return None
