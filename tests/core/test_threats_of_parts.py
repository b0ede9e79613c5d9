"""Threats L and S where the core alone bears them: what is kept, what is keyed, parts of messages.

The other ids are in `test_fail_closed` (L5, L6), `test_tenancy` (L9), `test_observe_logs` (L15),
`test_engines` (L16), `test_observe_otel` (L17), `test_reply` (S1, S2) and `test_redactor` (S7).
L1 to L4, L8, L10 to L12, L18, S3 and S8 are about a framework's own parts.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import piirag
from piirag import MemoryVault, Policy, Redactor, Scrubber
from piirag.conversations import ConversationUser
from piirag.errors import InvalidInputError
from piirag.redaction import RedactionSession
from piirag.redaction.walk import in_json, redact_value
from piirag.tenancy import Chunk, ChunkScrubber, TenantTags
from support.canary import Canaries
from support.emails import Emails
from support.examples import examples
from support.samples import split

QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}
ALLOW = Policy(**QUIET, replies="allow")
MAIL = "jo@x.io"
CANARIES = Canaries(["jo@x.io", "al@x.io"])


def session() -> RedactionSession:
    return Redactor(ALLOW, Emails()).session()


def of(user_id: str, vault: MemoryVault | None = None) -> ChunkScrubber:
    return ChunkScrubber(Scrubber(ALLOW, Emails(), vault=vault or MemoryVault()), user_id)


# What is kept


def test_L7_a_conversation_is_scrubbed_before_it_is_kept() -> None:
    user = ConversationUser(Scrubber(ALLOW, Emails(), vault=MemoryVault()), "u")
    said = {"role": "user", "content": f"I am {MAIL}", "more": [{"to": [MAIL]}, {MAIL: 1}]}
    kept = user.scrub(said)
    assert CANARIES.scan_object(kept) == []
    assert CANARIES.scan_text(json.dumps(kept)) == []
    assert user.reveal(kept)["content"] == f"I am {MAIL}"


def test_L13_tags_and_ids_are_hashes_with_a_key() -> None:
    """A hash that needs no key is undone by trying every address there is."""
    plain = {hash_(MAIL.encode()).hexdigest() for hash_ in (hashlib.md5, hashlib.sha256)}
    made = []
    for _ in range(2):
        vault = MemoryVault()
        tag = TenantTags(vault=vault, keyed=True).tag(MAIL)
        stored = [of(user, vault).scrub([Chunk("x", {}, f"mail-{MAIL}")]) for user in ("u1", "u2")]
        ids = [chunk.id for [chunk] in stored]
        assert of("u1", vault).id(f"mail-{MAIL}") == ids[0]
        made += [tag, *map(str, ids)]
    assert len(set(made)) == 6, "no id is the same for another user or another key"
    for name in made:
        assert CANARIES.scan_text(name) == []
        assert not any(digest[:8] in name for digest in plain)


@pytest.mark.parametrize("pseudonyms", ["keyed", "random"])
def test_L14_a_question_gets_the_pseudonyms_of_what_is_stored(pseudonyms: str) -> None:
    policy = Policy(**QUIET, pseudonyms=pseudonyms)
    scrubber = Scrubber(policy, Emails(), vault=MemoryVault())
    [stored] = ChunkScrubber(scrubber, "u").scrub([Chunk(f"{MAIL} paid", {}, "1")])
    asked = scrubber.scrub(f"what did {MAIL} pay?", user_id="u", remember=False).text
    assert asked == f"what did {stored.text.removesuffix(' paid')} pay?"
    assert CANARIES.scan_text(asked) == []


# Parts of messages


@examples(100)
@given(st.data())
def test_S4_a_token_in_pieces_is_restored_whole(data: Any) -> None:
    made = session()
    sent = made.redact(f"{MAIL} and al@x.io").text
    chunks = data.draw(split(f"to {sent}, [EMAIL_ADDRESS_9] [EMAIL_"))
    stream = made.reply().stream()
    shown = "".join([*map(stream.feed, chunks), stream.flush()])
    assert shown == f"to {MAIL} and al@x.io, [EMAIL_ADDRESS_9] [EMAIL_"


@pytest.mark.parametrize(
    "arguments",
    [
        '{"to": "[EMAIL_ADDRESS_1]", "n": 1}',
        '{"to": "\\u005bEMAIL_ADDRESS_1\\u005d", "n": 1}',
        '{"to": "[EMAIL\\u005fADDRESS_1]", "n": 1}',
    ],
)
def test_S4_arguments_are_parsed_before_they_are_restored(arguments: str) -> None:
    made = session()
    made.redact(MAIL)
    reply = made.reply()
    shown = in_json(arguments, lambda value: reply.value(value, "tool"))
    assert json.loads(shown) == {"to": MAIL, "n": 1}


def test_S5_keys_and_leaves_of_arguments_are_redacted() -> None:
    made = session()
    arguments = {MAIL: {"deep": [MAIL, {"al@x.io": ("al@x.io", 7)}]}, "note": None}
    sent = redact_value(made, arguments)
    assert CANARIES.scan_object(sent) == []
    assert sent["note"] is None
    assert made.reply().value(sent, "tool") == arguments
    coded = in_json('{"to": "jo\\u0040x.io"}', lambda value: redact_value(made, value))
    assert json.loads(coded) == {"to": "[EMAIL_ADDRESS_1]"}


@pytest.mark.parametrize(
    "part", [b"jo@x.io", object(), {"jo@x.io"}, {"a": [bytearray(b"jo@x.io")]}]
)
def test_S6_a_part_that_cannot_be_searched_is_refused(part: Any) -> None:
    with pytest.raises(InvalidInputError) as failed:
        redact_value(session(), ["fine", part])
    assert CANARIES.scan_exception(failed.value) == []
    assert failed.value.__context__ is None


# Event loops


def test_S9_everything_works_inside_a_running_loop() -> None:
    async def inside() -> str:
        made = session()
        sent = made.redact(MAIL).text
        scrubber = Scrubber(ALLOW, Emails(), vault=MemoryVault())
        stored = scrubber.scrub(MAIL, user_id="u").text
        return made.reply().text(sent) + scrubber.reveal(stored, user_id="u")

    assert asyncio.run(inside()) == MAIL * 2


def test_S9_no_module_of_the_core_runs_a_loop() -> None:
    """Which fails, or waits for ever, where one is running, as in every notebook."""
    forbidden = {"run", "run_until_complete", "new_event_loop", "get_event_loop"}
    sources = [*Path(piirag.__file__).parent.rglob("*.py")]
    assert len(sources) > 30
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "asyncio" or node.attr not in forbidden, path
