"""PIIRedactionMiddleware, mode="state": threats L1-L4, L6, L7, P18, S1-S6, T1."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, StateUpdate
from pydantic import AfterValidator, BaseModel, field_validator

from langchain_piirag import PIIRedactionMiddleware, protect
from langchain_piirag.agent_reply import AgentReply
from langchain_piirag.agent_streams import CallStream
from piirag import MasterKey, Policy, Redactor, Scrubber, SQLiteVault
from piirag.errors import ConfigurationError, InvalidInputError, ModelCallError, TenancyError
from support.agents import (
    ALICE,
    ANY_TOKEN,
    CANARIES,
    CARD,
    MAIL,
    NAME,
    TEXT,
    Context,
    kit,
    last_text,
    tokens_in,
)
from support.langchain_fakes import Recorder

sqlite = pytest.importorskip("langgraph.checkpoint.sqlite")

ASK = {"messages": [("user", TEXT)]}
BOB = Context("bob")


def _thread(name: str = "1", **more: Any) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}, **more}


@tool
def lookup(who: str) -> str:
    """Look somebody up."""
    return f"{who} lives at 12 Elm Street, mail {MAIL}"


def _look(body: Any) -> list[tuple[str, Any]]:
    return [("lookup", {"who": tokens_in(body, "PERSON")[0]})]


def _stored(saver: InMemorySaver) -> list[Any]:
    return CANARIES.scan_object([saver.storage, saver.blobs, saver.writes])


def test_L7_the_file_of_the_checkpointer_holds_no_value(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "threads.db", check_same_thread=False)
    scrubber = Scrubber(vault=SQLiteVault(tmp_path / "vault.db", MasterKey.generate()))
    saver = sqlite.SqliteSaver(connection)
    with kit(
        "state", [lookup], calls=_look, reply=last_text, scrubber=scrubber, checkpointer=saver
    ) as k:
        config = _thread(metadata={"asked_by": MAIL}, tags=[NAME], run_name=f"for {NAME}")
        config["configurable"]["email"] = MAIL
        out = k.users.invoke(ASK, config, context=ALICE)
        assert [m.content for m in out["messages"]] == [
            TEXT,
            "",
            f"{NAME} lives at 12 Elm Street, mail {MAIL}",
            TEXT,
        ]
        list(k.users.stream(ASK, _thread("2"), context=ALICE, stream_mode="messages"))
        assert connection.execute("select count(*) from checkpoints").fetchone()[0] > 8
        assert CANARIES.scan_files(tmp_path) == []
        assert CANARIES.scan_bytes(k.wire) == []


async def test_L7_the_async_paths_too(tmp_path: Path) -> None:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        with kit("state", [lookup], calls=_look, reply=last_text, checkpointer=saver) as k:
            out = await k.users.ainvoke(ASK, _thread(), context=ALICE)
            assert out["messages"][-1].text == TEXT
            parts = [p async for p in k.users.astream(ASK, _thread("2"), context=ALICE)]
            assert CANARIES.scan_object(parts) != []
            state = await k.users.aget_state(_thread(), context=ALICE)
            assert state.values["messages"][0].content == TEXT
            states = [s async for s in k.users.aget_state_history(_thread(), context=ALICE)]
            assert len(states) > 4
            await k.users.aupdate_state(_thread(), ASK, context=ALICE)
            assert CANARIES.scan_files(tmp_path) == []


def test_L7_an_agent_that_would_store_the_raw_message_refuses_to_run() -> None:
    with kit("state", checkpointer=InMemorySaver()) as k:
        with pytest.raises(ConfigurationError):
            k.agent.invoke(ASK, _thread(), context=ALICE)
        assert k.server.requests == []
    with kit(
        "state",
        reply=last_text,
        checkpointer=InMemorySaver(),
        options={"allow_unprotected": True},
    ) as k:
        out = k.agent.invoke(ASK, _thread(), context=ALICE)
        assert CANARIES.scan_object(out) == []


MODES = ["messages", "values", "updates", "custom", "debug", "tasks", "checkpoints"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_S3_every_stream_mode_holds_tokens_and_shows_values(mode: str, version: str) -> None:
    @tool
    def find(who: str) -> str:
        """Find somebody, telling how it goes."""
        from langgraph.config import get_stream_writer

        get_stream_writer()({"progress": f"asking {MAIL}"})
        return f"{who} has {CARD}"

    with kit(
        "state",
        [find],
        calls=lambda b: [("find", {"who": tokens_in(b, "PERSON")[0]})],
        reply=last_text,
        checkpointer=InMemorySaver(),
        chunk_size=1,
    ) as k:
        ask = {"stream_mode": mode, "version": version, "context": ALICE}
        shown = list(k.users.stream(ASK, _thread(), **ask))
        assert shown and CANARIES.scan_object(shown)
        assert not ANY_TOKEN.search(repr(shown))
        # The same from inside: a stream of the agent itself, over input that is tokens already.
        clean = k.middleware.state_scrubber("alice", ALICE).state(ASK)
        raw = list(k.agent.stream(clean, _protected("2"), **ask))
        assert CANARIES.scan_object(raw) == []
        assert ANY_TOKEN.search(repr(raw).replace("', '", ""))


def _protected(name: str) -> dict[str, Any]:
    from langchain_piirag.agent_streams import PROTECTED

    return {"configurable": {"thread_id": name, PROTECTED: True}}


def test_S3_several_modes_and_subgraphs_at_once() -> None:
    with kit("state", [lookup], calls=_look, reply=last_text, chunk_size=2) as k:
        graph = StateGraph(MessagesState, context_schema=Context)
        graph.add_node("agent", k.agent)
        graph.add_edge(START, "agent")
        whole = protect(graph.compile(checkpointer=(saver := InMemorySaver())), k.middleware)
        ask = {"stream_mode": ["messages", "values"], "subgraphs": True, "context": ALICE}
        parts = list(whole.stream(ASK, _thread(), **ask))
        assert {len(part) for part in parts} == {3}
        assert {bool(namespace) for namespace, _, _ in parts} == {True, False}
        shown = "".join(
            data[0].text
            for _, mode, data in parts
            if mode == "messages" and data[0].type == "AIMessageChunk"
        )
        assert shown == TEXT
        assert not ANY_TOKEN.search(repr(parts))
        assert _stored(saver) == []
        assert whole.invoke(ASK, _thread("2"), context=ALICE)["messages"][-1].text == TEXT


@pytest.mark.filterwarnings("ignore:The v3 streaming protocol")
async def test_S3_event_streams_show_values() -> None:
    with kit(
        "state", [lookup], calls=_look, reply=last_text, checkpointer=InMemorySaver(), chunk_size=1
    ) as k:
        shown = ""
        events = []
        async for event in k.users.astream_events(ASK, _thread(), context=ALICE, version="v2"):
            events.append(event)
            if event["event"] == "on_chat_model_stream":
                shown += event["data"]["chunk"].text
        assert shown == TEXT
        assert not ANY_TOKEN.search(repr([e["data"] for e in events]))
        run = await k.users.astream_events(ASK, _thread("2"), context=ALICE, version="v3")
        texts = [await message.text async for message in run.messages]
        assert texts == ["", TEXT]
        assert (await run.output())["messages"][-1].text == TEXT
        assert CANARIES.scan_object(k.agent.checkpointer.blobs) == []


def test_L4_runs_that_tracers_record_hold_tokens_only(capsys: pytest.CaptureFixture[str]) -> None:
    given: list[Any] = []

    @tool
    def send(to: str) -> str:
        """Send a mail."""
        given.append(to)
        return f"sent to {to}"

    recorder = Recorder()
    with kit(
        "state",
        [send, lookup],
        calls=lambda b: [("send", {"to": tokens_in(b)[0]}), *_look(b)],
        reply=last_text,
        options={"restore_tool_args": ["send"]},
        checkpointer=InMemorySaver(),
    ) as k:
        config = _thread(callbacks=[recorder])
        out = k.users.invoke(ASK, config, context=ALICE)
        assert given == [MAIL]
        assert "on_tool_start" in dict(recorder.events) and "on_tool_end" in dict(recorder.events)
        assert CANARIES.scan_text(recorder.of()) == []
        assert f"sent to {MAIL}" in [m.content for m in out["messages"]]
        from langchain_core.globals import set_debug

        set_debug(True)
        try:
            k.users.invoke(ASK, _thread("2"), context=ALICE)
        finally:
            set_debug(False)
        printed = capsys.readouterr().out
        assert "send" in printed and CANARIES.scan_text(printed) == []


def _address(value: str) -> str:
    if "@" not in value:
        raise ValueError(f"{value} is no address")
    return value


@pytest.mark.parametrize("path", ["invoke", "ainvoke"])
async def test_tools_get_values_by_allow_list_and_are_checked_with_them(path: str) -> None:
    given: list[Any] = []

    @tool
    def send(to: Annotated[str, AfterValidator(_address)], name: str) -> str:
        """Send a mail."""
        given.append((to, name))
        return f"sent to {to}"

    def calls(body: Any) -> list[tuple[str, Any]]:
        mail, name = tokens_in(body)[0], tokens_in(body, "PERSON")[0]
        return [("send", {"to": mail, "name": name}), ("send", {"to": name, "name": name})]

    with kit(
        "state",
        [send],
        calls=calls,
        reply=last_text,
        options={"restore_tool_args": {"send": ["to"]}},
        checkpointer=(saver := InMemorySaver()),
    ) as k:
        if path == "invoke":
            out = k.users.invoke(ASK, _thread(), context=ALICE)
        else:
            out = await k.users.ainvoke(ASK, _thread(), context=ALICE)
        [(to, name)] = given
        assert to == MAIL and ANY_TOKEN.fullmatch(name)
        sent, refused = (m for m in out["messages"] if isinstance(m, ToolMessage))
        assert sent.content == f"sent to {MAIL}"
        # The model is told what was wrong with the other call, in tokens.
        assert refused.status == "error" and "is no address" in refused.content
        assert _stored(saver) == []
        assert CANARIES.scan_bytes(k.wire) == []


def test_S6_artifacts_commands_and_documents_of_tools_are_scrubbed() -> None:
    @tool(response_format="content_and_artifact")
    def search(query: str) -> Any:
        """Search."""
        return f"found {NAME}", [Document(f"{NAME}: {CARD}", metadata={"mail": MAIL})]

    @tool
    def note(call_id: Annotated[str, InjectedToolCallId]) -> Command:
        """Note something in the state."""
        message = ToolMessage(f"noted {MAIL}", tool_call_id=call_id)
        return Command(update={"messages": [message]})

    @tool
    def rows() -> Any:
        """Rows of a table."""
        return {"rows": [{"mail": MAIL, "card": int(CARD)}]}

    with kit(
        "state",
        [search, note, rows],
        calls=lambda b: [("search", {"query": "x"}), ("note", {}), ("rows", {})],
        reply=last_text,
        checkpointer=(saver := InMemorySaver()),
    ) as k:
        out = k.users.invoke(ASK, _thread(), context=ALICE)
        found, noted, table = (m for m in out["messages"] if isinstance(m, ToolMessage))
        assert found.content == f"found {NAME}"
        assert found.artifact[0].page_content == f"{NAME}: {CARD}"
        assert noted.content == f"noted {MAIL}" and MAIL in table.content
        assert _stored(saver) == []
        assert CANARIES.scan_bytes(k.wire) == []


def test_S6_an_artifact_that_cannot_be_searched_is_refused_or_dropped() -> None:
    @tool(response_format="content_and_artifact")
    def connect() -> Any:
        """Connect."""
        return "connected", object()

    for artifacts, refused in (("scrub", True), ("drop", False)):
        with kit(
            "state",
            [connect],
            calls=lambda b: [("connect", {})],
            options={"artifacts": artifacts},
        ) as k:
            if refused:
                with pytest.raises(InvalidInputError):
                    k.users.invoke(ASK, context=ALICE)
            else:
                out = k.users.invoke(ASK, context=ALICE)
                assert out["messages"][2].artifact is None


def test_L6_what_a_tool_raises_is_neither_stored_nor_shown() -> None:
    class Broken(Exception):
        def __init__(self, value: str) -> None:
            super().__init__(f"cannot find {value}")
            self.value = value

    @tool
    def find(who: str) -> str:
        """Find somebody."""
        raise Broken(who)

    with kit(
        "state",
        [find],
        calls=lambda b: [("find", {"who": tokens_in(b)[0]})],
        options={"restore_tool_args": ["find"]},
        checkpointer=(saver := InMemorySaver()),
    ) as k:
        from langchain_piirag import ToolCallError

        with pytest.raises(ToolCallError) as caught:
            k.users.invoke(ASK, _thread(), context=ALICE)
        assert caught.value.error_type.endswith("Broken")
        assert CANARIES.scan_exception(caught.value) == []
        assert _stored(saver) == []


def test_tools_that_handle_their_own_errors_still_do() -> None:
    from langchain_core.tools import StructuredTool, ToolException

    def fail(who: str) -> str:
        """Find somebody."""
        raise ToolException(f"cannot find {who}")

    find = StructuredTool.from_function(fail, name="find", handle_tool_error=True)
    with kit(
        "state",
        [find],
        calls=lambda b: [("find", {"who": tokens_in(b)[0]})],
        options={"restore_tool_args": ["find"]},
        checkpointer=(saver := InMemorySaver()),
    ) as k:
        out = k.users.invoke(ASK, _thread(), context=ALICE)
        assert out["messages"][2].content == f"cannot find {MAIL}"
        assert out["messages"][2].status == "error"
        assert _stored(saver) == []


DECISIONS = {
    "approve": ({"type": "approve"}, MAIL),
    "edit": (
        {
            "type": "edit",
            "edited_action": {"name": "send", "args": {"to": "bob.fisher@example.net"}},
        },
        "bob.fisher@example.net",
    ),
    "reject": ({"type": "reject", "message": f"not to {MAIL}"}, None),
}


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("interrupt_mode", ["batched", "per_call"])
def test_a_person_in_the_loop_sees_values_that_are_stored_as_tokens(
    decision: str, interrupt_mode: str
) -> None:
    given: list[str] = []

    @tool
    def send(to: str) -> str:
        """Send a mail."""
        given.append(to)
        return f"sent to {to}"

    answer, expected = DECISIONS[decision]
    hitl = HumanInTheLoopMiddleware({"send": True}, interrupt_mode=interrupt_mode)
    with kit(
        "state",
        [send],
        calls=lambda b: [("send", {"to": tokens_in(b)[0]})],
        reply=last_text,
        options={"restore_tool_args": ["send"]},
        before=[hitl],
        checkpointer=(saver := InMemorySaver()),
    ) as k:
        out = k.users.invoke(ASK, _thread(), context=ALICE)
        [paused] = out["__interrupt__"]
        assert MAIL in repr(paused.value) and not ANY_TOKEN.search(repr(paused.value))
        state = k.users.get_state(_thread(), context=ALICE)
        assert MAIL in repr(state.interrupts) and MAIL in repr(state.tasks)
        resume: Any = {"decisions": [answer]} if interrupt_mode == "batched" else answer
        out = k.users.invoke(
            Command(resume={paused.id: resume} if interrupt_mode == "per_call" else resume),
            _thread(),
            context=ALICE,
        )
        assert given == ([expected] if expected else [])
        if decision == "reject":
            assert MAIL in out["messages"][2].content
        assert not ANY_TOKEN.search(repr(out["messages"][1].tool_calls))
        assert _stored(saver) == []
        assert CANARIES.scan_bytes(k.wire) == []


def test_an_interrupt_inside_a_tool_is_stored_as_tokens() -> None:
    from langgraph.types import interrupt

    @tool
    def ask(who: str) -> str:
        """Ask a person."""
        return "answer: " + interrupt({"question": f"call {who}?"})

    with kit(
        "state",
        [ask],
        calls=lambda b: [("ask", {"who": tokens_in(b)[0]})],
        reply=last_text,
        options={"restore_tool_args": ["ask"]},
        checkpointer=(saver := InMemorySaver()),
    ) as k:
        out = k.users.invoke(ASK, _thread(), context=ALICE)
        assert out["__interrupt__"][0].value == {"question": f"call {MAIL}?"}
        out = k.users.invoke(Command(resume=f"yes, {MAIL}"), _thread(), context=ALICE)
        assert out["messages"][2].content == f"answer: yes, {MAIL}"
        assert _stored(saver) == []


def test_states_are_read_and_written_through_the_edge() -> None:
    with kit("state", reply=last_text, checkpointer=(saver := InMemorySaver())) as k:
        alice = k.users.for_user("alice")
        alice.invoke(ASK, _thread())
        state = alice.get_state(_thread())
        assert [m.content for m in state.values["messages"]] == [TEXT, TEXT]
        assert "piirag_owner" not in state.values
        alice.update_state(_thread(), {"messages": [HumanMessage(f"also {CARD}")]})
        alice.bulk_update_state(
            _thread(), [[StateUpdate({"messages": [HumanMessage(f"and {MAIL}")]}, "model")]]
        )
        newest = next(iter(alice.get_state_history(_thread())))
        assert [m.content for m in newest.values["messages"][2:]] == [f"also {CARD}", f"and {MAIL}"]
        assert _stored(saver) == []
        with pytest.raises(TenancyError):
            alice.invoke(ASK, _thread(), context=BOB)


async def test_several_steps_are_written_at_once_async_too() -> None:
    with kit("state", reply=last_text, checkpointer=(saver := InMemorySaver())) as k:
        alice = k.users.for_user("alice")
        await alice.ainvoke(ASK, _thread())
        steps = [
            [StateUpdate({"messages": [HumanMessage(f"also {CARD}")]}, "model")],
            [StateUpdate({"messages": [HumanMessage(f"and {MAIL}")]}, "model")],
        ]
        config = await alice.abulk_update_state(_thread(), supersteps=steps)
        state = await alice.aget_state(config)
        assert [m.content for m in state.values["messages"][2:]] == [f"also {CARD}", f"and {MAIL}"]
        assert alice.bulk_update_state(_thread(), supersteps=steps[:1]) != config
        assert _stored(saver) == []
        with pytest.raises(TenancyError):
            await k.users.abulk_update_state(_thread(), steps, context=BOB)
        with pytest.raises(TenancyError):
            k.users.bulk_update_state(_thread(), steps, context=BOB)


def test_T1_a_thread_of_another_user_is_neither_read_nor_written() -> None:
    with kit("state", reply=last_text, checkpointer=InMemorySaver()) as k:
        k.users.invoke(ASK, _thread(), context=ALICE)
        before = len(list(k.agent.get_state_history(_thread())))
        bob = k.users.for_user("bob")
        for call in (
            lambda: bob.invoke({"messages": [("user", "hello")]}, _thread()),
            lambda: list(bob.stream({"messages": [("user", "hello")]}, _thread())),
            lambda: bob.get_state(_thread()),
            lambda: list(bob.get_state_history(_thread())),
            lambda: bob.update_state(_thread(), ASK),
        ):
            with pytest.raises(TenancyError):
                call()
        assert len(list(k.agent.get_state_history(_thread()))) == before


def test_P18_what_the_model_says_first_is_stored_as_a_token_too() -> None:
    said = "ask bob.fisher@example.net"
    for replies, shown in (("allow", said), ("redact", "ask [EMAIL_ADDRESS]")):
        with kit(
            "state",
            reply=lambda b: said,
            scrubber=Scrubber(Policy(replies=replies)),
            checkpointer=(saver := InMemorySaver()),
        ) as k:
            out = k.users.invoke(ASK, _thread(), context=ALICE)
            assert out["messages"][-1].text == shown
            assert "bob.fisher" not in repr([saver.blobs, saver.writes])


def test_what_other_nodes_put_into_the_state_is_scrubbed_on_the_way() -> None:
    from langchain.agents.middleware import AgentMiddleware

    class Remember(AgentMiddleware):
        def before_agent(self, state: Any, runtime: Any) -> Any:
            return {"messages": [HumanMessage(f"remember {MAIL}", id="m")]}

    with kit("state", reply=last_text, before=[Remember()]) as k:
        raw = k.agent.invoke({"messages": [("user", "hello")]}, context=ALICE)
        assert CANARIES.scan_object(raw) == []
        assert CANARIES.scan_bytes(k.wire) == []


def test_a_conversation_goes_on_in_the_same_tokens() -> None:
    with kit("state", reply=last_text, checkpointer=(saver := InMemorySaver())) as k:
        k.users.invoke(ASK, _thread(), context=ALICE)
        again = f"who is {NAME.lower()}, and {NAME}?"
        out = k.users.invoke({"messages": [("user", again)]}, _thread(), context=ALICE)
        assert len(out["messages"]) == 4
        names = {t for t in ANY_TOKEN.findall(repr(saver.blobs)) if t.startswith("[PERSON")}
        assert len(names) == 1
        assert len(tokens_in(k.server.requests[-1].json(), "PERSON")) == 1


@pytest.mark.parametrize("middleware", [None, object()])
def test_protect_takes_an_agent_and_its_middleware(middleware: Any) -> None:
    with pytest.raises(ConfigurationError):
        protect(object(), middleware)
    with pytest.raises(ConfigurationError):
        protect(object(), PIIRedactionMiddleware())


def test_input_of_an_unknown_kind_is_refused_before_it_is_stored() -> None:
    with kit("state", checkpointer=(saver := InMemorySaver())) as k:
        for value in ({"messages": [object()]}, {"messages": [AIMessage("x")], "other": object()}):
            with pytest.raises(InvalidInputError):
                k.users.invoke(value, _thread(), context=ALICE)
        assert saver.storage == {}


class Refused(BaseModel):
    """A contact nobody has."""

    email: str

    @field_validator("email")
    @classmethod
    def refuse(cls, value: str) -> str:
        raise ValueError("no good address")


@pytest.mark.parametrize("mode", ["wire", "state"])
@pytest.mark.parametrize("way", ["tool", "provider"])
@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
async def test_L5_a_reply_that_does_not_fit_is_quoted_nowhere(
    mode: str, way: str, run: str
) -> None:
    strategy: Any = ProviderStrategy(Refused)
    if way == "tool":
        strategy = ToolStrategy(Refused, handle_errors=False)
    recorder = Recorder()
    saver = InMemorySaver()
    with kit(
        mode,
        reply=lambda body: json.dumps({"email": tokens_in(body)[0]}),
        calls=(lambda body: [("Refused", {"email": tokens_in(body)[0]})])
        if way == "tool"
        else None,
        response_format=strategy,
        checkpointer=saver,
    ) as k:
        config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [recorder]}

        async def ask() -> None:
            done = getattr(k.users, run)(ASK, config, context=ALICE)
            if run == "ainvoke":
                await done

        with pytest.raises(ModelCallError) as caught:
            await ask()
    assert CANARIES.scan_exception(caught.value) == []
    if mode == "state":
        assert CANARIES.scan_object([saver.writes, saver.storage, saver.blobs]) == []
        assert CANARIES.scan_object(recorder.events) == []


def test_retries_of_a_protected_agent_are_refused() -> None:
    with kit("state") as k, pytest.raises(ConfigurationError):
        k.users.with_retry()


def test_P3_the_cap_holds_over_the_blocks_of_a_stream() -> None:
    session = Redactor(Policy(max_restored=1)).session()
    text = session.redact("a@x.org and b@x.org and c@x.org").text
    shown: list[Any] = []
    stream = CallStream(AgentReply(session), lambda part: shown.append(part[2][0]))
    for index, token in enumerate(text.split(" and ")):
        delta = {"type": "text-delta", "text": f"{token} "}
        block = {"type": "text", "text": token}
        for event in (
            {"event": "content-block-delta", "index": index, "delta": delta},
            {"event": "content-block-finish", "index": index, "content": block},
        ):
            stream(((), "messages", (event, {"run_id": "r"})))
    assert "a@x.org" in str(shown)
    assert "b@x.org" not in str(shown)
    assert "c@x.org" not in str(shown)
