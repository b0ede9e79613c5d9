"""A document as Markdown."""

from __future__ import annotations

import re

from piirag.governance.assessment.document import (
    Block,
    Bullets,
    Document,
    Facts,
    Human,
    Picture,
    Table,
    Text,
)

# What would begin a heading, a list, a quotation, HTML, a link or a picture of its own.
_SPECIAL = re.compile(r"([\\`*_\[\]|#!])")


def to_markdown(document: Document) -> str:
    """A document as Markdown. Pictures are told in words."""
    parts = [f"# {_plain(document.title)}"]
    for section in document.sections:
        parts.append(f"{'#' * section.level} {_plain(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return _plain(text)
        case Bullets(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Facts(pairs):
            return "\n".join(f"- **{_plain(name)}:** {_plain(value)}" for name, value in pairs)
        case Table():
            return _table(block)
        case Picture(_, title, words):
            return "\n".join([f"*{_plain(title)}*", "", *(f"1. {_plain(word)}" for word in words)])
        case Human(key, question, by, answer):
            if answer:
                said = "\n>\n".join(f"> {_plain(line)}" for line in answer.splitlines() if line)
                return f"> **{_plain(question)}** (filled in by {_plain(by)}, `{key}`)\n>\n{said}"
            return f"> **TO BE FILLED IN by {_plain(by)}** (`{key}`): {_plain(question)}"


def _table(table: Table) -> str:
    if not table.rows:
        return f"*{_plain(table.empty)}*" if table.empty else ""
    marks = ["--:" if i in table.numeric else "---" for i in range(len(table.head))]
    rows = [_row(table.head), _row(tuple(marks), escape=False), *map(_row, table.rows)]
    return "\n".join(rows)


def _row(cells: tuple[str, ...], *, escape: bool = True) -> str:
    shown = (_plain(cell) if escape else cell for cell in cells)
    return "| " + " | ".join(shown) + " |"


def _plain(text: str) -> str:
    """A text on one line, with nothing in it that Markdown takes for markup.

    Commands between backquotes stay code.
    """
    parts = re.split(r"(`[^`\n|]+`)", " ".join(text.split()))
    return "".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts)).lstrip()


def _escaped(text: str) -> str:
    marked = _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;"))
    return marked.replace("<", "&lt;").replace(">", "&gt;")
