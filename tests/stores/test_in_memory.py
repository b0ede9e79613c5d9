"""The frameworks' own stores in memory: tenants, and erasure in memory and in saved files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core.vector_stores import SimpleVectorStore

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from llama_index_piirag.testing import LlamaIndexDriver
from piirag import Scrubber
from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets.in_memory import InMemoryTarget
from piirag.errors import ErasureError
from piirag.testing.tenancy import Item, TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding


class TestLangChain(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls) -> TenancyDriver:
        store = InMemoryVectorStore(LexicalEmbeddings())
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))


class TestLlamaIndex(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls) -> TenancyDriver:
        tenants = LlamaIndexTenants(SimpleVectorStore(), scrubber=Scrubber())
        return LlamaIndexDriver(tenants, HashedEmbedding())


def _driver(framework: str) -> tuple[Any, Any]:
    if framework == "langchain":
        store: Any = InMemoryVectorStore(LexicalEmbeddings())
        return store, LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))
    store = SimpleVectorStore()
    tenants = LlamaIndexTenants(store, scrubber=Scrubber())
    return store, LlamaIndexDriver(tenants, HashedEmbedding())


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_E1_the_saved_file_loses_the_user_and_nobody_else(framework: str, tmp_path: Path) -> None:
    store, driver = _driver(framework)
    for user in ("alice", "bob"):
        items = [Item(str(i), f"canary {i} of {user} here", {"n": i}) for i in range(20)]
        driver.write(driver.tenants.for_user(user), items)
    path = tmp_path / "store.json"
    (store.dump if framework == "langchain" else store.persist)(str(path))
    target = InMemoryTarget(store, persist_path=path)
    assert target.count("alice") == 20
    others = {item.id: item for item in target.items("bob")}
    assert [t.kind for t in as_targets(store)] == ["in memory"]
    receipt = delete_user("alice", targets=[target], physical=True)
    assert receipt.complete
    assert receipt.targets[0].reclaimed == "yes"
    assert "alice" not in path.read_text()
    assert {item.id: item for item in target.items("bob")} == others
    assert len(json.loads(path.read_text())) == (20 if framework == "langchain" else 3)
    again = (
        InMemoryVectorStore.load(str(path), LexicalEmbeddings())
        if framework == "langchain"
        else SimpleVectorStore.from_persist_path(str(path))
    )
    assert InMemoryTarget(again).count("bob") == 20


@pytest.mark.parametrize("held", ['{"a": {"text": "canary of alice"', "[]", '"canary of alice"'])
def test_a_saved_file_of_another_kind_is_an_error_that_holds_none_of_it(
    held: str, tmp_path: Path
) -> None:
    path = tmp_path / "store.json"
    path.write_text(held)
    target = InMemoryTarget(InMemoryVectorStore(LexicalEmbeddings()), persist_path=path)
    with pytest.raises(ErasureError) as caught:
        target.count("alice")
    # A JSON error keeps the whole of what it read.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert path.read_text() == held


def test_the_last_tagged_item_may_go_from_among_untagged_ones() -> None:
    """How items name their user was a guess; what was found told that it was right."""
    store = InMemoryVectorStore(LexicalEmbeddings())
    store.add_texts(["of alice", "of nobody"], [{"user_id": "alice"}, {}], ids=["1", "2"])
    receipt = delete_user("alice", targets=[store])
    assert (receipt.status, receipt.deleted) == ("complete", 1)
    assert list(store.store) == ["2"]
    # Nothing tells whether the guess is right where none of them was ever seen.
    assert not delete_user("alice", targets=[store]).complete


def test_a_wrong_guess_is_found_out_whoever_is_asked_for() -> None:
    store = InMemoryVectorStore(LexicalEmbeddings())
    store.add_texts(["of bob", "of nobody"], [{"user_id": "bob"}, {}], ids=["1", "2"])
    target = InMemoryTarget(store)
    assert target.count("alice") == 0
    store.delete(["1"])
    assert target.count("alice") == 0
    keyed = InMemoryVectorStore(LexicalEmbeddings())
    keyed.add_texts(["of alice"], [{"user_id": f"u{'0' * 32}"}], ids=["1"])
    with pytest.raises(ErasureError):
        InMemoryTarget(keyed).count("alice")
