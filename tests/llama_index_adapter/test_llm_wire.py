"""Conversations of every shape over the wire: no value leaves, and replies are the same.

Each conversation is sent twice through LlamaIndex's own client: once with the plain model, to a
server that stands for a world without redaction, and once with the redacted one. The second
server's bytes are searched for every planted value in every encoding, and by the detector.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from faker import Faker
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock
from llama_index.core.tools import FunctionTool

from llama_index_piirag import RedactedLLM
from piirag import Redactor, default_detector
from support.canary import Canaries
from support.llama_server import last_said, model_over
from support.openai_server import Json, OpenAIServer

CONVERSATIONS = 320
SHAPES = ["plain", "system", "turns", "blocks", "calls", "kwargs", "names", "json"]
WAYS = [
    "chat",
    "stream",
    "achat",
    "astream",
    "complete",
    "stream_complete",
    "tools",
    "stream_tools",
]


class Story:
    """One conversation, with the values planted in it."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        fake = Faker("en_US")
        fake.seed_instance(number)
        self.shape = SHAPES[number % len(SHAPES)]
        self.way = WAYS[(number // len(SHAPES)) % len(WAYS)]
        self.person = f"{fake.first_name()} {fake.last_name()}-{fake.last_name()}"
        self.mail = f"{fake.user_name()}{number}@{fake.domain_word()}.com"
        self.phone = f"+1 415-555-{2000 + number:04d}"
        self.card = fake.credit_card_number(card_type="visa16")
        self.values = [self.person, self.mail, self.phone, self.card]
        self.known = {"PERSON": [self.person]}
        self.tool = FunctionTool.from_defaults(lambda to: to, name="mail", description="Mail.")

    def say(self) -> str:
        """A sentence with some of the values, and with what looks like tokens and markup."""
        parts = [
            f"Write to {self.mail}, {self.person}!",
            f"{self.person.upper()} paid with {self.card}.",
            f'He said "call {self.phone}"\n\tand \\left: {{"to": "{self.mail}"}}',
            f"[PERSON_1] is not {self.person.lower()}; see [Table 2] and \u00ab{self.phone}\u00bb.",
            f"1. **{self.person}** <{self.mail}> \U0001f600 \u4f60\u597d",
        ]
        return " ".join(self.random.sample(parts, 2))

    def messages(self) -> list[ChatMessage]:
        """The conversation."""
        user = ChatMessage(role="user", content=self.say())
        if self.shape == "system":
            return [ChatMessage(role="system", content=self.say()), user]
        if self.shape == "turns":
            roles = ["user", "assistant"] * 3
            return [*(ChatMessage(role=role, content=self.say()) for role in roles), user]
        if self.shape == "blocks":
            blocks = [TextBlock(text=self.say()), TextBlock(text=self.say())]
            return [ChatMessage(role="user", blocks=blocks)]
        if self.shape in {"calls", "kwargs", "json"}:
            arguments: Any = {"to": self.mail, "cc": [self.person, {"tel": self.phone}]}
            coded = json.dumps(arguments, ensure_ascii=self.random.random() < 0.5)
            if self.shape == "kwargs":
                function = {"name": "mail", "arguments": coded}
                call = {"id": "c1", "type": "function", "function": function}
                asked = ChatMessage(
                    role="assistant", content=None, additional_kwargs={"tool_calls": [call]}
                )
            else:
                given = coded if self.shape == "json" else arguments
                block = ToolCallBlock(tool_call_id="c1", tool_name="mail", tool_kwargs=given)
                asked = ChatMessage(role="assistant", blocks=[TextBlock(text="So."), block])
            result = ChatMessage(
                role="tool", content=self.say(), additional_kwargs={"tool_call_id": "c1"}
            )
            return [ChatMessage(role="user", content=self.say()), asked, result, user]
        if self.shape == "names":
            user.additional_kwargs["name"] = self.person
        return [user]

    async def ask(self, llm: Any) -> tuple[str, list[Any]]:
        """The reply's text, and the arguments of its calls."""
        messages = self.messages()
        text = messages[-1].content or ""
        if self.way == "complete":
            return llm.complete(text).text, []
        if self.way == "stream_complete":
            return "".join(c.delta or "" for c in llm.stream_complete(text)), []
        if self.way in {"tools", "stream_tools"}:
            if self.way == "tools":
                reply = llm.chat_with_tools([self.tool], chat_history=messages)
            else:
                reply = [*llm.stream_chat_with_tools([self.tool], chat_history=messages)][-1]
            calls = llm.get_tool_calls_from_response(reply, error_on_no_tool_call=False)
            return reply.message.content or "", [call.tool_kwargs for call in calls]
        if self.way == "chat":
            return llm.chat(messages, user=self.mail).message.content, []
        if self.way == "stream":
            return "".join(c.delta or "" for c in llm.stream_chat(messages)), []
        if self.way == "achat":
            return (await llm.achat(messages)).message.content, []
        chunks = await llm.astream_chat(messages)
        return "".join([c.delta or "" async for c in chunks]), []


def call_or_echo(body: Json) -> list[Any]:
    return [("mail", {"to": last_said(body), "n": 1})]


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
