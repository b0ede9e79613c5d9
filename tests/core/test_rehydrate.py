r"""Restoring: exact, streamed like whole, in every harmless spelling. Invariants 3 and 4, P6.

The long profile: ``PIIRAG_EXAMPLES=100000 pytest tests/core/test_rehydrate.py -q``.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag import Policy, RedactionMapping, Redactor, StreamRehydrator
from piirag.redaction.respelt import FAIL, PART, WHOLE, probe, token_shapes
from piirag.redaction.tokens import PLACEHOLDER
from support.emails import Emails
from support.examples import examples
from support.samples import KNOWN, VALUES, split, texts

OFF = Policy(quasi_identifiers="off", special_categories="off", second_look="off", replies="allow")


MAPPING = RedactionMapping()
for _token, _value in {
    "[PERSON_1]": "Jane Roe",
    "[PERSON_1b]": "jane roe",
    "[PERSON_12]": "Bob [PERSON_1] Doe",
    "[EMAIL_ADDRESS_1]": 'a"\\1\n@x.io',
    "[ID_2_3]": "three",
    "[ID_23]": "twenty-three",
}.items():
    MAPPING.add(_token, _value, _token[1:].rsplit("_", 1)[0])

TOKENS = ["[PERSON_1]", "[PERSON_1b]", "[PERSON_12]", "[EMAIL_ADDRESS_1]", "[ID_2_3]", "[ID_23]"]


def respellings(token: str) -> list[str]:
    """Spellings of a token that lose nothing."""
    core = token[1:-1]
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in core)
    made = [
        f"\\[{core}\\]",
        "\\[" + core.replace("_", "\\_") + "\\]",
        "[" + core.replace("_", "\\_") + "]",
        f"%5B{core}%5D",
        f"%5b{core}%5d",
        f"\\u005b{core}\\u005d",
        f"\\u005B{core}\\u005D",
        f"\uff3b{core}\uff3d",
        f"\uff3b{full_width}\uff3d",
        f"[{full_width}]",
        f"\u3010{core}\u3011",
        f"[{core.lower()}]",
        f"[{core.title()}]",
        f"[{core.upper()}]",
        f"[{core.replace('_', ' ')}]",
        f"[{core.replace('_', '-')}]",
        f"[ {core} ]",
        f"[{core.replace('_', chr(0xA0))}]",
    ]
    return made + [f"[{mark}{core}{mark}]" for mark in ("*", "**", "***", "`", "_", "__", "~~")]


SPELT = TOKENS + [spelling for token in TOKENS for spelling in respellings(token)]
_pieces = st.one_of(
    st.sampled_from(SPELT),
    st.sampled_from(["[PERSON_", "[", "]", "[[", "\\", "\\[", "%", "%5", "\\u00", "**", "_1", "`"]),
    st.sampled_from(["[PERSON_99]", "[X_1]", "PERSON_1", "[PERSON_1", "PERSON_1]", "[Person 9]"]),
    st.sampled_from(["https://a.example/?q=", "![x](", ")", " ", "\n", '<img src="', '"', ">"]),
    st.text(max_size=4),
)
replies = st.lists(_pieces, max_size=12).map("".join)
cut_replies = replies.flatmap(lambda text: st.tuples(st.just(text), split(text)))


class Open:
    """A gate that admits every token, so that places alone decide."""

    def admits(self, token: str) -> bool:
        return True


def run(chunks: list[str], gate: Open | None = None) -> tuple[str, tuple[int, int, int]]:
    stream = StreamRehydrator(MAPPING, gate)
    shown = "".join([*map(stream.feed, chunks), stream.flush()])
    return shown, (stream.restored, stream.inert, stream.refused)


@examples(400)
@given(cut_replies)
def test_invariant_4_streaming_equals_batch_in_every_spelling(case: tuple[str, list[str]]) -> None:
    text, chunks = case
    whole = run([text])
    assert run(chunks) == whole
    assert run(list(text)) == whole


@examples(400)
@given(cut_replies)
def test_P5_where_values_are_refused_does_not_depend_on_the_chunks(
    case: tuple[str, list[str]],
) -> None:
    text, chunks = case
    whole = run([text], Open())
    assert run(chunks, Open()) == whole
    assert run(list(text), Open()) == whole


@examples(300)
@given(replies)
def test_invariant_4_only_what_may_become_a_token_is_held_back(text: str) -> None:
    stream = StreamRehydrator(MAPPING)
    for character in text:
        stream.feed(character)
        held = stream._held
        if held:
            # Some spelling of a token of the call goes on from here.
            keys, prefixes = MAPPING.index()
            assert probe(held, 0, keys, prefixes)[0] == PART
            assert len(held) < 40


@pytest.mark.parametrize("token", TOKENS)
def test_P6_harmless_respellings_are_restored(token: str) -> None:
    value = MAPPING.lookup(token)
    for spelling in respellings(token):
        shown, (restored, inert, _) = run([f"say {spelling}, please"])
        bare = shown.replace("*", "").replace("`", "").replace("~~", "")
        assert bare.replace("_", "").strip() == f"say {value}, please".replace("_", ""), spelling
        assert (restored, inert) == (1, 0)


def test_P6_emphasis_stays_around_the_value() -> None:
    assert run(["[**PERSON_1**] **[PERSON_1]** `[PERSON_1]`"])[0] == (
        "**Jane Roe** **Jane Roe** `Jane Roe`"
    )


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        ("PERSON_1 said", 1),
        ("[PERSON_1 said", 1),
        ("PERSON_1] said", 1),
        ("[PERSONNE_1] said", 1),
        ("[PERSON_99] said", 1),
        ("[**PERSON_1*] said", 1),
        ("%5BPERSON_1] said", 1),
        ("\uff3bPERSON_1] said", 1),
        ("[PERSON1] said", 0),
        ("[PERSON_01] said", 0),
        ("[PERSON__1] said", 1),
        ("[Personne 1] said", 0),
        ("{PERSON_1} <PERSON_1> said", 2),
    ],
)
def test_P6_what_has_no_single_reading_stays(text: str, inert: int) -> None:
    shown, counts = run([text])
    assert shown == text
    assert counts == (0, inert, 0)
    assert run(list(text)) == (shown, counts)


def test_P6_one_bad_token_does_not_spoil_the_next() -> None:
    text = "[PERSON_ [PERSON_1] [[PERSON_1]] \\[PERSON_1] [PERSON_1\\] [PERSON_1b]"
    assert run([text])[0] == ("[PERSON_ Jane Roe [Jane Roe] \\Jane Roe [PERSON_1\\] jane roe")


def test_the_keys_of_tokens_do_not_meet() -> None:
    keys, _ = MAPPING.index()
    assert len(keys) == len(TOKENS)
    assert run(["[ID 2 3] [ID-23] [id_2_3]"])[0] == "three twenty-three three"


@examples(300)
@given(texts)
def test_invariant_3_rehydrate_undoes_redact_streamed_too(text: str) -> None:
    redactor = Redactor(OFF, Emails())
    redaction = redactor.redact(text, known=KNOWN)
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text
    stream = redactor.stream(redaction.mapping)
    assert "".join([*map(stream.feed, redaction.text), stream.flush()]) == text


_inputs = st.lists(
    st.one_of(
        st.sampled_from(["jo@x.io", "Al@x.io", "bo@x.io"]),
        st.sampled_from([s.replace("PERSON", "EMAIL_ADDRESS") for s in respellings("[PERSON_1]")]),
        st.sampled_from(["[EMAIL_ADDRESS_", "[LITERAL_1]", "\\", "%5B", "%5D", "[", "]", "**"]),
        st.sampled_from(["EMAIL_ADDRESS_1", "\\[", "\\]", "\uff3b", "\uff3d", "_", " ", "\ud800"]),
        st.text(max_size=4),
    ),
    max_size=10,
).map("".join)


@examples(600)
@given(_inputs, _inputs)
def test_invariant_3_rehydrate_undoes_redact_among_tokens_in_any_spelling(
    first: str, second: str
) -> None:
    redactor = Redactor(OFF, Emails())
    session = redactor.session()
    for text in (first, second, first):
        redaction = session.redact(text)
        assert redactor.rehydrate(redaction.text, session.mapping) == text
    stream = redactor.stream(session.mapping)
    whole = session.redact(second).text
    assert "".join([*map(stream.feed, whole), stream.flush()]) == second


@examples(300)
@given(_inputs, _inputs)
def test_P1_P2_no_text_of_the_input_is_read_as_a_token(first: str, second: str) -> None:
    session = Redactor(OFF, Emails()).session()
    for text in (first, second):
        redacted = session.redact(text).text
        issued = {m.group() for m in PLACEHOLDER.finditer(redacted)}
        keys, _ = session.mapping.index()
        # Whatever could be restored is one of the tokens issued for this very text.
        for start, end, key in token_shapes(redacted):
            if key in keys:
                assert redacted[start:end] in issued


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back_from_single_characters(value: str) -> None:
    redactor = Redactor(OFF)
    redaction = redactor.redact(f"see {value} please", known=KNOWN)
    stream = redactor.stream(redaction.mapping)
    assert "".join([*map(stream.feed, redaction.text), stream.flush()]) == f"see {value} please"


def test_reading_is_linear_in_hostile_text() -> None:
    # Each of these takes minutes where an expression is tried from every bracket to the end.
    size = 200_000
    for unit in (
        "[",
        "[A",
        "[A_",
        "\\[A_",
        "[PERSON_1",
        "%5BA-",
        "[a b ",
        "](",
        "<https:",
        '="',
        "a.a",
        "a,a.bc",
    ):
        text = unit * (size // len(unit))
        assert run([text])[0] == text
        assert run([text], Open())[0] == text


def test_probe_tells_whole_part_and_neither() -> None:
    keys, prefixes = MAPPING.index()
    assert probe("[PERSON_1]", 0, keys, prefixes)[0] == WHOLE
    assert probe("[PERSON_1", 0, keys, prefixes)[0] == PART
    assert probe("[PERSON_2", 0, keys, prefixes)[0] == FAIL
