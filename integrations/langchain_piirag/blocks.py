"""Content blocks: which kinds can be searched, which are media, which names are identifiers."""

from __future__ import annotations

import re
from typing import Any

from piirag.redaction.walk import is_base64

# Kinds of content block whose leaves are text, arguments or citations.
SEARCHABLE = frozenset(
    """
    text text-plain input_text output_text refusal tool_use tool_result tool_call tool_call_chunk
    invalid_tool_call function_call function_call_output custom_tool_call custom_tool_call_output
    mcp_call mcp_list_tools server_tool_use server_tool_result server_tool_call
    server_tool_call_chunk thinking reasoning redacted_thinking summary_text non_standard citation
    search_result web_search_call file_search_call code_interpreter_call json input_json_delta
    """.split()
)
MEDIA = frozenset(
    "image image_url input_image audio input_audio video file input_file document media".split()
)

# Blocks whose `content` or `output` may be a list of blocks again.
NESTS = frozenset({"content", "output"})

# Fields that tie a call to its result. Providers allow letters, digits, "_" and "-" in them.
IDENTIFIERS = frozenset({"id", "call_id", "tool_call_id", "tool_use_id", "item_id"})

_BINARY = frozenset({"data", "base64", "file_data"})
# The head is short and names no file; the rest is nothing but base64.
_MEDIA_URL = re.compile(
    r"data:(?:image|audio|video|application)/[\w.+-]{1,60};base64,[A-Za-z0-9+/_-]*={0,2}"
)


def kind_of(block: Any) -> str | None:
    """The kind of a content block, or None for what is no block."""
    if not isinstance(block, dict):
        return None
    kind = block.get("type")
    if kind is None and "text" in block:
        return "text"
    if kind == "document" and _is_text_source(block.get("source")):
        return "text"
    return kind if isinstance(kind, str) else None


def text_of(block: Any) -> str | None:
    """The text that a block adds to its message; None where it adds none."""
    if isinstance(block, str):
        return block
    text = block.get("text") if kind_of(block) in SEARCHABLE else None
    return text if isinstance(text, str) else None


def _is_text_source(source: Any) -> bool:
    """A document given as plain text can be searched like any other text."""
    return isinstance(source, dict) and source.get("type") == "text"


def is_media_data(key: str, value: Any) -> bool:
    """Whether a field of a media block is the picture, sound or file itself."""
    if not isinstance(value, str):
        return False
    if key in _BINARY and is_base64(value):
        return True
    return _MEDIA_URL.fullmatch(value) is not None
