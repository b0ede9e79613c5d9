"""What tracers, debug output and event streams get. Threats L1, L2, L3, L4, L17."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.globals import set_debug, set_verbose
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tracers import LangChainTracer
from langsmith import Client

from langchain_piirag import PIIRetriever, RedactedModel, langsmith_options
from piirag import Scrubber
from piirag.errors import ConfigurationError
from piirag.observe import WITHHELD, TextGuard
from support.canary import Canaries
from support.langchain_fakes import EchoChat, FixedRetriever, Recorder
from support.openai_server import OpenAIServer

MAIL = "ottoline@brightmail.com"
KNOWN = {"PERSON": ["Ottoline Quenneville"]}
QUESTION = f"what does Ottoline Quenneville ({MAIL}) want?"
CANARIES = Canaries([MAIL, "Ottoline", "Quenneville"])


def _chain() -> Any:
    scrubber = Scrubber()
    scrubber.scrub("x", user_id="alice", known=KNOWN)
    docs = [Document(page_content=f"Ottoline Quenneville <{MAIL}> asked", metadata={"to": MAIL})]
    retriever = PIIRetriever(FixedRetriever(docs=docs), scrubber=scrubber, user_id="alice")
    prompt = ChatPromptTemplate.from_template("Context: {context}\n\nQuestion: {question}")
    model = RedactedModel(EchoChat(seen=[]), scrubber=scrubber, known=KNOWN).for_user("alice")
    steps = {"context": retriever, "question": RunnablePassthrough()}
    return steps | prompt | model | StrOutputParser()


def _sent(options: dict[str, Any], runnable: Any, value: Any, config: Any = None) -> bytes:
    """All bytes that a LangSmith client sends for one call."""
    with OpenAIServer() as server:
        client = Client(api_url=server.url_langsmith, api_key="x", **options)
        tracer = LangChainTracer(client=client)
        with contextlib.suppress(ValueError):
            runnable.invoke(value, {**(config or {}), "callbacks": [tracer]})
        tracer.wait_for_futures()
        client.flush()
        assert server.requests
        return b"\n".join(request.body + request.wire for request in server.requests)


@pytest.mark.parametrize("batch", [1, 100])
def test_L1_the_whole_trace_of_a_chain_holds_nothing(batch: int) -> None:
    options = langsmith_options(TextGuard(known=KNOWN), batch=batch)
    sent = _sent(options, _chain(), QUESTION)
    assert b"RunnableSequence" in sent
    assert b"retriever" in sent.lower()
    assert b"multipart" in sent or b"form-data" in sent
    assert not CANARIES.scan_bytes(sent)
    bare = _sent({}, _chain(), QUESTION)
    assert {hit.index for hit in CANARIES.scan_bytes(bare)} == {0, 1, 2}


def _fails(value: Any) -> Any:
    raise ValueError(f"no answer for {value}")


NAMED = {
    "run_name": f"ask for {MAIL}",
    "tags": ["Ottoline Quenneville", "plain"],
    "metadata": {"customer": "Ottoline Quenneville", "ls_kind": "x"},
}


def test_L2_names_tags_errors_and_events_are_scrubbed_too() -> None:
    chain = RunnableLambda(_fails).with_config(NAMED)
    sent = _sent(langsmith_options(TextGuard(known=KNOWN)), chain, QUESTION)
    assert b"ask for [EMAIL_ADDRESS]" in sent
    assert b'"[PERSON]"' in sent
    assert b'"plain"' in sent
    assert b"ValueError" in sent
    assert not CANARIES.scan_bytes(sent)
    # LangSmith's own switches leave all of these as they are.
    hidden = {"hide_inputs": True, "hide_outputs": True, "hide_metadata": True}
    assert CANARIES.scan_bytes(_sent(hidden, chain, QUESTION))


def test_L2_fail_closed_a_failing_detector_withholds_every_field() -> None:
    class Fails:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    guard = TextGuard(detector=Fails())
    chain = RunnableLambda(_fails).with_config(NAMED)
    sent = _sent(langsmith_options(guard), chain, QUESTION)
    assert WITHHELD.encode() in sent
    assert not CANARIES.scan_bytes(sent)


def test_L2_a_run_of_the_sdk_itself_with_attachments_and_other_extras() -> None:
    runs = langsmith_options(TextGuard(known=KNOWN))["process_buffered_run_ops"](
        [
            {
                "id": "1",
                "name": MAIL,
                "inputs": {"clean": 1},
                "start_time": "2026-01-01",
                "attachments": {"a": ("text/plain", MAIL.encode())},
                "events": [{"name": "start", "time": "t", "kwargs": {"to": MAIL}}],
                "serialized": {"kwargs": {"user": MAIL}},
                "extra": {"metadata": {"m": 1}, "invocation_params": {"user": MAIL}},
                "parent_run_id": None,
            }
        ]
    )
    assert not CANARIES.scan_object(runs)
    assert runs[0]["inputs"] == {"clean": 1}
    assert runs[0]["attachments"] == {}
    assert runs[0]["events"][0]["time"] == "t"
    assert (runs[0]["id"], runs[0]["start_time"]) == ("1", "2026-01-01")
    with pytest.raises(ConfigurationError):
        langsmith_options(batch=0)


def test_L2_an_error_is_never_sent_because_the_answer_had_another_shape() -> None:
    """LangSmith sends the raw error where the anonymizer's answer lacks the key."""

    class Wrecked(TextGuard):
        def value(self, value: Any, *, context: str = "") -> Any:
            return WITHHELD

    anonymize = langsmith_options(Wrecked())["anonymizer"]
    assert anonymize({"error": MAIL}) == {"error": WITHHELD}
    assert MAIL not in str(anonymize({"input": MAIL}))


