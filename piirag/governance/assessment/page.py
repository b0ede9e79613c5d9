"""A document as one self-contained page."""

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
from piirag.html_page import Html, bullets, esc, facts, join, page, table


def to_html(document: Document) -> str:
    """A document as a page of HTML that loads nothing and runs nothing."""
    parts: list[object] = [Html(f"<h1>{esc(document.title)}</h1>\n")]
    for number, section in enumerate(document.sections, 1):
        level = section.level
        parts.append(Html(f'<h{level} id="s{number}">{esc(section.title)}</h{level}>\n'))
        parts += [_block(block) for block in section.blocks]
    return page(document.title, join(parts))


def _block(block: Block) -> Html:
    match block:
        case Text(text):
            return Html(f"<p>{_inline(text)}</p>\n")
        case Bullets(items):
            return bullets(map(_inline, items))
        case Facts(pairs):
            return facts((name, _inline(value)) for name, value in pairs)
        case Table(head, rows, empty, numeric):
            cells = [[_inline(cell) for cell in row] for row in rows]
            return table(head, cells, numeric=numeric, empty=_inline(empty))
        case Picture(svg, title, words):
            told = "\n".join(f"<li>{_inline(word)}</li>" for word in words)
            return Html(
                f"<figure><figcaption>{esc(title)}</figcaption>\n{svg}\n"
                f"<details open><summary>The same in words</summary>\n<ol>\n{told}\n</ol>"
                "</details></figure>\n"
            )
        case Human():
            return _human(block)


def _human(point: Human) -> Html:
    if point.answer:
        said = "".join(f"<p>{esc(line)}</p>\n" for line in point.answer.splitlines() if line)
        return Html(
            f"<article><strong>{esc(point.question)}</strong>\n{said}"
            f'<p class="note">Filled in by {esc(point.by)}: <code>{esc(point.key)}</code></p>'
            "</article>\n"
        )
    return Html(
        f'<p class="todo"><strong>To be filled in by {esc(point.by)}:</strong> '
        f"{esc(point.question)} <code>{esc(point.key)}</code></p>\n"
    )


def _inline(text: str) -> Html:
    """A text in which what stands between backquotes is code."""
    parts = re.split(r"`([^`\n]+)`", text)
    return join(Html(f"<code>{esc(p)}</code>") if i % 2 else esc(p) for i, p in enumerate(parts))
