"""One self-contained page of HTML: its style, tables and charts.

A page loads nothing and runs nothing, and says so in a content security policy. It reads at the
width of a phone and of a desk, in light and dark, and on paper. Whatever is put into it as a plain
string is escaped; `Html` marks what is markup already.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape
from zlib import crc32

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bar: #3b6fd4; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
.status { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; color: #fff;
  background: #555; }
.complete, .good { background: #18794e; } .partial, .poor { background: #b42318; }
.fair { background: #8a5a00; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .25rem 1rem;
  margin: 1rem 0; }
dt { opacity: .75; } dd { margin: 0; unicode-bidi: isolate; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; unicode-bidi: isolate; }
th { background: var(--soft); }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figcaption { font-weight: 600; margin-bottom: .5rem; }
svg { max-width: 100%; } svg text { fill: currentColor; font: 14px system-ui, sans-serif; }
article { border: 1px solid var(--line); border-radius: .4rem; margin: .75rem 0; padding: .6rem; }
p.text { white-space: pre-wrap; unicode-bidi: isolate; } article p { margin: .2rem 0; }
mark { color: inherit; padding: 0 .2em; border-radius: .2em; border-bottom: 2px solid; }
mark small { opacity: .8; }
.note { opacity: .8; font-size: .875rem; } .bad { color: #b42318; }
.todo { border-left: 4px solid #8a5a00; padding: .25rem .75rem; background: var(--soft); }
code, pre { font-size: .85rem; } pre { white-space: pre-wrap; }
@media (prefers-color-scheme: dark) { :root { --bar: #7aa2f7; } .bad { color: #ff8a80; } }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  table { font-size: .875rem; } th, td { padding: .3rem .25rem; }
  .stack thead { display: none; }
  .stack tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  .stack td, .stack td.number { display: block; text-align: left; border: 0; padding: .05rem; }
  .stack td[data-head]:not(:first-child)::before { content: attr(data-head) ": "; opacity: .75; } }
@media print { :root { color-scheme: light; } body { margin: 0; max-width: none; }
  * { print-color-adjust: exact; } .wide { overflow: visible; }
  h2, h3 { break-after: avoid; } article, figure, tr { break-inside: avoid; } }
"""
"""The style of every page."""

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for a page: nothing but the style that stands in it."""

END = "</body>\n</html>\n"
"""What ends a page that `begin` began."""

# Characters that a page must not hold. Those that turn the order of text are the text's own: the
# style keeps their effect within it.
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LABEL = 48
_OFTEN = (
    "PERSON EMAIL_ADDRESS PHONE_NUMBER LOCATION ORGANIZATION HEALTH IBAN_CODE CREDIT_CARD NRP AGE "
    "DATE_OF_BIRTH IP_ADDRESS US_SSN JOB_TITLE RESIDENCE EMPLOYER POSTCODE RELIGION"
).split()


class Html(str):
    """Markup; a plain string is text, and is escaped."""

    __slots__ = ()


def esc(value: object) -> Html:
    """A value as markup: `Html` as it is, all else as escaped text.

    Characters that a page cannot hold become U+FFFD.
    """
    if isinstance(value, Html):
        return value
    return Html(escape(_UNSHOWN.sub("\ufffd", str(value))))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Several values as one piece of markup."""
    return Html(between.join(map(esc, parts)))


def begin(title: str, *, lang: str = "en") -> Html:
    """What stands before the body of a page, for pages that are written piece by piece."""
    return Html(f"""<!DOCTYPE html>
<html lang="{esc(lang)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>{esc(title)}</title>
<style>{STYLE}</style>
</head>
<body>
""")


def page(title: str, body: str, *, lang: str = "en") -> str:
    """A whole page.

    Args:
        title: Its title, as text; the body has its own heading.
        body: Markup.
        lang: The language of its text, as in BCP 47.
    """
    return f"{begin(title, lang=lang)}{body}\n{END}"


def facts(pairs: Iterable[tuple[object, object]]) -> Html:
    """Names and values below each other."""
    rows = "\n".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in pairs)
    return Html(f"<dl>\n{rows}\n</dl>\n")


