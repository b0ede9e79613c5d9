"""Every part of every message, out and back: threats P5, P11, S5, S6."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_piirag import RedactedModel
from langchain_piirag.messages import MessageRedactor
from langchain_piirag.restoring import Restorer
from piirag import Policy, Redactor
from piirag.errors import InvalidInputError, PIIBlockedError
from support.canary import Canaries
from support.langchain_fakes import EchoChat

MAIL = "jane.roe@example.com"
NAME = "Jane Roe"
KNOWN = {"PERSON": [NAME]}
CANARIES = Canaries([MAIL, NAME])
REDACTOR = Redactor()


def _sent(*messages: Any, **kwargs: Any) -> list[Any]:
    inner = EchoChat(seen=[])
    RedactedModel(inner, REDACTOR, known=KNOWN, **kwargs).invoke(list(messages))
    [sent] = inner.seen
    assert CANARIES.scan_text(repr(sent)) == []
    return list(sent)


@pytest.mark.parametrize(
    "message",
    [
        RemoveMessage(id=MAIL),
        FunctionMessage(MAIL, name=NAME),
        ChatMessage(MAIL, role=NAME),
        SystemMessage(MAIL, id=MAIL, name=NAME),
        ToolMessage(MAIL, tool_call_id=MAIL, artifact={"row": [NAME]}, status="error", id=NAME),
        AIMessage(
            MAIL, invalid_tool_calls=[{"name": NAME, "args": MAIL, "id": MAIL, "error": NAME}]
        ),
        AIMessageChunk(
            MAIL,
            tool_call_chunks=[{"name": NAME, "args": f'{{"a": "{MAIL}"', "id": MAIL, "index": 0}],
        ),
        HumanMessage(MAIL, extra_field={"deep": [NAME]}),
        HumanMessage("x", additional_kwargs={"function_call": {"name": NAME, "arguments": MAIL}}),
        HumanMessage("x", additional_kwargs={"tool_calls": [MAIL, {"id": MAIL, MAIL: NAME}]}),
        AIMessage("x", usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}),
    ],
    ids=lambda m: type(m).__name__,
)
def test_S6_every_kind_of_message(message: Any) -> None:
    [sent] = _sent(message)
    assert type(sent) is type(message)
    assert getattr(sent, "artifact", None) is None


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "url": f"https://example.org/{MAIL}.png", "caption": NAME},
        {"type": "image", "base64": "A" * 40, "mime_type": "image/png", "extras": {MAIL: NAME}},
        {"type": "image_url", "image_url": f"data:image/png;name={MAIL};base64,AAAA"},
        {"type": "image_url", "image_url": {"url": f"data:image/svg+xml,<svg>{MAIL}</svg>"}},
        {"type": "file", "file": {"filename": f"{MAIL}.pdf", "file_data": "B" * 40}},
        {"type": "file", "filename": "jane_roe.pdf", "url": f"https://x.org/?to={MAIL}"},
        {"type": "input_audio", "input_audio": {"data": "C" * 40, "format": "wav"}, "note": NAME},
        {"type": "document", "title": NAME, "source": {"type": "base64", "data": "D" * 40}},
        {"type": "video", "transcript": [NAME, {"at": MAIL}]},
    ],
)
def test_S6_captions_and_file_names_of_media_are_redacted(block: Any) -> None:
    [sent] = _sent(HumanMessage([block]), allow_media=True)
    for letter in "ABCD":
        assert (letter * 40 in repr(block)) == (letter * 40 in repr(sent))
    with pytest.raises(InvalidInputError):
        _sent(HumanMessage([block]))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "title": NAME, "source": {"type": "text", "data": MAIL}},
        {"type": "text-plain", "text": MAIL, "title": NAME},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": MAIL}]},
        {"type": "function_call_output", "call_id": MAIL, "output": [MAIL, {"text": NAME}]},
        {"type": "tool_result", "tool_use_id": NAME, "content": [{"type": "text", "text": MAIL}]},
        {"type": "non_standard", "value": {MAIL: {"x": [NAME]}}},
        {"type": "custom_tool_call", "name": "t", "input": MAIL},
    ],
)
def test_S6_what_is_text_needs_no_permission(block: Any) -> None:
    [sent] = _sent(HumanMessage([block]))
    assert sent.content[0]["type"] == block["type"]
    assert MAIL not in repr(sent)
    assert NAME not in repr(sent)
    assert "[EMAIL_ADDRESS_1]" in repr(sent) or "[PERSON_1]" in repr(sent)


def test_S6_media_inside_results_needs_permission_too() -> None:
    for kind, key in [("tool_result", "content"), ("function_call_output", "output")]:
        block = {"type": kind, key: [{"type": "input_image", "image_url": "data:image/png;x"}]}
        with pytest.raises(InvalidInputError):
            _sent(HumanMessage([block]))


def test_S6_unknown_blocks_are_refused_or_dropped() -> None:
    content: Any = [{"type": "hologram", "x": MAIL}, {"no": MAIL}, {"type": "text", "text": "hi"}]
    with pytest.raises(InvalidInputError, match="unknown_blocks"):
        _sent(HumanMessage(content))
    [sent] = _sent(HumanMessage(content), unknown_blocks="drop")
    assert sent.content == [{"type": "text", "text": "hi"}]
    with pytest.raises(InvalidInputError):
        _sent(HumanMessage([{"type": "image", "url": "x"}]), unknown_blocks="drop")


def test_S6_ids_tie_calls_to_results_without_brackets() -> None:
    call = {"name": "lookup", "args": {}, "id": f"call {MAIL}", "type": "tool_call"}
    raw = {
        "tool_calls": [{"id": f"call {MAIL}", "function": {"name": "lookup", "arguments": "{}"}}]
    }
    block = {"type": "tool_use", "id": f"call {MAIL}", "name": "lookup", "input": {}}
    sent = _sent(
        AIMessage([block], tool_calls=[call], additional_kwargs=raw),
        ToolMessage("ok", tool_call_id=f"call {MAIL}"),
    )
    ids = {
        sent[0].tool_calls[0]["id"],
        sent[0].additional_kwargs["tool_calls"][0]["id"],
        sent[0].content[0]["id"],
        sent[1].tool_call_id,
    }
    assert ids == {"call EMAIL_ADDRESS_1"}


def test_names_of_offered_tools_stay() -> None:
    call = {"name": "ask_jane_roe", "args": {}, "id": "1", "type": "tool_call"}
    inner = EchoChat(seen=[])
    messages = [HumanMessage("hi"), AIMessage("", tool_calls=[call])]
    offered = [{"type": "function", "function": {"name": "ask_jane_roe", "parameters": {}}}]
    RedactedModel(inner, REDACTOR, known=KNOWN).invoke(messages, tools=offered)
    assert inner.seen[0][1].tool_calls[0]["name"] == "ask_jane_roe"
    RedactedModel(inner, REDACTOR, known=KNOWN).invoke(messages)
    assert inner.seen[1][1].tool_calls[0]["name"] != "ask_jane_roe"


def test_history_with_what_openai_s_client_parsed_is_no_obstacle() -> None:
    [sent] = _sent(AIMessage(MAIL, additional_kwargs={"parsed": object(), "refusal": None}))
    assert "parsed" not in sent.additional_kwargs


leaves = st.one_of(
    st.sampled_from([MAIL, NAME, f"x {MAIL} y", "[PERSON_1]", "", 'a "q"\n', "plain"]),
    st.integers(-5, 10**6),
    st.none(),
    st.booleans(),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([MAIL, "type", "id", "data", "signature", "k"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from([MAIL, "who", "type", "name"]), trees, max_size=3)


@settings(max_examples=60, deadline=None)
@given(args=objects, kwargs=objects, metadata=objects, text=st.sampled_from([MAIL, NAME, "x"]))
def test_S5_S6_no_tree_of_arguments_hides_a_value(
    args: Any, kwargs: Any, metadata: Any, text: str
) -> None:
    session = REDACTOR.session(known=KNOWN)
    parts = MessageRedactor(session)
    call = {"name": "t", "args": args, "id": "1", "type": "tool_call"}
    raw = {"tool_calls": [{"id": "1", "function": {"name": "t", "arguments": json.dumps(args)}}]}
    message = AIMessage(
        text, tool_calls=[call], additional_kwargs={**kwargs, **raw}, response_metadata=metadata
    )
    sent = parts.message(message)
    assert CANARIES.scan_text(repr(sent)) == []
    assert isinstance(sent, AIMessage)
    restored = Restorer(session.reply(), None).part(sent)
    assert restored.tool_calls == message.tool_calls
    assert json.loads(restored.additional_kwargs["tool_calls"][0]["function"]["arguments"]) == args
    assert restored.content == text


def _reply(message: AIMessage, prompt: Any = MAIL, **kwargs: Any) -> Any:
    class Says(EchoChat):
        def _generate(self, *args: Any, **options: Any) -> Any:
            from langchain_core.outputs import ChatGeneration, ChatResult

            return ChatResult(generations=[ChatGeneration(message=message)])

    return RedactedModel(Says(), REDACTOR, known={"CODE": ['a "b"']}, **kwargs).invoke(prompt)


TOKEN = "[EMAIL_ADDRESS_1]"


def test_the_counts_stand_in_the_metadata() -> None:
    reply = _reply(AIMessage(f"{TOKEN} [PERSON_9] https://x.org/?q={TOKEN} new@example.net"))
    assert reply.response_metadata["piirag"] == {
        "restored": 1,
        "inert": 1,
        "refused": 1,
        "unseen": 1,
    }
    assert reply.content == f"{MAIL} [PERSON_9] https://x.org/?q={TOKEN} [EMAIL_ADDRESS]"


def test_arguments_that_stand_in_a_message_thrice_count_once() -> None:
    args = {"to": TOKEN}
    message = AIMessage(
        [{"type": "tool_use", "id": "1", "name": "mail", "input": args}],
        tool_calls=[{"name": "mail", "args": args, "id": "1", "type": "tool_call"}],
        additional_kwargs={
            "tool_calls": [{"id": "1", "function": {"name": "mail", "arguments": json.dumps(args)}}]
        },
    )
    reply = _reply(message, restore_tool_args=["mail"])
    assert reply.content[0]["input"] == reply.tool_calls[0]["args"] == {"to": MAIL}
    function = reply.additional_kwargs["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"to": MAIL}
    assert reply.response_metadata["piirag"]["restored"] == 1
    refused = _reply(message)
    assert refused.tool_calls[0]["args"] == args
    assert refused.response_metadata["piirag"] == {
        "restored": 0,
        "inert": 0,
        "refused": 1,
        "unseen": 0,
    }


@pytest.mark.parametrize(
    "arguments", ['{"a": "[CODE_1]', "[CODE_1]", '"[CODE_1]"', "{'a': [CODE_1]}"]
)
def test_P11_json_that_does_not_parse_keeps_its_tokens(arguments: str) -> None:
    raw = {"function_call": {"name": "mail", "arguments": arguments}}
    reply = _reply(AIMessage("", additional_kwargs=raw), 'a "b"', restore_tool_args=["mail"])
    assert reply.additional_kwargs == raw


def test_a_custom_tool_gets_its_text_restored() -> None:
    block = {"type": "custom_tool_call", "name": "run", "input": f"send {TOKEN}", "call_id": "1"}
    assert (
        _reply(AIMessage([block]), restore_tool_args=["run"]).content[0]["input"] == f"send {MAIL}"
    )
    assert _reply(AIMessage([block])).content == [block]


def test_P3_no_more_values_than_the_policy_allows() -> None:
    class Lists(EchoChat):
        reply: str | None = "[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2] [EMAIL_ADDRESS_3]"

    model = RedactedModel(Lists(seen=[]), Redactor(Policy(max_restored=2)))
    reply = model.invoke("a1@example.com b1@example.com c1@example.com")
    assert reply.content == "a1@example.com b1@example.com [EMAIL_ADDRESS_3]"
    assert reply.response_metadata["piirag"]["refused"] == 1


def test_what_a_call_was_given_is_forgotten_with_the_reply() -> None:
    kept: list[Any] = []

    class Keeps(RedactedModel):
        def _open(self, *args: Any) -> Any:
            kept.append(super()._open(*args))
            return kept[-1]

    model = Keeps(EchoChat(seen=[]), REDACTOR)
    assert model.invoke(MAIL).content == MAIL
    assert "".join(c.content for c in model.stream(MAIL)) == MAIL
    next(iter(model.stream(MAIL)))
    for call in kept[:2]:
        assert call.session.mapping.closed
        assert call.session.reply().text("[EMAIL_ADDRESS_1]") == "[EMAIL_ADDRESS_1]"


@pytest.mark.parametrize(
    "output",
    [
        AIMessage(
            "",
            invalid_tool_calls=[
                {
                    "name": "f",
                    "args": '{"to": "bob@other.org"',
                    "id": "1",
                    "error": None,
                    "type": "invalid_tool_call",
                }
            ],
        ),
        AIMessage(
            "",
            additional_kwargs={
                "tool_calls": [
                    {"id": "1", "function": {"name": "f", "arguments": '{"to": "bob@other.org"'}}
                ]
            },
        ),
        {"card": 4111111111111111},
        AIMessage("bob@other.org"),
    ],
)
def test_every_part_of_a_reply_is_searched_for_new_values(output: Any) -> None:
    session = Redactor(Policy(replies="block")).session()
    session.redact("hi")
    with pytest.raises(PIIBlockedError):
        Restorer(session.reply(), None).restore(output)
