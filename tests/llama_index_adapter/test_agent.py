"""Agents: wire, workflow, memory and traces in tokens; people and allowed tools get values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
    ToolCall,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms import LLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent
from pydantic import BaseModel

from llama_index_piirag import RedactedAgent, RedactedLLM, ScrubbedMemory
from piirag import MemoryVault, Scrubber
from piirag.errors import ConfigurationError, InvalidUserIdError, ModelCallError, TenancyError
from support.canary import Canaries, capture_logs
from support.llama_fakes import FakeChatLLM, Trace, traced
from support.llama_server import calls_with, last_said, model_over
from support.openai_server import OpenAIServer

NAME = 'Ottoline "Otti" Quenneville'
MAIL = "cosima@nightmail.com"
PHONE = "+1 415-555-2671"
KNOWN = {"PERSON": [NAME]}
TEXT = f"Write to {MAIL} for {NAME}."
CANARIES = Canaries([NAME, "Quenneville", MAIL, PHONE])


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        yield server


@pytest.fixture
def trace() -> Iterator[Trace]:
    with traced() as trace:
        yield trace


@pytest.fixture
def scrubber() -> Scrubber:
    return Scrubber(vault=MemoryVault())


class Post:
    """Tools that keep what they got, and answer with more personal data."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

        def mail(to: str) -> str:
            """Send a mail."""
            self.got.append(("mail", to))
            return f"{to} asked to call {PHONE}"

        async def note(to: str) -> str:
            """Write a note."""
            self.got.append(("note", to))
            return f"noted {to}"

        def fail(to: str) -> str:
            """Fail."""
            raise ValueError(f"{to}: no such person as {MAIL}")

        self.tools = [FunctionTool.from_defaults(fn) for fn in (mail, fail)]
        self.tools.append(FunctionTool.from_defaults(async_fn=note))


def agent_over(inner: LLM, scrubber: Scrubber, post: Post, **kw: Any) -> RedactedAgent:
    made = FunctionAgent(
        llm=inner, tools=post.tools, system_prompt=f"You serve {NAME}.", **kw.pop("agent", {})
    )
    kw = {"restore_tool_args": ["mail"], "known": KNOWN, **kw}
    return RedactedAgent(made, scrubber=scrubber, user_id="u1", **kw)


def clean(server: OpenAIServer, *others: Any) -> None:
    assert CANARIES.scan_bytes(b"".join(request.wire for request in server.requests)) == []
    assert CANARIES.scan_object(list(others)) == []


@pytest.mark.parametrize("streaming", [True, False])
async def test_L11_P11_a_function_agent(
    streaming: bool, server: OpenAIServer, scrubber: Scrubber, trace: Trace
) -> None:
    post = Post()
    inner = model_over(server, callbacks=trace.callbacks)
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    agent = agent_over(inner, scrubber, post, agent={"streaming": streaming})
    trace.kept.clear()
    with capture_logs() as logs:
        run = agent.run(TEXT, memory=memory)
        events = [event async for event in run.stream_events()]
        result = await run
    # The tool got values, though the model and all in between saw tokens.
    assert post.got == [("mail", TEXT)]
    assert str(result) == f"You said: {TEXT}"
    assert [call.tool_kwargs for call in result.tool_calls] == [{"to": TEXT}]
    assert result.tool_calls[0].tool_output.content == f"{TEXT} asked to call {PHONE}"
    clean(server, trace.kept)
    assert CANARIES.scan_records(logs.records) == []
    assert any("take_step" in name or "run_agent_step" in name for name in trace.names)
    # L7: so does the memory.
    kept = await memory.aget_all()
    assert len(kept) == 4
    assert CANARIES.scan_object([message.model_dump() for message in kept]) == []
    # What a person sees.
    deltas = [e.delta for e in events if isinstance(e, AgentStream)]
    if streaming:
        assert "".join(deltas) == f"You said: {TEXT}"
        assert not any("[" in delta for delta in deltas)
        assert len(deltas) > 5
    [call] = [e for e in events if type(e) is ToolCall]
    [done] = [e for e in events if isinstance(e, ToolCallResult)]
    assert call.tool_kwargs == done.tool_kwargs == {"to": TEXT}
    assert PHONE in done.tool_output.content
    assert [e for e in events if isinstance(e, AgentOutput)][-1].response.content == (
        f"You said: {TEXT}"
    )


async def test_S5_other_tools_get_pseudonyms_that_last(
    server: OpenAIServer, scrubber: Scrubber, trace: Trace
) -> None:
    post = Post()
    server.tool_reply = calls_with("note", "to")
    agent = agent_over(model_over(server), scrubber, post)
    run = agent.run(TEXT)
    events = [event async for event in run.stream_events()]
    result = await run
    [(_, got)] = post.got
    assert got == scrubber.scrub(TEXT, user_id="u1").text
    assert got.count("[PERSON ") == 1 and got.count("[EMAIL_ADDRESS ") == 1
    assert str(result) == f"You said: {TEXT}"
    # The model got the same placeholders back that it used.
    sent = server.requests[-1].json()["messages"]
    assert sent[-1]["content"] == "noted Write to [EMAIL_ADDRESS_1] for [PERSON_1]."
    [done] = [e for e in events if isinstance(e, ToolCallResult)]
    assert done.tool_kwargs == {"to": got}
    assert done.tool_output.content == f"noted {TEXT}"
    clean(server, trace.kept)


