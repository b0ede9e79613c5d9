"""Values that lie over the borders of texts that are read as one (D5, S6)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Redactor, Scrubber
from piirag.conversations import ConversationUser
from piirag.redaction.adjacent import cuts
from piirag.redaction.echoes import Echoes
from piirag.redaction.rehydrate import rehydrate

CARD, MAIL = "4111 1111 1111 1111", "jane.roe@example.com"
TEXT = f"Pay with card {CARD} and write to {MAIL} today."

borders = st.lists(st.integers(0, len(TEXT)), max_size=6).map(sorted)


def _parts(at: list[int]) -> list[str]:
    ends = [0, *at, len(TEXT)]
    return [TEXT[a:b] for a, b in pairwise(ends)]


@given(borders)
@settings(max_examples=60, deadline=None)
def test_D5_wherever_a_message_is_cut_no_value_of_it_is_sent(at: list[int]) -> None:
    parts = _parts(at)
    session = Redactor().session()
    clean = [
        session.redact(part, cut=cut).text
        for part, cut in zip(parts, cuts(parts, session.find), strict=True)
    ]
    sent = "".join(clean)
    assert CARD not in sent and MAIL not in sent
    assert "".join(c for c in sent if c.isdigit()).count("1111") == 0
    assert [rehydrate(text, session.mapping) for text in clean] == parts


@given(borders)
@settings(max_examples=30, deadline=None)
def test_D5_what_a_history_keeps_of_a_cut_message_comes_back_in_each_part(at: list[int]) -> None:
    user = ConversationUser(Scrubber(), "u")
    message: Any = {"role": "user", "content": [{"type": "text", "text": t} for t in _parts(at)]}
    kept = user.scrub(message)
    stored = "".join(part["text"] for part in kept["content"])
    assert CARD not in stored and MAIL not in stored
    # The vault has a value in the spelling first seen: "11 11" for "1 111" too.
    shown = [part["text"] for part in user.reveal(kept)["content"]]
    assert [text.replace(" ", "") for text in shown] == [t.replace(" ", "") for t in _parts(at)]
    assert user.scrub(kept) == kept


def test_D5_a_sentence_that_begins_behind_a_value_is_left_alone() -> None:
    parts = [f"Contact: {MAIL}", "Question: who is it?"]
    found = cuts(parts, Redactor().session().find)
    assert found == [(), ()]


def test_D12_technical_texts_are_no_values_where_they_meet() -> None:
    lines = Path(__file__).with_name("technical_text.txt").read_text().splitlines()
    lines = [line for line in lines if line.strip()][:60]
    find = Redactor().session().find
    assert not [cut for cut in cuts(lines, find) if cut]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the PIN is now 4711.", ["4711"]),
        ("port 47110, 14711, x4711", []),
        ("(Sommer 12 b)", ["Sommer 12 b"]),
        ("sommer 12 b", []),
    ],
)
def test_P18_what_a_tool_was_given_is_found_by_its_surface(text: str, found: list[str]) -> None:
    echoes = Echoes([("PASSWORD", "4711"), ("LOCATION", "Sommer 12 b"), ("PASSWORD", "b")])
    assert [text[f.start : f.end] for f in echoes.find(text)] == found
