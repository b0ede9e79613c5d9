"""Chat engines: traces, memory and wire in tokens, answers in values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.indices.vector_store import VectorStoreIndex
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_piirag import RedactedChatEngine, RedactedLLM, ScrubbedMemory, TenantIndex
from piirag import Policy, Scrubber, SQLiteVault
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    ModelCallError,
    RetrievalError,
    TenancyError,
    UserErasedError,
)
from support.canary import Canaries, capture_logs
from support.llama_fakes import FakeChatLLM, HashedEmbedding, Trace, traced
from support.llama_server import in_a_loop, model_over
from support.openai_server import OpenAIServer

NAME = "Ottoline Quenneville"
MAIL = "cosima@nightmail.com"
KNOWN = {"PERSON": [NAME]}
FIRST = f"Write to {MAIL} for {NAME}."
SECOND = "And the parcel of ottoline quenneville?"


@pytest.fixture
def trace() -> Iterator[Trace]:
    with traced() as trace:
        yield trace


@pytest.fixture
def scrubber(vault: SQLiteVault) -> Scrubber:
    """Nothing is looked for in replies, so nothing but tokens is held back."""
    return Scrubber(Policy(replies="allow"), vault=vault)


@pytest.fixture
def own(canaries: Canaries) -> Canaries:
    return Canaries([NAME, "Quenneville", MAIL, "ottoline.quenneville@brightmail.com"])


@pytest.fixture
def filled(index: TenantIndex, documents: Any) -> TenantIndex:
    index.for_user("u1").insert_documents(documents)
    return index


def build(kind: str, inner: Any, index: TenantIndex, memory: Any, streaming: bool) -> Any:
    """An engine of LlamaIndex as its documentation makes it."""
    if kind == "simple":
        return SimpleChatEngine.from_defaults(
            llm=inner, memory=memory, system_prompt=f"You serve {NAME}."
        )
    user = index.for_user("u1")
    if kind == "question":
        engine = user.as_query_engine(llm=inner, streaming=streaming)
        return CondenseQuestionChatEngine.from_defaults(engine, llm=inner, memory=memory)
    make: Any = {"context": ContextChatEngine, "plus": CondensePlusContextChatEngine}[kind]
    return make.from_defaults(
        retriever=user.as_retriever(), llm=inner, memory=memory, system_prompt=f"For {NAME}."
    )


async def _astream(engine: Any, message: str, **kw: Any) -> str:
    answer = await engine.astream_chat(message, **kw)
    return "".join([delta async for delta in answer.async_response_gen()])


WAYS: dict[str, Callable[..., str]] = {
    "chat": lambda engine, message, **kw: str(engine.chat(message, **kw)),
    "achat": lambda engine, message, **kw: str(in_a_loop(engine.achat(message, **kw))),
    "stream": lambda engine, message, **kw: "".join(engine.stream_chat(message, **kw).response_gen),
    "astream": lambda engine, message, **kw: in_a_loop(_astream(engine, message, **kw)),
}
every_way = pytest.mark.parametrize("way", WAYS)
every_kind = pytest.mark.parametrize("kind", ["simple", "context", "plus", "question"])


@every_way
@every_kind
def test_L11_a_chat_leaves_no_trace(
    kind: str, way: str, filled: TenantIndex, scrubber: Scrubber, trace: Trace, own: Canaries
) -> None:
    inner = FakeChatLLM(callback_manager=trace.callbacks)
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    made = build(kind, inner, filled, memory, "stream" in way)
    made.callback_manager = trace.callbacks
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    trace.kept.clear()
    with capture_logs() as logs:
        first = WAYS[way](engine, FIRST)
        second = WAYS[way](engine, SECOND)
    # Values, as they were said: the model echoes its prompt.
    assert f"Write to {MAIL} for {NAME}." in first
    # In the spelling that was seen first.
    assert NAME in second
    sent = [message.model_dump() for messages in inner.messages for message in messages]
    assert own.scan_object([inner.prompts, sent]) == []
    assert own.scan_object(trace.kept) == []
    assert own.scan_records(logs.records) == []
    assert any(type(made).__name__ in name for name in trace.names)
    assert not any("Redacted" in name for name in trace.names)
    # L7: the memory holds pseudonyms, the user sees values.
    kept = memory.get_all()
    assert len(kept) == 4
    assert own.scan_object([message.model_dump() for message in kept]) == []
    assert "[PERSON " in str(kept[0].content)
    assert any(MAIL in str(message.content) for message in engine.chat_history)
    engine.reset()
    assert engine.chat_history == []


@every_way
def test_L7_memory_of_the_newer_kind(
    way: str, scrubber: Scrubber, filled: TenantIndex, own: Canaries
) -> None:
    memory = Memory.from_defaults(token_limit=4000)
    made = build("simple", FakeChatLLM(), filled, memory, True)
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    assert WAYS[way](engine, FIRST) == FIRST
    assert own.scan_object([message.model_dump() for message in memory.get_all()]) == []


@every_way
@pytest.mark.parametrize("kind", ["simple", "context", "plus"])
def test_L7_a_history_that_is_passed_along(
    kind: str, way: str, filled: TenantIndex, scrubber: Scrubber, trace: Trace, own: Canaries
) -> None:
    inner = FakeChatLLM(callback_manager=trace.callbacks)
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    made = build(kind, inner, filled, memory, True)
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    trace.kept.clear()
    history = [
        ChatMessage(role="user", content=FIRST),
        ChatMessage(role="assistant", content=f"Done, {NAME}."),
    ]
    WAYS[way](engine, SECOND, chat_history=history)
    assert history[0].content == FIRST
    assert own.scan_object([inner.prompts, trace.kept]) == []
    assert own.scan_object([message.model_dump() for message in memory.get_all()]) == []


def test_L7_what_a_memory_held_before(scrubber: Scrubber, own: Canaries, trace: Trace) -> None:
    raw = ChatMemoryBuffer.from_defaults(
        chat_history=[ChatMessage(role="user", content=FIRST)], token_limit=4000
    )
    inner = FakeChatLLM(callback_manager=trace.callbacks)
    made = SimpleChatEngine.from_defaults(llm=inner, memory=raw)
    trace.kept.clear()
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    engine.chat(SECOND)
    assert own.scan_object([inner.prompts, trace.kept]) == []


@every_kind
def test_S7_a_stream_is_not_buffered(kind: str, filled: TenantIndex, scrubber: Scrubber) -> None:
    inner = FakeChatLLM(reply="one two three [EMAIL_ADDRESS_1] four five six seven [EMAIL_ADDR")
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    made = build(kind, inner, filled, memory, True)
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    answer = engine.stream_chat(f"Write to {MAIL}.")
    deltas = list(answer.response_gen)
    # Documents come first in the prompt, and have an address of their own.
    assert "".join(deltas).startswith("one two three ")
    assert "".join(deltas).endswith(" four five six seven [EMAIL_ADDR")
    assert "[EMAIL_ADDRESS_1]" not in "".join(deltas)
    assert len(deltas) > 8
    assert not any("ADDRESS" in delta for delta in deltas)
    assert str(answer) == "".join(deltas).strip()


@pytest.mark.parametrize("way", ["query", "aquery"])
async def test_S7_S9_a_query_engine_streams_chunk_by_chunk(
    way: str, filled: TenantIndex, trace: Trace, own: Canaries
) -> None:
    inner = FakeChatLLM(callback_manager=trace.callbacks)
    engine = filled.for_user("u1").as_query_engine(llm=inner, streaming=True)
    trace.kept.clear()
    question = f"What did {NAME} write to {MAIL}?"
    if way == "query":
        deltas = list(engine.query(question).response_gen)
    else:
        answer = await engine.aquery(question)
        deltas = [delta async for delta in answer.async_response_gen()]
    assert question in "".join(deltas)
    assert len(deltas) > 20
    assert not any("[" in delta or "ADDRESS" in delta for delta in deltas)
    assert own.scan_object([inner.prompts, trace.kept]) == []


@every_kind
async def test_S9_inside_a_running_loop(kind: str, filled: TenantIndex, scrubber: Scrubber) -> None:
    def engine(streaming: bool) -> RedactedChatEngine:
        memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
        made = build(kind, FakeChatLLM(), filled, memory, streaming)
        return RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)

    assert MAIL in str(engine(False).chat(FIRST))
    assert MAIL in "".join(engine(True).stream_chat(FIRST).response_gen)
    assert MAIL in str(await engine(False).achat(FIRST))
    assert MAIL in await _astream(engine(True), FIRST)


@every_way
def test_L5_errors_tell_nothing(
    way: str, filled: TenantIndex, scrubber: Scrubber, trace: Trace, own: Canaries
) -> None:
    inner = FakeChatLLM(fail="now", callback_manager=trace.callbacks)
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    engine = RedactedChatEngine(
        build("simple", inner, filled, memory, True), scrubber=scrubber, user_id="u1", known=KNOWN
    )
    trace.kept.clear()
    with capture_logs() as logs, pytest.raises(ModelCallError) as failed:
        WAYS[way](engine, FIRST)
    assert own.scan_exception(failed.value) == []
    assert own.scan_object(trace.kept) == []
    assert own.scan_records(logs.records) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_L5_a_stream_that_breaks_off(
    way: str,
    filled: TenantIndex,
    scrubber: Scrubber,
    own: Canaries,
    capsys: pytest.CaptureFixture[str],
) -> None:
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    made = build("simple", FakeChatLLM(fail="mid"), filled, memory, True)
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    with pytest.raises(ModelCallError) as failed:
        WAYS[way](engine, FIRST)
    assert own.scan_exception(failed.value) == []
    assert own.scan_text("".join(capsys.readouterr())) == []


def test_D7_a_detector_that_fails_remembers_nothing(filled: TenantIndex) -> None:
    class Broken:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise ValueError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise ValueError(texts)

    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    inner = FakeChatLLM()
    made = SimpleChatEngine.from_defaults(llm=inner, memory=memory)
    engine = RedactedChatEngine(made, scrubber=Scrubber(detector=Broken()), user_id="u1")
    with pytest.raises(DetectionError):
        engine.chat(FIRST)
    assert inner.prompts == [] and memory.get_all() == []


def test_P1_P2_tokens_that_are_typed_are_text(scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    made = SimpleChatEngine.from_defaults(llm=inner, memory=memory)
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    text = f"[PERSON_1] {NAME} [EMAIL_ADDRESS_1]"
    assert str(engine.chat(text)) == text
    assert inner.prompts[-1] == "[LITERAL_1] [PERSON_1] [LITERAL_2]"
    # A pseudonym of another user means nothing to this one.
    other = scrubber.scrub(
        "Barnabus Trelawny", user_id="u2", known={"PERSON": ["Barnabus Trelawny"]}
    )
    assert str(engine.chat(other.text)) == other.text


def test_P4_a_viewer_gets_nothing_out_of_the_vault(scrubber: Scrubber) -> None:
    stored = scrubber.scrub(NAME, user_id="firm", known=KNOWN).text
    inner = FakeChatLLM()
    made = SimpleChatEngine.from_defaults(
        llm=inner, memory=ChatMemoryBuffer.from_defaults(token_limit=4000)
    )
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="firm", viewer="bob")
    answer = str(engine.chat(f"{stored} and {MAIL}"))
    assert answer == f"{stored} and {MAIL}"
    assert NAME not in str(engine.chat_history)


def test_S6_histories_with_media_are_refused(scrubber: Scrubber) -> None:
    made = SimpleChatEngine.from_defaults(
        llm=FakeChatLLM(), memory=ChatMemoryBuffer.from_defaults(token_limit=4000)
    )
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1")
    blocks = [TextBlock(text="a"), ImageBlock(image=b"jane", image_mimetype="image/png")]
    with pytest.raises(InvalidInputError):
        engine.chat("hello", chat_history=[ChatMessage(role="user", blocks=blocks)])


class _Raw(BaseRetriever):
    """Finds what was never scrubbed."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=TextNode(text=f"{NAME} lives at {MAIL}"), score=1.0)]


