"""On the wire of OpenAI's Responses API: invariant 2, threats S3-S6, S8, for models and agents.

A real `ChatOpenAI(use_responses_api=True)` sends over real HTTP to a server that keeps every byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, field_validator

from langchain_piirag import RedactedChatModel, RedactedModel
from piirag import Policy, Redactor, Scrubber
from support.agents import ALICE, ANY_TOKEN, CANARIES, CARD, KNOWN, MAIL, NAME, TEXT, kit
from support.canary import Canaries
from support.conversations import SHAPES, conversation, said
from support.openai_responses import item_text, items_of
from support.openai_server import OpenAIServer, prompt_text

RESPONSES = {"use_responses_api": True}
WAYS = ["invoke", "stream", "ainvoke", "astream"]
PATHS = {"/v1/responses"}
# Strings among blocks, which the client itself does not take for this API.
NOT_SENT = {"text_blocks"}
# Which of the sets of options, and which ways of calling, each wrapper is tried with.
TURNS = {RedactedModel: (0, 3), RedactedChatModel: (1, 2)}
each_wrapper = pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])


def _model(server: OpenAIServer, **kwargs: Any) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=server.url, api_key="x", model="m", max_retries=0, **RESPONSES, **kwargs
    )


async def _gathered(chunks: Any) -> list[Any]:
    return [chunk async for chunk in chunks]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for a test: the client keeps its connections."""
    with asyncio.Runner() as made:
        yield made


def _asked(runner: asyncio.Runner, model: Any, way: str, value: Any, **options: Any) -> str:
    if way == "stream":
        return "".join(chunk.text for chunk in model.stream(value, **options))
    if way == "ainvoke":
        return str(runner.run(model.ainvoke(value, **options)).text)
    if way == "astream":
        pieces = runner.run(_gathered(model.astream(value, **options)))
        return "".join(chunk.text for chunk in pieces)
    return str(model.invoke(value, **options).text)


def _repeats(body: Any) -> str:
    """All text and all arguments of a request, leaf by leaf."""
    items = [{k: v for k, v in item.items() if k != "call_id"} for item in items_of(body)]
    return said({"messages": [body.get("instructions", ""), *items]})


