"""LlamaIndex's own client over the loopback server, and a model that is driven by its prompt."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from llama_index.core.callbacks import CallbackManager
from llama_index.llms.openai_like import OpenAILike

from support.openai_server import Json, OpenAIServer, prompt_text

TOKEN = re.compile(r"\[[A-Z][A-Z0-9_]*_[0-9]+[a-z]*\]")


def model_over(
    server: OpenAIServer, *, functions: bool = True, callbacks: Any = None, **kwargs: Any
) -> OpenAILike:
    """An `OpenAILike` that talks to the server."""
    return OpenAILike(
        model="loopback",
        api_base=server.url,
        api_key="x",
        is_chat_model=True,
        is_function_calling_model=functions,
        max_retries=0,
        timeout=60,
        callback_manager=callbacks or CallbackManager([]),
        **kwargs,
    )


def in_a_loop(coroutine: Any) -> Any:
    """Run a coroutine in a loop of its own."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def last_said(body: Json) -> str:
    """What the user said last, in a request."""
    users = [m for m in body["messages"] if m.get("role") == "user"]
    content = users[-1].get("content") or ""
    return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)


def calls_with(name: str, key: str, *more: tuple[str, str]) -> Callable[[Json], list[Any]]:
    """A model that calls tools with what the user said last."""
    wanted = [(name, key), *more]
    return lambda body: [(tool, {argument: last_said(body)}) for tool, argument in wanted]


def tokens_in(body: Json) -> list[str]:
    """Placeholders in a request, in order, each once."""
    return list(dict.fromkeys(TOKEN.findall(json.dumps(body["messages"]) or prompt_text(body))))
