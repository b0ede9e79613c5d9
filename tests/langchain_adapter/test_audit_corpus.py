"""Nothing planted in the audit log, over the generated conversations, wrapped models and plain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from langchain_piirag import PIICallbackHandler, RedactedChatModel, RedactedModel
from piirag import Redactor
from support.audit_records import audit_log, records
from support.canary import Canaries
from support.conversations import SHAPES, Conversation, conversation, said
from support.openai_server import OpenAIServer

COUNT = 528
WAYS = ["invoke", "batch", "stream", "ainvoke", "abatch", "astream"]


def _call(model: Any, way: str, one: Conversation, config: Any) -> None:
    if way == "batch":
        model.batch([one.input], config, **one.options)
    elif way == "stream":
        list(model.stream(one.input, config, **one.options))
    else:
        model.invoke(one.input, config, **one.options)


async def _acall(model: Any, way: str, one: Conversation, config: Any) -> None:
    if way == "abatch":
        await model.abatch([one.input], config, **one.options)
    elif way == "astream":
        async for _ in model.astream(one.input, config, **one.options):
            pass
    else:
        await model.ainvoke(one.input, config, **one.options)


@pytest.mark.parametrize("kind", [RedactedModel, RedactedChatModel, None])
def test_no_planted_value_is_in_the_log(kind: Any, tmp_path) -> None:
    """A third of the conversations each: by both wrappers, and by a plain model that is watched."""
    offset = [RedactedModel, RedactedChatModel, None].index(kind)
    numbers = [n for n in range(COUNT) if (n // len(SHAPES)) % 3 == offset]
    log = audit_log(tmp_path)
    redactor = Redactor()

    def made(one: Conversation, plain: Any) -> tuple[Any, Any]:
        known = {"PERSON": one.names}
        if kind is None:
            return plain, {
                "callbacks": [PIICallbackHandler(audit=log, prompts="audit", known=known)]
            }
        return kind(plain, redactor, known=known, allow_media=True, audit=log), None

    async def later(url: str, asynchronous: list[int]) -> None:
        plain = ChatOpenAI(base_url=url, api_key="x", model="m")
        for number in asynchronous:
            one = conversation(number)
            await _acall(*made(one, plain)[:1], WAYS[number % 6], one, made(one, plain)[1])

    with OpenAIServer(said, chunk_size=7) as server:
        plain = ChatOpenAI(base_url=server.url, api_key="x", model="m")
        for number in numbers:
            if number % 6 < 3:
                one = conversation(number)
                model, config = made(one, plain)
                _call(model, WAYS[number % 6], one, config)
        asyncio.run(later(server.url, [n for n in numbers if n % 6 >= 3]))
        reached = len(server.requests)
    found = records(log)
    assert reached == len(numbers)
    assert len(found) == len(numbers)
    assert {record["outcome"] for record in found} == {"ok"}
    assert all(record.get("prompt") and record.get("reply") for record in found)
    values = sorted({value for n in numbers for value in conversation(n).values})
    assert len(values) > 500
    log.close()
    assert Canaries(values).scan_files(log.path.parent) == []


def test_the_scan_can_fail(tmp_path) -> None:
    """The same prompts, written as they came, hold the values."""
    text = "\n".join(repr(conversation(n).input) for n in range(len(SHAPES)))
    (tmp_path / "raw.txt").write_text(text)
    values = sorted({v for n in range(len(SHAPES)) for v in conversation(n).values})
    assert len(Canaries(values).scan_files(tmp_path)) > len(values) * 0.6
