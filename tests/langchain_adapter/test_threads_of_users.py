"""A thread belongs to the user who began it, whatever the state holds (threats T3, T9)."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import StateUpdate

from langchain_piirag import PIIRedactionMiddleware, protect
from langchain_piirag.agent_edge import OWNER
from piirag import Scrubber
from piirag.errors import TenancyError
from support.agents import ALICE, Context

ASK = {"messages": [("user", "I am jane@example.com")]}
BOB = Context("bob")
THREAD: Any = {"configurable": {"thread_id": "1"}}

# In a real state, with a vault and without; in a redacted one.
KINDS = {
    "wire": lambda: PIIRedactionMiddleware(scrubber=Scrubber()),
    "no vault": lambda: PIIRedactionMiddleware(),
    "state": lambda: PIIRedactionMiddleware(scrubber=Scrubber(), mode="state"),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


class _Calls(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def _users(kind: str, tools: Any = (), said: Any = None, **options: Any) -> Any:
    middleware = KINDS[kind]()
    model = _Calls(messages=iter(said or [AIMessage("noted") for _ in range(9)]))
    agent = create_agent(
        model,
        tools=list(tools),
        middleware=[middleware],
        context_schema=Context,
        checkpointer=InMemorySaver(),
        **options,
    )
    return protect(agent, middleware)


WAYS: dict[str, Any] = {
    "get_state": lambda u: u.get_state(THREAD, context=BOB),
    "get_state_history": lambda u: list(u.get_state_history(THREAD, context=BOB)),
    "invoke": lambda u: u.invoke(ASK, THREAD, context=BOB),
    "stream": lambda u: list(u.stream(ASK, THREAD, context=BOB)),
    "resume": lambda u: u.invoke(None, THREAD, context=BOB),
    "update_state": lambda u: u.update_state(THREAD, ASK, context=BOB),
    "bulk_update_state": lambda u: u.bulk_update_state(
        THREAD, [[StateUpdate(ASK, "model")]], context=BOB
    ),
}


async def _alist(items: Any) -> list[Any]:
    return [item async for item in items]


AWAYS: dict[str, Any] = {
    "aget_state": lambda u: u.aget_state(THREAD, context=BOB),
    "aget_state_history": lambda u: _alist(u.aget_state_history(THREAD, context=BOB)),
    "ainvoke": lambda u: u.ainvoke(ASK, THREAD, context=BOB),
    "astream": lambda u: _alist(u.astream(ASK, THREAD, context=BOB)),
    "astream_events": lambda u: _alist(u.astream_events(ASK, THREAD, context=BOB, version="v2")),
    "aupdate_state": lambda u: u.aupdate_state(THREAD, ASK, context=BOB),
}


@each_kind
def test_T9_nobody_else_reads_or_writes_a_thread(kind: str) -> None:
    users = _users(kind)
    users.invoke(ASK, THREAD, context=ALICE)
    for call in WAYS.values():
        with pytest.raises(TenancyError):
            call(users)
    assert (
        users.get_state(THREAD, context=ALICE).values["messages"][0].text == ASK["messages"][0][1]
    )
    assert len(users.invoke(ASK, THREAD, context=ALICE)["messages"]) == 4


@each_kind
async def test_T9_nobody_else_reads_or_writes_a_thread_async(kind: str) -> None:
    users = _users(kind)
    await users.ainvoke(ASK, THREAD, context=ALICE)
    for call in AWAYS.values():
        with pytest.raises(TenancyError):
            await call(users)
    assert len((await users.ainvoke(ASK, THREAD, context=ALICE))["messages"]) == 4


@each_kind
def test_T9_a_thread_may_begin_with_an_update(kind: str) -> None:
    users = _users(kind)
    users.update_state(THREAD, ASK, as_node="model", context=ALICE)
    with pytest.raises(TenancyError):
        users.get_state(THREAD, context=BOB)
    assert users.get_state(THREAD, context=ALICE).values["messages"]


@pytest.mark.parametrize("kind", ["wire", "no vault"])
def test_T9_a_thread_that_began_without_protect_has_an_owner_too(kind: str) -> None:
    users = _users(kind)
    users.agent.invoke(ASK, THREAD, context=ALICE)
    with pytest.raises(TenancyError):
        users.get_state(THREAD, context=BOB)
    with pytest.raises(TenancyError):
        users.agent.invoke(ASK, THREAD, context=BOB)
    assert users.get_state(THREAD, context=ALICE).values["messages"]


@each_kind
@pytest.mark.parametrize("mode", ["values", "updates", ["values", "updates", "messages"]])
def test_the_owner_is_not_shown(kind: str, mode: Any) -> None:
    users = _users(kind)
    shown = list(users.stream(ASK, THREAD, context=ALICE, stream_mode=mode))
    assert OWNER not in repr(shown)
    assert OWNER not in repr(users.get_state(THREAD, context=ALICE).values)
    assert OWNER not in repr(users.invoke(ASK, THREAD, context=ALICE))


def test_without_a_user_a_real_state_without_a_vault_is_anybodys() -> None:
    users = _users("no vault")
    users.invoke(ASK, THREAD)
    assert users.get_state(THREAD).values["messages"]


@pytest.mark.parametrize("kind", ["wire", "no vault"])
async def test_T9_nobody_else_resumes_a_tool_call_without_protect(kind: str) -> None:
    ran: list[str] = []

    @tool
    def pay(to: str) -> str:
        """Pay."""
        ran.append(to)
        return "paid"

    call = AIMessage("", tool_calls=[{"name": "pay", "args": {"to": "x"}, "id": "1"}])
    said = [call, AIMessage("done")]
    agent = _users(kind, [pay], said, interrupt_before=["tools"]).agent
    agent.invoke(ASK, THREAD, context=ALICE)
    with pytest.raises(TenancyError):
        agent.invoke(None, THREAD, context=BOB)
    with pytest.raises(TenancyError):
        await agent.ainvoke(None, THREAD, context=BOB)
    assert not ran
    assert agent.invoke(None, THREAD, context=ALICE)["messages"][-1].text == "done"
    assert ran == ["x"]
