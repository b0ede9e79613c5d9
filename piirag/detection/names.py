"""How the words of a person's name may be spelled in running text."""

from __future__ import annotations

import re

from piirag.detection.text import WORD, fold

Token = tuple[int, int, str]
"""Start, end and folded form of a word."""

# What may stand between two words of one name: "Roe, Jane", "jane_roe", "J. M. Roe".
_GAP = re.compile(
    r"[\s.,_\-'’]{0,3}(?:%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[nrt])?[\s.,_\-'’]{0,3}\Z"
)
# Names that are also everyday words; alone, they are taken for a name only when capitalised.
EVERYDAY_NAMES = frozenset(
    """
    amber angel april art august autumn baker bill bishop black brook brown carol chance
    charity chase chip christian clay cliff cook crystal daisy dale dawn day dean drew earl
    earnest eve faith fields forest frank gene ginger glen grace grant gray green hall harmony
    heath heather hill holly hope house hunter iris ivy jack jasmine jean jewel jolly joy june
    king lane laurel lee liberty lily long love major mark martin mason may melody mercy mike
    miles miller misty moon moore nick norm olive page pansy parker patience pat patsy peg
    penny pearl peace piper pope poppy price prince ray red reed rich rick rob robin rock rose
    ruby rusty sandy shepherd sky smith son sonny stone storm sue summer sunny taylor tiger
    trip turner van victor violet walker ward way west white will wood woods worth young der
    den von del las los the and for dos das ter ten ben bin ibn van
    """.split()
)

_TWO_LETTERS = frozenset(
    """
    ad ah ai al am an as at be by de di do du el en et go he hi id if ii in io is it iv ko la
    le lo ma me mr ms my no of oh ok on or os pa pc pm pr re so st su te to tv uk un up us vi
    we xi
    """.split()
)


_MOST_INITIALS = 5


def pairs_of(words: tuple[str, ...]) -> set[tuple[str, str]]:
    """By which two words, or word and initial, mentions of a name can be looked up."""
    pairs = set()
    for i, word in enumerate(words):
        for j, other in enumerate(words):
            if i != j:
                for spelled in (other, other[0]):
                    longer, shorter = sorted((word, spelled), key=len, reverse=True)
                    pairs.add((longer, shorter))
                    if len(longer) == len(shorter):
                        pairs.add((shorter, longer))
    return pairs


# "Jane%20Roe", and white space as JSON and programs write it: escapes separate words. What other
# characters they stand for is not looked into.
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[nrt]")


def tokenize(text: str) -> list[Token]:
    """Words of a text; an underscore separates words, as in file names, and so do escapes."""
    if "%" in text or "\\" in text:
        text = _ESCAPE.sub(lambda match: "\0" * len(match.group()), text)
    return [(m.start(), m.end(), fold(m.group())) for m in WORD.finditer(text)]


def name_at(text: str, tokens: list[Token], i: int, words: tuple[str, ...]) -> int:
    """Match a name at a token, in any order, with initials.

    Args:
        text: The text.
        tokens: Its words.
        i: Where to start.
        words: The folded words of the name.

    Returns:
        Index after the last token of the mention; `i` where there is none. A first or last name
        alone is no mention here, unless the name has one word only.
    """
    rest = list(words)
    whole = 0
    end = j = i
    while j < len(tokens) and rest:
        if j > i and not _GAP.match(text, tokens[j - 1][1], tokens[j][0]):
            break
        word = tokens[j][2]
        if word in rest:
            rest.remove(word)
            whole += 1
            end = j + 1
        elif len(word) == 1 and any(r[0] == word for r in rest):
            rest.remove(next(r for r in rest if r[0] == word))
            # "Roe a ..." is prose; "Roe J." and "j. roe" are initials.
            if not whole or _is_initial(text, tokens[j]):
                end = j + 1
        else:
            break
        j += 1
    if not whole or (end - i < 2 and len(words) > 1):
        return i
    return end if end - i > 1 or stands_alone(text, tokens[i]) else i


def initials_at(text: str, tokens: list[Token], i: int) -> tuple[str, int]:
    """Bare initials at a token: ``J.R.``, ``J. R.`` or, from three letters on, ``JMR``.

    Returns:
        The folded letters, empty where there are none, and the index after the last token.
    """
    start, end, word = tokens[i]
    if 3 <= len(word) <= 4 and text[start:end].isupper():
        return word, i + 1
    letters = ""
    j = i
    while j < min(len(tokens), i + _MOST_INITIALS) and _dotted_capital(text, tokens[j]):
        if j > i and tokens[j][0] - tokens[j - 1][1] > 2:
            break
        letters += tokens[j][2]
        j += 1
    return (letters, j) if len(letters) > 1 else ("", i)


def stands_alone(text: str, token: Token) -> bool:
    """Whether this word may be taken for a name with no other part of it beside."""
    start, _, word = token
    if len(word) < 3:
        return len(word) == 2 and text[start].isupper() and word not in _TWO_LETTERS
    return word not in EVERYDAY_NAMES or text[start].isupper()


def _dotted_capital(text: str, token: Token) -> bool:
    if len(token[2]) != 1:
        return False
    return text[token[0]].isupper() and text[token[1] : token[1] + 1] == "."


def _is_initial(text: str, token: Token) -> bool:
    start, end, _ = token
    if text[start - 1 : start] in {"'", "’"}:
        return False
    return text[start].isupper() or text[end : end + 1] == "." or text[start - 1] in "._-"
