"""Threats L of traces, prints and logs that no other module here names: L1 to L4, L15, L17.

L5 to L14 and L18 are beside what they are about; L16 is the detector's, in `tests/core`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from typing import Any

import llama_index.core
import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.callbacks.simple_llm_handler import SimpleLLMHandler
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine
from llama_index.core.instrumentation import get_dispatcher, root_dispatcher
from llama_index.core.instrumentation.dispatcher import instrument_tags
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import Document
from llama_index.core.tools import FunctionTool

from llama_index_piirag import RedactedAgent, RedactedChatEngine, RedactedLLM, TenantIndex
from piirag import Scrubber
from piirag.observe import ScrubbingSpanExporter, TextGuard
from support.canary import Canaries, capture_logs
from support.llama_fakes import FakeChatLLM, FakeLLM
from support.llama_server import calls_with, model_over
from support.openai_server import OpenAIServer

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")

NAME = "Ottoline Quenneville"
MAIL = "cosima@nightmail.com"
KNOWN = {"PERSON": [NAME]}
TEXT = f"Write to {MAIL} for {NAME}."
CANARIES = Canaries([NAME, "Quenneville", MAIL])
dispatcher = get_dispatcher(__name__)


def say(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


class ToOpenTelemetry(BaseSpanHandler[Any]):
    """Hands LlamaIndex's spans to OpenTelemetry, with all that they carry."""

    _tracer: Any = PrivateAttr()
    _open: dict[str, Any] = PrivateAttr(default_factory=dict)

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        span = self._tracer.start_span(id_.rsplit("-", 5)[0])
        span.set_attribute("input.value", repr(bound_args.arguments))
        for name, value in (tags or {}).items():
            span.set_attribute(f"tag.{name}", str(value))
        self._open[id_] = span

    def span_exit(
        self, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **kwargs: Any
    ) -> None:
        span = self._open.pop(id_)
        span.set_attribute("output.value", repr(result))
        span.end()

    def span_drop(
        self, id_: str, bound_args: Any, instance: Any = None, err: Any = None, **kwargs: Any
    ) -> None:
        from opentelemetry.trace import Status, StatusCode

        span = self._open.pop(id_)
        span.record_exception(err)
        span.set_status(Status(StatusCode.ERROR, str(err)))
        span.end()

    def new_span(self, *args: Any, **kwargs: Any) -> None: ...

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None: ...

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None: ...


@pytest.fixture
def spans() -> Iterator[tuple[Any, Any]]:
    """Kept as they are, and as they leave through the exporter that scrubs."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    raw, left = InMemorySpanExporter(), InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(raw))
    guarded = ScrubbingSpanExporter(left, TextGuard(known=KNOWN))
    provider.add_span_processor(SimpleSpanProcessor(guarded))
    handler = ToOpenTelemetry()
    handler._tracer = provider.get_tracer("test")
    before = root_dispatcher.span_handlers
    root_dispatcher.span_handlers = [*before, handler]
    yield raw, left
    root_dispatcher.span_handlers = before
    provider.shutdown()


@dispatcher.span
def ask(llm: Any, question: str) -> str:
    """An application's own step, which LlamaIndex traces as it was called."""
    return llm.chat(say(question)).message.content or ""


@dispatcher.span
def fail(llm: Any, question: str) -> str:
    """The same, and an error of the application's own that quotes."""
    raise ValueError(f"nothing for {ask(llm, question)}")


def _written(exporter: Any) -> dict[str, str]:
    return {span.name: span.to_json() for span in exporter.get_finished_spans()}


def test_L1_the_outermost_span_leaves_scrubbed_and_inner_ones_are_clean(spans: Any) -> None:
    raw, left = spans
    assert ask(RedactedLLM(FakeChatLLM(), known=KNOWN), TEXT) == TEXT
    before = _written(raw)
    assert CANARIES.scan_text(before.pop("ask")), "LlamaIndex traces what it was called with"
    assert "FakeChatLLM.chat" in before
    assert CANARIES.scan_text("".join(before.values())) == []
    after = _written(left)
    assert set(after) == {"ask", *before}
    assert CANARIES.scan_text("".join(after.values())) == []
    assert "[EMAIL_ADDRESS] for [PERSON]" in after["ask"]


def test_L2_tags_and_errors_leave_scrubbed(spans: Any) -> None:
    raw, left = spans
    with instrument_tags({"customer": NAME, "mail": MAIL}), pytest.raises(ValueError):
        fail(RedactedLLM(FakeChatLLM(), known=KNOWN), TEXT)
    # Tags are on every span, and LlamaIndex has no hook that would change them.
    assert all(CANARIES.scan_text(span) for span in _written(raw).values())
    after = _written(left)
    assert {"fail", "ask", "FakeChatLLM.chat"} <= set(after)
    assert CANARIES.scan_text("".join(after.values())) == []
    assert "nothing for Write to [EMAIL_ADDRESS]" in after["fail"]
    assert '"tag.customer": "[PERSON]"' in after["FakeChatLLM.chat"]


