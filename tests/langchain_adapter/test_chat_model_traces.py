"""What tracers, event streams and debug output see of a wrapped model: threats L1, L3, L4, L5."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.globals import set_debug, set_verbose
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import LangChainTracer
from langchain_openai import ChatOpenAI
from langsmith import Client

from langchain_piirag import RedactedChatModel, RedactedModel
from piirag.errors import InvalidInputError, ModelCallError
from support.canary import Canaries, capture_logs
from support.langchain_fakes import EchoChat, EchoLLM, Recorder
from support.openai_server import OpenAIServer, echo

MAIL = "jane.roe@example.com"
TEXT = f"Jane Roe <{MAIL}> pays with 4111111111111111"
KNOWN = {"PERSON": ["Jane Roe"]}
CANARIES = Canaries([MAIL, "Jane Roe", "4111111111111111"])


def _wrapped(**kwargs: Any) -> RedactedChatModel:
    return RedactedChatModel(EchoChat(seen=[]), known=KNOWN, **kwargs)


async def _joined(chunks: Any) -> str:
    return "".join([chunk.content async for chunk in chunks])


@pytest.mark.parametrize("switch", [set_debug, set_verbose])
@pytest.mark.parametrize("how", ["invoke", "stream", "structured"])
def test_L3_debug_output_shows_placeholders(switch: Any, how: str) -> None:
    printed = io.StringIO()
    server = OpenAIServer(lambda body: json.dumps({"a": body["messages"][0]["content"]}))
    with server, redirect_stdout(printed), capture_logs() as logs:
        switch(True)
        try:
            model = RedactedChatModel(
                ChatOpenAI(base_url=server.url, api_key="x", model="gpt-4o"), known=KNOWN
            )
            if how == "structured":
                schema = {"title": "A", "type": "object", "properties": {"a": {"type": "string"}}}
                assert model.with_structured_output(schema).invoke(TEXT) == {"a": TEXT}
            else:
                assert (
                    TEXT in model.invoke(TEXT).content
                    if how == "invoke"
                    else list(model.stream(TEXT))
                )
        finally:
            switch(False)
    assert CANARIES.scan_text(printed.getvalue()) == []
    assert CANARIES.scan_text(logs.text) == []
    if switch is set_debug:
        assert "[PERSON_1]" in printed.getvalue()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])
@pytest.mark.filterwarnings("ignore")
def test_L4_event_streams_of_the_wrapper_show_placeholders(wrapper: Any, version: Any) -> None:
    async def events() -> list[Any]:
        model = wrapper(EchoChat(seen=[]), known=KNOWN)
        return [e async for e in model.astream_events(TEXT, version=version, stop=[MAIL])]

    told = asyncio.run(events())
    assert CANARIES.scan_text(repr(told)) == []
    assert {"on_chat_model_start", "on_chat_model_stream", "on_chat_model_end"} <= {
        event["event"] for event in told
    }


def test_L4_inner_events_of_a_chain_show_placeholders() -> None:
    async def events() -> list[Any]:
        chain = RunnableLambda(lambda x: x["q"]) | _wrapped() | StrOutputParser()
        return [e async for e in chain.astream_events({"q": TEXT}, version="v2")]

    inner = [e for e in asyncio.run(events()) if "chat_model" in e["event"]]
    assert len(inner) > 3
    assert CANARIES.scan_text(repr(inner)) == []


@pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])
def test_version_3_streams_the_reply_itself(wrapper: Any) -> None:
    recorder = Recorder()
    model = wrapper(EchoChat(seen=[]), known=KNOWN)
    stream = model.stream_events(TEXT, {"callbacks": [recorder]}, version="v3")
    assert str(stream.text) == TEXT
    assert stream.output.text == TEXT
    assert stream.output.response_metadata["piirag"]["restored"] == 3
    assert CANARIES.scan_text(recorder.of()) == []

    async def later() -> Any:
        stream = await model.astream_events(TEXT, version="v3")
        return [event async for event in stream], await stream.output

    events, message = asyncio.run(later())
    assert message.text == TEXT
    assert {e["event"] for e in events} >= {"message-start", "content-block-delta"}


@pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])
def test_L5_errors_in_event_streams_hold_nothing(wrapper: Any) -> None:
    model = wrapper(EchoChat(seen=[], error=ValueError(TEXT)), known=KNOWN)
    with pytest.raises(ModelCallError) as caught:
        list(model.stream_events(TEXT, version="v3"))
    assert CANARIES.scan_exception(caught.value) == []

    async def later(version: Any) -> Any:
        if version == "v3":
            return await (await model.astream_events(TEXT, version="v3")).output
        return [e async for e in model.astream_events(TEXT, version=version)]

    for version in ("v2", "v3"):
        with pytest.raises(ModelCallError) as caught:
            asyncio.run(later(version))
        assert CANARIES.scan_exception(caught.value) == []
    with pytest.raises(NotImplementedError):
        model.stream_events(TEXT)
    with pytest.raises(InvalidInputError):
        list(model.stream_events(7, version="v3"))
    if wrapper is RedactedModel:
        with pytest.raises(InvalidInputError):
            list(RedactedModel(EchoLLM(seen=[])).stream_events(TEXT, version="v3"))


def test_L1_what_langsmith_gets_of_the_model_holds_placeholders() -> None:
    """The tracer, its metadata, and what a parent's callback manager carries along."""
    with OpenAIServer(echo) as server:
        client = Client(api_url=server.url_langsmith, api_key="x")
        tracer = LangChainTracer(client=client, tags=[MAIL], metadata={"who": MAIL})
        manager = CallbackManager([tracer], inheritable_handlers=[tracer])
        manager.add_tags([MAIL])
        manager.add_metadata({"customer": {"mail": MAIL}})
        model = RedactedChatModel(
            ChatOpenAI(base_url=server.url, api_key="x", model="m"), known=KNOWN, tags=[MAIL]
        )
        config: Any = {
            "callbacks": manager,
            "run_name": MAIL,
            "metadata": {"a": MAIL},
            "configurable": {"thread_id": MAIL, "model": MAIL},
        }
        assert TEXT in model.invoke(TEXT, config).content
        assert TEXT in "".join(c.content for c in model.stream(TEXT, config))
        tracer.wait_for_futures()
        client.flush()
        sent = b"\n".join(r.body for r in server.requests if "langsmith" in r.path)
    assert b"[PERSON_1]" in sent
    assert b"ChatOpenAI" in sent
    assert CANARIES.scan_bytes(sent) == []
    assert tracer.tracing_metadata == {"who": MAIL}, "the caller's tracer was changed"
    assert manager.inheritable_metadata["customer"] == {"mail": MAIL}


def test_L1_the_context_of_a_chain_reaches_the_model_s_run_redacted() -> None:
    """Called inside a step without passing the config on."""
    recorder = Recorder()
    model = _wrapped()
    step = RunnableLambda(lambda x: model.invoke(x).content)
    config: Any = {"callbacks": [recorder], "tags": [MAIL], "metadata": {"m": MAIL}}
    assert step.invoke(TEXT, config) == TEXT
    told = recorder.of("on_chat_model_start", "on_llm_end", "on_llm_new_token")
    assert "[PERSON_1]" in told
    assert CANARIES.scan_text(told) == []
