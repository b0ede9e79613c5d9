"""Where the keys and values of a TOML document stand.

`tomllib` says what a document holds and not where. This walks a document that `tomllib` has
accepted, so it need not check anything, and notes a position for each key and each value. One
pass; the time is linear in the document.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
# A date and a time may have a space between them.
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d[ ]\d\d:[^,\]}\s#]*|[^,\]}\s#]+")
# What lies deeper is told by what is around it.
_DEEPEST = 16
_ESCAPED_OR_END = re.compile(r'\\.|"""', re.DOTALL)


class TomlPositions:
    """Offsets of the keys and values of a document.

    Args:
        text: A document that `tomllib.loads` accepts.
    """

    def __init__(self, text: str) -> None:
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self._text = text
        self._at = 0
        # How often each array of tables has begun.
        self._tables: dict[Path, int] = {}
        self._document()

    def _document(self) -> None:
        table: Path = ()
        while True:
            self._skip()
            if self._at >= len(self._text):
                return
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._entry(table)

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _header(self) -> Path:
        start = self._at
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        names = self._key()
        self._at += 2 if many else 1
        path: Path = ()
        for i, (name, at) in enumerate(names):
            path = (*path, name)
            self._note(path, at, start)
            if many and i == len(names) - 1:
                number = self._tables[path] = self._tables.get(path, -1) + 1
            elif path in self._tables:
                number = self._tables[path]
            else:
                continue
            path = (*path, number)
            self._note(path, start, start)
        return path

    def _note(self, path: Path, key: int, value: int) -> None:
        if len(path) > _DEEPEST:
            return
        self.keys.setdefault(path, key)
        self.values.setdefault(path, value)

    def _key(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset; up to what follows the key."""
        parts = []
        while True:
            self._skip()
            start = self._at
            if self._text[start] in "\"'":
                pattern = _BASIC if self._text[start] == '"' else _LITERAL
                match = pattern.match(self._text, start)
                assert match
                (name,) = tomllib.loads(f"{match.group()} = 0")
            else:
                match = _BARE.match(self._text, start)
                assert match
                name = match.group()
            parts.append((name, start))
            self._at = match.end()
            self._skip()
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _entry(self, table: Path) -> None:
        """A key and its value."""
        path = table
        parts = self._key()
        for name, at in parts[:-1]:
            path = (*path, name)
            self._note(path, at, at)
        path = (*path, parts[-1][0])
        self._at += 1  # the equals sign
        self._skip()
        self._note(path, parts[-1][1], self._at)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._string(first)
        elif first == "[":
            self._members(path, "]")
        elif first == "{":
            self._members(path, "}")
        else:
            match = _SCALAR.match(self._text, self._at)
            assert match
            self._at = match.end()

    def _string(self, quote: str) -> None:
        if not self._text.startswith(quote * 3, self._at):
            match = (_BASIC if quote == '"' else _LITERAL).match(self._text, self._at)
            assert match
            self._at = match.end()
            return
        at = self._at + 3
        if quote == "'":
            at = self._text.index("'''", at) + 3
        else:
            while True:
                match = _ESCAPED_OR_END.search(self._text, at)
                assert match
                at = match.end()
                if match.group() == '"""':
                    break
        # Up to two more quotes belong to the string.
        while self._text.startswith(quote, at):
            at += 1
        self._at = at

    def _members(self, path: Path, closing: str) -> None:
        """The members of an array or of an inline table."""
        self._at += 1
        index = 0
        while True:
            self._skip()
            if self._text.startswith(closing, self._at):
                self._at += 1
                return
            if self._text.startswith(",", self._at):
                self._at += 1
            elif closing == "}":
                self._entry(path)
            else:
                self._note((*path, index), self._at, self._at)
                self._value((*path, index))
                index += 1
