"""Which targets an erasure has, what it does not reach, and keeping the user's id out of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from piirag.erasure.receipt import TargetReceipt
from piirag.erasure.target import ErasureTarget, as_targets
from piirag.errors import ConfigurationError

NO_VAULT = (
    "no vault was among the targets: later writes are not refused, and the values behind the "
    "user's pseudonyms were not destroyed"
)
NOT_COVERED = (
    "backups, snapshots and replicas",
    "blocks that a file system or drive has freed but not overwritten, and archived write-ahead "
    "logs",
    "targets that were not passed",
    "logs and traces of other systems",
)
KEY_IN_BACKUP = (
    "a backup that holds both the vault and its master key: whoever has it can still open the "
    "values; a destroyed key counts only where no copy of it is left"
)
_MASKED = "(user)"
# How a target may say that it gets rid of data. Whoever holds the key or can guess the value
# undoes a hash, a mask or a pseudonym.
_WAYS = ("delete", "destroy key")


def resolve(items: Sequence[Any]) -> list[ErasureTarget]:
    """The erasure targets behind objects, each once.

    Raises:
        ConfigurationError: No list, an object of which no target is known, or a target that does
            not delete.
    """
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise ConfigurationError("an erasure needs a list of targets")
    targets = _distinct([target for item in items for target in as_targets(item)])
    if not targets:
        raise ConfigurationError("an erasure needs a list of targets")
    for target in targets:
        if getattr(target, "erases_by", "delete") not in _WAYS:
            raise ConfigurationError(
                "a target that hashes, masks or renames data does not erase it; it must delete, "
                "or destroy the only key"
            )
    return targets


def _distinct(targets: list[ErasureTarget]) -> list[ErasureTarget]:
    """Each store once: several targets may share a vault, and an index holds its docstore."""
    seen: set[Any] = set()
    kept = []
    for target in targets:
        identity = identity_of(target)
        if identity not in seen:
            seen.add(identity)
            kept.append(target)
    return kept


def identity_of(target: ErasureTarget) -> Any:
    """What two targets over one store have in common."""
    return getattr(target, "identity", id(target))


def numbered(names: Iterable[str]) -> list[str]:
    """The names that the journal tells targets by: numbered where two share one."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        count = seen[name] = seen.get(name, 0) + 1
        told.append(name if count == 1 else f"{name} #{count}")
    return told


def left_out(items: Iterable[Any], targets: Sequence[ErasureTarget]) -> tuple[str, ...]:
    """The names of known sinks that are no targets.

    Args:
        items: Descriptions, or objects that could be targets; those that are targets already are
            covered and not named.
        targets: The targets.

    Raises:
        ConfigurationError: One text in place of a list.
    """
    if isinstance(items, (str, bytes)):
        raise ConfigurationError("not_covered is a list of texts or targets")
    covered = {identity_of(target) for target in targets}
    names = []
    for item in items:
        if isinstance(item, str):
            names.append(item)
            continue
        for sink in as_targets(item):
            if identity_of(sink) not in covered:
                names.append(f"{sink.name} ({sink.kind}): known, but not registered")
    return tuple(dict.fromkeys(names))


class Mask:
    """Takes a user's id out of what a receipt says: stores may be named for their users.

    Args:
        *names: The user's id, or all that a person is known by; at least one.
    """

    def __init__(self, *names: str) -> None:
        # The longest first: of a name within another one, the rest would stay.
        choice = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<![^\W_])(?:{choice})(?![^\W_])", re.IGNORECASE)

    def text(self, text: str) -> str:
        """A text without the names."""
        return self._pattern.sub(_MASKED, text)

    def target(self, entry: TargetReceipt) -> TargetReceipt:
        """A target's part without the names."""
        residue = entry.residue
        if residue is not None:
            residue = {self.text(file): kinds for file, kinds in residue.items()}
        return replace(
            entry, name=self.text(entry.name), note=self.text(entry.note), residue=residue
        )

    def __repr__(self) -> str:
        return "Mask(...)"
