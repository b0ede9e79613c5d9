"""Pseudonyms that no vault holds are no text to be searched (P1, L14)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Redactor, Scrubber
from piirag.redaction.passing import PassingTokens

VALUES = ["4111111111111111", "jane.roe@example.com", "+1 415-555-2671"]


@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_L14_a_scrubbed_question_is_not_changed_by_later_looks(said: list[str], any: bool) -> None:
    scrubber = Scrubber()
    if any:
        scrubber.scrub("mail bob@example.com", user_id="bob")
    clean = scrubber.scrub(" and ".join(said), user_id="bob", remember=False).text
    assert scrubber.scrub(clean, user_id="bob", remember=False).text == clean
    assert scrubber.scrub(clean, user_id="bob").text == clean
    session = Redactor(scrubber=scrubber).session(user_id="bob")
    sent = session.redact(clean).text
    assert sent.count("[") == len(said)
    assert session.reply().text(sent) == clean


def test_the_oldest_tokens_are_forgotten() -> None:
    passing = PassingTokens(2)
    passing.note("abc")
    assert [token in passing for token in "abc"] == [False, True, True]
