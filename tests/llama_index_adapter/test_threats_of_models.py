"""Threats P and S of wrapped models, chats and agents that no other module here names.

P1 to P5, P8, P10, P14, P18 and P21 are in `test_llm`; P11 in `test_agent` and `test_function_llm`;
P12 and P22 in `test_isolation`; S4 to S9 in `test_llm`, `test_function_llm` and `test_chat`.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentInput,
    AgentOutput,
    AgentStream,
    FunctionAgent,
    ToolCall,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool
from workflows.events import StopEvent

from llama_index_piirag import PIINodeScrubber, RedactedAgent, RedactedChatEngine, RedactedLLM
from piirag import MemoryVault, Policy, Redactor, Scrubber
from piirag.errors import UserErasedError
from piirag.redaction.tokens import PSEUDONYM
from support.canary import Canaries
from support.emails import Emails
from support.llama_fakes import FakeChatLLM
from support.llama_server import calls_with, model_over
from support.openai_server import OpenAIServer

NAME = "Ottoline Quenneville"
MAIL = "cosima@nightmail.com"
KNOWN = {"PERSON": [NAME]}
TEXT = f"Write to {MAIL} for {NAME}."
CANARIES = Canaries([NAME, "Quenneville", MAIL])
QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}
AT_ONCE = Policy(**QUIET, replies="allow")


def say(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


WAYS: dict[str, Callable[[Any, str], str]] = {
    "chat": lambda llm, text: llm.chat(say(text)).message.content,
    "stream_chat": lambda llm, text: "".join(c.delta for c in llm.stream_chat(say(text))),
    "complete": lambda llm, text: llm.complete(text).text,
    "stream_complete": lambda llm, text: "".join(c.delta for c in llm.stream_complete(text)),
}
every_way = pytest.mark.parametrize("way", WAYS)


def answer(way: str, said: str, prompt: str = NAME, **options: Any) -> str:
    """What is shown of what a model says."""
    llm = RedactedLLM(FakeChatLLM(reply=said), Redactor(AT_ONCE), known=KNOWN, **options)
    return WAYS[way](llm, prompt)


# Placeholders


@every_way
@pytest.mark.parametrize(
    "spelling",
    ["[person_1]", "\\[PERSON_1\\]", "%5BPERSON_1%5D", "\\u005bPERSON_1\\u005d", "［PERSON_1］"],
)
def test_P6_harmless_respellings_are_restored(way: str, spelling: str) -> None:
    shown = answer(way, f"say {spelling}, please")
    assert shown.lower() == f"say {NAME}, please".lower()
    assert answer(way, f"say **{spelling}**, please").lower() == f"say **{NAME}**, please".lower()


@every_way
def test_P6_what_has_no_single_reading_stays_and_spoils_nothing(way: str) -> None:
    bad = "PERSON_1] [PERSONNE_1] [PERSON_01] [Personne 1] {PERSON_1} %5BPERSON_1]"
    assert answer(way, f"{bad} and [PERSON_1]") == f"{bad} and {NAME}"


@every_way
def test_P7_a_token_is_no_pattern(way: str) -> None:
    said = "P [ab] PERSON_1 [PERSON.1] [PERSON_1x] (PERSON_1) E R"
    assert answer(way, said) == said


@every_way
def test_P9_close_tokens_are_not_confused(way: str) -> None:
    values = [f"u{n}@x.io" for n in range(1, 24)]
    said = " ".join(f"[EMAIL_ADDRESS_{n}]" for n in (1, 11, 12, 21, 22, 2))
    near = "[EMAIL_ADRESS_1] [EMAIL_ADDRESS_24] [E_MAIL_1] [EMAIL_ADDRESS_111]"
    llm = RedactedLLM(FakeChatLLM(reply=f"{said} {near}"), Redactor(AT_ONCE, Emails()))
    expected = "u1@x.io u11@x.io u12@x.io u21@x.io u22@x.io u2@x.io"
    assert WAYS[way](llm, " ".join(values)) == f"{expected} {near}"


@every_way
def test_P13_neighbouring_values_are_all_replaced(way: str) -> None:
    text = "ottoline@brightmail.com cosima@nightmail.com,ottoline@brightmail.com"
    inner = FakeChatLLM()
    assert WAYS[way](RedactedLLM(inner), text) == text
    assert inner.prompts == ["[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2],[EMAIL_ADDRESS_1]"]


def test_P15_what_is_stored_is_no_hash_of_a_value() -> None:
    """A hash without a key is undone by a dictionary."""

    def stored(vault: MemoryVault, user_id: str) -> str:
        scrub = PIINodeScrubber(Scrubber(vault=vault), user_id=user_id, known=KNOWN)
        [node] = scrub([TextNode(id_=f"of-{MAIL}", text=TEXT, metadata={"mail": MAIL})])
        return f"{node.node_id} {node.get_content()} {node.metadata['mail']} {node.hash}"

    vault = MemoryVault()
    one, again = stored(vault, "u1"), stored(vault, "u1")
    assert one == again
    others = [stored(vault, "u2"), stored(MemoryVault(), "u1")]
    for part, *rest in zip(one.split("]"), *(other.split("]") for other in others), strict=True):
        assert "[" not in part or part not in rest, "tokens depend on user and key"
    assert len({text.split()[0] for text in (one, *others)}) == 3, "so do ids"
    for value in (NAME, MAIL, NAME.lower(), f"of-{MAIL}"):
        for hashed in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.blake2b):
            assert hashed(value.encode()).hexdigest()[:8] not in one


def test_P16_a_token_tells_neither_length_nor_parts() -> None:
    values = ("a@x.io", "alexandra" * 6 + "@x.io")
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, Redactor(AT_ONCE, Emails()))
    for value in values:
        llm.chat(say(value))
    assert inner.prompts == ["[EMAIL_ADDRESS_1]"] * 2
    scrub = PIINodeScrubber(Scrubber(AT_ONCE, Emails()), user_id="u1")
    stored = [node.get_content() for node in scrub([TextNode(text=value) for value in values])]
    assert len(stored[0]) == len(stored[1])
    assert all(PSEUDONYM.fullmatch(text) for text in stored)


@every_way
def test_P17_a_name_inside_a_longer_word_is_left_alone(way: str) -> None:
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, Redactor(AT_ONCE), known={"PERSON": ["Ann"]})
    text = "Ann met Annabel and Joann in Annapolis"
    assert WAYS[way](llm, text) == text
    assert inner.prompts == ["[PERSON_1] met Annabel and Joann in Annapolis"]


def test_P19_no_form_in_which_a_model_is_saved_holds_a_value() -> None:
    """LlamaIndex's components can be written down."""
    scrubber = Scrubber(vault=MemoryVault())
    scrubber.scrub(TEXT, user_id="u1", known=KNOWN)
    llm = RedactedLLM(FakeChatLLM(), scrubber=scrubber, user_id="u1", known=KNOWN)
    llm.chat(say(TEXT))
    written = [llm.to_dict(), llm.to_json(), llm.model_dump(), llm.model_dump_json(), repr(llm)]
    assert CANARIES.scan_object(written) == []
    # LlamaIndex leaves out of a pickle what cannot be pickled: what is read back sends nothing.
    pickled = pickle.dumps(llm)
    assert CANARIES.scan_bytes(pickled) == []
    inner = FakeChatLLM()
    read: Any = pickle.loads(pickled)
    object.__setattr__(read, "_llm", inner)
    with pytest.raises(Exception) as failed:
        read.chat(say(TEXT))
    assert inner.prompts == []
    assert CANARIES.scan_exception(failed.value) == []


