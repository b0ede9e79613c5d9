"""The main job on real input: nothing planted is found anywhere it should not be.

A corpus is ingested into a Chroma on disk, questions are asked over real HTTP through the
provider's own client library, everything is logged at DEBUG, failures are provoked, and a user is
erased. Then every sink is searched for the planted values, raw, in other cases, and encoded.
"""

from __future__ import annotations

import asyncio

import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

from crm_corpus import generate, question_for
from langchain_piirag import (
    PIIDocumentScrubber,
    RedactedModel,
    TenantVectorStore,
    delete_user,
)
from piirag import MasterKey, Scrubber, SQLiteVault
from piirag.errors import ModelCallError
from piirag.redaction.tokens import PLACEHOLDER, PSEUDONYM
from support.canary import Canaries, capture_logs
from support.openai_server import OpenAIServer

PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from the context.\n\nContext:\n{context}"), ("human", "{question}")]
)


class Job:
    """One walk through the main job; made once for all tests of this module."""

    def __init__(self, folder, server: OpenAIServer) -> None:
        self.folder = folder
        self.server = server
        self.records = generate(seed=11, users=6, documents=60)
        self.vault = SQLiteVault(folder / "vault.db", MasterKey.generate())
        self.scrubber = Scrubber(vault=self.vault)
        embeddings = OpenAIEmbeddings(
            base_url=server.url, api_key="x", check_embedding_ctx_length=False
        )
        self.store = Chroma(
            "crm", embedding_function=embeddings, persist_directory=str(folder / "chroma")
        )
        self.tenants = TenantVectorStore(self.store, scrubber=self.scrubber)
        llm = ChatOpenAI(base_url=server.url, api_key="x", model="test", max_retries=0)
        self.model = RedactedModel(llm, scrubber=self.scrubber)
        self.answers: list[str] = []
        self.errors: list[BaseException] = []

    def ingest(self) -> None:
        splitter = RecursiveCharacterTextSplitter(chunk_size=400, chunk_overlap=40)
        for record in self.records:
            document = Document(record.text, metadata=record.metadata, id=record.doc_id)
            scrub = PIIDocumentScrubber(self.scrubber, user_id=record.user_id, known=record.known)
            chunks = splitter.split_documents(scrub.transform_documents([document]))
            self.tenants.for_user(record.user_id).add_documents(chunks)

    def chain(self, user: str):
        retriever = self.tenants.for_user(user).as_retriever(search_kwargs={"k": 8})
        steps = {"context": retriever | _joined, "question": RunnablePassthrough()}
        return steps | PROMPT | self.model.for_user(user) | StrOutputParser()

    def ask(self) -> None:
        asked = [r for r in self.records if r.kind in {"note", "ticket"}]
        for number, record in enumerate(asked):
            question, chain = question_for(record), self.chain(record.user_id)
            if number % 2:
                self.answers.append(chain.invoke(question))
            else:
                self.answers.append("".join(chain.stream(question)))

        async def again() -> list[str]:
            calls = [self.chain(r.user_id).ainvoke(question_for(r)) for r in asked[:8]]
            streams = [self.chain(r.user_id).astream(question_for(r)) for r in asked[:8]]
            streamed = ["".join([c async for c in stream]) for stream in streams]
            return [*await asyncio.gather(*calls), *streamed]

        self.again = asyncio.run(again())

    def fail(self) -> None:
        record = next(r for r in self.records if r.kind == "note")
        self.server.fail_with(400, "bad request")
        for run in (lambda c, q: c.invoke(q), lambda c, q: list(c.stream(q))):
            try:
                run(
                    PROMPT | self.model.for_user(record.user_id),
                    {"context": record.text, "question": question_for(record)},
                )
            except ModelCallError as error:
                self.errors.append(error)
        self.server.recover()


def _joined(documents: list[Document]) -> str:
    return "\n\n".join(document.page_content for document in documents)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    with OpenAIServer(reply=lambda body: "I was told: " + _all_text(body)) as server:
        job = Job(tmp_path_factory.mktemp("job"), server)
        with capture_logs() as logs:
            job.ingest()
            job.ask()
            job.fail()
        job.logs = logs
        job.canaries = Canaries({v for r in job.records for _, v in r.planted if len(v) > 4})
        yield job


def _all_text(body: dict) -> str:
    return "\n".join(str(m["content"]) for m in body["messages"])


def test_the_store_and_the_vault_hold_no_planted_value(job) -> None:
    assert job.store._collection.count() > 60
    assert job.canaries.scan_files(job.folder) == []


def test_the_server_received_no_planted_value(job) -> None:
    paths = [request.path for request in job.server.requests]
    assert sum("chat" in p for p in paths) > 10
    assert sum("embeddings" in p for p in paths) > 60
    for request in job.server.requests:
        assert job.canaries.scan_bytes(request.wire) == []


def test_the_user_got_the_real_values_back(job) -> None:
    asked = [r for r in job.records if r.kind in {"note", "ticket"}]
    assert len(job.answers) == len(asked)
    answers = [*zip(asked, job.answers, strict=True), *zip(asked[:8] * 2, job.again, strict=True)]
    for record, answer in answers:
        assert question_for(record) in answer
        assert not PLACEHOLDER.search(answer)
        assert not PSEUDONYM.search(answer)


def test_the_logs_at_debug_hold_no_planted_value(job) -> None:
    assert "DEBUG" in job.logs.text
    assert "openai" in job.logs.text
    assert job.canaries.scan_text(job.logs.text) == []


def test_the_exceptions_hold_no_planted_value(job) -> None:
    assert [e.status_code for e in job.errors] == [400, 400]
    for error in job.errors:
        assert job.canaries.scan_exception(error) == []


def test_another_user_finds_nothing(job) -> None:
    first = next(r for r in job.records if r.kind == "note")
    other = next(r.user_id for r in job.records if r.user_id != first.user_id)
    own = {r.doc_id for r in job.records if r.user_id == other}
    found = job.tenants.for_user(other).similarity_search(question_for(first), k=50)
    revealed = [job.scrubber.reveal(d.page_content, user_id=other) for d in found]
    values = Canaries({v for r in job.records if r.user_id == first.user_id for _, v in r.planted})
    assert found
    assert own
    assert values.scan_text("\n".join(revealed)) == []


def test_delete_user_erases_one_user_and_nobody_else(job) -> None:
    user = job.records[0].user_id
    collection = job.store._collection
    others = {
        u: collection.get(where={"user_id": u})["ids"]
        for u in {r.user_id for r in job.records} - {user}
    }
    receipt = delete_user(user, targets=[job.tenants, job.vault])
    assert receipt.status == "complete"
    assert receipt.deleted > 5
    assert collection.get(where={"user_id": user})["ids"] == []
    assert job.vault.count(user) == 0
    for other, ids in others.items():
        assert collection.get(where={"user_id": other})["ids"] == ids
    assert user not in receipt.to_json()
    assert job.canaries.scan_text(receipt.to_json()) == []
    assert delete_user(user, targets=[job.tenants, job.vault]).deleted == 0
