"""Where the keys and values of a TOML document stand."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from piirag.toml_lines import TomlPositions

# Documents whose positions are known because they were written here.
_KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True).map(lambda k: (k, k)),
    st.text(st.characters(codec="utf-8", exclude_characters="\"\\'\n\r", exclude_categories=["C"]),
            max_size=6).map(lambda k: (k, f'"{k}"')),
    st.sampled_from([("a.b", "'a.b'"), ('q"q', '"q\\"q"'), ("]", '"]"'), ("#", "'#'")]),
)  # fmt: skip
_SCALARS = st.sampled_from(
    ["1", "-1.5e3", "true", "nan", "1979-05-27 07:32:00", "1979-05-27T07:32:00Z", "07:32:00",
     '"x"', '"a \\" # ] } = b"', "'lit # \\ ['", '""', "''",
     '"""\nmulti "" # ]\n"""', "'''\n'\n'''",
     '"""ends in a quote \\""""', "'''x''''", '""""quoted" twice"""""', '"""\\\\"""', "0x1F",
     '"€ ü 😀"']
)  # fmt: skip
_SPACES = st.sampled_from(["", " ", "  ", "\t"])
_BREAKS = st.sampled_from(["", " ", "\n", " # ] comment }\n", "\n\n  "])


@st.composite
def documents(draw: Any) -> tuple[str, dict[tuple, int], dict[tuple, int]]:
    text = ""
    keys: dict[tuple, int] = {}
    values: dict[tuple, int] = {}

    def put(piece: str) -> None:
        nonlocal text
        text += piece

    def value(path: tuple, depth: int) -> None:
        values[path] = len(text)
        kind = draw(st.sampled_from(["scalar", "scalar", "array", "table"])) if depth else "scalar"
        if kind == "scalar":
            put(draw(_SCALARS))
        elif kind == "array":
            put("[" + draw(_BREAKS))
            for i in range(draw(st.integers(0, 3))):
                keys[(*path, i)] = len(text)
                value((*path, i), depth - 1)
                put(draw(_BREAKS) + "," + draw(_BREAKS))
            put("]")
        else:
            put("{" + draw(_SPACES))
            members = draw(st.lists(_KEYS, max_size=3, unique_by=lambda k: k[0]))
            for i, (name, written) in enumerate(members):
                put("," + draw(_SPACES) if i else "")
                keys[(*path, name)] = len(text)
                put(written + draw(_SPACES) + "=" + draw(_SPACES))
                value((*path, name), depth - 1)
                put(draw(_SPACES))
            put("}")

    def entries(path: tuple) -> None:
        for name, written in draw(st.lists(_KEYS, max_size=3, unique_by=lambda k: k[0])):
            if draw(st.booleans()):
                put(draw(_SPACES) + "# a comment = [\n")
            put(draw(_SPACES))
            keys[(*path, name)] = len(text)
            put(written + draw(_SPACES) + "=" + draw(_SPACES))
            value((*path, name), 3)
            put(draw(_SPACES) + "\n")

    entries(())
    used = {path[0] for path in keys}
    for i in range(draw(st.integers(0, 3))):
        name = f"table{i}"
        if name in used:
            continue
        if draw(st.booleans()):
            put(draw(_SPACES) + "[ ")
            keys[(name,)] = len(text)
            put(f"{name} . ")
            keys[(name, "sub.x")] = len(text)
            put("'sub.x'] # [[x]]\n")
            entries((name, "sub.x"))
        else:
            for number in range(draw(st.integers(1, 3))):
                keys.setdefault((name,), len(text) + 2)
                put(f"[[{name}]]\n")
                entries((name, number))
    return text, keys, values


@settings(max_examples=300, deadline=None)
@given(documents())
def test_every_key_and_value_of_every_toml_document_is_placed(document: tuple) -> None:
    text, keys, values = document
    data = tomllib.loads(text)
    positions = TomlPositions(text)
    assert {path: positions.keys.get(path) for path in keys} == keys
    assert {path: positions.values.get(path) for path in values} == values
    for path in values:
        there = data
        for part in path:
            there = there[part]


def test_placing_takes_one_pass(monkeypatch) -> None:
    """Counted, not timed: how often white space is skipped grows with the document only."""
    counts = []
    original = TomlPositions._skip
    for many in (100, 200, 400):
        steps = 0

        def counting(self):
            nonlocal steps
            steps += 1
            original(self)

        monkeypatch.setattr(TomlPositions, "_skip", counting)
        TomlPositions("[policy]\nallow = [\n" + '  "a # b", # c\n' * many + "]\n" + "# x\n" * many)
        counts.append(steps)
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])
