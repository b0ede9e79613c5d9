"""LangGraph's own suite for checkpointers, and what its newest channels need."""

from __future__ import annotations

import operator
import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langchain_piirag import TenantCheckpointer, delete_user
from piirag import Scrubber

# The wrapped savers do not have these.
_MISSING = {"delete_for_runs", "copy_thread", "prune"}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("days", [None, 30])
async def test_langgraphs_conformance_suite(kind: str, days: Any, tmp_path: Path) -> None:
    suite = pytest.importorskip(
        "langgraph.checkpoint.conformance",
        reason="langgraph-checkpoint-conformance is not installed",
    )
    scrubber = Scrubber()

    def wrapped(saver: Any) -> Any:
        # The suite stores bytes.
        tenants = TenantCheckpointer(
            saver, scrubber=scrubber, allow_media=True, retention_days=days
        )
        return tenants.for_user("alice")

    @suite.checkpointer_test(name=f"{kind}{days}", skip_capabilities=_MISSING)
    async def checkpointer() -> Any:
        if kind == "memory":
            yield wrapped(InMemorySaver())
            return
        aio = pytest.importorskip("langgraph.checkpoint.sqlite.aio")
        async with aio.AsyncSqliteSaver.from_conn_string(":memory:") as saver:
            yield wrapped(saver)

    report = await suite.validate(checkpointer)
    results = {name: r for name, r in report.results.items() if name not in _MISSING}
    assert len(results) == 5
    for name, result in results.items():
        assert result.passed, (name, result.failures)
        assert result.tests_passed >= 5


def test_a_postgres_saver(tmp_path: Path) -> None:
    """What a database of a server makes of names, filters and metadata."""
    postgres = pytest.importorskip(
        "langgraph.checkpoint.postgres", reason="langgraph-checkpoint-postgres is not installed"
    )
    try:
        import pgserver
    except ImportError:
        if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
            pytest.fail("pgserver is missing")
        pytest.skip("pgserver is missing")
    # Not pytest's own: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    server = pgserver.get_server(folder / "pg")
    now = [1e9]
    try:
        with postgres.PostgresSaver.from_conn_string(server.get_uri()) as saver:
            saver.setup()
            tenants = TenantCheckpointer(
                saver, scrubber=Scrubber(), retention_days=1, clock=lambda: now[0]
            )
            for user in ("alice", "bob"):
                graph = _notes(tenants.for_user(user))
                config = _thread("t")
                config["metadata"] = {"mail": "a@example.org"}
                graph.invoke({"log": [f"{user} b@example.org"]}, config)
            alice = tenants.for_user("alice")
            assert len(list(alice.list(None, filter={"mail": "a@example.org"}))) == 3
            assert {t.config["configurable"]["thread_id"] for t in alice.list(None)} == {"t"}
            assert "alice" in _notes(alice).get_state(_thread("t")).values["log"][0]
            rows = list(saver.list(None))
            assert len(rows) == 6
            assert "example.org" not in str(rows)
            assert delete_user("alice", targets=[tenants]).status == "complete"
            assert len(list(saver.list(None))) == 3
            now[0] += 2 * 86_400
            assert list(tenants.for_user("bob").list(None)) == []
            assert tenants.sweep() == 3
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


class Notes(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def _notes(checkpointer: Any) -> Any:
    builder = StateGraph(Notes)
    builder.add_node("note", lambda s: {"log": ["noted"]})
    builder.add_edge(START, "note")
    return builder.compile(checkpointer=checkpointer)


def _thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_channels_that_store_deltas_are_rebuilt() -> None:
    delta = pytest.importorskip("langgraph.channels.delta")

    def extend(state: list[str], writes: list[list[str]]) -> list[str]:
        return [*state, *(item for write in writes for item in write)]

    fields = {"log": Annotated[list, delta.DeltaChannel(extend)]}
    fields["count"] = Annotated[int, operator.add]
    state: Any = TypedDict("State", fields, total=False)  # type: ignore[operator]

    builder = StateGraph(state)
    builder.add_node("note", lambda s: {"log": ["mail a@example.org"], "count": 1})
    builder.add_edge(START, "note")
    saver = InMemorySaver()
    tenants = TenantCheckpointer(saver, scrubber=Scrubber(), retention_days=1)
    graph = builder.compile(checkpointer=tenants.for_user("alice"))
    config: Any = {"configurable": {"thread_id": "t"}}
    for _ in range(3):
        graph.invoke({"log": ["asked b@example.org"], "count": 0}, config)
    values = graph.get_state(config).values
    assert len(values["log"]) == 6
    assert values["count"] == 3
    assert "@" not in str(values)
    assert b"example.org" not in repr(list(saver.list(None))).encode()
