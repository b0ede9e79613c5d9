"""Agents over a loopback model, for the tests of the middleware."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import BaseTool
from langchain_openai import ChatOpenAI

from langchain_piirag import PIIRedactionMiddleware, ProtectedAgent
from piirag import Scrubber
from support.canary import Canaries
from support.openai_server import OpenAIServer

MAIL = "jane.roe@example.com"
CARD = "4111111111111111"
NAME = "Jane Roe"
KNOWN = {"PERSON": [NAME]}
CANARIES = Canaries([MAIL, CARD, NAME])
TEXT = f"Write to {NAME} <{MAIL}> about card {CARD}"
ANY_TOKEN = re.compile(r"\[[A-Z][A-Z_]*(?:_\d+[a-z]?|(?: [A-Z][a-z]{5}){3})\]")


@dataclass
class Context:
    """The context schema of the agents here."""

    user_id: str


ALICE = Context("alice")


@dataclass
class Kit:
    """An agent, its server and its middleware."""

    server: OpenAIServer
    agent: Any
    middleware: PIIRedactionMiddleware
    users: ProtectedAgent
    given: list[Any] = field(default_factory=list)

    @property
    def wire(self) -> bytes:
        """Everything that reached the model."""
        return b"\n".join(request.wire for request in self.server.requests)


def tokens_in(body: dict[str, Any], kind: str = "EMAIL_ADDRESS") -> list[str]:
    """Placeholders of a kind in a request's messages, as the model sees them."""
    found = re.findall(rf"\[{kind}_\d+[a-z]?\]", json.dumps(body["messages"]))
    return list(dict.fromkeys(found))


def last_text(body: dict[str, Any]) -> str:
    """The text of the last message of the user."""
    texts = [m["content"] for m in body["messages"] if m["role"] == "user"]
    return texts[-1] if isinstance(texts[-1], str) else texts[-1][-1]["text"]


@contextmanager
def kit(
    mode: str = "wire",
    tools: list[BaseTool | Callable[..., Any]] | None = None,
    *,
    reply: Callable[[Any], str] | None = None,
    calls: Callable[[Any], list[tuple[str, Any]]] | None = None,
    scrubber: Scrubber | None = None,
    options: dict[str, Any] | None = None,
    before: list[Any] | None = None,
    chunk_size: int = 3,
    model_options: dict[str, Any] | None = None,
    **agent_options: Any,
) -> Iterator[Kit]:
    """An agent over a server that says what it is told to say.

    Args:
        mode: The middleware's mode.
        tools: The agent's tools.
        reply: Makes the text of a reply from the request.
        calls: Makes tool calls from the request, as long as no tool has answered.
        scrubber: The middleware's; one in memory if None.
        options: More of the middleware's options.
        before: Middleware in front of ours.
        chunk_size: Characters in a streamed piece.
        model_options: Options of the chat model.
        **agent_options: Passed to `create_agent`.
    """
    server = OpenAIServer(chunk_size=chunk_size, tool_reply=calls)
    if reply is not None:
        server.reply = reply
    middleware = PIIRedactionMiddleware(
        scrubber=scrubber or Scrubber(), mode=mode, **{"known": KNOWN, **(options or {})}
    )
    with server:
        model = ChatOpenAI(
            base_url=server.url, api_key="x", model="m", max_retries=0, **(model_options or {})
        )
        agent = create_agent(
            model,
            tools or [],
            middleware=[*(before or []), middleware],
            context_schema=Context,
            **agent_options,
        )
        yield Kit(server, agent, middleware, middleware.protect(agent))
