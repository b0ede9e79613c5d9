"""Tracers: threats L1, L4."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tracers import LangChainTracer
from langsmith import Client

from langchain_piirag import RedactedModel, create_anonymizer
from support.canary import Canaries
from support.langchain_fakes import EchoChat, tenant_store
from support.openai_server import OpenAIServer

MAIL = "jane.roe@example.com"
QUESTION = f"what does Jane Roe ({MAIL}) want?"
CANARIES = Canaries([MAIL, "Jane Roe"])


def _chain(tmp_path):
    tenants = tenant_store(tmp_path)
    user = tenants.for_user("alice")
    user.add_documents(
        [Document(page_content=f"Jane Roe <{MAIL}> asked", metadata={"customer": "Jane Roe"})]
    )
    prompt = ChatPromptTemplate.from_template("Context: {context}\n\nQuestion: {question}")
    model = RedactedModel(EchoChat(seen=[]), scrubber=tenants._scrubber).for_user("alice")
    steps = {"context": user.as_retriever(), "question": RunnablePassthrough()}
    return tenants._scrubber, steps | prompt | model | StrOutputParser()


@pytest.mark.parametrize("anonymized", [True, False])
def test_L1_the_trace_that_leaves_holds_nothing(tmp_path, anonymized: bool) -> None:
    """Without the anonymizer the outermost run gives it all away; with it, nothing leaves."""
    scrubber, chain = _chain(tmp_path)
    anonymizer = create_anonymizer(scrubber=scrubber, user_id="alice") if anonymized else None
    with OpenAIServer() as server:
        client = Client(api_url=server.url_langsmith, api_key="x", anonymizer=anonymizer)
        tracer = LangChainTracer(client=client)
        answer = chain.invoke(QUESTION, {"callbacks": [tracer]})
        tracer.wait_for_futures()
        client.flush()
        sent = b"\n".join(request.body for request in server.requests)
    assert MAIL in answer
    assert b"retriever" in sent.lower()
    assert bool(CANARIES.scan_bytes(sent)) is not anonymized


def test_what_cannot_be_searched_is_withheld() -> None:
    anonymize = create_anonymizer()
    assert anonymize({"a": object()}) == {
        "piirag": "withheld: this could not be searched for personal data"
    }
    assert anonymize({"a": [f"mail {MAIL}", 3, None]}) == {"a": ["mail [EMAIL_ADDRESS_1]", 3, None]}

    class Fails:
        def detect(self, text, *, language="en"):
            raise RuntimeError(text)

        def detect_batch(self, texts, *, language="en"):
            raise RuntimeError(texts)

    assert "withheld" in str(create_anonymizer(detector=Fails())({"a": MAIL}))
    assert "Jane" not in str(create_anonymizer(known={"PERSON": ["Jane Roe"]})({"a": "Roe, Jane"}))
