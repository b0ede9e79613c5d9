"""RedactedLLM: placeholders out, values back, on all eight ways and those built on them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    ChatResponse,
    CitableBlock,
    CitationBlock,
    CompletionResponse,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.llms import LLM
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import BaseOutputParser
from pydantic import BaseModel, ConfigDict

from llama_index_piirag import RedactedLLM
from piirag import MemoryVault, Policy, Redactor, Scrubber
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    ModelCallError,
    PIIBlockedError,
    PiiragError,
)
from support.canary import Canaries, capture_logs
from support.llama_fakes import FakeChatLLM, FakeLLM, Trace, traced
from support.openai_server import OpenAIServer
from support.samples import texts

MAIL = "ottoline@brightmail.com"
PHONE = "+1 415-555-2671"
NAME = "Ottoline Quenneville"
TEXT = f"{NAME} wrote from {MAIL}, call {PHONE}."
KNOWN = {"PERSON": [NAME]}
SIGNATURE = "EqQBCkYIARgCKkAq4111111111111111=="
CANARIES = Canaries([MAIL, PHONE, NAME, "Quenneville"])
# Nothing is looked for in replies, so nothing but what may be a placeholder is held back.
AT_ONCE = Policy(replies="allow")


def say(text: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=text)]


async def via_astream_chat(llm: LLM, text: str, **kw: Any) -> list[Any]:
    return [chunk async for chunk in await llm.astream_chat(say(text), **kw)]


async def via_astream_complete(llm: LLM, text: str, **kw: Any) -> list[Any]:
    return [chunk async for chunk in await llm.astream_complete(text, **kw)]


def in_a_loop(coroutine: Any) -> Any:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


WAYS: dict[str, Callable[..., list[Any]]] = {
    "chat": lambda llm, text, **kw: [llm.chat(say(text), **kw)],
    "complete": lambda llm, text, **kw: [llm.complete(text, **kw)],
    "stream_chat": lambda llm, text, **kw: list(llm.stream_chat(say(text), **kw)),
    "stream_complete": lambda llm, text, **kw: list(llm.stream_complete(text, **kw)),
    "achat": lambda llm, text, **kw: [in_a_loop(llm.achat(say(text), **kw))],
    "acomplete": lambda llm, text, **kw: [in_a_loop(llm.acomplete(text, **kw))],
    "astream_chat": lambda llm, text, **kw: in_a_loop(via_astream_chat(llm, text, **kw)),
    "astream_complete": lambda llm, text, **kw: in_a_loop(via_astream_complete(llm, text, **kw)),
}
STREAMS = [way for way in WAYS if "stream" in way]
every_way = pytest.mark.parametrize("way", WAYS)
every_stream = pytest.mark.parametrize("way", STREAMS)


def text_of(response: Any) -> str:
    if isinstance(response, CompletionResponse):
        return response.text
    assert isinstance(response, ChatResponse)
    return response.message.content or ""


def counts_of(way: str, reply: Any) -> dict[str, int]:
    """The counts of a reply; the fake says a whole completion again in a note."""
    times = 2 if way in {"complete", "acomplete"} else 1
    return {name: n // times for name, n in reply.additional_kwargs["piirag"].items()}


@pytest.fixture
def trace() -> Iterator[Trace]:
    with traced() as trace:
        yield trace


@pytest.fixture
def user_scrubber() -> Scrubber:
    scrubber = Scrubber(vault=MemoryVault())
    scrubber.scrub(TEXT, user_id="u1", known=KNOWN)
    return scrubber


# The eight ways


@pytest.mark.parametrize("model", [FakeLLM, FakeChatLLM])
@every_way
def test_S8_every_way_redacts_and_restores(way: str, model: type[FakeLLM], trace: Trace) -> None:
    inner = model(callback_manager=trace.callbacks)
    llm = RedactedLLM(inner, known=KNOWN)
    with capture_logs() as logs:
        replies = WAYS[way](llm, TEXT)
    last = replies[-1]
    assert TEXT in text_of(last)
    assert len(inner.prompts) == 1
    assert "[PERSON_1] wrote from [EMAIL_ADDRESS_1], call [PHONE_NUMBER_1]." in inner.prompts[0]
    assert CANARIES.scan_object([inner.prompts, inner.calls]) == []
    # L11: the wrapped model's own events and callbacks are there, and clean.
    assert any(name.startswith("LLM") for name in trace.names)
    assert any(name.startswith("start") for name in trace.names)
    assert not any("RedactedLLM" in name for name in trace.names)
    assert CANARIES.scan_object(trace.kept) == []
    assert CANARIES.scan_records(logs.records) == []
    for reply in replies:
        assert reply.raw is None
        assert reply.logprobs is None


@every_stream
def test_S7_a_stream_adds_up(way: str) -> None:
    inner = FakeChatLLM()
    replies = WAYS[way](RedactedLLM(inner, Redactor(AT_ONCE), known=KNOWN), TEXT)
    deltas = [reply.delta for reply in replies]
    assert "".join(deltas) == TEXT
    so_far = ""
    for reply in replies:
        so_far += reply.delta
        assert text_of(reply) == so_far
    # Not buffered: about as many chunks as came, and the first words at once.
    assert sum(1 for delta in deltas if delta) > 8
    assert len(replies) >= len(inner.prompts[0]) // 3
    assert not any("[" in delta or "PERSON" in delta for delta in deltas)


@every_stream
def test_S7_text_is_emitted_in_the_chunk_it_came_in(way: str) -> None:
    inner = FakeChatLLM(reply="one two [three] four [PERSON_1] end [PERSON_")
    llm = RedactedLLM(inner, Redactor(AT_ONCE), known=KNOWN)
    deltas = [reply.delta for reply in WAYS[way](llm, NAME)]
    assert deltas[:3] == ["one", " tw", "o "]
    assert "".join(deltas) == f"one two [three] four {NAME} end [PERSON_"


@every_stream
def test_a_model_without_deltas_is_streamed_too(way: str) -> None:
    inner = FakeLLM(deltas=False)
    if "complete" in way:
        replies = WAYS[way](RedactedLLM(inner, known=KNOWN), TEXT)
        assert "".join(reply.delta for reply in replies) == TEXT
        assert text_of(replies[-1]) == TEXT


@every_way
def test_L5_L6_a_providers_exception_tells_nothing(way: str, trace: Trace) -> None:
    for fail in ("now", "mid") if way in STREAMS else ("now",):
        model = FakeChatLLM(fail=fail, callback_manager=trace.callbacks)
        llm = RedactedLLM(model, known=KNOWN)
        with capture_logs() as logs, pytest.raises(ModelCallError) as failed:
            WAYS[way](llm, TEXT)
        error = failed.value
        assert error.error_type == "support.llama_fakes.ProviderError"
        assert error.status_code == 400
        assert error.__cause__ is None
        assert error.__context__ is None
        # Not even the placeholders of the prompt.
        assert Canaries([MAIL, NAME, "wrote from"]).scan_exception(error) == []
        assert CANARIES.scan_object(trace.kept) == []
        assert CANARIES.scan_records(logs.records) == []


@every_way
def test_D7_a_detector_that_fails_sends_nothing(way: str) -> None:
    class Broken:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise ValueError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise ValueError(texts)

    inner = FakeChatLLM()
    with pytest.raises(DetectionError) as failed:
        WAYS[way](RedactedLLM(inner, Redactor(detector=Broken())), TEXT)
    assert inner.prompts == []
    assert CANARIES.scan_exception(failed.value) == []


@every_way
def test_P1_P2_a_placeholder_in_the_input_is_never_restored(way: str) -> None:
    inner = FakeChatLLM()
    text = f"{NAME} said [PERSON_1] and [EMAIL_ADDRESS_1]; [LITERAL_1]"
    replies = WAYS[way](RedactedLLM(inner, known=KNOWN), text)
    assert text_of(replies[-1]) == text
    assert inner.prompts == ["[PERSON_1] said [LITERAL_1] and [LITERAL_2]; [LITERAL_3]"]


@every_way
def test_P8_restoring_is_literal(way: str) -> None:
    odd = r"a\1b\g<0> $1"
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, known={"SECRET": [odd], "PERSON": [NAME]})
    text = f"{NAME}: {odd}."
    assert text_of(WAYS[way](llm, text)[-1]) == text
    assert "g<0>" not in inner.prompts[0]


@every_way
def test_P10_restoring_is_a_single_pass(way: str, user_scrubber: Scrubber) -> None:
    value = "T [PERSON_1] T"
    ticket = user_scrubber.scrub(value, user_id="u1", known={"TICKET": [value]}).text
    assert ticket.startswith("[TICKET ")
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, scrubber=user_scrubber, user_id="u1")
    reply = text_of(WAYS[way](llm, f"{NAME} has {ticket}")[-1])
    assert reply == f"{NAME} has {value}"
    assert inner.prompts == ["[PERSON_1] has [TICKET_1]"]


@every_way
def test_P14_unknown_placeholders_stay_inert(way: str) -> None:
    inner = FakeChatLLM(reply="[PERSON_2] [PERSON_11] [PLACE_1] PERSON_1 [PERSON_1]")
    reply = WAYS[way](RedactedLLM(inner, known=KNOWN), NAME)[-1]
    assert text_of(reply) == f"[PERSON_2] [PERSON_11] [PLACE_1] PERSON_1 {NAME}"
    counts = counts_of(way, reply)
    assert counts == {"restored": 1, "inert": 4, "refused": 0, "unseen": 0}


# What is restored, for whom, and how much


@every_way
def test_P5_no_value_in_a_url_or_an_image(way: str) -> None:
    said = "see [PERSON_1] https://evil.example/?q=[PERSON_1] ![x](http://e.example/[PERSON_1].png)"
    reply = WAYS[way](RedactedLLM(FakeChatLLM(reply=said), known=KNOWN), NAME)[-1]
    assert text_of(reply) == said.replace("see [PERSON_1]", f"see {NAME}")
    assert counts_of(way, reply)["refused"] == 2


@every_way
def test_P3_a_reply_restores_no_more_than_the_cap(way: str) -> None:
    policy = Policy(max_restored=1)
    reply = WAYS[way](RedactedLLM(FakeChatLLM(), Redactor(policy), known=KNOWN), TEXT)[-1]
    assert text_of(reply) == f"{NAME} wrote from [EMAIL_ADDRESS_1], call [PHONE_NUMBER_1]."
    counts = counts_of(way, reply)
    assert counts == {"restored": 1, "inert": 0, "refused": 2, "unseen": 0}


@every_way
def test_P18_what_a_model_says_by_itself(way: str) -> None:
    other = "barnabus@trelawny.org"
    said = f"[EMAIL_ADDRESS_1] or {other}. Both work."
    reply = WAYS[way](RedactedLLM(FakeChatLLM(reply=said)), MAIL)[-1]
    assert text_of(reply) == f"{MAIL} or [EMAIL_ADDRESS]. Both work."
    assert counts_of(way, reply)["unseen"] == 1
    allowing = RedactedLLM(FakeChatLLM(reply=said), Redactor(AT_ONCE))
    assert text_of(WAYS[way](allowing, MAIL)[-1]) == f"{MAIL} or {other}. Both work."
    blocking = RedactedLLM(FakeChatLLM(reply=said), Redactor(Policy(replies="block")))
    with pytest.raises(PIIBlockedError) as failed:
        WAYS[way](blocking, MAIL)
    assert Canaries([MAIL, other]).scan_exception(failed.value) == []


@every_way
def test_P4_a_viewer_sees_what_they_said(way: str, user_scrubber: Scrubber) -> None:
    chunk = user_scrubber.scrub(TEXT, user_id="u1").text
    llm = RedactedLLM(FakeChatLLM(), scrubber=user_scrubber).for_user("u1", viewer="bob")
    reply = WAYS[way](llm, f"{chunk} I am bob@brightmail.com")[-1]
    assert CANARIES.scan_text(text_of(reply)) == []
    assert text_of(reply).endswith("I am bob@brightmail.com")
    assert counts_of(way, reply)["refused"] == 3


def test_P4_what_tools_and_the_system_say_is_not_the_viewers(user_scrubber: Scrubber) -> None:
    others = ["secret@brightmail.com", "hidden@brightmail.com"]
    inner = FakeChatLLM(reply="[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2] [EMAIL_ADDRESS_3]")
    messages = [
        ChatMessage(role="system", content=others[0]),
        ChatMessage(role="tool", content=others[1], additional_kwargs={"tool_call_id": "1"}),
        *say("bob@brightmail.com"),
    ]
    bob = RedactedLLM(inner, scrubber=user_scrubber, user_id="u1", viewer="bob")
    expected = "[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2] bob@brightmail.com"
    assert text_of(bob.chat(messages)) == expected
    own = RedactedLLM(inner, scrubber=user_scrubber, user_id="u1")
    assert text_of(own.chat(messages)) == f"{others[0]} {others[1]} bob@brightmail.com"


def test_P12_one_call_knows_nothing_of_the_next() -> None:
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, known=KNOWN)
    llm.chat(say(NAME))
    assert text_of(llm.chat(say("no name, but [PERSON_1]"))) == "no name, but [PERSON_1]"


@given(text=texts)
@example(text="[PERSON_1](jane.roe@example.com")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_echo_is_exact_for_every_text_without_links(text: str) -> None:
    # In a link, a URL or an attribute nothing is put back.
    text = re.sub(r"[/?#:<=]|\]\(", " ", text)
    llm = RedactedLLM(FakeChatLLM(), known=KNOWN)
    assert text_of(llm.chat(say(text))) == text
    assert "".join(c.delta or "" for c in llm.stream_complete(text)) == text


async def test_S9_everything_works_inside_a_running_loop() -> None:
    llm = RedactedLLM(FakeChatLLM(), known=KNOWN)
    assert text_of(llm.chat(say(TEXT))) == TEXT
    assert "".join(c.delta or "" for c in llm.stream_chat(say(TEXT))) == TEXT
    assert llm.predict(PromptTemplate("{a}"), a=TEXT) == TEXT
    chunks = await asyncio.gather(*(via_astream_chat(llm, f"{TEXT} {n}") for n in range(20)))
    assert [text_of(c[-1]) for c in chunks] == [f"{TEXT} {n}" for n in range(20)]


# Parts of messages


def test_S6_every_message_and_block_is_redacted() -> None:
    inner = FakeChatLLM(reply="ok")
    tool_call = ToolCallBlock(tool_call_id="c1", tool_name="mail", tool_kwargs={"to": [MAIL]})
    coded = ToolCallBlock(tool_name="mail", tool_kwargs=json.dumps({"to": NAME, "n": 1}))
    messages = [
        ChatMessage(role="system", content=f"You serve {NAME}."),
        ChatMessage(
            role="assistant",
            blocks=[
                TextBlock(text=f"To {MAIL}"),
                ThinkingBlock(content=f"{NAME}?", additional_information={"signature": SIGNATURE}),
                tool_call,
                coded,
                CachePoint(cache_control=CacheControl(type="ephemeral")),
                CitableBlock(title=NAME, source=MAIL, content=[TextBlock(text=PHONE)]),
                CitationBlock(
                    cited_content=TextBlock(text=PHONE),
                    source=MAIL,
                    title=NAME,
                    additional_location_info={"page": 1},
                ),
            ],
            additional_kwargs={
                "tool_calls": [
                    {
                        "id": "c1",
                        "function": {"name": "mail", "arguments": json.dumps({"to": MAIL})},
                    }
                ],
                "deep": [{"a": (NAME, 3, None, True)}],
                MAIL: "key",
            },
        ),
        ChatMessage(role="tool", content=TEXT, additional_kwargs={"tool_call_id": "c1"}),
        ChatMessage(role="user", content="go"),
    ]
    before = [message.model_dump() for message in messages]
    RedactedLLM(inner, known=KNOWN).chat(messages)
    assert [message.model_dump() for message in messages] == before
    (sent,) = inner.messages
    assert CANARIES.scan_object([message.model_dump() for message in sent]) == []
    assert CANARIES.scan_text("".join(message.model_dump_json() for message in sent)) == []
    assert [m.role for m in sent] == [m.role for m in messages]
    blocks = sent[1].blocks
    assert [type(block) for block in blocks] == [type(block) for block in messages[1].blocks]
    assert isinstance(blocks[1], ThinkingBlock)
    assert blocks[1].additional_information == {"signature": SIGNATURE}
    assert isinstance(blocks[3], ToolCallBlock)
    assert json.loads(str(blocks[3].tool_kwargs)) == {"to": "[PERSON_1]", "n": 1}
    arguments = sent[1].additional_kwargs["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "[EMAIL_ADDRESS_1]"}
    # P21: one numbering for the whole call.
    assert sent[0].content == "You serve [PERSON_1]."
    assert sent[2].content == "[PERSON_1] wrote from [EMAIL_ADDRESS_1], call [PHONE_NUMBER_1]."


def test_S4_escapes_hide_nothing_in_json_arguments() -> None:
    inner = FakeChatLLM(reply="ok")
    escaped = "".join(f"\\u{ord(c):04x}" for c in MAIL)
    block = ToolCallBlock(tool_name="mail", tool_kwargs=f'{{"to": "{escaped}"}}')
    RedactedLLM(inner).chat([ChatMessage(role="assistant", blocks=[block]), *say("go")])
    (sent,) = inner.messages
    assert isinstance(sent[0].blocks[0], ToolCallBlock)
    assert json.loads(str(sent[0].blocks[0].tool_kwargs)) == {"to": "[EMAIL_ADDRESS_1]"}


@pytest.mark.parametrize(
    "block",
    [
        ImageBlock(image=b"jane", image_mimetype="image/png"),
        AudioBlock(audio=b"jane", format="mp3"),
        VideoBlock(video=b"jane", video_mimetype="video/mp4"),
        DocumentBlock(data=b"jane", title=f"{NAME}.pdf", document_mimetype="application/pdf"),
        CitableBlock(title="a", source="b", content=[ImageBlock(image=b"j", image_mimetype="i/p")]),
    ],
)
def test_S6_media_passes_only_where_allowed(block: Any) -> None:
    message = ChatMessage(role="user", blocks=[TextBlock(text=NAME), block])
    inner = FakeChatLLM(reply="ok")
    with pytest.raises(InvalidInputError):
        RedactedLLM(inner, known=KNOWN).chat([message])
    assert inner.prompts == []
    RedactedLLM(inner, known=KNOWN, allow_media=True).chat([message])
    (sent,) = inner.messages
    assert type(sent[0].blocks[1]) is type(block)
    assert CANARIES.scan_object(sent[0].model_dump()) == []


class _OwnMessage(ChatMessage):
    secret: str = NAME


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "text",
        [None],
        ["text"],
        [{"role": "user", "content": NAME}],
        [_OwnMessage(role="user", content="a")],
        [ChatMessage(role="user", content="a", additional_kwargs={"x": object()})],
        [ChatMessage(role="user", content="a", additional_kwargs={"x": b"bytes"})],
        [ChatMessage(role="user", content="a").model_copy(update={"blocks": [object()]})],
    ],
)
def test_S6_what_cannot_be_searched_is_refused(messages: Any) -> None:
    inner = FakeChatLLM()
    for way in ("chat", "stream_chat"):
        with pytest.raises(InvalidInputError) as failed:
            getattr(RedactedLLM(inner, known=KNOWN), way)(messages)
        assert CANARIES.scan_exception(failed.value) == []
    assert inner.prompts == []


def test_S4_odd_json_arguments_hide_nothing() -> None:
    inner = FakeChatLLM(reply="ok")
    deep = "[" * 3000 + f'"{MAIL}"' + "]" * 3000
    for arguments in (f'{{"to": "{MAIL}", "to": "x"}}', f'{{"to": "{MAIL}"', f'"{MAIL}"', deep):
        block = ToolCallBlock(tool_name=f"mail {NAME}", tool_kwargs=arguments)
        message = ChatMessage(
            role="assistant",
            blocks=[block],
            additional_kwargs={"signature": f"of {NAME}", "function_call": {"name": NAME}},
        )
        RedactedLLM(inner, known=KNOWN).chat([message, *say("go")])
    for sent in inner.messages:
        assert CANARIES.scan_object(sent[0].model_dump()) == []
        assert isinstance(sent[0].blocks[0], ToolCallBlock)
        # Providers take no brackets in names.
        assert sent[0].blocks[0].tool_name == "mail PERSON_1"
        assert sent[0].additional_kwargs["function_call"] == {"name": "PERSON_1"}


def test_S6_input_that_is_nested_too_deeply_is_refused() -> None:
    value: Any = NAME
    for _ in range(5000):
        value = [value]
    inner = FakeChatLLM()
    message = ChatMessage(role="user", content="a").model_copy(
        update={"additional_kwargs": {"x": value}}
    )
    with pytest.raises(InvalidInputError) as failed:
        RedactedLLM(inner, known=KNOWN).chat([message])
    assert failed.value.__context__ is None
    with pytest.raises(InvalidInputError):
        RedactedLLM(inner, known=KNOWN).complete("go", stop=value)
    assert inner.prompts == []


@pytest.mark.parametrize("prompt", [None, 7, b"a", ["a"]])
def test_prompts_must_be_strings(prompt: Any) -> None:
    with pytest.raises(InvalidInputError):
        RedactedLLM(FakeLLM()).complete(prompt)


class _Colour(Enum):
    RED = "red"


class _Spec(BaseModel):
    owner: str
    n: int = 1


@every_way
def test_S6_options_are_redacted(way: str) -> None:
    inner = FakeChatLLM(reply="ok")
    options = {
        "user": MAIL,
        "stop": ["\n", NAME],
        "temperature": 0.5,
        "tools": [{"function": {"name": "mail", "description": "mails user@example.com"}}],
        "response_format": _Spec,
        "spec": _Spec(owner=NAME),
        "colour": _Colour.RED,
    }
    WAYS[way](RedactedLLM(inner, known=KNOWN), "go", **options)
    (sent,) = inner.calls
    assert CANARIES.scan_object({k: v for k, v in sent.items() if k != "response_format"}) == []
    # The application's own code.
    assert sent["response_format"] is _Spec
    assert sent["tools"] == options["tools"]
    assert sent["spec"] == _Spec(owner="[PERSON_1]")
    assert (sent["temperature"], sent["colour"]) == (0.5, _Colour.RED)


def test_replies_are_restored_part_by_part() -> None:
    class Parts(FakeChatLLM):
        def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
            call = {
                "id": "1",
                "function": {"name": "mail", "arguments": '{"to": "[ORGANIZATION_1]"}'},
            }
            other = {
                "id": "2",
                "function": {"name": "other", "arguments": '{"to": "[ORGANIZATION_1]"}'},
            }
            message = ChatMessage(
                role="assistant",
                blocks=[
                    ThinkingBlock(content="[ORGANIZATION_1]?"),
                    TextBlock(text="[ORGANIZATION_1]!"),
                    ToolCallBlock(tool_name="mail", tool_kwargs={"to": ["[ORGANIZATION_1]"]}),
                    ToolCallBlock(tool_name="other", tool_kwargs={"to": ["[ORGANIZATION_1]"]}),
                ],
                additional_kwargs={"tool_calls": [call, other], "refusal": "[ORGANIZATION_1]"},
            )
            return ChatResponse(
                message=message, raw=TEXT, additional_kwargs={"n": 3, "note": ["[ORGANIZATION_1]"]}
            )

    name = 'Roe "Q" Sons'
    llm = RedactedLLM(Parts(), known={"ORGANIZATION": [name]}, restore_tool_args=["mail"])
    reply = llm.chat(say(name))
    blocks = reply.message.blocks
    assert [getattr(blocks[0], "content", None), getattr(blocks[1], "text", None)] == [
        f"{name}?",
        f"{name}!",
    ]
    assert isinstance(blocks[2], ToolCallBlock) and isinstance(blocks[3], ToolCallBlock)
    assert blocks[2].tool_kwargs == {"to": [name]}
    assert blocks[3].tool_kwargs == {"to": ["[ORGANIZATION_1]"]}
    calls = reply.message.additional_kwargs["tool_calls"]
    # P11: still JSON, although the value holds quotes.
    assert json.loads(calls[0]["function"]["arguments"]) == {"to": name}
    assert json.loads(calls[1]["function"]["arguments"]) == {"to": "[ORGANIZATION_1]"}
    assert reply.message.additional_kwargs["refusal"] == name
    counts = reply.additional_kwargs.pop("piirag")
    assert counts == {"restored": 5, "inert": 0, "refused": 1, "unseen": 0}
    assert reply.additional_kwargs == {"n": 3, "note": [name]}
    assert reply.raw is None


# The user


@every_way
def test_pseudonyms_travel_as_placeholders_and_come_back_as_values(
    way: str, user_scrubber: Scrubber
) -> None:
    chunk = user_scrubber.scrub(TEXT, user_id="u1").text
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, scrubber=user_scrubber).for_user("u1")
    assert text_of(WAYS[way](llm, chunk)[-1]) == TEXT
    assert inner.prompts == ["[PERSON_1] wrote from [EMAIL_ADDRESS_1], call [PHONE_NUMBER_1]."]
    # Of another user they mean nothing, and stay what they are.
    other = RedactedLLM(FakeChatLLM(), scrubber=user_scrubber, user_id="u2")
    assert text_of(WAYS[way](other, chunk)[-1]) == chunk


@every_way
def test_values_known_for_the_user_are_found(way: str, user_scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, scrubber=user_scrubber, user_id="u1")
    text = "What did quenneville, ottoline say? O. Quenneville!"
    assert text_of(WAYS[way](llm, text)[-1]) == text
    assert "uenneville" not in inner.prompts[0]


@every_way
def test_replies_in_pseudonyms(way: str, user_scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, scrubber=user_scrubber, user_id="u1", restore="pseudonyms")
    reply = text_of(WAYS[way](llm, f"{TEXT} [PERSON_1]")[-1])
    assert reply == user_scrubber.scrub(TEXT, user_id="u1").text + " [PERSON_1]"
    assert inner.prompts[0].startswith("[PERSON_1] wrote from [EMAIL_ADDRESS_1]")


def test_P2_replies_in_surrogates() -> None:
    scrubber = Scrubber(Policy(operators={"DEFAULT": "surrogate"}), vault=MemoryVault())
    text = f"{NAME} wrote from {MAIL}."
    stored = scrubber.scrub(text, user_id="u1", known=KNOWN).text
    llm = RedactedLLM(FakeChatLLM(), scrubber=scrubber, user_id="u1", restore="pseudonyms")
    odd = "a\ud800b [PERSON_1]"
    assert text_of(llm.chat(say(f"{stored} {odd}"))) == f"{stored} {odd}"
    assert text_of(llm.chat(say(f"{text} {odd}"))) == f"{stored} {odd}"


@every_way
def test_T3_no_call_without_its_user(way: str, user_scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    with pytest.raises(InvalidUserIdError):
        WAYS[way](RedactedLLM(inner, scrubber=user_scrubber), TEXT)
    assert inner.prompts == []


@pytest.mark.parametrize("user_id", ["", " ", 1, True, {"$ne": ""}, ["u1"]])
def test_T3_T4_user_ids_are_checked(user_scrubber: Scrubber, user_id: Any) -> None:
    with pytest.raises(InvalidUserIdError):
        RedactedLLM(FakeLLM(), scrubber=user_scrubber, user_id=user_id)
    with pytest.raises(InvalidUserIdError):
        RedactedLLM(FakeLLM(), scrubber=user_scrubber).for_user(user_id)


def test_configurations_that_cannot_work(user_scrubber: Scrubber) -> None:
    for make in (
        lambda: RedactedLLM("gpt"),  # type: ignore[arg-type]
        lambda: RedactedLLM(FakeLLM(), user_id="u1"),
        lambda: RedactedLLM(FakeLLM(), scrubber=user_scrubber, viewer="bob"),
        lambda: RedactedLLM(FakeLLM(), restore="pseudonyms"),
        lambda: RedactedLLM(FakeLLM(), Redactor(), scrubber=user_scrubber),
        lambda: RedactedLLM(FakeLLM(), restore_tool_args="mail"),
        lambda: RedactedLLM(FakeLLM()).for_user("u1"),
    ):
        with pytest.raises(ConfigurationError):
            make()


def test_P21_a_user_of_whom_nothing_is_stored_yet(user_scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    RedactedLLM(inner, scrubber=user_scrubber, user_id="new").chat(say(f"{MAIL}, {MAIL}"))
    assert inner.prompts == ["[EMAIL_ADDRESS_1], [EMAIL_ADDRESS_1]"]


# What is built on the eight


PROMPT = PromptTemplate("Context: {context}\nQuestion: {question}")
CHAT_PROMPT = ChatPromptTemplate(
    message_templates=[
        ChatMessage(role="system", content="Context: {context}"),
        ChatMessage(role="user", content="{question}"),
    ]
)


@pytest.mark.parametrize("model", [FakeLLM, FakeChatLLM])
@pytest.mark.parametrize("prompt", [PROMPT, CHAT_PROMPT])
@pytest.mark.parametrize("way", ["predict", "apredict", "stream", "astream"])
def test_L11_prompt_methods_leave_no_trace(
    way: str, prompt: Any, model: type[FakeLLM], trace: Trace
) -> None:
    inner = model(callback_manager=trace.callbacks)
    llm = RedactedLLM(inner, known=KNOWN)
    llm.callback_manager = trace.callbacks
    args = {"context": TEXT, "question": f"Who is {NAME}?"}

    async def streamed() -> str:
        return "".join([token async for token in await llm.astream(prompt, **args)])

    output = {
        "predict": lambda: llm.predict(prompt, **args),
        "apredict": lambda: in_a_loop(llm.apredict(prompt, **args)),
        "stream": lambda: "".join(llm.stream(prompt, **args)),
        "astream": lambda: in_a_loop(streamed()),
    }[way]()
    assert f"Who is {NAME}?" in output
    assert CANARIES.scan_object([inner.prompts, trace.kept]) == []
    assert trace.kept


class _Card(BaseModel):
    name: str
    mail: str = ""


def test_L11_an_output_parser_of_a_prompt_leaves_no_span(trace: Trace) -> None:
    class Shout(BaseOutputParser):
        def parse(self, output: str) -> Any:
            return output.upper()

    llm = RedactedLLM(FakeChatLLM(), known=KNOWN)
    llm.output_parser = Shout()
    assert llm.predict(PromptTemplate("{a}"), a=NAME) == NAME.upper()
    assert CANARIES.scan_object(trace.kept) == []


@pytest.mark.parametrize("model", [FakeLLM, FakeChatLLM])
def test_L11_structured_output(model: type[FakeLLM], trace: Trace) -> None:
    inner = model(
        reply='Here: {"name": "[PERSON_1]", "mail": "[EMAIL_ADDRESS_1]"}',
        callback_manager=trace.callbacks,
    )
    llm = RedactedLLM(inner, Redactor(AT_ONCE), known=KNOWN)
    args: dict[str, Any] = {"context": TEXT, "question": "card?"}
    card = _Card(name=NAME, mail=MAIL)

    async def streamed() -> list[_Card]:
        return [c async for c in await llm.astream_structured_predict(_Card, PROMPT, **args)]

    with capture_logs() as logs:
        assert llm.structured_predict(_Card, PROMPT, **args) == card
        assert in_a_loop(llm.astructured_predict(_Card, PROMPT, **args)) == card
        objects = list(llm.stream_structured_predict(_Card, PROMPT, **args))
        assert objects[-1] == card and len(objects) > 1
        assert in_a_loop(streamed())[-1] == card
    assert '"mail"' in inner.prompts[0]
    assert CANARIES.scan_object([inner.prompts, trace.kept]) == []
    assert CANARIES.scan_records(logs.records) == []


@pytest.mark.parametrize("reply", ["no json [PERSON_1]", '{"mail": "[PERSON_1]"}', "{"])
def test_L5_a_reply_that_does_not_parse_is_not_quoted(reply: str) -> None:
    llm = RedactedLLM(FakeLLM(reply=reply), known=KNOWN)
    with pytest.raises(PiiragError) as failed:
        llm.structured_predict(_Card, PROMPT, context=TEXT, question="card?")
    assert failed.value.__context__ is None
    assert CANARIES.scan_exception(failed.value) == []


def test_it_takes_over_what_the_model_is_set_up_with() -> None:
    inner = FakeChatLLM(system_prompt=f"You serve {NAME}.", functions=True)
    assert inner.metadata.is_function_calling_model
    llm = RedactedLLM(inner, known=KNOWN)
    llm.predict(PromptTemplate("go"))
    assert inner.messages[0][0].content == "You serve [PERSON_1]."
    assert llm.metadata.model_name == "fake"
    assert llm.metadata.is_chat_model
    assert not llm.metadata.is_function_calling_model
    assert CANARIES.scan_object([repr(llm), str(llm.to_payload())]) == []
    assert not hasattr(llm, "achieve")


def test_it_nests() -> None:
    inner = FakeChatLLM()
    llm = RedactedLLM(RedactedLLM(inner, known=KNOWN), known=KNOWN)
    text = f"{TEXT} [PERSON_1]"
    assert text_of(llm.chat(say(text))) == text
    assert "".join(c.delta or "" for c in llm.stream_complete(text)) == text
    failing = RedactedLLM(RedactedLLM(FakeChatLLM(fail="mid"), known=KNOWN), known=KNOWN)
    with pytest.raises(ModelCallError) as failed:
        list(failing.stream_chat(say(text)))
    assert failed.value.error_type.endswith("ProviderError")


def test_a_stream_may_be_left_early() -> None:
    closed: list[bool] = []

    class Closing(FakeLLM):
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            def chunks() -> Iterator[CompletionResponse]:
                try:
                    for letter in "abcdef":
                        yield CompletionResponse(text=letter, delta=letter)
                finally:
                    closed.append(True)

            return chunks()

    stream = RedactedLLM(Closing(), Redactor(AT_ONCE)).stream_complete("go")
    assert next(stream).delta == "a"
    stream.close()
    assert closed == [True]


# Over the wire


def test_S6_the_bytes_that_leave_through_a_real_client_are_clean(trace: Trace) -> None:
    openai = pytest.importorskip("llama_index.llms.openai")
    with OpenAIServer() as server, capture_logs() as logs:
        inner = openai.OpenAI(
            model="gpt-4o-mini", api_key="x", api_base=server.url, max_retries=0, timeout=10
        )
        llm = RedactedLLM(inner, known=KNOWN)
        messages = [
            ChatMessage(role="system", content=f"You serve {NAME}."),
            ChatMessage(
                role="assistant",
                blocks=[
                    TextBlock(text="Wait."),
                    ToolCallBlock(tool_call_id="c1", tool_name="find", tool_kwargs={"q": MAIL}),
                ],
            ),
            ChatMessage(role="tool", content=PHONE, additional_kwargs={"tool_call_id": "c1"}),
            *say(TEXT),
        ]
        assert text_of(llm.chat(messages, user=MAIL)) == f"You said: {TEXT}"
        assert "".join(c.delta or "" for c in llm.stream_chat(messages)).endswith(TEXT)
        assert llm.complete(TEXT).text == f"You said: {TEXT}"
        assert text_of(in_a_loop(llm.achat(messages))) == f"You said: {TEXT}"
        server.failure = (400, "rejected")
        with pytest.raises(ModelCallError) as failed:
            llm.chat(messages)
        assert failed.value.status_code == 400
        assert len(server.requests) == 5
        assert CANARIES.scan_bytes(b"".join(request.wire for request in server.requests)) == []
    assert CANARIES.scan_exception(failed.value) == []
    assert CANARIES.scan_records(logs.records) == []
    assert CANARIES.scan_object(trace.kept) == []


def test_S6_extra_fields_of_objects_are_redacted() -> None:
    class Call(BaseModel):
        model_config = ConfigDict(extra="allow")
        id: str

    call = Call(id="1", note=f"for {NAME}", function={"arguments": json.dumps({"to": MAIL})})
    inner = FakeChatLLM(reply="x")
    message = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [call]})
    RedactedLLM(inner, known=KNOWN).chat([message, ChatMessage("hi")], extra=call)
    assert CANARIES.scan_object([inner.messages, inner.calls]) == []


def test_a_number_repeated_over_chunks_is_counted_once() -> None:
    from llama_index_piirag.reply_streams import StreamRestorer

    def unseen(chunks: int) -> int:
        session = Redactor().session()
        session.redact("hello")
        reply = session.reply()
        stream = StreamRestorer(reply, ())
        block = ToolCallBlock(tool_name="mail", tool_kwargs={"card": 4111111111111111})
        for _ in range(chunks):
            stream.chunk(ChatResponse(message=ChatMessage(role="assistant", blocks=[block])))
        return reply.counts.unseen

    assert unseen(1) == unseen(5) > 0


def test_S6_options_of_every_kind_are_searched_or_refused() -> None:
    inner = FakeChatLLM(reply="x")
    llm = RedactedLLM(inner, known=KNOWN)
    llm.chat([ChatMessage("hi")], stop={MAIL}, user=frozenset([NAME]))
    assert CANARIES.scan_object(inner.calls) == []
    with pytest.raises(InvalidInputError):
        llm.chat([ChatMessage("hi")], meta=MAIL.encode())


def test_S6_a_block_with_fields_of_its_own_is_refused() -> None:
    class Noted(ToolCallBlock):
        note: str = ""

    block = Noted(tool_name="a", tool_kwargs={}, note=NAME)
    inner = FakeChatLLM(reply="x")
    with pytest.raises(InvalidInputError):
        RedactedLLM(inner, known=KNOWN).chat([ChatMessage(role="assistant", blocks=[block])])
    assert inner.messages == []