async def test_L5_a_tool_that_fails(server: OpenAIServer, scrubber: Scrubber, trace: Trace) -> None:
    post = Post()
    server.tool_reply = calls_with("fail", "to")
    agent = agent_over(model_over(server), scrubber, post, restore_tool_args=["fail"])
    with capture_logs() as logs:
        run = agent.run(TEXT)
        events = [event async for event in run.stream_events()]
        await run
    [done] = [e for e in events if isinstance(e, ToolCallResult)]
    assert done.tool_output.is_error
    assert done.tool_output.content == f"{TEXT}: no such person as {MAIL}"
    clean(server, trace.kept)
    assert CANARIES.scan_records(logs.records) == []


async def test_L5_a_model_that_fails(
    server: OpenAIServer, scrubber: Scrubber, trace: Trace
) -> None:
    server.fail_with(400)
    agent = agent_over(model_over(server), scrubber, Post())
    with capture_logs() as logs, pytest.raises(ModelCallError) as failed:
        await agent.run(TEXT)
    assert CANARIES.scan_exception(failed.value) == []
    assert CANARIES.scan_records(logs.records) == []
    clean(server, trace.kept)


async def test_runs_that_go_on_with_one_another(
    server: OpenAIServer, scrubber: Scrubber, trace: Trace
) -> None:
    server.tool_reply = None
    agent = agent_over(model_over(server), scrubber, Post())
    ctx = agent.context()
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    assert str(await agent.run(TEXT, ctx=ctx, memory=memory)) == f"You said: {TEXT}"
    answer = await agent.run(f"And {PHONE}?", memory=memory)
    assert str(answer) == f"You said: And {PHONE}?"
    assert len(server.requests[-1].json()["messages"]) == 4
    assert CANARIES.scan_object(ctx.to_dict()) == []
    clean(server, trace.kept)


async def test_L7_histories_and_memories_with_values(
    server: OpenAIServer, scrubber: Scrubber, trace: Trace
) -> None:
    server.tool_reply = None
    agent = agent_over(model_over(server), scrubber, Post())
    history = [ChatMessage(role="user", content=TEXT), ChatMessage(role="assistant", content=NAME)]
    await agent.run("Go on.", chat_history=history)
    assert history[0].content == TEXT
    raw = ChatMemoryBuffer.from_defaults(chat_history=history, token_limit=4000)
    trace.kept.clear()
    await agent.run("Go on.", memory=raw)
    assert CANARIES.scan_object([message.model_dump() for message in raw.get_all()]) == []
    clean(server, trace.kept)


async def test_S9_a_react_agent(scrubber: Scrubber, trace: Trace) -> None:
    class Scripted(FakeChatLLM):
        def _answer(self, prompt: str, kwargs: dict[str, Any]) -> str:
            said = super()._answer(prompt, kwargs)
            if "Observation" in prompt:
                return f"Thought: done.\nAnswer: [EMAIL_ADDRESS_1] says {said[:0]}yes"
            return 'Thought: a tool.\nAction: mail\nAction Input: {"to": "[EMAIL_ADDRESS_1]"}'

    post = Post()
    inner = Scripted(callback_manager=trace.callbacks)
    made = ReActAgent(llm=inner, tools=post.tools, system_prompt=f"You serve {NAME}.")
    agent = RedactedAgent(
        made, scrubber=scrubber, user_id="u1", known=KNOWN, restore_tool_args=["mail"]
    )
    trace.kept.clear()
    memory = ChatMemoryBuffer.from_defaults(token_limit=9000)
    run = agent.run(TEXT, memory=memory)
    deltas = [e.delta async for e in run.stream_events() if isinstance(e, AgentStream)]
    result = await run
    assert post.got == [("mail", MAIL)]
    assert str(result) == f"{MAIL} says yes"
    assert f"Answer: {MAIL} says yes" in "".join(deltas)
    sent = [m.model_dump() for messages in inner.messages for m in messages]
    assert CANARIES.scan_object([inner.prompts, sent, trace.kept]) == []
    assert CANARIES.scan_object([m.model_dump() for m in memory.get_all()]) == []


