"""Tracers: threats L1, L2, L4, L17."""

from __future__ import annotations

import json

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tracers import LangChainTracer
from langchain_openai import ChatOpenAI
from langsmith import Client

from langchain_piirag import RedactedModel, create_anonymizer, langsmith_options
from piirag.observe import TextGuard
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


def test_L2_names_tags_and_errors_of_runs_hold_nothing(tmp_path) -> None:
    """What the anonymizer alone leaves raw, `langsmith_options` takes out."""

    def fails(question: str) -> str:
        raise ValueError(question)

    _, chain = _chain(tmp_path)
    config = {"run_name": f"for {MAIL}", "tags": [MAIL], "metadata": {"customer": MAIL}}
    found = []
    guard = TextGuard(known={"PERSON": ["Jane Roe"]})
    for options in ({"anonymizer": create_anonymizer()}, langsmith_options(guard)):
        with OpenAIServer() as server:
            client = Client(api_url=server.url_langsmith, api_key="x", **options)
            tracer = LangChainTracer(client=client)
            chain.invoke(QUESTION, {**config, "callbacks": [tracer]})
            with pytest.raises(ValueError):
                RunnableLambda(fails).invoke(QUESTION, {**config, "callbacks": [tracer]})
            client.flush()
            tracer.wait_for_futures()
            found.append(CANARIES.scan_bytes(b"\n".join(r.body for r in server.requests)))
    assert found[0], "the anonymizer alone would do: this test can go"
    assert found[1] == []


@pytest.mark.parametrize("how", ["invoke", "stream", "structured"])
def test_L17_instrumentation_of_the_provider_s_client_captures_placeholders(
    how: str, monkeypatch
) -> None:
    """OpenTelemetry's instrumentation of a client wraps its methods and records content."""
    pytest.importorskip("opentelemetry.sdk", reason="comes with chromadb")
    from openai.resources.chat.completions import Completions
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("content")
    for name in ("create", "parse"):
        original = getattr(Completions, name)

        def captured(self, *args, _original=original, **kwargs):
            with tracer.start_as_current_span("chat") as span:
                span.set_attribute("gen_ai.prompt", repr(kwargs))
                reply = _original(self, *args, **kwargs)
                span.set_attribute("gen_ai.completion", repr(reply))
                return reply

        monkeypatch.setattr(Completions, name, captured)
    schema = {"title": "A", "type": "object", "properties": {"a": {"type": "string"}}}

    def reply(body):
        said = body["messages"][-1]["content"]
        return json.dumps({"a": said}) if "response_format" in body else said

    with OpenAIServer(reply) as server:
        plain = ChatOpenAI(base_url=server.url, api_key="x", model="gpt-4o")
        model = RedactedModel(plain, known={"PERSON": ["Jane Roe"]})
        if how == "structured":
            structured = model.with_structured_output(schema, method="json_mode")
            assert structured.invoke(QUESTION) == {"a": QUESTION}
        elif how == "invoke":
            assert model.invoke(QUESTION).content == QUESTION
        else:
            assert "".join(c.content for c in model.stream(QUESTION)) == QUESTION
    spans = repr([dict(span.attributes) for span in exporter.get_finished_spans()])
    assert "[PERSON_1]" in spans
    assert CANARIES.scan_text(spans) == []


def test_L5_an_error_that_cannot_be_searched_is_withheld() -> None:
    class Fails:
        def detect(self, text: str, *, language: str = "en") -> list[object]:
            raise RuntimeError(text)

        def detect_batch(self, texts: list[str], *, language: str = "en") -> list[object]:
            raise RuntimeError

    cleaned = create_anonymizer(detector=Fails())({"error": "Jane Roe was not found"})  # type: ignore[arg-type]
    assert "Jane" not in str(cleaned)
    assert cleaned["error"]
