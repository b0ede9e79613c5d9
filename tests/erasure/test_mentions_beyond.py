"""Erasing people who are nobody's user from what is kept beside vectors. Threat E11."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import pytest
from langchain_classic.storage import create_kv_docstore
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.globals import set_llm_cache
from langchain_core.outputs import Generation
from langchain_core.stores import InMemoryByteStore, InMemoryStore
from langgraph.store.memory import InMemoryStore as GraphStore
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.ingestion import IngestionCache
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.settings import Settings
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.vector_stores.faiss import FaissMapVectorStore

from langchain_piirag.erasure_targets import GraphStoreTarget, KeyValueTarget, LLMCacheTarget
from langchain_piirag.stores import TenantStore
from llama_index_piirag import TenantChatStore
from llama_index_piirag.erasure_targets import (
    ChatStoreTarget,
    DocstoreTarget,
    EmbeddingCacheTarget,
    IngestionCacheTarget,
)
from piirag import MemoryVault, Scrubber, Vault
from piirag.erasure import (
    COMPLETE,
    PARTIAL,
    DeletableTarget,
    EditableTarget,
    ErasureReceipt,
    ErasureService,
    delete_user,
    erase_subject,
    find_subject,
)
from piirag.erasure.targets.faiss import FaissTarget
from support.erasure import RowsTarget

SOMEONE = "someone@example.org"


@pytest.fixture
def vault() -> Vault:
    return MemoryVault()


@pytest.fixture
def token(vault: Vault) -> str:
    """What stands for the person in what alice stores."""
    return Scrubber(vault=vault).scrub(SOMEONE, user_id="alice").text


def erased(target: Any, vault: Vault, how: str = "delete") -> ErasureReceipt:
    preview = find_subject(SOMEONE, [target, vault])
    assert preview.targets[0].editable
    return erase_subject(SOMEONE, preview, [target, vault], how=how)


def docstore(token: str) -> SimpleDocumentStore:
    """Two chunks of one document: one names the person, its neighbour repeats its metadata."""
    store = SimpleDocumentStore()
    about = {"user_id": "alice", "title": f"about {token}"}
    plain = {"user_id": "alice", "title": "about nobody"}
    source = RelatedNodeInfo(node_id="alice:doc")
    first = TextNode(id_="alice:1", text=f"Ask {token}.", metadata=about)
    second = TextNode(id_="alice:2", text="Ask nobody.", metadata=plain)
    first.relationships = {NodeRelationship.SOURCE: source}
    second.relationships = {
        NodeRelationship.SOURCE: source,
        NodeRelationship.PREVIOUS: RelatedNodeInfo(node_id="alice:1", metadata=dict(about)),
    }
    other = TextNode(id_="alice:3", text="Nothing.", metadata={"user_id": "alice"})
    other.relationships = {NodeRelationship.SOURCE: source}
    # The record of the document has the metadata of what came first.
    store.add_documents([first])
    store.add_documents([second, other])
    return store


def test_a_docstore_keeps_the_person_nowhere(vault: Vault, token: str, tmp_path: Path) -> None:
    store = docstore(token)
    path = tmp_path / "docstore.json"
    store.persist(str(path))
    hashed = store.get_document_hash("alice:1")
    target = DocstoreTarget(store, persist_path=path)
    assert isinstance(target, EditableTarget)
    receipt = erased(target, vault, "rescrub")
    assert receipt.status == COMPLETE
    assert "vectors" not in receipt.targets[0].note
    node = store.get_document("alice:1")
    assert node is not None
    assert node.get_content() == "Ask [EMAIL_ADDRESS]."
    assert store.get_document_hash("alice:1") == hashed
    record = store.get_ref_doc_info("alice:doc")
    assert record is not None
    assert record.node_ids == ["alice:1", "alice:2", "alice:3"]
    assert record.metadata == {"user_id": "alice", "title": "about [EMAIL_ADDRESS]"}
    second = store.get_document("alice:2")
    assert second is not None
    assert second.metadata["title"] == "about nobody"
    assert second.prev_node is not None
    assert second.prev_node.metadata["title"] == "about [EMAIL_ADDRESS]"
    assert token not in str(store.to_dict())
    assert token not in path.read_text()


def test_single_chunks_leave_a_docstore_with_what_is_recorded_of_them(
    vault: Vault, token: str
) -> None:
    store = docstore(token)
    assert erased(DocstoreTarget(store), vault).status == COMPLETE
    assert set(store.docs) == {"alice:3"}
    record = store.get_ref_doc_info("alice:doc")
    assert record is not None
    assert (record.node_ids, record.metadata) == (["alice:3"], {"user_id": "alice"})
    assert token not in str(store.to_dict())
    assert delete_user("alice", targets=[DocstoreTarget(store)]).status == COMPLETE
    assert not store.docs


@pytest.mark.parametrize("how", ["delete", "rescrub"])
def test_llama_index_over_faiss_loses_what_its_nodes_repeat(
    vault: Vault, token: str, how: str, tmp_path: Path
) -> None:
    texts = docstore(token)
    store = FaissMapVectorStore(faiss.IndexIDMap2(faiss.IndexFlatL2(2)))
    target = FaissTarget(store, docstore=texts, folder=tmp_path)
    import numpy as np

    vectors = np.array([[float(i), 1.0] for i in range(3)], dtype="f4")
    target._items.add(["alice:1", "alice:2", "alice:3"], vectors)  # type: ignore[attr-defined]
    target._items.write(tmp_path)
    before = np.asarray(target.vectors("alice")).tolist()
    assert erased(target, vault, how).status == COMPLETE
    assert token not in str(texts.to_dict())
    assert not [p for p in tmp_path.iterdir() if token.encode() in p.read_bytes()]
    left = np.asarray(target.vectors("alice")).tolist()
    assert left == (before if how == "rescrub" else before[2:])
    if how == "rescrub":
        [item] = [i for i in target.items("alice") if i.id == "alice:1"]
        target.replace_items([item], [[7.0, 8.0]])
        assert [7.0, 8.0] in np.asarray(target.vectors("alice")).tolist()
        assert len(list(target.vectors("alice"))) == 3


def test_documents_under_keys_are_scrubbed_again(vault: Vault, token: str) -> None:
    inner = InMemoryByteStore()
    for store in (create_kv_docstore(inner), InMemoryStore()):
        document = Document(f"Ask {token}.", metadata={"user_id": "alice", "by": token})
        store.mset([("1", document), ("2", Document("Nothing.", metadata={"user_id": "alice"}))])
        target = KeyValueTarget(store)
        assert isinstance(target, EditableTarget)
        assert erased(target, vault, "rescrub").status == COMPLETE
        found, other = store.mget(["1", "2"])
        assert isinstance(found, Document)
        assert isinstance(other, Document)
        assert found.page_content == "Ask [EMAIL_ADDRESS]."
        assert found.metadata == {"user_id": "alice", "by": "[EMAIL_ADDRESS]"}
        assert other.page_content == "Nothing."
        token = Scrubber(vault=vault).scrub(SOMEONE, user_id="alice").text


def test_texts_under_keys_are_scrubbed_again(vault: Vault, token: str) -> None:
    store = InMemoryByteStore()
    store.mset([("alice:1", f"Ask {token}.".encode()), ("alice:2", b"Nothing.")])
    assert erased(KeyValueTarget(store), vault, "rescrub").status == COMPLETE
    assert store.store == {"alice:1": b"Ask [EMAIL_ADDRESS].", "alice:2": b"Nothing."}


def llm_cache(vault: Vault, token: str) -> tuple[Any, Any]:
    cache = InMemoryCache()
    mark = f"model---piirag:{vault.tenant_tag('alice')}"
    prompt = f'[{{"content": "{token}"}}, {{"content": "and a much longer question than that"}}]'
    cache.update(prompt, mark, [Generation(text="yes")])
    cache.update("something else", mark, [Generation(text="no")])
    return LLMCacheTarget(cache, vault), lambda: [prompt for prompt, _ in cache._cache]


def ingestion(vault: Vault, token: str) -> tuple[Any, Any]:
    cache = IngestionCache()
    for key, text in (("a", token), ("b", "nothing")):
        cache.put(key, [TextNode(text="chunk", metadata={"user_id": "alice", "by": text})])
    return IngestionCacheTarget(cache), lambda: str(cache.cache.get_all(cache.collection))


def embeddings(vault: Vault, token: str) -> tuple[Any, Any]:
    cache = SimpleKVStore()
    for text in (f"Ask {token}.", "Nothing."):
        cache.put(text, {"x": [1.0]}, collection="embeddings")
    target = EmbeddingCacheTarget(cache, user_id="alice")
    return target, lambda: str(cache.get_all("embeddings"))


@pytest.mark.parametrize("how", ["delete", "rescrub"])
@pytest.mark.parametrize("make", [llm_cache, ingestion, embeddings])
def test_what_can_be_computed_again_is_deleted_either_way(
    make: Any, how: str, vault: Vault, token: str
) -> None:
    target, read = make(vault, token)
    assert isinstance(target, DeletableTarget)
    assert not isinstance(target, EditableTarget)
    assert token in str(read())
    receipt = erased(target, vault, how)
    assert receipt.status == COMPLETE
    assert (receipt.targets[0].found, receipt.targets[0].remaining) == (1, 0)
    assert token not in str(read())
    assert target.count("alice") == 1


def test_messages_are_deleted_by_what_they_say(vault: Vault, token: str) -> None:
    store = SimpleChatStore()
    told = [f"Ask {token}.", "Hello.", f"Ask {token}.", "Bye."]
    store.set_messages("alice:s", [ChatMessage(role="user", content=text) for text in told])
    store.set_messages("bob:s", [ChatMessage(role="user", content="Hello.")])
    target = ChatStoreTarget(store)
    ids = [item.id for item in target.items("alice")]
    assert len(set(ids)) == 4
    preview = find_subject(SOMEONE, [target, vault])
    stuck = erase_subject(SOMEONE, preview, [target, vault], how="rescrub")
    assert stuck.status == PARTIAL
    assert "how='delete'" in stuck.targets[0].note
    assert erase_subject(SOMEONE, preview, [target, vault]).status == COMPLETE
    # The same call again, as after a crash: places would name other messages by now.
    target.delete_items([ids[0], ids[2]])
    assert [m.content for m in store.get_messages("alice:s")] == ["Hello.", "Bye."]
    assert [m.content for m in store.get_messages("bob:s")] == ["Hello."]


def test_items_of_a_graph_store_are_scrubbed_again(vault: Vault, token: str) -> None:
    store = GraphStore()
    store.put(("facts",), "1", {"user_id": "alice", "said": [token]})
    store.put(("facts",), "2", {"user_id": "alice", "said": ["nothing"]})
    assert erased(GraphStoreTarget(store), vault, "rescrub").status == COMPLETE
    found = store.get(("facts",), "1")
    assert found is not None
    assert found.value == {"user_id": "alice", "said": ["[EMAIL_ADDRESS]"]}


@pytest.mark.parametrize("tenants", [None, ["alice", "bob"]])
def test_conversations_of_everybody(vault: Vault, tenants: list[str] | None) -> None:
    scrubber = Scrubber(vault=vault)
    chats = TenantChatStore(SimpleChatStore(), scrubber=scrubber)
    items = TenantStore(GraphStore(), scrubber=scrubber)
    for user in ("alice", "bob"):
        for text in (f"Ask {SOMEONE}.", "Nothing."):
            chats.for_user(user).add_message("s", ChatMessage(role="user", content=text))
            items.for_user(user).put(("facts",), text[:3], {"text": text})
    targets = [chats, items]
    preview = find_subject(SOMEONE, targets, tenants=tenants)
    assert len(preview.mentions) == 4
    assert preview.complete
    receipt = erase_subject(SOMEONE, preview, targets, tenants=tenants)
    assert receipt.status == COMPLETE
    for user in ("alice", "bob"):
        assert [m.content for m in chats.for_user(user).get_messages("s")] == ["Nothing."]
        assert [i.value["text"] for i in items.for_user(user).search(("facts",))] == ["Nothing."]


@pytest.fixture
def global_cache() -> Iterator[InMemoryCache]:
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def test_the_global_llm_cache_is_named_and_never_erased_unasked(
    global_cache: InMemoryCache, vault: Vault
) -> None:
    global_cache.update("a prompt", "model", [Generation(text="a reply")])
    Scrubber(vault=vault).scrub(SOMEONE, user_id="alice")
    service = ErasureService([vault])
    named = "llm cache:InMemoryCache (llm cache): known, but not registered"
    assert named in service.delete_user("alice").not_covered
    assert global_cache.lookup("a prompt", "model")
    assert named in service.left_out
    registered = LLMCacheTarget(global_cache, vault, clear_unattributed=True)
    assert ErasureService([vault, registered]).left_out == ()
    assert ErasureService([vault], not_covered=[global_cache]).left_out == (named,)
    set_llm_cache(None)
    assert service.left_out == ()


def test_a_global_cache_that_lists_nothing_is_named(vault: Vault) -> None:
    class Opaque(InMemoryCache):
        def __init__(self) -> None:
            pass

    set_llm_cache(Opaque())
    try:
        [name] = ErasureService([vault]).left_out
    finally:
        set_llm_cache(None)
    assert name == "LangChain's LLM cache (Opaque): known, but not registered"


def test_the_cache_of_the_global_embedding_model_is_named(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SimpleKVStore()
    monkeypatch.setattr(Settings, "_embed_model", MockEmbedding(2, embeddings_cache=cache))
    [name] = ErasureService([vault]).left_out
    assert name == "embedding cache:SimpleKVStore (embedding cache): known, but not registered"
    registered = EmbeddingCacheTarget(cache, clear_unattributed=True)
    assert ErasureService([vault, registered]).left_out == ()


@pytest.mark.parametrize("names", [("Jane", "Jane Roe"), ("Jane Roe", "Jane")])
def test_a_store_named_for_the_person_is_told_without_the_name(names, vault, tmp_path) -> None:
    rows = RowsTarget(tmp_path / "rows", "notes of jane roe, and Jane's")
    preview = find_subject(names, [rows, vault])
    assert preview.targets[0].name == "notes of (user), and (user)'s"
