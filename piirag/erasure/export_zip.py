"""An export as one ZIP file: the JSON document and the page, written in one pass."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from piirag.erasure.export import Record
    from piirag.erasure.export_write import Writer

JSON_NAME, HTML_NAME = "data.json", "index.html"
"""What is in the ZIP. No name tells whose data it is."""

# Whoever unpacks it: the files are for their owner only. 1980 is the zero of the format.
_MODE = 0o100600 << 16
_ZERO = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20


class ZipWriter:
    """Writes records as both entries of a ZIP, in memory that does not grow with them.

    A ZIP takes one entry at a time: the JSON document goes in at once, the page waits in a file
    without a name, which is gone with the process.

    Args:
        file: Where the ZIP goes.
        folder: A folder of the same owner, for the page.
        json: Makes the writer of the JSON document.
        html: Makes the writer of the page.

    Raises:
        OSError: A file cannot be made; so do the methods.
    """

    def __init__(
        self,
        file: BinaryIO,
        folder: Path,
        json: Callable[[TextIO], Writer],
        html: Callable[[TextIO], Writer],
    ) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        entry = self._zip.open(_entry(JSON_NAME), "w", force_zip64=True)
        self._text = io.TextIOWrapper(entry, "utf-8", newline="\n")
        self._page = tempfile.TemporaryFile("w+b", dir=folder)  # noqa: SIM115 - closed in drop
        self._page_text = io.TextIOWrapper(self._page, "utf-8", newline="\n", write_through=True)
        self._writers = (json(self._text), html(self._page_text))

    def add(self, record: Record) -> None:
        """Write one record."""
        for writer in self._writers:
            writer.add(record)

    def end(self) -> None:
        """Finish both entries, and the ZIP."""
        for writer in self._writers:
            writer.end()
        self._text.close()
        self._page_text.flush()
        self._page.seek(0)
        with self._zip.open(_entry(HTML_NAME), "w", force_zip64=True) as entry:
            shutil.copyfileobj(self._page, entry, _BLOCK)
        self._zip.close()

    def drop(self) -> None:
        """Let go of what is open; after `end` there is nothing left to lose."""
        for file in (self._text, self._page_text, self._zip):
            # A ZIP that was not finished is thrown away with the file it is in.
            with suppress(OSError, ValueError):
                file.close()


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ZERO)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = _MODE
    info.create_system = 3
    return info
