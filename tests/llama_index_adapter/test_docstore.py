"""A user's view of a docstore that many share, and the retrievers that follow ids into it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import (
    HierarchicalNodeParser,
    SentenceSplitter,
    get_leaf_nodes,
)
from llama_index.core.postprocessor import PrevNextNodePostprocessor
from llama_index.core.postprocessor.node import AutoPrevNextNodePostprocessor
from llama_index.core.retrievers import (
    AutoMergingRetriever,
    QueryFusionRetriever,
    RecursiveRetriever,
)
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import (
    Document,
    IndexNode,
    NodeRelationship,
    NodeWithScore,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.simple import SimpleVectorStore

from llama_index_piirag import TenantIndex, UserDocstore, UserIndex, delete_user
from piirag import MemoryVault, Scrubber
from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    PiiragError,
    TenancyError,
    UserErasedError,
)
from support.llama_fakes import HashedEmbedding

MAIL = "ottoline@brightmail.com"
LETTER = " ".join(
    f"Sentence {n} of {{user}} about the kettle, written to {MAIL} in spring." for n in range(16)
)


def simple(path: Path) -> Any:
    return SimpleVectorStore()


def chroma(path: Path) -> Any:
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(
        str(path / "chroma"), settings=chromadb.Settings(anonymized_telemetry=False)
    )
    return ChromaVectorStore(chroma_collection=client.create_collection("chunks"))


def qdrant(path: Path) -> Any:
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    return QdrantVectorStore(client=QdrantClient(path=str(path / "q")), collection_name="chunks")


def lancedb(path: Path) -> Any:
    from llama_index.vector_stores.lancedb import LanceDBVectorStore

    return LanceDBVectorStore(str(path / "lance"), "chunks")


STORES = [simple, chroma, qdrant, lancedb]


@pytest.fixture
def docstore() -> SimpleDocumentStore:
    return SimpleDocumentStore()


@pytest.fixture(params=STORES, ids=lambda made: made.__name__)
def tenants(request: Any, tmp_path: Path, docstore: SimpleDocumentStore) -> TenantIndex:
    return TenantIndex(
        request.param(tmp_path),
        scrubber=Scrubber(vault=MemoryVault()),
        embed_model=HashedEmbedding(),
        docstore=docstore,
    )


@pytest.fixture
def shared_simple(docstore: SimpleDocumentStore) -> TenantIndex:
    return TenantIndex(
        SimpleVectorStore(),
        scrubber=Scrubber(vault=MemoryVault()),
        embed_model=HashedEmbedding(),
        docstore=docstore,
    )


def grown(index: UserIndex, user: str) -> list[Any]:
    """Parents and leaves of a letter: all in the docstore, the leaves in the vector store."""
    parser = HierarchicalNodeParser.from_defaults(chunk_sizes=[256, 64], chunk_overlap=0)
    nodes = parser.get_nodes_from_documents([Document(id_="l", text=LETTER.format(user=user))])
    index.docstore.add_documents(nodes)
    index.insert_nodes(get_leaf_nodes(nodes))
    return nodes


def texts(found: list[NodeWithScore]) -> str:
    return "\n".join(item.node.get_content("none") for item in found)


def test_T11_auto_merging_finds_only_own_parents(tenants: TenantIndex) -> None:
    views = {user: tenants.for_user(user) for user in ("alice", "bob")}
    for user, view in views.items():
        grown(view, user)
    for user, other in (("alice", "bob"), ("bob", "alice")):
        view = tenants.for_user(user)
        base = view.as_retriever(similarity_top_k=20)
        leaves = base.retrieve("the kettle")
        merged = AutoMergingRetriever(base, view.storage_context).retrieve("the kettle")
        ids = {item.node.node_id for item in leaves}
        assert [item for item in merged if item.node.node_id not in ids]  # a parent came
        assert user in texts(merged)
        assert other not in texts(merged)
        assert MAIL not in texts(merged)
        assert all("user_id" not in item.node.metadata for item in merged)


def test_T11_neighbours_of_a_node_are_found_and_only_own_ones(tenants: TenantIndex) -> None:
    splitter = SentenceSplitter(chunk_size=64, chunk_overlap=0)
    for user in ("alice", "bob"):
        nodes = splitter.get_nodes_from_documents([Document(text=LETTER.format(user=user))])
        tenants.for_user(user).insert_nodes(nodes)
    view = tenants.for_user("alice")
    found = view.as_retriever(similarity_top_k=1).retrieve("Sentence 12")
    for mode in ("next", "previous", "both"):
        more = PrevNextNodePostprocessor(
            docstore=view.docstore, num_nodes=2, mode=mode
        ).postprocess_nodes(found)
        assert len(more) > 1
        assert "bob" not in texts(more)
        assert MAIL not in texts(more)
    engine = view.as_query_engine(
        MockLLM(),
        similarity_top_k=1,
        node_postprocessors=[PrevNextNodePostprocessor(docstore=view.docstore, mode="both")],
    )
    assert len(engine.query("Sentence 12").source_nodes) > 1


def test_a_direction_that_a_model_guesses(shared_simple: TenantIndex) -> None:
    class Next(MockLLM):
        def complete(self, *args: Any, **kwargs: Any) -> Any:
            reply = super().complete("NEXT")
            reply.text = "NEXT"
            return reply

        def predict(self, *args: Any, **kwargs: Any) -> str:
            return "NEXT"

    splitter = SentenceSplitter(chunk_size=64, chunk_overlap=0)
    nodes = splitter.get_nodes_from_documents([Document(text=LETTER.format(user="alice"))])
    view = shared_simple.for_user("alice")
    view.insert_nodes(nodes)
    found = view.as_retriever(similarity_top_k=1).retrieve("Sentence 3")
    more = AutoPrevNextNodePostprocessor(docstore=view.docstore, llm=Next()).postprocess_nodes(
        found, query_str="what came then"
    )
    assert len(more) == 2


HOSTILE = ["{id}", "bob:{id}", "bob/{id}", "../bob:{id}", "alice:../bob:{id}", ":bob:{id}"]


@pytest.mark.parametrize("form", HOSTILE)
@pytest.mark.parametrize("kind", [NodeRelationship.PARENT, NodeRelationship.NEXT])
def test_T11_a_node_that_names_another_users_as_its_parent_or_neighbour(
    tenants: TenantIndex, form: str, kind: NodeRelationship
) -> None:
    bobs = [n for n in grown(tenants.for_user("bob"), "bob") if not n.parent_node]
    foreign = form.format(id=bobs[0].node_id)
    view = tenants.for_user("alice")
    mine = TextNode(
        id_="mine",
        text="the kettle of alice",
        relationships={kind: RelatedNodeInfo(node_id=foreign)},
    )
    view.insert_nodes([mine])
    base = view.as_retriever(similarity_top_k=5)
    found = base.retrieve("the kettle")
    follow: Any = PrevNextNodePostprocessor(docstore=view.docstore).postprocess_nodes
    if kind == NodeRelationship.PARENT:
        follow, found = AutoMergingRetriever(base, view.storage_context).retrieve, "the kettle"
    with pytest.raises(InvalidInputError) as caught:
        follow(found)
    assert foreign not in str(caught.value)
    assert view.docstore.get_document(foreign, raise_error=False) is None
    assert view.docstore.get_nodes([foreign], raise_error=False) == []
    assert not view.docstore.document_exists(foreign)


def test_T11_what_another_planted_under_ones_own_id_is_refused(
    shared_simple: TenantIndex, docstore: SimpleDocumentStore
) -> None:
    docstore.add_documents(
        [
            TextNode(id_="alice:theirs", text="of bob", metadata={"user_id": "bob"}),
            TextNode(id_="alice:nobodys", text="of nobody"),
            TextNode(id_="alice:list", text="of both", metadata={"user_id": ["alice", "bob"]}),
            TextNode(
                id_="alice:related",
                text="mine",
                metadata={"user_id": "alice"},
                relationships={
                    NodeRelationship.PARENT: RelatedNodeInfo(
                        node_id="bob:p", metadata={"user_id": "bob", "secret": "of bob"}
                    )
                },
            ),
        ]
    )
    view = shared_simple.for_user("alice").docstore
    for id in ("theirs", "nobodys", "list", "related"):
        with pytest.raises(TenancyError):
            view.get_document(id)


def test_T12_fusion_and_recursive_retrievers_go_on_in_ones_own_docstore(
    tenants: TenantIndex,
) -> None:
    for user in ("alice", "bob"):
        view = tenants.for_user(user)
        base = TextNode(id_="chapter", text=f"The whole chapter of {user} for {MAIL}.")
        view.docstore.add_documents([base])
        view.insert_nodes(
            [
                IndexNode(id_=f"part-{n}", text=f"part {n} of {user}", index_id="chapter")
                for n in range(3)
            ]
        )
    for user in ("alice", "bob"):
        view = tenants.for_user(user)
        leg = view.as_retriever(similarity_top_k=3)
        assert {item.node.index_id for item in leg.retrieve("part")} == {"chapter"}
        recursive = RecursiveRetriever("root", {"root": leg}, node_dict=view.docstore.docs)
        [found] = recursive.retrieve("part")
        assert user in found.node.get_content("none")
        assert MAIL not in texts([found])
        for mode in FUSION_MODES:
            fused = QueryFusionRetriever(
                [leg, recursive],
                llm=MockLLM(),
                num_queries=1,
                similarity_top_k=9,
                mode=mode,
                use_async=False,
            ).retrieve("part")
            assert len(fused) == 4
            other = {"alice": "bob", "bob": "alice"}[user]
            assert other not in texts(fused)


@pytest.mark.parametrize("foreign", ["bob:chapter", "bob/chapter", "chapter"])
def test_T11_an_index_node_leads_to_no_other_user(shared_simple: TenantIndex, foreign: str) -> None:
    shared_simple.for_user("bob").docstore.add_documents([TextNode(id_="chapter", text="of bob")])
    view = shared_simple.for_user("alice")
    view.insert_nodes([IndexNode(id_="x", text="part of alice", index_id=foreign)])
    leg = view.as_retriever()
    with pytest.raises(ValueError, match="not found"):
        RecursiveRetriever("root", {"root": leg}, node_dict=view.docstore.docs).retrieve("part")


def test_an_index_node_that_holds_an_object_is_refused(shared_simple: TenantIndex) -> None:
    view = shared_simple.for_user("alice")
    node = IndexNode(text="part", index_id="i", obj=TextNode(text=MAIL))
    with pytest.raises(InvalidInputError):
        view.insert_nodes([node])
    with pytest.raises(InvalidInputError):
        view.docstore.add_documents([node])


def test_an_object_that_was_planted_in_an_index_node_is_not_followed(
    shared_simple: TenantIndex, docstore: SimpleDocumentStore
) -> None:
    planted = IndexNode(
        id_="alice:i",
        text="part",
        index_id="alice:x",
        obj=TextNode(text="of bob"),
        metadata={"user_id": "alice"},
    )
    docstore.add_documents([planted])
    view = shared_simple.for_user("alice")
    found: Any = view.docstore.get_document("i")
    assert (found.obj, found.index_id) == (None, "x")
    foreign = planted.model_copy(update={"id_": "alice:j", "index_id": "bob:x", "obj": None})
    docstore.add_documents([foreign])
    plain = view.docstore.get_document("j")
    assert (type(plain), plain and plain.get_content("none")) == (TextNode, "part")


def test_what_is_written_is_scrubbed_tagged_and_read_back(
    shared_simple: TenantIndex, docstore: SimpleDocumentStore
) -> None:
    view = shared_simple.for_user("alice").docstore
    view.add_documents(
        [
            Document(id_="d", text=f"of {MAIL}", metadata={"mail": MAIL}),
            TextNode(
                id_=MAIL,
                text="x",
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")},
            ),
        ]
    )
    assert MAIL not in str(docstore.to_dict())
    assert all(id.startswith("alice:") for id in docstore.docs)
    found = view.get_document("d")
    assert found is not None and found.node_id == "d"
    assert set(found.metadata) == {"mail"}
    by_mail = view.get_document(MAIL)
    assert by_mail is not None and by_mail.ref_doc_id == "d"
    assert set(view.docs) == {"d", by_mail.node_id}
    again = shared_simple.for_user("bob").docstore
    assert again.docs == {}
    assert again.get_document("d", raise_error=False) is None
    with pytest.raises(TenancyError):
        again.add_documents([TextNode(text="x", metadata={"user_id": "alice"})])


def test_hashes_and_records_are_the_users_own(shared_simple: TenantIndex) -> None:
    for user in ("alice", "bob"):
        view = shared_simple.for_user(user).docstore
        source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")}
        view.add_documents([TextNode(id_="n", text=user, relationships=source)])
        view.set_document_hash("d", f"hash of {user}")
    alice = shared_simple.for_user("alice").docstore
    assert alice.get_document_hash("d") == "hash of alice"
    assert alice.get_document_hash("bob:d") is None
    assert set(alice.get_all_document_hashes().values()) == {"d", "n"}
    assert list(alice.get_all_ref_doc_info() or {}) == ["d"]
    record = alice.get_ref_doc_info("d")
    assert record is not None and (record.node_ids, record.metadata) == (["n"], {})
    assert alice.get_ref_doc_info("bob:d") is None
    alice.delete_ref_doc("d")
    assert alice.docs == {} and alice.get_document_hash("d") is None
    assert set(shared_simple.for_user("bob").docstore.docs) == {"n"}
    with pytest.raises(InvalidInputError):
        alice.delete_document("bob:n")
    alice.delete_document("bob:n", raise_error=False)
    assert set(shared_simple.for_user("bob").docstore.docs) == {"n"}


def test_spaces_are_read_and_not_written(shared_simple: TenantIndex) -> None:
    shared_simple.shared().insert_nodes(
        [
            TextNode(id_=f"s{n}", text=f"public part {n}", relationships=relations)
            for n, relations in enumerate(
                [{}, {NodeRelationship.NEXT: RelatedNodeInfo(node_id="s0")}]
            )
        ]
    )
    reader = shared_simple.for_user("alice", shared=True)
    found = reader.as_retriever(similarity_top_k=1).retrieve("public part 1")
    more = PrevNextNodePostprocessor(docstore=reader.docstore).postprocess_nodes(found)
    assert [item.node.node_id for item in more] == [".shared:s1", ".shared:s0"]
    stranger = shared_simple.for_user("alice").docstore
    assert stranger.get_document(".shared:s0", raise_error=False) is None
    reader.docstore.delete_document(".shared:s0", raise_error=False)
    reader.delete_nodes([".shared:s0", ".shared:s1"])
    reader.delete_ref_doc(".shared:s0")
    assert set(shared_simple.shared().docstore.docs) == {"s0", "s1"}


def test_what_expired_is_not_there(shared_simple: TenantIndex) -> None:
    view = shared_simple.for_user("alice").docstore
    for id, until in (("over", time.time() - 9), ("not", time.time() + 999)):
        view.add_documents([TextNode(id_=id, text="x", metadata={"expires_at": until})])
    assert view.get_document("over", raise_error=False) is None
    assert list(view.docs) == ["not"]
    found = view.get_document("not")
    assert found is not None and isinstance(found.metadata["expires_at"], float)


def test_ids_that_bear_the_tag_already(shared_simple: TenantIndex) -> None:
    view = shared_simple.for_user("alice").docstore
    view.add_documents([TextNode(id_="n", text="x")])
    found = view.get_document("alice:n")
    assert found is not None and found.node_id == "n"


def test_in_async_code(shared_simple: TenantIndex) -> None:
    async def use() -> None:
        view = shared_simple.for_user("alice").docstore
        source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")}
        await view.async_add_documents([TextNode(id_="n", text=MAIL, relationships=source)])
        found = await view.aget_document("n")
        assert found is not None and MAIL not in found.get_content("none")
        assert await view.adocument_exists("n")
        await view.aset_document_hashes({"d": "h"})
        await view.aset_document_hash("e", "h2")
        assert await view.aget_document_hash("d") == "h"
        assert set((await view.aget_all_document_hashes()).values()) == {"n", "d", "e"}
        assert list(await view.aget_all_ref_doc_info() or {}) == ["d"]
        assert await view.aget_ref_doc_info("x") is None
        await view.adelete_ref_doc("d")
        await view.adelete_document("n", raise_error=False)
        assert view.docs == {}

    asyncio.run(use())


def test_an_erasure_that_comes_between_leaves_nothing(
    shared_simple: TenantIndex, docstore: SimpleDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = shared_simple.for_user("alice").docstore
    write = docstore.add_documents

    def raced(*args: Any, **kwargs: Any) -> None:
        delete_user("alice", targets=shared_simple.erasure_targets())
        write(*args, **kwargs)

    shared_simple.for_user("alice").insert(Document(text="there"))
    monkeypatch.setattr(docstore, "add_documents", raced)
    with pytest.raises(UserErasedError):
        view.add_documents([TextNode(id_="n", text="late")])
    assert docstore.docs == {}


def test_erasing_through_a_view_or_its_context(
    shared_simple: TenantIndex, docstore: SimpleDocumentStore
) -> None:
    for user in ("alice", "bob"):
        grown(shared_simple.for_user(user), user)
    before = len(docstore.docs)
    context = shared_simple.for_user("alice").storage_context
    assert delete_user("alice", targets=[context]).complete
    assert 0 < len(docstore.docs) < before
    assert delete_user("bob", targets=[shared_simple.for_user("bob").docstore]).complete
    assert docstore.docs == {}


def test_what_a_view_does_not_offer(shared_simple: TenantIndex, tmp_path: Path) -> None:
    view = shared_simple.for_user("alice").docstore
    with pytest.raises(TenancyError):
        view.persist(str(tmp_path / "docs.json"))
    assert "alice" not in repr(view)
    bare = TenantIndex(
        SimpleVectorStore(), scrubber=Scrubber(), embed_model=HashedEmbedding()
    ).for_user("alice")
    with pytest.raises(ConfigurationError):
        _ = bare.docstore
    assert isinstance(view, UserDocstore)
    for wrong in ("", None, 3):
        with pytest.raises(PiiragError):
            view.get_document(wrong)  # type: ignore[arg-type]
