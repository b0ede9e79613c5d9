"""Tenant isolation on every read and write path: threats T1 to T5, T7 to T9, T14, E6."""

from __future__ import annotations

import asyncio
import contextvars
import warnings

import pytest
from langchain_core.documents import Document

from langchain_piirag import TenantVectorStore, UserVectorStore, delete_user
from lexical_langchain import LexicalEmbeddings
from piirag import Scrubber
from piirag.errors import (
    InvalidInputError,
    InvalidUserIdError,
    PiiragError,
    TenancyError,
    UnsupportedStoreError,
    UserErasedError,
)
from support.langchain_fakes import tenant_store

VECTOR = LexicalEmbeddings().embed_query("the secret canary of the user")


@pytest.fixture
def tenants(tmp_path):
    tenants = tenant_store(tmp_path)
    for user in ("alice", "bob", "ALICE"):
        tenants.for_user(user).add_documents(
            [
                Document(page_content=f"the secret canary of {user} number {i}", metadata={"n": i})
                for i in range(6)
            ],
            ids=[str(i) for i in range(6)],
        )
    return tenants


READS = {
    "similarity_search": lambda s, **k: s.similarity_search("secret canary", **k),
    "with_score": lambda s, **k: [d for d, _ in s.similarity_search_with_score("secret", **k)],
    "with_relevance": lambda s, **k: [
        d for d, _ in s.similarity_search_with_relevance_scores("secret canary", **k)
    ],
    "by_vector": lambda s, **k: s.similarity_search_by_vector(VECTOR, **k),
    "mmr": lambda s, **k: s.max_marginal_relevance_search("secret canary", **k),
    "mmr_by_vector": lambda s, **k: s.max_marginal_relevance_search_by_vector(VECTOR, **k),
    "search": lambda s, **k: s.search("secret canary", "similarity", **k),
    "search_mmr": lambda s, **k: s.search("secret canary", "mmr", **k),
    "retriever": lambda s, **k: s.as_retriever(search_kwargs=k).invoke("secret canary"),
    "retriever_mmr": lambda s, **k: s.as_retriever(search_type="mmr", search_kwargs=k).invoke(
        "secret canary"
    ),
    "retriever_threshold": lambda s, **k: s.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={**k, "score_threshold": 0.0}
    ).invoke("the secret canary"),
    "asimilarity_search": lambda s, **k: asyncio.run(s.asimilarity_search("secret", **k)),
    "awith_score": lambda s, **k: [
        d for d, _ in asyncio.run(s.asimilarity_search_with_score("secret", **k))
    ],
    "aby_vector": lambda s, **k: asyncio.run(s.asimilarity_search_by_vector(VECTOR, **k)),
    "ammr": lambda s, **k: asyncio.run(s.amax_marginal_relevance_search("secret", **k)),
    "aretriever": lambda s, **k: asyncio.run(
        s.as_retriever(search_kwargs=k).ainvoke("secret canary")
    ),
}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("user", ["alice", "bob", "ALICE"])
def test_every_read_path_returns_own_items_only(tenants, path: str, user: str) -> None:
    found = READS[path](tenants.for_user(user), k=20)
    assert {doc.page_content.split()[-3] for doc in found} == {user}
    assert {doc.id for doc in found} == {str(i) for i in range(6)}
    assert all(set(doc.metadata) == {"n"} for doc in found)


@pytest.mark.parametrize("path", READS)
def test_T3_a_user_without_items_finds_nothing(tenants, path: str) -> None:
    assert READS[path](tenants.for_user("carol"), k=20) == []


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("none", [None, {}])
def test_T1_an_empty_filter_does_not_widen(tenants, path: str, none) -> None:
    found = READS[path](tenants.for_user("alice"), k=20, filter=none)
    assert len(found) == 6


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "clause",
    [
        {"user_id": "bob"},
        {"user_id": {"$ne": ""}},
        {"$or": [{"user_id": "bob"}, {"n": 1}]},
        {"$and": [{"$or": [{"user_id": {"$in": ["bob", "alice"]}}]}]},
    ],
)
def test_T4_T5_a_filter_on_the_tenant_key_is_refused(tenants, path: str, clause) -> None:
    with pytest.raises(TenancyError):
        READS[path](tenants.for_user("alice"), k=20, filter=clause)


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "clause", [{"n": {"$gte": 0}}, {"$or": [{"n": 1}, {"n": {"$ne": 99}}]}, {"n": {"$nin": [77]}}]
)
def test_T5_the_callers_filter_narrows_and_never_widens(tenants, path: str, clause) -> None:
    found = READS[path](tenants.for_user("alice"), k=20, filter=clause)
    assert {doc.page_content.split()[-3] for doc in found} == {"alice"}
    assert len(READS[path](tenants.for_user("alice"), k=20, filter={"n": 2})) == 1


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("keyword", ["where", "filters", "user_id", "expr", "namespace"])
def test_unknown_keywords_are_refused(tenants, path: str, keyword: str) -> None:
    with pytest.raises(TenancyError):
        READS[path](tenants.for_user("alice"), k=2, **{keyword: {"user_id": "bob"}})