@every_way
@pytest.mark.parametrize("kind", [ContextChatEngine, CondensePlusContextChatEngine])
def test_L18_a_retriever_that_does_not_scrub(
    kind: Any, way: str, scrubber: Scrubber, trace: Trace, own: Canaries
) -> None:
    inner = FakeChatLLM(callback_manager=trace.callbacks)
    made = kind.from_defaults(
        retriever=_Raw(callback_manager=trace.callbacks),
        llm=inner,
        memory=ChatMemoryBuffer.from_defaults(token_limit=4000),
    )
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    trace.kept.clear()
    # The wrapped retriever scrubs with what is known of the user.
    scrubber.scrub(NAME, user_id="u1", known=KNOWN)
    answer = WAYS[way](engine, "Where is the parcel?")
    assert "Where is the parcel?" in answer
    assert own.scan_object([inner.prompts, trace.kept]) == []


def test_T11_parts_of_another_user_are_refused(filled: TenantIndex, scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    for kind in ("context", "question"):
        with pytest.raises(TenancyError):
            RedactedChatEngine(
                build(kind, inner, filled, memory, True), scrubber=scrubber, user_id="u2"
            )
    bound = RedactedLLM(inner, scrubber=scrubber, user_id="u2")
    with pytest.raises(TenancyError):
        RedactedChatEngine(
            SimpleChatEngine.from_defaults(llm=bound, memory=memory),
            scrubber=scrubber,
            user_id="u1",
        )


def test_configurations_that_cannot_work(scrubber: Scrubber, embedding: HashedEmbedding) -> None:
    inner = FakeChatLLM()
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)

    class Own(SimpleChatEngine):
        pass

    raw = VectorStoreIndex.from_documents([], embed_model=embedding)
    plain = RetrieverQueryEngine.from_args(raw.as_retriever(), llm=inner)
    for engine in (
        object(),
        Own.from_defaults(llm=inner, memory=memory),
        CondenseQuestionChatEngine.from_defaults(plain, llm=inner, memory=memory),
    ):
        with pytest.raises(ConfigurationError):
            RedactedChatEngine(engine, scrubber=scrubber, user_id="u1")  # type: ignore[arg-type]
    simple = SimpleChatEngine.from_defaults(llm=inner, memory=memory)
    with pytest.raises(InvalidUserIdError):
        RedactedChatEngine(simple, scrubber=scrubber, user_id="")
    with pytest.raises(ConfigurationError):
        ScrubbedMemory("m", scrubber=scrubber, user_id="u1")  # type: ignore[arg-type]


