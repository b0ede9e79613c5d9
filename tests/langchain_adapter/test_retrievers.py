"""Retrievers and embeddings: threats L4, L9, L14, L18."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.context import collect_runs

from langchain_piirag import PIIRetriever, ScrubbedEmbeddings
from piirag import Scrubber
from piirag.errors import InvalidInputError, InvalidUserIdError, PiiragError, RetrievalError
from support.canary import Canaries, capture_logs
from support.langchain_fakes import FixedRetriever, Recorder, SpyEmbeddings, tenant_store

MAIL = "jane.roe@example.com"
CANARIES = Canaries([MAIL, "Jane Roe"])
QUESTION = f"what does Jane Roe ({MAIL}) want?"


def _docs() -> list[Document]:
    return [
        Document(
            page_content=f"Jane Roe <{MAIL}> wants a refund",
            metadata={"customer": "Jane Roe", "source": "jane_roe.pdf"},
            id="jane_roe.pdf",
        )
    ]


def _retriever(**kwargs) -> tuple[PIIRetriever, FixedRetriever]:
    inner = FixedRetriever(docs=_docs(), questions=[])
    kwargs.setdefault("known_from", {"PERSON": ["customer"]})
    scrubber = kwargs.pop("scrubber", None) or Scrubber()
    return PIIRetriever(inner, scrubber=scrubber, user_id="alice", **kwargs), inner


RUNS = {
    "invoke": lambda r, q, c: r.invoke(q, c),
    "ainvoke": lambda r, q, c: asyncio.run(r.ainvoke(q, c)),
    "batch": lambda r, q, c: r.batch([q], c)[0],
    "abatch": lambda r, q, c: asyncio.run(r.abatch([q], c))[0],
    "stream": lambda r, q, c: next(iter(r.stream(q, c))),
}


@pytest.mark.parametrize("run", RUNS)
def test_L9_documents_come_back_scrubbed_in_every_part(run: str) -> None:
    retriever, inner = _retriever()
    found = RUNS[run](retriever, "refund?", {})
    assert CANARIES.scan_text(repr(found)) == []
    assert "jane_roe" not in repr(found)
    assert "wants a refund" in found[0].page_content
    assert inner.docs == _docs(), "the wrapped retriever's documents were changed"


@pytest.mark.parametrize("run", RUNS)
def test_L18_no_callback_sees_the_raw_question_or_the_raw_documents(run: str) -> None:
    retriever, _ = _retriever()
    retriever.scrubber.scrub("Jane Roe", user_id="alice", known={"PERSON": ["Jane Roe"]})
    recorder = Recorder()
    with capture_logs() as logs:
        RUNS[run](retriever, QUESTION, {"callbacks": [recorder]})
    names = [name for name, _ in recorder.events]
    assert names.count("on_retriever_start") == 1
    assert names.count("on_retriever_end") == 1
    assert CANARIES.scan_text(recorder.of("on_retriever_start", "on_retriever_end")) == []
    assert CANARIES.scan_text(logs.text) == []


@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
def test_L18_callbacks_of_a_chain_do_not_reach_the_wrapped_retriever(run: str) -> None:
    """LangChain hands callbacks and run collectors down through context variables too."""
    retriever, inner = _retriever()
    retriever.scrubber.scrub("Jane Roe", user_id="alice", known={"PERSON": ["Jane Roe"]})

    async def aask(question):
        return await retriever.ainvoke(question)

    chain = RunnableLambda(lambda q: retriever.invoke(q), afunc=aask)
    recorder = Recorder()
    with collect_runs() as collected:
        RUNS[run](chain, QUESTION, {"callbacks": [recorder]})
    seen = recorder.of("on_retriever_start", "on_retriever_end")
    assert seen
    assert CANARIES.scan_text(seen) == []
    assert inner.questions
    for outer in collected.traced_runs:
        for child in outer.child_runs:
            assert CANARIES.scan_text(repr(child.inputs) + repr(child.outputs)) == []


@pytest.mark.parametrize("run", RUNS)
def test_L14_the_question_goes_scrubbed_to_the_wrapped_retriever(run: str) -> None:
    retriever, inner = _retriever()
    retriever.scrubber.scrub("Jane Roe", user_id="alice", known={"PERSON": ["Jane Roe"]})
    RUNS[run](retriever, QUESTION, {})
    assert CANARIES.scan_text(repr(inner.questions)) == []
    assert inner.questions[0].startswith("what does [PERSON ")


@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
def test_a_store_of_raw_text_can_be_asked_the_raw_question(run: str) -> None:
    retriever, inner = _retriever(scrub_query=False)
    recorder = Recorder()
    RUNS[run](retriever, QUESTION, {"callbacks": [recorder]})
    assert inner.questions == [QUESTION]
    assert MAIL not in recorder.of()


def test_known_values_may_come_from_a_function() -> None:
    retriever, _ = _retriever(known_from=None, known=lambda d: {"PERSON": [d.metadata["customer"]]})
    assert CANARIES.scan_text(repr(retriever.invoke("x"))) == []


def test_wrapped_retrievers_may_be_wrapped_again() -> None:
    retriever, inner = _retriever()
    twice = PIIRetriever(retriever, scrubber=retriever.scrubber, user_id="alice")
    assert twice.invoke("refund?") == retriever.invoke("refund?")
    assert CANARIES.scan_text(repr(inner.questions)) == []


class Fails(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        raise ValueError("the store is down")


def test_wrong_set_ups_and_bad_input() -> None:
    for bad in (None, "", 7):
        with pytest.raises(InvalidUserIdError):
            PIIRetriever(FixedRetriever(docs=[]), scrubber=Scrubber(), user_id=bad)
    retriever, _ = _retriever()
    for bad in (None, 7, b"x"):
        with pytest.raises(InvalidInputError):
            retriever.invoke(bad)
    assert "alice" not in repr(retriever)


@pytest.mark.parametrize("run", RUNS)
def test_L14_the_embedder_of_a_tenant_store_sees_no_personal_data(run: str, tmp_path) -> None:
    spy = SpyEmbeddings()
    user = tenant_store(tmp_path, spy).for_user("alice")
    user.add_documents(_docs())
    recorder = Recorder()
    found = RUNS[run](user.as_retriever(), QUESTION, {"callbacks": [recorder]})
    assert "wants a refund" in found[0].page_content
    assert len(spy.seen) == 2
    assert CANARIES.scan_text(repr(spy.seen)) == []
    assert CANARIES.scan_text(recorder.of("on_retriever_start", "on_retriever_end")) == []
    user.similarity_search(QUESTION)
    user.max_marginal_relevance_search(QUESTION)
    user.embeddings.embed_query(QUESTION)
    user.embeddings.embed_documents([QUESTION])
    assert len(spy.seen) == 6
    assert CANARIES.scan_text(repr(spy.seen)) == []


def test_a_question_about_a_person_finds_that_persons_chunks(tmp_path) -> None:
    user = tenant_store(tmp_path).for_user("alice")
    people = ["Jane Roe", "Omar Haddad", "Lucía Peña", "Will Smith"]
    for name in people:
        user.add_documents(
            [Document(page_content=f"{name} asked for help", metadata={"customer": name}, id=name)]
        )
    for name in people:
        for spelling in (name, name.lower(), name.upper(), ", ".join(reversed(name.split()))):
            [first, *_] = user.similarity_search(f"what did {spelling} ask for?", k=1)
            assert user._binding.chunks.scrubber.reveal(
                first.page_content, user_id="alice"
            ).startswith(name)


def test_scrubbed_embeddings_alone() -> None:
    spy = SpyEmbeddings()
    embeddings = ScrubbedEmbeddings(spy, scrubber=Scrubber(), user_id="alice")
    embeddings.embed_query(MAIL)
    embeddings.embed_documents([MAIL, "x"])
    asyncio.run(embeddings.aembed_query(MAIL))
    asyncio.run(embeddings.aembed_documents([MAIL]))
    assert len(spy.seen) == 5
    assert MAIL not in repr(spy.seen)
    with pytest.raises(PiiragError):
        embeddings.embed_query(None)


def test_a_name_of_nobody_the_user_knows_can_be_passed_for_questions(tmp_path) -> None:
    spy = SpyEmbeddings()
    tenants = tenant_store(tmp_path, spy)
    bob = tenants.for_user("bob", known={"PERSON": ["Jane Roe"]})
    bob.as_retriever().invoke("why did jane roe call?")
    assert CANARIES.scan_text(repr(spy.seen)) == []
    assert spy.seen[0].startswith("why did [PERSON ")
    assert not tenants._scrubber.vault.has_user("bob")


@pytest.mark.parametrize("run", RUNS)
def test_L5_errors_of_the_wrapped_retriever_hold_nothing(run: str) -> None:
    class Quoting(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            raise ValueError(f"no document for Jane Roe <{MAIL}>")

    recorder = Recorder()
    retriever = PIIRetriever(Quoting(), scrubber=Scrubber(), user_id="alice")
    with pytest.raises(RetrievalError) as caught:
        RUNS[run](retriever, "x", {"callbacks": [recorder]})
    assert CANARIES.scan_exception(caught.value) == []
    assert CANARIES.scan_text(recorder.of()) == []
    assert caught.value.error_type == "builtins.ValueError"


@pytest.mark.parametrize("run", RUNS)
def test_L14_known_values_passed_to_the_wrapper_are_found_in_the_question(run: str) -> None:
    retriever, inner = _retriever(known_from=None, known={"PERSON": ["Jane Roe"]})
    recorder = Recorder()
    RUNS[run](retriever, QUESTION, {"callbacks": [recorder]})
    assert CANARIES.scan_text(repr(inner.questions)) == []
    assert CANARIES.scan_text(recorder.of("on_retriever_start")) == []


def test_L14_the_embeddings_of_a_view_know_what_the_view_was_told(tmp_path) -> None:
    spy = SpyEmbeddings()
    bob = tenant_store(tmp_path, spy).for_user("bob", known={"PERSON": ["Jane Roe"]})
    bob.embeddings.embed_query("why did jane roe call?")
    bob.embeddings.embed_documents(["why did Jane Roe call?"])
    assert CANARIES.scan_text(repr(spy.seen)) == []
