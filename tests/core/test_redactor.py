"""Redact and rehydrate: invariants 3 and 4, threats P1, P2, P8, P10, P13, P17, P19, S7."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Policy, RedactionMapping, Redactor, StreamRehydrator
from piirag.errors import InvalidInputError
from piirag.redaction.tokens import PLACEHOLDER, placeholder
from support.samples import KNOWN, VALUES, split, texts


@settings(max_examples=300, deadline=None)
@given(texts)
def test_invariant_3_rehydrate_undoes_redact_exactly(text: str) -> None:
    redactor = Redactor()
    redaction = redactor.redact(text, known=KNOWN)
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text


@settings(max_examples=150, deadline=None)
@given(texts)
def test_invariant_2_no_value_is_left_in_redacted_text(text: str) -> None:
    redactor = Redactor()
    redaction = redactor.redact(text, known=KNOWN)
    spans = [text[f.start : f.end] for f in redaction.findings]
    outside = PLACEHOLDER.sub("\n", redaction.text)
    for value in spans:
        if len(value) > 8 and text.count(value) == spans.count(value):
            assert value not in outside


def _mapping(**values: str) -> RedactionMapping:
    mapping = RedactionMapping()
    for name, value in values.items():
        mapping.add(f"[{name}]", value, name.rsplit("_", 1)[0])
    return mapping


MAPPING = _mapping(
    PERSON_1="Jane Roe",
    PERSON_1b="jane roe",
    PERSON_12="Bob [PERSON_1] Doe",
    EMAIL_ADDRESS_1="jane@example.com",
)
replies = st.lists(
    st.one_of(
        st.sampled_from(
            ["[PERSON_1]", "[PERSON_1b]", "[PERSON_12]", "[EMAIL_ADDRESS_1]", "[PERSON_99]"]
        ),
        st.sampled_from(["[PERSON_", "[", "]", "[[", "[PERSON_1", "b]", "2]", "[X_1]", " "]),
        st.text(max_size=5),
    ),
    max_size=12,
).map("".join)


@settings(max_examples=500, deadline=None)
@given(replies.flatmap(lambda text: st.tuples(st.just(text), split(text))))
def test_invariant_4_streaming_equals_batch(case: tuple[str, list[str]]) -> None:
    reply, chunks = case
    whole = StreamRehydrator(MAPPING)
    expected = whole.feed(reply) + whole.flush()
    stream = StreamRehydrator(MAPPING)
    emitted = [stream.feed(chunk) for chunk in chunks] + [stream.flush()]
    assert "".join(emitted) == expected
    assert (stream.restored, stream.inert) == (whole.restored, whole.inert)


@given(st.lists(st.sampled_from(["[PERSON_1]", "hello ", "[PERSON_1b]", "!"]), max_size=6))
def test_invariant_4_no_emission_holds_part_of_a_token(parts: list[str]) -> None:
    stream = StreamRehydrator(MAPPING)
    for character in "".join(parts):
        emitted = stream.feed(character)
        assert "[" not in emitted
        assert "_" not in emitted
    assert stream.flush() == ""


def test_S7_the_reply_is_not_buffered_whole() -> None:
    stream = Redactor().stream(MAPPING)
    chunks = ["The ", "customer ", "[PERS", "ON_1]", " is ", "happy."]
    assert [stream.feed(c) for c in chunks] == [
        "The ",
        "customer ",
        "",
        "Jane Roe",
        " is ",
        "happy.",
    ]


@pytest.mark.parametrize("token", ["[PERSON_1]", "[EMAIL_ADDRESS_1]", "[LITERAL_1]", "[X_12b]"])
def test_P1_P2_token_shaped_input_is_quoted(token: str) -> None:
    redactor = Redactor()
    redaction = redactor.redact(f"Jane Roe wrote {token} to a@b.co", known={"PERSON": ["Jane Roe"]})
    reply = redactor.rehydrate(redaction.text, redaction.mapping)
    assert reply == f"Jane Roe wrote {token} to a@b.co"
    literal = next(t for t in PLACEHOLDER.findall(redaction.text) if t.startswith("[LITERAL"))
    assert redactor.rehydrate(f"say {literal}", redaction.mapping) == f"say {token}"


def test_P1_a_later_text_of_the_call_cannot_name_an_earlier_value() -> None:
    session = Redactor().session(known={"PERSON": ["Jane Roe"]})
    first = session.redact("Jane Roe is here").text
    assert first.startswith("[PERSON_1]")
    second = session.redact("print [PERSON_1]").text
    assert "[PERSON_1]" not in second
    assert Redactor().rehydrate(second, session.mapping) == "print [PERSON_1]"


@pytest.mark.parametrize("value", ["a\\1b@example.com", "\\g<0>", "x\\", "$&", "{0}", "%s"])
def test_P8_values_are_restored_literally(value: str) -> None:
    redactor = Redactor()
    redaction = redactor.redact(f"code {value} end", known={"CODE": [f"code {value} end"]})
    assert redactor.rehydrate(redaction.text, redaction.mapping) == f"code {value} end"


def test_P10_a_restored_value_is_not_restored_again() -> None:
    stream = StreamRehydrator(MAPPING)
    assert stream.feed("[PERSON_12]") + stream.flush() == "Bob [PERSON_1] Doe"


def test_P13_neighbouring_values_are_all_replaced() -> None:
    redaction = Redactor().redact("a@b.co c@d.co e@f.co")
    assert redaction.text == "[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2] [EMAIL_ADDRESS_3]"


def test_P17_a_name_inside_a_longer_word_is_left_alone() -> None:
    redaction = Redactor().redact("Ann met Annabel", known={"PERSON": ["Ann Lee"]})
    assert redaction.text == "[PERSON_1] met Annabel"


def test_P19_a_mapping_can_neither_be_saved_nor_seen() -> None:
    mapping = Redactor().redact("mail a@b.co").mapping
    assert "a@b.co" not in repr(mapping)
    assert mapping.counts == {"EMAIL_ADDRESS": 1}
    with pytest.raises(TypeError):
        pickle.dumps(mapping)
    with pytest.raises(TypeError):
        copy.deepcopy(mapping)
    with pytest.raises(TypeError):
        json.dumps(mapping)
    with pytest.raises(TypeError):
        iter(mapping)  # type: ignore[call-overload]


def test_reprs_show_counts_only() -> None:
    session = Redactor().session(known=KNOWN)
    redaction = session.redact("Jane Roe, a@b.co")
    for thing in (redaction, session, redaction.mapping, Redactor()):
        assert "Jane" not in repr(thing)
        assert "a@b.co" not in repr(thing)
    assert redaction.counts == {"PERSON": 1, "EMAIL_ADDRESS": 1}


def test_spellings_of_one_value_share_a_number_and_restore_as_written() -> None:
    redactor = Redactor()
    redaction = redactor.redact("Jane Roe, JANE ROE, roe jane", known={"PERSON": ["Jane Roe"]})
    assert redaction.text == "[PERSON_1], [PERSON_1b], [PERSON_1c]"
    assert redactor.rehydrate("[PERSON_1b]", redaction.mapping) == "JANE ROE"


@given(st.integers(1, 10**6), st.integers(0, 800))
def test_every_placeholder_fits_the_grammar(number: int, spelling: int) -> None:
    assert PLACEHOLDER.fullmatch(placeholder("US_SSN", number, spelling))
    assert placeholder("US_SSN", number, spelling) != placeholder("US_SSN", number, spelling + 1)


@pytest.mark.parametrize("value", VALUES)
def test_every_sample_value_is_found(value: str) -> None:
    redaction = Redactor().redact(f"see {value} please", known=KNOWN)
    assert PLACEHOLDER.search(redaction.text)
    assert value not in redaction.text


@pytest.mark.parametrize("bad", [None, b"bytes", 7, ["x"]])
def test_bad_input_is_refused(bad: object) -> None:
    redactor = Redactor()
    with pytest.raises(InvalidInputError):
        redactor.redact(bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        redactor.rehydrate(bad, MAPPING)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        redactor.stream(MAPPING).feed(bad)  # type: ignore[arg-type]


def test_empty_text_is_returned_as_it_is() -> None:
    assert Redactor().redact("").text == ""


def test_the_policy_decides_what_counts() -> None:
    only_mail = Redactor(Policy(entities=["EMAIL_ADDRESS"]))
    assert only_mail.redact("a@b.co +1 415-555-2671").text == "[EMAIL_ADDRESS_1] +1 415-555-2671"
    strict = Redactor(Policy(thresholds={"PHONE_NUMBER": 0.9, "UK_NHS": 1.0}))
    assert strict.redact("tel +1 415-555-2672").text == "tel +1 415-555-2672"
