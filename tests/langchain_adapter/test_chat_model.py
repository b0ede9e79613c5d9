"""RedactedChatModel: threats L1, L3, L4, L5, S8, S9, P22."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import RunnableBinding
from langchain_openai import ChatOpenAI

from langchain_piirag import RedactedChatModel, RedactedModel
from piirag import Policy, Redactor, Scrubber
from piirag.errors import ConfigurationError, InvalidUserIdError, ModelCallError
from piirag.redaction.tokens import PLACEHOLDER
from support.canary import Canaries
from support.langchain_fakes import EchoChat, EchoLLM, Recorder
from support.openai_server import OpenAIServer

MAIL = "jane.roe@example.com"
TEXT = f"Jane Roe <{MAIL}> pays with 4111111111111111"
KNOWN = {"PERSON": ["Jane Roe"]}
CANARIES = Canaries([MAIL, "Jane Roe", "4111111111111111"])


def _wrapped(**kwargs: Any) -> RedactedChatModel:
    return RedactedChatModel(EchoChat(seen=[]), known=KNOWN, **kwargs)


async def _joined(chunks: Any) -> str:
    return "".join([chunk.content async for chunk in chunks])


WAYS = {
    "invoke": lambda m, c: m.invoke(TEXT, c).content,
    "ainvoke": lambda m, c: asyncio.run(m.ainvoke(TEXT, c)).content,
    "batch": lambda m, c: m.batch([TEXT, TEXT], c)[1].content,
    "abatch": lambda m, c: asyncio.run(m.abatch([TEXT, TEXT], c))[1].content,
    "stream": lambda m, c: "".join(x.content for x in m.stream(TEXT, c)),
    "astream": lambda m, c: asyncio.run(_joined(m.astream(TEXT, c))),
    "transform": lambda m, c: "".join(x.content for x in m.transform(iter([TEXT]), c)),
    "batch_as_completed": lambda m, c: next(iter(m.batch_as_completed([TEXT], c)))[1].content,
    "generate": lambda m, c: m.generate([[HumanMessage(TEXT)]], **c).generations[0][0].text,
    "agenerate": lambda m, c: (
        asyncio.run(m.agenerate([[HumanMessage(TEXT)]], **c)).generations[0][0].text
    ),
    "generate_prompt": lambda m, c: (
        m.generate_prompt(
            [ChatPromptTemplate.from_messages([("human", "{t}")]).invoke({"t": TEXT})], **c
        )
        .generations[0][0]
        .text
    ),
    "chain": lambda m, c: (m | StrOutputParser()).invoke(TEXT, c),
}


@pytest.mark.parametrize("way", WAYS)
def test_S8_L4_every_way_sends_and_traces_placeholders(way: str) -> None:
    recorder = Recorder()
    model = _wrapped()
    assert isinstance(model, BaseChatModel)
    # The chain itself is the caller's: its own run says what went in and out.
    events = {"callbacks": [recorder]} if way != "chain" else {}
    assert WAYS[way](model, events) == TEXT
    assert CANARIES.scan_text(repr(model.model.seen)) == []
    assert PLACEHOLDER.search(repr(model.model.seen))
    assert CANARIES.scan_text(recorder.of()) == []
    if events:
        assert "[PERSON_1]" in recorder.of("on_chat_model_start")
        assert "[PERSON_1]" in recorder.of("on_llm_end")


@pytest.mark.parametrize("way", ["_generate", "_agenerate", "_stream", "_astream"])
def test_S8_what_only_langchain_calls_is_redacted_too(way: str) -> None:
    model = _wrapped()
    messages = [HumanMessage(TEXT)]

    async def later() -> str:
        if way == "_agenerate":
            return (await model._agenerate(messages)).generations[0].text
        return "".join([chunk.text async for chunk in model._astream(messages)])

    if way == "_generate":
        text = model._generate(messages).generations[0].text
    elif way == "_stream":
        text = "".join(chunk.text for chunk in model._stream(messages))
    else:
        text = asyncio.run(later())
    assert text == TEXT
    assert CANARIES.scan_text(repr(model.model.seen)) == []


def test_generate_takes_several_prompts_and_counts_each() -> None:
    recorder = Recorder()
    model = _wrapped(tags=["own"])
    prompts = [[HumanMessage(TEXT)], [SystemMessage("hi"), HumanMessage(MAIL)]]
    result = model.generate(
        prompts, stop=[MAIL], callbacks=[recorder], tags=[MAIL], metadata={"m": MAIL}
    )
    assert [g[0].text for g in result.generations] == [TEXT, f"hi | {MAIL}"]
    counts = [g[0].message.response_metadata["piirag"]["restored"] for g in result.generations]
    assert counts == [3, 1]
    assert len(result.run) == 2
    assert CANARIES.scan_text(recorder.of()) == []
    assert "own" in recorder.of()
    with pytest.raises(ModelCallError) as caught:
        RedactedChatModel(EchoChat(seen=[], error=ValueError(TEXT))).generate(prompts)
    assert CANARIES.scan_exception(caught.value) == []
    with pytest.raises(ModelCallError):
        asyncio.run(RedactedChatModel(EchoChat(error=ValueError(TEXT))).agenerate(prompts))


def test_S9_everything_runs_inside_a_live_event_loop() -> None:
    async def notebook() -> list[str]:
        model = _wrapped()
        later = [await model.ainvoke(TEXT), *await model.abatch([TEXT])]
        return [m.content for m in (model.invoke(TEXT), *later)] + [
            "".join(c.content for c in model.stream(TEXT)),
            (await model.agenerate([[HumanMessage(TEXT)]])).generations[0][0].text,
            str(model.stream_events(TEXT, version="v3").text),
            str(await (await model.astream_events(TEXT, version="v3")).text),
        ]

    assert asyncio.run(notebook()) == [TEXT] * 7


def test_fields_set_on_the_wrapper_take_effect() -> None:
    recorder = Recorder()
    inner = EchoChat(seen=[])
    model = RedactedChatModel(
        inner,
        known=KNOWN,
        callbacks=[recorder],
        metadata={"customer": MAIL},
        disable_streaming=True,
        output_version="v1",
        rate_limiter=InMemoryRateLimiter(requests_per_second=1000),
    )
    [chunk] = [c for c in model.stream(TEXT) if c.content]
    assert chunk.content == [{"type": "text", "text": TEXT}]
    assert "EMAIL_ADDRESS_1" in recorder.of("on_chat_model_start")
    assert CANARIES.scan_text(recorder.of()) == []
    assert inner.disable_streaming is False


def test_what_langchain_asks_a_model_about_itself() -> None:
    class Counts(EchoChat):
        model_name: str = "m-1"

        def get_token_ids(self, text: str) -> list[int]:
            self.seen.append(text)
            return [1] * len(text.split())

        def get_num_tokens_from_messages(self, messages: Any, tools: Any = None) -> int:
            self.seen.append(messages)
            return len(messages)

    inner = Counts(seen=[], profile={"max_input_tokens": 9})
    model = RedactedChatModel(inner, known=KNOWN)
    assert model.get_num_tokens(TEXT) == len(model.get_token_ids(TEXT)) == 5
    assert model.get_num_tokens_from_messages([HumanMessage(TEXT)]) == 1
    assert CANARIES.scan_text(repr(inner.seen)) == []
    assert model.profile == {"max_input_tokens": 9}
    assert model._get_ls_params()["ls_model_name"] == "m-1"
    assert model._llm_type == "redacted-echo"
    assert repr(model) == str(model) == "RedactedChatModel(Counts)"
    assert CANARIES.scan_text(repr(model.asdict()) + repr(model.to_json())) == []
    assert model.model_copy()._settings is model._settings


def test_wrong_set_ups_are_refused() -> None:
    for bad in ("gpt", EchoLLM(), EchoChat().bind(stop=["x"]), None):
        with pytest.raises(ConfigurationError):
            RedactedChatModel(bad)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        RedactedChatModel(EchoChat(), unknown_blocks="ignore")
    with pytest.raises(ConfigurationError):
        RedactedChatModel(EchoChat(), restore_tool_args="mail")
    with pytest.raises(ConfigurationError):
        RedactedChatModel(EchoChat(), user_id="alice")
    for bad in (None, "", 7):
        with pytest.raises(InvalidUserIdError):
            RedactedChatModel(EchoChat(), scrubber=Scrubber()).for_user(bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidUserIdError):
        RedactedChatModel(EchoChat(), scrubber=Scrubber()).for_user("alice", viewer="")


def test_P4_another_viewer_gets_none_of_the_user_s_values() -> None:
    scrubber = Scrubber()
    chunk = scrubber.scrub(TEXT, user_id="alice", known=KNOWN).text
    for wrapper in (RedactedModel, RedactedChatModel):
        model = wrapper(EchoChat(seen=[]), scrubber=scrubber)
        assert model.for_user("alice").invoke(chunk).content == TEXT
        shown = model.for_user("alice", viewer="bob").invoke(chunk)
        assert CANARIES.scan_text(shown.content) == []
        assert shown.response_metadata["piirag"]["refused"] == 3


def test_P18_what_the_assistant_said_by_itself_is_redacted_and_counted() -> None:
    """In the reply, by the policy; and as history of the next call, always."""
    said = "Write to memorised@example.org."
    for replies, expected in [("redact", "[EMAIL_ADDRESS]"), ("allow", "memorised@example.org")]:
        inner = EchoChat(seen=[], reply=said)
        model = RedactedChatModel(inner, Redactor(Policy(replies=replies)))
        reply = model.invoke("who?")
        assert expected in reply.content
        assert "".join(c.content for c in model.stream("who?")) == reply.content
        assert reply.response_metadata["piirag"]["unseen"] == (replies == "redact")
        model.invoke([HumanMessage("who?"), AIMessage(said), HumanMessage("sure?")])
        assert "memorised" not in repr(inner.seen[-1])


@pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])
def test_P22_a_hundred_calls_at_once_restore_their_own_values_only(wrapper: Any) -> None:
    model = wrapper(EchoChat(seen=[]))
    texts = [f"mail number{n}@example.com, or 41111111111{n:05d}" for n in range(100)]
    got: dict[str, str] = {}

    def run(text: str) -> None:
        got[text] = model.invoke(text).content

    threads = [threading.Thread(target=run, args=(text,)) for text in texts[:50]]
    for thread in threads:
        thread.start()

    async def later() -> list[Any]:
        return list(await asyncio.gather(*(model.ainvoke(text) for text in texts[50:])))

    for text, message in zip(texts[50:], asyncio.run(later()), strict=True):
        got[text] = message.content
    for thread in threads:
        thread.join()
    assert got == {text: text for text in texts}


def test_an_agent_of_langchain_runs_on_it() -> None:
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    given: list[str] = []

    @tool
    def mail(to: str) -> str:
        """Send a mail."""
        given.append(to)
        return f"sent to {to}"

    def calls(body: Any) -> Any:
        return [("mail", {"to": body["messages"][-1]["content"].split()[-1]})]

    with OpenAIServer(lambda body: body["messages"][-1]["content"], tool_reply=calls) as server:
        model = RedactedChatModel(
            ChatOpenAI(base_url=server.url, api_key="x", model="m"), restore_tool_args=["mail"]
        )
        bound = model.bind_tools([mail])
        assert isinstance(bound, RunnableBinding)
        assert bound.bound is model
        result = create_agent(model, [mail]).invoke({"messages": [("human", f"write to {MAIL}")]})
        sent = server.bodies
    assert given == [MAIL]
    assert result["messages"][-1].content == f"sent to {MAIL}"
    assert CANARIES.scan_bytes(sent) == []


def test_no_module_of_the_provider_is_loaded_by_it() -> None:
    assert "langchain_openai" not in vars(sys.modules["langchain_piirag.chat_model"])
