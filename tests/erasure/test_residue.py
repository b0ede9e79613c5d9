"""Telling bytes that other users' items hold too from what is left of a deleted user."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from piirag.erasure import residue
from piirag.erasure.residue import Needles, held_in
from piirag.erasure.targets.base import pieces

WORDS = st.text("abcde żł\0", max_size=60)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=6), st.sampled_from([1, 40, 1 << 20]))
def test_pieces_that_other_items_hold_are_those_that_stand_in_them(gone, others, together) -> None:
    texts = [text.encode() for text in [*others, *(f"x {text} y" for text in gone[:1])]]
    wanted = {piece for text in gone for piece in pieces(text)}
    # Of what is too uniform to be looked for in files, nothing was found there.
    wanted = {piece for piece in wanted if Needles({"": [piece]}).in_bytes(piece)}
    whole = residue._TOGETHER
    residue._TOGETHER = together
    try:
        found = held_in(wanted, iter(texts))
    finally:
        residue._TOGETHER = whole
    assert found == {piece for piece in wanted if any(piece in text for text in texts)}


def test_a_piece_is_not_put_together_from_two_items() -> None:
    assert held_in([b"abcd efgh"], [b"abcd ", b"efgh"]) == set()
    assert held_in([b"abcd efgh"], [b"xabcd efghx"]) == {b"abcd efgh"}
    assert held_in([], [b"abcd efgh"]) == set()
