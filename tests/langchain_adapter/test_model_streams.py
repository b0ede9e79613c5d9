"""Streams: invariant 4, threats S1, S4, S7, P11."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessageChunk,
    message_chunk_to_message,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableGenerator
from langchain_openai import ChatOpenAI

from langchain_piirag import RedactedChatModel, RedactedModel
from piirag import Policy, Redactor
from piirag.redaction.tokens import PLACEHOLDER
from support.langchain_fakes import EchoChat
from support.openai_server import OpenAIServer

MAIL = "jane.roe@example.com"
CODE = 'AB "12"\n\\cd'
PROMPT = f"{MAIL} {CODE}"
KNOWN = {"CODE": [CODE]}
TOKEN, OTHER = "[EMAIL_ADDRESS_1]", "[CODE_1]"
AT_ONCE = Redactor(Policy(replies="allow"))
LOOKS = Redactor()


class Streams(EchoChat):
    """Streams the chunks it was given; says the same in one piece when it is not streamed."""

    chunks: list[Any] = []  # noqa: RUF012 - a pydantic field

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=chunk.model_copy(deep=True))

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        first, *rest = [chunk.model_copy(deep=True) for chunk in self.chunks]
        message = message_chunk_to_message(first + rest if rest else first)
        return ChatResult(generations=[ChatGeneration(message=message)])


def _both(chunks: list[Any], redactor: Redactor = AT_ONCE, **kwargs: Any) -> tuple[Any, Any, Any]:
    """The pieces that come out, what they add up to, and the same reply unstreamed."""
    options = kwargs.pop("options", {})
    model = RedactedModel(Streams(chunks=chunks), redactor, known=KNOWN, **kwargs)
    pieces = list(model.stream(PROMPT, **options))
    first, *rest = pieces
    return pieces, first + rest, model.invoke(PROMPT, **options)


@st.composite
def _cut(draw: st.DrawFn, text: str) -> list[str]:
    if draw(st.booleans()):
        return list(text)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8))
    return [text[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), len(text)])]


texts = st.lists(
    st.sampled_from([TOKEN, OTHER, "[", "]", "[EMAIL_", "_1]", "a new@example.net b", "x. ", "\n"]),
    max_size=8,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize("redactor", [AT_ONCE, LOOKS], ids=["allow", "redact"])
def test_S1_stream_equals_batch_however_it_is_cut(redactor: Any, data: Any) -> None:
    text = data.draw(texts)
    chunks = [AIMessageChunk(piece) for piece in data.draw(_cut(text))] or [AIMessageChunk("")]
    pieces, whole, batch = _both(chunks, redactor)
    assert whole.content == batch.content
    assert whole.response_metadata["piirag"] == batch.response_metadata["piirag"]
    for piece in pieces:
        assert not any(
            t in piece.content and t not in batch.content for t in ("[EMAIL_ADDRESS_1", "[CODE_1")
        )


def test_S7_the_first_chunk_that_can_be_no_token_comes_out_at_once() -> None:
    released: list[int] = []

    class Watches(Streams):
        def _stream(self, *args: Any, **kwargs: Any):
            for index, chunk in enumerate(super()._stream(*args, **kwargs)):
                released.append(index)
                yield chunk

    words = ["Dear ", "[EMAIL", "_ADDRESS_1", "], ", "good", " day"]
    model = RedactedModel(Watches(chunks=[AIMessageChunk(w) for w in words]), AT_ONCE)
    seen = [(list(released)[-1], c.content) for c in model.stream(MAIL) if c.content]
    assert seen == [(0, "Dear "), (3, f"{MAIL}, "), (4, "good"), (5, " day")]


def _call_chunks(cut: list[str], name: str, index: int = 0) -> list[AIMessageChunk]:
    return [
        AIMessageChunk(
            "",
            tool_call_chunks=[
                {
                    "name": name if number == 0 else None,
                    "args": piece,
                    "id": f"call_{index}" if number == 0 else None,
                    "index": index,
                }
            ],
        )
        for number, piece in enumerate(cut)
    ]


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize("allowed", [True, False])
def test_S4_P11_tool_calls_are_put_together_and_restored_whole(allowed: bool, data: Any) -> None:
    escaped = json.dumps({"to": TOKEN, "why": f"because {OTHER}", TOKEN: [OTHER]})
    if data.draw(st.booleans()):
        escaped = escaped.replace("[", "\\u005b", 2) if data.draw(st.booleans()) else escaped
    calls = _call_chunks(data.draw(_cut(escaped)), "mail", 0)
    calls += _call_chunks(data.draw(_cut('{"x": 1}')), "other", 1)
    end = AIMessageChunk("", chunk_position="last" if data.draw(st.booleans()) else None)
    _, whole, batch = _both(
        [AIMessageChunk("so "), *calls, end], restore_tool_args=["mail"] if allowed else []
    )
    got = {call["name"]: call["args"] for call in whole.tool_calls}
    assert got == {call["name"]: call["args"] for call in batch.tool_calls}
    assert got["other"] == {"x": 1}
    if allowed and "\\u005b" not in escaped:
        assert got["mail"] == {"to": MAIL, "why": f"because {CODE}", MAIL: [CODE]}
    if not allowed:
        assert MAIL not in str(got)
    assert whole.content == "so "


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_S4_blocks_of_calls_in_the_provider_s_form(size: int) -> None:
    args = json.dumps({"to": TOKEN, "why": OTHER})
    start = {"type": "tool_use", "id": "1", "name": "mail", "input": {}, "index": 1}
    pieces = [args[k : k + size] for k in range(0, len(args), size)]
    deltas = [{"type": "input_json_delta", "partial_json": p, "index": 1} for p in pieces]
    text = {"type": "text", "text": f"for {TOKEN}", "index": 0}
    chunks = [AIMessageChunk([block]) for block in (text, start, *deltas)]
    _, whole, _ = _both(chunks, restore_tool_args=["mail"])
    blocks = {b["index"]: b for b in whole.content}
    assert blocks[0]["text"] == f"for {MAIL}"
    assert json.loads(blocks[1]["partial_json"]) == {"to": MAIL, "why": CODE}
    _, whole, _ = _both(chunks)
    assert MAIL not in str([b for b in whole.content if b["type"] == "tool_use"])


def test_S4_calls_in_additional_arguments() -> None:
    args = json.dumps({"to": TOKEN})
    chunks = [
        AIMessageChunk(
            "",
            additional_kwargs={
                "function_call": {"name": "mail" if k == 0 else "", "arguments": args[k : k + 4]},
                "refusal": f"{TOKEN[k : k + 4]}",
            },
        )
        for k in range(0, len(args), 4)
    ]
    pieces, whole, batch = _both(chunks, restore_tool_args=["mail"])
    assert json.loads(whole.additional_kwargs["function_call"]["arguments"]) == {"to": MAIL}
    assert whole.additional_kwargs == batch.additional_kwargs
    assert whole.additional_kwargs["refusal"].startswith(MAIL)
    assert not any("function_call" in p.additional_kwargs for p in pieces[:-1])


def test_S4_reasoning_summaries_are_read_by_people() -> None:
    chunks = [
        AIMessageChunk(
            [
                {
                    "type": "reasoning",
                    "index": 0,
                    "summary": [{"index": 0, "type": "summary_text", "text": p}],
                }
            ]
        )
        for p in ("on ", TOKEN[:5], TOKEN[5:], " [")
    ]
    _, whole, _ = _both(chunks)
    said = [part["text"] for block in whole.content for part in block["summary"]]
    assert "".join(said) == f"on {MAIL} ["


def test_usage_and_metadata_pass_and_the_counts_come_last() -> None:
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    chunks = [
        AIMessageChunk(f"to {TOKEN}"),
        AIMessageChunk("", response_metadata={"finish_reason": "stop"}),
        AIMessageChunk("", usage_metadata=usage, id="run-1"),
    ]
    pieces, whole, _ = _both(chunks)
    assert whole.usage_metadata == usage
    assert whole.response_metadata["finish_reason"] == "stop"
    assert [i for i, p in enumerate(pieces) if "piirag" in p.response_metadata] == [len(pieces) - 1]
    assert pieces[-1].chunk_position == "last"


@pytest.mark.parametrize(
    "options",
    [
        {"response_format": {"type": "json_object"}},
        {"format": "json"},
        {"response_mime_type": "application/json"},
    ],
)
def test_P11_a_reply_in_json_parses_after_it_is_restored(options: Any) -> None:
    text = json.dumps({"code": OTHER, "to": [TOKEN]})
    chunks = [AIMessageChunk(c) for c in text]
    _, whole, batch = _both(chunks, options=options)
    assert json.loads(whole.content) == json.loads(batch.content) == {"code": CODE, "to": [MAIL]}
    blocks = [AIMessageChunk([{"type": "text", "text": c, "index": 0}]) for c in text]
    _, whole, batch = _both(blocks, options=options)
    assert json.loads(whole.text) == json.loads(batch.text) == {"code": CODE, "to": [MAIL]}
    _, whole, _ = _both(chunks, options={"response_format": {"type": "text"}})
    assert CODE in whole.content


def test_a_stream_that_is_left_is_closed() -> None:
    closed: list[bool] = []

    class Watches(Streams):
        def _stream(self, *args: Any, **kwargs: Any):
            try:
                yield from super()._stream(*args, **kwargs)
            finally:
                closed.append(True)

    model = RedactedModel(Watches(chunks=[AIMessageChunk("a")] * 9), AT_ONCE)
    stream = model.stream("x")
    next(stream)
    stream.close()
    assert closed == [True]

    async def later() -> None:
        stream = model.astream("x")
        await anext(stream)
        await stream.aclose()

    asyncio.run(later())


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])
def test_S4_a_real_client_streams_calls_and_usage(wrapper: Any, size: int) -> None:
    def calls(body: Any) -> Any:
        return [("mail", {"to": TOKEN, "why": OTHER}), ("log", {"who": TOKEN})]

    tools = [
        {"name": n, "description": "d", "parameters": {"type": "object", "properties": {}}}
        for n in ("mail", "log")
    ]
    with OpenAIServer(tool_reply=calls, chunk_size=size) as server:
        plain = ChatOpenAI(base_url=server.url, api_key="x", model="m", stream_usage=True)
        model = wrapper(plain, AT_ONCE, known=KNOWN, restore_tool_args=["mail"]).bind_tools(tools)
        first, *rest = list(model.stream(PROMPT))
        whole: AIMessageChunk = first + rest
        batch: AIMessage = model.invoke(PROMPT)
    expected = {"mail": {"to": MAIL, "why": CODE}, "log": {"who": TOKEN}}
    assert {c["name"]: c["args"] for c in whole.tool_calls} == expected
    assert {c["name"]: c["args"] for c in batch.tool_calls} == expected
    assert whole.usage_metadata["total_tokens"] == 2
    assert not PLACEHOLDER.search(whole.text)


class _Passing(RunnableGenerator):
    """A model that yields exactly the objects it was given."""

    def __init__(self, chunks: list[Any]) -> None:
        def source(_: Any) -> Any:
            yield from chunks

        async def asource(_: Any) -> Any:
            for chunk in chunks:
                yield chunk

        super().__init__(source, asource)


async def _astreamed(model: Any) -> list[Any]:
    return [piece async for piece in model.astream(PROMPT)]


@pytest.mark.parametrize("redactor", [AT_ONCE, LOOKS], ids=["allow", "redact"])
async def test_a_chunk_that_stays_as_it_is_is_not_copied(redactor: Redactor) -> None:
    """Copying it would cost more than all the rest."""
    chunks = [AIMessageChunk(text, id="1") for text in ("Dear ", TOKEN, " and ", "[", "x] ")]
    model = RedactedModel(_Passing(chunks), redactor, known=KNOWN)
    for pieces in (list(model.stream(PROMPT)), await _astreamed(model)):
        if redactor is AT_ONCE:
            same = [one is other for one, other in zip(pieces, chunks, strict=False)]
            assert same == [True, False, True, False, False]
        assert "".join(p.content for p in pieces) == f"Dear {MAIL} and [x] "
        assert pieces[-1].response_metadata["piirag"]["restored"] == 1
    # Whatever became of them, the model's own chunks are as they were.
    assert [c.content for c in chunks] == ["Dear ", TOKEN, " and ", "[", "x] "]
    assert all(not c.response_metadata for c in chunks)


_CALL = {"name": "mail", "args": json.dumps({"to": TOKEN}), "id": "1", "index": 0}
_BESIDE = {
    "reasoning": {"additional_kwargs": {"reasoning_content": TOKEN}},
    "refusal": {"additional_kwargs": {"refusal": TOKEN}},
    "a call": {"tool_call_chunks": [_CALL]},
    "a provider's call": {
        "additional_kwargs": {"function_call": {"name": "mail", "arguments": _CALL["args"]}}
    },
    "parsed": {"additional_kwargs": {"parsed": {"to": TOKEN}}},
    "the end": {"chunk_position": "last"},
}


@pytest.mark.parametrize("beside", _BESIDE)
def test_S4_what_stands_beside_plain_text_is_never_passed_by(beside: str) -> None:
    """The short way is for chunks that have a text and nothing else."""
    chunk = AIMessageChunk("plain", id="1", **_BESIDE[beside])
    model = RedactedModel(_Passing([chunk]), AT_ONCE, known=KNOWN, restore_tool_args=["mail"])
    pieces = list(model.stream(PROMPT))
    whole = pieces[0] + pieces[1] if len(pieces) > 1 else pieces[0]
    assert pieces[0] is not chunk
    assert TOKEN not in repr(whole)
    if beside != "the end":
        assert MAIL in repr(whole)
    assert whole.response_metadata["piirag"]


@pytest.mark.parametrize("kind", ["subclass", "blocks", "human"])
def test_S4_other_kinds_of_chunk_go_the_long_way(kind: str) -> None:
    class Own(AIMessageChunk):
        pass

    made = {
        "subclass": lambda: Own(TOKEN),
        "blocks": lambda: AIMessageChunk([{"type": "text", "text": TOKEN, "index": 0}]),
        "human": lambda: HumanMessageChunk(TOKEN),
    }[kind]()
    pieces = list(RedactedModel(_Passing([made]), AT_ONCE).stream(PROMPT))
    assert pieces[0].text == MAIL
    assert type(pieces[0]) is type(made)