def test_T1_the_filter_of_invoke_cannot_replace_the_tenants(tenants) -> None:
    retriever = tenants.for_user("alice").as_retriever(search_kwargs={"k": 20})
    assert len(retriever.invoke("secret", filter=None)) == 6
    with pytest.raises(TenancyError):
        retriever.invoke("secret", filter={"user_id": "bob"})
    with pytest.raises(TenancyError):
        asyncio.run(retriever.ainvoke("secret", filter={"user_id": "bob"}))


def test_T2_changing_search_kwargs_does_not_help(tenants) -> None:
    retriever = tenants.for_user("alice").as_retriever(search_kwargs={"k": 20})
    retriever.search_kwargs["filter"] = None
    assert {d.page_content.split()[-3] for d in retriever.invoke("secret")} == {"alice"}
    retriever.search_kwargs["filter"] = {"user_id": "bob"}
    with pytest.raises(TenancyError):
        retriever.invoke("secret")
    retriever.search_kwargs = {"k": 20}
    assert len(retriever.invoke("secret")) == 6
    configurable = retriever.configurable_fields(
        search_kwargs=__import__("langchain_core.runnables").runnables.ConfigurableField("kw")
    )
    with pytest.raises(TenancyError):
        configurable.invoke(
            "secret", {"configurable": {"kw": {"filter": {"user_id": "bob"}, "k": 5}}}
        )


@pytest.mark.parametrize(
    "user_id", [None, "", " ", 1, True, {"$ne": ""}, ["alice"], "ａlice", "7", "a'b", "alice:1"]
)
def test_T3_T4_T7_T8_hostile_user_ids_never_reach_the_store(tenants, monkeypatch, user_id) -> None:
    collection = tenants._store._collection

    def touched(*args, **kwargs):
        raise AssertionError("the store was called")

    for name in ("get", "query", "add", "upsert", "delete", "update"):
        monkeypatch.setattr(type(collection), name, touched)
    with pytest.raises(InvalidUserIdError):
        tenants.for_user(user_id)
    with pytest.raises(InvalidUserIdError):
        delete_user(user_id, targets=[tenants])


def test_T8_case_is_not_folded(tenants) -> None:
    found = tenants.for_user("ALICE").similarity_search("secret canary", k=20)
    assert {doc.page_content.split()[-3] for doc in found} == {"ALICE"}


def test_T9_ids_of_other_users_cannot_be_read_deleted_or_overwritten(tenants) -> None:
    alice, bob = tenants.for_user("alice"), tenants.for_user("bob")
    for hostile in ("bob:1", "alice:1", "../bob:1"):
        assert alice.get_by_ids([hostile]) == []
        alice.delete([hostile])
    alice.delete(["1"])
    assert alice.get_by_ids(["1"]) == []
    assert len(bob.get_by_ids(["1"])) == 1
    alice.add_documents([Document(page_content="overwritten")], ids=["2"])
    assert bob.get_by_ids(["2"])[0].page_content == "the secret canary of bob number 2"
    alice.add_documents([Document(page_content="overwritten", id="bob:3")])
    assert bob.get_by_ids(["3"])[0].page_content == "the secret canary of bob number 3"


def test_delete_without_ids_deletes_nothing(tenants) -> None:
    alice = tenants.for_user("alice")
    with pytest.raises(InvalidInputError):
        alice.delete()
    with pytest.raises(InvalidInputError):
        alice.delete(None)
    alice.delete([])
    assert alice.get_by_ids([]) == []
    for bad in ("1", [None], [""], [1]):
        with pytest.raises(InvalidInputError):
            alice.delete(bad)
        with pytest.raises(InvalidInputError):
            alice.get_by_ids(bad)
    assert tenants._store._collection.count() == 18


def test_a_document_that_names_another_user_is_refused(tenants) -> None:
    with pytest.raises(TenancyError):
        tenants.for_user("alice").add_documents(
            [Document(page_content="x", metadata={"user_id": "bob"})]
        )


def test_a_store_that_ignores_the_filter_is_caught(tenants, monkeypatch) -> None:
    inner = tenants._store
    monkeypatch.setattr(
        type(inner),
        "similarity_search_with_score",
        lambda self, q, k=4, **kw: [(Document(page_content="x", metadata={"user_id": "bob"}), 0.1)],
    )
    with pytest.raises(TenancyError):
        tenants.for_user("alice").similarity_search("secret")


