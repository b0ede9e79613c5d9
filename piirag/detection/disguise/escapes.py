"""Escapes that stand for one character: entities, percent signs, backslashes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from html.entities import html5

from piirag.detection.disguise.mapping import Edit
from piirag.detection.disguise.octets import Octet, edits_of, telling

# Each accepts the escape character escaped again, up to three times over: &amp;#64; and %2540.
_ENTITY = re.compile(
    r"&(?:amp;){0,3}(?:#[xX]0{0,8}([0-9a-fA-F]{1,6})|#0{0,8}([0-9]{1,7})|([A-Za-z][A-Za-z0-9]{1,31}))(;?)"
)
_PERCENT = re.compile(r"%(?:25){0,3}(?:([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))")
_BACKSLASH = re.compile(
    r"\\{1,4}(?:u([0-9a-fA-F]{4})|u\{0{0,8}([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})"
    r"|x\{?([0-9a-fA-F]{2})\}?|([01][0-7]{2})|([nrtbfv0])|([!-/:-@\[-`{-~])|(\r?\n))"
)
_WHITE = {"n": "\n", "r": "\n", "t": "\t"}
# The letter of an escape such as "\\n" hides what is glued to it: a word is no word any more.
_GLUED = re.compile(r"[\w+(\[@#$-]")
_ITEM = re.compile(r"[-+*#$@]{1,6}(?:\s|\\|\Z)|\(?\s")
_PLAIN_WORD = re.compile(r"([a-z]+)(?=[ ,;)]|[.:?!](?:[\s\"']|\Z)|[\"'\\])")
_BESIDE_VALUES = re.compile(r"[0-9@=:]")
_LINE = 60
_LONGEST_NAME = 6
"""Characters of the longest entity name that may lack its semicolon, such as ``Yacute``."""


def escape_edits(text: str) -> list[Edit]:
    """Find escapes and what they stand for."""
    edits: list[Edit] = []
    if "&" in text:
        edits += _entities(text)
    if "%" in text:
        edits += _runs(text, _PERCENT, _percent)
    if "\\" in text:
        edits += _runs(text, _BACKSLASH, _backslash)
    return edits


def _entities(text: str) -> Iterator[Edit]:
    for match in _ENTITY.finditer(text):
        hexadecimal, decimal, name, semicolon = match.groups()
        start, end = match.span()
        if name is not None:
            character, used = _named(name, bool(semicolon))
            end = match.start(3) + used
        elif hexadecimal is not None:
            character, used = _numbered(hexadecimal, 16, bool(semicolon))
            end = match.start(1) + used
        else:
            character, used = _numbered(decimal, 10, bool(semicolon))
            end = match.start(2) + used
        if used:
            yield Edit(start, end, character, all(map(telling, character)))


def _named(name: str, semicolon: bool) -> tuple[str, int]:
    """The character of a named entity and how much of the name, and semicolon, it took."""
    if semicolon and f"{name};" in html5:
        return html5[f"{name};"], len(name) + 1
    for length in range(min(len(name), _LONGEST_NAME), 1, -1):
        if name[:length] in html5:
            return html5[name[:length]], length
    return "", 0


def _numbered(digits: str, base: int, semicolon: bool) -> tuple[str, int]:
    """The same for a numbered one. Without a semicolon, what follows may look like digits."""
    if not semicolon:
        for length in (2, 3):
            if len(digits) > length and 32 < int(digits[:length], base) < 127:
                return chr(int(digits[:length], base)), length
    character = _character(int(digits, base))
    return character, (len(digits) + semicolon) if character else 0


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _runs(
    text: str,
    pattern: re.Pattern[str],
    read: Callable[[re.Match[str]], str | int],
) -> Iterator[Edit]:
    """Edits for escapes; bytes beside each other are read together."""
    octets: list[Octet] = []
    high: Octet | None = None
    for match in pattern.finditer(text):
        start, end = match.span()
        got = read(match)
        if octets and (octets[-1][1] != start or not isinstance(got, int)):
            yield from edits_of(octets)
            octets = []
        if isinstance(got, int):
            octets.append((start, end, got))
            continue
        if len(got) == 1 and 0xD800 <= ord(got) < 0xE000:
            # JSON and JavaScript write characters beyond U+FFFF as two escapes.
            if high is not None and high[1] == start and ord(got) >= 0xDC00:
                code = 0x10000 + ((high[2] - 0xD800) << 10) + ord(got) - 0xDC00
                yield Edit(high[0], end, chr(code))
            high = (start, end, ord(got)) if ord(got) < 0xDC00 else None
            continue
        yield Edit(start, end, got, telling(got) and _matters(text, start, end, got))
    yield from edits_of(octets)


def _percent(match: re.Match[str]) -> str | int:
    octet, unit = match.groups()
    return int(octet, 16) if octet is not None else chr(int(unit, 16))


def _backslash(match: re.Match[str]) -> str | int:
    unit, braced, long, octet, octal, white, itself, line_end = match.groups()
    if octet is not None:
        return int(octet, 16)
    if octal is not None:
        return int(octal, 8)
    if unit is not None:
        return chr(int(unit, 16))
    if white is not None:
        return _WHITE.get(white, " ")
    if line_end is not None:
        return ""
    return itself or _character(int(braced or long, 16))


def _matters(text: str, start: int, end: int, character: str) -> bool:
    """Whether undoing this escape can show a value that does not show already."""
    if character == "/":
        return text[start - 1 : start].isdigit() and text[end : end + 1].isdigit()
    if character.isspace():
        return _hides(text, end)
    return True


def _hides(text: str, at: int) -> bool:
    """Whether what an escape of white space is glued to may be a value, a label or a name."""
    if _GLUED.match(text, at) is None or _ITEM.match(text, at):
        return False
    word = _PLAIN_WORD.match(text, at)
    if word is None or not _is_plain(word[1]):
        return True
    # What is told by the word itself: "call 415 555 2671".
    end = word.end() + _LINE
    stop = text.find("\\", word.end(), end)
    return _BESIDE_VALUES.search(text, word.end(), stop if stop >= 0 else end) is not None


def _is_plain(word: str) -> bool:
    """Whether it is a word of no name and of no label."""
    from piirag.detection.ner.gate import plain_words
    from piirag.detection.recognizers.signs import label_version

    return word in plain_words() and not _begins_label(word, label_version())


@functools.lru_cache(maxsize=4096)
def _begins_label(word: str, version: int) -> bool:
    """For plain words only, so that nothing of a text is kept; anew where labels are taken up."""
    from piirag.detection.recognizers.signs import may_begin_label

    return may_begin_label(word)
