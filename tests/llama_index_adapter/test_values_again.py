"""Values that another message of the call, or the key they stand under, shows to be some."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from llama_index_piirag.boundary import Boundary
from llama_index_piirag.messages import MessageRedactor
from piirag import MemoryVault, Redactor, Scrubber

MODEL = True  # names are found by it

ARGUMENTS: dict[str, Any] = {
    "password": "hunter2",
    "dob": "1984-03-12",
    "passport": "X12345678",
    "pin": 4821,
    "ssn": 219099999,
}
LEAKS = ("hunter2", "1984", "X12345678", "4821", "219099999", "zorblat", "quixon")


def said() -> list[ChatMessage]:
    block = ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs=ARGUMENTS)
    return [
        ChatMessage(role="user", content="try hunter2, open zorblat_quixon.pdf"),
        ChatMessage(role="assistant", blocks=[block]),
        ChatMessage(role="user", content="Dear Mr. Zorblat Quixon, thanks"),
    ]


def test_S5_S6_keys_and_other_messages_tell_what_values_are() -> None:
    clean = MessageRedactor(Redactor().session()).messages(said())
    assert not [leak for leak in LEAKS if leak in str([m.model_dump() for m in clean])]


def test_L11_a_chat_looks_for_what_was_said_before() -> None:
    boundary = Boundary(Scrubber(vault=MemoryVault()), "u")
    clean = boundary.messages(said())
    assert not [leak for leak in LEAKS if leak in str([m.model_dump() for m in clean])]
    assert "hunter2" not in str(boundary.spoken("use hunter2"))