def bullets(items: Iterable[object]) -> Html:
    """A list of points."""
    rows = "\n".join(f"<li>{esc(item)}</li>" for item in items)
    return Html(f"<ul>\n{rows}\n</ul>\n")


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Collection[int] = (),
    empty: str = "",
    stack: bool = False,
) -> Html:
    """A table that scrolls by itself where it is wider than the page.

    Args:
        head: The names of its columns.
        rows: Its rows, a cell for each column.
        numeric: Positions of columns that hold numbers.
        empty: What to say where there is no row.
        stack: Whether the cells of a row stand below each other on a phone.
    """
    kinds = [' class="number"' if i in numeric else "" for i in range(len(head))]
    lines = []
    for row in rows:
        cells = zip(head, kinds, row, strict=True)
        told = ((f' data-head="{esc(name)}"' if stack else "", kind, c) for name, kind, c in cells)
        lines.append("".join(f"<td{kind}{name}>{esc(cell)}</td>" for name, kind, cell in told))
    if not lines and empty:
        return Html(f'<p class="note">{esc(empty)}</p>\n')
    top = "".join(
        f'<th scope="col"{kind}>{esc(cell)}</th>' for kind, cell in zip(kinds, head, strict=True)
    )
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    kind = ' class="stack"' if stack else ""
    return Html(
        f'<div class="wide"><table{kind}>\n<thead><tr>{top}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n"
    )


def bar_chart(
    rows: Sequence[tuple[str, float]],
    *,
    title: str,
    unit: str = "",
    colours: bool = False,
    most: int = 30,
) -> Html:
    """A bar for each row, as SVG that takes the width it is given without scaling its text.

    Args:
        rows: Label and value, in the order in which they are drawn; values are not negative.
        title: What it shows.
        unit: Stands after each value.
        colours: Whether each bar has the colour of its label, as in `colour`.
        most: How many bars are drawn; how many are left out is said.
    """
    shown, left = rows[:most], rows[most:]
    top = max((value for _, value in shown), default=0) or 1
    height = 40
    bars = []
    for i, (label, value) in enumerate(shown):
        short = label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
        fill = colour(label) if colours else "var(--bar)"
        number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"
        bars.append(
            f"<g><title>{esc(label)}: {number}{esc(unit)}</title>"
            f'<text x="0" y="{i * height + 15}">{esc(short)}</text>'
            f'<text x="100%" y="{i * height + 15}" text-anchor="end">{number}{esc(unit)}</text>'
            f'<rect x="0" y="{i * height + 21}" width="{100 * value / top:.2f}%" height="9" rx="2" '
            f'style="fill:{fill}"/></g>'
        )
    more = f'<p class="note">{len(left)} more are not drawn.</p>' if left else ""
    return Html(
        f"<figure><figcaption>{esc(title)}</figcaption>\n"
        f'<svg role="img" aria-label="{esc(title)}" width="100%" height="{len(shown) * height}">\n'
        + "\n".join(bars)
        + f"\n</svg>{more}</figure>\n"
    )


def colour(name: str, alpha: float = 1.0) -> str:
    """The colour of an entity type, the same everywhere; it stands out from black and white."""
    at = _OFTEN.index(name) if name in _OFTEN else crc32(name.encode("utf-8", "replace"))
    # Steps of the golden angle keep the colours of types that are found often far apart.
    return f"hsl({at * 137.508 % 360:.0f} 65% 48% / {alpha:g})"


def swatch(name: str, more: str = "") -> Html:
    """The name of an entity type with its colour beside it, and what belongs to it."""
    style = "display:inline-block;width:.7em;height:.7em;border-radius:.15em"
    box = f'<span style="{style};background:{colour(name)}"></span>'
    return Html(f'<span style="white-space:nowrap">{box}&nbsp;{esc(name)} {esc(more)}</span>')


def mark(kind: str, inner: object, *, label: bool = True) -> Html:
    """A highlighted stretch of text, in the colour of its entity type.

    It needs no style of a page, so that notebooks can show it too.

    Args:
        kind: The entity type.
        inner: What is highlighted.
        label: Whether the type stands beside it, so that colour is not all that tells it.
    """
    told = f" <small>{esc(kind)}</small>" if label else ""
    style = (
        f"background:{colour(kind, 0.25)};border-bottom:2px solid {colour(kind)};"
        "color:inherit;padding:0 .2em;border-radius:.2em"
    )
    return Html(f'<mark style="{style}" title="{esc(kind)}">{esc(inner)}{told}</mark>')
