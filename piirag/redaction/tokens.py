"""The two kinds of token that stand for values, and their exact grammars.

- A placeholder, `[PERSON_1]`, means something within one model call only. Other spellings of the
  same value get a letter behind the number: `[PERSON_1b]`.
- A pseudonym, `[PERSON Kobaru Tesami Lovina]`, stands in stored text: a type and three keyed,
  pronounceable words of three open syllables each. 80 syllables give 80**9 tokens, 56.9 bits.
"""

from __future__ import annotations

import functools
import re
import string

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = [c + v for c in _CONSONANTS for v in _VOWELS]
_WORDS = 3
_SYLLABLES_A_WORD = 3

_TYPE = r"[A-Z][A-Z0-9_]{0,47}"
_WORD = (
    f"[{_CONSONANTS.upper()}][{_VOWELS}](?:[{_CONSONANTS}][{_VOWELS}]){{{_SYLLABLES_A_WORD - 1}}}"
)

PLACEHOLDER = re.compile(rf"\[{_TYPE}_[1-9][0-9]{{0,8}}[a-z]{{0,6}}\]")
PSEUDONYM = re.compile(rf"\[(?P<type>{_TYPE})(?: {_WORD}){{{_WORDS}}}\]")

# The type of the placeholder that quotes token-shaped text found in the input.
LITERAL = "LITERAL"

MAX_PLACEHOLDER = 1 + 48 + 1 + 9 + 6 + 1
"""No placeholder is longer than this many characters."""


@functools.lru_cache(maxsize=1024)
def token_type(entity_type: str) -> str:
    """An entity type as it may stand in a token: capitals, digits and underscores."""
    cleaned = re.sub(r"[^A-Z0-9]+", "_", entity_type.upper()).strip("_")[:48].rstrip("_")
    if not cleaned or not cleaned[0].isalpha() or not cleaned.isascii():
        return "VALUE"
    return cleaned


def placeholder(entity_type: str, number: int, spelling: int = 0) -> str:
    """The placeholder of the n-th value of a type, in its k-th spelling (from 0)."""
    if not spelling:
        return f"[{token_type(entity_type)}_{number}]"
    letters = ""
    while spelling:
        # 1 -> "b": the first spelling has no letter.
        spelling, digit = divmod(spelling, 26)
        letters = string.ascii_lowercase[digit] + letters
    return f"[{token_type(entity_type)}_{number}{letters}]"


def mark(entity_type: str) -> str:
    """What stands for a value that is not to come back; no placeholder is read as one."""
    bare = f"[{token_type(entity_type)}]"
    return "[VALUE]" if PLACEHOLDER.fullmatch(bare) else bare


def pseudonym(entity_type: str, digest: bytes) -> str:
    """The pseudonym that a keyed digest (at least 16 bytes) gives."""
    number = int.from_bytes(digest, "big")
    words = []
    for _ in range(_WORDS):
        word = ""
        for _ in range(_SYLLABLES_A_WORD):
            number, index = divmod(number, len(_SYLLABLES))
            word += _SYLLABLES[index]
        words.append(word.capitalize())
    return f"[{token_type(entity_type)} {' '.join(words)}]"
