"""Values in several blocks of a message, and values that tools were given (D5, S6, P18)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

from langchain_piirag import ChatHistories, RedactedChatModel
from langchain_piirag.agent_scrub import StateScrubber
from piirag import Scrubber
from support.openai_server import OpenAIServer

PARTS = ["card 4111 1111 ", "1111 1111, jane.roe@", "example.com"]
RAW = ("1111", "jane.roe", "example.com")


def _as_blocks(parts: list[str]) -> list[Any]:
    return [parts[0], *({"type": "text", "text": part} for part in parts[1:])]


def _sent(messages: list[BaseMessage]) -> list[Any]:
    with OpenAIServer() as server:
        model = ChatOpenAI(model="m", base_url=server.url, api_key="x", max_retries=0)
        RedactedChatModel(model).invoke(messages)
        sent: list[Any] = json.loads(server.requests[0].body)["messages"]
    return sent


@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage])
def test_D5_a_value_in_several_blocks_is_not_sent(kind: Any) -> None:
    content = json.dumps(_sent([kind(_as_blocks(PARTS)), HumanMessage("hi")])[0]["content"])
    assert not any(raw in content for raw in RAW)
    assert content.count("CREDIT_CARD") == content.count("EMAIL_ADDRESS") == 2


def test_D5_a_history_stores_no_value_in_several_blocks() -> None:
    histories = ChatHistories(scrubber=Scrubber(), reveal=True)
    history = histories.get_session_history("alice", "1")
    message = HumanMessage(_as_blocks(PARTS))
    history.add_messages([message])
    stored = repr(history._history.messages)
    assert not any(raw in stored for raw in RAW)
    assert history.messages[0].content == message.content


def test_D5_a_redacted_state_holds_no_value_in_several_blocks() -> None:
    scrubber = StateScrubber(Scrubber(), "alice")
    message = HumanMessage(_as_blocks(PARTS))
    durable = scrubber.message(message)
    assert not any(raw in repr(durable.content) for raw in RAW)
    assert scrubber.restore(durable).content == message.content


@pytest.mark.parametrize("blocks", [False, True])
def test_P18_what_a_tool_was_given_is_found_in_what_it_returns(blocks: bool) -> None:
    said = "noted 12 March 1984 and 4711 (port 47110)"
    sent = _sent(
        [
            HumanMessage("date of birth 12 March 1984, PIN: 4711"),
            AIMessage("", tool_calls=[{"name": "note", "args": {"pin": "4711"}, "id": "1"}]),
            ToolMessage([{"type": "text", "text": said}] if blocks else said, tool_call_id="1"),
        ]
    )
    content = json.dumps(sent[-1]["content"])
    assert "1984" not in content and "4711 " not in content and "47110" in content