def test_an_erased_user_chats_no_more(scrubber: Scrubber) -> None:
    made = SimpleChatEngine.from_defaults(
        llm=FakeChatLLM(), memory=ChatMemoryBuffer.from_defaults(token_limit=4000)
    )
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    engine.chat(FIRST)
    scrubber.vault.forget("u1")
    with pytest.raises(UserErasedError):
        engine.chat(SECOND)
    with pytest.raises(UserErasedError):
        _ = engine.chat_history


async def test_scrubbed_memory_both_ways(scrubber: Scrubber, own: Canaries) -> None:
    inner = ChatMemoryBuffer.from_defaults(token_limit=4000)
    memory = ScrubbedMemory(inner, scrubber=scrubber, user_id="u1", known=KNOWN)
    message = ChatMessage(role="user", content=FIRST)
    memory.put(message)
    memory.put_messages([message])
    await memory.aput(message)
    await memory.aput_messages([message])
    assert len(inner.get_all()) == 4
    assert memory.get(input=FIRST) == await memory.aget(input=FIRST)
    assert memory.get_all() == await memory.aget_all() == inner.get_all()
    assert own.scan_object([m.model_dump() for m in inner.get_all()]) == []
    memory.set([message])
    await memory.aset([message])
    assert len(memory.get_all()) == 1
    await memory.areset()
    assert inner.get_all() == []
    assert own.scan_object(repr(memory)) == []


