"""Erasing a person who may be nobody's user: what a preview found, and no more."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from piirag.erasure import person as people
from piirag.erasure import receipt as receipts
from piirag.erasure.covering import KEY_IN_BACKUP, NOT_COVERED
from piirag.erasure.journal import COUNTED, DELETED
from piirag.erasure.lease import Lease
from piirag.erasure.mentions import Scan, Search, Tenant, Wanted, wanted
from piirag.erasure.person import Person
from piirag.erasure.preview import ERASE, KEEP, SubjectPreview
from piirag.erasure.progress import shown
from piirag.erasure.receipt import ErasureReceipt, TargetReceipt
from piirag.erasure.steps import Run, version_of
from piirag.erasure.subject_journal import Request
from piirag.erasure.target import DeletableTarget, EditableTarget, ErasureTarget
from piirag.errors import ErasureError, InvalidInputError, VaultKeyError
from piirag.vault.vault import UserVault, Vault

if TYPE_CHECKING:
    from piirag.erasure.service import ErasureService

DELETE = "delete"
RESCRUB = "rescrub"

Embed = Callable[[list[str]], Sequence[Sequence[float]]]

NOT_SCRUBBED = (
    "text that was stored without being scrubbed: it holds no pseudonym by which the person could "
    "be found"
)
LATER = "what users store of the person from now on: writes that mention a person are not refused"
_BATCH = 500
_VECTORS_STAY = "vectors were not computed anew: they come from the text with the pseudonym"
_NOT_RESCRUBBED = "text cannot be replaced in it, only deleted: how='delete'"
_BYTES_STAY = (
    "bytes of what was deleted may stay in files until they are reclaimed; they hold pseudonyms"
)


def carried_out(
    values: str | Sequence[str],
    preview: SubjectPreview,
    service: ErasureService,
    *,
    how: str = DELETE,
    embed: Embed | None = None,
    tenants: Iterable[Tenant] | None = None,
    progress: bool = False,
) -> ErasureReceipt:
    """Erase what a preview found of a person. See `ErasureService.erase_subject`."""
    if how not in {DELETE, RESCRUB}:
        raise InvalidInputError(f"how is {DELETE!r} or {RESCRUB!r}")
    if not isinstance(preview, SubjectPreview):
        raise InvalidInputError("erase_subject needs the preview that find_subject gave")
    given = [values] if isinstance(values, str) else values
    tenants = tenants if tenants is None or isinstance(tenants, str | bytes) else list(tenants)
    person = Person(given, preview.entity_types, spellings=preview.spellings)
    request = Request.of(person.values, preview, how, tenants)
    receipt = finished(service, request, embed=embed, progress=progress)
    if receipt is None:
        raise ErasureError("another process is erasing this person")
    return receipt


def finished(
    service: ErasureService,
    request: Request,
    *,
    id: str | None = None,
    embed: Embed | None = None,
    progress: bool = False,
) -> ErasureReceipt | None:
    """Carry out what was asked for; None where another process is at it.

    Args:
        service: Names targets, vaults and the journal.
        request: What was asked for.
        id: The erasure that is resumed; None to note a new one, or to go on with one of this
            person that is not complete.
        embed: Computes the vectors of texts that were scrubbed again.
        progress: Show a progress bar on standard error.
    """
    started = time.time()
    preview = request.preview
    person = Person(list(request.values), preview.entity_types, spellings=preview.spellings)
    sought = wanted(person, service.vaults, request.tenants, progress=progress)
    search = Search(service, person, sought)
    if preview.subject != search.subject:
        raise InvalidInputError("the preview is of another person, or of other values")
    # Before anything is changed: a later target may refuse what an earlier one took.
    search.check_tenants()
    journal = service.journal
    if id is None:
        sealed = service.subjects.seal_request(search.subject, request.to_bytes())
        erasure = journal.begin(search.subject, sealed, physical=False, since=started)
        if erasure.sealed is not None and erasure.sealed != sealed:
            # What is asked for now counts, with the decisions in it.
            journal.reseal(search.subject, erasure.sealed, sealed)
        id = erasure.id
    lease = Lease(journal, id, service.lease)
    if not lease.acquire():
        return None
    with lease:
        run = Run(journal, journal.get(id), lease)
        work = _Work(service, search, sought, preview, request.how, embed, run)
        entries = [
            work.target(index)
            for index in shown(range(len(search.targets)), "erasing from stores", progress)
        ]
        entries += [work.vault(vault, person) for vault in service.vaults]
        receipt = work.receipt(entries, run.erasure.started)
        # What waits for a review is done with; it is asked for anew once it is decided on.
        undone = work.failed or any(entry.error is not None for entry in entries)
        status = receipts.PARTIAL if undone or sought.locked else receipts.COMPLETE
        journal.finish(id, lease.owner, status, receipt.to_json())
    return receipt


@dataclass
class _Work:
    """One erasure of a person.

    Args:
        service: Names targets and vaults.
        search: Looks through targets.
        sought: The tokens that stand for the person.
        preview: What may be erased.
        how: Delete items, or scrub them again.
        embed: Computes the vectors of texts that were scrubbed again.
        run: Notes in the journal how far it got.
    """

    service: ErasureService
    search: Search
    sought: Wanted
    preview: SubjectPreview
    how: str
    embed: Embed | None
    run: Run
    left: set[str] = field(default_factory=set, repr=False)
    approved: set[str] = field(default_factory=set, repr=False)
    failed: bool = False

    def target(self, index: int) -> TargetReceipt:
        """Erase from one target, and look through it again."""
        target = self.search.targets[index]
        name = self.search.names[index]
        self.run.held()
        allowed = {m.key for m in self.preview.mentions if m.target == name and m.decision == ERASE}
        before, note, error = self.search.scan(index, keep=allowed)
        if error is not None or before.items is None:
            # What cannot be listed never will be: then a pseudonym there means nothing any more.
            self.failed = self.failed or error is not None
            return self._entry(index, None, None, note, error)
        found = self._found(name, len(before.mentions))
        after = before
        if before.kept and self._way(target) is None and isinstance(target, DeletableTarget):
            note = "; ".join(filter(None, (note, _NOT_RESCRUBBED)))
        elif before.kept and isinstance(target, DeletableTarget):
            _, error = self.service.retry.run(lambda: self._edit(target, before))
            if error is None:
                after, _, error = self.search.scan(index)
            if error is not None:
                self.failed = True
                return self._entry(index, found, None, note, error)
        self.run.mark(name, DELETED)
        self.left |= after.seen
        told = self._told(target, note, before, after)
        return self._entry(index, found, len(after.mentions), told, None)

    def _found(self, name: str, now: int) -> int:
        """How many there are; where an earlier run erased some, how many there were."""
        self.run.mark(name, COUNTED, found=now)
        noted = self.run.done(name, COUNTED)
        return max(now, int(noted["found"])) if noted else now

    def _way(self, target: ErasureTarget) -> str | None:
        """What is done with the items of a target; None for nothing."""
        if self.how == RESCRUB and not isinstance(target, EditableTarget):
            return DELETE if getattr(target, "recomputed", False) is True else None
        return self.how

    def _edit(self, target: DeletableTarget, scan: Scan) -> None:
        self.approved |= {token for _, _, held in scan.kept for token in held}
        for start in range(0, len(scan.kept), _BATCH):
            part = scan.kept[start : start + _BATCH]
            if self._way(target) == DELETE or not isinstance(target, EditableTarget):
                target.delete_items([item.id for _, item, _ in part])
                continue
            new = [self.sought.replaced(item, held) for _, item, held in part]
            vectors = None
            if self.embed is not None and not _is_vectorless(target):
                vectors = self.embed([item.text or "" for item in new])
            target.replace_items(new, vectors)

    def _told(self, target: ErasureTarget, note: str, before: Scan, after: Scan) -> str:
        """What became of the mentions, in words."""
        decided = {m.key: m.decision for m in self.preview.mentions}
        left = [decided.get(m.key) for m in after.mentions]
        undone = sum(decided.get(m.key) == ERASE and not m.reason for m in after.mentions)
        told = [note] if note else []
        gone = len(before.mentions) - len(after.mentions)
        if self._way(target) == RESCRUB and gone > 0:
            told.append(f"{gone} items stay without what stood for the person")
            if self.embed is None and not _is_vectorless(target):
                told.append(_VECTORS_STAY)
        elif gone > 0:
            told.append(_BYTES_STAY)
        new, kept = left.count(None), left.count(KEEP)
        waiting = len(left) - new - kept - undone
        told += [f"{undone} items are there still"] if undone else []
        told += [f"{waiting} items wait for a review"] if waiting else []
        told += [f"{kept} items are kept by decision"] if kept else []
        told += [f"{new} items are not in the preview: find again"] if new else []
        return "; ".join(told)

    def vault(self, vault: Vault, person: Person) -> TargetReceipt:
        """Delete the person's values from a vault where no item needs them any more."""
        target = next(t for t in self.service.targets if getattr(t, "vault", None) is vault)
        name = self.search.clean(target.name)
        self.run.held()
        (found, remaining), error = self._discard_all(vault, person)
        found = self._found(f"values in {name}", found)
        note = ""
        if self.failed:
            note = "values are kept until every target could be read"
        elif remaining:
            note = f"{remaining} values are kept: items that bear their pseudonyms are left"
        done = None if error is not None else remaining
        at = None if done is None else round(time.time(), 3)
        return TargetReceipt(
            name, target.kind, found, done, "not asked", None, note, error, version_of(target), at
        )

    def _discard_all(self, vault: Vault, person: Person) -> tuple[tuple[int, int], str | None]:
        found = remaining = 0
        tags = {tag for signs in self.sought.signs.values() for _, tag in signs}
        for tag in sorted(tags):
            try:
                user = vault.opened_by_tag(tag)
            except VaultKeyError:
                continue
            if user is None:
                continue
            counts, error = self.service.retry.run(self._discarder(vault, user, person))
            if error is not None:
                return (found, remaining), error
            found, remaining = found + counts[0], remaining + counts[1]
        return (found, remaining), None

    def _discarder(
        self, vault: Vault, user: UserVault, person: Person
    ) -> Callable[[], tuple[int, int]]:
        def discard() -> tuple[int, int]:
            mine = [sign for sign in person.signs(user) if sign.stored]
            own = {s.token for s in mine if s.how == people.EXACT or s.token in self.approved}
            if not self.failed:
                vault.discard(user, sorted(own - self.left))
            still = {sign.token for sign in person.signs(user) if sign.stored} & own
            return len(own), len(still)

        return discard

    def _entry(
        self, index: int, found: int | None, remaining: int | None, note: str, error: str | None
    ) -> TargetReceipt:
        target = self.search.targets[index]
        at = None if remaining is None else round(time.time(), 3)
        return TargetReceipt(
            self.search.names[index],
            target.kind,
            found,
            remaining,
            "not asked",
            None,
            note,
            error,
            version_of(target),
            at,
        )

    def receipt(self, entries: list[TargetReceipt], started: float) -> ErasureReceipt:
        """The receipt: signed like that of a user, with the keyed hash of the person."""
        from piirag import __version__

        gone = all(entry.verified_absent for entry in entries) and not self.sought.locked
        status = receipts.COMPLETE if gone else receipts.PARTIAL
        if gone and not any(entry.found for entry in entries):
            status = receipts.NOTHING_FOUND
        locked = f"{self.sought.locked} users whose values are under another master key"
        receipt = ErasureReceipt(
            status,
            self.search.subject,
            round(started, 3),
            round(time.time(), 3),
            tuple(entries),
            (
                NOT_SCRUBBED,
                LATER,
                *((locked,) if self.sought.locked else ()),
                *map(self.search.clean, self.service.left_out),
                *NOT_COVERED,
                KEY_IN_BACKUP,
            ),
            self.run.erasure.id,
            self.run.erasure.runs,
            {"piirag": __version__, "python": platform.python_version()},
        )
        key = self.service.signing_key
        return receipt if key is None else receipt.signed(key)


def _is_vectorless(target: ErasureTarget) -> bool:
    return getattr(target, "vectorless", False) is True
