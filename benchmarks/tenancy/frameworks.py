"""What LangChain and LlamaIndex put on top of a store, used on a user's view."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.tenancy.cells import Run
from piirag.errors import PiiragError
from piirag.testing.hostile import Hostile
from piirag.testing.tenancy import QUESTION, Item

Ask = tuple[str, Callable[[], Any]]


def changed_options(run: Run, alice: str, bob: str) -> Iterator[Ask]:
    """Retrievers whose options are changed after they were made."""
    hostile = Hostile(bob, alice, run.driver.key)
    options: list[Any] = [None, {}, *hostile.tenant_filters(run.amount(40))]
    if run.driver.framework == "langchain":
        yield from _changed_langchain(run.view(alice), options)
    else:
        yield from _changed_llama_index(run, alice, options)


def _changed_langchain(view: Any, options: Sequence[Any]) -> Iterator[Ask]:
    from langchain_core.runnables import ConfigurableField

    narrow = {"filter": {"n": {"$gte": 0}}}

    def mutated(filter: Any) -> list[Item]:
        retriever = view.as_retriever(search_kwargs=dict(narrow))
        retriever.search_kwargs["filter"] = filter
        return documents(retriever.invoke(QUESTION))

    def replaced(filter: Any) -> list[Item]:
        retriever = view.as_retriever(search_kwargs=dict(narrow))
        retriever.search_kwargs = {"filter": filter}
        return documents(retriever.invoke(QUESTION, filter=filter))

    def configured(filter: Any) -> list[Item]:
        retriever = view.as_retriever(search_kwargs=dict(narrow)).configurable_fields(
            search_kwargs=ConfigurableField(id="search")
        )
        config: Any = {"configurable": {"search": {"filter": filter}}}
        return documents(retriever.invoke(QUESTION, config=config))

    for filter in options:
        for call in (mutated, replaced, configured):
            yield call.__name__, lambda c=call, f=filter: c(f)


def _changed_llama_index(run: Run, alice: str, options: Sequence[Any]) -> Iterator[Ask]:
    from llama_index_piirag.testing import to_filters

    def changed(filter: Any, mode: str) -> list[Item]:
        retriever = llama_retriever(run, alice, mode)
        retriever._retriever._filters = to_filters(filter)
        return nodes(retriever.retrieve(QUESTION))

    for filter in options:
        for mode in ("default", "mmr"):
            yield f"filters changed, {mode}", lambda f=filter, m=mode: changed(f, m)


def unfiltered(run: Run, alice: str) -> Iterator[Ask]:
    """Indices and modes that ignore filters."""
    if run.driver.framework == "langchain":
        yield from _unfiltered_langchain(run.view(alice))
    else:
        yield from _unfiltered_llama_index(run, alice)


def _unfiltered_langchain(view: Any) -> Iterator[Ask]:
    from langchain_core.vectorstores import VectorStore

    from langchain_piirag import TenantVectorStore

    class Unfiltered(VectorStore):
        """A store of a kind that nobody knows."""

        def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> Any:
            return []

        @classmethod
        def from_texts(cls, *args: Any, **kwargs: Any) -> Any:
            return cls()

    from piirag import Scrubber

    for store in (Unfiltered(), view, view.as_retriever(), object(), None):
        yield (
            f"TenantVectorStore({type(store).__name__})",
            lambda s=store: TenantVectorStore(s, scrubber=Scrubber()),
        )


def _unfiltered_llama_index(run: Run, alice: str) -> Iterator[Ask]:
    from llama_index.core import MockEmbedding, SimpleKeywordTableIndex, SummaryIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    from llama_index_piirag import TenantIndex, TenantVectorStore
    from piirag import Scrubber

    view = run.view(alice)
    embed = MockEmbedding(embed_dim=3)
    words = SimpleKeywordTableIndex([], llm=MockLLM())
    for index in (SummaryIndex([TextNode(text="x")]), words, view, None):
        name = type(index).__name__
        yield (
            f"TenantVectorStore({name})",
            lambda i=index: TenantVectorStore(i, scrubber=Scrubber()),
        )
        yield (
            f"TenantIndex({name})",
            lambda i=index: TenantIndex(i, scrubber=Scrubber(), embed_model=embed),
        )
    known = {*run.driver.tenants._node_store.modes, "mmr"}
    for mode in VectorStoreQueryMode:
        if mode.value not in known:
            query = VectorStoreQuery(query_embedding=[1.0], query_str=QUESTION, mode=mode)
            yield f"mode {mode.value}", lambda q=query: view.query(q)


def following(run: Run, alice: str, bob: str, ids: Sequence[str]) -> Iterator[Ask]:
    """Retrievers that go from a chunk to what it names, in a store that both users share."""
    view = run.view(alice)
    if run.driver.framework == "langchain":
        from langchain_classic.retrievers import MultiVectorRetriever
        from langchain_core.documents import Document
        from langchain_core.stores import InMemoryStore

        parents = InMemoryStore()
        for user in (alice, bob):
            whole = [(str(n), f"{QUESTION} of {user} as a whole") for n in range(5)]
            run.view(user).docstore(parents).mset(
                [(id, Document(page_content=text)) for id, text in whole]
            )
        retriever = MultiVectorRetriever(
            vectorstore=view,
            docstore=view.docstore(parents),
            id_key="parent_id",
            search_kwargs={"k": 50},
        )
        yield "MultiVectorRetriever", lambda: documents(retriever.invoke(QUESTION))
        return
    yield from _following_llama_index(run, alice, bob, ids)


def _following_llama_index(run: Run, alice: str, bob: str, ids: Sequence[str]) -> Iterator[Ask]:
    from llama_index.core import StorageContext
    from llama_index.core.postprocessor import PrevNextNodePostprocessor
    from llama_index.core.retrievers import AutoMergingRetriever
    from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
    from llama_index.core.storage.docstore import SimpleDocumentStore
    from llama_index.core.vector_stores.types import VectorStoreQuery

    from llama_index_piirag import UserDocstore

    view = run.view(alice)
    shared = SimpleDocumentStore()
    stores = {user: UserDocstore(shared, run.view(user).binding) for user in (alice, bob)}
    for user, store in stores.items():
        whole = [f"{QUESTION} of {user} as a whole" for _ in range(5)]
        store.add_documents([TextNode(id_=str(n), text=text) for n, text in enumerate(whole)])
    context = StorageContext.from_defaults(docstore=stores[alice])
    for id in ids:
        related = {
            kind: RelatedNodeInfo(node_id=id)
            for kind in (NodeRelationship.PARENT, NodeRelationship.NEXT)
        }
        node = TextNode(text=f"{QUESTION} of {alice} refers", relationships=related)
        found = [NodeWithScore(node=node, score=1.0)]
        merging = AutoMergingRetriever(llama_retriever(run, alice), context)
        after = PrevNextNodePostprocessor(docstore=stores[alice])
        yield "AutoMergingRetriever", lambda m=merging, f=found: nodes(m._try_merging(f)[0])
        yield "PrevNext", lambda a=after, f=found: nodes(a.postprocess_nodes(f))
    vector = run.opened.embed(QUESTION)
    for name in ("node_ids", "doc_ids"):
        query = VectorStoreQuery(query_embedding=vector, similarity_top_k=50, **{name: list(ids)})
        yield name, lambda q=query: nodes(view.query(q).nodes)


def combined(run: Run, alice: str) -> Iterator[Ask]:
    """Retrievers made of several."""
    if run.driver.framework == "langchain":
        yield from _combined_langchain(run.view(alice))
    else:
        yield from _combined_llama_index(run, alice)


def _combined_langchain(view: Any) -> Iterator[Ask]:
    from langchain_classic.retrievers import (
        ContextualCompressionRetriever,
        EnsembleRetriever,
        MultiQueryRetriever,
    )
    from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
    from langchain_core.language_models import FakeListLLM

    legs = [
        view.as_retriever(search_kwargs={"k": 20}),
        view.as_retriever(search_type="mmr", search_kwargs={"k": 20}),
    ]
    ensemble = EnsembleRetriever(retrievers=legs, weights=[0.5, 0.5])
    questions = f"{QUESTION}\nwhat has number 3\neverything"
    many = MultiQueryRetriever.from_llm(legs[0], FakeListLLM(responses=[questions] * 9))
    compressed = ContextualCompressionRetriever(
        base_retriever=ensemble, base_compressor=DocumentCompressorPipeline(transformers=[])
    )
    for retriever in (ensemble, many, compressed):
        yield type(retriever).__name__, lambda r=retriever: documents(r.invoke(QUESTION))
        checked = view.combined(retriever)
        yield (
            f"combined {type(retriever).__name__}",
            lambda c=checked: documents(c.invoke(QUESTION)),
        )


def _combined_llama_index(run: Run, alice: str) -> Iterator[Ask]:
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever, RecursiveRetriever
    from llama_index.core.retrievers.fusion_retriever import FUSION_MODES

    legs = [llama_retriever(run, alice, mode) for mode in ("default", "mmr")]
    for mode in FUSION_MODES:
        fusion = QueryFusionRetriever(
            legs,
            llm=MockLLM(),
            mode=mode,
            num_queries=1,
            similarity_top_k=20,
            use_async=False,
        )
        yield f"fusion, {mode.value}", lambda f=fusion: nodes(f.retrieve(QUESTION))
    recursive = RecursiveRetriever("root", {"root": legs[0], "other": legs[1]})
    yield "RecursiveRetriever", lambda: nodes(recursive.retrieve(QUESTION))


def scores(run: Run, alice: str) -> Any:
    """The user's items with their scores, for one question, in every mode that has scores."""
    view = run.view(alice)
    if run.driver.framework == "langchain":
        found = view.similarity_search_with_score(QUESTION, 20)
        return sorted((doc.id, round(float(score), 5)) for doc, score in found)
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    whole = []
    for mode in sorted(run.driver.tenants._node_store.modes):  # full text and hybrid too
        asked = VectorStoreQuery(
            query_embedding=run.opened.embed(QUESTION),
            query_str=QUESTION,
            similarity_top_k=20,
            mode=VectorStoreQueryMode(mode),
        )
        with contextlib.suppress(PiiragError):  # a store that was not set up for this mode
            result = view.query(asked)
            pairs = zip(result.ids or [], result.similarities or [], strict=False)
            whole += sorted((mode, id, round(float(score), 5)) for id, score in pairs)
    return whole


def llama_retriever(run: Run, user: str, mode: str = "default") -> Any:
    """piirag's retriever over a user's view."""
    from llama_index_piirag.index import UserIndex

    embed = run.driver._embed_model  # type: ignore[attr-defined]
    index = UserIndex(run.view(user), embed, [])
    return index.as_retriever(similarity_top_k=20, vector_store_query_mode=mode)


def documents(found: Sequence[Any]) -> list[Item]:
    """LangChain's documents as items."""
    return [Item(str(doc.id), doc.page_content, doc.metadata) for doc in found]


def nodes(found: Sequence[Any]) -> list[Item]:
    """LlamaIndex's nodes as items."""
    plain = [getattr(item, "node", item) for item in found]
    return [Item(n.node_id, n.get_content("none"), n.metadata) for n in plain]
