"""Writing an export: JSON lines, a JSON document, a page, a ZIP; in one pass, flat in memory."""

from __future__ import annotations

import json as encoder
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from piirag.erasure.covering import Mask
from piirag.errors import ConfigurationError, ErasureError

if TYPE_CHECKING:
    from piirag.erasure.export import Record, UserExport


@dataclass(frozen=True)
class ExportedTarget:
    """What was exported of one target.

    Args:
        name: The target.
        kind: Its kind.
        items: How many items.
        complete: Whether that is all there is.
        error: Type of the exception that stopped it, or None.
        note: Why it is not all.
    """

    name: str
    kind: str
    items: int
    complete: bool
    error: str | None
    note: str


@dataclass(frozen=True)
class ExportSummary:
    """What was exported, and what was not. It names nobody.

    Args:
        items: How many items and values.
        complete: Whether every target was listed whole.
        targets: One entry per target.
        not_exported: What is not in the export.
    """

    items: int
    complete: bool
    targets: tuple[ExportedTarget, ...]
    not_exported: tuple[str, ...]

    def __str__(self) -> str:
        state = "complete" if self.complete else "incomplete"
        lines = [f"export {state}: {self.items} items"]
        for target in self.targets:
            why = target.error or target.note
            lines.append(f"- {target.name}: {target.items} items" + (f" ({why})" if why else ""))
        return "\n".join([*lines, f"not exported: {'; '.join(self.not_exported)}"])


class Writer(Protocol):
    """Writes records in some form, one after the other."""

    def add(self, record: Record) -> None:
        """Write one record."""
        ...

    def end(self) -> None:
        """Write what comes after the last one."""
        ...


class JsonLinesWriter:
    """One record a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, record: Record) -> None:
        """Write one record."""
        self._file.write(_dumped(record) + "\n")

    def end(self) -> None:
        """Nothing comes after the last line."""


class JsonWriter:
    """One document: ``{"records": [...]}``."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._before = '{"records": [\n'

    def add(self, record: Record) -> None:
        """Write one record."""
        self._file.write(self._before + _dumped(record))
        self._before = ",\n"

    def end(self) -> None:
        """Close the document."""
        self._file.write("\n]}\n")


def write(
    export: UserExport,
    mask: Mask,
    *,
    json_lines: str | Path | None,
    json: str | Path | None,
    html: str | Path | None,
    archive: str | Path | None = None,
) -> ExportSummary:
    """Write an export. See `UserExport.write`."""
    from piirag.erasure.export_html import HtmlWriter
    from piirag.erasure.export_zip import ZipWriter

    def zipped(file: Any) -> ZipWriter:
        packed = ZipWriter(file.buffer, Path(str(archive)).parent, JsonWriter, HtmlWriter)
        left.callback(packed.drop)
        return packed

    kinds: Sequence[tuple[Any, Any]] = (
        (json_lines, JsonLinesWriter),
        (json, JsonWriter),
        (html, HtmlWriter),
        (archive, zipped),
    )
    wanted = [(Path(path), kind) for path, kind in kinds if path is not None]
    if not wanted or len({path.resolve() for path, _ in wanted}) < len(wanted):
        raise ConfigurationError("an export needs a file, or one for each of its forms")
    reason = ""
    drafts: list[Draft] = []
    left = ExitStack()
    try:
        for path, _ in wanted:
            drafts.append(Draft(path))
        writers = [kind(draft.file) for draft, (_, kind) in zip(drafts, wanted, strict=True)]
        summary = _Summary(mask)
        for record in export.records():
            summary.add(record)
            for writer in writers:
                writer.add(record)
        for writer, draft in zip(writers, drafts, strict=True):
            writer.end()
            draft.finish()
        return summary.made()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    finally:
        left.close()
        for draft in drafts:
            draft.drop()
    raise ErasureError(f"the export cannot be written: {reason}")


class Draft:
    """A file that takes its name once it is whole; mode 0600 from the start.

    Args:
        path: The name it takes, also from an older file.

    Raises:
        OSError: It cannot be made; so do the methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        handle, self._name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
        self.file = os.fdopen(handle, "w", encoding="utf-8", newline="\n")

    def finish(self) -> None:
        """Put the file in its place."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        os.replace(self._name, self._path)

    def drop(self) -> None:
        """Remove the draft, if it is one still."""
        self.file.close()
        Path(self._name).unlink(missing_ok=True)


class _Summary:
    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._targets: list[ExportedTarget] = []
        self._end: Record = {}

    def add(self, record: Record) -> None:
        if record["record"] == "target":
            self._targets.append(
                ExportedTarget(
                    self._mask.text(record["target"]),
                    record["kind"],
                    record["items"],
                    record["complete"],
                    record["error"],
                    record["note"],
                )
            )
        elif record["record"] == "end":
            self._end = record

    def made(self) -> ExportSummary:
        return ExportSummary(
            self._end["items"],
            self._end["complete"],
            tuple(self._targets),
            tuple(map(self._mask.text, self._end["not_exported"])),
        )


def _dumped(record: Record) -> str:
    return encoder.dumps(record, ensure_ascii=False, allow_nan=False)
