"""Which stretches of a text may hold a name at all.

A list of words that the model takes for names in no context lies beside the weights; `Will`,
`rose` and `baker` are not on it, and neither is any word the list's maker had never seen. Where a
run of lines is made of such words and of bare numbers, the model is not asked.
"""

from __future__ import annotations

import functools
import re
from importlib import resources

_WORD = re.compile(r"[^\W\d_]+")

# Lines are looked at in runs of about this many characters, so that a line with a candidate
# keeps its neighbours as context.
_RUN = 400


@functools.cache
def safe_words() -> frozenset[str]:
    """Words, in the spelling in which they count, that are part of no name."""
    listed = resources.files("piirag.detection.ner") / "weights" / "words.txt"
    return frozenset(listed.read_text("utf8").split("\n"))


def candidate_stretches(text: str) -> list[tuple[int, int]]:
    """The stretches in which the model has to look.

    Args:
        text: Any text.

    Returns:
        Start and end of each, in order, cut at new lines or, in long lines, between words.
    """
    safe = safe_words()
    if safe.issuperset(_WORD.findall(text)):
        return []
    if len(text) <= _RUN:
        return [(0, len(text))]
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start + _RUN, start + 2 * _RUN) + 1
        end = end or text.find(" ", start + _RUN) + 1 or len(text)
        if not safe.issuperset(_WORD.findall(text, start, end)):
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        start = end
    return found
