"""Async calls search in other threads: an event loop that searches serves nobody else meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.prebuilt import ToolRuntime
from langgraph.types import StateUpdate

from langchain_piirag import RedactedChatModel, RedactedModel
from langchain_piirag.agent_order import InOrder
from langchain_piirag.agent_streams import PROTECTED
from piirag import Policy, Redactor, Scrubber
from piirag.errors import DetectionError, PIIBlockedError
from support.agents import ALICE, KNOWN, MAIL, TEXT, kit, last_text
from support.langchain_fakes import EchoChat

OTHER = "other@example.org"
ASK = {"messages": [("user", TEXT)]}
MODES = pytest.mark.parametrize("mode", ["wire", "state"])


class Watched:
    """The default detector, which notes the threads it is asked in."""

    def __init__(self) -> None:
        self._inner = Redactor(Policy()).detector
        self.entities = self._inner.entities
        self.threads: set[threading.Thread] = set()
        self.fails = False

    def detect(self, text: str, *, language: str = "en") -> Any:
        self.threads.add(threading.current_thread())
        if self.fails:
            raise ValueError
        return self._inner.detect(text, language=language)

    def detect_batch(self, texts: list[str], *, language: str = "en") -> Any:
        return [self.detect(text, language=language) for text in texts]


def _reply(body: Any) -> str:
    return f"{last_text(body)}. So I say. And write to {OTHER}. That is all there is to say."


SHOWN = _reply({"messages": [{"role": "user", "content": TEXT}]}).replace(OTHER, "[EMAIL_ADDRESS]")


async def _messages(agent: Any, **kwargs: Any) -> str:
    parts = agent.astream(ASK, context=ALICE, stream_mode="messages", **kwargs)
    return "".join([m.text async for m, _ in parts if isinstance(m, AIMessageChunk)])


async def _events(agent: Any) -> str:
    events = agent.astream_events(ASK, context=ALICE, version="v2")
    return "".join(
        [e["data"]["chunk"].text async for e in events if e["event"] == "on_chat_model_stream"]
    )


async def _values(agent: Any) -> str:
    parts = agent.astream(ASK, context=ALICE, stream_mode="values")
    return [p async for p in parts][-1]["messages"][-1].text


async def _invoked(agent: Any) -> str:
    return (await agent.ainvoke(ASK, context=ALICE))["messages"][-1].text


async def _v3(agent: Any) -> str:
    run = await agent.astream_events(ASK, context=ALICE, version="v3")
    return "".join([str(await message.text) async for message in run.messages])


WAYS = {"messages": _messages, "events": _events, "values": _values, "invoke": _invoked, "v3": _v3}


@MODES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1, 4])
async def test_S3_an_agent_searches_off_the_loop_and_in_order(
    mode: str, way: str, size: int
) -> None:
    detector = Watched()
    scrubber = Scrubber(Policy(), detector)
    with kit(mode, reply=_reply, scrubber=scrubber, chunk_size=size) as k:
        assert await WAYS[way](k.users) == SHOWN
    assert detector.threads and threading.main_thread() not in detector.threads


async def test_S3_the_raw_agents_stream_too() -> None:
    detector = Watched()
    with kit(reply=_reply, scrubber=Scrubber(Policy(), detector)) as k:
        assert await _messages(k.agent) == SHOWN
    assert threading.main_thread() not in detector.threads


async def test_parts_of_all_modes_come_in_their_order() -> None:
    """What a node emits while it runs comes before what it returns."""

    @tool
    def look(who: str) -> str:
        """Look."""
        return "found"

    def calls(body: Any) -> Any:
        return [("look", {"who": "x"})]

    with kit(tools=[look], reply=_reply, calls=calls, scrubber=Scrubber(Policy(), Watched())) as k:
        modes = ["messages", "updates"]
        kinds = [
            (kind, type(data[0]).__name__ if kind == "messages" else next(iter(data)))
            async for kind, data in k.users.astream(ASK, context=ALICE, stream_mode=modes)
        ]
        same = [
            (kind, type(data[0]).__name__ if kind == "messages" else next(iter(data)))
            for kind, data in k.users.stream(ASK, context=ALICE, stream_mode=modes)
        ]
    assert kinds == same
    assert kinds[-1] == ("updates", "model")


async def test_threads_of_streams_end_with_them() -> None:
    before = set(threading.enumerate())
    with kit(reply=_reply, scrubber=Scrubber(Policy(), Watched())) as k:
        for _ in range(3):
            await _messages(k.agent)
        stream = k.agent.astream(ASK, context=ALICE, stream_mode="messages")
        await anext(stream)
        await stream.aclose()
        k.server.fail_with(400)
        with pytest.raises(Exception, match="status 400"):
            await _messages(k.agent)
    left = [t for t in set(threading.enumerate()) - before if t.name.startswith("piirag")]
    for thread in left:
        thread.join(5)
        assert not thread.is_alive()


async def test_S3_what_the_policy_blocks_is_blocked_in_a_stream() -> None:
    scrubber = Scrubber(Policy(replies="block"), Watched())
    with kit(reply=_reply, scrubber=scrubber) as k:
        for way in ("messages", "values", "v3"):
            with pytest.raises(PIIBlockedError):
                await WAYS[way](k.users)


async def test_D7_a_detector_that_fails_in_a_stream_lets_nothing_through() -> None:
    detector = Watched()

    def reply(body: Any) -> str:
        detector.fails = True
        return _reply(body)

    with kit(reply=reply, scrubber=Scrubber(Policy(), detector)) as k:
        shown: list[str] = []

        async def read() -> None:
            async for part, _ in k.users.astream(ASK, context=ALICE, stream_mode="messages"):
                shown.append(part.text)

        with pytest.raises(DetectionError):
            await read()
        assert OTHER not in "".join(shown)


@pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])
async def test_a_wrapped_model_searches_off_the_loop(wrapper: Any) -> None:
    detector = Watched()
    reply = f"[EMAIL_ADDRESS_1] is it. Or {OTHER}. So it is."
    model = wrapper(EchoChat(reply=reply), Redactor(Policy(), detector), known=KNOWN)
    expected = f"{MAIL} is it. Or [EMAIL_ADDRESS]. So it is."
    assert "".join([c.content async for c in model.astream(MAIL)]) == expected
    assert (await model.ainvoke(MAIL)).content == expected
    stream = await model.astream_events(MAIL, version="v3")
    assert str(await stream.text) == expected
    assert detector.threads and threading.main_thread() not in detector.threads


async def test_a_stream_of_a_state_with_a_checkpointer_is_searched_off_the_loop() -> None:
    detector = Watched()
    scrubber = Scrubber(Policy(), detector)
    with kit("state", reply=_reply, scrubber=scrubber, checkpointer=InMemorySaver()) as k:
        thread: Any = {"configurable": {"thread_id": "1"}}
        assert await _messages(k.users, config=thread) == SHOWN
        state = await k.users.aget_state(thread, context=ALICE)
        assert state.values["messages"][-1].text == SHOWN
        await k.users.aupdate_state(thread, {"messages": [("user", MAIL)]}, context=ALICE)
        step = [StateUpdate({"messages": [("user", f"and {OTHER}")]}, "model")]
        await k.users.abulk_update_state(thread, [step], context=ALICE)
        assert [s async for s in k.users.aget_state_history(thread, context=ALICE)]
    assert threading.main_thread() not in detector.threads


def _tells(way: str, tools: list[Any]) -> None:
    """A tool that writes to the stream by itself, in one of three ways."""

    @tool
    async def config(who: str) -> str:
        """Look."""
        for n in range(5):
            get_stream_writer()({"step": n, "by": f"{n}@example.org"})
            if n == 2:
                await asyncio.sleep(0)
        return "found"

    @tool
    async def runtime(who: str, runtime: ToolRuntime) -> str:
        """Look."""
        for n in range(5):
            runtime.stream_writer({"step": n, "by": f"{n}@example.org"})
        return "found"

    @tool
    def thread(who: str) -> str:
        """Look."""
        for n in range(5):
            get_stream_writer()({"step": n, "by": f"{n}@example.org"})
        return "found"

    tools += [t for t in (config, runtime, thread) if t.name == way]


@pytest.mark.parametrize("way", ["config", "runtime", "thread"])
async def test_S3_what_a_tool_writes_to_the_stream_is_searched_off_the_loop_in_order(
    way: str,
) -> None:
    detector = Watched()
    tools: list[Any] = []
    _tells(way, tools)
    options: dict[str, Any] = {
        "calls": lambda body: [(way, {"who": "x"})],
        "reply": _reply,
        "scrubber": Scrubber(Policy(), detector),
        "checkpointer": InMemorySaver(),
    }
    with kit("state", tools, **options) as k:
        ask: Any = {"context": ALICE, "stream_mode": ["custom", "updates"]}
        config: Any = {"configurable": {"thread_id": "1"}}
        parts = [part async for part in k.users.astream(ASK, config, **ask)]
        clean = k.middleware.state_scrubber("alice", ALICE).state(ASK)
        inside: Any = {"configurable": {"thread_id": "2", PROTECTED: True}}
        detector.threads.clear()
        raw = [part async for part in k.agent.astream(clean, inside, **ask)]
    assert threading.main_thread() not in detector.threads
    expected = [{"step": n, "by": f"{n}@example.org"} for n in range(5)]
    assert [data for mode, data in parts if mode == "custom"] == expected
    assert [data["step"] for mode, data in raw if mode == "custom"] == list(range(5))
    assert "example.org" not in repr(raw)
    # All of it before what the tool returned.
    kinds = [mode if mode == "custom" else next(iter(data)) for mode, data in raw]
    assert kinds[kinds.index("custom") :].index("tools") == 5


async def test_D7_what_a_tool_writes_and_cannot_be_searched_fails_the_tool() -> None:
    detector = Watched()

    @tool
    async def look(who: str) -> str:
        """Look."""
        detector.fails = True
        get_stream_writer()(f"asking {OTHER}")
        await asyncio.sleep(0)
        return "found"

    options: dict[str, Any] = {
        "calls": lambda body: [("look", {"who": "x"})],
        "reply": _reply,
        "scrubber": Scrubber(Policy(), detector),
    }
    with kit("state", [look], **options) as k:
        shown: list[Any] = []

        async def read() -> None:
            async for part in k.users.astream(ASK, context=ALICE, stream_mode="custom"):
                shown.append(part)

        with pytest.raises(DetectionError):
            await read()
        assert OTHER not in repr(shown)


async def test_D7_after_a_part_that_failed_nothing_goes_out() -> None:
    order = InOrder()
    shown: list[int] = []

    def work(part: int) -> None:
        if part == 1:
            raise DetectionError("EMAIL_ADDRESS")
        shown.append(part)

    try:
        for part in range(4):
            order.submit(work, part)
        with pytest.raises(DetectionError):
            await order.flush(lambda: shown.append(9))
    finally:
        order.close()
    assert shown == [0]