def test_unsupported_stores_are_refused() -> None:
    class Chroma:
        """No vector store but for its name."""

    class Unknown(UserVectorStore):
        """A vector store of which nothing is known."""

        def __init__(self) -> None:
            pass

    for other in (Unknown(), Chroma(), None, object()):
        with pytest.raises(UnsupportedStoreError):
            TenantVectorStore(other, scrubber=Scrubber())


def test_another_tenant_key_can_be_chosen(tmp_path) -> None:
    tenants = tenant_store(tmp_path, tenant_key="tenant_id")
    user = tenants.for_user("alice")
    user.add_documents([Document(page_content="x", metadata={"user_id": "an own value"})])
    [doc] = user.similarity_search("x")
    assert doc.metadata == {"user_id": "an own value"}
    assert tenants._store.get()["metadatas"][0]["tenant_id"] == "alice"


def test_T14_nothing_ambient_names_the_user(tenants) -> None:
    """A user in the context of the caller, or in the config, changes nothing."""
    variable = contextvars.ContextVar("user_id", default="bob")
    variable.set("bob")
    retriever = tenants.for_user("alice").as_retriever(search_kwargs={"k": 20})
    config = {"configurable": {"user_id": "bob"}, "metadata": {"user_id": "bob"}}
    for found in (
        retriever.invoke("secret", config),
        asyncio.run(retriever.ainvoke("secret", config)),
        retriever.batch(["secret"], config)[0],
    ):
        assert {doc.page_content.split()[-3] for doc in found} == {"alice"}


def test_concurrent_users_do_not_mix(tenants) -> None:
    async def ask(user: str) -> set[str]:
        found = await tenants.for_user(user).as_retriever(search_kwargs={"k": 6}).ainvoke("secret")
        return {doc.page_content.split()[-3] for doc in found}

    async def all_of_them() -> list[set[str]]:
        return await asyncio.gather(*(ask(u) for u in ["alice", "bob", "ALICE"] * 10))

    answers = asyncio.run(all_of_them())
    assert answers == [{"alice"}, {"bob"}, {"ALICE"}] * 10


def test_E6_a_write_after_an_erasure_is_refused(tenants) -> None:
    vault = tenants._scrubber.vault
    delete_user("alice", targets=[tenants])
    with pytest.raises(UserErasedError):
        tenants.for_user("alice").add_documents([Document(page_content="back again")])
    assert tenants.for_user("alice").similarity_search("secret") == []
    assert vault.reinstate("alice")
    tenants.for_user("alice").add_documents([Document(page_content="back again")])


def test_E6_a_write_that_was_under_way_is_taken_back(tenants, monkeypatch) -> None:
    inner = type(tenants._store)
    original = inner.add_documents

    def slow(self, documents, **kwargs):
        delete_user("alice", targets=[tenants])
        return original(self, documents, **kwargs)

    monkeypatch.setattr(inner, "add_documents", slow)
    with pytest.raises(UserErasedError):
        tenants.for_user("alice").add_documents([Document(page_content="late")])
    assert tenants._store.get(where={"user_id": "alice"})["ids"] == []


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.add_documents([Document(page_content="x")], ids=["1", "2"]),
        lambda s: s.add_documents(["x"]),
        lambda s: s.add_documents([None]),
        lambda s: s.add_texts("x"),
        lambda s: s.add_texts([None]),
        lambda s: s.add_texts(["x"], metadatas=[{}, {}]),
        lambda s: s.add_documents([Document(page_content="x")], namespace="n"),
        lambda s: s.similarity_search(None),
        lambda s: s.from_texts(["x"], None),
        lambda s: s.as_retriever().invoke(None),
    ],
)
def test_bad_input_is_our_own_error(tenants, call) -> None:
    with pytest.raises(PiiragError):
        call(tenants.for_user("alice"))


def test_nothing_is_stored_when_one_text_cannot_be_searched(tmp_path) -> None:
    class Fails:
        def detect(self, text, *, language="en"):
            if "poison" in text:
                raise RuntimeError(text)
            return []

        def detect_batch(self, texts, *, language="en"):
            return [self.detect(t) for t in texts]

    tenants = tenant_store(tmp_path)
    tenants._scrubber._given = Fails()
    with pytest.raises(PiiragError):
        tenants.for_user("alice").add_texts(["good", "poison", "good"])
    assert tenants._store._collection.count() == 0


