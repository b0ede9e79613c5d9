"""First names that are words as well, beside a name that the model has found.

"Will Smith may come", "Patient: April June": of a word that is both, the model sees the more
common meaning. Beside the rest of the name it is a name; where it is not ("Will Smith come?"), a
masked word is the lesser harm.
"""

from __future__ import annotations

import re

_GIVEN = "|".join(
    """
    Amber April Art August Autumn Basil Bill Bishop Brook Buck Carol Chance Chase Christian Crystal
    Daisy Dale Dawn Dean Destiny Dick Drew Duke Earl Eve Faith Fern Forest Frank Gene Glen Grace
    Grant Guy Harmony Hazel Heath Heather Holly Hope Hunter Iris Ivy Jack Jasmine Jay Jean Joy June
    Justice King Lance Lane Lily Mark Mason May Melody Mercy Miles Nick Olive Opal Page Pat Patience
    Pearl Penny Piper Poppy Prince Ray Rich River Rob Robin Rocky Rod Rose Ruby Rusty Sage Sandy
    Scarlet Sky Sterling Storm Sue Summer Sunny Trinity Victor Violet Wade Ward Will Willow Woody
    """.split()
)
_BEFORE = re.compile(rf"(?<![\w'’.-])(?:{_GIVEN})[ ]\Z")
_BEHIND = re.compile(rf"[ ](?:{_GIVEN})(?![\w-])")
_LONGEST = 12


def widened(text: str, start: int, end: int, least: int, most: int) -> tuple[int, int]:
    """A person's name with the first names that stand beside it.

    Args:
        text: The text.
        start: Where the name begins.
        end: Where it ends.
        least: Where it may begin: the end of what is found before it.
        most: Where it may end: the start of what is found behind it.
    """
    if not text[start].isupper():
        return start, end
    before = _BEFORE.search(text, max(least, start - _LONGEST), start)
    behind = _BEHIND.match(text, end, most)
    return before.start() if before else start, behind.end() if behind else end
