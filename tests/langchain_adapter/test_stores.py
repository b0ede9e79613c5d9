"""LangGraph stores. Threats L7, T1, T9, T14, E10."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore, ListNamespacesOp, MatchCondition, SearchOp
from langgraph.store.memory import InMemoryStore

from langchain_piirag import TenantStore, delete_user
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

MAIL = "ottoline@brightmail.com"
KNOWN = {"PERSON": ["Ottoline Quenneville"]}
CANARIES = Canaries([MAIL, "4111111111111111", "Ottoline", "Quenneville"])
DAY = 86_400.0
SPACE = ("memories", "of Quenneville")


@pytest.fixture
def clock() -> list[float]:
    return [1_700_000_000.0]


@pytest.fixture
def scrubber(tmp_path: Path) -> Iterator[Scrubber]:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    yield Scrubber(vault=vault)
    vault.close()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseStore]:
    if request.param == "memory":
        yield InMemoryStore()
        return
    sqlite = pytest.importorskip(
        "langgraph.store.sqlite", reason="langgraph-checkpoint-sqlite is not installed"
    )
    with sqlite.SqliteStore.from_conn_string(str(tmp_path / "store.db")) as made:
        made.setup()
        yield made


@pytest.fixture
def tenants(store: BaseStore, scrubber: Scrubber, clock: list[float]) -> TenantStore:
    return TenantStore(
        store, scrubber=scrubber, known=KNOWN, retention_days=30, clock=lambda: clock[0]
    )


def _all(store: BaseStore) -> list[Any]:
    return [item.dict() for item in store.search((), limit=1000)]


VALUE = {
    "text": f"Ottoline Quenneville, {MAIL}",
    MAIL: 1,
    "card": 4111111111111111,
    "deep": [{"to": MAIL}],
    "kind": "profile",
}


def test_L7_nothing_raw_is_stored(tenants: TenantStore, store: BaseStore, tmp_path: Path) -> None:
    alice = tenants.for_user("alice")
    alice.put(SPACE, f"key of {MAIL}", VALUE)
    stored = _all(store)
    assert len(stored) == 1
    assert not CANARIES.scan_object(stored)
    assert not Canaries(["alice", "memories"]).scan_object(stored)
    for path in tmp_path.rglob("store.db*"):
        assert not CANARIES.scan_bytes(path.read_bytes())
    item = alice.get(SPACE, f"key of {MAIL}")
    assert item is not None
    assert (item.namespace, item.key) == (SPACE, f"key of {MAIL}")
    assert item.value["kind"] == "profile"
    assert not CANARIES.scan_object(item.value)
    assert "piirag_at" not in item.value


def test_values_come_back_on_request(store: BaseStore, scrubber: Scrubber) -> None:
    alice = TenantStore(store, scrubber=scrubber, known=KNOWN, reveal=True).for_user("alice")
    alice.put(SPACE, "k", VALUE)
    item = alice.get(SPACE, "k")
    assert item is not None
    assert item.value["text"] == VALUE["text"]
    assert item.value[MAIL] == 1


def test_T9_T14_nobody_elses_item_is_reachable(tenants: TenantStore) -> None:
    users = {name: tenants.for_user(name) for name in ("alice", "bob")}
    for name, mine in users.items():
        mine.put(("notes",), "same", {"whose": name})
        mine.put(("notes", "deep"), "same", {"whose": name})
    for name, mine in users.items():
        assert mine.get(("notes",), "same").value == {"whose": name}  # type: ignore[union-attr]
        for prefix in ((), ("notes",)):
            assert {i.value["whose"] for i in mine.search(prefix)} == {name}
            assert len(mine.search(prefix)) == 2
        assert mine.list_namespaces() == [("notes",), ("notes", "deep")]
    users["bob"].delete(("notes",), "same")
    assert users["alice"].get(("notes",), "same") is not None
    carol = tenants.for_user("carol")
    assert carol.search(()) == []
    assert carol.get(("notes",), "same") is None
    assert carol.list_namespaces() == []
    carol.delete(("notes",), "same")
    with pytest.raises(TenancyError):
        tenants.get(("notes",), "same")
    for user in (None, "", 7):
        with pytest.raises(InvalidUserIdError):
            tenants.for_user(user)  # type: ignore[arg-type]


def test_T1_a_store_that_returns_too_much_is_caught(scrubber: Scrubber) -> None:
    class Leaky(InMemoryStore):
        def batch(self, ops: Any) -> Any:
            return super().batch(
                [
                    op._replace(namespace_prefix=()) if hasattr(op, "namespace_prefix") else op
                    for op in ops
                ]
            )

    tenants = TenantStore(Leaky(), scrubber=scrubber)
    for user in ("alice", "bob"):
        tenants.for_user(user).put(("n",), "k", {"a": 1})
    with pytest.raises(TenancyError):
        tenants.for_user("alice").search(())


def test_namespaces_are_listed_by_prefix_suffix_and_depth(tenants: TenantStore) -> None:
    alice = tenants.for_user("alice")
    tenants.for_user("bob").put(("a", "x"), "k", {"v": 1})
    for space in (("a", "x"), ("a", "y", "z"), ("b", "x")):
        alice.put(space, "k", {"v": 1})
    assert sorted(alice.list_namespaces(prefix=("a",))) == [("a", "x"), ("a", "y", "z")]
    assert sorted(alice.list_namespaces(suffix=("x",))) == [("a", "x"), ("b", "x")]
    assert alice.list_namespaces(prefix=("*", "y")) == [("a", "y", "z")]
    assert sorted(alice.list_namespaces(max_depth=1)) == [("a",), ("b",)]
    # A suffix that is longer than the namespace does not reach over its start.
    condition = MatchCondition("suffix", ("*", "*", "a", "x"))
    [found] = alice.batch([ListNamespacesOp((condition,))])
    assert found in ([], [("a", "x")])


def test_filters_match_scrubbed_values(tenants: TenantStore) -> None:
    alice = tenants.for_user("alice")
    alice.put(("n",), "1", {"mail": MAIL, "stars": 5})
    alice.put(("n",), "2", {"mail": "x@other.org", "stars": 2})
    assert [i.key for i in alice.search(("n",), filter={"mail": MAIL})] == ["1"]
    assert [i.key for i in alice.search(("n",), filter={"stars": {"$lt": 3}})] == ["2"]
    with pytest.raises(InvalidInputError):
        alice.search(("n",), filter={"piirag_at": 1})


def test_L14_questions_are_scrubbed_before_they_are_embedded(scrubber: Scrubber) -> None:
    seen: list[str] = []

    def embed(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return [[float(len(text)), 1.0] for text in texts]

    store = InMemoryStore(index={"dims": 2, "embed": embed, "fields": ["text"]})
    alice = TenantStore(store, scrubber=scrubber, known=KNOWN).for_user("alice")
    alice.put(("n",), "1", {"text": f"Ottoline Quenneville, {MAIL}"})
    [found] = alice.search(("n",), query=f"mail of Ottoline Quenneville, {MAIL}")
    assert found.key == "1"
    assert found.score is not None
    assert len(seen) == 2
    assert not CANARIES.scan_text("\n".join(seen))


def test_what_is_over_is_never_returned_and_swept(
    tenants: TenantStore, store: BaseStore, clock: list[float]
) -> None:
    alice = tenants.for_user("alice")
    for n in range(5):
        alice.put(("n",), f"old{n}", {"v": n})
    clock[0] += 20 * DAY
    alice.put(("n",), "new", {"v": 9})
    alice.put(("n",), "old0", {"v": 10})  # written anew
    tenants.for_user("bob").put(("n",), "old1", {"v": 1})
    clock[0] += 11 * DAY
    assert alice.get(("n",), "old1") is None
    assert {i.key for i in alice.search(("n",), limit=2)} == {"new", "old0"}
    assert len(_all(store)) == 7
    assert tenants.sweep() == 4
    assert len(_all(store)) == 3
    assert tenants.sweep(now=clock[0] + 90 * DAY) == 3


def test_E10_a_user_is_erased_from_it(tenants: TenantStore, store: BaseStore) -> None:
    for user in ("alice", "bob"):
        for n in range(3):
            tenants.for_user(user).put(("n", str(n)), "k", VALUE)
    receipt = delete_user("alice", targets=[tenants])
    assert receipt.status == COMPLETE
    assert [(t.kind, t.remaining) for t in receipt.targets] == [("store", 0), ("vault", 0)]
    assert tenants.for_user("alice").search(()) == []
    assert len(_all(store)) == 3
    with pytest.raises(UserErasedError):
        tenants.for_user("alice").put(("n",), "k", {"v": 1})


def test_E10_an_erasure_during_a_write_leaves_nothing(scrubber: Scrubber) -> None:
    class Slow(InMemoryStore):
        forgot = False

        def batch(self, ops: Any) -> Any:
            done = super().batch(ops)
            if not self.forgot:
                self.forgot = True
                scrubber.vault.forget("alice")
            return done

    store = Slow()
    with pytest.raises(UserErasedError):
        TenantStore(store, scrubber=scrubber).for_user("alice").put(("n",), "k", {"v": 1})
    assert _all(store) == []


def test_fail_closed_what_cannot_be_searched_is_not_stored(
    tenants: TenantStore, store: BaseStore, scrubber: Scrubber
) -> None:
    alice = tenants.for_user("alice")
    for bad in ({"v": object()}, {"v": b"bytes"}):
        with pytest.raises(InvalidInputError):
            alice.put(("n",), "k", bad)

    class Fails:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    failing = TenantStore(store, scrubber=Scrubber(vault=scrubber.vault, detector=Fails()))
    with pytest.raises(DetectionError) as caught:
        failing.for_user("alice").put(("n",), "k", {"v": MAIL})
    assert not CANARIES.scan_exception(caught.value)
    assert _all(store) == []
    with pytest.raises(ConfigurationError):
        TenantStore(object(), scrubber=scrubber)  # type: ignore[arg-type]


async def test_async_is_the_same(scrubber: Scrubber, clock: list[float]) -> None:
    store = InMemoryStore()
    tenants = TenantStore(
        store, scrubber=scrubber, known=KNOWN, retention_days=1, clock=lambda: clock[0]
    )
    alice = tenants.for_user("alice")
    await alice.aput(SPACE, "k", VALUE)
    assert not CANARIES.scan_object(_all(store))
    item = await alice.aget(SPACE, "k")
    assert item is not None
    assert item.namespace == SPACE
    assert len(await alice.asearch(())) == 1
    assert await alice.alist_namespaces() == [SPACE]
    assert await tenants.for_user("bob").asearch(()) == []
    clock[0] += 2 * DAY
    assert await alice.asearch(()) == []
    assert await alice.aget(SPACE, "k") is None
    clock[0] -= 2 * DAY
    await alice.adelete(SPACE, "k")
    assert _all(store) == []
    await alice.aput(SPACE, "k", VALUE)
    assert (await asyncio.to_thread(delete_user, "alice", [tenants])).status == COMPLETE


def test_in_a_graph(tenants: TenantStore, store: BaseStore) -> None:
    class State(TypedDict, total=False):
        text: str
        found: int

    def remember(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
        assert runtime.store is not None
        runtime.store.put(("memories",), "k", {"text": state["text"]})
        return {"found": len(runtime.store.search(("memories",)))}

    builder = StateGraph(State)
    builder.add_node("remember", remember)
    builder.add_edge(START, "remember")
    graph = builder.compile(store=tenants.for_user("alice"))
    assert graph.invoke({"text": f"mail {MAIL}"})["found"] == 1
    assert not CANARIES.scan_object(_all(store))


class TestErasure(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tenants: TenantStore) -> TargetUnderTest:
        def write(user: str) -> None:
            for n in range(2):
                tenants.for_user(user).put(("n",), str(n), {"v": n})

        def read(user: str) -> Any:
            return [i.value for i in tenants.for_user(user).search(())]

        return TargetUnderTest(tenants.erasure_targets()[0], write, read)


@pytest.mark.parametrize("way", ["search", "asearch"])
async def test_a_search_is_carried_out_once_where_one_page_holds_all(way: str) -> None:
    searched: list[Any] = []

    class Counting(InMemoryStore):
        def batch(self, ops: Any) -> Any:
            ops = list(ops)
            searched.extend(op for op in ops if isinstance(op, SearchOp))
            return super().batch(ops)

        async def abatch(self, ops: Any) -> Any:
            ops = list(ops)
            searched.extend(op for op in ops if isinstance(op, SearchOp))
            return await super().abatch(ops)

    store = TenantStore(Counting(), scrubber=Scrubber(), retention_days=1).for_user("u")
    for number in range(3):
        store.put(("a",), f"k{number}", {"n": number})
    found = (
        store.search(("a",), limit=2) if way == "search" else await store.asearch(("a",), limit=2)
    )
    assert len(found) == 2
    assert len(searched) == 1
