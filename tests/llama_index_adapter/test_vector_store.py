"""The tenant's vector store: what it writes, what it reads, and whose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import IndexNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.chroma import ChromaVectorStore

from llama_index_piirag import TenantVectorStore, UserVectorStore
from piirag import MasterKey, MemoryVault, Scrubber
from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    InvalidUserIdError,
    PIIBlockedError,
    TenancyError,
    UnsupportedStoreError,
    UserErasedError,
)
from support.canary import Canaries
from support.llama_fakes import HashedEmbedding

from .conftest import KNOWN_FROM, PLANTED

EMBEDDING = HashedEmbedding()
NAME = PLANTED[0]


def embedded(text: str, **kwargs: Any) -> TextNode:
    return TextNode(text=text, embedding=EMBEDDING._get_text_embedding(text), **kwargs)


def from_document(document_id: str) -> dict[NodeRelationship, RelatedNodeInfo]:
    return {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document_id)}


def question(text: str = "kettle", k: int = 10, **kwargs: Any) -> VectorStoreQuery:
    vector = EMBEDDING._get_text_embedding(text)
    return VectorStoreQuery(query_embedding=vector, similarity_top_k=k, **kwargs)


def one(key: str, operator: str, value: Any) -> MetadataFilters:
    return MetadataFilters(
        filters=[MetadataFilter(key=key, value=value, operator=FilterOperator(operator))]
    )


@pytest.fixture
def u1(store: TenantVectorStore) -> UserVectorStore:
    view = store.for_user("u1")
    view.add(
        [
            embedded(
                "A blue kettle.",
                id_="a",
                metadata={"topic": "tea", "n": 1},
                relationships=from_document("doc-1"),
            ),
            embedded(
                "A red kettle.",
                id_="b",
                metadata={"topic": "tea", "n": 2},
                relationships=from_document("doc-1"),
            ),
            embedded("A samovar.", id_="c", metadata={"topic": "coffee", "n": 3, "flag": True}),
        ]
    )
    return view


@pytest.fixture
def u2(store: TenantVectorStore) -> UserVectorStore:
    view = store.for_user("u2")
    view.add(
        [
            embedded(
                "Another's kettle.",
                id_="a",
                metadata={"topic": "tea", "n": 1},
                relationships=from_document("doc-1"),
            )
        ]
    )
    return view


def ids(view: UserVectorStore, query: VectorStoreQuery | None = None, **kwargs: Any) -> set[str]:
    return set(view.query(query or question(), **kwargs).ids or [])


# What is stored


def test_L9_what_is_stored_is_clean(
    store: TenantVectorStore, collection: Any, canaries: Canaries
) -> None:
    node = embedded(
        "The kettle came.",
        id_=f"chunk-{NAME}",
        metadata={"customer": NAME, "mail": PLANTED[2]},
        excluded_embed_metadata_keys=["customer", "mail"],
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(
                node_id=f"doc-{NAME}", metadata={"customer": NAME}
            )
        },
    )
    returned = store.for_user("u1").add([node])
    stored = collection.get(include=["documents", "metadatas"])
    assert canaries.scan_object(stored) == []
    assert canaries.scan_object(returned) == []
    metadata = stored["metadatas"][0]
    assert metadata["user_id"] == "u1"
    assert stored["ids"] == [f"u1:{returned[0]}"]
    assert json.loads(metadata["_node_content"])["metadata"]["user_id"] == "u1"
    found = store.for_user("u1").get_nodes()[0]
    assert found.node_id == returned[0]
    assert "user_id" not in found.metadata
    assert found.source_node is not None
    assert found.source_node.metadata == {"customer": found.metadata["customer"]}


def test_a_node_comes_back_as_it_went_in(u1: UserVectorStore) -> None:
    node = embedded(
        "A green kettle.",
        id_="x",
        metadata={"n": 1, "share": 0.5, "flag": True, "none": None, "doc_id": "own"},
        excluded_llm_metadata_keys=["n"],
        relationships={
            **from_document("doc-9"),
            NodeRelationship.NEXT: RelatedNodeInfo(node_id="y", metadata={"n": 2}),
        },
    )
    u1.add([node])
    (found,) = u1.get_nodes(["x"])
    assert found.node_id == "x"
    assert found.metadata == node.metadata
    assert found.ref_doc_id == "doc-9"
    assert found.next_node is not None
    assert (found.next_node.node_id, found.next_node.metadata) == ("y", {"n": 2})
    assert found.excluded_llm_metadata_keys == ["n"]
    assert found.excluded_embed_metadata_keys == []


def test_an_id_that_is_there_is_replaced_whole(u1: UserVectorStore, collection: Any) -> None:
    u1.add([embedded("A new samovar.", id_="a", metadata={"n": 9})])
    (node,) = u1.get_nodes(["a"])
    assert node.get_content() == "A new samovar."
    assert node.metadata == {"n": 9}
    assert "topic" not in collection.get(ids=["u1:a"])["metadatas"][0]
    assert len(u1.get_nodes()) == 3


def test_T16_a_vector_of_raw_text_is_not_stored(
    store: TenantVectorStore, collection: Any, scrubber: Scrubber
) -> None:
    node = embedded(f"{PLANTED[2]} has a kettle")
    with pytest.raises(PIIBlockedError):
        store.for_user("u1").add([node])
    assert collection.count() == 0
    model = HashedEmbedding()
    again = TenantVectorStore(
        ChromaVectorStore(chroma_collection=collection), scrubber=scrubber, embed_model=model
    )
    again.for_user("u1").add([node])
    assert len(model.seen) == 1 and "brightmail" not in model.seen[0]


@pytest.mark.parametrize(
    "node",
    [
        TextNode(text="kettle"),
        embedded("kettle", metadata={"list": ["a"]}),
        embedded("kettle", metadata={"nested": {"a": 1}}),
        "kettle",
        None,
    ],
)
def test_what_chroma_cannot_hold_is_refused(u1: UserVectorStore, node: Any) -> None:
    with pytest.raises(InvalidInputError):
        u1.add([node])
    assert len(u1.get_nodes()) == 3


def test_unknown_stores_are_refused(scrubber: Scrubber, u1: UserVectorStore) -> None:
    class SimpleVectorStore:
        """No vector store but for its name."""

    for other in (SimpleVectorStore(), u1, None, object()):
        with pytest.raises(UnsupportedStoreError):
            TenantVectorStore(other, scrubber=scrubber)  # type: ignore[arg-type]


def test_it_works_under_a_plain_index(u1: UserVectorStore, u2: UserVectorStore) -> None:
    index = VectorStoreIndex.from_vector_store(u1, embed_model=EMBEDDING)
    found = index.as_retriever(similarity_top_k=10).retrieve("kettle")
    assert {node.node_id for node in found} == {"a", "b", "c"}
    index.delete_ref_doc("doc-1")
    assert len(u1.get_nodes()) == 1
    assert len(u2.get_nodes()) == 1


# Whose it is


@pytest.mark.parametrize(
    "user_id", [None, "", " ", 1, True, 1.5, {"$ne": ""}, ["u1"], "1", "nan", "a'b", "ａlice"]
)
def test_T3_T4_T7_T8_unusable_user_ids(store: TenantVectorStore, user_id: Any) -> None:
    with pytest.raises(InvalidUserIdError):
        store.for_user(user_id)


def test_T8_ids_are_not_folded(store: TenantVectorStore) -> None:
    store.for_user("alice").add([embedded("kettle", id_="a")])
    for other in ("ALICE", "Alice", "alice_", "alic"):
        assert store.for_user(other).get_nodes() == []


def test_T7_numbers_and_booleans_are_not_one(u1: UserVectorStore) -> None:
    assert ids(u1, question(filters=one("flag", "==", 1))) == set()
    assert ids(u1, question(filters=one("n", "==", 1))) == {"a"}


def test_every_read_path_keeps_to_the_user(u1: UserVectorStore, u2: UserVectorStore) -> None:
    assert ids(u1) == {"a", "b", "c"}
    assert ids(u2) == {"a"}
    assert {n.get_content() for n in u2.get_nodes()} == {"Another's kettle."}
    mmr = question(mode=VectorStoreQueryMode.MMR)
    assert ids(u2, mmr) == {"a"}
    assert ids(u2, VectorStoreQuery(similarity_top_k=10)) == {"a"}
    assert ids(u2, question(node_ids=["a", "b", "u1:b"])) == {"a"}
    assert ids(u2, question(doc_ids=["doc-1", "u1:doc-1"])) == {"a"}


async def test_S8_async_read_paths_keep_to_the_user(
    u1: UserVectorStore, u2: UserVectorStore
) -> None:
    assert set((await u2.aquery(question())).ids or []) == {"a"}
    assert [n.node_id for n in await u2.aget_nodes()] == ["a"]
    await u2.async_add([embedded("A pot.", id_="p")])
    await u2.adelete_nodes(["a"])
    await u2.adelete("doc-1")
    assert [n.node_id for n in await u2.aget_nodes()] == ["p"]
    await u2.aclear()
    assert u2.get_nodes() == []
    assert len(u1.get_nodes()) == 3


@pytest.mark.parametrize(
    "filters",
    [
        one("topic", "!=", ""),
        one("topic", "!=", "nothing"),
        one("topic", "nin", ["nothing"]),
        one("n", ">=", 0),
        MetadataFilters(filters=[]),
        MetadataFilters(
            filters=[
                MetadataFilter(key="topic", value="tea"),
                MetadataFilter(key="topic", value="x", operator=FilterOperator.NE),
            ],
            condition=FilterCondition.OR,
        ),
        MetadataFilters(
            filters=[
                MetadataFilters(
                    filters=[
                        MetadataFilter(key="n", value=0, operator=FilterOperator.GT),
                        MetadataFilter(key="topic", value="", operator=FilterOperator.NE),
                    ],
                    condition=FilterCondition.OR,
                ),
            ]
        ),
        one("doc_id", "!=", "nothing"),
    ],
)
def test_T5_T6_no_filter_widens(
    u1: UserVectorStore, u2: UserVectorStore, filters: MetadataFilters
) -> None:
    assert ids(u2, question(filters=filters)) == {"a"}
    assert {n.get_content() for n in u2.get_nodes(filters=filters)} == {"Another's kettle."}
    if filters.filters:
        u2.delete_nodes(filters=filters)
        assert u2.get_nodes() == []
    assert len(u1.get_nodes()) == 3


def test_filters_narrow(u1: UserVectorStore) -> None:
    assert ids(u1, question(filters=one("topic", "==", "tea"))) == {"a", "b"}
    assert ids(u1, question(filters=one("topic", "in", ["coffee"]))) == {"c"}
    assert ids(u1, question(filters=one("n", "nin", [1, 2]))) == {"c"}
    assert ids(u1, question(filters=one("doc_id", "==", "doc-1"))) == {"a", "b"}
    assert ids(u1, question(filters=one("ref_doc_id", "in", ["doc-1"]))) == {"a", "b"}
    assert ids(u1, question(doc_ids=["doc-1"])) == {"a", "b"}
    assert ids(u1, question(node_ids=["b", "zz"])) == {"b"}
    assert ids(u1, question(node_ids=["zz"])) == set()
    assert len(ids(u1, question(k=2))) == 2
    assert ids(u1, question(k=0)) == set()
    nested = MetadataFilters(
        filters=[
            MetadataFilter(key="topic", value="tea"),
            MetadataFilters(
                filters=[MetadataFilter(key="n", value=2), MetadataFilter(key="n", value=3)],
                condition=FilterCondition.OR,
            ),
        ]
    )
    assert ids(u1, question(filters=nested)) == {"b"}


@pytest.mark.parametrize("operator", ["==", "!=", "in", "nin"])
def test_T5_filters_on_the_tenant_key_are_refused(u1: UserVectorStore, operator: str) -> None:
    value: Any = ["u2"] if operator in {"in", "nin"} else "u2"
    for filters in (
        one("user_id", operator, value),
        MetadataFilters(filters=[one("user_id", operator, value)], condition=FilterCondition.OR),
    ):
        with pytest.raises(TenancyError):
            u1.query(question(filters=filters))
        with pytest.raises(TenancyError):
            u1.get_nodes(filters=filters)
        with pytest.raises(TenancyError):
            u1.delete_nodes(filters=filters)
    assert len(u1.get_nodes()) == 3


@pytest.mark.parametrize(
    "filters",
    [
        one("topic", "any", ["t"]),
        one("topic", "is_empty", None),
        one("topic", "text_match", "t"),
        one("topic", "==", None),
        one("topic", "nin", []),
        one("topic", "in", []),
        one("topic", "==", ["t"]),
        one("topic", "in", "tea"),
        one("$or", "==", "t"),
        one("", "==", "t"),
        MetadataFilters(filters=[MetadataFilter(key="n", value=1)], condition=FilterCondition.NOT),
        MetadataFilters(filters=[MetadataFilters(filters=[])]),
        {"user_id": "u2"},
    ],
)
def test_T6_filters_that_cannot_be_carried_out_are_refused(
    u1: UserVectorStore, filters: Any
) -> None:
    with pytest.raises(InvalidInputError):
        u1.query(question(filters=filters))
    with pytest.raises(InvalidInputError):
        u1.delete_nodes(filters=filters)
    assert len(u1.get_nodes()) == 3


def test_filter_values_are_scrubbed_like_metadata(store: TenantVectorStore) -> None:
    view = store.for_user("u1")
    view.add(
        [
            embedded(
                "kettle",
                id_="k",
                metadata={"customer": NAME},
                excluded_embed_metadata_keys=["customer"],
            )
        ]
    )
    view.add([embedded("kettle", id_="l", metadata={"topic": "nobody"})])
    for spelling in (NAME, NAME.upper()):
        assert ids(view, question(filters=one("customer", "==", spelling))) == {"k"}


@pytest.mark.parametrize(
    "kwargs", [{"where": {}}, {"filter": {}}, {"where_document": {}}, {"mmr_threshold": 0.5}]
)
def test_T1_unknown_keywords_are_refused(u1: UserVectorStore, kwargs: dict[str, Any]) -> None:
    with pytest.raises(TenancyError):
        u1.query(question(), **kwargs)
    with pytest.raises(TenancyError):
        u1.add([], **kwargs)
    with pytest.raises(TenancyError):
        u1.delete("doc-1", **kwargs)
    with pytest.raises(TenancyError):
        u1.delete_nodes(["a"], **kwargs)


def test_other_query_modes_are_refused(u1: UserVectorStore) -> None:
    with pytest.raises(ConfigurationError):
        u1.query(question(mode=VectorStoreQueryMode.HYBRID))


def test_mmr_differs_from_plain_similarity(u1: UserVectorStore) -> None:
    u1.clear()
    texts = ["blue kettle", "blue kettle !", "blue kettle ?", "blue samovar"]
    u1.add([embedded(text, id_=f"n{i}") for i, text in enumerate(texts)])
    plain = u1.query(question("blue kettle", k=2))
    assert set(plain.ids or []) <= {"n0", "n1", "n2"}
    varied = u1.query(
        question("blue kettle", k=2, mode=VectorStoreQueryMode.MMR), mmr_threshold=0.3
    )
    assert "n3" in (varied.ids or [])
    assert len(varied.nodes or []) == len(varied.similarities or []) == 2
    for bad in ({"mmr_threshold": 2}, {"mmr_prefetch_k": 3, "mmr_prefetch_factor": 2.0}):
        with pytest.raises(InvalidInputError):
            u1.query(question(mode=VectorStoreQueryMode.MMR), **bad)


def test_T9_nothing_by_id_crosses_users(u1: UserVectorStore, u2: UserVectorStore) -> None:
    assert u2.get_nodes(["b", "u1:b", "u1:a"]) == []
    u2.delete_nodes(["b", "u1:a", "u1:b"])
    u2.delete("u1:doc-1")
    assert len(u1.get_nodes()) == 3
    u2.add([embedded("Overwritten.", id_="u1:a"), embedded("Overwritten.", id_="b")])
    assert {n.get_content() for n in u1.get_nodes()} == {
        "A blue kettle.",
        "A red kettle.",
        "A samovar.",
    }
    u2.delete("doc-1")
    assert {n.ref_doc_id for n in u1.get_nodes()} == {"doc-1", None}
    u2.clear()
    assert u2.get_nodes() == []
    assert len(u1.get_nodes()) == 3


def test_T9_an_id_that_looks_scoped_is_the_users_own_matter(store: TenantVectorStore) -> None:
    view = store.for_user("u1")
    view.add([embedded("plain", id_="x"), embedded("prefixed", id_="u1:x")])
    assert {n.get_content() for n in view.get_nodes(["u1:x"])} == {"prefixed"}
    assert {n.get_content() for n in view.get_nodes(["x"])} == {"plain"}
    view.delete_nodes(["u1:x"])
    assert [n.get_content() for n in view.get_nodes()] == ["plain"]
    # Nothing is called that any more, so the other reading counts.
    assert [n.get_content() for n in view.get_nodes(["u1:x"])] == ["plain"]


@pytest.mark.parametrize("tag", ["u2", None, "", True, 1])
def test_every_hit_is_checked_again(
    u1: UserVectorStore, collection: Any, monkeypatch: pytest.MonkeyPatch, tag: Any
) -> None:
    """A store that ignores the filter: the tag of what it returns is not the user's."""
    native = type(collection).query

    def careless(self: Any, **kwargs: Any) -> Any:
        kwargs.pop("where")
        found = native(self, **kwargs)
        for metadata in found["metadatas"][0]:
            metadata["user_id"] = tag
        return found

    monkeypatch.setattr(type(collection), "query", careless)
    with pytest.raises(TenancyError):
        u1.query(question())


