"""The audit log under LangChain: one full record a call, whatever the way of calling."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI

from langchain_piirag import (
    PIICallbackHandler,
    RedactedChatModel,
    RedactedModel,
    TenantVectorStore,
)
from piirag import Policy, Redactor, Scrubber
from piirag.errors import (
    AuditError,
    InvalidInputError,
    ModelCallError,
    PIIBlockedError,
    ProviderPolicyError,
)
from piirag.governance.audit import AuditLog
from piirag.governance.stamps import Stamp
from support.audit_records import audit_log, decisions, records
from support.canary import Canaries
from support.langchain_fakes import EchoChat
from support.openai_server import OpenAIServer

MAIL = "jane.roe@example.com"
CANARIES = Canaries([MAIL])
ASK = f"mail {MAIL} today"
KINDS = {"runnable": RedactedModel, "chat_model": RedactedChatModel}


@pytest.fixture
def log(tmp_path) -> Iterator[AuditLog]:
    with audit_log(tmp_path) as made:
        yield made


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def _plain(server: OpenAIServer, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=server.url,
        api_key="x",
        model="gpt-4o",
        max_retries=0,
        stream_usage=True,
        **options,
    )


async def _drained(stream: Any) -> list[Any]:
    return [item async for item in stream]


WAYS = {
    "invoke": lambda m, x, c: m.invoke(x, c),
    "ainvoke": lambda m, x, c: asyncio.run(m.ainvoke(x, c)),
    "stream": lambda m, x, c: list(m.stream(x, c)),
    "astream": lambda m, x, c: asyncio.run(_drained(m.astream(x, c))),
    "batch": lambda m, x, c: m.batch([x], c),
    "abatch": lambda m, x, c: asyncio.run(m.abatch([x], c)),
    "events": lambda m, x, c: asyncio.run(_drained(m.astream_events(x, c, version="v2"))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [*KINDS, "plain"])
def test_one_record_a_call_tells_what_happened(kind: str, way: str, log, server) -> None:
    handler = PIICallbackHandler(audit=log, prompts="audit", features=["search"])
    model: Any = _plain(server)
    if kind != "plain":
        model = KINDS[kind](model, Redactor())
    config = {
        "callbacks": [handler],
        "tags": ["search", "not-a-feature"],
        "metadata": {"session_id": "s-77", "note": MAIL},
    }
    WAYS[way](model, ASK, config)
    [record] = records(log)
    assert record["event"] == "model_call"
    assert record["outcome"] == "ok"
    assert record["gen_ai.operation.name"] == "chat"
    assert record["gen_ai.provider.name"] == "openai"
    assert record["gen_ai.request.model"] == "gpt-4o"
    assert record["gen_ai.response.model"] == "gpt-4o"
    assert record["gen_ai.usage.input_tokens"] > 0
    assert record["gen_ai.usage.output_tokens"] > 0
    assert record["server.address"] == "127.0.0.1"
    assert record["feature"] == "search"
    assert record["session"].startswith("s_")
    assert record["input_hash"].startswith("i_")
    assert record["duration_s"] >= 0
    assert len(record["request_id"]) == 36
    assert record["prompt"] == "human: mail [EMAIL_ADDRESS_1] today"
    assert record["reply"] == "ai: You said: mail [EMAIL_ADDRESS_1] today"
    made = decisions(record)
    if kind == "plain":
        assert made == [("let_through", "prompt", {"EMAIL_ADDRESS": 1})]
    elif way == "events":
        # Events of that version are of the wrapped model's run: nothing is put back.
        assert made == [("redacted", "prompt", {"EMAIL_ADDRESS": 1})]
    else:
        assert made == [
            ("redacted", "prompt", {"EMAIL_ADDRESS": 1}),
            ("let_through", "reply", {"RESTORED": 1}),
        ]
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("kind", KINDS)
def test_equal_inputs_can_be_told_and_nothing_else(kind: str, log, server) -> None:
    model = KINDS[kind](_plain(server), Redactor(), audit=log)
    for text in (ASK, ASK, "something else"):
        model.invoke(text)
    first, again, other = [record["input_hash"] for record in records(log)]
    assert first == again != other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [way for way in WAYS if way != "events"])
def test_a_wrapper_with_a_log_needs_no_handler_and_writes_no_double(kind, way, log) -> None:
    model = KINDS[kind](EchoChat(seen=[]), scrubber=Scrubber(), audit=log).for_user("alice")
    WAYS[way](model, ASK, None)
    WAYS[way](model, ASK, {"callbacks": [PIICallbackHandler(audit=log)]})
    first, second = records(log)
    assert first["user"] == second["user"] == log.user_tag("alice")
    assert decisions(first) == decisions(second)
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "events"])
def test_an_error_is_recorded_by_its_type(kind: str, way: str, log, server) -> None:
    server.fail_with(500, f"no {MAIL}")
    handler = PIICallbackHandler(audit=log, prompts="audit")
    model: Any = _plain(server)
    if kind != "plain":
        model = KINDS[kind](model, Redactor())
    with pytest.raises(Exception):  # noqa: B017 - of the client, or a ModelCallError
        WAYS[way](model, ASK, {"callbacks": [handler]})
    [record] = records(log)
    assert record["outcome"] == "error"
    assert record["error.type"].startswith(("openai.", "langchain_openai."))
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("way", [way for way in WAYS if way != "events"])
def test_a_prompt_that_is_stopped_is_recorded(way: str, log, server) -> None:
    handler = PIICallbackHandler(audit=log)
    with pytest.raises(PIIBlockedError):
        WAYS[way](_plain(server), ASK, {"callbacks": [handler]})
    [record] = records(log)
    assert (record["outcome"], record["error.type"]) == ("blocked", "piirag.errors.PIIBlockedError")
    assert decisions(record) == [("blocked", "prompt", {"EMAIL_ADDRESS": 1})]
    assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["handler", "audit"])
def test_a_call_that_a_wrapper_refuses_is_recorded(kind: str, how: str, log) -> None:
    inner = EchoChat(seen=[])
    options = {"audit": log} if how == "audit" else {}
    config = {"callbacks": [PIICallbackHandler(audit=log)]} if how == "handler" else {}
    model = KINDS[kind](inner, Redactor(), **options)
    with pytest.raises(InvalidInputError):
        model.invoke([HumanMessage([{"type": "hologram", "data": MAIL}])], config)
    [record] = records(log)
    assert record["outcome"] == "blocked"
    assert record["decisions"][0]["reason"] == "refused: InvalidInputError"
    assert inner.seen == []
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_a_reply_that_is_stopped_is_recorded_as_such(kind: str, way: str, log) -> None:
    policy = Policy(replies="block")
    inner = EchoChat(seen=[], reply=f"ask {MAIL} instead, or somebody else who is there")
    model = KINDS[kind](inner, Redactor(policy), audit=log)
    with pytest.raises(PIIBlockedError):
        WAYS[way](model, "whom shall I ask?", None)
    [record] = records(log)
    assert record["outcome"] == "blocked"
    assert decisions(record)[-1] == ("blocked", "reply", {"UNSEEN": 1})
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("replies", ["allow", "redact"])
def test_what_the_model_says_by_itself_is_not_recorded(replies: str, log) -> None:
    inner = EchoChat(seen=[], reply=f"ask {MAIL} instead")
    model = RedactedModel(inner, Redactor(Policy(replies=replies)), audit=log)
    model.invoke("whom shall I ask?")
    [record] = records(log)
    assert record["outcome"] == "ok"
    assert "ask" in record["reply"]
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
def test_streams_that_are_left_early_are_recorded(kind: str, log, server) -> None:
    handler = PIICallbackHandler(audit=log, prompts="audit")
    model: Any = _plain(server)
    if kind != "plain":
        model = KINDS[kind](model, Redactor())
    stream = model.stream(ASK, {"callbacks": [handler]})
    next(stream)
    stream.close()

    async def leave() -> None:
        later = model.astream(ASK, {"callbacks": [handler]})
        await anext(later)
        await later.aclose()

    asyncio.run(leave())
    gc.collect()
    one, two = records(log)
    for record in (one, two):
        assert record["outcome"] == "error"
        assert record["error.type"] in {
            "builtins.GeneratorExit",
            "asyncio.exceptions.CancelledError",
        }


def test_a_hundred_calls_at_once_leave_a_hundred_records(log, server) -> None:
    scrubber = Scrubber()
    model = RedactedModel(_plain(server), scrubber=scrubber, audit=log)

    async def ask(number: int) -> str:
        one = model.for_user(f"user-{number}")
        mails = " ".join(f"n{k}.x{number}@example.com" for k in range(number % 3 + 1))
        reply = await one.ainvoke(f"write to {mails}")
        return reply.text

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(ask(number) for number in range(100)))

    asyncio.run(all_of_them())
    found = records(log)
    assert len(found) == 100
    by_user = {record["user"]: record for record in found}
    assert len(by_user) == 100
    assert len({record["request_id"] for record in found}) == 100
    for number in range(100):
        count = number % 3 + 1
        assert decisions(by_user[log.user_tag(f"user-{number}")]) == [
            ("redacted", "prompt", {"EMAIL_ADDRESS": count}),
            ("let_through", "reply", {"RESTORED": count}),
        ]
    assert log.verify().ok


def test_a_batch_leaves_a_record_for_each_of_its_inputs(log, server) -> None:
    mails = [f"n{number}@example.com" for number in range(5)]
    handler = PIICallbackHandler(audit=log, prompts="audit")
    _plain(server).batch(mails, {"callbacks": [handler]})
    RedactedModel(_plain(server), Redactor(), audit=log).batch(mails)
    RedactedChatModel(_plain(server), Redactor(), audit=log).generate(
        [[HumanMessage(mail)] for mail in mails]
    )
    found = records(log)
    assert len(found) == 15
    assert len({record["request_id"] for record in found}) == 15
    assert len({record["input_hash"] for record in found}) >= 5


def test_retries_and_fallbacks_are_calls_of_their_own(log, server) -> None:
    broken = EchoChat(seen=[], error=ValueError("no"))
    model = RedactedModel(broken, Redactor(), audit=log).with_fallbacks([_plain(server)])
    model.invoke(ASK)
    failed, answered = records(log)
    assert (failed["outcome"], answered["outcome"]) == ("error", "ok")
    assert decisions(failed) == [("redacted", "prompt", {"EMAIL_ADDRESS": 1})]
    assert decisions(answered)[-1] == ("let_through", "reply", {"RESTORED": 1})


class FullDisk(AuditLog):
    """A log that cannot be written to."""

    def write(self, record: Any, **options: Any) -> None:
        raise AuditError("the audit log cannot be written")


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_a_record_that_cannot_be_written_stops_the_call(kind: str, way: str, tmp_path) -> None:
    handler = PIICallbackHandler(audit=FullDisk(tmp_path / "audit.jsonl"), prompts="audit")
    model: Any = EchoChat(seen=[])
    if kind != "plain":
        model = KINDS[kind](model, Redactor())
    with pytest.raises(AuditError):
        WAYS[way](model, ASK, {"callbacks": [handler]})


def _view(scrubber: Scrubber, **options: Any) -> Any:
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=16))
    store = TenantVectorStore(
        inner, scrubber=scrubber, stamp=Stamp("importer", label="confidential"), **options
    )
    view = store.for_user("alice")
    text = f"A letter of complaint that {MAIL} wrote in May about the heating"
    view.add_documents([Document(text, metadata={"source": "/a", "year": 2020})], ids=["letter"])
    return view


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream", "batch"])
def test_a_chain_tells_what_was_read_and_what_went_in(way: str, log, server) -> None:
    scrubber = Scrubber()
    view = _view(scrubber)
    handler = PIICallbackHandler(scrubber=scrubber, user_id="alice", audit=log)
    model = RedactedModel(_plain(server), scrubber=scrubber, user_id="alice")
    retriever = view.as_retriever(search_kwargs={"filter": {"year": {"$gte": 2019}}, "k": 1})
    join = RunnableLambda(lambda docs: "Use this:\n" + "\n".join(d.page_content for d in docs))
    WAYS[way](retriever | join | model, "what about the heating?", {"callbacks": [handler]})
    [read], [called] = records(log, "retrieval"), records(log, "model_call")
    for record in (read, called):
        [chunk] = record["chunks"]
        assert chunk["id"] == "letter"
        assert isinstance(chunk["score"], float)
        assert chunk["label"] == "confidential"
        assert chunk["source"].startswith("src-")
        assert len(chunk["pseudonyms"]) == 1
        assert chunk["pseudonyms"][0].startswith("[EMAIL_ADDRESS ")
        assert record["filter"]["where"] == {"year": {"$gte": 2019}}
        [tenant] = record["filter"]["tenant"]
        assert tenant.startswith("k_")
        assert record["user"] == log.user_tag("alice")
    assert called["label"] == "confidential"
    assert decisions(called)[0] == ("redacted", "prompt", {})
    assert decisions(called)[-1] == ("let_through", "reply", {"RESTORED": 1})
    assert CANARIES.scan_files(log.path.parent) == []
    assert Canaries(["alice"]).scan_bytes(log.path.read_bytes()) == []


def test_a_store_with_a_log_records_its_own_searches_once(log) -> None:
    scrubber = Scrubber()
    view = _view(scrubber, audit=log)
    view.similarity_search("heating", k=1)
    view.max_marginal_relevance_search("heating", k=1)
    view.similarity_search_by_vector([0.1] * 16, k=1, filter={"year": 2020})
    one, two, three = records(log, "retrieval")
    assert isinstance(one["chunks"][0]["score"], float)
    assert "score" not in two["chunks"][0]
    assert three["filter"]["where"] == {"year": {"$eq": 2020}}
    handler = PIICallbackHandler(scrubber=scrubber, user_id="alice", audit=log)
    view.as_retriever().invoke("heating", {"callbacks": [handler]})
    assert len(records(log, "retrieval")) == 4


def test_a_store_records_a_search_that_fails(log) -> None:
    view = _view(Scrubber(), audit=log)
    with pytest.raises(InvalidInputError):
        view.similarity_search("heating", k=-1)
    [record] = records(log, "retrieval")
    assert (record["outcome"], record["error.type"]) == ("error", "piirag.errors.InvalidInputError")


def test_a_model_that_may_not_have_a_chunk_is_not_called_and_that_is_recorded(log, server) -> None:
    scrubber = Scrubber()
    view = _view(scrubber)
    [found] = view.similarity_search("heating", k=1)
    model = RedactedModel(
        _plain(server), scrubber=scrubber, user_id="alice", max_label="internal", audit=log
    )
    with pytest.raises(ProviderPolicyError):
        model.invoke(found.page_content)
    [record] = records(log)
    assert record["outcome"] == "blocked"
    assert record["decisions"][0]["reason"] == "forbidden by policy"
    assert server.requests == []


def test_structured_output_leaves_one_record(log, server) -> None:
    schema = {"title": "who", "type": "object", "properties": {"mail": {"type": "string"}}}
    server.reply = lambda body: '{"mail": "[EMAIL_ADDRESS_1]"}'
    model = RedactedChatModel(_plain(server), Redactor(), audit=log)
    structured = model.with_structured_output(schema, method="json_mode")
    assert structured.invoke(f"JSON please: {ASK}") == {"mail": MAIL}
    [record] = records(log)
    assert decisions(record)[-1] == ("let_through", "reply", {"RESTORED": 1})
    server.reply = lambda body: "no JSON at all"
    with pytest.raises(ModelCallError):
        structured.invoke(f"JSON please: {ASK}")
    assert [r["outcome"] for r in records(log)] == ["ok", "error"]
