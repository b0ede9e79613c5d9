"""LangGraph checkpointers and stores. Threats L7, P18, T14, T9, E10, P22."""

from __future__ import annotations

import asyncio
import operator
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Interrupt, Send, interrupt
from pydantic import BaseModel

from langchain_piirag import RedactedModel, TenantCheckpointer, delete_user
from langchain_piirag.checkpoints import AT, OWNER
from piirag import MasterKey, Scrubber, SQLiteVault
from piirag.erasure import COMPLETE
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    TenancyError,
    UserErasedError,
)
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from support.canary import Canaries
from support.langchain_fakes import EchoChat

MAIL = "ottoline@brightmail.com"
KNOWN = {"PERSON": ["Ottoline Quenneville"]}
CANARIES = Canaries([MAIL, "4111111111111111", "Ottoline", "Quenneville"])
DAY = 86_400.0


class State(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[str], operator.add]


@pytest.fixture
def clock() -> list[float]:
    return [1_700_000_000.0]


@pytest.fixture
def scrubber(tmp_path: Path) -> Iterator[Scrubber]:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    yield Scrubber(vault=vault)
    vault.close()


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    if request.param == "memory":
        yield InMemorySaver()
        return
    sqlite = pytest.importorskip(
        "langgraph.checkpoint.sqlite", reason="langgraph-checkpoint-sqlite is not installed"
    )
    with sqlite.SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as made:
        yield made


@pytest.fixture
def tenants(saver: Any, scrubber: Scrubber, clock: list[float]) -> TenantCheckpointer:
    return TenantCheckpointer(
        saver, scrubber=scrubber, known=KNOWN, retention_days=30, clock=lambda: clock[0]
    )


def _raw(saver: Any, tmp_path: Path) -> bytes:
    parts = [p.read_bytes() for p in tmp_path.rglob("threads.db*")]
    if isinstance(saver, InMemorySaver):
        parts.append(repr((dict(saver.storage), dict(saver.writes), dict(saver.blobs))).encode())
    return b"\n".join(parts)


