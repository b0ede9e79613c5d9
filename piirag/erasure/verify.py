"""Looking again, at any time after an erasure: the stores, their files, the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.erasure.covering import Mask
from piirag.erasure.journal import Erasure
from piirag.erasure.receipt import COMPLETE
from piirag.erasure.residue import Needles
from piirag.erasure.retry import Retry
from piirag.erasure.target import ErasureTarget, Residue, Traces
from piirag.tenancy.tags import TENANT_KEY, TenantTags
from piirag.user_id import check_user_id
from piirag.vault.vault import Vault

if TYPE_CHECKING:
    from piirag.erasure.service import ErasureService

ABSENT = "absent"
PRESENT = "present"
IN_FILES = "in files"
UNKNOWN = "unknown"

_LONGEST_PIECE = 32
_TOO_SHORT = "the user's id is too short to be told from chance in the bytes of files"


@dataclass(frozen=True)
class TargetVerification:
    """What was found of a user in one target.

    Args:
        name: The target.
        kind: Its kind.
        found: Items of the user, read from the store; None where that failed.
        residue: File -> kind of data -> how much of what was looked for stands in its bytes; None
            where nobody looked.
        error: Type of the exception that stopped it, or None.
    """

    name: str
    kind: str
    found: int | None
    residue: Residue | None = None
    error: str | None = None


@dataclass(frozen=True)
class Verification:
    """What is there of a user now.

    Args:
        status: ``"present"``: a store holds items, or a vault a key; ``"unknown"``: something
            could not be read, or an erasure is not finished; ``"in files"``: only bytes of deleted
            items are left; ``"absent"``: nothing was found.
        subject: Keyed hash of the user; None without a vault.
        at: Seconds since the epoch.
        targets: One entry per target.
        erased: When the last complete erasure ended, or None for none in the journal.
        unfinished: Whether the journal holds an erasure that is not complete.
        refused: Whether every vault refuses writes for the user; None without a vault.
        journal_clean: Whether the user's id stands in the journal's own files in clear; None where
            nobody looked.
        note: What could not be looked for.
    """

    status: str
    subject: str | None
    at: float
    targets: tuple[TargetVerification, ...]
    erased: float | None
    unfinished: bool
    refused: bool | None
    journal_clean: bool | None = None
    note: str = field(default="")

    @property
    def absent(self) -> bool:
        """Whether nothing was found, by the stores' own word and in their files."""
        return self.status == ABSENT

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-ready data. It holds no personal data."""
        return asdict(self)


def verify_erasure(
    user_id: str, service: ErasureService, *, texts: Sequence[str] = ()
) -> Verification:
    """Look again whether anything of a user is there. Nothing is changed.

    Each target is counted; the files of those that can be searched are searched for the user's
    id, as it stands in metadata, keyed or not, and for texts the caller knows; the journal is
    asked how the erasure ended.

    Args:
        user_id: The user.
        service: Names the targets and the journal.
        texts: Texts known to have been erased, such as a canary, to be looked for in files. They
            are kept nowhere.

    Raises:
        InvalidUserIdError: No usable user id, or none that every target can hold.
        JournalError: The journal cannot be read.
    """
    check_user_id(user_id)
    needles = _needles(user_id, texts)
    mask = Mask(user_id)
    targets = tuple(
        _look(target, user_id, needles, service.retry, mask) for target in service.targets
    )
    last = service.journal.last(service.subjects.subject(user_id))
    refused, keys = in_vaults(user_id, service)
    unfinished = last is not None and last.status != COMPLETE
    usable = [n for kind in needles.values() for n in kind if len(n) >= Needles.SHORTEST]
    long_enough = len(user_id.encode()) >= Needles.SHORTEST
    return Verification(
        _status(targets, unfinished, keys),
        service.subjects.subject(user_id) if service.vaults else None,
        round(time.time(), 3),
        targets,
        _erased(last),
        unfinished,
        refused,
        _clean(service, user_id) if usable and long_enough else None,
        "" if long_enough else _TOO_SHORT,
    )


def _needles(user_id: str, texts: Sequence[str]) -> dict[str, list[bytes]]:
    """What may stand in files: the id by itself, and as the value of the tenant key."""
    forms = [user_id, f'{TENANT_KEY}": "{user_id}"', f'{TENANT_KEY}":"{user_id}"']
    ids = [form.encode() for form in forms if len(form.encode()) >= Needles.SHORTEST]
    pieces = []
    for text in texts:
        data = text.encode("utf-8", "replace")
        start = max(0, (len(data) - _LONGEST_PIECE) // 2)
        pieces.append(data[start : start + _LONGEST_PIECE])
    return {"ids": ids, "texts": [piece for piece in pieces if len(piece) >= Needles.SHORTEST]}


def _look(
    target: ErasureTarget,
    user_id: str,
    needles: Mapping[str, list[bytes]],
    retry: Retry,
    mask: Mask,
) -> TargetVerification:
    found, error = retry.attempt(target.count, user_id)
    residue: Residue | None = None
    if error is None and target.capabilities.scan:
        traces = Traces({kind: list(items) for kind, items in needles.items()})
        tags = getattr(target, "tags", None)
        if isinstance(tags, TenantTags) and tags.keyed:
            traces.needles["ids"].append(tags.tag(user_id).encode())
        residue, error = retry.run(lambda: target.residue(traces))
    if residue is not None:
        residue = {mask.text(file): kinds for file, kinds in residue.items()}
    return TargetVerification(mask.text(target.name), target.kind, found, residue, error)


def in_vaults(user_id: str, service: ErasureService) -> tuple[bool | None, bool]:
    """Whether every vault refuses the user (None without one), and whether one holds their key."""
    refused = True
    keys = False
    for vault in service.vaults:
        record, error = service.retry.attempt(_asker(vault), user_id)
        refused = refused and error is None and record is not None and record.erased_at is not None
        keys = keys or (record is not None and record.wrapped_key is not None)
    return (refused if service.vaults else None), keys


def _asker(vault: Vault) -> Callable[[str], Any]:
    return lambda user_id: vault.backend.user(vault.tag(user_id))


def _status(targets: Sequence[TargetVerification], unfinished: bool, keys: bool) -> str:
    if keys or any(target.found for target in targets):
        return PRESENT
    if unfinished or any(target.error is not None for target in targets):
        return UNKNOWN
    return IN_FILES if any(target.residue for target in targets) else ABSENT


def _erased(last: Erasure | None) -> float | None:
    if last is None or last.status != COMPLETE or last.finished is None:
        return None
    return round(last.finished, 3)


def _clean(service: ErasureService, user_id: str) -> bool | None:
    """Whether the journal's own files are free of the id; None where it is in no file."""
    path = getattr(service.journal, "path", None)
    if not isinstance(path, Path):
        return None
    table = Needles({"ids": [user_id.encode()]})
    files = [path, path.with_name(path.name + "-wal")]
    return not any(table.in_file(file) for file in files if file.exists())
