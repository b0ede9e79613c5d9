"""A hundred conversations at once, whose placeholders are the same: threats P12, P22 and T14.

Every prompt of a test is out before the first reply comes back, so that all of them are under way
at the same time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.tools import FunctionTool

from llama_index_piirag import RedactedAgent, RedactedChatEngine, RedactedLLM
from piirag import MemoryVault, Policy, Redactor, Scrubber
from support.emails import Emails
from support.llama_fakes import FakeChatLLM
from support.llama_server import calls_with, model_over
from support.openai_server import OpenAIServer, prompt_text

SESSIONS = 100
PATIENCE = 60.0  # seconds until a session that waits for the others gives up
QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}


def prompt_of(n: int) -> str:
    """All sessions get the same placeholders for other values, and have one value in common."""
    return f"I am user{n}@x.io, write to shared@x.io and boss{n}@x.io; I repeat: user{n}@x.io."


SENT = (
    "I am [EMAIL_ADDRESS_1], write to [EMAIL_ADDRESS_2] and [EMAIL_ADDRESS_3]; "
    "I repeat: [EMAIL_ADDRESS_1]."
)


class Meeting(FakeChatLLM):
    """Answers nobody before all have asked."""

    _threads: threading.Barrier = PrivateAttr(default_factory=lambda: threading.Barrier(SESSIONS))
    _tasks: Any = PrivateAttr(default_factory=lambda: asyncio.Event())

    def _answer(self, prompt: str, kwargs: dict[str, Any]) -> str:
        text = super()._answer(prompt, kwargs)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._threads.wait(PATIENCE)
        return text

    async def _all_asked(self) -> None:
        if len(self.prompts) == SESSIONS:
            self._tasks.set()
        await asyncio.wait_for(self._tasks.wait(), PATIENCE)

    async def achat(self, messages: Any, **kwargs: Any) -> Any:
        reply = await super().achat(messages, **kwargs)
        await self._all_asked()
        return reply

    async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
        chunks = await super().astream_chat(messages, **kwargs)

        async def replies() -> Any:
            await self._all_asked()
            async for chunk in chunks:
                await asyncio.sleep(0)
                yield chunk

        return replies()


def say(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


async def _astreamed(llm: Any, text: str) -> str:
    chunks = await llm.astream_chat(say(text))
    return "".join([chunk.delta async for chunk in chunks])


THREADS: dict[str, Callable[[Any, str], str]] = {
    "chat": lambda llm, text: llm.chat(say(text)).message.content,
    "complete": lambda llm, text: llm.complete(text).text,
    "stream_chat": lambda llm, text: "".join(c.delta for c in llm.stream_chat(say(text))),
    "stream_complete": lambda llm, text: "".join(c.delta for c in llm.stream_complete(text)),
}


def in_threads(call: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(SESSIONS) as pool:
        return list(pool.map(call, range(SESSIONS)))


@pytest.mark.parametrize("replies", ["allow", "redact"])
@pytest.mark.parametrize("way", THREADS)
def test_P12_P22_a_hundred_threads_get_their_own_values(way: str, replies: str) -> None:
    inner = Meeting()
    llm = RedactedLLM(inner, Redactor(Policy(**QUIET, replies=replies), Emails()))
    shown = in_threads(lambda n: THREADS[way](llm, prompt_of(n)))
    assert shown == [prompt_of(n) for n in range(SESSIONS)]
    assert inner.prompts == [SENT] * SESSIONS, "the placeholders collide"


@pytest.mark.parametrize("way", ["achat", "astream_chat"])
async def test_P12_P22_a_hundred_tasks_get_their_own_values(way: str) -> None:
    inner = Meeting()
    llm = RedactedLLM(inner, Redactor(Policy(**QUIET), Emails()))

    async def one(n: int) -> Any:
        if way == "achat":
            return (await llm.achat(say(prompt_of(n)))).message.content
        return await _astreamed(llm, prompt_of(n))

    shown = await asyncio.gather(*map(one, range(SESSIONS)))
    assert shown == [prompt_of(n) for n in range(SESSIONS)]
    assert inner.prompts == [SENT] * SESSIONS


@pytest.mark.parametrize("viewer", [None, "somebody"])
def test_P12_P22_T14_a_hundred_users_get_nothing_of_each_other(viewer: str | None) -> None:
    """Each prompt holds the user's own stored pseudonyms, and a neighbour's."""
    scrubber = Scrubber(Policy(**QUIET), Emails(), vault=MemoryVault())
    stored = [scrubber.scrub(prompt_of(n), user_id=f"u{n}").text for n in range(SESSIONS)]
    llm = RedactedLLM(Meeting(), scrubber=scrubber)

    def one(n: int) -> str:
        bound = llm.for_user(f"u{n}", viewer=viewer)
        return THREADS["stream_chat"](bound, f"{stored[n]} {stored[n - 1]} {n}@x.io")

    for n, shown in enumerate(in_threads(one)):
        if viewer is None:
            assert shown == f"{prompt_of(n)} {stored[n - 1]} {n}@x.io"
        else:
            # What stands in the user's documents is not put back for anybody else.
            assert shown.endswith(f"{stored[n - 1]} {n}@x.io")
            assert shown.count("@x.io") == 1


def test_P22_a_reply_to_another_call_restores_nothing_of_this_one() -> None:
    llm = RedactedLLM(FakeChatLLM(), Redactor(Policy(**QUIET), Emails()))
    streams = [llm.stream_chat(say(prompt_of(n))) for n in range(SESSIONS)]
    shown = [""] * SESSIONS
    # Chunk by chunk in turns, the last call first.
    for n in [*range(SESSIONS)][::-1]:
        shown[n] += next(streams[n]).delta or ""
    for n, stream in enumerate(streams):
        shown[n] += "".join(chunk.delta or "" for chunk in stream)
    assert shown == [prompt_of(n) for n in range(SESSIONS)]


# With tools, over the wire


def _post() -> tuple[FunctionTool, list[str]]:
    got: list[str] = []

    def mail(to: str) -> str:
        """Send a mail."""
        got.append(to)
        return f"sent to {to}"

    return FunctionTool.from_defaults(mail), got


def _arguments(llm: Any, reply: Any) -> Any:
    [call] = llm.get_tool_calls_from_response(reply)
    return call.tool_kwargs


TOOLS: dict[str, Callable[..., Any]] = {
    "chat": lambda llm, tool, text: llm.chat_with_tools([tool], user_msg=text),
    "stream": lambda llm, tool, text: list(llm.stream_chat_with_tools([tool], user_msg=text))[-1],
}


def _clean(server: OpenAIServer) -> None:
    assert len(server.requests) == SESSIONS
    assert {prompt_text(request.json()) for request in server.requests} == {SENT}


@pytest.mark.parametrize("way", TOOLS)
def test_P12_P22_arguments_of_tools_in_a_hundred_threads(way: str) -> None:
    tool, _ = _post()
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        redactor = Redactor(Policy(**QUIET), Emails())
        llm: Any = RedactedLLM(model_over(server), redactor, restore_tool_args=["mail"])
        shown = in_threads(lambda n: _arguments(llm, TOOLS[way](llm, tool, prompt_of(n))))
        assert shown == [{"to": prompt_of(n)} for n in range(SESSIONS)]
        _clean(server)


@pytest.mark.parametrize("way", ["achat", "astream"])
async def test_P12_P22_arguments_of_tools_in_a_hundred_tasks(way: str) -> None:
    tool, _ = _post()
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        redactor = Redactor(Policy(**QUIET), Emails())
        llm: Any = RedactedLLM(model_over(server), redactor, restore_tool_args=["mail"])

        async def one(n: int) -> Any:
            given = {"user_msg": prompt_of(n)}
            if way == "achat":
                return _arguments(llm, await llm.achat_with_tools([tool], **given))
            chunks = [c async for c in await llm.astream_chat_with_tools([tool], **given)]
            return _arguments(llm, chunks[-1])

        shown = await asyncio.gather(*map(one, range(SESSIONS)))
        assert shown == [{"to": prompt_of(n)} for n in range(SESSIONS)]
        _clean(server)


# Conversations


def test_P12_P22_chat_engines_in_a_hundred_threads() -> None:
    scrubber = Scrubber(Policy(**QUIET), Emails(), vault=MemoryVault())
    inner = Meeting()

    def one(n: int) -> tuple[str, list[str | None]]:
        engine = RedactedChatEngine(
            SimpleChatEngine.from_defaults(llm=inner), scrubber=scrubber, user_id=f"u{n}"
        )
        return engine.chat(prompt_of(n)).response, [m.content for m in engine.chat_history]

    for n, (shown, kept) in enumerate(in_threads(one)):
        assert shown == prompt_of(n)
        assert kept == [prompt_of(n)] * 2
    assert set(inner.prompts) == {SENT}


async def test_P12_P22_agents_in_a_hundred_tasks() -> None:
    """Ten users with ten runs each; their tools get what they said, and nobody else's."""
    scrubber = Scrubber(Policy(**QUIET), Emails(), vault=MemoryVault())
    tool, got = _post()
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        made = FunctionAgent(llm=model_over(server), tools=[tool])
        agents = [
            RedactedAgent(made, scrubber=scrubber, user_id=f"u{n}", restore_tool_args=["mail"])
            for n in range(10)
        ]

        async def one(n: int) -> str:
            return str(await agents[n % 10].run(prompt_of(n)))

        shown = await asyncio.gather(*map(one, range(SESSIONS)))
    assert shown == [f"You said: {prompt_of(n)}" for n in range(SESSIONS)]
    assert sorted(got) == sorted(prompt_of(n) for n in range(SESSIONS))
    assert "@x.io" not in "".join(prompt_text(request.json()) for request in server.requests)
