"""Messages as one text: for hashes, and for the audit log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.llm import LLM

from llama_index_piirag.owners import role_of


def flat(value: Any) -> str:
    """What a model takes, or what it returns, as one text; media are named by their type only.

    Args:
        value: A prompt, messages, or a response.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, ChatMessage):
        return f"{role_of(value)}: " + "\n".join(_block(block) for block in value.blocks)
    if isinstance(value, ChatResponse):
        return flat(value.message)
    if isinstance(value, CompletionResponse):
        return value.text
    if isinstance(value, Sequence):
        return "\n".join(flat(item) for item in value)
    return ""


def sent_as(content: Any, llm: LLM) -> set[str]:
    """What a model takes as one text, in each form that the model may pass it on to itself in.

    Args:
        content: A prompt, or messages.
        llm: The model.
    """
    forms = {flat(content)}
    if isinstance(content, str):
        forms.add(flat([ChatMessage(content, role=MessageRole.USER)]))
        if llm.completion_to_prompt is not None:
            forms.add(llm.completion_to_prompt(content))
    elif llm.messages_to_prompt is not None:
        forms.add(llm.messages_to_prompt(content))
    return forms


def _block(block: Any) -> str:
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, ThinkingBlock):
        return block.content or ""
    if isinstance(block, ToolCallBlock):
        arguments = block.tool_kwargs
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False, default=str)
        return f"call {block.tool_name}: {arguments}"
    return f"[{type(block).__name__}]"