@pytest.mark.parametrize("where", ["model", "global", "debug"])
def test_L3_handlers_that_print_show_placeholders(
    where: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LlamaIndex's counterpart of `set_debug`: `set_global_handler("simple")` and its like."""
    handler: Any = SimpleLLMHandler() if where != "debug" else LlamaDebugHandler()
    if where == "global":
        monkeypatch.setattr(llama_index.core, "global_handler", handler)
        manager = CallbackManager([])
    else:
        manager = CallbackManager([handler])
    llm = RedactedLLM(FakeChatLLM(callback_manager=manager), known=KNOWN)
    assert llm.chat(say(TEXT)).message.content == TEXT
    assert "".join(chunk.delta or "" for chunk in llm.stream_complete(TEXT)) == TEXT
    out, err = capsys.readouterr()
    if where == "debug":
        kept = [[event.payload for event in pair] for pair in handler.get_llm_inputs_outputs()]
        assert kept and CANARIES.scan_object(kept) == []
    else:
        assert "[PERSON_1]" in out
    assert CANARIES.scan_text(out + err) == []


def test_L3_verbose_parts_print_pseudonyms(
    scrubber: Scrubber, index: TenantIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    view = index.for_user("u1")
    view.insert(Document(text=TEXT), known=KNOWN)
    made = CondensePlusContextChatEngine.from_defaults(
        retriever=view.as_retriever(), llm=FakeLLM(), verbose=True
    )
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    for _ in range(2):
        assert NAME in engine.chat(f"What of {NAME}, {MAIL}?").response
    out, err = capsys.readouterr()
    assert "Condensed question" in out
    assert CANARIES.scan_text(out + err) == []


async def test_L4_events_inside_a_run_hold_pseudonyms(scrubber: Scrubber) -> None:
    """What the workflow streams inside; what a person is shown is restored outside of it."""

    def mail(to: str) -> str:
        """Send a mail."""
        return f"{to}, {NAME}"

    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        made = FunctionAgent(llm=model_over(server), tools=[FunctionTool.from_defaults(mail)])
        agent = RedactedAgent(
            made, scrubber=scrubber, user_id="u1", known=KNOWN, restore_tool_args=["mail"]
        )
        run = agent.run(TEXT)
        handler = await run._started
        inner = [event async for event in handler.stream_events(expose_internal=True)]
        assert str(await run) == f"You said: {TEXT}"
        assert CANARIES.scan_object(run.ctx.to_dict()) == []
    assert len(inner) > 8
    assert CANARIES.scan_object([event.model_dump() for event in inner]) == []
    assert CANARIES.scan_text(repr(inner)) == []


def test_L15_logs_and_generated_queries(
    scrubber: Scrubber, index: TenantIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    view = index.for_user("u1")
    view.insert(Document(text=TEXT), known=KNOWN)
    with OpenAIServer() as server, capture_logs() as logs:
        fusion = QueryFusionRetriever(
            [view.as_retriever()], llm=model_over(server), num_queries=3, verbose=True
        )
        made = ContextChatEngine.from_defaults(retriever=fusion, llm=model_over(server))
        engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
        assert NAME in engine.chat(f"What of {NAME}, {MAIL}?").response
        assert CANARIES.scan_bytes(b"".join(request.wire for request in server.requests)) == []
    out, err = capsys.readouterr()
    assert "Generated queries" in out
    assert any(record.name.startswith(("httpx", "openai")) for record in logs.records)
    assert min(record.levelno for record in logs.records) == logging.DEBUG
    assert CANARIES.scan_text(out + err) == []
    assert CANARIES.scan_records(logs.records) == []


@pytest.mark.parametrize("how", ["chat", "stream", "tools"])
def test_L17_an_instrumented_client_captures_placeholders(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instrumentations of the provider's client record the content of what it sends."""
    from openai.resources.chat.completions import Completions

    captured: list[str] = []
    create = Completions.create

    def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = create(self, *args, **kwargs)
        captured.append(f"{kwargs!r} {reply!r}")
        return reply

    monkeypatch.setattr(Completions, "create", recorded)
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        llm: Any = RedactedLLM(model_over(server), known=KNOWN, restore_tool_args=["mail"])
        if how == "chat":
            assert llm.chat(say(TEXT)).message.content == f"You said: {TEXT}"
        elif how == "stream":
            chunks = llm.stream_chat(say(TEXT))
            assert "".join(chunk.delta for chunk in chunks) == f"You said: {TEXT}"
        else:
            tool = FunctionTool.from_defaults(lambda to: to, name="mail")
            reply = llm.chat_with_tools([tool], user_msg=TEXT)
            assert llm.get_tool_calls_from_response(reply)[0].tool_kwargs == {"to": TEXT}
    assert "[PERSON_1]" in "".join(captured)
    assert CANARIES.scan_text("".join(captured)) == []
