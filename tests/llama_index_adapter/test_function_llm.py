"""RedactedFunctionCallingLLM: tools get values where allowed; nothing raw leaves or is traced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from llama_index_piirag import RedactedFunctionCallingLLM, RedactedLLM
from piirag import MemoryVault, Scrubber
from piirag.errors import InvalidInputError, ModelCallError, PiiragError
from support.canary import Canaries, capture_logs
from support.llama_fakes import FakeChatLLM, Trace, traced
from support.llama_server import calls_with, in_a_loop, last_said, model_over
from support.openai_server import OpenAIServer

MAIL = "ottoline@brightmail.com"
NAME = "Ottoline Quenneville"
FIRM = 'Roe "Q" \\1 &\nSons'
TEXT = f"{NAME} of {FIRM}, {MAIL}"
KNOWN = {"PERSON": [NAME], "ORGANIZATION": [FIRM]}
CANARIES = Canaries([MAIL, NAME, "Quenneville", 'Roe "Q"'])


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(tool_reply=calls_with("mail", "to")) as server:
        yield server


@pytest.fixture
def trace() -> Iterator[Trace]:
    with traced() as trace:
        yield trace


def clean(server: OpenAIServer, *others: Any) -> None:
    """Nothing raw in what left, and in what was traced."""
    assert CANARIES.scan_bytes(b"".join(request.wire for request in server.requests)) == []
    assert CANARIES.scan_object(list(others)) == []


class Post:
    """A tool that keeps what it got."""

    def __init__(self, name: str = "mail") -> None:
        self.got: list[Any] = []

        def send(to: str) -> str:
            """Send something."""
            self.got.append(to)
            return f"sent to {to}"

        self.tool = FunctionTool.from_defaults(send, name=name)


async def _astream(llm: Any, tools: Any, **kw: Any) -> list[Any]:
    return [chunk async for chunk in await llm.astream_chat_with_tools(tools, **kw)]


WAYS: dict[str, Callable[..., list[ChatResponse]]] = {
    "chat": lambda llm, tools, **kw: [llm.chat_with_tools(tools, **kw)],
    "achat": lambda llm, tools, **kw: [in_a_loop(llm.achat_with_tools(tools, **kw))],
    "stream": lambda llm, tools, **kw: list(llm.stream_chat_with_tools(tools, **kw)),
    "astream": lambda llm, tools, **kw: in_a_loop(_astream(llm, tools, **kw)),
}
every_way = pytest.mark.parametrize("way", WAYS)


def redacted(server: OpenAIServer, trace: Trace | None = None, **kw: Any) -> Any:
    inner = model_over(server, callbacks=trace.callbacks if trace else None)
    return RedactedLLM(inner, known=KNOWN, **kw)


def test_the_class_that_fits_is_picked(server: OpenAIServer) -> None:
    llm = redacted(server)
    assert type(llm) is RedactedFunctionCallingLLM
    assert isinstance(llm, FunctionCallingLLM) and isinstance(llm, RedactedLLM)
    assert llm.metadata.is_function_calling_model
    assert type(RedactedLLM(FakeChatLLM())) is RedactedLLM
    assert not RedactedLLM(model_over(server, functions=False)).metadata.is_function_calling_model
    scrubber = Scrubber(vault=MemoryVault())
    bound = RedactedLLM(model_over(server), scrubber=scrubber).for_user("u1")
    assert type(bound) is RedactedFunctionCallingLLM
    assert type(bound.sealed(scrubber, "u1")) is RedactedFunctionCallingLLM


@every_way
def test_S5_S8_only_allowed_tools_get_values(way: str, server: OpenAIServer, trace: Trace) -> None:
    server.tool_reply = calls_with("mail", "to", ("other", "to"))
    llm = redacted(server, trace, restore_tool_args=["mail"])
    tools = [Post().tool, Post("other").tool]
    history = [ChatMessage(role="system", content=f"You serve {NAME}.")]
    with capture_logs() as logs:
        replies = WAYS[way](
            llm, tools, user_msg=TEXT, chat_history=history, allow_parallel_tool_calls=True
        )
    assert len(history) == 1
    calls = llm.get_tool_calls_from_response(replies[-1])
    # P11: quotes, a newline and a backslash in a value.
    assert [call.tool_name for call in calls] == ["mail", "other"]
    assert calls[0].tool_kwargs == {"to": TEXT}
    assert calls[1].tool_kwargs == {"to": "[PERSON_1] of [ORGANIZATION_1], [EMAIL_ADDRESS_1]"}
    assert replies[-1].raw is None
    assert replies[-1].additional_kwargs["piirag"]["restored"] == 3
    # L11: the wrapped model's own spans and events are there, and clean.
    assert trace.names
    clean(server, trace.kept)
    assert CANARIES.scan_records(logs.records) == []


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_S4_arguments_are_put_together_before_they_are_restored(
    way: str, server: OpenAIServer
) -> None:
    server.chunk_size = 2
    llm = redacted(server, restore_tool_args=["mail"])
    replies = WAYS[way](llm, [Post().tool], user_msg=f"{FIRM}|{NAME}")
    seen = []
    for reply in replies:
        for call in llm.get_tool_calls_from_response(reply, error_on_no_tool_call=False):
            seen.append(call.tool_kwargs)
        for block in reply.message.blocks:
            if isinstance(block, ToolCallBlock):
                assert "[" not in str(block.tool_kwargs)
    assert seen[-1] == {"to": f"{FIRM}|{NAME}"}
    assert all(kwargs in ({}, seen[-1]) for kwargs in seen)


@every_way
def test_L5_a_providers_exception_tells_nothing(
    way: str, server: OpenAIServer, trace: Trace
) -> None:
    server.fail_with(400)
    with capture_logs() as logs, pytest.raises(ModelCallError) as failed:
        WAYS[way](redacted(server, trace), [Post().tool], user_msg=TEXT)
    assert failed.value.status_code == 400
    assert failed.value.__context__ is None
    assert CANARIES.scan_exception(failed.value) == []
    assert CANARIES.scan_records(logs.records) == []
    clean(server, trace.kept)


@every_way
def test_an_answer_in_text_is_restored(way: str, server: OpenAIServer) -> None:
    server.tool_reply = None
    replies = WAYS[way](redacted(server), [Post().tool], user_msg=TEXT)
    assert replies[-1].message.content == f"You said: {TEXT}"
    llm = redacted(server)
    with pytest.raises(InvalidInputError):
        llm.get_tool_calls_from_response(replies[-1])
    assert llm.get_tool_calls_from_response(replies[-1], error_on_no_tool_call=False) == []


def test_results_and_calls_of_earlier_turns_are_redacted(server: OpenAIServer) -> None:
    llm = redacted(server, restore_tool_args=["mail"])
    tools = [Post().tool]
    first = llm.chat_with_tools(tools, user_msg=TEXT)
    [call] = llm.get_tool_calls_from_response(first)
    result = ChatMessage(
        role="tool", content=f"sent to {MAIL}", additional_kwargs={"tool_call_id": call.tool_id}
    )
    history = [ChatMessage(role="user", content=TEXT), first.message, result]
    reply = llm.chat_with_tools(tools, chat_history=history)
    assert reply.message.content == f"You said: {TEXT}"
    # P21: the model's own call comes back to it as it made it.
    sent = server.requests[-1].json()["messages"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {
        "to": "[PERSON_1] of [ORGANIZATION_1], [EMAIL_ADDRESS_1]"
    }
    assert sent[2]["content"] == "sent to [EMAIL_ADDRESS_1]"
    clean(server)


def test_streamed_calls_of_earlier_turns_are_redacted(server: OpenAIServer) -> None:
    llm = redacted(server, restore_tool_args=["mail"])
    first = list(llm.stream_chat_with_tools([Post().tool], user_msg=TEXT))[-1]
    history = [
        ChatMessage(role="user", content=TEXT),
        first.message,
        ChatMessage(role="tool", content="ok", additional_kwargs={"tool_call_id": "call_0"}),
    ]
    llm.chat_with_tools([Post().tool], chat_history=history)
    sent = server.requests[-1].json()["messages"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {
        "to": "[PERSON_1] of [ORGANIZATION_1], [EMAIL_ADDRESS_1]"
    }
    clean(server)


@every_way
def test_P18_arguments_that_the_model_made_up(way: str, server: OpenAIServer) -> None:
    made_up = {"to": ["barnabus@trelawny.org", "[EMAIL_ADDRESS_1]"], "n": 4111111111111111}
    server.tool_reply = lambda body: [("mail", made_up), ("other", made_up)]
    llm = redacted(server, restore_tool_args=["mail"])
    replies = WAYS[way](
        llm, [Post().tool, Post("other").tool], user_msg=MAIL, allow_parallel_tool_calls=True
    )
    calls = llm.get_tool_calls_from_response(replies[-1])
    assert calls[0].tool_kwargs == {"to": ["[EMAIL_ADDRESS]", MAIL], "n": "[CREDIT_CARD]"}
    assert calls[1].tool_kwargs["to"] == ["[EMAIL_ADDRESS]", "[EMAIL_ADDRESS_1]"]
    assert Canaries(["barnabus", "4111111111111111"]).scan_object(replies[-1].model_dump()) == []


# Predict and call


@pytest.mark.parametrize("way", ["predict_and_call", "apredict_and_call"])
def test_L11_predict_and_call(way: str, server: OpenAIServer, trace: Trace) -> None:
    post = Post()
    llm = redacted(server, trace, restore_tool_args=["mail"])
    reply = getattr(llm, way)([post.tool], user_msg=TEXT, verbose=True)
    if way.startswith("a"):
        reply = in_a_loop(reply)
    assert post.got == [TEXT]
    assert reply.response == f"sent to {TEXT}"
    clean(server, trace.kept)


def test_predict_and_call_prints_nothing(
    server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    redacted(server, restore_tool_args=["mail"]).predict_and_call(
        [Post().tool], user_msg=TEXT, verbose=True
    )
    assert capsys.readouterr().out == ""


def test_L5_errors_of_tools_and_calls(server: OpenAIServer) -> None:
    def mail(to: str) -> str:
        """Fail."""
        raise ValueError(to)

    llm = redacted(server, restore_tool_args=["mail"])
    tool = FunctionTool.from_defaults(mail)
    reply = llm.predict_and_call([tool], user_msg=TEXT)
    assert reply.sources[0].is_error
    with pytest.raises(InvalidInputError) as failed:
        llm.predict_and_call([tool], user_msg=TEXT, error_on_tool_error=True)
    assert failed.value.__context__ is None
    assert CANARIES.scan_exception(failed.value) == []
    server.tool_reply = calls_with("elsewhere", "to")
    with pytest.raises(InvalidInputError):
        llm.predict_and_call([tool], user_msg=TEXT)
    server.tool_reply = calls_with("mail", "to", ("mail", "to"))
    reply = llm.predict_and_call([tool], user_msg=TEXT, allow_parallel_tool_calls=True)
    assert len(reply.sources) == 2


@pytest.mark.parametrize("way", ["predict_and_call", "apredict_and_call"])
async def test_S9_predict_and_call_by_text(way: str, trace: Trace) -> None:
    post = Post()
    reply = 'Thought: I need a tool.\nAction: mail\nAction Input: {"to": "[EMAIL_ADDRESS_1]"}'
    inner = FakeChatLLM(reply=reply, callback_manager=trace.callbacks)
    answer = getattr(RedactedLLM(inner, known=KNOWN), way)([post.tool], user_msg=TEXT)
    if way.startswith("a"):
        answer = await answer
    assert post.got == [MAIL]
    assert answer.response == f"sent to {MAIL}"
    assert CANARIES.scan_object([inner.prompts, trace.kept]) == []
    broken = RedactedLLM(FakeChatLLM(fail="now"), known=KNOWN)
    with pytest.raises(ModelCallError):
        await broken.apredict_and_call([post.tool], user_msg=TEXT)


# Objects


class Card(BaseModel):
    name: str
    mail: str = ""


PROMPT = PromptTemplate("Card of: {text}")


def card_calls(name: str = "Card") -> Callable[[Any], list[Any]]:
    def calls(body: Any) -> list[Any]:
        said = last_said(body)
        assert said.startswith("Card of: ")
        return [(name, {"name": "[PERSON_1]", "mail": "[EMAIL_ADDRESS_1]"})]

    return calls


async def _objects(llm: Any) -> list[Card]:
    return [c async for c in await llm.astream_structured_predict(Card, PROMPT, text=TEXT)]


async def _structured(llm: Any) -> list[Card]:
    messages = [ChatMessage(role="user", content=f"Card of: {TEXT}")]
    return [r.raw async for r in await llm.as_structured_llm(Card).astream_chat(messages)]


def _as(llm: Any) -> StructuredLLM:
    found = llm.as_structured_llm(Card)
    assert isinstance(found, StructuredLLM)
    return found


OBJECTS: dict[str, Callable[[Any], Any]] = {
    "predict": lambda llm: llm.structured_predict(Card, PROMPT, text=TEXT),
    "apredict": lambda llm: in_a_loop(llm.astructured_predict(Card, PROMPT, text=TEXT)),
    "stream": lambda llm: list(llm.stream_structured_predict(Card, PROMPT, text=TEXT))[-1],
    "astream": lambda llm: in_a_loop(_objects(llm))[-1],
    "chat": lambda llm: _as(llm).chat([ChatMessage(f"Card of: {TEXT}")]).raw,
    "achat": lambda llm: in_a_loop(_as(llm).achat([ChatMessage(f"Card of: {TEXT}")])).raw,
    "complete": lambda llm: _as(llm).complete(f"Card of: {TEXT}").raw,
    "acomplete": lambda llm: in_a_loop(_as(llm).acomplete(f"Card of: {TEXT}")).raw,
    "stream_chat": lambda llm: (
        list(_as(llm).stream_chat([ChatMessage(f"Card of: {TEXT}")]))[-1].raw
    ),
    "astream_chat": lambda llm: in_a_loop(_structured(llm))[-1],
    "stream_complete": lambda llm: list(_as(llm).stream_complete(f"Card of: {TEXT}"))[-1].raw,
    "as_predict": lambda llm: Card.model_validate_json(_as(llm).predict(PROMPT, text=TEXT)),
    "as_apredict": lambda llm: Card.model_validate_json(
        in_a_loop(_as(llm).apredict(PROMPT, text=TEXT))
    ),
    "program": lambda llm: FunctionCallingProgram.from_defaults(Card, prompt=PROMPT, llm=llm)(
        text=TEXT
    ),
}


@pytest.mark.parametrize("way", OBJECTS)
def test_L11_S8_objects_by_way_of_a_function(way: str, server: OpenAIServer, trace: Trace) -> None:
    server.tool_reply = card_calls()
    llm = redacted(server, trace)
    llm.callback_manager = trace.callbacks
    with capture_logs() as logs:
        assert OBJECTS[way](llm) == Card(name=NAME, mail=MAIL)
    kept = [(name, item) for name, item in trace.kept if "Program" not in name]
    if way == "program":
        # LlamaIndex's program traces what it returns; that is not ours to change.
        kept = [(name, item) for name, item in kept if "FunctionTool" not in name]
    clean(server, kept)
    assert CANARIES.scan_records(logs.records) == []
    assert server.requests[-1].json()["tool_choice"] == "required"


@pytest.mark.parametrize("way", [w for w in OBJECTS if w != "program"])
def test_L11_objects_by_way_of_text(way: str, server: OpenAIServer, trace: Trace) -> None:
    server.reply = lambda body: 'Here: {"name": "[PERSON_1]", "mail": "[EMAIL_ADDRESS_1]"}'
    llm = redacted(server, trace)
    llm.pydantic_program_mode = PydanticProgramMode.LLM
    assert OBJECTS[way](llm) == Card(name=NAME, mail=MAIL)
    clean(server, trace.kept)


def test_braces_in_a_message_are_text(server: OpenAIServer) -> None:
    server.tool_reply = lambda body: [("Card", {"name": last_said(body)})]
    text = f"{{x}} {{{{ {NAME} }} json: {{}}"
    assert redacted(server).as_structured_llm(Card).chat([ChatMessage(text)]).raw.name == text


@pytest.mark.parametrize("way", [w for w in OBJECTS if "stream" not in w and w != "program"])
def test_L5_an_object_that_does_not_fit_is_not_quoted(way: str, server: OpenAIServer) -> None:
    for arguments in ({"mail": "[PERSON_1]"}, {"name": ["[PERSON_1]"]}):
        server.tool_reply = lambda body, arguments=arguments: [("Card", arguments)]
        with pytest.raises(PiiragError) as failed:
            OBJECTS[way](redacted(server))
        assert failed.value.__context__ is None
        assert CANARIES.scan_exception(failed.value) == []


def test_P1_placeholders_in_the_input_reach_no_tool(server: OpenAIServer) -> None:
    post = Post()
    llm = redacted(server, restore_tool_args=["mail"])
    text = f"[PERSON_1] and {NAME} and [EMAIL_ADDRESS_1]"
    llm.predict_and_call([post.tool], user_msg=text)
    assert post.got == [text]
    sent = server.requests[-1].json()["messages"][-1]["content"]
    assert sent == "[LITERAL_1] and [PERSON_1] and [LITERAL_2]"


def test_tools_of_other_kinds_are_called_without_a_span(trace: Trace) -> None:
    from llama_index.core.tools import BaseTool, ToolMetadata

    from llama_index_piirag.tools import acall_quietly, call_quietly

    class Own(BaseTool):
        @property
        def metadata(self) -> ToolMetadata:
            return ToolMetadata(name="own", description="own")

        def __call__(self, input: Any) -> ToolOutput:
            return ToolOutput(content=str(input), tool_name="own", raw_input={})

    assert call_quietly(Own(), {"input": NAME}).content == NAME
    assert in_a_loop(acall_quietly(Own(), {"input": NAME})).content == NAME
    assert in_a_loop(acall_quietly(Post().tool, {"to": NAME})).content == f"sent to {NAME}"
    assert CANARIES.scan_object(trace.kept) == []


@pytest.mark.parametrize("way", ["structured_predict", "stream", "astream"])
def test_L11_no_way_of_a_structured_llm_traces_values(
    way: str, server: OpenAIServer, trace: Trace
) -> None:
    server.tool_reply = card_calls()
    llm = _as(redacted(server, trace))

    async def streamed() -> list[Any]:
        return [part async for part in await llm.astream(PROMPT, text=TEXT)]

    if way == "structured_predict":
        assert llm.structured_predict(Card, PROMPT, text=TEXT) == Card(name=NAME, mail=MAIL)
    else:
        # LlamaIndex's own yields no text either: the object is in what its chunks carry.
        parts = list(llm.stream(PROMPT, text=TEXT)) if way == "stream" else in_a_loop(streamed())
        assert parts
    clean(server, trace.kept)


def test_L5_an_error_of_a_parser_quotes_no_value() -> None:
    class Model(FakeChatLLM, FunctionCallingLLM):
        def _prepare_chat_with_tools(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            return {}

        def get_tool_calls_from_response(self, response: Any, *args: Any, **kwargs: Any) -> Any:
            return {}[response.message.content]

    llm = RedactedLLM(Model(functions=True, reply="[PERSON_1]"), known=KNOWN)
    reply = llm.chat([ChatMessage(NAME)])
    with pytest.raises(PiiragError) as failed:
        llm.get_tool_calls_from_response(reply)
    assert CANARIES.scan_exception(failed.value) == []
    assert failed.value.__context__ is None
