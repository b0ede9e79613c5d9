"""The way data take through a deployment, as steps and as a drawing."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from piirag.governance.assessment.document import Picture
from piirag.governance.assessment.facts import Facts
from piirag.html_page import esc

# Narrow enough for a phone: the drawing runs from top to bottom and is never scaled below this.
_WIDTH = 340
_CHARACTERS = 42
_BOLD_CHARACTERS = 34
_LINE = 17
_GAP = 46


@dataclass(frozen=True)
class Stop:
    """A place that data come to.

    Args:
        name: The place.
        holds: In which form the data are there.
        raw: Whether values stand there as they are.
        outside: Whether it may be somebody else's machine.
        how: What happens to data on the way there.
    """

    name: str
    holds: str
    raw: bool = False
    outside: bool = False
    how: str = ""


def stops(facts: Facts) -> tuple[tuple[str, tuple[Stop, ...]], ...]:
    """The two ways data take: into the corpus, and through a question."""
    stores = [p.name for p in facts.places if p.kind != "vault" and p.holds.startswith("chunks")]
    store = "Vector store" + (f": {', '.join(stores)}" if stores else "")
    names = sorted({p.name for p in facts.processors if p.name})
    model = "Model" + (f": {', '.join(names)}" if names else ": provider not read from the code")
    operator = facts.effective.operators.get("DEFAULT", "pseudonym")
    form = operator if isinstance(operator, str) else operator[0]
    stored = "pseudonyms" if form == "pseudonym" else f"what the operator {form!r} gives"
    outside = any(not _is_local(p.host) for p in facts.processors) or not facts.processors
    audit = facts.audit
    log = f"prompts: {audit['prompts']}, replies: {audit['replies']}" if audit else ""
    return (
        (
            "From a document into the store",
            (
                Stop("Documents", "values as they are", raw=True),
                Stop("Scrubber", "finds and replaces", how="whole documents, before splitting"),
                Stop(
                    "Vault",
                    "pseudonym and value, encrypted",
                    how="values, sealed under the user's key",
                ),
                Stop(store, f"text with {stored}, vectors of it", how=f"{stored} only"),
            ),
        ),
        (
            "From a question to an answer",
            (
                Stop("Person", "values as they are", raw=True),
                Stop("Redactor", "finds and replaces", how="question"),
                Stop(store, "chunks of this user only", how="scrubbed question, user's filter"),
                Stop(model, "placeholders", outside=outside, how="placeholders only"),
                *((Stop("Audit log", log, how="counts, keyed hashes"),) if log else ()),
                Stop("Person", "values put back", raw=True, how="reply, restored for this person"),
            ),
        ),
    )


def pictures(facts: Facts) -> tuple[Picture, ...]:
    """Each flow as a drawing, with the same in words."""
    drawn = []
    for title, way in stops(facts):
        words = []
        for stop in way:
            how = f" (on the way there: {stop.how})" if stop.how else ""
            where = "; may be another company's machine" if stop.outside else ""
            words.append(f"{stop.name}{how}: {stop.holds}{where}")
        drawn.append(Picture(_svg(title, way), title, tuple(words)))
    return tuple(drawn)


def _svg(title: str, way: tuple[Stop, ...]) -> str:
    parts: list[str] = []
    y = 4
    for number, stop in enumerate(way):
        if number:
            parts.append(_arrow(y, stop.how))
            y += _GAP
        drawn, height = _box(y, stop)
        parts.append(drawn)
        y += height
    y += 14
    parts.append(_legend(y, "values as they are", _style(True, False)))
    y += 22
    if any(stop.outside for stop in way):
        parts.append(_legend(y, "may be another company’s machine", _style(False, True)))
        y += 22
    label = f"{title}: flow of personal data, told in words below"
    return (
        f'<svg role="img" aria-label="{esc(label)}" viewBox="0 0 {_WIDTH} {y}" '
        f'width="{_WIDTH}" height="{y}">\n<title>{esc(label)}</title>\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def _legend(y: int, told: str, style: str) -> str:
    return (
        f'<rect x="8" y="{y}" width="14" height="14" style="{style}"/>'
        f'<text x="28" y="{y + 12}">{esc(told)}</text>'
    )


def _box(y: int, stop: Stop) -> tuple[str, int]:
    names = textwrap.wrap(stop.name, _BOLD_CHARACTERS) or [""]
    lines = textwrap.wrap(stop.holds, _CHARACTERS)
    height = 14 + _LINE * (len(names) + len(lines))
    drawn = [
        f'<rect x="8" y="{y}" width="{_WIDTH - 16}" height="{height}" rx="6" '
        f'style="{_style(stop.raw, stop.outside)}"/>'
    ]
    at = y + 20
    for name in names:
        drawn.append(f'<text x="18" y="{at}" style="font-weight:600">{esc(name)}</text>')
        at += _LINE
    for line in lines:
        drawn.append(f'<text x="18" y="{at}" style="font-size:13px">{esc(line)}</text>')
        at += _LINE
    return "\n".join(drawn), height


def _arrow(y: int, how: str) -> str:
    x, end = 30, y + _GAP - 4
    return (
        f'<path d="M{x} {y + 4}V{end - 6}" style="fill:none;stroke:currentColor"/>'
        f'<path d="M{x - 5} {end - 8}L{x} {end}L{x + 5} {end - 8}Z" style="fill:currentColor"/>'
        f'<text x="{x + 12}" y="{y + _GAP // 2 + 4}" style="font-size:12px">{esc(how)}</text>'
    )


def _style(raw: bool, outside: bool) -> str:
    fill = "#b423181f" if raw else "#3b6fd41f"
    dash = ";stroke-dasharray:5 3" if outside else ""
    return f"fill:{fill};stroke:currentColor{dash}"


def _is_local(host: str) -> bool:
    return host.partition(":")[0] in ("localhost", "127.0.0.1", "::1") or host.startswith("[::1]")
