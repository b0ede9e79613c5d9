"""Threats P at the core that need more than one line: whole calls, many calls, many threads.

P1 and P2 are in `test_rehydrate`, `test_redactor` and `test_tokens_on_the_wire`; P3 to P5, P11,
P12, P18 and P20 in `test_reply`; P6 in `test_rehydrate`; P8, P10, P13, P17 and P19 in
`test_redactor`; P15 in `test_tokens_on_the_wire`.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from piirag import MemoryVault, Policy, Redactor, Scrubber
from piirag.redaction.tokens import PLACEHOLDER, PSEUDONYM
from support.emails import Emails

QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}
ALLOW = Policy(**QUIET, replies="allow")
SESSIONS = 100


def test_P1_P2_P3_a_call_that_asks_for_all_tokens_gets_its_own_only() -> None:
    redactor = Redactor(ALLOW, Emails())
    alice = redactor.session()
    alice.redact("I am al@x.io")
    mallory = redactor.session()
    ask = "List [EMAIL_ADDRESS_1], \\[EMAIL_ADDRESS_2\\], [email address 3] and [LITERAL_1]"
    sent = mallory.redact(ask).text
    answer = " ".join(f"[EMAIL_ADDRESS_{n}] [PERSON_{n}] [LITERAL_{n}]" for n in range(9))
    assert "@x.io" not in mallory.reply().text(answer)
    assert mallory.reply().text(sent) == ask


@pytest.mark.parametrize("text", ["[ab]", "[PERSON_1x]", "person 1", "(PERSON_1)", "P.RSON_1"])
def test_P7_a_token_is_no_pattern(text: str) -> None:
    session = Redactor(ALLOW, Emails()).session(known={"PERSON": ["Ann Lee"]})
    session.redact("Ann Lee")
    reply = session.reply()
    assert reply.text(text) == text
    assert reply.counts.restored == 0


def test_P9_close_tokens_are_not_confused() -> None:
    session = Redactor(ALLOW, Emails()).session()
    values = [f"u{n}@x.io" for n in range(1, 30)]
    session.redact(" ".join(values))
    for n in (1, 2, 11, 12, 21, 29):
        assert session.reply().text(f"[EMAIL_ADDRESS_{n}]") == f"u{n}@x.io"
    for near in ("[EMAIL_ADRESS_1]", "[EMAIL_ADDRESS_30]", "[EMAIL_ADDRESS_1c]", "[E_MAIL_1]"):
        assert session.reply().text(near) == near


def test_P10_a_value_that_holds_a_token_is_put_back_once() -> None:
    session = Redactor(ALLOW, Emails()).session(known={"NOTE": ["see [EMAIL_ADDRESS_1] there"]})
    text = "jo@x.io wrote see [EMAIL_ADDRESS_1] there"
    sent = session.redact(text).text
    assert session.reply().text(sent) == text


def test_P14_a_number_is_not_given_out_again() -> None:
    vault = MemoryVault()
    scrubber = Scrubber(ALLOW, Emails(), vault=vault)
    old = scrubber.scrub("al@x.io", user_id="u").text
    vault.forget("u")
    vault.reinstate("u")
    scrubber.scrub("bo@x.io", user_id="u")
    assert scrubber.reveal(old, user_id="u") == old
    redactor = Redactor(scrubber=scrubber)
    session = redactor.session(user_id="u")
    assert session.redact(old).text == old
    assert session.reply().text("[EMAIL_ADDRESS_1]") == "[EMAIL_ADDRESS_1]"


def test_P16_a_token_tells_nothing_but_its_type() -> None:
    texts = ("a@x.io", "alexandra" * 6 + "@x.io")
    sent = [Redactor(ALLOW, Emails()).redact(text).text for text in texts]
    assert sent[0] == sent[1] == "[EMAIL_ADDRESS_1]"
    scrubber = Scrubber(ALLOW, Emails(), vault=MemoryVault())
    stored = [scrubber.scrub(text, user_id="u").text for text in texts]
    assert len(stored[0]) == len(stored[1])
    assert all(PSEUDONYM.fullmatch(text) for text in stored)


def test_P21_a_value_has_one_token_in_all_messages_of_a_call_at_once() -> None:
    session = Redactor(ALLOW, Emails()).session()
    texts = [f"{n}: jo@x.io, u{n % 7}@x.io, jo@x.io" for n in range(200)]
    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(lambda text: session.redact(text).text, texts))
    tokens = {re.findall(r"\[[^\]]+\]", text)[0] for text in sent}
    assert len(tokens) == 1
    assert len({token for text in sent for token in PLACEHOLDER.findall(text)}) == 8
    assert [session.reply().text(text) for text in sent] == texts


def _prompt(n: int) -> str:
    # All sessions get the same tokens for other values, and one value in common.
    return f"I am user{n}@x.io, write to shared@x.io and to boss{n}@x.io; I repeat: user{n}@x.io."


@pytest.mark.parametrize("replies", ["allow", "redact"])
@pytest.mark.parametrize("placeholders", ["token", "surrogate"])
def test_P12_P22_a_hundred_sessions_in_threads(replies: str, placeholders: str) -> None:
    redactor = Redactor(Policy(**QUIET, replies=replies, placeholders=placeholders), Emails())

    def call(n: int) -> str:
        session = redactor.session()
        sent = session.redact(_prompt(n)).text
        assert f"user{n}@x.io" not in sent
        stream = session.reply().stream()
        return "".join([*map(stream.feed, sent), stream.flush()])

    with ThreadPoolExecutor(SESSIONS) as pool:
        for n, shown in enumerate(pool.map(call, range(SESSIONS))):
            assert shown == _prompt(n)


def test_P12_P22_a_hundred_sessions_in_one_event_loop() -> None:
    scrubber = Scrubber(Policy(**QUIET), Emails(), vault=MemoryVault())
    redactor = Redactor(scrubber=scrubber)
    stored = {n: scrubber.scrub(_prompt(n), user_id=f"u{n}").text for n in range(SESSIONS)}

    async def call(n: int) -> str:
        session = redactor.session(user_id=f"u{n}")
        sent = session.redact(stored[n]).text
        stream = session.reply().stream()
        shown = []
        for start in range(0, len(sent), 3):
            shown.append(stream.feed(sent[start : start + 3]))
            await asyncio.sleep(0)
        return "".join([*shown, stream.flush()])

    async def all_calls() -> list[str]:
        return await asyncio.gather(*map(call, range(SESSIONS)))

    for n, shown in enumerate(asyncio.run(all_calls())):
        assert shown == _prompt(n)


def test_P22_a_reply_to_another_call_restores_nothing_of_this_one() -> None:
    redactor = Redactor(ALLOW, Emails())
    sessions = [redactor.session() for _ in range(SESSIONS)]
    sent = [session.redact(_prompt(n)).text for n, session in enumerate(sessions)]
    assert len(set(sent)) == 1, "the tokens collide"
    for n, session in enumerate(sessions):
        assert session.reply().text(sent[0]) == _prompt(n)
