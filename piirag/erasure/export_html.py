"""An export as a page for people. It loads nothing from anywhere, runs nothing, and is streamed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from piirag.html_page import END, begin, esc

if TYPE_CHECKING:
    from piirag.erasure.export import Record

_TITLE = "What is stored about you"


class HtmlWriter:
    """Writes records as a page, one after the other.

    Args:
        file: Where the page goes.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._open = ""

    def add(self, record: Record) -> None:
        """Write one record."""
        getattr(self, f"_{record['record']}")(record)

    def end(self) -> None:
        """Close the page."""
        self._file.write(END)

    def _export(self, record: Record) -> None:
        how = "Pseudonyms were replaced by what they stand for."
        how = how if record["revealed"] else "Pseudonyms stand as they are stored."
        self._file.write(begin(_TITLE))
        self._file.write(f"""<h1>{_TITLE}</h1>
<dl><dt>User</dt><dd>{esc(record["user_id"])}</dd>
<dt>Collected</dt><dd>{esc(record["exported_at"])}</dd></dl>
<p class="note">{how} The same data, for machines, are in the JSON file.</p>
""")

    def _item(self, record: Record) -> None:
        self._section(record)
        text = record["text"]
        shown = "" if text is None else f'<p class="text">{esc(text)}</p>'
        told = {k: v for k, v in record["metadata"].items() if not str(k).startswith("_")}
        rows = "".join(f"<dt>{esc(k)}</dt><dd>{esc(_inner(v))}</dd>" for k, v in told.items())
        facts = f"<dl>{rows}</dl>" if rows else ""
        self._file.write(
            f'<article>{shown}{facts}<p class="note">{esc(record["id"])}</p></article>\n'
        )

    def _value(self, record: Record) -> None:
        self._section(record)
        self._file.write(
            f'<article><p class="text">{esc(_inner(record["value"]))}</p>'
            f'<p class="note">{esc(_inner(record["entity_type"]))}: stored encrypted, as '
            f"{esc(record['token'])}</p></article>\n"
        )

    def _target(self, record: Record) -> None:
        self._section(record)
        self._open = ""
        why = record["error"] or record["note"]
        bad = f' <span class="bad">Not complete: {esc(why)}</span>' if why else ""
        self._file.write(f'<p class="note">{record["items"]} items.{bad}</p>\n')

    def _end(self, record: Record) -> None:
        left = "\n".join(f"<li>{esc(text)}</li>" for text in record["not_exported"])
        state = "Every place was read whole." if record["complete"] else "Not every place was read."
        self._file.write(f"<h2>What is not in here</h2>\n<p>{state}</p>\n<ul>\n{left}\n</ul>\n")

    def _section(self, record: Record) -> None:
        if self._open != record["target"]:
            self._open = record["target"]
            kind = f'<span class="note">{esc(record["kind"])}</span>'
            self._file.write(f"<h2>{esc(record['target'])} {kind}</h2>\n")


def _inner(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
