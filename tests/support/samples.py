"""Texts and strategies shared by the tests."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

KNOWN = {"PERSON": ["Jane Mary Roe", "Will Smith"]}

VALUES = [
    "jane.roe@example.com",
    "a@b.co",
    "+1 415-555-2671",
    "415-555-2671",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "536-90-4399",
    "203.0.113.7",
    "Jane Mary Roe",
    "Roe, Jane",
    "J. Roe",
    "Will",
]

_TRICKS = [
    "[PERSON_1]",
    "[PERSON_1b]",
    "[LITERAL_1]",
    "[PERSON Kobaru Tesami Lovina]",
    "[",
    "]",
    "[PERSON_",
    "_1]",
    "\\1",
    "\\g<0>",
    "\x00",
    "\ud800",
    "\u200b",
    "é",
    "[[EMAIL_ADDRESS_1]]",
    " ",
    "\n",
    ", ",
]

texts = st.lists(
    st.one_of(st.sampled_from(VALUES), st.sampled_from(_TRICKS), st.text(max_size=8)),
    max_size=14,
).map("".join)
"""Text in which personal data, token-shaped text and odd characters stand side by side."""


@st.composite
def split(draw: st.DrawFn, text: str) -> list[str]:
    """A text cut into chunks at random places."""
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=12))
    edges = [0, *sorted(cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]
