"""Looking for deleted bytes in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = 16 * 1024 * 1024
_TOGETHER = 1024 * 1024
_PRINT = 8
_AROUND = 28
_PLACES = 64
_FEWEST_DIFFERENT = 4
_SLOT_BITS = 20


@dataclass(frozen=True, repr=False)
class Hit:
    """One needle found in one file."""

    kind: str
    file: str
    needle: bytes


class Needles:
    """Byte strings to look for, found by 8-byte fingerprints in one pass over a file.

    Args:
        needles: Kind -> byte strings. Those shorter than 8 bytes, or with fewer than four
            different bytes in any 8, are left out: finding them would prove nothing.
    """

    SHORTEST = _PRINT

    def __init__(self, needles: Mapping[str, Sequence[bytes]]) -> None:
        self._by_print: dict[int, dict[tuple[str, bytes], tuple[bytes, int]]] = {}
        for kind, items in needles.items():
            common = Counter(item[at : at + _PRINT] for item in items for at in _places(item))
            for item in items:
                # The 8 bytes that fewest others of its kind have: ids of one user begin alike.
                at = min(_places(item), key=lambda at: common[item[at : at + _PRINT]], default=-1)
                if at < 0:
                    continue
                low = max(0, at - _AROUND)
                piece = item[low : at + _PRINT + _AROUND]
                key = int.from_bytes(item[at : at + _PRINT], "little")
                self._by_print.setdefault(key, {})[(kind, item)] = (piece, at - low)
        self._prints = np.array(sorted(self._by_print), dtype=np.uint64)
        self._slots = np.zeros(1 << _SLOT_BITS, dtype=bool)
        self._slots[_slot(self._prints)] = True

    def in_file(self, path: Path) -> set[tuple[str, bytes]]:
        """Which needles stand in a file."""
        found: set[tuple[str, bytes]] = set()
        if not len(self._prints):
            return found
        overlap = 2 * _AROUND + _PRINT
        tail = b""
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                data = tail + block
                self._in_bytes(data, found)
                tail = data[-overlap:]
        return found

    def in_bytes(self, data: bytes) -> set[tuple[str, bytes]]:
        """Which needles stand in bytes, such as what a file unpacks to."""
        found: set[tuple[str, bytes]] = set()
        if len(self._prints):
            self._in_bytes(data, found)
        return found

    def held(self, pieces: Sequence[bytes]) -> set[bytes]:
        """Which needles, of whatever kind, stand in one of several pieces of UTF-8."""
        # A byte that UTF-8 does not have keeps the pieces apart.
        return {needle for _, needle in self.in_bytes(b"\xff".join(pieces))}

    def _in_bytes(self, data: bytes, found: set[tuple[str, bytes]]) -> None:
        for shift in range(_PRINT):
            words = (len(data) - shift) // _PRINT
            if words <= 0:
                return
            view = np.frombuffer(data, dtype="<u8", count=words, offset=shift)
            # Most words are told apart by a table; only the few others are compared.
            near = np.flatnonzero(self._slots[_slot(view)])
            for index in near[np.isin(view[near], self._prints)]:
                at = shift + int(index) * _PRINT
                for name, (piece, inside) in self._by_print[int(view[index])].items():
                    if name not in found and data.startswith(piece, max(0, at - inside)):
                        found.add(name)


def _slot(words: Any) -> Any:
    """A place in a table for each 8 bytes: the upper bits of a product with an odd number."""
    return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _SLOT_BITS)


def _places(item: bytes) -> list[int]:
    """Where 8 bytes begin that may serve as a fingerprint."""
    count = len(item) - _PRINT + 1
    return [
        at
        for at in range(0, count, max(1, count // _PLACES))
        if len(set(item[at : at + _PRINT])) >= _FEWEST_DIFFERENT
    ]


def held_in(needles: Iterable[bytes], data: Iterable[bytes]) -> set[bytes]:
    """Those needles that stand in any of many pieces of data, such as what items hold.

    Args:
        needles: What to look for.
        data: UTF-8. Looked through some at a time: one by one, the time would grow with the
            product of both.
    """
    wanted = set(needles)
    table = Needles({"": sorted(wanted)})
    found: set[bytes] = set()
    waiting: list[bytes] = []
    size = 0
    for piece in data:
        waiting.append(piece)
        size += len(piece)
        if size >= _TOGETHER:
            found |= table.held(waiting)
            waiting, size = [], 0
            if len(found) == len(wanted):
                break
    return found | table.held(waiting)


def scan_files(folder: Path, needles: Mapping[str, Sequence[bytes]]) -> list[Hit]:
    """Look for needles in every file below a folder.

    Args:
        folder: Where to look.
        needles: Kind -> byte strings.

    Returns:
        One hit per needle and file. File names are relative to the folder.
    """
    table = Needles(needles)
    hits = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).name
        hits += [Hit(kind, name, needle) for kind, needle in sorted(table.in_file(path))]
    return hits