def test_L3_debug_output_of_inner_runs_holds_tokens_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_debug(True)
    set_verbose(True)
    try:
        answer = _chain().invoke(QUESTION)
    finally:
        set_debug(False)
        set_verbose(False)
    assert MAIL in answer
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    blocks = re.split(r"(?m)^\[(?=[a-z]+/)", printed)
    inner = [b for b in blocks if "EchoChat" in b.partition("\n")[0]]
    inner += [b for b in blocks if "FixedRetriever" in b.partition("\n")[0]]
    assert len(inner) >= 2
    assert "[PERSON" in "".join(inner)
    for block in inner:
        assert not CANARIES.scan_text(block)


INNER = {"chat_model", "llm"}


async def test_L4_events_of_inner_runs_hold_tokens_only() -> None:
    events = [event async for event in _chain().astream_events(QUESTION, version="v2")]
    inner = [e for e in events if e["event"].removeprefix("on_").rpartition("_")[0] in INNER]
    assert {e["event"] for e in inner} >= {"on_chat_model_start", "on_chat_model_end"}
    assert "[PERSON" in str(inner)
    assert not CANARIES.scan_text(repr(inner))
    assert not CANARIES.scan_text(json.dumps([e["metadata"] for e in inner], default=repr))
    # The outermost run gives the user the real answer.
    assert MAIL in str(events[-1]["data"])


def test_L4_callbacks_of_inner_runs_hold_tokens_only() -> None:
    recorder = Recorder()
    answer = _chain().invoke(QUESTION, {"callbacks": [recorder]})
    assert MAIL in answer
    names = ("on_chat_model_start", "on_llm_start", "on_llm_new_token", "on_llm_end")
    told = recorder.of(*names)
    assert "[PERSON" in told
    assert not CANARIES.scan_text(told)


async def test_L4_streamed_tokens_in_callbacks_are_tokens_only() -> None:
    recorder = Recorder()
    chunks = [c async for c in _chain().astream(QUESTION, {"callbacks": [recorder]})]
    assert MAIL in "".join(chunks)
    told = "".join(
        text for name, text in recorder.events if name in {"on_llm_new_token", "on_llm_end"}
    )
    assert told
    assert not CANARIES.scan_text(told)
