"""Values that another message of the call, or the key they stand under, shows to be some."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_piirag import ChatHistories, MemoryHistoryStore, RedactedChatModel
from langchain_piirag.agent_scrub import StateScrubber
from piirag import MemoryVault, Scrubber
from support.langchain_fakes import EchoChat

MODEL = True  # names are found by it

ARGUMENTS: dict[str, Any] = {
    "password": "hunter2",
    "dob": "1984-03-12",
    "passport": "X12345678",
    "pin": 4821,
    "ssn": 219099999,
}
LEAKS = ("hunter2", "1984", "X12345678", "4821", "219099999")


def call(arguments: dict[str, Any]) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "f", "args": arguments, "id": "1"}])


def sent(*messages: BaseMessage) -> str:
    """What a wrapped model is sent."""
    inner = EchoChat(seen=[], reply="fine")
    RedactedChatModel(inner).invoke(list(messages))
    return " ".join(f"{m.content} {getattr(m, 'tool_calls', '')}" for m in inner.seen[-1])


@pytest.mark.parametrize(
    ("messages", "leaks"),
    [
        ([HumanMessage("try hunter2 again"), HumanMessage("password: hunter2")], ["hunter2"]),
        ([SystemMessage("try hunter2"), HumanMessage("password: hunter2")], ["hunter2"]),
        (
            [HumanMessage("open zorblat_quixon.pdf"), HumanMessage("Dear Mr. Zorblat Quixon,")],
            ["zorblat", "quixon"],
        ),
        (
            [
                HumanMessage("Dear Mr. Zorblat Quixon, thanks"),
                call({"file": "/data/zorblat_quixon.txt"}),
                ToolMessage("zorblat", tool_call_id="1"),
            ],
            ["zorblat", "quixon"],
        ),
        ([HumanMessage("SSN 536-90-4399"), HumanMessage("ref 536904399")], ["536904399"]),
    ],
)
def test_S6_what_one_message_shows_is_found_in_the_others(
    messages: list[BaseMessage], leaks: list[str]
) -> None:
    assert not [leak for leak in leaks if leak in sent(*messages)]


def test_S5_keys_of_tool_arguments_tell_what_values_are() -> None:
    text = sent(
        HumanMessage("hi"), call(ARGUMENTS), ToolMessage(json.dumps(ARGUMENTS), tool_call_id="1")
    )
    assert not [leak for leak in LEAKS if leak in text]


def test_L7_histories_look_for_values_of_other_messages_and_under_keys() -> None:
    scrubber = Scrubber(vault=MemoryVault())
    store = MemoryHistoryStore()
    history = ChatHistories(store, scrubber=scrubber).get_session_history("a", "1")
    history.add_messages([HumanMessage("try hunter2"), call(ARGUMENTS)])
    history.add_messages([HumanMessage("use hunter2")])
    kept = str(history.messages)
    assert not [leak for leak in LEAKS if leak in kept]


def test_S5_a_state_of_tokens_holds_no_value_that_a_key_or_another_message_shows() -> None:
    scrubber = StateScrubber(Scrubber(vault=MemoryVault()), "u")
    kept = scrubber.message(call(ARGUMENTS))
    assert isinstance(kept, AIMessage)
    assert kept.tool_calls[0]["name"] == "f"
    assert not [leak for leak in LEAKS if leak in str(kept)]
    assert "hunter2" not in scrubber.text("use hunter2")
