"""What one text shows to be a value is found where it stands bare, in that text and in others."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import pytest

from piirag import InvalidInputError, MemoryVault, Policy, Redactor, Scrubber
from piirag.observe import TextGuard
from piirag.redaction import RedactionSession
from piirag.redaction.carried import Carried
from piirag.redaction.echoes import Echoes
from piirag.redaction.walk import redact_value, settled
from piirag.tenancy.chunks import Chunk, ChunkScrubber
from support.technical_lines import LINES

MODEL = True  # names are found by it

BORN = "Date of birth 12 March 1984. Is 12 March 1984 a Monday?"
FOUND_AND_AGAIN = [
    ("password: hunter2", "try hunter2 again"),
    ("Date of birth 12 March 1984", "12 March 1984 was a Monday"),
    ("licence plate B-AB 1234", "is B AB 1234 parked?"),
    ("SSN 536-90-4399", "ref 536904399"),
    ("Dear Mr. Zorblat Quixon, thanks", "open zorblat_quixon.pdf"),
    ("Dear Mr. Zorblat Quixon, thanks", "and then zorblat said"),
    ("Dear Mr. Zorblat Quixon, thanks", "ask Quixon."),
]
ARGUMENTS: dict[str, Any] = {
    "password": "hunter2",
    "dob": "1984-03-12",
    "passport": "X12345678",
    "mrn": "1234567",
    "pin": 4821,
    "ssn": 219099999,
    "accounts": [{"iban": "n/a", "date_of_birth": "1984-03-12"}],
}
LEAKS = ("hunter2", "1984", "X12345678", "1234567", "4821", "219099999")


def scrubber() -> Scrubber:
    return Scrubber(vault=MemoryVault())


def all_of(session: RedactionSession, *texts: str) -> list[str]:
    return settled(session, lambda: [session.redact(text).text for text in texts])


def bare(text: str) -> str:
    """The word of the second text that is a value."""
    for word in ("hunter2", "1984", "1234", "536904399", "zorblat", "Quixon"):
        if word in text:
            return word
    raise AssertionError(text)


def test_P21_a_date_of_birth_is_found_wherever_it_stands_in_a_text() -> None:
    redactor = Redactor()
    redaction = redactor.redact(BORN)
    assert "1984" not in redaction.text
    assert redactor.rehydrate(redaction.text, redaction.mapping) == BORN
    assert redaction.second_look == {}
    result = scrubber().scrub(BORN, user_id="u")
    assert "1984" not in result.text
    assert result.second_look == {}


@pytest.mark.parametrize(("found", "again"), FOUND_AND_AGAIN)
def test_P21_a_value_of_one_text_of_a_call_is_found_in_the_others(found: str, again: str) -> None:
    for texts in ([found, again], [again, found]):
        session = Redactor().session()
        redacted = all_of(session, *texts)
        assert bare(again) not in " ".join(redacted)
        restored = [session.reply().text(text) for text in redacted]
        assert restored == texts


@pytest.mark.parametrize(("found", "again"), FOUND_AND_AGAIN)
def test_P21_the_parts_of_a_document_are_looked_at_together(found: str, again: str) -> None:
    made = scrubber()
    parts = made.scrub_batch([again, found], user_id="u", together=[1, 1])
    assert bare(again) not in " ".join(part.text for part in parts)
    apart = made.scrub_batch([again, found], user_id="u", together=[1, 2])
    assert apart[0].text == made.scrub(again, user_id="u").text


def test_P21_metadata_of_a_chunk_and_its_text_are_one_document() -> None:
    (chunk,) = ChunkScrubber(scrubber(), "u").scrub(
        [Chunk("the key is hunter2", {"password": "hunter2", "note": "hunter2, as ever"})]
    )
    assert "hunter2" not in chunk.text + str(chunk.metadata)


def test_P21_what_was_spoken_is_found_in_what_is_spoken_later() -> None:
    made = scrubber()
    made.scrub_batch(["password: hunter2"], user_id="u", spoken=True)
    assert "hunter2" not in made.scrub_batch(["use hunter2"], user_id="u", spoken=True)[0].text
    # Documents do not depend on what else was said, nor one user on another.
    assert made.scrub("use hunter2", user_id="u").text == "use hunter2"
    assert made.scrub_batch(["use hunter2"], user_id="v", spoken=True)[0].text == "use hunter2"


def test_E10_what_was_spoken_is_forgotten_with_the_user() -> None:
    made = scrubber()
    made.scrub_batch(["password: hunter2"], user_id="u", spoken=True)
    made.vault.forget("u")
    assert made.spoken("u").find("use hunter2") == []


@pytest.mark.parametrize(
    ("entity_type", "value", "again"),
    [
        ("PERSON", "Grace Hunter", "a hunter and his grace"),
        ("PERSON", "Will", "I will"),
        ("PERSON", "Ann Lee", "Annabel"),
        ("AGE", "43 years old", "43 years old"),
        ("NRP", "German", "German"),
        ("DATE_TIME", "12 March 2020", "12 March 2020"),
        ("IP_ADDRESS", "10.0.0.123", "100 0123"),
        ("PASSWORD", "secret", "a secret"),
        ("PIN", "4821", "4821"),
        ("DATE_OF_BIRTH", "March 1984", "March 1984"),
    ],
)
def test_D12_common_words_and_numbers_are_not_looked_for(
    entity_type: str, value: str, again: str
) -> None:
    carried = Carried(Policy())
    carried.add(entity_type, value, value)
    assert carried.find(again) == []


def test_D12_technical_text_beside_values_stays() -> None:
    session = Redactor().session()
    for found, _ in FOUND_AND_AGAIN:
        session.redact(found)
    alone = Redactor().session()
    for line in LINES:
        beside = [(f.start, f.end) for f in session.redact(line).findings]
        assert beside == [(f.start, f.end) for f in alone.redact(line).findings]


def test_S5_keys_tell_what_values_are() -> None:
    session = Redactor().session()
    made = redact_value(session, ARGUMENTS)
    assert list(made) == list(ARGUMENTS)
    assert not [leak for leak in LEAKS if leak in json.dumps(made)]
    assert made["accounts"][0]["iban"] == "n/a"
    guarded = json.dumps(TextGuard().value(ARGUMENTS))
    assert not [leak for leak in LEAKS if leak in guarded]


def test_D12_keys_of_counts_and_ids_make_no_value() -> None:
    data = {
        "id": "call-a1b2",
        "total_tokens": 1234567,
        "created": 1712345678,
        "page": 1984,
        "temperature": 0.25,
        "content": "hello there",
        "finish_reason": "stop",
        "model_name": "gpt-4o",
    }
    assert redact_value(Redactor().session(), data) == data


@pytest.mark.parametrize(
    "text",
    [
        '{"pin": 4821, "card": 4111111111111111}',
        '{"card": 4111111111111111, "again": "4111111111111111", "n": 2}',
        '[{"ssn": 219099999},\n [4111111111111111, -1.5e3]]',
    ],
)
def test_D15_numbers_in_json_become_strings_and_numbers_again(text: str) -> None:
    redactor = Redactor()
    redaction = redactor.redact(text)
    json.loads(redaction.text)
    assert redaction.findings
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text
    for at in range(len(redaction.text)):
        stream = redactor.stream(redaction.mapping)
        pieces = [stream.feed(redaction.text[:at]), stream.feed(redaction.text[at:])]
        assert "".join([*pieces, stream.flush()]) == text


def test_two_spellings_of_a_word_are_both_found() -> None:
    carried = Carried(Policy())
    carried.add("LOCATION", "Zorbsville", "Zorbsville")
    before = carried.version
    carried.add("LOCATION", "ZORBSVILLE", "ZORBSVILLE")
    assert carried.version > before
    assert len(carried.find("from Zorbsville to ZORBSVILLE")) == 2


def test_values_may_come_while_another_thread_looks_for_them() -> None:
    """Conversations of one user share them, and a session may serve several threads."""
    carried = Carried(Policy())
    errors: list[str] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                carried.find("account one 4111111111111111")
        except RuntimeError as error:
            errors.append(type(error).__name__)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=look) for _ in range(2)]
    try:
        for thread in threads:
            thread.start()
        for number in range(1500):
            carried.add("ID", f"account {number:06d}", "")
            carried.add("CREDIT_CARD", str(4000000000000000 + number), "")
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert errors == []


def test_a_number_in_json_under_a_key_is_replaced_by_a_string() -> None:
    session = Redactor().session()
    data = {"payload": '{"card": 4111111111111111, "n": 1}'}
    first = redact_value(session, data)
    assert json.loads(first["payload"]) == {"card": "[CREDIT_CARD_1]", "n": 1}
    assert session.reply().value(first) == data


def test_what_tools_were_given_is_bounded_and_the_oldest_goes() -> None:
    echoes = Echoes([("ID", "Dr first")], most=2)
    for value in ("Dr second", "Dr third", "Dr third"):
        echoes.add("ID", value)
    text = "Dr first, Dr second, Dr third"
    assert [text[f.start : f.end] for f in echoes.find(text)] == ["Dr second", "Dr third"]
    assert repr(echoes) == "Echoes(2)"


def test_a_closed_session_searches_and_keeps_nothing() -> None:
    with Redactor().session() as session:
        assert session.find("call jane.roe@example.com")
    with pytest.raises(InvalidInputError):
        session.find("call jane.roe@example.com")
    assert not session._found


def test_the_oldest_values_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piirag.redaction.carried._MOST", 8)
    carried = Carried(Policy())
    versions = [carried.version]
    for n in range(20):
        carried.add("API_KEY", f"key-{n:05}-abcd", f"key-{n:05}-abcd")
        carried.add("API_KEY", "key-kept-12345", "key-kept-12345")  # spoken of again and again
        versions.append(carried.version)
    assert versions == sorted(set(versions))  # each time there was more to look for
    assert len(carried.find("it was key-00019-abcd")) == 1
    assert len(carried.find("it was key-kept-12345")) == 1
    assert carried.find("it was key-00000-abcd") == []


def test_people_who_are_dropped_are_looked_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piirag.redaction.carried._MOST", 4)
    carried = Carried(Policy())
    for n in range(9):
        name = f"Zorbina Quenne{'abcdefghi'[n]}ville"
        carried.add("PERSON", name, name)
    assert len(carried.find("Ask Quenneiville about it")) == 1
    assert carried.find("Ask Quenneaville about it") == []


def test_a_number_that_breaks_off_at_the_end_is_found_by_its_beginning() -> None:
    session = Redactor(Policy(model="none")).session()
    session.redact("The card is 4977620934680360, please check!")
    broken = '{"card": 49776209346803'
    assert session.redact(broken).text == '{"card": [CREDIT_CARD_2]'
    assert session.redact("at 4977620934680 rows").text == "at 4977620934680 rows"
    assert session.redact("see 4977620").text == "see 4977620"
    assert session.reply().text("[CREDIT_CARD_2]") == "49776209346803"
