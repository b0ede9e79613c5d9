"""An export as a page for people. It loads nothing from anywhere, runs nothing, and is streamed."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from piirag.erasure.export import Record

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
article { border: 1px solid var(--line); border-radius: .4rem; margin: .75rem 0; padding: .6rem; }
p.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0; unicode-bidi: isolate; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
.note { opacity: .75; font-size: .875rem; overflow-wrap: anywhere; } .bad { color: #b42318; }
@media (prefers-color-scheme: dark) { .bad { color: #ff8a80; } }
@media print { body { margin: 0; } article { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# Characters that a page must not hold, or that could hide what a text says.
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


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
        self._file.write("</body>\n</html>\n")

    def _export(self, record: Record) -> None:
        how = "Pseudonyms were replaced by what they stand for."
        how = how if record["revealed"] else "Pseudonyms stand as they are stored."
        self._file.write(f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>What is stored about you</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>What is stored about you</h1>
<dl><dt>User</dt><dd>{_shown(record["user_id"])}</dd>
<dt>Collected</dt><dd>{_shown(record["exported_at"])}</dd></dl>
<p class="note">{how} The same data, for machines, are in the JSON file.</p>
""")

    def _item(self, record: Record) -> None:
        self._section(record)
        text = record["text"]
        shown = "" if text is None else f'<p class="text">{_shown(text)}</p>'
        told = {k: v for k, v in record["metadata"].items() if not str(k).startswith("_")}
        rows = "".join(f"<dt>{_shown(k)}</dt><dd>{_shown(_inner(v))}</dd>" for k, v in told.items())
        facts = f"<dl>{rows}</dl>" if rows else ""
        self._file.write(
            f'<article>{shown}{facts}<p class="note">{_shown(record["id"])}</p></article>\n'
        )

    def _value(self, record: Record) -> None:
        self._section(record)
        self._file.write(
            f'<article><p class="text">{_shown(_inner(record["value"]))}</p>'
            f'<p class="note">{_shown(_inner(record["entity_type"]))}: stored encrypted, as '
            f"{_shown(record['token'])}</p></article>\n"
        )

    def _target(self, record: Record) -> None:
        self._section(record)
        self._open = ""
        why = record["error"] or record["note"]
        bad = f' <span class="bad">Not complete: {_shown(why)}</span>' if why else ""
        self._file.write(f'<p class="note">{record["items"]} items.{bad}</p>\n')

    def _end(self, record: Record) -> None:
        left = "\n".join(f"<li>{_shown(text)}</li>" for text in record["not_exported"])
        state = "Every place was read whole." if record["complete"] else "Not every place was read."
        self._file.write(f"<h2>What is not in here</h2>\n<p>{state}</p>\n<ul>\n{left}\n</ul>\n")

    def _section(self, record: Record) -> None:
        if self._open != record["target"]:
            self._open = record["target"]
            kind = f'<span class="note">{_shown(record["kind"])}</span>'
            self._file.write(f"<h2>{_shown(record['target'])} {kind}</h2>\n")


def _inner(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(text: str) -> str:
    return escape(_UNSHOWN.sub("\ufffd", text))
