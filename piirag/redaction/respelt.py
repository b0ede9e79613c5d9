r"""The spellings of a placeholder that a model may answer with and that lose nothing.

`[PERSON_1b]` comes back as `[Person_1B]`, `[PERSON 1b]`, `[**PERSON-1b**]`, `\[PERSON\_1b\]`,
`%5BPERSON_1b%5D`, `\u005bPERSON_1b\u005d`, or with full-width brackets, letters and digits. Each
has one reading: case, width, escapes, emphasis and the character between the parts never tell two
tokens apart, so what is left, `person_1b`, is the token's key. A bracket that is missing or of
another kind than its partner, another type or another number give no key of the call.

The same grammar says what has to be quoted in a prompt, so that nothing a user or a document
writes can be read as a token later.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

_CLOSE = {
    "[": "]",
    "\\[": "\\]",
    "%5b": "%5d",
    "\\u005b": "\\u005d",
    "\uff3b": "\uff3d",
    "\u3010": "\u3011",
}
_OPEN = r"\[|\\\[|%5[Bb]|\\u005[Bb]|\uff3b|\u3010"
_DECO = r"(?:\*{1,3}|_{1,3}|`{1,3}|~~|[ ])?"
_ALNUM = r"[A-Za-z0-9\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
_SEPARATOR = r"(?:\\_|[_ \-\u00a0\uff3f\uff0d\u2010\u2011])"

# Bounded, so that a run of letters behind every bracket costs no more than its length.
_HEAD = re.compile(
    rf"(?P<open>{_OPEN})(?P<deco>{_DECO})"
    rf"(?P<core>{_ALNUM}{{1,64}}(?:{_SEPARATOR}{_ALNUM}{{1,64}}){{0,24}})"
)
_BEGUN = re.compile(rf"\\|\\u(?:0(?:05?)?)?|%5?|(?:{_OPEN})(?:{_DECO}|~)")
_BETWEEN = re.compile(rf"\\|{_SEPARATOR}")
_LONGEST_END = 10

OPENER: Final = re.compile("[\\[\\\\%\uff3b\u3010]")
"""Where a token may begin, in any spelling."""

_OTHERS = re.compile("[\\\\%\uff3b\u3010]")

_SHAPE = re.compile(r"[a-z][a-z0-9_]*_[1-9][0-9]{0,8}[a-z]{0,6}")

# Full-width forms, the separators, and the backslash of an escape.
_PLAIN = {0xFF01 + i: 0x21 + i for i in range(94)}
_PLAIN |= dict.fromkeys(map(ord, " -\u00a0\uff3f\uff0d\u2010\u2011"), ord("_"))
_TABLE: Final = {**_PLAIN, ord("\\"): None}

FAIL, PART, WHOLE = range(3)


def key_of(core: str) -> str:
    """The key that the inside of a token, in any spelling, stands for."""
    return core.translate(_TABLE).lower()


def only_brackets(text: str) -> bool:
    """Whether every `OPENER` in a text is a plain bracket."""
    return text.isascii() and "\\" not in text and "%" not in text


def next_opener(text: str, at: int, only: bool) -> int:
    """Where the next `OPENER` stands; -1 where there is none.

    Args:
        text: The text.
        at: Where to begin.
        only: What `only_brackets` says of the text.
    """
    bracket = text.find("[", at)
    if only:
        return bracket
    other = _OTHERS.search(text, at) if bracket < 0 else _OTHERS.search(text, at, bracket)
    return bracket if other is None else other.start()


def probe(
    text: str, at: int, keys: Collection[str], prefixes: Collection[str]
) -> tuple[int, int, str, str]:
    """Read a token of a call at a place in a text.

    Args:
        text: The text so far.
        at: Where an `OPENER` stands.
        keys: The keys of the call.
        prefixes: All their beginnings.

    Returns:
        Whether no token of the call stands there whatever follows (`FAIL`), the text may end
        within one (`PART`) or one stands there (`WHOLE`); then its end, its key, and the emphasis
        that stands inside its brackets.
    """
    head = _HEAD.match(text, at)
    if head is None:
        return (PART if _BEGUN.fullmatch(text, at) else FAIL), at, "", ""
    end = head.end()
    key = key_of(head["core"])
    close = head["deco"] + _CLOSE[head["open"].lower()]
    if text[end : end + len(close)].lower() == close:
        if key not in keys:
            return FAIL, at, "", ""
        return WHOLE, end + len(close), key, head["deco"].strip()
    rest = text[end : end + _LONGEST_END]
    if end + len(rest) < len(text):
        return FAIL, at, "", ""
    begun = (
        (close.startswith(rest.lower()) and key in keys)
        or (not rest and key in prefixes)
        or (_BETWEEN.fullmatch(rest) is not None and key + "_" in prefixes)
    )
    return (PART if begun else FAIL), at, "", ""


def token_shapes(text: str) -> Iterator[tuple[int, int, str]]:
    """Everything in a text that is spelled like a token of any type: start, end, key.

    Time is linear in the text.
    """
    for opener in OPENER.finditer(text):
        head = _HEAD.match(text, opener.start())
        if head is None:
            continue
        close = head["deco"] + _CLOSE[head["open"].lower()]
        end = head.end() + len(close)
        if text[head.end() : end].lower() == close:
            key = key_of(head["core"])
            if _SHAPE.fullmatch(key):
                yield head.start(), end, key


def may_hold_tokens(text: str) -> bool:
    """Whether a text holds any opening bracket; quicker than looking for tokens."""
    return (
        "[" in text
        or ("%" in text and "%5" in text)
        or ("\\" in text and "\\u005" in text)
        or (not text.isascii() and ("\uff3b" in text or "\u3010" in text))
    )