@every_way
def test_P20_tokens_of_an_erased_user_restore_nothing(way: str) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    old = scrubber.scrub(TEXT, user_id="u1", known=KNOWN).text
    llm = RedactedLLM(FakeChatLLM(), scrubber=scrubber, user_id="u1")
    assert WAYS[way](llm, old) == TEXT
    scrubber.vault.forget("u1")
    try:
        shown = WAYS[way](llm, old)
    except UserErasedError:
        shown = ""
    assert CANARIES.scan_text(shown) == []
    scrubber.vault.reinstate("u1")
    scrubber.scrub("zora@nightmail.com", user_id="u1")
    assert WAYS[way](llm, old) == old


def test_P20_a_chat_that_was_remembered_restores_nothing_after_an_erasure() -> None:
    scrubber = Scrubber(AT_ONCE, vault=MemoryVault())
    made = SimpleChatEngine.from_defaults(llm=FakeChatLLM())
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", known=KNOWN)
    assert engine.chat(TEXT).response == TEXT
    scrubber.vault.forget("u1")
    scrubber.vault.reinstate("u1")
    again = RedactedChatEngine(made, scrubber=scrubber, user_id="u1")
    assert CANARIES.scan_object([message.model_dump() for message in again.chat_history]) == []


# Streams


@pytest.mark.parametrize("way", ["stream_chat", "stream_complete"])
@pytest.mark.parametrize(
    "new", ["barnabus.trelawny@brightmail.com", f"{'a' * 60}.{'b' * 50}@brightmail.com"]
)
def test_S1_S2_no_part_of_a_new_value_streams_out(way: str, new: str) -> None:
    """Neither the tail of what was found early, nor the head of what is longer than a sentence."""
    said = f"[EMAIL_ADDRESS_1] or {new}. Both work."
    llm = RedactedLLM(FakeChatLLM(reply=said))
    assert WAYS[way](llm, MAIL) == f"{MAIL} or [EMAIL_ADDRESS]. Both work."
    chunks = llm.stream_chat(say(MAIL)) if way == "stream_chat" else llm.stream_complete(MAIL)
    for chunk in chunks:
        shown = chunk.text if way == "stream_complete" else chunk.message.content
        assert "barnabus" not in shown and "trelawny" not in shown and "aaa" not in shown
        assert "bbb" not in shown and "brightmail" not in shown


