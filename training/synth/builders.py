"""Records in the formats of programs and offices: CSV, JSON, XML, tables, forms, SQL, chats."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from . import chats
from .fields import MAKERS, Row, keys, shapes
from .grammar import Context, read_templates, render
from .people import VALUES
from .style import Segment

Cell = list[Segment]
Change = Callable[[str], str]


def _text(cell: Cell) -> str:
    return "".join(t for t, _ in cell)


def _change(cell: Cell, change: Change) -> Cell:
    return [(change(t), label) for t, label in cell]


def _cell(name: str, row: Row) -> Cell:
    if name == "note":
        return render(row.rng.choice(read_templates(VALUES / "notes.txt")), Context(row.rng))
    return [MAKERS[name](row)]


def _key(phrase: str, style: str) -> str:
    words = re.split(r"[ -]", phrase)
    if style == "snake":
        return "_".join(words)
    if style == "camel":
        return words[0] + "".join(w.capitalize() for w in words[1:])
    if style == "pascal":
        return "".join(w.capitalize() for w in words)
    if style == "title":
        return " ".join(
            w.capitalize() if len(w) > 3 or w not in ("id", "dob", "ssn") else w.upper()
            for w in words
        )
    if style == "upper":
        return phrase.upper()
    if style == "const":
        return "_".join(words).upper()
    return phrase[0].upper() + phrase[1:] if style == "sentence" else phrase


def _shape(rng: random.Random) -> tuple[str, ...]:
    if rng.random() < 0.6:
        return rng.choice(shapes())
    core = rng.choice(
        ("name", "name", "first last", "employer", "name address", "address", "first")
    )
    more = rng.sample(sorted(MAKERS), k=rng.randint(1, 5))
    names = list(dict.fromkeys(core.split() + [m for m in more if m not in ("first", "middle")]))
    if rng.random() < 0.4:
        rng.shuffle(names)
    return tuple(names)


def _table(rng: random.Random, rows: int) -> tuple[list[str], list[list[Cell]], tuple[str, ...]]:
    shape = _shape(rng)
    names = [rng.choice(keys()[name]) for name in shape]
    made = [Row.new(rng) for _ in range(rows)]
    return names, [[_cell(name, row) for name in shape] for row in made], shape


def _one_line(cell: Cell, rng: random.Random) -> Cell:
    sep = rng.choice((", ", ", ", " ", "; ", " / "))
    return _change(cell, lambda t: re.sub(r",?\n *", sep, t))


def _csv(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, rng.choice((1, 1, 2, 3, 4)))
    sep = rng.choice((",", ",", ",", ";", "\t", "|", ", ", " | "))
    quote = rng.random() < 0.25
    style = rng.choice(("snake", "title", "camel", "upper", "plain", "const"))
    out: Cell = []
    if rng.random() < 0.6:
        head = [_key(k, style) for k in keys]
        out.append((sep.join(f'"{h}"' if quote else h for h in head) + "\n", None))
    keep = rng.random() < 0.35
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if j:
                out.append((sep, None))
            if not keep:
                cell = _one_line(cell, rng)
            text = _text(cell)
            if quote or (sep.strip() and sep.strip() in text) or "\n" in text:
                cell = [('"', None), *_change(cell, lambda t: t.replace('"', '""')), ('"', None)]
            out += cell
        if i + 1 < len(rows):
            out.append(("\n", None))
    return out


def _json_text(rng: random.Random) -> Change:
    ascii_only = rng.random() < 0.06

    def change(text: str) -> str:
        text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        if ascii_only:
            text = "".join(c if ord(c) < 128 else f"\\u{ord(c):04x}" for c in text)
        return text

    return change


def _json_object(
    keys: list[str],
    cells: list[Cell],
    rng: random.Random,
    pad: str,
    change: Change,
    shape: tuple[str, ...],
) -> Cell:
    nl, colon = ("\n", ": ") if pad else rng.choice((("", ":"), ("", ": ")))
    gap = "," + (nl + pad if pad else rng.choice(("", " ")))
    out: Cell = [("{" + nl + pad, None)]
    for i, (key, cell) in enumerate(zip(keys, cells, strict=True)):
        out.append(((gap if i else "") + f'"{key}"{colon}', None))
        text = _text(cell)
        if shape[i] in ("age", "count") or text in ("true", "false"):
            out += cell
        elif not text:
            out.append((rng.choice(('""', "null")), None))
        else:
            out += [('"', None), *_change(cell, change), ('"', None)]
    out.append((nl + pad[:-2] + "}" if pad else "}", None))
    return out


def _json(rng: random.Random) -> Cell:
    keys, rows, shape = _table(rng, rng.choice((1, 1, 1, 2, 3)))
    style = rng.choice(("snake", "snake", "camel", "pascal", "title"))
    keys = [_key(k, style) for k in keys]
    pad, change = rng.choice(("", "", "  ", "    ")), _json_text(rng)
    outer = rng.random()
    inner = pad + "  " if pad and outer < 0.5 else pad
    objects = [_json_object(keys, cells, rng, inner, change, shape) for cells in rows]
    if len(objects) == 1 and outer >= 0.5:
        return objects[0]
    name = rng.choice(("customer", "user", "data", "records", "patient", "employees", "payload"))
    many = len(objects) > 1
    out: Cell = [(f'{{"{name}": ' + ("[" if many else ""), None)]
    for i, obj in enumerate(objects):
        out += ([(", ", None)] if i else []) + obj
    return [*out, ("]}" if many else "}", None)]


def _xml(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, 1)
    style = rng.choice(("snake", "camel", "pascal"))
    nl = rng.choice(("\n  ", "", "\n\t"))
    tag = rng.choice(("customer", "person", "record", "Patient", "contact", "row"))
    out: Cell = [(f"<{tag}>", None)]
    for key, cell in zip(keys, rows[0], strict=True):
        name = _key(key, style).replace("'", "")
        body = _change(cell, lambda t: t.replace("&", "&amp;").replace("<", "&lt;"))
        out += [(f"{nl}<{name}>", None), *body, (f"</{name}>", None)]
    return [*out, (nl.rstrip(" \t") + f"</{tag}>", None)]


def _attributes(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, 1)
    out: Cell = [("<" + rng.choice(("user", "contact", "entry")), None)]
    for key, cell in zip(keys, rows[0], strict=True):
        body = _change(_one_line(cell, rng), lambda t: t.replace('"', "&quot;"))
        out += [(f' {_key(key, "camel")}="', None), *body, ('"', None)]
    return [*out, ("/>", None)]


def _yaml(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, rng.choice((1, 1, 2)))
    out: Cell = []
    quote = rng.choice(("", "", '"', "'"))
    dash = len(rows) > 1
    for row in rows:
        for i, (key, cell) in enumerate(zip(keys, row, strict=True)):
            lead = ("- " if i == 0 else "  ") if dash else ""
            if "\n" in _text(cell) and rng.random() < 0.6:
                body = _change(cell, lambda t: re.sub(r"\n *", "\n    ", t))
                out += [(f"{lead}{_key(key, 'snake')}: |\n    ", None), *body, ("\n", None)]
            else:
                body = _one_line(cell, rng)
                out += [(f"{lead}{_key(key, 'snake')}: {quote}", None), *body, (f"{quote}\n", None)]
    return [*out[:-1], (out[-1][0].rstrip("\n"), None)]


def _pairs(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, 1)
    style = rng.choice(("snake", "camel", "const", "title"))
    eq, sep = rng.choice(
        (
            ("=", " "),
            ("=", "; "),
            (": ", ", "),
            (":", " "),
            ("=", "&"),
            (": ", " | "),
            ("=", ", "),
            (": ", "; "),
            (" - ", " / "),
        )
    )
    quote = '"' if eq == "=" and rng.random() < 0.5 else ""
    lead = rng.choice(
        ("", "", "", "INFO ", "[audit] ", "user logged in: ", "DEBUG request ", "Record updated ")
    )
    out: Cell = [(lead, None)]
    for i, (key, cell) in enumerate(zip(keys, rows[0], strict=True)):
        body = _one_line(cell, rng)
        out += [((sep if i else "") + _key(key, style) + eq + quote, None), *body, (quote, None)]
    return out


def _form(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, rng.choice((1, 1, 1, 2)))
    style = rng.choice(("title", "title", "sentence", "upper", "plain"))
    colon = rng.choice((": ", ": ", ":\t", ":", " : ", ":\n", " - ", ":  ", ": **", " = ", "\n"))
    bullet = rng.choice(("", "", "", "- ", "* ", "• ", "> "))
    width = max(len(k) for k in keys) + 1 if rng.random() < 0.12 else 0
    end = "**" if colon == ": **" else ""
    head = rng.choice(
        (
            "",
            "",
            "",
            "CUSTOMER RECORD\n",
            "Personal Details\n----------------\n",
            "## Contact\n\n",
            "APPLICATION FORM\n\n",
            "Patient Information\n",
        )
    )
    out: Cell = [(head, None)]
    for r, row in enumerate(rows):
        for key, cell in zip(keys, row, strict=True):
            label = bullet + _key(key, style)
            out += [(label.ljust(width) + colon, None), *cell, (end + "\n", None)]
        if r + 1 < len(rows):
            out.append(("\n", None))
    return out[:-1]


def _markdown(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, rng.choice((1, 2, 3)))
    heads = [_key(k, rng.choice(("title", "snake"))) for k in keys]
    out: Cell = []
    if rng.random() < 0.8:
        out.append(("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads) + "\n", None))
    for row in rows:
        out.append(("| ", None))
        for cell in row:
            body = _change(cell, lambda t: re.sub(r"\n *", "<br>" if "\n" in t else " ", t))
            out += [*body, (" | ", None)]
        out[-1] = (" |\n", None)
    return [*out[:-1], (" |", None)]


def _ascii(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, rng.choice((1, 2, 3)))
    rows = [[_one_line(cell, rng) for cell in row] for row in rows]
    widths = [max(len(k), *(len(_text(r[i])) for r in rows)) for i, k in enumerate(keys)]
    bar = rng.choice((" | ", "  ", " \t", "   "))
    out: Cell = [
        (
            bar.join(_key(k, "title").ljust(w) for k, w in zip(keys, widths, strict=True)) + "\n",
            None,
        )
    ]
    if rng.random() < 0.5:
        out.append((rng.choice("-=") * (sum(widths) + len(bar) * (len(widths) - 1)) + "\n", None))
    for row in rows:
        for i, cell in enumerate(row):
            out += [
                *cell,
                (" " * (widths[i] - len(_text(cell))) + (bar if i + 1 < len(row) else "\n"), None),
            ]
    return out[:-1]


def _sql(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, rng.choice((1, 1, 2)))
    table = rng.choice(("customers", "users", "patients", "employees", "orders", "contacts"))
    columns = [_key(k, "snake").replace("'", "") for k in keys]
    kind = rng.random()

    def quoted(cell: Cell) -> Cell:
        return [
            ("'", None),
            *_change(_one_line(cell, rng), lambda t: t.replace("'", "''")),
            ("'", None),
        ]

    if kind < 0.15:
        return [
            (f"SELECT * FROM {table} WHERE {columns[0]} = ", None),
            *quoted(rows[0][0]),
            (";", None),
        ]
    if kind < 0.3:
        out: Cell = [(f"UPDATE {table} SET ", None)]
        for i, cell in enumerate(rows[0]):
            out += [((", " if i else "") + columns[i] + " = ", None), *quoted(cell)]
        return [*out, (f" WHERE id = {rng.randint(1, 9999)};", None)]
    out = [(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ", None)]
    for r, row in enumerate(rows):
        out.append(("(" if not r else ", (", None))
        for i, cell in enumerate(row):
            out += ([(", ", None)] if i else []) + quoted(cell)
        out.append((")", None))
    return [*out, (";", None)]


def _python(rng: random.Random) -> Cell:
    keys, rows, _ = _table(rng, 1)
    name = rng.choice(("user", "customer", "row", "data", "patient"))
    call = rng.random() < 0.5
    out: Cell = [(f"{name} = " + ("Person(" if call else "{"), None)]
    for i, (key, cell) in enumerate(zip(keys, rows[0], strict=True)):
        k = _key(key, "snake").replace("'", "")
        body = _change(cell, lambda t: t.replace('"', '\\"').replace("\n", "\\n"))
        out += [
            ((", " if i else "") + (f'{k}="' if call else f'"{k}": "'), None),
            *body,
            ('"', None),
        ]
    return [*out, (")" if call else "}", None)]


def _html(rng: random.Random) -> Cell:
    _, rows, _ = _table(rng, rng.choice((1, 2)))
    out: Cell = [("<table>", None)]
    for row in rows:
        out.append(("<tr>", None))
        for cell in row:
            body = _change(cell, lambda t: t.replace("&", "&amp;").replace("\n", "<br/>"))
            out += [("<td>", None), *body, ("</td>", None)]
        out.append(("</tr>", None))
    return [*out, ("</table>", None)]


def _vcard(rng: random.Random) -> Cell:
    row = Row.new(rng)
    p, a = row.person, row.address
    out: Cell = [
        ("BEGIN:VCARD\nVERSION:3.0\nN:", None),
        (p.last, "PER"),
        (";", None),
        (p.first, "PER"),
    ]
    out += [
        (";;;\nFN:", None),
        (f"{p.first} {p.last}", "PER"),
        ("\nORG:", None),
        _cell("employer", row)[0],
    ]
    out += [("\nADR:;;", None), (a.street, "ADDR"), (";", None), (a.city, "LOC"), (";", None)]
    out += [(a.region, "LOC"), (";", None), (a.postcode, "ADDR"), (";", None), (a.country, "LOC")]
    return [*out, ("\nTEL:", None), *_cell("phone", row), ("\nEND:VCARD", None)]


_FORMATS = (
    (_csv, 20), (_json, 17), (_form, 22), (_pairs, 9), (_xml, 4), (_attributes, 2), (_yaml, 4),
    (_markdown, 5), (_ascii, 4), (_sql, 5), (_python, 3), (_html, 2), (_vcard, 1),
    (chats.chat, 7), (chats.listing, 7), (chats.log, 3), (chats.contacts, 8),
)  # fmt: skip


def build(rng: random.Random) -> list[Segment]:
    """A record, a table, a chat or a list in one of the formats.

    Args:
        rng: The source of chance.

    Returns:
        Its segments with labels.
    """
    maker = rng.choices([f for f, _ in _FORMATS], [w for _, w in _FORMATS])[0]
    return maker(rng)
