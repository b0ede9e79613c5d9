"""Looking for deleted bytes in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_BLOCK = 16 * 1024 * 1024
_PRINT = 8


@dataclass(frozen=True, repr=False)
class Hit:
    """One needle found in one file."""

    kind: str
    file: str
    needle: bytes


class Needles:
    """Byte strings to look for, found by 8-byte fingerprints in one pass over a file.

    Args:
        needles: Kind -> byte strings. Those shorter than 8 bytes are left out.
    """

    SHORTEST = _PRINT

    def __init__(self, needles: Mapping[str, Sequence[bytes]]) -> None:
        self._by_print: dict[int, set[tuple[str, bytes]]] = {}
        for kind, items in needles.items():
            for item in items:
                if len(item) >= _PRINT:
                    key = int.from_bytes(item[:_PRINT], "little")
                    self._by_print.setdefault(key, set()).add((kind, item))
        self._prints = np.array(sorted(self._by_print), dtype=np.uint64)
        self._longest = max((len(n) for s in self._by_print.values() for _, n in s), default=0)

    def in_file(self, path: Path) -> set[tuple[str, bytes]]:
        """Which needles stand in a file."""
        found: set[tuple[str, bytes]] = set()
        if not len(self._prints):
            return found
        tail = b""
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                data = tail + block
                found.update(self._in_bytes(data))
                tail = data[-(self._longest - 1) :] if self._longest > 1 else b""
        return found

    def _in_bytes(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        for shift in range(_PRINT):
            words = (len(data) - shift) // _PRINT
            if words <= 0:
                return
            view = np.frombuffer(data, dtype="<u8", count=words, offset=shift)
            for index in np.flatnonzero(np.isin(view, self._prints)):
                start = shift + int(index) * _PRINT
                for kind, needle in self._by_print[int(view[index])]:
                    if data.startswith(needle, start):
                        yield kind, needle


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