def _graph(node: Callable[..., Any], checkpointer: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("answer", node)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder.compile(checkpointer=checkpointer)


def _reply(state: State) -> dict[str, Any]:
    call = {"name": "pay", "args": {"to": MAIL, "card": 4111111111111111}, "id": "call_1"}
    return {
        "messages": [AIMessage("Ask barnabus@trelawny.org", tool_calls=[call])],
        "notes": [f"seen {MAIL}"],
    }


def _config(thread: str = "t", **more: Any) -> Any:
    return {"configurable": {"thread_id": thread, **more}}


def test_L7_P18_no_checkpoint_holds_a_value(
    tenants: TenantCheckpointer, saver: Any, tmp_path: Path
) -> None:
    graph = _graph(_reply, tenants.for_user("alice"))
    config = {
        **_config("chat of Quenneville", tenant_mail=MAIL),
        "metadata": {"who": "Quenneville"},
    }
    out = graph.invoke({"messages": [("user", f"I am Ottoline Quenneville, {MAIL}")]}, config)
    assert out["notes"] == [f"seen {MAIL}"]  # the run itself works on what it was given
    raw = _raw(saver, tmp_path)
    assert b"PERSON" in raw
    assert not CANARIES.scan_bytes(raw)
    assert not Canaries(["barnabus@trelawny.org", "alice"]).scan_bytes(raw)
    state = graph.get_state(_config("chat of Quenneville"))
    assert not CANARIES.scan_object(state.values)
    assert state.values["messages"][1].tool_calls[0]["name"] == "pay"
    assert state.config["configurable"]["thread_id"] == "chat of Quenneville"
    assert OWNER not in state.metadata
    assert AT not in state.metadata


def test_without_it_the_checkpoints_give_it_all_away(saver: Any, tmp_path: Path) -> None:
    graph = _graph(_reply, saver)
    graph.invoke({"messages": [("user", f"I am Ottoline Quenneville, {MAIL}")]}, _config())
    assert CANARIES.scan_bytes(_raw(saver, tmp_path))


def test_a_conversation_goes_on_with_pseudonyms_and_the_reply_has_values(
    tenants: TenantCheckpointer, scrubber: Scrubber
) -> None:
    inner = EchoChat(seen=[])
    model = RedactedModel(inner, scrubber=scrubber, known=KNOWN).for_user("alice")
    graph = _graph(lambda s: {"messages": [model.invoke(s["messages"])]}, tenants.for_user("alice"))
    graph.invoke({"messages": [("user", f"I am Ottoline Quenneville, {MAIL}")]}, _config())
    out = graph.invoke({"messages": [("user", "Who am I?")]}, _config())
    assert "Ottoline Quenneville" in str(out["messages"][-1].content)
    assert not CANARIES.scan_text(str(inner.seen))


def test_states_are_shown_with_values_on_request(saver: Any, scrubber: Scrubber) -> None:
    tenants = TenantCheckpointer(saver, scrubber=scrubber, known=KNOWN, reveal=True)
    graph = _graph(_reply, tenants.for_user("alice"))
    graph.invoke({"messages": [("user", f"I am Ottoline Quenneville, {MAIL}")]}, _config())
    state = graph.get_state(_config())
    assert state.values["messages"][0].content == f"I am Ottoline Quenneville, {MAIL}"
    assert state.values["notes"] == [f"seen {MAIL}"]


def test_T14_T9_no_thread_of_anybody_else_is_readable(tenants: TenantCheckpointer) -> None:
    for user in ("alice", "bob"):
        graph = _graph(lambda s: {}, tenants.for_user(user))
        graph.invoke({"messages": [("user", f"{user} here")]}, _config("same"))
    alice, bob, carol = map(tenants.for_user, ("alice", "bob", "carol"))
    for mine, name in ((alice, "alice"), (bob, "bob")):
        found = mine.get_tuple(_config("same"))
        assert found is not None
        [message] = found.checkpoint["channel_values"]["messages"]
        assert message.content == f"{name} here"
        assert {t.config["configurable"]["thread_id"] for t in mine.list(None)} == {"same"}
    assert carol.get_tuple(_config("same")) is None
    assert list(carol.list(None)) == []
    mine = alice.get_tuple(_config("same"))
    assert mine is not None
    theirs = _config("same", checkpoint_id=mine.checkpoint["id"])
    assert bob.get_tuple(theirs) is None
    # The names under which the store knows threads open nothing either.
    for hidden in {t.config["configurable"]["thread_id"] for t in tenants.saver.list(None)}:
        assert bob.get_tuple(_config(hidden)) is None
    bob.delete_thread("same")
    assert alice.get_tuple(_config("same")) is not None
    assert bob.get_tuple(_config("same")) is None


def test_T14_one_graph_for_all_users_needs_the_user_in_every_config(
    tenants: TenantCheckpointer, saver: Any, tmp_path: Path
) -> None:
    graph = _graph(_reply, tenants)
    for user in ("alice", "bob"):
        graph.invoke({"messages": [("user", f"I am {user}")]}, _config("t", user_id=user))
    for user in ("alice", "bob"):
        state = graph.get_state(_config("t", user_id=user))
        assert state.values["messages"][0].content == f"I am {user}"
        history = list(graph.get_state_history(_config("t", user_id=user)))
        assert len(history) == 3
        graph.update_state(_config("t", user_id=user), {"notes": ["more"]})
        assert len(graph.get_state(_config("t", user_id=user)).values["notes"]) == 2
    with pytest.raises(TenancyError):
        graph.invoke({"messages": []}, _config("t"))
    for user in (None, "", 7):
        with pytest.raises(InvalidUserIdError):
            graph.invoke({"messages": []}, _config("t", user_id=user))
    with pytest.raises(TenancyError):
        tenants.list(None)
    with pytest.raises(TenancyError):
        tenants.delete_thread("t")
    stored = [t.metadata for t in saver.list(None)]
    assert all("user_id" not in metadata for metadata in stored)


def test_a_filter_finds_and_cannot_leave_the_user(tenants: TenantCheckpointer) -> None:
    for user in ("alice", "bob"):
        graph = _graph(lambda s: {}, tenants.for_user(user))
        config = {**_config(), "metadata": {"mail": MAIL, "kind": "chat"}}
        graph.invoke({"messages": [("user", "hello")]}, config)
    alice = tenants.for_user("alice")
    assert len(list(alice.list(None, filter={"mail": MAIL}))) == 3
    assert len(list(alice.list(None, filter={"kind": "chat"}, limit=2))) == 2
    assert len(list(alice.list(None, filter={"source": "input"}))) == 1
    assert list(alice.list(None, filter={"mail": "x@other.org"})) == []
    for key in (OWNER, AT, "user_id"):
        with pytest.raises(TenancyError):
            list(alice.list(None, filter={key: "bob"}))


def test_T1_a_saver_that_ignores_the_filter_is_caught(saver: Any, scrubber: Scrubber) -> None:
    class Leaky(InMemorySaver):
        def list(self, config: Any, **kwargs: Any) -> Any:
            kwargs["filter"] = None
            return super().list(config, **kwargs)

    tenants = TenantCheckpointer(Leaky(), scrubber=scrubber)
    for user in ("alice", "bob"):
        _graph(lambda s: {}, tenants.for_user(user)).invoke({"notes": ["x"]}, _config())
    with pytest.raises(TenancyError):
        list(tenants.for_user("alice").list(None))


@dataclass
class Job:
    to: str
    count: int


class Customer(BaseModel):
    name: str
    age: int = 3


def test_every_kind_of_value_is_searched(tenants: TenantCheckpointer, saver: Any) -> None:
    alice = tenants.for_user("alice")
    ident = uuid.UUID(int=9)
    values = {
        "messages": [ToolMessage("x", tool_call_id="1", artifact={"to": MAIL})],
        "job": Job(MAIL, 2),
        "model": Customer(name="Ottoline Quenneville"),
        "sends": [Send("worker", {"to": MAIL})],
        "deep": {"a": [({"b": MAIL},)]},
        "number": 4111111111111111,
        "ident": ident,
        "set": {MAIL},
        "none": None,
    }
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = values
    versions: Any = dict.fromkeys(values, "1")
    checkpoint["channel_versions"] = versions
    config = alice.put(_config("t", checkpoint_ns=""), checkpoint, {"source": "loop"}, versions)
    writes = [
        ("__error__", RuntimeError(f"no reply for {MAIL}")),
        ("__interrupt__", (Interrupt(f"pay {MAIL}?", id="abc"),)),
        ("__resume__", [MAIL]),
        ("command", Command(update={"to": MAIL}, goto="worker")),
    ]
    alice.put_writes(config, writes, "task")
    found = alice.get_tuple(config)
    assert found is not None
    assert not CANARIES.scan_object(found)
    assert not CANARIES.scan_object(list(saver.list(None)))
    clean = found.checkpoint["channel_values"]
    assert clean["sends"][0].node == "worker"
    assert clean["ident"] == ident
    assert clean["job"].count == 2
    written = {channel: value for _, channel, value in found.pending_writes or []}
    assert written["__interrupt__"][0].id == "abc"
    assert "RuntimeError" in written["__error__"]
    # What was passed in is not changed.
    assert values["job"].to == MAIL  # type: ignore[attr-defined]
    assert values["messages"][0].artifact == {"to": MAIL}  # type: ignore[index]


@pytest.mark.parametrize("bad", [b"bytes", object(), lambda: None])
def test_fail_closed_what_cannot_be_searched_is_not_stored(
    tenants: TenantCheckpointer, saver: Any, bad: Any
) -> None:
    with pytest.raises(InvalidInputError):
        _graph(_reply, tenants.for_user("alice")).invoke({"notes": [bad]}, _config())
    assert list(saver.list(None)) == []


def test_fail_closed_a_failing_detector_stores_nothing(saver: Any, scrubber: Scrubber) -> None:
    class Fails:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    tenants = TenantCheckpointer(saver, scrubber=Scrubber(vault=scrubber.vault, detector=Fails()))
    with pytest.raises(DetectionError) as caught:
        _graph(_reply, tenants.for_user("alice")).invoke({"notes": [MAIL]}, _config())
    assert not CANARIES.scan_exception(caught.value)
    assert list(saver.list(None)) == []


def test_an_interrupted_graph_goes_on(tenants: TenantCheckpointer, saver: Any) -> None:
    def ask(state: State) -> dict[str, Any]:
        answer = interrupt(f"pay {MAIL}?")
        return {"notes": [f"said {answer}"]}

    graph = _graph(ask, tenants.for_user("alice"))
    out = graph.invoke({"notes": ["start"]}, _config())
    assert out["__interrupt__"][0].value == f"pay {MAIL}?"
    assert not CANARIES.scan_object(list(saver.list(None)))
    assert not CANARIES.scan_object(graph.get_state(_config()))
    done = graph.invoke(Command(resume="yes"), _config())
    assert done["notes"] == ["start", "said yes"]


def test_a_node_that_fails_leaves_no_text_behind(tenants: TenantCheckpointer, saver: Any) -> None:
    def fail(state: State) -> dict[str, Any]:
        raise RuntimeError(f"no reply for {MAIL}")

    graph = _graph(fail, tenants.for_user("alice"))
    with pytest.raises(RuntimeError):
        graph.invoke({"notes": ["x"]}, _config())
    found = list(saver.list(None))
    assert any(w[1] == "__error__" for t in found for w in t.pending_writes or [])
    assert not CANARIES.scan_object(found)


def test_parallel_tasks_and_subgraphs(tenants: TenantCheckpointer, saver: Any) -> None:
    child = StateGraph(State)
    child.add_node("note", lambda s: {"notes": [f"child {MAIL}"]})
    child.add_edge(START, "note")
    builder = StateGraph(State)
    builder.add_node("worker", lambda s: {"notes": [f"work {s['to']}"]})
    builder.add_node("child", child.compile())
    builder.add_conditional_edges(
        START, lambda s: [Send("worker", {"to": f"{n}@x.org"}) for n in "ab"], ["worker"]
    )
    builder.add_edge("worker", "child")
    graph = builder.compile(checkpointer=tenants.for_user("alice"))
    out = graph.invoke({"notes": []}, _config(), durability="sync")
    assert f"child {MAIL}" in out["notes"]
    assert len(out["notes"]) >= 3
    found = list(saver.list(None))
    assert not CANARIES.scan_object(found)
    assert not Canaries(["a@x.org", "b@x.org"]).scan_object(found)


def test_what_is_over_is_never_returned_and_swept(
    tenants: TenantCheckpointer, saver: Any, clock: list[float]
) -> None:
    alice = tenants.for_user("alice")
    graph = _graph(_reply, alice)
    graph.invoke({"notes": ["old"]}, _config("old"))
    graph.invoke({"notes": ["kept"]}, _config("kept"))
    first = alice.get_tuple(_config("kept"))
    assert first is not None
    clock[0] += 20 * DAY
    graph.invoke({"notes": ["kept"]}, _config("kept"))
    clock[0] += 11 * DAY
    assert alice.get_tuple(_config("old")) is None
    assert graph.get_state(_config("old")).values == {}
    assert {t.config["configurable"]["thread_id"] for t in alice.list(None)} == {"kept"}
    assert len(list(alice.list(None, limit=1))) == 1
    # A thread that goes on keeps what it may be rebuilt from.
    assert alice.get_tuple(first.config) is not None
    before = len(list(saver.list(None)))
    assert tenants.sweep() == 3
    assert len(list(saver.list(None))) == before - 3
    assert tenants.sweep(now=clock[0] + 60 * DAY) == before - 3
    assert list(saver.list(None)) == []


def test_a_sweep_leaves_other_applications_alone(scrubber: Scrubber) -> None:
    saver = InMemorySaver()
    _graph(_reply, saver).invoke({"notes": ["theirs"]}, _config())
    tenants = TenantCheckpointer(saver, scrubber=scrubber, retention_days=1, clock=lambda: 0.0)
    assert tenants.sweep(now=1e12) == 0
    assert len(list(saver.list(None))) == 3


def test_E10_a_user_is_erased_from_it(tenants: TenantCheckpointer, saver: Any) -> None:
    for user in ("alice", "bob"):
        graph = _graph(_reply, tenants.for_user(user))
        for thread in ("1", "2"):
            graph.invoke({"messages": [("user", f"I am {MAIL}")]}, _config(thread))
    receipt = delete_user("alice", targets=[tenants])
    assert receipt.status == COMPLETE
    assert [(t.kind, t.remaining) for t in receipt.targets] == [("checkpointer", 0), ("vault", 0)]
    assert tenants.for_user("alice").get_tuple(_config("1")) is None
    assert len(list(tenants.for_user("bob").list(None))) == 6
    with pytest.raises(UserErasedError):
        _graph(_reply, tenants.for_user("alice")).invoke({"notes": ["again"]}, _config("1"))


def test_E10_an_erasure_during_a_write_leaves_nothing(scrubber: Scrubber) -> None:
    class Slow(InMemorySaver):
        def put(self, *args: Any) -> Any:
            done = super().put(*args)
            scrubber.vault.forget("alice")
            return done

    saver = Slow()
    tenants = TenantCheckpointer(saver, scrubber=scrubber)
    with pytest.raises(UserErasedError):
        tenants.for_user("alice").put(
            _config("t", checkpoint_ns=""), empty_checkpoint(), {"source": "input"}, {}
        )
    assert list(saver.list(None)) == []


async def test_async_is_the_same(scrubber: Scrubber, tmp_path: Path, clock: list[float]) -> None:
    aio = pytest.importorskip(
        "langgraph.checkpoint.sqlite.aio", reason="langgraph-checkpoint-sqlite is not installed"
    )
    async with aio.AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        tenants = TenantCheckpointer(
            saver, scrubber=scrubber, known=KNOWN, retention_days=1, clock=lambda: clock[0]
        )
        alice = tenants.for_user("alice")
        graph = _graph(_reply, alice)
        await graph.ainvoke({"messages": [("user", f"I am Ottoline, {MAIL}")]}, _config())
        state = await graph.aget_state(_config())
        assert not CANARIES.scan_object(state)
        assert len([s async for s in graph.aget_state_history(_config())]) == 3
        assert [t async for t in tenants.for_user("bob").alist(None)] == []
        assert await tenants.for_user("bob").aget_tuple(_config()) is None
        assert not CANARIES.scan_bytes(_raw(saver, tmp_path))
        clock[0] += 2 * DAY
        assert await alice.aget_tuple(_config()) is None
        assert [t async for t in alice.alist(_config())] == []
        clock[0] -= 2 * DAY
        receipt = await asyncio.to_thread(delete_user, "alice", [tenants])
        assert receipt.status == COMPLETE
        assert await alice.aget_tuple(_config()) is None


def test_P22_concurrent_users_never_see_each_other(scrubber: Scrubber) -> None:
    tenants = TenantCheckpointer(InMemorySaver(), scrubber=scrubber, reveal=True)
    failed: list[str] = []

    def work(n: int) -> None:
        mail = f"me{n}@example.com"
        try:
            graph = _graph(lambda s: {"notes": [f"seen {mail}"]}, tenants.for_user(f"user{n}"))
            for _ in range(2):
                graph.invoke({"messages": [("user", f"I am {mail}")]}, _config())
            values = graph.get_state(_config()).values
            texts = [*(str(m.content) for m in values["messages"]), *values["notes"]]
            if len(texts) != 4 or not all(mail in text for text in texts):
                failed.append(mail)
        except Exception as error:
            failed.append(type(error).__name__)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_state_written_at_every_step_is_searched_once(scrubber: Scrubber) -> None:
    calls: list[str] = []
    detector = scrubber.detector

    class Counts:
        def detect(self, text: str, *, language: str = "en") -> Any:
            calls.append(text)
            return detector.detect(text, language=language)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            calls.extend(texts)
            return detector.detect_batch(texts, language=language)

    counted = Scrubber(vault=scrubber.vault, detector=Counts())
    graph = _graph(
        lambda s: {"notes": ["one more"]},
        TenantCheckpointer(InMemorySaver(), scrubber=counted).for_user("alice"),
    )
    long = f"the tower heater of {MAIL} is broken"
    graph.invoke({"notes": [long]}, _config())
    first = sum(long in call for call in calls)
    for _ in range(5):
        graph.invoke({"notes": ["next"]}, _config())
    assert sum(long in call for call in calls) == first


def test_options_that_cannot_work_are_refused(scrubber: Scrubber) -> None:
    with pytest.raises(ConfigurationError):
        TenantCheckpointer(object(), scrubber=scrubber)  # type: ignore[arg-type]
    tenants = TenantCheckpointer(InMemorySaver(), scrubber=scrubber)
    with pytest.raises(InvalidUserIdError):
        tenants.for_user("")
    for thread in (None, "", "x" * 513, ["t"]):
        with pytest.raises(InvalidInputError):
            tenants.for_user("alice").get_tuple({"configurable": {"thread_id": thread}})


class TestErasure(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tenants: TenantCheckpointer) -> TargetUnderTest:
        def write(user: str) -> None:
            graph = _graph(_reply, tenants.for_user(user))
            graph.invoke({"messages": [HumanMessage("hello", id="1")]}, _config())

        def read(user: str) -> Any:
            return [t.checkpoint["id"] for t in tenants.for_user(user).list(None)]

        return TargetUnderTest(tenants.erasure_targets()[0], write, read)
