"""On the wire: invariant 2 and threats S5, S6, S8, over generated conversations.

A real `ChatOpenAI` sends over real HTTP to a server that keeps every byte.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from langchain_piirag import RedactedChatModel, RedactedModel
from piirag import Redactor
from support.canary import Canaries
from support.conversations import SHAPES, Conversation, conversation, said
from support.openai_server import OpenAIServer

COUNT = 528
WAYS = ["invoke", "batch", "stream", "ainvoke", "abatch", "astream"]


def _text(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs)


def _call(model: Any, way: str, one: Conversation) -> str:
    if way == "batch":
        return _text(model.batch([one.input], **one.options))
    if way == "stream":
        return _text(list(model.stream(one.input, **one.options)))
    return _text([model.invoke(one.input, **one.options)])


async def _acall(model: Any, way: str, one: Conversation) -> str:
    if way == "abatch":
        return _text(await model.abatch([one.input], **one.options))
    if way == "astream":
        return _text([c async for c in model.astream(one.input, **one.options)])
    return _text([await model.ainvoke(one.input, **one.options)])


def _run(url: str, numbers: list[int], wrap: Any) -> dict[int, str]:
    """What the caller gets back, by conversation."""
    said_back: dict[int, str] = {}

    async def later(asynchronous: list[int]) -> None:
        plain = ChatOpenAI(base_url=url, api_key="x", model="m")
        for number in asynchronous:
            one = conversation(number)
            said_back[number] = await _acall(wrap(plain, one), WAYS[number % 6], one)

    plain = ChatOpenAI(base_url=url, api_key="x", model="m")
    for number in numbers:
        if WAYS[number % 6] in {"invoke", "batch", "stream"}:
            one = conversation(number)
            said_back[number] = _call(wrap(plain, one), WAYS[number % 6], one)
    asyncio.run(later([n for n in numbers if n not in said_back]))
    return said_back


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in (k, *_leaves(v))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("kind", [RedactedModel, RedactedChatModel])
def test_S5_S6_S8_nothing_raw_leaves_and_replies_are_what_they_were(kind: Any) -> None:
    """Half of the conversations each: every shape in every way of calling, by both wrappers."""
    offset = 0 if kind is RedactedModel else 1
    numbers = [n for n in range(COUNT) if (n // len(SHAPES)) % 2 == offset]
    redactor = Redactor()

    def wrapped(plain: Any, one: Conversation) -> Any:
        return kind(plain, redactor, known={"PERSON": one.names}, allow_media=True)

    with OpenAIServer(said, chunk_size=7) as bare:
        expected = _run(bare.url, numbers, lambda plain, one: plain)
    with OpenAIServer(said, chunk_size=7) as server:
        got = _run(server.url, numbers, wrapped)
        requests = list(server.requests)
    assert len(requests) == len(numbers)
    wire = b"\n".join(request.wire for request in requests)
    values = sorted({value for n in numbers for value in conversation(n).values})
    assert Canaries(values).scan_bytes(wire) == []
    leaves = {leaf for request in requests for leaf in _leaves(json.loads(request.body))}
    found = [f.entity_type for leaf in leaves for f in redactor.session().find(leaf)]
    assert found == [], "the detector finds something on the wire"
    assert got.keys() == expected.keys()
    assert [n for n in numbers if got[n] != expected[n]] == []


def test_the_corpus_is_what_it_says() -> None:
    """The unwrapped wire does hold the values: the scan above can fail."""
    assert len(SHAPES) >= 20
    assert COUNT >= 500
    with OpenAIServer(said) as bare:
        _run(bare.url, list(range(len(SHAPES) * 2)), lambda plain, one: plain)
        wire = b"\n".join(request.wire for request in bare.requests)
    values = sorted({v for n in range(len(SHAPES)) for v in conversation(n).values})
    found = {hit.index for hit in Canaries(values).scan_bytes(wire)}
    assert len(found) > len(values) * 0.6
