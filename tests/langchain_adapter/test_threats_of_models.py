"""Threats L, P and S of wrapped LangChain models and documents that no other module here names."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI

from langchain_piirag import PIIDocumentScrubber, PIIRetriever, RedactedChatModel, RedactedModel
from piirag import MemoryVault, Policy, Redactor, Scrubber
from piirag.redaction.tokens import PSEUDONYM
from support.canary import Canaries, capture_logs
from support.emails import Emails
from support.langchain_fakes import EchoChat, FixedRetriever
from support.openai_server import OpenAIServer

NAME = "Ottoline Quenneville"
MAIL = "cosima@nightmail.com"
KNOWN = {"PERSON": [NAME]}
TEXT = f"Write to {MAIL} for {NAME}."
CANARIES = Canaries([NAME, "Quenneville", MAIL])
QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}
AT_ONCE = Policy(**QUIET, replies="allow")
WAYS: dict[str, Callable[[Any, str], str]] = {
    "invoke": lambda model, text: model.invoke(text).content,
    "stream": lambda model, text: "".join(chunk.content for chunk in model.stream(text)),
    "ainvoke": lambda model, text: asyncio.run(model.ainvoke(text)).content,
}
every_way = pytest.mark.parametrize("way", WAYS)
every_wrapper = pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])


def answer(wrapper: Any, way: str, said: str) -> str:
    """What is shown of what a model says to somebody who named one person."""
    inner = EchoChat(seen=[], reply=said)
    return WAYS[way](wrapper(inner, Redactor(AT_ONCE), known=KNOWN), NAME)


# Placeholders


@every_wrapper
@every_way
@pytest.mark.parametrize(
    "spelling",
    ["[person_1]", "\\[PERSON_1\\]", "%5BPERSON_1%5D", "\\u005bPERSON_1\\u005d", "［PERSON_1］"],
)
def test_P6_harmless_respellings_are_restored(wrapper: Any, way: str, spelling: str) -> None:
    assert answer(wrapper, way, f"say {spelling}, please").lower() == f"say {NAME}, please".lower()


@every_wrapper
@every_way
def test_P6_what_has_no_single_reading_stays_and_spoils_nothing(wrapper: Any, way: str) -> None:
    bad = "PERSON_1] [PERSONNE_1] [PERSON_01] [Personne 1] {PERSON_1} %5BPERSON_1]"
    assert answer(wrapper, way, f"{bad} and [PERSON_1]") == f"{bad} and {NAME}"


@every_wrapper
@every_way
def test_P7_a_token_is_no_pattern(wrapper: Any, way: str) -> None:
    said = "P [ab] PERSON_1 [PERSON.1] [PERSON_1x] (PERSON_1) E R"
    assert answer(wrapper, way, said) == said


@every_wrapper
@every_way
def test_P9_close_tokens_are_not_confused(wrapper: Any, way: str) -> None:
    said = " ".join(f"[EMAIL_ADDRESS_{n}]" for n in (1, 11, 12, 21, 22, 2))
    near = "[EMAIL_ADRESS_1] [EMAIL_ADDRESS_24] [E_MAIL_1] [EMAIL_ADDRESS_111]"
    model = wrapper(EchoChat(seen=[], reply=f"{said} {near}"), Redactor(AT_ONCE, Emails()))
    values = " ".join(f"u{n}@x.io" for n in range(1, 24))
    expected = "u1@x.io u11@x.io u12@x.io u21@x.io u22@x.io u2@x.io"
    assert WAYS[way](model, values) == f"{expected} {near}"


@every_wrapper
def test_P12_one_call_knows_nothing_of_the_next(wrapper: Any) -> None:
    model = wrapper(EchoChat(seen=[]), Redactor(AT_ONCE), known=KNOWN)
    assert model.invoke(NAME).content == NAME
    assert model.invoke("no name, but [PERSON_1]").content == "no name, but [PERSON_1]"
    streams = [model.stream(f"u{n}@example.com") for n in range(20)]
    first = [next(stream).content for stream in streams]
    rest = ["".join(chunk.content for chunk in stream) for stream in streams]
    assert [a + b for a, b in zip(first, rest, strict=True)] == [
        f"u{n}@example.com" for n in range(20)
    ]


@every_wrapper
@every_way
def test_P13_neighbouring_values_are_all_replaced(wrapper: Any, way: str) -> None:
    text = "ottoline@brightmail.com cosima@nightmail.com,ottoline@brightmail.com"
    inner = EchoChat(seen=[])
    assert WAYS[way](wrapper(inner), text) == text
    [[sent]] = inner.seen
    assert sent.content == "[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2],[EMAIL_ADDRESS_1]"


def test_P15_what_is_stored_is_no_hash_of_a_value() -> None:
    def stored(vault: MemoryVault, user_id: str) -> str:
        scrub = PIIDocumentScrubber(Scrubber(vault=vault), user_id=user_id, known=KNOWN)
        [document] = scrub.transform_documents([Document(id=f"of-{MAIL}", page_content=TEXT)])
        return f"{document.id} {document.page_content}"

    vault = MemoryVault()
    one = stored(vault, "u1")
    assert one == stored(vault, "u1")
    others = [stored(vault, "u2"), stored(MemoryVault(), "u1")]
    assert len({text.split()[0] for text in (one, *others)}) == 3
    tokens = [{match.group() for match in PSEUDONYM.finditer(text)} for text in (one, *others)]
    assert len(tokens[0]) == 2 and not tokens[0] & (tokens[1] | tokens[2])
    for value in (NAME, MAIL, NAME.lower(), f"of-{MAIL}"):
        for hashed in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.blake2b):
            assert hashed(value.encode()).hexdigest()[:8] not in one


@every_wrapper
def test_P16_a_token_tells_neither_length_nor_parts(wrapper: Any) -> None:
    values = ("a@x.io", "alexandra" * 6 + "@x.io")
    inner = EchoChat(seen=[])
    for value in values:
        wrapper(inner, Redactor(AT_ONCE, Emails())).invoke(value)
    assert [messages[0].content for messages in inner.seen] == ["[EMAIL_ADDRESS_1]"] * 2
    scrub = PIIDocumentScrubber(Scrubber(AT_ONCE, Emails()), user_id="u1")
    documents = scrub.transform_documents([Document(page_content=value) for value in values])
    stored = [document.page_content for document in documents]
    assert len(stored[0]) == len(stored[1])
    assert all(PSEUDONYM.fullmatch(text) for text in stored)


@every_wrapper
@every_way
def test_P17_a_name_inside_a_longer_word_is_left_alone(wrapper: Any, way: str) -> None:
    inner = EchoChat(seen=[])
    text = "Ann met Annabel and Joann in Annapolis"
    model = wrapper(inner, Redactor(AT_ONCE), known={"PERSON": ["Ann"]})
    assert WAYS[way](model, text) == text
    assert inner.seen[0][0].content == "[PERSON_1] met Annabel and Joann in Annapolis"


@every_wrapper
def test_P21_a_value_has_one_token_in_all_messages_of_a_call(wrapper: Any) -> None:
    inner = EchoChat(seen=[], reply="ok")
    call = {"name": "mail", "args": {"to": MAIL}, "id": "1"}
    wrapper(inner).batch(
        [
            [
                HumanMessage(f"{MAIL}, {MAIL}"),
                AIMessage("", tool_calls=[call]),
                ToolMessage(f"sent to {MAIL}", tool_call_id="1"),
                HumanMessage([{"type": "text", "text": f"again {MAIL}"}]),
            ]
        ]
        * 5
    )
    assert len(inner.seen) == 5
    for messages in inner.seen:
        sent = json.dumps([message.model_dump() for message in messages])
        assert sent.count("[EMAIL_ADDRESS_1]") == 5
        assert "EMAIL_ADDRESS_2" not in sent and "EMAIL_ADDRESS_1b" not in sent


# Streams


@every_wrapper
@pytest.mark.parametrize(
    "new", ["barnabus.trelawny@brightmail.com", f"{'a' * 60}.{'b' * 50}@brightmail.com"]
)
def test_S2_a_value_longer_than_the_look_ahead_does_not_stream_out(wrapper: Any, new: str) -> None:
    inner = EchoChat(seen=[], reply=f"[EMAIL_ADDRESS_1] or {new}. Both work.")
    shown = ""
    for chunk in wrapper(inner).stream(MAIL):
        shown += chunk.content
        for part in ("barnabus", "trelawny", "aaa", "bbb", "brightmail"):
            assert part not in shown
    assert shown == f"{MAIL} or [EMAIL_ADDRESS]. Both work."


# Caches and logs


def test_L13_keys_of_caches_are_no_hashes_without_a_key() -> None:
    """Of a user id, anybody could try all that there are."""
    before = get_llm_cache()
    cache = InMemoryCache()
    set_llm_cache(cache)
    try:
        for _ in range(2):
            model = RedactedChatModel(EchoChat(seen=[]), scrubber=Scrubber(vault=MemoryVault()))
            model.for_user("alice").invoke(TEXT)
    finally:
        set_llm_cache(before)
    assert len(cache._cache) == 2, "the same user has another key under another vault"
    held = repr(cache._cache)
    assert Canaries([MAIL]).scan_text(held) == [] and "alice" not in held
    for hashed in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.blake2b):
        assert hashed(b"alice").hexdigest()[:8] not in held


@every_wrapper
def test_L15_no_line_of_a_log_holds_a_value(wrapper: Any) -> None:
    """URLs with query strings, requests of clients, generated queries."""
    scrubber = Scrubber(AT_ONCE, vault=MemoryVault())
    documents = FixedRetriever(docs=[Document(page_content=TEXT, metadata={"to": MAIL})])
    retriever = PIIRetriever(documents, scrubber=scrubber, user_id="u1", known=KNOWN)
    log = logging.getLogger("an.application.that.logs.queries")
    with OpenAIServer() as server, capture_logs() as logs:
        plain = ChatOpenAI(base_url=server.url, api_key="x", model="m")
        model: Any = wrapper(plain, scrubber=scrubber, known=KNOWN).for_user("u1")
        queries = RunnableLambda(lambda text: text.splitlines())
        generated = (model | StrOutputParser() | queries).invoke(f"queries about {NAME}, {MAIL}")
        assert NAME in generated[0]
        for query in generated:
            assert retriever.invoke(query)
        log.info("asked %s", documents.questions)
    assert any(record.name.startswith(("httpx", "openai")) for record in logs.records)
    assert any(record.name == log.name for record in logs.records)
    assert CANARIES.scan_records(logs.records) == []
