"""Files and folders as something to scan."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from piirag.errors import ConfigurationError
from piirag.governance.scan import documents, formats, mail
from piirag.governance.scan.decode import FALLBACK, Text, encoding_of
from piirag.governance.scan.record import Record, Skipped, guarded

NOT_ENTERED = frozenset(
    """
    .git .hg .svn .mypy_cache .pytest_cache .ruff_cache .tox .venv __pycache__ node_modules
    """.split()
)
"""Folders that hold no data of anybody's, or data of tools; the report says that they were left."""

LARGEST = 1 << 30
"""Bytes of one file that are read at most."""

# Documents that have to be in memory whole.
_LARGEST_IN_MEMORY = 64 << 20
_LARGEST_JSON = 32 << 20

LINK, TOOLS, NO_FILE = "a link", "a folder of tools", "no regular file"
_ON_PURPOSE = frozenset({LINK, TOOLS, NO_FILE})

Reader = Callable[[str, Text], Iterator[Record | Skipped]]
_TEXTS: dict[str, Reader] = {
    ".csv": formats.csv_records,
    ".tsv": formats.csv_records,
    ".json": formats.json_records,
    ".ipynb": formats.json_records,
    ".geojson": formats.json_records,
    ".jsonl": formats.json_lines_records,
    ".ndjson": formats.json_lines_records,
    ".html": formats.html_records,
    ".htm": formats.html_records,
    ".xhtml": formats.html_records,
}
_SQLITE = b"SQLite format 3\0"
_PACKED = frozenset(".zip .gz .tgz .bz2 .xz .7z .rar .tar .zst .jar .whl".split())
_PICTURES = frozenset(".png .jpg .jpeg .gif .webp .bmp .tif .tiff .heic .svgz .ico".split())


class Files:
    """Files, and all files below folders.

    Links are not followed, so that neither a loop nor a way out of a folder leads anywhere; a path
    that is named is read though it is a link. Names are told from the named path on, so that no
    home directory stands in a report.

    Args:
        paths: Files and folders.
        largest: Bytes of one file that are read at most.

    Raises:
        ConfigurationError: A path that is not there.
    """

    def __init__(self, paths: Iterable[str | Path], *, largest: int = LARGEST) -> None:
        self._paths = [Path(path) for path in paths]
        self._largest = largest
        for number, path in enumerate(self._paths, 1):
            if not path.exists():
                raise ConfigurationError(f"path number {number} is not there")
        self.total: int | None = None
        self.done = 0

    def measure(self) -> None:
        """Find out how many bytes there are, for a progress bar. Reads no file."""
        self.total = sum(
            min(info.st_size, self._largest)
            for _, _, info in self._walk()
            if isinstance(info, os.stat_result)
        )

    def records(self) -> Iterator[Record | Skipped]:
        """Everything there is. What cannot be read is told and does not end it."""
        seen: set[tuple[int, int]] = set()
        for name, path, info in self._walk():
            if isinstance(info, str):
                yield Skipped(name, info, failed=info not in _ON_PURPOSE)
                continue
            # A file that two paths lead to counts once.
            if (info.st_dev, info.st_ino) in seen:
                continue
            if info.st_nlink > 1 or len(self._paths) > 1:
                seen.add((info.st_dev, info.st_ino))
            yield from guarded(name, self._file(name, path, info.st_size))
            self.done += min(info.st_size, self._largest)

    def _walk(self) -> Iterator[tuple[str, Path, os.stat_result | str]]:
        """Name, path, and what is known of a file, or why it is not read."""
        for root in self._paths:
            named = root.name or root.resolve().name
            if not root.is_dir():
                yield named, root, _about(root, follow=True)
                continue
            folders = [(named if len(self._paths) > 1 else "", root)]
            while folders:
                at, folder = folders.pop()
                try:
                    entries: Sequence[os.DirEntry[str]] = sorted(
                        os.scandir(folder), key=lambda entry: entry.name
                    )
                except OSError as error:
                    yield at or named, folder, _reason(error)
                    continue
                below = []
                for entry in entries:
                    name = f"{at}/{entry.name}" if at else entry.name
                    if entry.is_symlink():
                        yield name, Path(entry.path), LINK
                    elif entry.is_dir(follow_symlinks=False):
                        if entry.name in NOT_ENTERED:
                            yield name, Path(entry.path), TOOLS
                        else:
                            below.append((name, Path(entry.path)))
                    else:
                        yield name, Path(entry.path), _about(Path(entry.path), follow=False)
                folders += reversed(below)

    def _file(self, name: str, path: Path, size: int) -> Iterator[Record | Skipped]:
        suffix = path.suffix.lower()
        if suffix in _PACKED:
            yield Skipped(name, "an archive; it is not unpacked")
        elif suffix in _PICTURES:
            yield Skipped(name, "a picture")
        elif suffix in {".pdf", ".docx", ".eml"} and size > _LARGEST_IN_MEMORY:
            yield Skipped(name, "too large", failed=True)
        elif suffix == ".pdf":
            yield from documents.pdf_records(name, path)
        elif suffix == ".docx":
            yield from documents.docx_records(name, path)
        elif size:
            yield from self._opened(name, path, size, suffix)

    def _opened(self, name: str, path: Path, size: int, suffix: str) -> Iterator[Record | Skipped]:
        try:
            with path.open("rb") as file:
                head = file.read(len(_SQLITE))
                file.seek(0)
                if head == _SQLITE:
                    from piirag.governance.scan.tables import sqlite_records

                    yield from sqlite_records(name, path)
                elif suffix == ".eml":
                    yield from mail.message_records(name, file.read(_LARGEST_IN_MEMORY))
                elif suffix == ".mbox":
                    yield from mail.mailbox_records(name, file, self._largest)
                else:
                    yield from self._text(name, file, size, suffix)
        except OSError as error:
            yield Skipped(name, _reason(error), failed=True)

    def _text(
        self, name: str, file: BinaryIO, size: int, suffix: str
    ) -> Iterator[Record | Skipped]:
        encoding = encoding_of(file, self._largest)
        if encoding is None:
            yield Skipped(name, "no text")
            return
        read = _TEXTS.get(suffix, formats.text_records)
        if suffix in {".json", ".ipynb", ".geojson"} and size > _LARGEST_JSON:
            read = formats.text_records
            yield Skipped(name, "too large for one JSON document: it was read as text", whole=False)
        text = Text(file, encoding, self._largest)
        yield from read(name, text)
        if encoding == FALLBACK:
            yield Skipped(name, "not UTF-8: it was read as Windows-1252", whole=False)
        if text.cut:
            yield Skipped(name, "too large: its beginning was read", whole=False, failed=True)


def _about(path: Path, *, follow: bool) -> os.stat_result | str:
    try:
        info = path.stat(follow_symlinks=follow)
    except OSError as error:
        return _reason(error)
    return info if stat.S_ISREG(info.st_mode) else NO_FILE


def _reason(error: OSError) -> str:
    return f"cannot be read: {error.strerror or type(error).__name__}"
