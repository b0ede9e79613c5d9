"""Values that only the key beside them shows, wherever an agent keeps or passes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langchain.agents import AgentState
from langchain.agents.structured_output import ToolStrategy
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel

from langchain_piirag.agent_scrub import StateScrubber
from piirag import Policy, Scrubber
from support.agents import ALICE, kit

ASK = {"messages": [("user", "What do we know?")]}
THREAD: Any = {"configurable": {"thread_id": "1"}}


class _Account(BaseModel):
    pin: int
    passport: str


@dataclass
class _Row:
    pin: int
    passport: str


@pytest.mark.parametrize("kind", [_Account, _Row])
def test_S5_the_fields_of_an_object_are_understood_by_their_names(kind: Any) -> None:
    scrubber = StateScrubber(Scrubber(), "alice")
    clean = scrubber.value(kind(pin=4711, passport="X1234567"))
    assert clean == scrubber.value(clean)
    assert str(clean.pin).startswith("[") and clean.passport.startswith("[PASSPORT")
    assert scrubber.restore(clean.passport) == "X1234567"


def test_S5_structured_output_is_understood_by_its_keys() -> None:
    options: dict[str, Any] = {
        "calls": lambda body: [("_Account", {"pin": 4711, "passport": "X1234567"})],
        "scrubber": Scrubber(Policy(replies="allow")),
        "response_format": ToolStrategy(_Account),
        "checkpointer": InMemorySaver(),
    }
    with kit("state", **options) as k:
        k.users.invoke(ASK, THREAD, context=ALICE)
        held = k.agent.get_state(THREAD).values
    assert "4711" not in repr(held) and "X1234567" not in repr(held)


class _State(AgentState[Any]):
    passport: str


@pytest.mark.parametrize("way", ["arguments", "state"])
def test_P1_a_tool_without_real_values_gets_none_under_a_key(way: str) -> None:
    given: list[Any] = []

    @tool
    def look(passport: str, state: Annotated[dict[str, Any], InjectedState]) -> str:
        """Look."""
        given.append({"arguments": passport, "state": state["passport"]}[way])
        return "found"

    options: dict[str, Any] = {
        "calls": lambda body: [("look", {"passport": "X1234567"})],
        "scrubber": Scrubber(Policy(replies="allow")),
        "state_schema": _State,
    }
    with kit("wire", [look], **options) as k:
        k.users.invoke({**ASK, "passport": "K7654321"}, context=ALICE)
    assert given == ["[PASSPORT_1]"] or given == ["[PASSPORT_2]"]
