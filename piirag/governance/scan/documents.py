"""PDF and Word documents, where the library for them is installed (`piirag[documents]`)."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from piirag.governance.scan.record import Record, Skipped, of_row, of_text

_MOST_UNPACKED = 512 << 20
NO_PDF = "PDF needs pypdf: pip install 'piirag[documents]'"
NO_DOCX = "docx needs python-docx: pip install 'piirag[documents]'"


def pdf_records(source: str, path: Path) -> Iterator[Record | Skipped]:
    """A page a record, and what the document says of itself."""
    log = logging.getLogger("pypdf")
    before = log.level
    # What pypdf warns of quotes the document.
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield from _pdf_records(source, path)
    finally:
        log.setLevel(before)


def _pdf_records(source: str, path: Path) -> Iterator[Record | Skipped]:
    try:
        import pypdf
    except ImportError:
        pypdf = None  # type: ignore[assignment]
    if pypdf is None:
        yield Skipped(source, NO_PDF, failed=True)
        return
    empty = failed = 0
    reason = ""
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            reason = "encrypted"
        count = 0 if reason else len(reader.pages)
    except Exception as error:  # noqa: BLE001 - a broken file raises anything
        count, reason = 0, f"PDF that cannot be read ({type(error).__name__})"
    if reason:
        yield Skipped(source, reason, failed=True)
        return
    yield from of_row(source, "PDF", _told(reader))
    for number in range(count):
        try:
            text = reader.pages[number].extract_text()
        except Exception:  # noqa: BLE001 - as above; the other pages may be whole
            failed += 1
            continue
        if text.strip():
            yield from of_text(source, "PDF", text)
        else:
            empty += 1
    if failed:
        yield Skipped(source, f"{failed} pages cannot be read", whole=False, failed=True)
    if empty:
        yield Skipped(source, f"{empty} pages without text; pictures are not read", whole=False)


def _told(reader: Any) -> list[tuple[str, str]]:
    try:
        return [(str(k).lstrip("/"), str(v)) for k, v in (reader.metadata or {}).items()]
    except Exception:  # noqa: BLE001 - what a broken file says of itself
        return []


def docx_records(source: str, path: Path) -> Iterator[Record | Skipped]:
    """Paragraphs, tables, heads and feet of pages, and what the document says of itself."""
    try:
        import docx
    except ImportError:
        docx = None  # type: ignore[assignment]
    if docx is None:
        yield Skipped(source, NO_DOCX, failed=True)
        return
    reason = ""
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(info.file_size for info in packed.infolist()) > _MOST_UNPACKED:
                reason = "too large when unpacked"
        document = None if reason else docx.Document(str(path))
        texts = [] if document is None else [*_texts(document)]
    except Exception as error:  # noqa: BLE001 - a broken file raises anything
        reason = f"docx that cannot be read ({type(error).__name__})"
    if reason or document is None:
        yield Skipped(source, reason, failed=True)
        return
    about = document.core_properties
    names = ("author", "last_modified_by", "title", "subject", "keywords", "comments")
    yield from of_row(source, "docx", [(n, str(getattr(about, n) or "")) for n in names])
    yield from of_text(source, "docx", "\n".join(texts))
    for table in document.tables:
        for row in table.rows:
            # A cell that spans columns is there once for each.
            cells = dict.fromkeys(cell.text for cell in row.cells)
            yield from of_text(source, "docx", " | ".join(cells), "table")


def _texts(document: Any) -> Iterator[str]:
    for section in document.sections:
        for part in (section.header, section.footer):
            yield from (paragraph.text for paragraph in part.paragraphs)
    yield from (paragraph.text for paragraph in document.paragraphs)
