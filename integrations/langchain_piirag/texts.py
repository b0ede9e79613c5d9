"""Messages and other inputs of models as one text: for hashes, and for the audit log."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    convert_to_messages,
    get_buffer_string,
)
from langchain_core.outputs import LLMResult
from langchain_core.prompt_values import PromptValue

_MEDIA = re.compile(
    r"^\[(?:image|image_url|input_image|audio|input_audio|file|input_file|video)\]$", re.M
)


def flat(value: Any) -> str:
    """What a model takes as one text, a line or more for each message.

    Media and blocks of other kinds are named by their type only.

    Args:
        value: A string, a prompt value, messages, or what LangChain makes messages of.
    """
    try:
        return _flat(value)
    except RecursionError:
        return ""


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, PromptValue):
        return _flat(value.to_messages())
    if isinstance(value, BaseMessage):
        return _message(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "\n".join(_flat(item) for item in value)
    if isinstance(value, dict):
        content = value.get("content")
        return f"{value.get('role', 'user')}: {_content(content)}"
    return ""


def _message(message: BaseMessage) -> str:
    role = "ai" if isinstance(message, AIMessage) else message.type
    lines = [f"{role}: {_content(message.content)}"]
    for call in getattr(message, "tool_calls", None) or ():
        arguments = json.dumps(call["args"], ensure_ascii=False, default=str)
        lines.append(f"call {call['name']}: {arguments}")
    return "\n".join(lines)


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    return "\n".join(_block(block) for block in content)


def _block(block: Any) -> str:
    if isinstance(block, str):
        return block
    if not isinstance(block, dict):
        return ""
    for key in ("text", "content", "reasoning", "thinking"):
        if key in block:
            return _content(block[key])
    return f"[{block.get('type', 'block')}]"


def sent_as(input: Any) -> set[str]:
    """What a model takes as one text, in each form that LangChain gives it to a model in."""
    if isinstance(input, PromptValue):
        return {input.to_string(), _said(input.to_messages())}
    if isinstance(input, str):
        return {input, _said([HumanMessage(input)])}
    messages = convert_to_messages(input)
    return {get_buffer_string(messages), _said(messages)}


def as_sent(messages: Sequence[Any]) -> str:
    """Messages that a callback gets, as `sent_as` has them.

    A callback gets media in another provider's form, so that of those only the place counts.
    """
    return _said([message for batch in messages for message in batch])


def _said(messages: Sequence[BaseMessage]) -> str:
    return "\n".join(_MEDIA.sub("[media]", _message(message)) for message in messages)


def reply_text(response: LLMResult) -> str:
    """The reply of a model as one text."""
    texts = []
    for batch in response.generations:
        for generation in batch:
            message = getattr(generation, "message", None)
            texts.append(generation.text if message is None else _message(message))
    return "\n".join(texts)
