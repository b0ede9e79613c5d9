"""Erasing users: tombstone, then delete and read back per target, then the keys, then a receipt."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.erasure import receipt as receipts
from piirag.erasure.carrier import Carrier, Probe
from piirag.erasure.covering import KEY_IN_BACKUP, NO_VAULT, NOT_COVERED, Mask, left_out, resolve
from piirag.erasure.data_subjects import DataSubjectMethods
from piirag.erasure.journal import Journal
from piirag.erasure.journal_sqlite import MemoryJournal, SQLiteJournal
from piirag.erasure.known_sinks import in_sight
from piirag.erasure.progress import shown
from piirag.erasure.receipt import ErasureReceipt
from piirag.erasure.retry import NO_RETRY, Retry
from piirag.erasure.subject_journal import resumed
from piirag.erasure.subjects import Subjects
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import ConfigurationError, ErasureError, PiiragError
from piirag.user_id import check_user_id
from piirag.vault.vault import Vault

if TYPE_CHECKING:
    from piirag.erasure.signing import SigningKey
    from piirag.erasure.suppression import SuppressionList
    from piirag.erasure.verify import Verification


def delete_user(
    user_id: str,
    targets: Sequence[Any],
    *,
    physical: bool = False,
    scan: bool = True,
    signing_key: SigningKey | None = None,
    not_covered: Sequence[Any] = (),
) -> ErasureReceipt:
    """Erase a user from every target, and say truthfully what is gone.

    A tombstone is set first, so that a write that comes meanwhile is refused; each target is
    counted, deleted from and read back; the user's data key is destroyed last. Interrupted at
    any step, it is finished by calling it again; called twice, it changes nothing. It keeps no
    journal and tries nothing twice: `ErasureService` does.

    Args:
        user_id: The user.
        targets: Vector stores, vaults, anything `as_targets` knows. Pass the vault along: without
            it there is no tombstone, and what pseudonyms stand for can still be looked up.
        physical: Also remove the deleted bytes from files, where the store can.
        scan: Look in files for what was deleted, where the store can. Without it an erasure takes
            about as long as the stores need to count, delete and count again; the receipt says
            that nobody looked. Never left out where `physical` is asked for.
        signing_key: Signs the receipt.
        not_covered: Known places of data that are no targets: descriptions, or objects. The
            receipt names them.

    Returns:
        What was done. Its status is ``"partial"`` where a target failed.

    Raises:
        InvalidUserIdError: No usable user id, or none that every target can hold; nothing was
            deleted.
        ConfigurationError: No targets, or one of an unknown kind; no target was touched.
    """
    check_user_id(user_id)
    service = ErasureService(
        targets, signing_key=signing_key, not_covered=not_covered, retry=NO_RETRY
    )
    return service.delete_user(user_id, physical=physical, scan=scan)


class ErasureService(DataSubjectMethods):
    """Erases users from a fixed set of targets, with a journal.

    Several processes may run one over the same journal: an erasure is carried out by one of them
    at a time, and taken over by another where its process died.

    Args:
        targets: Vector stores, vaults, anything `as_targets` knows.
        journal: A `Journal`, or the path of a SQLite file. None for one in memory: then an
            interrupted erasure is finished by asking for it again.
        vault: Gives the keys of hashes and seals, keeps the tombstones, and is erased from as
            well. The first vault among the targets if None.
        signing_key: Signs receipts.
        not_covered: Known places of data that are no targets: descriptions, or objects. Receipts
            name them.
        retry: How stores that fail are tried again.
        lease: Seconds after which another process may take over from one that died.
        keep_ids: Keep erased users' ids, sealed, on the suppression list. Without them the list
            holds hashes only, and who is to be looked for after a restore has to be passed.

    Raises:
        ConfigurationError: No targets, one of an unknown kind, one that does not delete, or a
            journal that outlives the process without a vault whose key could seal what it needs.
        JournalError: The journal cannot be opened.
    """

    def __init__(
        self,
        targets: Sequence[Any],
        *,
        journal: Journal | str | Path | None = None,
        vault: Vault | None = None,
        signing_key: SigningKey | None = None,
        not_covered: Sequence[Any] = (),
        retry: Retry | None = None,
        lease: float = 60.0,
        keep_ids: bool = True,
    ) -> None:
        if vault is not None and not isinstance(vault, Vault):
            raise ConfigurationError("vault must be a Vault")
        if lease <= 0:
            raise ConfigurationError("a lease runs for some seconds")
        if vault is not None and not isinstance(targets, (str, bytes, type(None))):
            targets = [*targets, vault]
        self.targets = resolve(targets)
        self.vaults = [t.vault for t in self.targets if isinstance(t, VaultTarget)]
        self.subjects = Subjects(vault or next(iter(self.vaults), None))
        if isinstance(journal, (str, Path)):
            journal = SQLiteJournal(journal)
        self.journal: Journal = MemoryJournal() if journal is None else journal
        if self.journal.durable and not self.vaults:
            raise ConfigurationError(
                "a journal that outlives the process needs a vault, whose key seals the user ids"
            )
        self.retry = retry or Retry()
        self.lease = lease
        self.signing_key = signing_key
        self._left_out = left_out(not_covered, self.targets)
        base = (*NOT_COVERED, KEY_IN_BACKUP) if self.vaults else (*NOT_COVERED, NO_VAULT)
        self._carrier = Carrier(
            self.targets,
            self.vaults,
            self.subjects,
            self.journal,
            self.retry,
            lease,
            keep_ids,
            signing_key,
            lambda: (*self.left_out, *base),
        )

    @property
    def left_out(self) -> tuple[str, ...]:
        """Known places of data that are no targets: those that were passed, and caches that are
        set for the whole process now."""
        return tuple(dict.fromkeys((*self._left_out, *in_sight(self.targets))))

    def count(self, user_id: str) -> list[tuple[str, int | None, str | None]]:
        """What an erasure would find; nothing is changed.

        Returns:
            Per target its name, how many items there are, and the type of the error where it
            could not be counted.

        Raises:
            InvalidUserIdError: No usable user id, or none that every target can hold.
        """
        mask = Mask(check_user_id(user_id))
        probe = self._probe(user_id)
        return [(mask.text(t.name), *p) for t, p in zip(self.targets, probe, strict=True)]

    def delete_user(
        self, user_id: str, *, physical: bool = False, scan: bool = True, wait: float = 600.0
    ) -> ErasureReceipt:
        """Erase a user; or finish the erasure of this user that was interrupted.

        A user of whom no target and no vault knows anything is left alone, without a tombstone.

        Args:
            user_id: The user.
            physical: Also remove the deleted bytes from files, where the store can.
            scan: Look in files for what was deleted, where the store can. Without it an erasure
                takes about as long as the stores need to count, delete and count again; the
                receipt says that nobody looked. Never left out where `physical` is asked for.
            wait: Seconds to wait for another process that is erasing this user; its receipt is
                then this one's.

        Returns:
            What was done. Its status is ``"partial"`` where a target failed; `resume` or the same
            call again finishes it.

        Raises:
            InvalidUserIdError: No usable user id, or none that every target can hold; nothing was
                deleted.
            JournalError: The journal cannot be read or written; what was begun can be resumed.
            ErasureError: Another process is erasing this user and did not finish in time.
        """
        check_user_id(user_id)
        return self._delete(user_id, physical=physical, scan=scan, wait=wait, always=False)

    def delete_users(
        self,
        user_ids: Iterable[str],
        *,
        physical: bool = False,
        scan: bool = True,
        wait: float = 600.0,
        progress: bool = False,
    ) -> list[ErasureReceipt]:
        """Erase many users, one after the other.

        Args:
            user_ids: The users; one who is in it twice is erased once.
            physical: Also remove the deleted bytes from files, where the stores can.
            scan: As in `delete_user`.
            wait: As in `delete_user`.
            progress: Show a progress bar on standard error. It names no user.

        Returns:
            One receipt per user, in their order.

        Raises:
            InvalidUserIdError: One of them is no usable user id. Where every target would refuse
                it, nobody was deleted.
            JournalError: The journal cannot be read or written.
            ErasureError: As in `delete_user`.
        """
        if isinstance(user_ids, (str, bytes)):
            raise ConfigurationError("delete_users takes a list of user ids")
        users = list(dict.fromkeys(check_user_id(user) for user in user_ids))
        return [
            self._delete(user, physical=physical, scan=scan, wait=wait, always=False)
            for user in shown(users, "erasing users", progress)
        ]

    def resume(self, *, wait: float = 0.0, progress: bool = False) -> list[ErasureReceipt]:
        """Finish the erasures that were interrupted or in which a target failed.

        Those that another process is at are left to it. One that died counts as being at it until
        its lease runs out.

        Args:
            wait: Seconds to wait, per erasure, for such a process.
            progress: Show a progress bar on standard error.

        Returns:
            One receipt per erasure that was resumed.

        Raises:
            VaultKeyError: Some are sealed under a master key that was not passed; the others were
                resumed.
            JournalError: The journal cannot be read or written.
        """
        done = []
        wrong: PiiragError | None = None
        for erasure in shown(self.journal.unfinished(), "resuming erasures", progress):
            if erasure.sealed is None:
                continue
            try:
                person = self.subjects.open_request(erasure.subject, erasure.sealed)
                if person is not None:
                    receipt = resumed(self, erasure.id, person)
                else:
                    user_id = self.subjects.open(erasure.subject, erasure.sealed)
                    receipt = None
            except PiiragError as error:
                wrong = error
                continue
            if person is None:
                receipt = self._carrier.run(erasure, user_id, wait=wait)
            if receipt is not None:
                done.append(receipt)
        if wrong is not None:
            raise wrong
        return done

    def reinstate(self, user_id: str) -> bool:
        """Let an erased user come back: no tombstone, and off the suppression list.

        Returns:
            Whether the user had been erased.
        """
        listed = self.journal.unsuppress(self.subjects.subject(user_id))
        erased = [vault.reinstate(user_id) for vault in self.vaults]
        return listed or any(erased)

    def verify(self, user_id: str, *, texts: Sequence[str] = ()) -> Verification:
        """Look again, at any time, whether anything of a user is there. See `verify_erasure`."""
        from piirag.erasure.verify import verify_erasure

        return verify_erasure(user_id, self, texts=texts)

    @property
    def suppression(self) -> SuppressionList:
        """The users who are not to come back, with a restored backup for instance."""
        from piirag.erasure.suppression import SuppressionList

        return SuppressionList(self.journal, self.subjects)

    def erase_again(self, user_id: str) -> ErasureReceipt:
        """Erase a user, with a tombstone even where nothing is found: after a restore."""
        check_user_id(user_id)
        return self._delete(user_id, physical=False, scan=True, wait=600.0, always=True)

    def close(self) -> None:
        """Close the journal. Targets and vaults are left to whoever opened them."""
        self.journal.close()

    def __repr__(self) -> str:
        return f"ErasureService({len(self.targets)} targets)"

    def _delete(
        self, user_id: str, *, physical: bool, scan: bool, wait: float, always: bool
    ) -> ErasureReceipt:
        if type(scan) is not bool:
            raise ConfigurationError("scan is a boolean")
        started = time.time()
        subject = self.subjects.subject(user_id)
        deadline = time.monotonic() + wait
        probe: Probe | None = None
        last = self.journal.last(subject)
        if last is None or last.status == receipts.COMPLETE:
            probe = self._probe(user_id)
            if not always and not self._known(user_id, probe):
                return self._carrier.nothing_found(user_id, started, physical)
        erasure = self.journal.begin(
            subject, self.subjects.seal(user_id), physical=physical, since=started
        )
        left = deadline - time.monotonic()
        receipt = self._carrier.run(erasure, user_id, wait=left, probe=probe, scan=scan)
        if receipt is None:
            raise ErasureError("another process is erasing this user and has not finished")
        return receipt

    def _probe(self, user_id: str) -> Probe:
        return [self.retry.attempt(target.count, user_id) for target in self.targets]

    def _known(self, user_id: str, probe: Probe) -> bool:
        if any(error is not None or found for found, error in probe):
            return True
        seen = [self.retry.attempt(vault.has_user, user_id) for vault in self.vaults]
        # A vault that cannot be asked may know the user.
        return any(error is not None or known for known, error in seen)