@every_way
def test_S6_over_the_wire(way: str, scrubber: Scrubber, trace: Trace, own: Canaries) -> None:
    with OpenAIServer() as server:
        inner = model_over(server, callbacks=trace.callbacks, reuse_client=False)
        made = SimpleChatEngine.from_defaults(
            llm=inner, memory=ChatMemoryBuffer.from_defaults(token_limit=4000)
        )
        engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
        assert WAYS[way](engine, FIRST) == f"You said: {FIRST}"
        # In the spelling that was seen first.
        assert WAYS[way](engine, SECOND) == f"You said: And the parcel of {NAME}?"
        assert own.scan_bytes(b"".join(request.wire for request in server.requests)) == []
    assert own.scan_object(trace.kept) == []


def test_T9_a_memory_of_another_user_is_refused(scrubber: Scrubber) -> None:
    memory = ScrubbedMemory(
        ChatMemoryBuffer.from_defaults(token_limit=3000), scrubber=scrubber, user_id="alice"
    )
    engine = SimpleChatEngine.from_defaults(llm=FakeChatLLM(), memory=memory)
    assert RedactedChatEngine(engine, scrubber=scrubber, user_id="alice")
    for user, other in (("bob", scrubber), ("alice", Scrubber())):
        with pytest.raises(TenancyError):
            RedactedChatEngine(engine, scrubber=other, user_id=user)


@pytest.mark.parametrize("way", ["sync", "async", "async of its own"])
def test_L5_an_error_of_a_retriever_quotes_no_document(
    way: str, scrubber: Scrubber, trace: Trace, own: Canaries
) -> None:
    class Raw(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [NodeWithScore(node=TextNode(text=[NAME]))]  # pydantic quotes it

    class AsyncRaw(Raw):
        async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [NodeWithScore(node=TextNode(text=[NAME]))]

    retriever = AsyncRaw() if way == "async of its own" else Raw()
    inner = ContextChatEngine.from_defaults(retriever, llm=FakeChatLLM())
    engine = RedactedChatEngine(inner, scrubber=scrubber, user_id="u1", known=KNOWN)
    with pytest.raises(RetrievalError) as failed:
        engine.chat("hello") if way == "sync" else in_a_loop(engine.achat("hello"))
    assert own.scan_exception(failed.value) == []
    assert own.scan_object(trace.kept) == []
