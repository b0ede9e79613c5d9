"""RedactedModel: threats L4, L5, L6, P1, P2, P8, P10, P11, S4, S6, S7, S8, S9."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_piirag import RedactedModel
from piirag import Policy, Redactor, Scrubber
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    ModelCallError,
)
from piirag.redaction.tokens import PLACEHOLDER
from support.canary import Canaries, capture_logs
from support.langchain_fakes import EchoChat, EchoLLM, Recorder

MAIL = "jane.roe@example.com"
CARD = "4111111111111111"
TEXT = f"Jane Roe <{MAIL}> pays with {CARD}"
KNOWN = {"PERSON": ["Jane Roe"]}
CANARIES = Canaries([MAIL, CARD, "Jane Roe"])


def _text(output: object) -> str:
    return output if isinstance(output, str) else str(output.content)


def _collect(chunks) -> str:
    return "".join(_text(c) for c in chunks)


async def _acollect(chunks) -> str:
    return "".join([_text(c) async for c in chunks])


PATHS = {
    "invoke": lambda m, x: _text(m.invoke(x)),
    "ainvoke": lambda m, x: _text(asyncio.run(m.ainvoke(x))),
    "batch": lambda m, x: _text(m.batch([x, x])[1]),
    "abatch": lambda m, x: _text(asyncio.run(m.abatch([x, x]))[1]),
    "stream": lambda m, x: _collect(m.stream(x)),
    "astream": lambda m, x: asyncio.run(_acollect(m.astream(x))),
    "transform": lambda m, x: _collect(m.transform(iter([x]))),
    "in a chain": lambda m, x: (RunnableLambda(lambda v: v) | m | StrOutputParser()).invoke(x),
    "chain stream": lambda m, x: _collect((m | StrOutputParser()).stream(x)),
    "batch_as_completed": lambda m, x: _text(next(iter(m.batch_as_completed([x])))[1]),
    "with_retry": lambda m, x: _text(m.with_retry().invoke(x)),
    "with_config": lambda m, x: _text(m.with_config(tags=["t"]).invoke(x)),
    "bind": lambda m, x: _text(m.bind(stop=["never"]).invoke(x)),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [EchoChat, EchoLLM])
def test_S8_every_path_sends_placeholders_and_returns_values(path: str, kind) -> None:
    inner = kind(seen=[])
    model = RedactedModel(inner, known=KNOWN)
    assert PATHS[path](model, TEXT) == TEXT
    assert inner.seen
    assert CANARIES.scan_text(repr(inner.seen)) == []
    assert PLACEHOLDER.search(repr(inner.seen))


@pytest.mark.parametrize("path", PATHS)
def test_S8_messages_and_prompt_values(path: str) -> None:
    inner = EchoChat(seen=[])
    model = RedactedModel(inner, known=KNOWN)
    messages = [SystemMessage(f"about {MAIL}"), HumanMessage(TEXT)]
    expected = f"about {MAIL} | {TEXT}"
    assert PATHS[path](model, messages) == expected
    prompt = ChatPromptTemplate.from_messages([("system", "about {m}"), ("human", "{t}")])
    assert PATHS[path](model, prompt.invoke({"m": MAIL, "t": TEXT})) == expected
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_llms_take_prompt_values_too() -> None:
    inner = EchoLLM(seen=[])
    model = PromptTemplate.from_template("about {m}") | RedactedModel(inner)
    assert model.invoke({"m": MAIL}) == f"about {MAIL}"
    chat_prompt = ChatPromptTemplate.from_messages([("human", "about {m}")])
    assert (chat_prompt | RedactedModel(inner)).invoke({"m": MAIL}) == f"Human: about {MAIL}"
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_S9_it_runs_inside_a_live_event_loop() -> None:
    async def notebook() -> str:
        return _text(RedactedModel(EchoChat(seen=[]), known=KNOWN).invoke(TEXT))

    assert asyncio.run(notebook()) == TEXT


def test_S7_chunks_come_out_as_they_come_in() -> None:
    chunks = [
        c.content
        for c in RedactedModel(
            EchoChat(reply="one two three four five", seen=[]), Redactor(Policy(replies="allow"))
        ).stream("x")
    ]
    assert len([c for c in chunks if c]) >= 7


def test_S7_a_reply_that_is_looked_through_comes_out_sentence_by_sentence() -> None:
    reply = "One sentence stands here, all by itself. " * 12
    chunks = [c.content for c in RedactedModel(EchoChat(reply=reply, seen=[])).stream("x")]
    assert "".join(chunks) == reply
    assert len([c for c in chunks if c]) >= 4


def test_S6_every_part_of_every_message_is_searched() -> None:
    inner = EchoChat(seen=[])
    call = {"name": "lookup", "args": {"who": MAIL, "n": [CARD]}, "id": "c1", "type": "tool_call"}
    raw_call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "lookup", "arguments": json.dumps({"who": MAIL})},
    }
    messages = [
        SystemMessage([{"type": "text", "text": TEXT}]),
        HumanMessage(["plain " + MAIL, {"type": "text", "text": CARD}], name=MAIL),
        AIMessage(
            [{"type": "tool_use", "id": "c1", "name": "lookup", "input": {"who": MAIL}}],
            tool_calls=[call],
            additional_kwargs={"tool_calls": [raw_call], "reasoning_content": TEXT},
            response_metadata={"note": MAIL},
        ),
        ToolMessage(TEXT, tool_call_id="c1", artifact={"row": TEXT}, additional_kwargs={"x": CARD}),
        {"role": "user", "content": MAIL},
    ]
    RedactedModel(inner, known=KNOWN).invoke(messages)
    assert CANARIES.scan_text(repr(inner.seen)) == []
    [sent] = inner.seen
    assert sent[2].tool_calls[0]["id"] == sent[3].tool_call_id == "c1"
    assert json.loads(sent[2].additional_kwargs["tool_calls"][0]["function"]["arguments"])
    assert messages[1].content == ["plain " + MAIL, {"type": "text", "text": CARD}]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
        {"type": "file", "file": {"file_data": "AAAA"}},
        {"type": "hologram", "payload": "x"},
        {"no": "type"},
    ],
)
def test_S6_what_cannot_be_searched_is_refused(block) -> None:
    inner = EchoChat(seen=[])
    with pytest.raises(InvalidInputError):
        RedactedModel(inner).invoke([HumanMessage([block])])
    assert inner.seen == []


def test_media_can_be_let_through() -> None:
    inner = EchoChat(seen=[])
    url = "data:image/png;base64," + "A" * 40
    block = {"type": "image_url", "image_url": {"url": url, "detail": MAIL}}
    RedactedModel(inner, allow_media=True).invoke([HumanMessage([block])])
    sent = inner.seen[0][0].content[0]
    assert sent["image_url"]["url"] == url
    assert MAIL not in repr(sent)


@pytest.mark.parametrize("bad", [None, 7, b"x", object(), [7], [None], {"a": 1}])
def test_bad_input_is_refused_and_nothing_is_sent(bad) -> None:
    inner = EchoChat(seen=[])
    model = RedactedModel(inner)
    with pytest.raises(InvalidInputError):
        model.invoke(bad)
    with pytest.raises(InvalidInputError):
        list(model.stream(bad))
    assert inner.seen == []


class ProviderError(Exception):
    def __init__(self, prompt: str) -> None:
        self.body = prompt
        self.status_code = 400
        super().__init__(f"cannot process: {prompt}")


@pytest.mark.parametrize("path", [p for p in PATHS if p != "with_retry"])
@pytest.mark.parametrize("late", [None, 6])
def test_L5_L6_provider_errors_are_ours_and_hold_nothing(path: str, late) -> None:
    if late and "stream" not in path and path != "transform":
        return
    inner = EchoChat(seen=[], reply="a reply of some length", error=ProviderError(TEXT))
    inner.fail_after = late
    with capture_logs() as logs, pytest.raises(ModelCallError) as caught:
        PATHS[path](RedactedModel(inner, known=KNOWN), TEXT)
    error = caught.value
    assert CANARIES.scan_exception(error) == []
    assert CANARIES.scan_text(logs.text) == []
    assert (error.__cause__, error.__context__) == (None, None)
    assert error.status_code == 400
    assert error.error_type.endswith("ProviderError")


def test_a_detector_that_fails_stops_the_call() -> None:
    class Fails:
        def detect(self, text, *, language="en"):
            raise RuntimeError(text)

        def detect_batch(self, texts, *, language="en"):
            raise RuntimeError(texts)

    inner = EchoChat(seen=[])
    with pytest.raises(DetectionError) as caught:
        RedactedModel(inner, Redactor(detector=Fails())).invoke(TEXT)
    assert inner.seen == []
    assert CANARIES.scan_exception(caught.value) == []


def test_P1_P2_tokens_in_the_prompt_are_quoted() -> None:
    inner = EchoChat(seen=[])
    model = RedactedModel(inner, known=KNOWN)
    text = "Jane Roe. Please print [PERSON_1] and [EMAIL_ADDRESS_1]"
    assert _text(model.invoke(text)) == text


@pytest.mark.parametrize("value", ["a\\1b", "\\g<0> x", 'quote " and \n newline', "[PERSON_1] x"])
def test_P8_P10_odd_values_come_back_literally(value: str) -> None:
    model = RedactedModel(EchoChat(seen=[]), known={"CODE": [value]})
    assert _text(model.invoke(f"<{value}>")) == f"<{value}>"
    assert _collect(model.stream(f"<{value}>")) == f"<{value}>"


def test_unknown_tokens_stay_inert() -> None:
    model = RedactedModel(EchoChat(seen=[], reply="[PERSON_7] and [PERSON_1]"), known=KNOWN)
    assert _text(model.invoke("Jane Roe")) == "[PERSON_7] and Jane Roe"


class ToolCaller(EchoChat):
    """Calls two tools with whatever it was told, the arguments as JSON cut into pieces."""

    def _calls(self, messages) -> list[dict]:
        self.seen.append(messages)
        args = {"who": messages[-1].content, "why": 'a "quoted" reason'}
        return [{"name": n, "args": args, "id": n, "type": "tool_call"} for n in ("mail", "log")]

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        from langchain_core.outputs import ChatGeneration, ChatResult

        message = AIMessage("", tool_calls=self._calls(messages))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        from langchain_core.outputs import ChatGenerationChunk

        yield ChatGenerationChunk(message=AIMessageChunk("calling "))
        for index, call in enumerate(self._calls(messages)):
            text = json.dumps(call["args"])
            for k in range(0, len(text), 4):
                first = k == 0
                chunk = {
                    "name": call["name"] if first else None,
                    "id": call["id"] if first else None,
                    "args": text[k : k + 4],
                    "index": index,
                    "type": "tool_call_chunk",
                }
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[chunk]))


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_P11_S4_tool_arguments_are_restored_for_allowed_tools_only(how: str) -> None:
    quoted = 'AB "12" cd'
    inner = ToolCaller(seen=[])
    model = RedactedModel(inner, known={"CODE": [quoted]}, restore_tool_args=["mail"])
    if how == "invoke":
        message = model.invoke(quoted)
    else:
        message = None
        for chunk in model.stream(quoted):
            message = chunk if message is None else message + chunk
    calls = {c["name"]: c["args"] for c in message.tool_calls}
    assert calls["mail"]["who"] == quoted
    assert calls["log"]["who"] == "[CODE_1]"
    assert calls["mail"]["why"] == 'a "quoted" reason'


def test_tool_arguments_stay_placeholders_by_default() -> None:
    message = RedactedModel(ToolCaller(seen=[]), known=KNOWN).invoke("Jane Roe")
    assert [c["args"]["who"] for c in message.tool_calls] == ["[PERSON_1]", "[PERSON_1]"]


def test_pseudonyms_of_retrieved_chunks_come_back_as_values() -> None:
    scrubber = Scrubber()
    chunk = scrubber.scrub(TEXT, user_id="alice", known=KNOWN).text
    inner = EchoChat(seen=[])
    model = RedactedModel(inner, scrubber=scrubber).for_user("alice")
    assert _text(model.invoke(f"Context: {chunk}\nWho is jane roe?")) == (
        f"Context: {TEXT}\nWho is jane roe?"
    )
    sent = str(inner.seen[0][0].content)
    assert sent.startswith("Context: [PERSON_1] <[EMAIL_ADDRESS_1]> pays")
    assert "Who is [PERSON_1b]?" in sent


def test_P4_pseudonyms_of_another_user_stay_as_they_are() -> None:
    scrubber = Scrubber()
    chunk = scrubber.scrub(TEXT, user_id="alice", known=KNOWN).text
    model = RedactedModel(EchoChat(seen=[]), scrubber=scrubber)
    assert _text(model.for_user("bob").invoke(chunk)) == chunk
    assert _text(model.invoke(chunk)) == chunk


def test_L4_inner_runs_show_placeholders_only() -> None:
    recorder = Recorder()
    model = RedactedModel(EchoChat(seen=[]), known=KNOWN)
    model.invoke(TEXT, {"callbacks": [recorder]})
    list(model.stream(TEXT, {"callbacks": [recorder]}))
    events = recorder.of()
    assert "on_chat_model_start" in dict(recorder.events)
    assert "on_llm_new_token" in dict(recorder.events)
    assert CANARIES.scan_text(events) == []


def test_the_model_can_be_bound_and_made_robust_inside() -> None:
    inner = EchoChat(seen=[], error=ValueError(TEXT))
    spare = EchoChat(seen=[])
    model = RedactedModel(inner.with_fallbacks([spare]), known=KNOWN)
    assert _text(model.invoke(TEXT)) == TEXT
    assert CANARIES.scan_text(repr(spare.seen)) == []


def test_options_are_redacted_too() -> None:
    class Options(EchoChat):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            self.seen.append((stop, kwargs))
            return super()._generate(messages, stop, run_manager)

    inner = Options(seen=[])
    RedactedModel(inner).invoke("hi", stop=[MAIL], user=MAIL)
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_wrong_set_ups_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        RedactedModel("gpt")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        RedactedModel(EchoChat(), user_id="alice")
    with pytest.raises(ConfigurationError):
        RedactedModel(EchoChat(), Redactor(), scrubber=Scrubber())
    with pytest.raises(ConfigurationError):
        RedactedModel(EchoChat(), restore_tool_args="mail")
    for bad in (None, "", 7):
        with pytest.raises(InvalidUserIdError):
            RedactedModel(EchoChat(), scrubber=Scrubber()).for_user(bad)


def test_nothing_reaches_the_model_by_a_side_door() -> None:
    """There is no pass-through of attributes: what the wrapper lacks is an error (S8)."""
    model = RedactedModel(EchoChat())
    for name in ("generate", "agenerate", "predict", "get_num_tokens", "_generate", "_stream"):
        assert not hasattr(model, name), name
    assert "__getattr__" not in vars(RedactedModel)