def test_E6_a_batch_that_fails_after_an_erasure_leaves_nothing(tmp_path) -> None:
    tenants = tenant_store(tmp_path)
    embeddings = tenants._store.embeddings
    original = type(embeddings).embed_documents
    calls = iter([None, RuntimeError("the network is down")])

    class Embeddings(type(embeddings)):
        def embed_documents(self, texts):
            error = next(calls)
            if error is not None:
                raise error
            delete_user("alice", targets=[tenants])
            return original(self, texts)

    tenants._store._embedding_function = Embeddings()
    tenants.for_user("alice")._binding.chunks.scrubber.scrub("x", user_id="alice")
    with pytest.raises(RuntimeError):
        tenants.for_user("alice").add_texts([f"text {i}" for i in range(1200)])
    assert tenants._store._collection.count() == 0


def test_E6_a_write_overtaken_by_erasure_and_reinstatement_is_taken_back(
    tenants, monkeypatch
) -> None:
    inner = type(tenants._store)
    original = inner.add_documents

    def slow(self, documents, **kwargs):
        delete_user("alice", targets=[tenants])
        tenants._scrubber.vault.reinstate("alice")
        return original(self, documents, **kwargs)

    monkeypatch.setattr(inner, "add_documents", slow)
    with pytest.raises(UserErasedError):
        tenants.for_user("alice").add_documents([Document(page_content="late")])
    assert tenants._store.get(where={"user_id": "alice"})["ids"] == []


@pytest.mark.parametrize("options", [{"keyed_user_ids": True}, {"tenant_key": "owner"}])
def test_E5_a_bare_collection_with_other_tags_is_an_error_and_no_success(tmp_path, options) -> None:
    tenants = tenant_store(tmp_path, **options)
    tenants.for_user("alice").add_texts(["some text"])
    receipt = delete_user("alice", targets=[tenants._store, tenants._scrubber.vault])
    assert receipt.status == "partial"
    assert receipt.targets[0].error == "piirag.errors.ErasureError"
    assert delete_user("alice", targets=[tenants]).status == "complete"
    assert tenants._store._collection.count() == 0


def test_an_id_whose_name_becomes_known_later_is_still_found(tmp_path) -> None:
    tenants = tenant_store(tmp_path)
    user = tenants.for_user("alice")
    [id] = user.add_documents([Document("file")], ids=["brontel-vask-42"])
    assert id == "brontel-vask-42"
    user.add_texts(["x"], known={"PERSON": ["Brontel Vask"]})
    assert len(user.get_by_ids([id])) == 1
    [again] = user.add_documents([Document("file, changed")], ids=[id])
    assert again.startswith("id-")
    assert [d.page_content for d in user.get_by_ids([id])] == ["file, changed"]
    assert user.delete([id])
    assert user.get_by_ids([id]) == []
    assert tenants._store._collection.count() == 1


def test_L9_metadata_is_scrubbed_again_on_reading(tmp_path) -> None:
    tenants = tenant_store(tmp_path)
    user = tenants.for_user("alice")
    user.add_texts(["note"], metadatas=[{"owner": "Brontel Vask", "Brontel_Vask": 1}])
    assert user.similarity_search("note")[0].metadata["owner"] == "Brontel Vask"
    user.add_texts(["other"], known={"PERSON": ["Brontel Vask"]})
    for doc in user.similarity_search("note"):
        assert "Vask" not in repr(doc)
    assert "Brontel" not in repr(user.as_retriever(search_kwargs={"filter": {"a": "Brontel"}}))


def test_odd_metadata_types() -> None:
    import datetime
    import decimal
    import uuid

    import numpy as np

    from piirag.tenancy import ChunkScrubber

    metadata = {
        "when": datetime.datetime(2024, 1, 2),
        "n": np.int64(1700000000),
        "price": decimal.Decimal("12.50"),
        "uuid": uuid.UUID(int=5),
        "set": {1, 2},
        "none": None,
    }
    assert ChunkScrubber(Scrubber(), "u").metadata(metadata) == metadata


async def test_L15_no_warning_holds_the_text_of_an_item(tenants, monkeypatch) -> None:
    alice = tenants.for_user("alice")
    alice.add_texts(["a canary about tea"])
    monkeypatch.setattr(alice, "_select_relevance_score_fn", lambda: lambda score: 2.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = alice.similarity_search_with_relevance_scores("tea", k=1, score_threshold=0.5)
        found += await alice.asimilarity_search_with_relevance_scores("tea", k=1)
    assert [score for _, score in found] == [2.0, 2.0]
    said = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert said == ["relevance scores outside of 0 to 1"] * 2
    assert "canary" not in "".join(str(warning.message) for warning in caught)
    assert alice.similarity_search_with_relevance_scores("tea", k=1, score_threshold=3.0) == []