@pytest.mark.parametrize("size", [1, 2, 5, 40])
async def test_S3_every_kind_of_event_shows_values_and_no_part_of_a_token(size: int) -> None:
    """The stream of a run's events, all kinds of it, however the model's reply is cut."""

    def mail(to: str) -> str:
        """Send a mail."""
        return f"sent to {to}"

    with OpenAIServer(tool_reply=calls_with("mail", "to"), chunk_size=size) as server:
        made = FunctionAgent(llm=model_over(server), tools=[FunctionTool.from_defaults(mail)])
        agent = RedactedAgent(
            made,
            scrubber=Scrubber(AT_ONCE, vault=MemoryVault()),
            user_id="u1",
            known=KNOWN,
            restore_tool_args=["mail"],
        )
        run = agent.run(TEXT)
        events = [event async for event in run.stream_events(expose_internal=True)]
        result = await run
        assert CANARIES.scan_bytes(b"".join(request.wire for request in server.requests)) == []
    assert str(result) == f"You said: {TEXT}"
    kinds = {type(event) for event in events}
    assert {AgentInput, AgentStream, AgentOutput, ToolCall, ToolCallResult} <= kinds
    deltas = [event.delta for event in events if isinstance(event, AgentStream)]
    assert "".join(deltas) == f"You said: {TEXT}"
    for event in events:
        if isinstance(event, StopEvent):
            event = event.result
        shown = repr(event)
        assert PSEUDONYM.search(shown) is None, type(event).__name__
        assert "EMAIL_ADDRESS" not in shown and "[PERSON" not in shown, type(event).__name__
