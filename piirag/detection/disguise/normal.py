"""The normal form of a text: one spelling of every character, and where each came from.

Only what a reader does not notice is undone here: invisible characters, widths, digits, spaces,
dashes, look-alikes. What a reader sees as encoded or spelled out is left to the views, because
there the text itself remains one possible reading.
"""

from __future__ import annotations

import re
import unicodedata

from piirag.detection.disguise.characters import FOLDED, INVISIBLE, MARKS, SUSPECT
from piirag.detection.disguise.homoglyphs import FOREIGN_LETTERS, undo_homoglyphs
from piirag.detection.disguise.mapping import Edit, OffsetMap, rewrite

# Joiners and emoji selectors belong to the spelling after letters of these scripts, or emoji.
_TIED = "\u200c\u200d\ufe0e\ufe0f"
_TIES = re.compile(
    "[\u0600-\u065f\u066a-\u06ef\u06fa-\u08ff\u0900-\u0965\u0970-\u109f\u1780-\u17df\u1820-\u18af"
    "\u2190-\u2bff\u3030\u303d\ufe0e\ufe0f\U0001f000-\U0001faff]"
)

_CONTROLS = bytes([*range(9), *range(14, 32), 127])

_MARKED = re.compile(f"[^{MARKS}][{MARKS}]+", re.DOTALL)
_ANY_MARK = re.compile(f"[{MARKS}]")
# Sorting marks takes the square of their number. No letter of a living language has more.
_MOST_MARKS = 4

# A small figure after a number or a letter is a note, an exponent or an index, and no part of a
# number. (In the patterns below, the look-behind stands after the character, so that the search
# skips to the rare character first.)
_RAISED = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079"
_NOTE = re.compile(
    f"[{_RAISED}](?<=[0-9].)[{_RAISED}]?(?![0-9{_RAISED}])"
    f"|[{_RAISED}\u2080-\u2089](?<=[A-Za-z].)(?![\\w@{_RAISED}\u2080-\u2089])"
)
# A circled a among uncircled letters is a way of writing the at sign.
_CIRCLED_AT = re.compile("[\u24b6\u24d0](?<![\u24b6-\u24e9].)(?![\u24b6-\u24e9])")

# These dashes and stops are ordinary punctuation between words; they are read otherwise only where
# they hold a number or an address together.
_DASH = re.compile(
    "[\u2013-\u2015\u301c\u30fc](?:(?<=[0-9].)(?=[0-9A-Za-z])|(?<=[A-Za-z].)(?=[0-9]))"
)
_STOP = re.compile(r"[\u3002\uff61](?:(?<=[0-9A-Za-z].)(?=\w)|(?<=\w.)(?=[0-9A-Za-z]))")
# Between two letters beyond ASCII a stop ends a sentence, unless they are a domain.
_FOREIGN_DOMAIN = re.compile(r"(?<=\w)@[\w.\u3002\uff61-]{1,255}")
_IN_PLACES = re.compile(f"[{MARKS}{FOREIGN_LETTERS}\u2013-\u2015\u3002\u301c\u30fc\uff61]")


def normal_form(text: str) -> tuple[str, tuple[OffsetMap, ...]]:
    """Read every character in its plain form.

    Args:
        text: Any text, lone surrogates included.

    Returns:
        The normal form, the same object if nothing changes, and the maps that lead from it back
        to the text, in the order in which to apply them.
    """
    normal = text
    maps: tuple[OffsetMap, ...] = ()
    if text.isascii() and len(text.encode().translate(None, _CONTROLS)) == len(text):
        return text, ()
    if SUSPECT.search(normal):
        normal, maps = _characters(normal)
    if not normal.isascii() and _IN_PLACES.search(normal):
        normal, maps = _places(normal, maps)
    return (text, ()) if normal == text else (normal, maps)


def _places(normal: str, maps: tuple[OffsetMap, ...]) -> tuple[str, tuple[OffsetMap, ...]]:
    """Undo what is read otherwise only in some places."""
    if _ANY_MARK.search(normal):
        normal, offsets = _compose(normal)
        maps = (offsets, *maps)
    normal = undo_homoglyphs(normal)
    normal = _STOP.sub(".", _DASH.sub("-", normal))
    if "\u3002" in normal or "\uff61" in normal:
        normal = _FOREIGN_DOMAIN.sub(_with_dots, normal)
    return normal, maps


def _with_dots(domain: re.Match[str]) -> str:
    return domain.group().replace("\u3002", ".").replace("\uff61", ".")


def _characters(text: str) -> tuple[str, tuple[OffsetMap, ...]]:
    """Fold single characters; one for one where possible, so that few edits need a map."""
    if not text.isascii():
        text = _NOTE.sub(lambda match: " " * len(match.group()), text)
        text = _CIRCLED_AT.sub("@", text)
    edits: list[Edit] = []
    for match in SUSPECT.finditer(text):
        character, at = match.group(), match.start()
        folded = FOLDED[character]
        if folded == character:
            continue
        start = at
        if not folded and edits and edits[-1].end == at and not edits[-1].text:
            start = edits[-1].start
        if character in _TIED and start and _TIES.match(text, start - 1):
            continue
        if start < at:
            edits.pop()
        edits.append(Edit(start, at + 1, folded))
    if not edits:
        return text, ()
    normal, offsets = rewrite(text, 0, len(text), edits)
    return normal, (offsets,)


def _compose(text: str) -> tuple[str, OffsetMap]:
    """Letters and their accents in one character; other marks on Latin letters are dropped."""
    edits = []
    for match in _MARKED.finditer(text):
        letter, marks = match.group()[0], match.group()[1:]
        if letter.isspace():
            continue
        composed = unicodedata.normalize("NFC", letter + marks[:_MOST_MARKS])
        if letter.isascii() or unicodedata.name(letter, "").startswith("LATIN"):
            read = composed[0] if letter.isalpha() else letter
        else:
            read = composed + marks[_MOST_MARKS:]
        if read != match.group():
            edits.append(Edit(match.start(), match.end(), read))
    return rewrite(text, 0, len(text), edits)


def as_separators(text: str) -> list[Edit]:
    """Read invisible characters between letters or digits as spaces.

    Dropping them joins what they may have kept apart: ``a@b.co`` and ``c@d.co`` with a zero-width
    space between are two addresses. So there the text as it was is searched as well.
    """
    edits: list[Edit] = []
    for match in INVISIBLE.finditer(text):
        if match.group() in _INSIDE_WORDS:
            continue
        at = match.start()
        if edits and edits[-1].end == at:
            edits[-1] = Edit(edits[-1].start, at + 1, " ")
        elif at and text[at - 1].isalnum():
            edits.append(Edit(at, at + 1, " "))
    return [edit for edit in edits if text[edit.end : edit.end + 1].isalnum()]


_INSIDE_WORDS = "\u00ad\u034f\u2060\ufe0e\ufe0f"

_TAGGED = re.compile("[\U000e0020-\U000e007e]{4,}")


def tagged(text: str) -> list[Edit]:
    """Read tag characters, which are invisible, as the ASCII characters they stand for."""
    edits = []
    for match in _TAGGED.finditer(text):
        start, end = match.span()
        read = "".join(chr(ord(c) - 0xE0000) for c in match.group())
        before = " " if read[0].isalnum() and text[start - 1 : start].isalnum() else ""
        after = " " if read[-1].isalnum() and text[end : end + 1].isalnum() else ""
        edits.append(Edit(start, end, f"{before}{read}{after}"))
    return edits
