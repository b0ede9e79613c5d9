"""Deletions that find a user's items without the store's own filter: they find the same ones."""

from __future__ import annotations

from typing import Any

import pytest

from piirag.erasure import delete_user
from support.packages import need

TAGS: list[Any] = [
    "alice",
    "alic",
    "alice2",
    "ALICE",
    ["alice"],
    ["alice", "bob"],
    [["alice"]],
    {"alice": 1},
    [],
    None,
    7,
    True,
    "",
]


def test_T15_local_qdrant_deletes_what_its_filter_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    need("qdrant_client")
    from qdrant_client import QdrantClient, models

    from piirag.erasure.targets.qdrant import QdrantTarget

    client = QdrantClient(":memory:")
    params = models.VectorParams(size=1, distance=models.Distance.DOT)
    client.create_collection("items", vectors_config=params)
    payloads: list[Any] = [{"user_id": tag} for tag in TAGS]
    payloads += [{"metadata": {"user_id": tag}} for tag in TAGS]
    payloads += [{"user_id": a, "metadata": {"user_id": b}} for a in TAGS for b in TAGS]
    payloads += [{"metadata": tag} for tag in TAGS] + [{}, {"metadata": [{"user_id": "alice"}]}]
    points = [models.PointStruct(id=n, vector=[1.0], payload=p) for n, p in enumerate(payloads)]
    client.upsert("items", points)
    client.delete("items", models.PointIdsList(points=[0]))
    target = QdrantTarget(client, "items")
    expected = {item.id for item in target.items("alice")}
    asked: list[Any] = []
    delete = client.delete
    monkeypatch.setattr(
        client, "delete", lambda *a, **k: (asked.append(k["points_selector"]), delete(*a, **k))
    )
    target.delete("alice")
    [selector] = asked
    assert isinstance(selector, models.PointIdsList)  # evaluating a filter takes far longer
    assert {str(id) for id in selector.points} == expected
    assert target.count("alice") == 0
    assert client.count("items").count == len(payloads) - 1 - len(expected)


def test_faiss_finds_a_users_documents_without_searching_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("faiss", "langchain_community")
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import DeterministicFakeEmbedding

    from piirag.erasure.targets.faiss import FaissTarget

    store = FAISS(DeterministicFakeEmbedding(size=4), faiss.IndexFlatL2(4), InMemoryDocstore(), {})
    users = [n % 10 for n in range(100)]
    store.add_texts(
        [f"text {n}" for n in range(100)],
        metadatas=[{"user_id": f"u{user}-x"} for user in users],
        ids=[f"u{user}-x:{n}" for n, user in enumerate(users)],
    )
    del store.docstore._dict["u3-x:13"]  # an interrupted deletion: the vector is there still
    asked: list[str] = []
    search = store.docstore.search
    monkeypatch.setattr(store.docstore, "search", lambda id: asked.append(id) or search(id))
    FaissTarget(store).delete("u3-x")
    assert len(asked) <= 10
    assert FaissTarget(store).count("u3-x") == 0
    assert len(store.docstore._dict) == store.index.ntotal == 90
    assert sorted(store.index_to_docstore_id) == list(range(90))


def test_faiss_with_something_in_it_that_is_no_document() -> None:
    need("faiss", "langchain_community")
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import DeterministicFakeEmbedding

    store = FAISS(DeterministicFakeEmbedding(size=4), faiss.IndexFlatL2(4), InMemoryDocstore(), {})
    store.add_texts(["a", "b"], [{"user_id": "u1"}, {"user_id": "u2"}], ["u1:1", "u2:1"])
    store.docstore._dict["u1:2"] = object()
    receipt = delete_user("u1", targets=[store])
    assert receipt.complete
    assert list(store.docstore._dict) == ["u2:1"]


def test_that_nothing_is_left_is_qdrants_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted another way must not be what says that all is gone."""
    need("qdrant_client")
    from qdrant_client import QdrantClient, models

    from piirag.erasure.targets.qdrant import QdrantTarget

    client = QdrantClient(":memory:")
    params = models.VectorParams(size=1, distance=models.Distance.DOT)
    client.create_collection("items", vectors_config=params)
    points = [
        models.PointStruct(id=n, vector=[1.0], payload={"user_id": "alice"}) for n in range(3)
    ]
    client.upsert("items", points)
    target = QdrantTarget(client, "items")
    monkeypatch.setattr(target, "_in_memory", lambda tag: [])  # it finds none of them
    assert target.count("alice") == 3
    assert delete_user("alice", targets=[target]).complete
    assert client.count("items").count == 0
