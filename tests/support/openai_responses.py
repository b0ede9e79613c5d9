"""OpenAI's Responses API, as the loopback server speaks it: whole replies and their events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Pieces = Callable[[str], Iterator[str]]


def items_of(body: Json) -> list[Json]:
    """The items of a request's input, a plain string as the user's message."""
    given = body.get("input", [])
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(given)


def item_text(item: Json) -> str:
    """All text in an item: of a message, of a call's arguments, of a tool's result."""
    content = item.get("content") or item.get("output") or item.get("arguments") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def ends_in_result(body: Json) -> bool:
    """Whether a tool has answered, and nobody has spoken since."""
    items = items_of(body)
    return bool(items) and items[-1].get("type") == "function_call_output"


def response(
    body: Json, number: int, text: str, calls: list[tuple[str, Json]], reasoning: str | None
) -> Json:
    """A whole reply.

    Args:
        body: The request.
        number: Which request it is: ids are never used twice.
        text: What the reply says, if it calls no tools.
        calls: Names and arguments of tool calls.
        reasoning: The summary of what went before.
    """
    output: list[Json] = []
    if reasoning is not None:
        summary = [{"type": "summary_text", "text": reasoning}]
        output.append({"type": "reasoning", "id": f"rs_{number}", "summary": summary})
    for index, (name, arguments) in enumerate(calls):
        output.append(
            {
                "type": "function_call",
                "id": f"fc_{number}_{index}",
                "call_id": f"call_{number}_{index}",
                "name": name,
                "arguments": json.dumps(arguments, ensure_ascii=False),
                "status": "completed",
            }
        )
    if not calls:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        head = {"type": "message", "id": f"msg_{number}", "role": "assistant"}
        output.append({**head, "status": "completed", "content": content})
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": body.get("model", "loopback"),
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 1,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
        },
    }


def events(whole: Json, pieces: Pieces) -> Iterator[Json]:
    """The events of a streamed reply.

    Args:
        whole: The reply, as `response` makes it.
        pieces: Cuts texts and arguments.
    """
    for number, event in enumerate(_events(whole, pieces)):
        yield {**event, "sequence_number": number}


def _events(whole: Json, pieces: Pieces) -> Iterator[Json]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        place = {"output_index": index}
        bare = {**item, "status": "in_progress"}
        bare |= {k: type(item[k])() for k in ("content", "summary", "arguments") if k in item}
        yield {"type": "response.output_item.added", **place, "item": bare}
        place["item_id"] = item["id"]
        if item["type"] == "message":
            yield from _text(item, place, pieces)
        elif item["type"] == "reasoning":
            yield from _summary(item, place, pieces)
        else:
            kind = "response.function_call_arguments"
            for piece in pieces(item["arguments"]):
                yield {"type": f"{kind}.delta", **place, "delta": piece}
            said = {"arguments": item["arguments"], "name": item["name"]}
            yield {"type": f"{kind}.done", **place, **said}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": whole}


def _text(item: Json, place: Json, pieces: Pieces) -> Iterator[Json]:
    place = {**place, "content_index": 0}
    part = item["content"][0]
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    done = {"text": part["text"], "logprobs": []}
    yield {"type": "response.output_text.done", **place, **done}
    yield {"type": "response.content_part.done", **place, "part": part}


def _summary(item: Json, place: Json, pieces: Pieces) -> Iterator[Json]:
    place = {**place, "summary_index": 0}
    part = item["summary"][0]
    kind = "response.reasoning_summary"
    yield {"type": f"{kind}_part.added", **place, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield {"type": f"{kind}_text.delta", **place, "delta": piece}
    yield {"type": f"{kind}_text.done", **place, "text": part["text"]}
    yield {"type": f"{kind}_part.done", **place, "part": part}
