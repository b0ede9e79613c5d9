"""Telling random strings from words, numbers and names."""

from __future__ import annotations

import math
import re
from collections import Counter

_PART = re.compile(r"[A-Za-z0-9]+")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits per character."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def looks_random(text: str, bits: float = 3.0) -> bool:
    """Whether a string has no words in it but looks drawn at random.

    Args:
        text: At least 8 characters; what a placeholder looks like (`xxxx...`) is not random.
        bits: Least entropy per character; 16 random hexadecimal digits have about 3.3.
    """
    if len(text) < 8 or entropy(text) < bits:
        return False
    if _UUID.fullmatch(text):
        return True
    # Words, names and versions joined by marks ("my-app-2024", "sk-toggleable-content") are made
    # of long runs of one kind; random strings change the kind every other character.
    return any(_restless(part) for part in _PART.findall(text))


def _restless(part: str) -> bool:
    runs = len(_WORDS.findall(part))
    if len(part) < 8 or not any(map(str.isdigit, part)):
        return len(part) >= 16 and runs * 3 >= len(part)
    return runs >= 4 and runs * 3.5 >= len(part) and any(map(str.isalpha, part))