@each_wrapper
def test_S5_S6_S8_nothing_raw_leaves_and_replies_are_what_they_were(
    wrapper: Any, runner: asyncio.Runner
) -> None:
    """Every shape of conversation in every way of calling, for each wrapper."""
    shapes = [n for n, shape in enumerate(SHAPES) if shape not in NOT_SENT]
    numbers = [n + len(SHAPES) * turn for turn in TURNS[wrapper] for n in shapes]
    redactor = Redactor()

    def run(server: OpenAIServer, wrap: Any) -> dict[int, str]:
        got = {}
        plain = _model(server)
        for number in numbers:
            one = conversation(number)
            way = WAYS[(number + number // len(SHAPES)) % len(WAYS)]
            got[number] = _asked(runner, wrap(plain, one), way, one.input, **one.options)
        return got

    def wrapped(plain: Any, one: Any) -> Any:
        return wrapper(plain, redactor, known={"PERSON": one.names}, allow_media=True)

    with OpenAIServer(_repeats, chunk_size=7) as bare:
        expected = run(bare, lambda plain, one: plain)
    with OpenAIServer(_repeats, chunk_size=7) as server:
        got = run(server, wrapped)
    assert {request.path for request in server.requests} == PATHS
    assert len(server.requests) == len(numbers)
    values = sorted({value for n in numbers for value in conversation(n).values})
    assert Canaries(values).scan_bytes(b"\n".join(bare_r.wire for bare_r in bare.requests))
    assert Canaries(values).scan_bytes(b"\n".join(r.wire for r in server.requests)) == []
    assert [n for n in numbers if got[n] != expected[n]] == []


@each_wrapper
@pytest.mark.parametrize("size", [1, 3, 500])
def test_S4_calls_and_reasoning_are_restored_whole_and_streamed(wrapper: Any, size: int) -> None:
    asked = f"Send {TEXT} please"

    def calls(body: Any) -> list[tuple[str, Any]]:
        mail = ANY_TOKEN.findall(prompt_text(body))
        return [("send", {"to": mail}), ("other", {"to": mail})]

    server = OpenAIServer(tool_reply=calls, chunk_size=size)
    server.reasoning = lambda body: "They say: " + prompt_text(body)
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("send", "other")
    ]
    with server:
        model = wrapper(_model(server), Redactor(), known=KNOWN, restore_tool_args=["send"])
        bound = model.bind_tools(tools)
        whole = bound.invoke(asked)
        first, *rest = list(bound.stream(asked))
        for chunk in rest:
            first = first + chunk
    for reply in (whole, first):
        assert [call["name"] for call in reply.tool_calls] == ["send", "other"]
        send, other = (call["args"]["to"] for call in reply.tool_calls)
        assert sorted(send) == sorted([NAME, MAIL, CARD])
        assert all(ANY_TOKEN.fullmatch(token) for token in other)
        summary = [b["summary"] for b in reply.content if b["type"] == "reasoning"]
        shown = "".join(part["text"] for parts in summary for part in parts)
        assert shown == f"They say: {asked}"
        assert reply.response_metadata["piirag"]["restored"] >= 6
    assert CANARIES.scan_bytes(b"\n".join(r.wire for r in server.requests)) == []


@each_wrapper
def test_S6_what_this_api_returned_goes_back_redacted(wrapper: Any, runner: asyncio.Runner) -> None:
    """Blocks of its own kind (reasoning, calls, results) in a history that holds values."""
    calls = [("send", {"to": MAIL, "card": CARD})]
    with OpenAIServer(_repeats, tool_reply=lambda body: calls) as server:
        server.reasoning = lambda body: f"{NAME} wants {MAIL}"
        tools = [{"type": "function", "function": {"name": "send", "parameters": {}}}]
        plain = _model(server).bind_tools(tools)
        said_before = plain.invoke(TEXT)
        assert {block["type"] for block in said_before.content} == {"reasoning", "function_call"}
        asked = len(server.requests)
        result = ToolMessage(
            [{"type": "text", "text": TEXT}], tool_call_id=said_before.tool_calls[0]["id"]
        )
        server.reasoning = None
        model = wrapper(_model(server), Redactor(), known=KNOWN)
        for way in WAYS:
            shown = _asked(runner, model, way, [HumanMessage(TEXT), said_before, result])
            assert shown.count(MAIL) == 4
            assert TEXT in shown
        sent = server.requests[asked:]
        kinds = [item.get("type") for item in items_of(sent[0].json())]
        assert kinds[1:] == ["reasoning", "function_call", "function_call_output"]
        assert CANARIES.scan_bytes(b"\n".join(r.wire for r in sent)) == []


@each_wrapper
def test_structured_output_is_checked_with_the_real_values(wrapper: Any) -> None:
    class Contact(BaseModel):
        name: str
        mail: str

        @field_validator("mail")
        @classmethod
        def _is_an_address(cls, value: str) -> str:
            if "@" not in value:
                raise ValueError("no address")
            return value

    def reply(body: Any) -> str:
        name, mail = ANY_TOKEN.findall(prompt_text(body))
        return Contact.model_construct(name=name, mail=mail).model_dump_json()

    with OpenAIServer(reply) as server:
        model = wrapper(_model(server), Redactor(), known=KNOWN)
        structured = model.with_structured_output(Contact, method="json_schema")
        found = structured.invoke(f"It is {NAME}, {MAIL}")
        assert found == Contact(name=NAME, mail=MAIL)
        assert list(structured.stream(f"It is {NAME}, {MAIL}")) == [found]
        assert {request.path for request in server.requests} == PATHS
        assert CANARIES.scan_bytes(b"\n".join(r.wire for r in server.requests)) == []


def test_P18_what_the_model_says_by_itself_is_taken_out(runner: asyncio.Runner) -> None:
    own = "by.itself@example.org"
    with OpenAIServer(lambda body: f"{prompt_text(body)} or {own}. So it is.") as server:
        model = RedactedChatModel(_model(server), Redactor(Policy()), known=KNOWN)
        for way in WAYS:
            assert _asked(runner, model, way, TEXT) == f"{TEXT} or [EMAIL_ADDRESS]. So it is."


# Agents


@tool
def send(to: str) -> str:
    """Send a mail."""
    GIVEN.append(to)
    return f"delivered to {to}, says {NAME}"


GIVEN: list[str] = []


def _last_user(body: Any) -> str:
    users = [item_text(i) for i in items_of(body) if i.get("role") == "user"]
    return users[-1]


def _reply(body: Any) -> str:
    results = [i["output"] for i in items_of(body) if i.get("type") == "function_call_output"]
    return f"{_last_user(body)}: {results[-1]}."


def _call(body: Any) -> list[tuple[str, Any]]:
    tokens = [t for t in ANY_TOKEN.findall(prompt_text(body)) if "EMAIL" in t]
    return [("send", {"to": tokens[0]})]


async def _amessages(agent: Any, ask: Any, thread: Any) -> str:
    parts = agent.astream(ask, thread, context=ALICE, stream_mode="messages")
    return "".join([c.text async for c, _ in parts if isinstance(c, AIMessageChunk)])


def _messages(agent: Any, ask: Any, thread: Any) -> str:
    parts = agent.stream(ask, thread, context=ALICE, stream_mode="messages")
    return "".join(c.text for c, _ in parts if isinstance(c, AIMessageChunk))


AGENT_WAYS = {
    "invoke": lambda r, a, x, t: a.invoke(x, t, context=ALICE)["messages"][-1].text,
    "ainvoke": lambda r, a, x, t: r.run(a.ainvoke(x, t, context=ALICE))["messages"][-1].text,
    "stream": lambda r, a, x, t: _messages(a, x, t),
    "astream": lambda r, a, x, t: r.run(_amessages(a, x, t)),
}


@pytest.mark.parametrize("mode", ["wire", "state"])
@pytest.mark.parametrize("way", AGENT_WAYS)
@pytest.mark.parametrize("size", [1, 40])
def test_S3_S5_an_agent_over_the_responses_api(
    mode: str, way: str, size: int, runner: asyncio.Runner
) -> None:
    GIVEN.clear()
    scrubber = Scrubber()
    with kit(
        mode,
        [send],
        reply=_reply,
        calls=_call,
        scrubber=scrubber,
        chunk_size=size,
        options={"restore_tool_args": ["send"]},
        model_options=RESPONSES,
        checkpointer=InMemorySaver(),
    ) as k:
        k.server.reasoning = lambda body: f"I was told: {_last_user(body)}"
        thread: Any = {"configurable": {"thread_id": "1"}}
        for _ in range(2):  # the second turn sends all of the first once more
            shown = AGENT_WAYS[way](runner, k.users, {"messages": [("user", TEXT)]}, thread)
            assert shown == f"{TEXT}: delivered to {MAIL}, says {NAME}."
        assert GIVEN == [MAIL, MAIL]
        assert {request.path for request in k.server.requests} == PATHS
        assert len(k.server.requests) == 4
        assert CANARIES.scan_bytes(k.wire) == []
        state = k.users.get_state(thread, context=ALICE).values["messages"]
        calls = [
            m.tool_calls[0]["args"] for m in state if isinstance(m, AIMessage) and m.tool_calls
        ]
        assert calls == [{"to": MAIL}] * 2
        if mode == "state":
            raw = k.agent.get_state(thread).values["messages"]
            assert CANARIES.scan_text(repr(raw)) == []