async def test_a_workflow_of_agents(server: OpenAIServer, scrubber: Scrubber, trace: Trace) -> None:
    def calls(body: Any) -> list[Any]:
        names = {tool["function"]["name"] for tool in body["tools"]}
        assert "handoff" in names
        return [("handoff", {"to_agent": "writer", "reason": f"ask {last_said(body)}"})]

    server.tool_reply = calls
    post = Post()
    inner = model_over(server, callbacks=trace.callbacks)
    first = FunctionAgent(
        name="first", description="first", llm=inner, tools=[], can_handoff_to=["writer"]
    )
    writer = FunctionAgent(
        name="writer", description="writes", llm=inner, tools=post.tools, can_handoff_to=[]
    )
    made = AgentWorkflow(agents=[first, writer], root_agent="first")
    agent = RedactedAgent(
        made, scrubber=scrubber, user_id="u1", known=KNOWN, restore_tool_args=["mail"]
    )
    trace.kept.clear()
    run = agent.run(TEXT)
    events = [event async for event in run.stream_events()]
    result = await run
    assert str(result) == f"You said: {TEXT}"
    assert {e.current_agent_name for e in events if isinstance(e, AgentOutput)} == {
        "first",
        "writer",
    }
    clean(server, trace.kept)


class Card(BaseModel):
    text: str


async def test_an_output_class(server: OpenAIServer, scrubber: Scrubber, trace: Trace) -> None:
    def calls(body: Any) -> list[Any]:
        names = {tool["function"]["name"] for tool in body["tools"]}
        return [("Card", {"text": "[EMAIL_ADDRESS_1]"})] if names == {"Card"} else []

    server.tool_reply = calls
    agent = agent_over(model_over(server), scrubber, Post(), agent={"output_cls": Card})
    result = await agent.run(TEXT)
    assert result.get_pydantic_model(Card) == Card(text=MAIL)
    clean(server, trace.kept)


async def test_a_tool_that_asks_a_person(
    server: OpenAIServer, scrubber: Scrubber, trace: Trace
) -> None:
    async def ask(ctx: Context, to: str) -> str:
        """Ask."""
        answer = await ctx.wait_for_event(
            HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="sure?")
        )
        return f"{answer.response} for {to}"

    # LlamaIndex does not resolve annotations that are strings.
    ask.__annotations__["ctx"] = Context
    server.tool_reply = calls_with("ask", "to")
    made = FunctionAgent(llm=model_over(server), tools=[ask])
    agent = RedactedAgent(
        made, scrubber=scrubber, user_id="u1", known=KNOWN, restore_tool_args=["ask"]
    )
    run = agent.run(TEXT)
    outputs = []
    async for event in run.stream_events():
        if isinstance(event, InputRequiredEvent):
            await run.send_event(HumanResponseEvent(response="yes"))
        if isinstance(event, ToolCallResult):
            outputs.append(event.tool_output.content)
    await run
    assert outputs == [f"yes for {TEXT}"]
    clean(server)


async def test_P4_a_viewer_gets_nothing_out_of_the_vault(
    server: OpenAIServer, scrubber: Scrubber
) -> None:
    stored = scrubber.scrub(NAME, user_id="u1", known=KNOWN).text
    server.tool_reply = None
    agent = agent_over(model_over(server), scrubber, Post(), viewer="bob", known=None)
    result = await agent.run(f"{stored} and {MAIL}")
    assert str(result) == f"You said: {stored} and {MAIL}"


async def test_P1_typed_placeholders_stay_text(server: OpenAIServer, scrubber: Scrubber) -> None:
    post = Post()
    agent = agent_over(model_over(server), scrubber, post)
    text = f"[PERSON_1] {NAME} [EMAIL_ADDRESS_1]"
    assert str(await agent.run(text)) == f"You said: {text}"
    assert post.got == [("mail", text)]


async def test_configurations_that_cannot_work(server: OpenAIServer, scrubber: Scrubber) -> None:
    inner = model_over(server)
    made = FunctionAgent(llm=inner, tools=[])
    for other in (object(), CodeActAgent(lambda code: code, llm=inner)):
        with pytest.raises(ConfigurationError):
            RedactedAgent(other, scrubber=scrubber, user_id="u1")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        RedactedAgent(made, scrubber=scrubber, user_id="u1", restore_tool_args="mail")
    with pytest.raises(InvalidUserIdError):
        RedactedAgent(made, scrubber=scrubber, user_id="")
    bound = FunctionAgent(llm=RedactedLLM(inner, scrubber=scrubber, user_id="u2"), tools=[])
    with pytest.raises(TenancyError):
        RedactedAgent(bound, scrubber=scrubber, user_id="u1")
    with pytest.raises(ConfigurationError):
        RedactedAgent(made, scrubber=scrubber, user_id="u1").run("a", extra=NAME)


async def test_a_run_can_be_ended(server: OpenAIServer, scrubber: Scrubber) -> None:
    run = agent_over(model_over(server), scrubber, Post()).run(TEXT)
    await run.cancel_run()
    assert run.is_done()
    assert CANARIES.scan_object(repr(run)) == []


async def test_T9_a_memory_of_another_user_is_refused(scrubber: Scrubber) -> None:
    inner = ChatMemoryBuffer.from_defaults(token_limit=3000)
    memory = ScrubbedMemory(inner, scrubber=scrubber, user_id="alice")
    agent = RedactedAgent(FunctionAgent(llm=FakeChatLLM()), scrubber=scrubber, user_id="bob")
    with pytest.raises(TenancyError):
        await agent.run("hello", memory=memory)
