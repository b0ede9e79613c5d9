"""Shielded tools and what is said to them: every text is searched once, with one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.tools import FunctionTool, ToolOutput

from llama_index_piirag.boundary import Boundary
from llama_index_piirag.shield import Shield
from piirag import MemoryVault, Policy, Scrubber
from piirag.redaction import ScrubResult
from support.emails import Emails

MAIL = "cosima@x.io"
SAID = f"sent to {MAIL}"


class CountingScrubber(Scrubber):
    """Keeps every text it was asked to scrub, behind what it is to be understood by."""

    def __init__(self) -> None:
        super().__init__(Policy(second_look="off"), Emails(), vault=MemoryVault())
        self.seen: list[str] = []

    def scrub_batch(self, texts: Sequence[str], **kwargs: Any) -> list[ScrubResult]:
        contexts = kwargs.get("contexts") or [""] * len(texts)
        self.seen.extend(c + text for c, text in zip(contexts, texts, strict=True))
        return super().scrub_batch(texts, **kwargs)


@pytest.fixture
def scrubber() -> CountingScrubber:
    return CountingScrubber()


@pytest.fixture
def boundary(scrubber: CountingScrubber) -> Boundary:
    return Boundary(scrubber, "u1")


@pytest.mark.parametrize("way", ["call", "acall"])
def test_a_tool_s_result_is_searched_once(
    way: str, boundary: Boundary, scrubber: CountingScrubber
) -> None:
    tool = Shield(boundary, ()).over(FunctionTool.from_defaults(lambda: SAID, name="mail"))
    output = tool.call() if way == "call" else asyncio.run(tool.acall())
    token = boundary.text(MAIL)
    assert output.content == output.raw_output == f"sent to {token}"
    assert scrubber.seen.count(SAID) == 1


def test_leaves_that_stand_in_no_block_are_searched_too(
    boundary: Boundary, scrubber: CountingScrubber
) -> None:
    def mail() -> ToolOutput:
        raw = {"note": SAID, "to": [MAIL, SAID]}
        return ToolOutput(content=SAID, tool_name="mail", raw_input={}, raw_output=raw)

    class Own(FunctionTool):
        def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
            return mail()

    output = Shield(boundary, ()).over(Own.from_defaults(mail, name="mail")).call()
    token = boundary.text(MAIL)
    assert output.content == f"sent to {token}"
    assert output.raw_output == {"note": f"sent to {token}", "to": [token, f"sent to {token}"]}
    assert scrubber.seen.count(SAID) == 1


def test_results_of_two_calls_share_nothing(boundary: Boundary, scrubber: CountingScrubber) -> None:
    """What one call found is not kept for the next, by which time the vault may know more."""
    tool = Shield(boundary, ()).over(FunctionTool.from_defaults(lambda: SAID, name="mail"))
    assert tool.call().content == tool.call().content
    assert scrubber.seen.count(SAID) == 2


def test_what_the_viewer_says_is_searched_once(
    boundary: Boundary, scrubber: CountingScrubber
) -> None:
    blocks = [TextBlock(text=SAID), TextBlock(text=f"and {MAIL}"), TextBlock(text=SAID)]
    message = ChatMessage(role="user", blocks=blocks, additional_kwargs={"note": SAID})
    spoken = boundary.spoken(message)
    assert isinstance(spoken, ChatMessage)
    token = boundary.text(MAIL)
    assert [block.text for block in spoken.blocks if isinstance(block, TextBlock)] == [
        f"sent to {token}",
        f"and {token}",
        f"sent to {token}",
    ]
    assert spoken.additional_kwargs == {"note": f"sent to {token}"}
    assert scrubber.seen.count(SAID) == 1
    assert scrubber.seen.count(f"and {MAIL}") == 1
    assert message.blocks == blocks


def test_P4_only_what_a_viewer_wrote_comes_back_to_them(scrubber: CountingScrubber) -> None:
    boundary = Boundary(scrubber, "u1", viewer="bob")
    other = "hidden@x.io"
    spoken = boundary.spoken(
        ChatMessage(role="user", content=SAID, additional_kwargs={"note": f"of {other}"})
    )
    assert isinstance(spoken, ChatMessage)
    shown = boundary.revealer()
    assert shown.text(str(spoken.content)) == SAID
    note = spoken.additional_kwargs["note"]
    assert shown.text(note) == note != f"of {other}"


@pytest.mark.parametrize("gone", ["u1", "bob"])
def test_what_was_said_is_dropped_when_either_is_erased(gone: str) -> None:
    vault = MemoryVault()
    boundary = Boundary(Scrubber(vault=vault), "u1", viewer="bob")
    clean = boundary.text("I am jane@x.io", said=True)
    boundary.given({"to": clean})
    vault.open("bob")
    assert boundary.revealer().text(clean) == "I am jane@x.io"
    vault.forget("somebody-else")
    assert boundary._said and len(boundary._given.find("mail to jane@x.io"))
    vault.forget(gone)
    assert not boundary._said
    assert boundary._given.find("mail to jane@x.io") == ()
    assert boundary.revealer().text(clean) == clean


def test_boundaries_that_are_gone_leave_nothing_at_the_vault() -> None:
    vault = MemoryVault()
    scrubber = Scrubber(vault=vault)
    for _ in range(500):
        Boundary(scrubber, "u1")
    assert len(vault._forget_calls) < 200
