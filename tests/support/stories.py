"""Generated conversations for LlamaIndex models, full of personal data, in every way of calling.

Each is made from its number alone, so a failing one can be made again.
"""

from __future__ import annotations

import json
import random
from typing import Any

from faker import Faker
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock
from llama_index.core.tools import FunctionTool

from support.llama_server import last_said
from support.openai_server import Json

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
    """A model that calls the tool, where there is one, with what the user said last."""
    return [("mail", {"to": last_said(body), "n": 1})]
