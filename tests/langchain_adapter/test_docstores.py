"""A user's view of a store of parents that many share, and the retrievers that go to parents."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.retrievers import MultiVectorRetriever, ParentDocumentRetriever
from langchain_classic.retrievers.multi_vector import SearchType
from langchain_classic.storage import LocalFileStore, create_kv_docstore
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.stores import InMemoryByteStore, InMemoryStore
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import CharacterTextSplitter, RecursiveCharacterTextSplitter

from langchain_piirag import PIIRetriever, TenantVectorStore, UserDocstore, delete_user
from piirag import MemoryVault, Scrubber
from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    TenancyError,
    UserErasedError,
)

MAIL = "ottoline@brightmail.com"
EMBED = DeterministicFakeEmbedding(size=16)


def in_memory(path: Path) -> Any:
    return InMemoryVectorStore(EMBED)


def chroma(path: Path) -> Any:
    import chromadb
    from langchain_chroma import Chroma

    client = chromadb.PersistentClient(
        str(path / "chroma"), settings=chromadb.Settings(anonymized_telemetry=False)
    )
    return Chroma("chunks", embedding_function=EMBED, client=client)


def faiss(path: Path) -> Any:
    import faiss as native
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

    return FAISS(EMBED, native.IndexFlatL2(16), InMemoryDocstore(), {})


@pytest.fixture(params=[in_memory, chroma, faiss], ids=lambda made: made.__name__)
def tenants(request: Any, tmp_path: Path) -> TenantVectorStore:
    return TenantVectorStore(request.param(tmp_path), scrubber=Scrubber(vault=MemoryVault()))


@pytest.fixture
def quick() -> TenantVectorStore:
    return TenantVectorStore(in_memory(Path()), scrubber=Scrubber(vault=MemoryVault()))


def plain(path: Path) -> tuple[Any, bool]:
    return InMemoryStore(), False


def byte_store(path: Path) -> tuple[Any, bool]:
    return InMemoryByteStore(), True


def files(path: Path) -> tuple[Any, bool]:
    return LocalFileStore(path / "parents"), True


def kv_docstore(path: Path) -> tuple[Any, bool]:
    return create_kv_docstore(LocalFileStore(path / "parents")), False


def parents_of(view: Any, store: Any, encoded: bool = False, **options: Any) -> Any:
    return ParentDocumentRetriever(
        vectorstore=view,
        docstore=view.docstore(store, encoded=encoded),
        child_splitter=RecursiveCharacterTextSplitter(chunk_size=40, chunk_overlap=0),
        search_kwargs={"k": 20},
        **options,
    )


ABOUT = {"alice": "teapots", "bob": "lanterns", "carol": "spoons", "everybody": "chairs"}


def letter(user: str) -> Document:
    text = f"this is about {ABOUT[user]} and more, at some length. answers go to {MAIL} please."
    return Document(page_content=text, metadata={"topic": "kettles", "from": MAIL})


@pytest.mark.parametrize("kind", [plain, byte_store, files, kv_docstore])
def test_T11_parents_are_the_users_own(
    tenants: TenantVectorStore, tmp_path: Path, kind: Any
) -> None:
    store, encoded = kind(tmp_path)
    for user in ("alice", "bob"):
        parents_of(tenants.for_user(user), store, encoded).add_documents(
            [letter(user)], ids=["letter"]
        )
    for user in ("alice", "bob"):
        view = tenants.for_user(user)
        for search in (SearchType.similarity, SearchType.mmr):
            [found] = parents_of(view, store, encoded, search_type=search).invoke("a kettle")
            assert f"about {ABOUT[user]} and" in found.page_content
            assert MAIL not in found.page_content + str(found.metadata)
            assert set(found.metadata) == {"topic", "from"}
        [found] = asyncio.run(parents_of(view, store, encoded).ainvoke("a kettle"))
        assert ABOUT[user] in found.page_content
    assert MAIL not in str([getattr(store, "store", None), list(store.yield_keys())])
    assert all(
        MAIL.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


FOREIGN = ["letter", "bob:letter", "bob/letter", "../bob/letter", "x/../../bob/letter", ":bob:l"]


@pytest.mark.parametrize("kind", [plain, files, kv_docstore])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_T11_a_chunk_that_names_another_users_parent(
    quick: TenantVectorStore, tmp_path: Path, kind: Any, foreign: str
) -> None:
    store, encoded = kind(tmp_path)
    parents_of(quick.for_user("bob"), store, encoded).add_documents([letter("bob")], ids=["letter"])
    view = quick.for_user("alice")
    view.add_documents([Document(page_content="a kettle", metadata={"doc_id": foreign})])
    retriever = MultiVectorRetriever(
        vectorstore=view, docstore=view.docstore(store, encoded=encoded)
    )
    assert retriever.invoke("a kettle") == []
    docs = view.docstore(store, encoded=encoded)
    assert docs.mget([foreign]) == [None]
    docs.mdelete([foreign])
    docs.mset([(foreign, Document(page_content="of alice"))])
    bobs = quick.for_user("bob").docstore(store, encoded=encoded)
    assert ABOUT["bob"] in str(bobs.mget(["letter"]))
    assert list(bobs.yield_keys()) == ["letter"]
    [own] = docs.mget([foreign])
    assert own is not None and own.page_content == "of alice"


def test_T11_what_another_planted_under_ones_own_key_is_refused(quick: TenantVectorStore) -> None:
    store = InMemoryStore()
    store.mset(
        [
            ("alice:theirs", Document(page_content="x", metadata={"user_id": "bob"})),
            ("alice:nobodys", Document(page_content="x")),
            ("alice:list", Document(page_content="x", metadata={"user_id": ["alice"]})),
        ]
    )
    docs = quick.for_user("alice").docstore(store)
    for key in ("theirs", "nobodys", "list"):
        with pytest.raises(TenancyError):
            docs.mget([key])
    store.mset([("alice:no", "a text")])
    with pytest.raises(InvalidInputError):
        docs.mget(["no"])
    with pytest.raises(TenancyError):
        docs.mset([("k", Document(page_content="x", metadata={"user_id": "bob"}))])


@pytest.mark.parametrize("kind", [plain, files])
def test_a_key_that_holds_a_value_leads_from_the_chunk_to_its_parent(
    quick: TenantVectorStore, tmp_path: Path, kind: Any
) -> None:
    store, encoded = kind(tmp_path)
    retriever = parents_of(quick.for_user("alice"), store, encoded)
    retriever.add_documents([letter("alice")], ids=[f"mail of {MAIL}"])
    assert len(retriever.invoke("a kettle")) == 1
    assert MAIL not in str(list(store.yield_keys()))


def test_a_value_that_the_child_splitter_cuts_is_whole_in_neither_store(
    quick: TenantVectorStore,
) -> None:
    store = InMemoryStore()
    retriever = ParentDocumentRetriever(
        vectorstore=quick.for_user("alice"),
        docstore=quick.for_user("alice").docstore(store),
        child_splitter=CharacterTextSplitter(separator="", chunk_size=30, chunk_overlap=0),
    )
    text = "Write to the clerk ottoline@brightmail.com by Friday if you can."
    retriever.add_documents([Document(page_content=text)])
    children = [d.page_content for d in quick.for_user("alice").similarity_search("x", k=9)]
    assert len(children) > 1
    assert not any("ottoline" in child or "brightmail" in child for child in children)


def test_spaces_expiry_and_listing(quick: TenantVectorStore) -> None:
    store = InMemoryStore()
    retriever = parents_of(quick.shared(), store)
    retriever.add_documents([letter("everybody")], ids=["public"])
    reader = quick.for_user("alice", shared=True)
    assert len(parents_of(reader, store).invoke("a kettle")) == 1
    docs = reader.docstore(store)
    docs.mdelete(["public", ".shared:public"])
    assert len(parents_of(quick.shared(), store).invoke("a kettle")) == 1
    assert quick.for_user("alice").docstore(store).mget(["public"]) == [None]
    now = time.time()
    docs.mset(
        [
            (key, Document(page_content=key, metadata={"expires_at": until}))
            for key, until in (("over", now - 9), ("note", now + 999))
        ]
    )
    [over, note] = docs.mget(["over", "note"])
    assert over is None
    assert note is not None and isinstance(note.metadata["expires_at"], float)
    assert sorted(docs.yield_keys()) == ["note", "over"]
    assert list(docs.yield_keys(prefix="no")) == ["note"]
    for wrong in ("", None, 3):
        with pytest.raises(InvalidInputError):
            docs.mget([wrong])  # type: ignore[list-item]
    with pytest.raises(InvalidInputError):
        docs.mset([("k", "a text")])  # type: ignore[list-item]


@pytest.mark.parametrize("kind", [plain, files, byte_store])
def test_erasure_covers_the_parents(quick: TenantVectorStore, tmp_path: Path, kind: Any) -> None:
    store, encoded = kind(tmp_path)
    retrievers = {
        user: parents_of(quick.for_user(user), store, encoded) for user in ("alice", "bob", "carol")
    }
    for user, retriever in retrievers.items():
        retriever.add_documents([letter(user)], ids=["letter"])
    named = {"alice": [retrievers["alice"]], "bob": [quick, retrievers["bob"].docstore]}
    for user, targets in named.items():
        receipt = delete_user(user, targets=targets)
        assert receipt.complete
        assert [t.deleted for t in receipt.targets if t.kind == "key-value store"] == [1]
        with pytest.raises(UserErasedError):
            retrievers[user].docstore.mset([("late", letter(user))])
    assert [key[:5] for key in store.yield_keys()] == ["carol"]


def test_an_erasure_that_comes_between_leaves_nothing(
    quick: TenantVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = InMemoryStore()
    docs = quick.for_user("alice").docstore(store)
    docs.mset([("first", letter("alice"))])
    write = store.mset

    def raced(pairs: Any) -> None:
        delete_user("alice", targets=[docs])
        write(pairs)

    monkeypatch.setattr(store, "mset", raced)
    with pytest.raises(UserErasedError):
        docs.mset([("late", letter("alice"))])
    assert list(store.yield_keys()) == []


def test_the_question_is_clean_where_the_whole_is_wrapped(quick: TenantVectorStore) -> None:
    retriever = parents_of(quick.for_user("alice"), InMemoryStore())
    retriever.add_documents([letter("alice")])
    wrapped = PIIRetriever(retriever, scrubber=quick._scrubber, user_id="alice")
    [found] = wrapped.invoke(f"what did {MAIL} want")
    assert MAIL not in found.page_content


def test_what_is_refused(quick: TenantVectorStore) -> None:
    view = quick.for_user("alice")
    docs = view.docstore(InMemoryStore())
    assert isinstance(docs, UserDocstore)
    assert "alice" not in repr(docs)
    for wrong in (None, {}, docs):
        with pytest.raises(ConfigurationError):
            view.docstore(wrong)
