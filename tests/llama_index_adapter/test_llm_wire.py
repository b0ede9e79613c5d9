"""Conversations of every shape over the wire: no value leaves, and replies are the same.

Each conversation is sent twice through LlamaIndex's own client: once with the plain model, to a
server that stands for a world without redaction, and once with the redacted one. The second
server's bytes are searched for every planted value in every encoding, and by the detector.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from llama_index_piirag import RedactedLLM
from piirag import Redactor, default_detector
from support.canary import Canaries
from support.llama_server import model_over
from support.openai_server import OpenAIServer
from support.stories import SHAPES, WAYS, Story, call_or_echo

CONVERSATIONS = 320


@pytest.fixture
def servers() -> Iterator[tuple[OpenAIServer, OpenAIServer]]:
    with (
        OpenAIServer(tool_reply=call_or_echo, chunk_size=5) as open_,
        OpenAIServer(tool_reply=call_or_echo, chunk_size=5) as closed,
    ):
        yield open_, closed


async def test_S6_S8_no_value_leaves_in_any_conversation(
    servers: tuple[OpenAIServer, OpenAIServer],
) -> None:
    open_, closed = servers
    plain, inner = model_over(open_), model_over(closed)
    redactor = Redactor()
    detector = default_detector()
    asked = set()
    for number in range(CONVERSATIONS):
        story = Story(number)
        asked.add((story.shape, story.way))
        canaries = Canaries([*story.values, story.card.replace(" ", "")])
        llm = RedactedLLM(inner, redactor, known=story.known, restore_tool_args=["mail"])
        before = len(closed.requests)
        expected = await Story(number).ask(plain)
        assert await story.ask(llm) == expected, number
        sent = closed.requests[before:]
        assert sent, number
        for request in sent:
            assert canaries.scan_bytes(request.wire) == [], (number, story.shape, story.way)
            texts = list(_texts(request.json().get("messages", request.json())))
            for found, text in zip(detector.detect_batch(texts), texts, strict=True):
                left = [f for f in found if f.score >= 0.5 and not _token(text, f)]
                assert left == [], (number, [f.entity_type for f in left])
        await asyncio.sleep(0)
    assert len(asked) == len(SHAPES) * len(WAYS)
    # The plain model's server saw them all, so the search can find something.
    assert Canaries([Story(0).mail]).scan_bytes(open_.bodies) != []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _token(text: str, finding: Any) -> bool:
    return "[" in text[max(0, finding.start - 1) : finding.end]
