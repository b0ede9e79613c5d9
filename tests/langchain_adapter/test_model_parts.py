"""Parts of messages that hide, options, and replies of other kinds: threats S4, S5, S6."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableLambda

from langchain_piirag import RedactedModel
from piirag.errors import (
    InvalidInputError,
)
from support.canary import Canaries
from support.langchain_fakes import EchoChat, Recorder

MAIL = "jane.roe@example.com"
CARD = "4111111111111111"
TEXT = f"Jane Roe <{MAIL}> pays with {CARD}"
KNOWN = {"PERSON": ["Jane Roe"]}
CANARIES = Canaries([MAIL, CARD, "Jane Roe"])


@pytest.mark.parametrize(
    "args",
    [
        {"signature": MAIL},
        {"filter": {"type": MAIL}},
        {"cache_control": {"type": MAIL}},
        {"encrypted_content": "Jane Roe"},
        {"deep": [{"data": MAIL, "base64": CARD}]},
    ],
)
def test_S5_no_key_of_tool_arguments_is_passed_over(args) -> None:
    inner = EchoChat(seen=[])
    calls = [{"name": "t", "args": args, "id": "c1", "type": "tool_call"}]
    raw = {"tool_calls": [{"id": "c1", "function": {"name": "t", "arguments": json.dumps(args)}}]}
    messages = [
        HumanMessage("hi"),
        AIMessage("", tool_calls=calls, additional_kwargs=raw),
        ToolMessage("ok", tool_call_id="c1"),
    ]
    RedactedModel(inner, known=KNOWN).invoke(messages)
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_json_with_a_key_twice_is_searched_whole() -> None:
    inner = EchoChat(seen=[])
    arguments = f'{{"a": "{MAIL}", "a": "x"}}'
    message = AIMessage("", additional_kwargs={"function_call": {"arguments": arguments}})
    RedactedModel(inner).invoke([HumanMessage("hi"), message])
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_opaque_fields_of_blocks_pass_only_if_they_look_opaque() -> None:
    inner = EchoChat(seen=[])
    signature = "QUJD" * 8
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": signature},
        {"type": "thinking", "thinking": "hm", "signature": f"Jane Roe {MAIL}"},
        {"type": "text", "text": "x", "cache_control": {"type": MAIL}},
    ]
    RedactedModel(inner, known=KNOWN).invoke([AIMessage(blocks), HumanMessage("hi")])
    assert inner.seen[0][0].content[0]["signature"] == signature
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_media_inside_a_tool_result_is_refused_too() -> None:
    inner = EchoChat(seen=[])
    block = {"type": "tool_result", "content": [{"type": "image", "base64": "AAAA"}]}
    with pytest.raises(InvalidInputError):
        RedactedModel(inner).invoke([HumanMessage([block])])
    text_url = {"type": "image_url", "image_url": {"url": f"data:text/plain,{MAIL}"}}
    RedactedModel(inner, allow_media=True).invoke([HumanMessage([text_url])])
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_names_of_speakers_and_tools_have_no_brackets() -> None:
    inner = EchoChat(seen=[])
    call = {"name": "mail_jane_roe", "args": {}, "id": "c1", "type": "tool_call"}
    RedactedModel(inner, known=KNOWN).invoke(
        [HumanMessage("hi", name="Jane Roe"), AIMessage("", tool_calls=[call])]
    )
    assert inner.seen[0][0].name == "PERSON_1"
    assert inner.seen[0][1].tool_calls[0]["name"] == "mail_PERSON_1b"


@pytest.mark.parametrize(
    "options",
    [
        {"extra_body": {"note": MAIL}},
        {"extra_headers": {"X-User": MAIL}},
        {"prediction": {"type": "content", "content": [MAIL, {"deep": (MAIL,)}]}},
        {"stop": (MAIL,)},
        {"safety": {MAIL: 1}},
    ],
)
def test_options_of_any_shape_are_redacted(options) -> None:
    class Options(EchoChat):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            self.seen.append((stop, kwargs))
            return super()._generate(messages, stop, run_manager)

    inner = Options(seen=[])
    RedactedModel(inner).invoke("hi", **options)
    assert inner.seen
    assert CANARIES.scan_text(repr(inner.seen)) == []


def test_tools_and_schemas_pass_as_they_are() -> None:
    class Options(EchoChat):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            self.seen.append(kwargs)
            return super()._generate(messages, stop, run_manager)

    inner = Options(seen=[])
    marker = object()
    RedactedModel(inner).invoke("hi", tools=[marker], other=marker)
    assert inner.seen[0] == {"tools": [marker], "other": marker}


def test_tags_metadata_and_run_names_reach_no_tracer_raw() -> None:
    recorder = Recorder()
    config = {
        "tags": [MAIL],
        "metadata": {"customer": {"mail": MAIL}, "object": object()},
        "run_name": f"for Jane Roe {MAIL}",
        "callbacks": [recorder],
    }
    model = RedactedModel(EchoChat(seen=[]), known=KNOWN)
    model.invoke("hi", config)
    list(model.stream("hi", config))
    asyncio.run(model.ainvoke("hi", config))
    assert CANARIES.scan_text(recorder.of()) == []
    assert config["tags"] == [MAIL], "the caller's config was changed"


def test_structured_replies_are_restored_without_being_validated() -> None:
    import dataclasses
    import datetime
    from typing import NamedTuple

    from pydantic import BaseModel, Field

    class Card(BaseModel):
        mail: str = Field(alias="theMail", max_length=19)
        when: datetime.date = datetime.date(2020, 1, 1)
        others: list[str] = []

    @dataclasses.dataclass(frozen=True)
    class Row:
        mail: str

    class Pair(NamedTuple):
        a: str
        b: int

    replies = {
        "model": lambda x: Card(theMail=x, others=[x]),
        "list": lambda x: [Card(theMail=x), AIMessage(x)],
        "raw": lambda x: {"raw": AIMessage(x), "parsed": Card(theMail=x), "error": None},
        "dataclass": lambda x: Row(x),
        "tuple": lambda x: Pair(x, 3),
    }
    for reply in replies.values():
        restored = RedactedModel(RunnableLambda(reply)).invoke(MAIL)
        assert MAIL in repr(restored)
        assert "[EMAIL" not in repr(restored)


def test_history_with_unusual_metadata_is_no_obstacle() -> None:
    import datetime

    inner = EchoChat(seen=[])
    message = AIMessage("x", response_metadata={"at": datetime.datetime.now(), "note": MAIL})
    RedactedModel(inner).invoke([message, HumanMessage("hi")])
    assert CANARIES.scan_text(repr(inner.seen)) == []
    deep: dict = {}
    for _ in range(3000):
        deep = {"a": deep}
    call = {"name": "t", "args": deep, "id": "c", "type": "tool_call"}
    with pytest.raises(InvalidInputError):
        RedactedModel(inner).invoke([AIMessage("", tool_calls=[call])])


class Thinker(EchoChat):
    """Streams a thinking block, a text block and provider extras, a few letters at a time."""

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        from langchain_core.outputs import ChatGenerationChunk

        self.seen.append(messages)
        text = messages[-1].content + " ["
        for index, field in enumerate(("thinking", "text")):
            for k in range(0, len(text), 3):
                block = {"type": field, "index": index, field: text[k : k + 3]}
                yield ChatGenerationChunk(message=AIMessageChunk([block]))
        for k in range(0, len(text), 3):
            extra = {"reasoning_content": text[k : k + 3]}
            yield ChatGenerationChunk(message=AIMessageChunk("", additional_kwargs=extra))


def test_S4_blocks_of_a_stream_are_restored_each_in_its_place() -> None:
    message = None
    for chunk in RedactedModel(Thinker(seen=[])).stream(f"mail {MAIL}"):
        message = chunk if message is None else message + chunk
    expected = f"mail {MAIL} ["
    by_type = {block["type"]: block for block in message.content if block}
    assert by_type["thinking"]["thinking"] == expected
    assert by_type["text"]["text"] == expected
    assert set(by_type["thinking"]) == {"type", "index", "thinking"}
    assert message.additional_kwargs["reasoning_content"] == expected


@pytest.mark.parametrize("value", [CARD, "jane_roe_jane_roe", "Jane-Roe-Jane-Roe-Jane"])
def test_what_merely_looks_encoded_is_searched(value: str) -> None:
    inner = EchoChat(seen=[])
    message = HumanMessage("hi", additional_kwargs={"signature": value, "thought_signature": value})
    RedactedModel(inner, known=KNOWN).invoke([message])
    assert value not in repr(inner.seen)