@pytest.mark.parametrize("ids_", ["a", None, [""], [None], [1]])
def test_E16_odd_ids_delete_nothing(u1: UserVectorStore, ids_: Any) -> None:
    with pytest.raises(InvalidInputError):
        u1.delete_nodes(ids_)
    assert len(u1.get_nodes()) == 3


def test_E5_E16_deleting_without_saying_what(u1: UserVectorStore, u2: UserVectorStore) -> None:
    for call in (
        lambda: u1.delete_nodes(),
        lambda: u1.delete_nodes(filters=MetadataFilters(filters=[])),
        lambda: u1.delete(""),
        lambda: u1.delete(None),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInputError):
            call()
    u1.delete_nodes([])
    u1.delete("no such document")
    u1.delete_nodes(["no such node"])
    assert len(u1.get_nodes()) == 3
    u1.delete_nodes(["a", "c"], filters=one("topic", "==", "tea"))
    assert {n.node_id for n in u1.get_nodes()} == {"b", "c"}


def test_E6_a_write_during_an_erasure_is_taken_back(
    u1: UserVectorStore, collection: Any, scrubber: Scrubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = type(collection).upsert

    def slow(self: Any, **kwargs: Any) -> Any:
        scrubber.vault.tombstone("u1")
        return native(self, **kwargs)

    monkeypatch.setattr(type(collection), "upsert", slow)
    with pytest.raises(UserErasedError):
        u1.add([embedded("too late", id_="late")])
    assert "u1:late" not in collection.get()["ids"]


def test_E6_a_write_that_an_erasure_overtook_and_undid(
    u1: UserVectorStore, collection: Any, scrubber: Scrubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = type(collection).upsert

    def slow(self: Any, **kwargs: Any) -> Any:
        scrubber.vault.forget("u1")
        scrubber.vault.reinstate("u1")
        return native(self, **kwargs)

    monkeypatch.setattr(type(collection), "upsert", slow)
    with pytest.raises(UserErasedError):
        u1.add([embedded("too late", id_="late")])
    assert "u1:late" not in collection.get()["ids"]


def test_an_id_with_a_name_is_replaced_once_the_name_is_known(
    u1: UserVectorStore, collection: Any, scrubber: Scrubber
) -> None:
    id = f"note on {NAME}"
    node = embedded("A pot.", id_=id, relationships=from_document(f"doc of {NAME}"))
    assert u1.add([node]) == [id]
    scrubber.scrub("x", user_id="u1", known={"PERSON": [NAME]})
    assert len(u1.get_nodes([id])) == 1
    (hashed,) = u1.add([node])
    assert hashed != id
    assert f"u1:{id}" not in collection.get()["ids"]
    assert [n.node_id for n in u1.get_nodes([id])] == [hashed]
    u1.delete(f"doc of {NAME}")
    assert u1.get_nodes([id]) == []


def test_keyed_user_ids_stay_out_of_the_store(collection: Any) -> None:
    scrubber = Scrubber(vault=MemoryVault(MasterKey.generate()))
    store = TenantVectorStore(
        ChromaVectorStore(chroma_collection=collection),
        scrubber=scrubber,
        keyed_user_ids=True,
        tenant_key="owner",
    )
    view = store.for_user("ann@example.com")
    view.add([embedded("kettle", id_="k")])
    assert ids(view) == {"k"}
    assert "ann@example.com" not in str(collection.get())
    assert collection.get()["metadatas"][0]["owner"].startswith("u")
    assert store.for_user("bob@example.com").get_nodes() == []
    with pytest.raises(TenancyError):
        view.query(question(filters=one("owner", "==", "x")))


# Both frameworks


def test_a_chunk_written_by_another_framework_is_read(
    store: TenantVectorStore, collection: Any, scrubber: Scrubber
) -> None:
    text = scrubber.scrub(f"Write to {PLANTED[2]} about the kettle.", user_id="u1").text
    collection.add(
        ids=["u1:lc-1"],
        documents=[text],
        metadatas=[{"user_id": "u1", "source": "crm", "n": 4}],
        embeddings=[EMBEDDING._get_text_embedding(text)],
    )
    result = store.for_user("u1").query(question())
    assert result.ids == ["lc-1"]
    (node,) = result.nodes or []
    assert type(node) is TextNode
    assert node.get_content() == text
    assert node.metadata == {"source": "crm", "n": 4}
    assert node.ref_doc_id is None
    assert ids(store.for_user("u2")) == set()
    store.for_user("u1").delete_nodes(["lc-1"])
    assert collection.count() == 0


def test_a_chunk_is_written_as_another_framework_reads_it(
    u1: UserVectorStore, collection: Any
) -> None:
    found = collection.get(ids=["u1:a"])
    assert found["documents"] == ["A blue kettle."]
    plain = {
        key: value
        for key, value in found["metadatas"][0].items()
        if not key.startswith("_node") and key not in {"document_id", "doc_id", "ref_doc_id"}
    }
    assert plain == {"user_id": "u1", "topic": "tea", "n": 1}


def test_changes_by_another_framework_are_seen(u1: UserVectorStore, collection: Any) -> None:
    collection.update(
        ids=["u1:a"],
        documents=["A brass kettle."],
        metadatas=[{"topic": "metal"}],
        embeddings=[EMBEDDING._get_text_embedding("A brass kettle.")],
    )
    (node,) = u1.get_nodes(["a"])
    assert node.get_content() == "A brass kettle."
    assert node.metadata["topic"] == "metal"


def test_text_stored_raw_by_something_else_is_scrubbed_on_the_way_out(
    store: TenantVectorStore, collection: Any, canaries: Canaries
) -> None:
    text = f"Mail {PLANTED[2]}"
    collection.add(
        ids=["u1:raw"],
        documents=[text],
        metadatas=[{"user_id": "u1", "mail": PLANTED[2], f"of {PLANTED[2]}": 1}],
        embeddings=[EMBEDDING._get_text_embedding(text)],
    )
    (node,) = store.for_user("u1").query(question()).nodes or []
    assert canaries.scan_object(node.to_dict()) == []
    assert len(node.metadata) == 2
    assert node.node_id == "raw"


def test_a_broken_or_foreign_node_content_is_no_way_in(
    store: TenantVectorStore, collection: Any
) -> None:
    theirs = TextNode(
        text="",
        relationships={
            NodeRelationship.NEXT: RelatedNodeInfo(node_id="u2:z", metadata={"user_id": "u2"})
        },
    )
    for content in ("{", "[]", json.dumps(theirs.to_dict())):
        collection.upsert(
            ids=["u1:x"],
            documents=["kettle"],
            metadatas=[{"user_id": "u1", "_node_content": content, "_node_type": "TextNode"}],
            embeddings=[EMBEDDING._get_text_embedding("kettle")],
        )
        if content.startswith('{"'):
            with pytest.raises(TenancyError):
                store.for_user("u1").get_nodes()
        else:
            (node,) = store.for_user("u1").get_nodes()
            assert (node.get_content(), node.metadata) == ("kettle", {})


def test_T11_no_other_object_is_retrieved_from(store: TenantVectorStore, collection: Any) -> None:
    other = IndexNode(text="", index_id="i", obj=TextNode(text="someone else's"))
    collection.add(
        ids=["u1:x"],
        documents=["kettle"],
        metadatas=[
            {
                "user_id": "u1",
                "n": 1,
                "_node_content": json.dumps(other.to_dict()),
                "_node_type": "IndexNode",
            }
        ],
        embeddings=[EMBEDDING._get_text_embedding("kettle")],
    )
    (node,) = store.for_user("u1").get_nodes()
    assert type(node) is TextNode
    assert (node.node_id, node.get_content(), node.metadata) == ("x", "kettle", {"n": 1})


def test_no_client_to_go_around_it(u1: UserVectorStore) -> None:
    assert u1.client is None
    assert KNOWN_FROM["PERSON"][0] not in repr(u1)
