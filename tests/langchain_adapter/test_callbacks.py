"""PIICallbackHandler: it audits, blocks and scrubs; it never changes messages."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import stat
import uuid

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.outputs import Generation, LLMResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from langchain_piirag import PIICallbackHandler
from piirag import Policy, Scrubber
from piirag.errors import ConfigurationError, PIIBlockedError
from support.canary import Canaries, capture_logs
from support.langchain_fakes import EchoChat, EchoLLM, FixedRetriever

MAIL = "jane.roe@example.com"
CANARIES = Canaries([MAIL, "Jane Roe"])


def _config(handler: PIICallbackHandler, *others) -> dict:
    return {"callbacks": [*others, handler]}


RUNS = {
    "invoke": lambda r, x, c: r.invoke(x, c),
    "ainvoke": lambda r, x, c: asyncio.run(r.ainvoke(x, c)),
    "stream": lambda r, x, c: list(r.stream(x, c)),
    "batch": lambda r, x, c: r.batch([x], c),
    "chain": lambda r, x, c: (RunnableLambda(lambda v: v) | r).invoke(x, c),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kind", [EchoChat, EchoLLM])
def test_a_prompt_with_personal_data_is_stopped(run: str, kind, tmp_path) -> None:
    model = kind(seen=[])
    handler = PIICallbackHandler(audit=tmp_path / "audit.jsonl")
    with capture_logs() as logs, pytest.raises(PIIBlockedError) as caught:
        RUNS[run](model, f"mail {MAIL}", _config(handler))
    assert model.seen == [], "the model was reached"
    assert caught.value.counts == {"EMAIL_ADDRESS": 1}
    assert "RedactedModel" in str(caught.value)
    assert CANARIES.scan_exception(caught.value) == []
    assert CANARIES.scan_text(logs.text) == []
    [record] = _records(tmp_path)
    assert record["outcome"] == "blocked"
    assert _counts(record) == {"EMAIL_ADDRESS": 1}


@pytest.mark.parametrize("run", RUNS)
def test_a_clean_prompt_passes_and_is_recorded(run: str, tmp_path) -> None:
    model = EchoChat(seen=[])
    RUNS[run](model, "hello", _config(PIICallbackHandler(audit=tmp_path / "audit.jsonl")))
    assert len(model.seen) == 1
    [record] = _records(tmp_path)
    assert (record["outcome"], record["gen_ai.operation.name"]) == ("ok", "chat")
    assert record["duration_s"] >= 0


def test_messages_are_never_changed() -> None:
    message = HumanMessage([{"type": "text", "text": f"mail {MAIL}"}], name="x")
    before = copy.deepcopy(message)
    with pytest.raises(PIIBlockedError):
        EchoChat(seen=[]).invoke([message], _config(PIICallbackHandler()))
    assert message == before


def test_a_prompt_can_be_let_through_and_audited(tmp_path) -> None:
    model = EchoChat(seen=[])
    handler = PIICallbackHandler(audit=tmp_path / "audit.jsonl", prompts="audit")
    model.invoke(f"mail {MAIL}", _config(handler))
    [record] = _records(tmp_path)
    assert (record["outcome"], _counts(record)) == ("ok", {"EMAIL_ADDRESS": 1})


def test_values_known_for_the_user_are_found() -> None:
    scrubber = Scrubber()
    scrubber.scrub("Jane Roe", user_id="alice", known={"PERSON": ["Jane Roe"]})
    handler = PIICallbackHandler(scrubber=scrubber, user_id="alice")
    with pytest.raises(PIIBlockedError):
        EchoChat(seen=[]).invoke("what about jane roe?", _config(handler))
    EchoChat(seen=[]).invoke("what about [PERSON_1]?", _config(handler))


def _docs() -> list[Document]:
    return [Document(page_content=f"mail {MAIL}", metadata={"m": MAIL}), Document("clean")]


@pytest.mark.parametrize("run", ["invoke", "ainvoke", "batch", "chain"])
@pytest.mark.parametrize("traced", [False, True])
def test_documents_are_scrubbed_before_they_are_returned(run: str, traced, tmp_path) -> None:
    docs = _docs()
    others = [RunCollectorCallbackHandler()] if traced else []
    handler = PIICallbackHandler(audit=tmp_path / "audit.jsonl")
    retriever = FixedRetriever(docs=docs)
    found = RUNS[run](retriever, "question", _config(handler, *others))
    found = found[0] if run == "batch" else found
    assert CANARIES.scan_text(repr(found)) == []
    assert found[0].page_content == "mail <EMAIL_ADDRESS>"
    assert found[1].page_content == "clean"
    assert docs == _docs(), "the documents of the retriever were changed"
    assert retriever.docs == _docs()
    [record] = _records(tmp_path)
    assert record["outcome"] == "ok"
    assert record["decisions"][-1]["action"] == "redacted"
    assert _counts(record, -1) == {"DOCUMENTS": 2, "CHANGED": 1}


class OwnList(BaseRetriever):
    """Returns the very list it keeps, as many small retrievers do."""

    docs: list[Document]

    def _get_relevant_documents(self, query, *, run_manager):
        return self.docs


CACHE: dict[str, list[Document]] = {}


class Cached(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return CACHE.setdefault(query, _docs())


@functools.lru_cache
def _remembered(query: str) -> list[Document]:
    return _docs()


class LruCached(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return _remembered(query)


class ReturnsTuple(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return tuple(_docs())


@pytest.mark.parametrize("make", [lambda: OwnList(docs=_docs()), Cached, LruCached, ReturnsTuple])
@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
def test_a_list_that_the_retriever_keeps_is_not_changed_but_blocked(make, run: str) -> None:
    retriever = make()
    with pytest.raises(PIIBlockedError, match="PIIRetriever"):
        RUNS[run](retriever, "question", _config(PIICallbackHandler()))
    if isinstance(retriever, OwnList):
        assert retriever.docs == _docs()
    if isinstance(retriever, Cached):
        assert CACHE["question"] == _docs()
    if isinstance(retriever, LruCached):
        assert _remembered("question") == _docs()


def test_a_kept_list_without_personal_data_passes() -> None:
    retriever = OwnList(docs=[Document("clean")])
    assert retriever.invoke("q", _config(PIICallbackHandler())) == [Document("clean")]


@pytest.mark.parametrize("run", ["invoke", "ainvoke"])
def test_a_question_with_personal_data_is_stopped_before_it_is_embedded(run: str) -> None:
    retriever = FixedRetriever(docs=[], questions=[])
    with pytest.raises(PIIBlockedError, match="PIIRetriever"):
        RUNS[run](retriever, f"what of {MAIL}", _config(PIICallbackHandler()))
    assert retriever.questions == []
    RUNS[run](retriever, f"what of {MAIL}", _config(PIICallbackHandler(queries="audit")))
    assert len(retriever.questions) == 1


def test_errors_are_recorded_by_type_only(tmp_path) -> None:
    model = EchoChat(seen=[], error=ValueError(f"cannot mail {MAIL}"))
    handler = PIICallbackHandler(audit=tmp_path / "audit.jsonl")
    with pytest.raises(ValueError, match="cannot"):
        model.invoke("hello", _config(handler))
    [record] = _records(tmp_path)
    assert record["error.type"] == "builtins.ValueError"
    assert CANARIES.scan_files(tmp_path) == []


def test_it_is_no_async_handler() -> None:
    """LangChain swallows what an async handler raises under a sync invoke (core 1.7)."""
    assert not isinstance(PIICallbackHandler(), AsyncCallbackHandler)

    class AsyncBlocker(AsyncCallbackHandler):
        raise_error = True

        async def on_chat_model_start(self, *args, **kwargs):
            raise PIIBlockedError("here", {})

    model = EchoChat(seen=[])
    model.invoke("x", {"callbacks": [AsyncBlocker()]})
    assert model.seen, "if this fails, LangChain has changed: an async handler could be offered"


def test_the_audit_log_holds_no_personal_data_and_is_private(tmp_path) -> None:
    handler = PIICallbackHandler(audit=tmp_path / "audit.jsonl", prompts="audit", queries="audit")
    EchoChat(seen=[]).invoke(f"mail {MAIL}", _config(handler))
    FixedRetriever(docs=_docs()).invoke(f"what of {MAIL}", _config(handler))
    assert len(_records(tmp_path)) == 2
    assert CANARIES.scan_files(tmp_path) == []
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_token_usage_is_recorded(tmp_path) -> None:
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    usage = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
    model = GenericFakeChatModel(messages=iter([AIMessage("hi", usage_metadata=usage)]))
    model.invoke("x", _config(PIICallbackHandler(audit=tmp_path / "audit.jsonl")))
    [record] = _records(tmp_path)
    assert record["gen_ai.usage.input_tokens"] == 3
    assert record["gen_ai.usage.output_tokens"] == 5


@pytest.mark.parametrize(
    "arguments",
    [
        {"scrubber": Scrubber()},
        {"user_id": "alice"},
        {"prompts": "maybe"},
        {"queries": None},
        {"audit": "/proc/none/audit.jsonl"},
    ],
)
def test_wrong_set_ups_are_refused(arguments) -> None:
    with pytest.raises(ConfigurationError):
        PIICallbackHandler(**arguments)


def test_a_policy_without_scrubber() -> None:
    handler = PIICallbackHandler(policy=Policy(entities=["CREDIT_CARD"]))
    EchoChat(seen=[]).invoke(f"mail {MAIL}", _config(handler))
    with pytest.raises(PIIBlockedError):
        EchoChat(seen=[]).invoke("card 4111111111111111", _config(handler))


def _counts(record: dict, place: int = 0) -> dict:
    return record["decisions"][place].get("counts", {})


def _records(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


RUNS_CACHE: dict[str, list[Document]] = {"documents": _docs()}


def test_a_cache_shaped_like_a_run_is_no_run() -> None:
    class Shaped(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            return RUNS_CACHE["documents"]

    with pytest.raises(PIIBlockedError):
        Shaped().invoke("question", _config(PIICallbackHandler()))
    assert RUNS_CACHE["documents"] == _docs()


def test_what_cannot_be_searched_is_blocked_or_recorded(tmp_path) -> None:
    message = HumanMessage([{"type": "hologram"}])
    with pytest.raises(PIIBlockedError) as caught:
        EchoChat(seen=[]).invoke([message], _config(PIICallbackHandler()))
    assert caught.value.counts == {"UNSEARCHED": 1}
    handler = PIICallbackHandler(prompts="audit", audit=tmp_path / "audit.jsonl")
    EchoChat(seen=[]).invoke([message], _config(handler))
    assert _counts(_records(tmp_path)[0]) == {"UNSEARCHED": 1}


def test_stop_words_are_looked_at() -> None:
    model = EchoChat(seen=[])
    with pytest.raises(PIIBlockedError):
        model.invoke("hello", _config(PIICallbackHandler()), stop=[MAIL])
    assert model.seen == []


def test_the_users_own_pseudonyms_in_a_prompt_are_no_personal_data(tmp_path) -> None:
    scrubber = Scrubber()
    chunk = scrubber.scrub(f"Jane Roe <{MAIL}>", user_id="u", known={"PERSON": ["Jane Roe"]}).text
    handler = PIICallbackHandler(scrubber=scrubber, user_id="u", audit=tmp_path / "audit.jsonl")
    model = EchoChat(seen=[])
    model.invoke(f"Context: {chunk} and [PERSON_1]", _config(handler))
    FixedRetriever(docs=[], questions=[]).invoke(f"about {chunk}", _config(handler))
    assert len(model.seen) == 1
    assert [_counts(record) for record in _records(tmp_path)] == [{}, {}]
    with pytest.raises(PIIBlockedError) as caught:
        model.invoke(f"{chunk} {MAIL}", _config(handler))
    assert caught.value.counts == {"EMAIL_ADDRESS": 1}


ODD_USAGE = [
    {"prompt_tokens": "abc"},
    {"prompt_tokens": -5},
    {"prompt_tokens": 1.5},
    {"prompt_tokens": 2**70},
    ["abc"],
    None,
]


@pytest.mark.parametrize("usage", ODD_USAGE)
def test_odd_numbers_of_tokens_are_left_out(usage, tmp_path) -> None:
    class Odd(EchoChat):
        def _generate(self, *args, **kwargs):
            result = super()._generate(*args, **kwargs)
            result.llm_output = {"token_usage": usage, "model_name": ["x"]}
            return result

    model = Odd(seen=[])
    model.invoke("x", _config(PIICallbackHandler(audit=tmp_path / "audit.jsonl")))
    [record] = _records(tmp_path)
    assert record["outcome"] == "ok"
    assert "gen_ai.usage.input_tokens" not in record


OPTIONS = {
    "tools": [{"type": "function", "function": {"name": "x", "description": f"of {MAIL}"}}],
    "user": MAIL,
    "response_format": {"d": MAIL},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_leave_with_a_prompt_are_looked_at(name: str) -> None:
    model = EchoChat(seen=[])
    with pytest.raises(PIIBlockedError):
        model.bind(**{name: OPTIONS[name]}).invoke("hello", _config(PIICallbackHandler()))
    assert model.seen == []


def test_two_calls_under_one_run_id_leave_two_records(tmp_path) -> None:
    handler = PIICallbackHandler(audit=tmp_path / "audit.jsonl", prompts="audit")
    run_id = uuid.uuid4()
    start = {"run_id": run_id, "serialized": {}}
    for text in ("first", "second"):
        handler.on_llm_start(prompts=[text], **start)
    for text in ("one", "two"):
        handler.on_llm_end(LLMResult(generations=[[Generation(text=text)]]), run_id=run_id)
    assert sorted(record["prompt"] for record in _records(tmp_path)) == ["first", "second"]
    assert len({record["request_id"] for record in _records(tmp_path)}) == 1
