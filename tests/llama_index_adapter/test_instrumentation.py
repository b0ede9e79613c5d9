"""PIIInstrumentation: one full audit record a call, from LlamaIndex's own events."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.indices import VectorStoreIndex
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import Document
from llama_index.core.tools import FunctionTool
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters
from llama_index_instrumentation.dispatcher import instrument_tags

from llama_index_piirag import PIIInstrumentation, RedactedAgent, RedactedLLM, TenantIndex
from piirag import Policy, Redactor, Scrubber
from piirag.errors import (
    AuditError,
    ConfigurationError,
    InvalidInputError,
    ModelCallError,
    PIIBlockedError,
    ProviderPolicyError,
)
from piirag.governance.audit import AuditLog
from piirag.governance.stamps import Stamp
from support.audit_records import audit_log, decisions, records
from support.canary import Canaries
from support.llama_fakes import FakeChatLLM, HashedEmbedding
from support.llama_server import calls_with, in_a_loop, model_over
from support.openai_server import OpenAIServer
from support.stories import SHAPES, WAYS, Story, call_or_echo

MAIL = "cosima@nightmail.com"
CANARIES = Canaries([MAIL])
ASK = f"mail {MAIL} today"
CHAT = [ChatMessage(role="user", content=ASK)]


@pytest.fixture
def log(tmp_path) -> Iterator[AuditLog]:
    with audit_log(tmp_path) as made:
        yield made


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


async def _drained(chunks: Any) -> list[Any]:
    return [chunk async for chunk in await chunks]


CALLS: dict[str, Any] = {
    "chat": lambda m: m.chat(CHAT),
    "achat": lambda m: in_a_loop(m.achat(CHAT)),
    "stream_chat": lambda m: list(m.stream_chat(CHAT)),
    "astream_chat": lambda m: in_a_loop(_drained(m.astream_chat(CHAT))),
    "complete": lambda m: m.complete(ASK),
    "acomplete": lambda m: in_a_loop(m.acomplete(ASK)),
    "stream_complete": lambda m: list(m.stream_complete(ASK)),
    "astream_complete": lambda m: in_a_loop(_drained(m.astream_complete(ASK))),
    "predict": lambda m: m.predict(PromptTemplate("mail {who} today"), who=MAIL),
    "stream": lambda m: list(m.stream(PromptTemplate("mail {who} today"), who=MAIL)),
}


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("kind", ["redacted", "plain"])
def test_one_record_a_call_tells_what_happened(kind: str, way: str, log, server) -> None:
    model: Any = model_over(server)
    if kind == "redacted":
        model = RedactedLLM(model, scrubber=Scrubber(), user_id="alice")
    tags = {"session_id": "s-77", "feature": "search", "other": MAIL}
    with PIIInstrumentation(log, features=["search"]) as watching, instrument_tags(tags):
        CALLS[way](model)
    assert watching.failures == 0
    [record] = records(log)
    assert record["event"] == "model_call"
    assert record["outcome"] == "ok"
    completes = "complete" in way
    assert record["gen_ai.operation.name"] == ("text_completion" if completes else "chat")
    assert record["gen_ai.provider.name"] == "openai"
    assert record["gen_ai.request.model"] == "loopback"
    assert record["gen_ai.response.model"] == "loopback"
    assert record["server.address"] == "127.0.0.1"
    assert record["feature"] == "search"
    assert record["session"].startswith("s_")
    assert record["input_hash"].startswith("i_")
    assert len(record["request_id"]) == 36
    assert "mail [EMAIL_ADDRESS_1] today" in record["prompt"]
    assert "mail [EMAIL_ADDRESS_1] today" in record["reply"]
    if "stream" not in way:
        assert record["gen_ai.usage.input_tokens"] > 0
        assert record["gen_ai.usage.output_tokens"] > 0
    if kind == "redacted":
        assert record["user"] == log.user_tag("alice")
        assert decisions(record) == [
            ("redacted", "prompt", {"EMAIL_ADDRESS": 1}),
            ("let_through", "reply", {"RESTORED": 1}),
        ]
    else:
        assert decisions(record) == [("let_through", "prompt", {"EMAIL_ADDRESS": 1})]
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("said", [f"it is {MAIL}", "Cosima@Nightmail.com", "cosima wrote"])
def test_what_the_model_repeats_of_the_prompt_is_not_recorded(said: str, way: str, log) -> None:
    model = RedactedLLM(FakeChatLLM(reply=said), Redactor())
    with PIIInstrumentation(log) as watching:
        CALLS[way](model)
    assert watching.failures == 0
    found = records(log)
    assert found
    for record in found:
        assert "cosima" not in record["reply"].casefold()
        assert "[EMAIL_ADDRESS]" in record["reply"]


class AsksAnother(FakeChatLLM):
    """Asks a plain model with values of its own before it answers."""

    def _answer(self, prompt: str, kwargs: dict[str, Any]) -> str:
        FakeChatLLM(reply=f"it is {MAIL}").complete(f"who is {MAIL}?")
        return "fine"


@pytest.mark.parametrize("way", CALLS)
def test_a_model_called_inside_a_wrapper_is_recorded_as_any_other(way: str, log) -> None:
    model = RedactedLLM(AsksAnother(), scrubber=Scrubber(), user_id="alice")
    with PIIInstrumentation(log) as watching:
        CALLS[way](model)
    assert watching.failures == 0
    [inner] = [r for r in records(log) if "who is" in r["prompt"]]
    outer = [r for r in records(log) if "today" in r["prompt"]]
    assert {r["user"] for r in outer} == {log.user_tag("alice")}
    assert "user" not in inner
    assert decisions(inner) == [("let_through", "prompt", {"EMAIL_ADDRESS": 1})]
    assert inner["prompt"] == "who is [EMAIL_ADDRESS_1]?"
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("kind", ["redacted", "plain"])
def test_an_error_is_recorded_by_its_type(kind: str, way: str, log, server) -> None:
    server.fail_with(500, f"no {MAIL}")
    model: Any = model_over(server)
    if kind == "redacted":
        model = RedactedLLM(model, Redactor())
    with PIIInstrumentation(log) as watching, pytest.raises(Exception):  # noqa: B017
        CALLS[way](model)
    assert watching.failures == 0
    [record] = records(log)
    assert (record["outcome"], record["error.type"]) == ("error", "openai.InternalServerError")
    assert CANARIES.scan_files(log.path.parent) == []


def test_a_call_that_is_refused_is_recorded(log, server) -> None:
    model = RedactedLLM(model_over(server), scrubber=Scrubber(), user_id="alice")
    image = ChatMessage(role="user", blocks=[ImageBlock(url="http://127.0.0.1/x.png")])
    with PIIInstrumentation(log), pytest.raises(InvalidInputError):
        model.chat([image])
    [record] = records(log)
    assert (record["outcome"], record["user"]) == ("blocked", log.user_tag("alice"))
    assert record["error.type"] == "piirag.errors.InvalidInputError"
    assert server.requests == []


@pytest.mark.parametrize("way", ["chat", "stream_chat", "achat", "astream_chat"])
def test_a_reply_that_is_stopped_is_recorded_as_such(way: str, log) -> None:
    inner = FakeChatLLM(reply=f"ask {MAIL} instead, or somebody else who is there")
    model = RedactedLLM(inner, Redactor(Policy(replies="block")))
    calls = {
        "chat": lambda: model.chat([ChatMessage(role="user", content="whom?")]),
        "stream_chat": lambda: list(model.stream_chat([ChatMessage(role="user", content="x?")])),
        "achat": lambda: in_a_loop(model.achat([ChatMessage(role="user", content="whom?")])),
        "astream_chat": lambda: in_a_loop(
            _drained(model.astream_chat([ChatMessage(role="user", content="whom?")]))
        ),
    }
    with PIIInstrumentation(log), pytest.raises(PIIBlockedError):
        calls[way]()
    [record] = records(log)
    assert record["outcome"] == "blocked"
    assert decisions(record)[-1] == ("blocked", "reply", {"UNSEEN": 1})
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("kind", ["redacted", "plain"])
def test_streams_that_are_left_early_are_recorded(kind: str, log, server) -> None:
    model: Any = model_over(server)
    if kind == "redacted":
        model = RedactedLLM(model, Redactor())

    async def leave() -> None:
        later = await model.astream_chat(CHAT)
        await anext(later)
        await later.aclose()

    with PIIInstrumentation(log) as watching:
        stream = model.stream_chat(CHAT)
        next(stream)
        stream.close()
        in_a_loop(leave())
        gc.collect()
        never = model.stream_chat(CHAT)
    assert watching.failures == 0
    found = records(log)
    assert [record["outcome"] for record in found] == ["error"] * len(found)
    assert [record["error.type"] for record in found][:2] == ["builtins.GeneratorExit"] * 2
    # One that nobody ever read.
    assert [record["error.type"] for record in found][2:] == ["piirag.Abandoned"]
    del never


def test_a_hundred_calls_at_once_leave_a_hundred_records(log, server) -> None:
    model = RedactedLLM(model_over(server), scrubber=Scrubber())

    async def ask(number: int) -> None:
        mails = " ".join(f"n{k}.x{number}@example.com" for k in range(number % 3 + 1))
        message = ChatMessage(role="user", content=f"write to {mails}")
        await model.for_user(f"user-{number}").achat([message])

    async def all_of_them() -> None:
        await asyncio.gather(*(ask(number) for number in range(100)))

    with PIIInstrumentation(log) as watching:
        in_a_loop(all_of_them())
    assert watching.failures == 0
    by_user = {record["user"]: record for record in records(log)}
    assert len(records(log)) == len(by_user) == 100
    for number in range(100):
        count = number % 3 + 1
        assert decisions(by_user[log.user_tag(f"user-{number}")]) == [
            ("redacted", "prompt", {"EMAIL_ADDRESS": count}),
            ("let_through", "reply", {"RESTORED": count}),
        ]
    assert log.verify().ok


TEXT = f"A letter of complaint that {MAIL} wrote in May about the heating"


def _index(scrubber: Scrubber) -> TenantIndex:
    return TenantIndex(
        SimpleVectorStore(),
        scrubber=scrubber,
        embed_model=HashedEmbedding(),
        stamp=Stamp("importer", label="confidential"),
    )


@pytest.mark.parametrize("later", [False, True])
def test_a_query_engine_tells_what_was_read_and_what_went_in(later: bool, log, server) -> None:
    user = _index(Scrubber()).for_user("alice")
    user.insert(Document(text=TEXT, metadata={"file_path": "/a", "year": 2020}))
    filters = MetadataFilters(filters=[MetadataFilter(key="year", value=2020)])
    engine = user.as_query_engine(model_over(server), filters=filters)
    with PIIInstrumentation(log) as watching:
        question = "what about the heating?"
        answer = in_a_loop(engine.aquery(question)) if later else engine.query(question)
    assert watching.failures == 0
    assert answer.metadata["piirag"] == {"label": "confidential"}
    [embedded], [read] = records(log, "embedding"), records(log, "retrieval")
    [called] = records(log, "model_call")
    assert embedded["gen_ai.operation.name"] == "embeddings"
    assert embedded["input_hash"].startswith("i_")
    assert embedded["parent_id"]
    for record in (read, called):
        [chunk] = record["chunks"]
        assert chunk["score"] > 0
        assert chunk["label"] == "confidential"
        assert len(chunk["pseudonyms"]) == 1
        assert record["user"] == log.user_tag("alice")
        [tenant] = record["filter"]["tenant"]
        assert tenant.startswith("k_")
        assert record["filter"]["where"]["filters"][0]["value"] == 2020
    assert called["label"] == "confidential"
    assert decisions(called)[0] == ("redacted", "prompt", {})
    assert CANARIES.scan_files(log.path.parent) == []
    assert Canaries(["alice"]).scan_bytes(log.path.read_bytes()) == []


def test_a_plain_index_is_recorded_without_what_it_holds(log, server) -> None:
    index = VectorStoreIndex.from_documents([Document(text=TEXT)], embed_model=HashedEmbedding())
    engine = index.as_query_engine(model_over(server))
    with PIIInstrumentation(log) as watching:
        engine.query(f"what did {MAIL} write?")
    assert watching.failures == 0
    [read] = records(log, "retrieval")
    assert decisions(read) == [("let_through", "query", {"EMAIL_ADDRESS": 1})]
    assert len(read["chunks"]) == 1
    [called] = records(log, "model_call")
    assert called["decisions"][0]["counts"]["EMAIL_ADDRESS"] >= 1
    assert CANARIES.scan_files(log.path.parent) == []


def _mail(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


@pytest.mark.parametrize("kind", ["redacted", "plain"])
def test_model_calls_and_tools_of_an_agent_are_recorded(kind: str, log) -> None:
    tool = FunctionTool.from_defaults(_mail, name="mail")
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        if kind == "redacted":
            scrubber = Scrubber()
            model = RedactedLLM(model_over(server), scrubber=scrubber)
            inner = FunctionAgent(tools=[tool], llm=model)
            agent: Any = RedactedAgent(inner, scrubber=scrubber, user_id="alice")
        else:
            agent = FunctionAgent(tools=[tool], llm=model_over(server))

        async def run() -> None:
            await agent.run(ASK)

        with PIIInstrumentation(log) as watching:
            in_a_loop(run())
    assert watching.failures == 0
    calls = records(log, "model_call")
    assert [record["outcome"] for record in calls] == ["ok", "ok"]
    [used] = records(log, "decision")
    assert used["gen_ai.operation.name"] == "execute_tool"
    assert used["decisions"][0]["where"] == "tool mail"
    assert used["outcome"] == "ok"
    assert CANARIES.scan_files(log.path.parent) == []


def test_a_tool_that_fails_is_recorded(log) -> None:
    def fails(to: str) -> str:
        raise ValueError(f"cannot send to {to}")

    tool = FunctionTool.from_defaults(fails, name="fails")
    with PIIInstrumentation(log), pytest.raises(ValueError, match="cannot"):
        tool.call(to=MAIL)
    [used] = records(log)
    assert (used["outcome"], used["error.type"]) == ("error", "builtins.ValueError")
    assert CANARIES.scan_files(log.path.parent) == []


async def test_no_planted_value_is_in_the_log(log) -> None:
    """Conversations of every shape in every way of calling: wrapped models, and plain ones."""
    redactor = Redactor()
    values: set[str] = set()
    with OpenAIServer(tool_reply=call_or_echo, chunk_size=5) as server:
        inner = model_over(server)
        for number in range(2 * len(SHAPES) * len(WAYS)):
            story = Story(number)
            values |= {*story.values, story.card.replace(" ", "")}
            if number % 3 == 0:
                with PIIInstrumentation(log, known=story.known) as watching:
                    await story.ask(inner)
            else:
                with PIIInstrumentation(log) as watching:
                    await story.ask(RedactedLLM(inner, redactor, known=story.known))
            assert watching.failures == 0
        reached = len(server.requests)
    assert len(records(log)) == reached
    assert {record["outcome"] for record in records(log)} == {"ok"}
    log.close()
    assert Canaries(sorted(values)).scan_files(log.path.parent) == []


def test_it_listens_only_while_it_is_attached(log, server) -> None:
    dispatcher = get_dispatcher()
    before = list(dispatcher.event_handlers), list(dispatcher.span_handlers)
    watching = PIIInstrumentation(log)
    model = model_over(server)
    model.chat(CHAT)
    watching.attach().attach()
    model.chat(CHAT)
    watching.detach()
    watching.detach()
    model.chat(CHAT)
    assert (list(dispatcher.event_handlers), list(dispatcher.span_handlers)) == before
    assert len(records(log)) == 1


class FullDisk(AuditLog):
    """A log that cannot be written to."""

    def write(self, record: Any, **options: Any) -> None:
        raise AuditError("the audit log cannot be written")


def test_a_record_that_is_lost_is_counted(tmp_path, server) -> None:
    with PIIInstrumentation(FullDisk(tmp_path / "audit.jsonl")) as watching:
        assert "today" in model_over(server).chat(CHAT).message.content
    assert watching.failures == 1


def test_it_changes_nothing(log, server) -> None:
    messages = [ChatMessage(role="user", content=ASK)]
    plain = model_over(server).chat(messages)
    with PIIInstrumentation(log):
        watched = model_over(server).chat(messages)
    assert watched.message == plain.message
    assert messages == [ChatMessage(role="user", content=ASK)]


def test_a_scrubber_needs_a_user(log) -> None:
    with pytest.raises(ConfigurationError):
        PIIInstrumentation(log, scrubber=Scrubber())
    assert "alice" not in repr(PIIInstrumentation(log, user_id="alice"))


def test_a_model_gets_nothing_above_its_label(log, server) -> None:
    scrubber = Scrubber()
    user = _index(scrubber).for_user("alice")
    user.insert(Document(text=TEXT))
    [found] = user.as_retriever().retrieve("heating")
    model = RedactedLLM(
        model_over(server), scrubber=scrubber, user_id="alice", max_label="internal"
    )
    with PIIInstrumentation(log), pytest.raises(ProviderPolicyError, match="confidential"):
        model.complete(f"Context: {found.node.get_content()}")
    assert server.requests == []
    assert records(log)[0]["outcome"] == "blocked"
    allowed = RedactedLLM(model_over(server), scrubber=scrubber, user_id="alice")
    reply = allowed.complete(f"Context: {found.node.get_content()}")
    assert reply.additional_kwargs["piirag"]["label"] == "confidential"
    with pytest.raises(ConfigurationError):
        RedactedLLM(model_over(server), Redactor(), max_label="secret")
    server.fail_with(500)
    with pytest.raises(ModelCallError):
        allowed.complete("x")
