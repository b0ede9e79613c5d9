"""The guard of traces and logs. Threats L15, L17 rest on it."""

from __future__ import annotations

import datetime
import logging
import threading
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag import Scrubber
from piirag.errors import ConfigurationError, InvalidUserIdError
from piirag.observe import WITHHELD, TextGuard
from piirag.observe.edits import EditCache
from support.canary import Canaries
from support.samples import KNOWN, VALUES, texts

MAIL = "jane.roe@example.com"
CANARIES = Canaries([MAIL, "Jane Mary Roe", "4111 1111 1111 1111"])


class Counting:
    """Counts its calls, and finds `secret`."""

    def __init__(self, fails: bool = False) -> None:
        self.calls = 0
        self.fails = fails

    def detect(self, text: str, *, language: str = "en") -> list[Any]:
        from piirag import Finding

        self.calls += 1
        if self.fails:
            raise RuntimeError(text)
        at = text.find("secret")
        return [Finding("THING", at, at + 6, 1.0, "c")] if at >= 0 else []

    def detect_batch(self, texts: Any, *, language: str = "en") -> list[Any]:
        return [self.detect(text, language=language) for text in texts]


def test_values_become_marks() -> None:
    guard = TextGuard(known=KNOWN)
    assert guard.text(f"mail {MAIL}, ask Jane Mary Roe") == "mail [EMAIL_ADDRESS], ask [PERSON]"


def test_tokens_and_marks_stay_as_they_are() -> None:
    line = "[PERSON_1] wrote to [PERSON Kobaru Tesami Lovina] at [EMAIL_ADDRESS]"
    assert TextGuard().text(line) == line
    assert TextGuard().text(TextGuard().text(f"{MAIL} {line}")) == f"[EMAIL_ADDRESS] {line}"


def test_a_users_guard_gives_the_users_pseudonyms_and_stores_nothing() -> None:
    scrubber = Scrubber()
    stored = scrubber.scrub(MAIL, user_id="alice").text
    before = scrubber.vault.count("alice")
    guard = TextGuard(scrubber=scrubber, user_id="alice")
    assert guard.text(f"mail {MAIL} and x@other.org").startswith(f"mail {stored} and [EMAIL_")
    assert scrubber.vault.count("alice") == before


def test_structures_are_searched_to_the_leaves() -> None:
    @dataclass
    class Thing:
        mail: str

    data = {
        "n": [1, 2.5, True, None, 4111111111111111],
        MAIL: {"passport": "912803456"},
        "json": '{"to": "jane.roe\\u0040example.com"}',
        "thing": Thing(MAIL),
        "error": ValueError(MAIL),
        "when": datetime.datetime(2024, 1, 1),
        "id": uuid.UUID(int=7),
        "opaque": object(),
        "set": {MAIL},
    }
    clean = TextGuard().value(data)
    assert clean["n"] == [1, 2.5, True, None, "[CREDIT_CARD]"]
    assert clean["[EMAIL_ADDRESS]"] == {"passport": "[PASSPORT]"}
    assert clean["json"] == '{"to": "[EMAIL_ADDRESS]"}'
    assert clean["thing"] == {"mail": "[EMAIL_ADDRESS]"}
    assert clean["opaque"] == "[WITHHELD object]"
    assert (clean["when"], clean["id"]) == (data["when"], data["id"])
    assert not CANARIES.scan_object(clean)
    assert MAIL in data  # the caller's own is not changed


def test_two_keys_that_become_one_mark_are_both_kept() -> None:
    many = {f"person{i}@example.com": i for i in range(12)}
    assert sorted(TextGuard().value(many).values()) == list(range(12))


def test_names_of_fields_are_code_unless_known() -> None:
    guard = TextGuard(known={"PERSON": ["Jane Roe"]})
    assert guard.value({"ls_provider": 1, "jane_roe": 2}) == {"ls_provider": 1, "[PERSON]": 2}


@pytest.mark.parametrize("text", [MAIL, f'{{"a": "{MAIL}"}}', "plain words"])
def test_fail_closed_a_detector_that_raises_withholds_the_field(text: str) -> None:
    guard = TextGuard(detector=Counting(fails=True))
    assert guard.text(text) == WITHHELD
    assert guard.value({"a": text, "n": 123456789}) == {"a": WITHHELD, "n": WITHHELD}
    assert guard.withheld == 3
    assert not CANARIES.scan_text(repr(guard))


def test_fail_closed_for_data_that_raise_when_read() -> None:
    class Broken(dict):
        def items(self) -> Any:
            raise RuntimeError(MAIL)

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError(MAIL)

    guard = TextGuard()
    assert guard.value(Broken(a=1)) == WITHHELD
    assert guard.shown(Mute()) == WITHHELD
    deep: Any = MAIL
    for _ in range(5000):
        deep = [deep]
    assert not CANARIES.scan_text(repr(guard.value(deep)))


def test_long_text_is_cut_and_never_inside_a_value() -> None:
    for shift in range(len(MAIL) + 2):
        text = "x" * (90 - shift) + " " + MAIL + " tail" * 2000
        clean = TextGuard(max_chars=100).text(text)
        assert len(clean) < 200
        assert clean.endswith("characters withheld]")
        assert not any(MAIL[:n] in clean for n in range(4, len(MAIL)))
    assert TextGuard(max_items=3).value([1, 2, 3, 4, 5]) == [1, 2, WITHHELD, WITHHELD, WITHHELD]


def test_a_text_seen_before_is_not_searched_again_and_not_kept() -> None:
    detector = Counting()
    guard = TextGuard(detector=detector)
    first = guard.text("the secret of Quenneville")
    calls = detector.calls
    assert guard.text("the secret of Quenneville") == first == "the [THING] of Quenneville"
    assert detector.calls == calls
    assert guard.text("the secret of Quennevillf") != first
    assert not Canaries(["Quenneville", "secret"]).scan_object(guard._cache)


def test_the_cache_is_bounded() -> None:
    cache = EditCache(3)
    for i in range(10):
        digest, _ = cache.get("", str(i))
        cache.put(digest, ())
    assert len(cache._edits) == 3


def test_a_detector_that_logs_through_the_guard_does_not_call_itself() -> None:
    seen: list[str] = []

    class Chatty(Counting):
        def detect(self, text: str, *, language: str = "en") -> list[Any]:
            seen.append(guard.text(f"looking at {text}"))
            return super().detect(text, language=language)

    guard = TextGuard(detector=Chatty())
    assert guard.text("a secret") == "a [THING]"
    assert set(seen) == {WITHHELD}
    assert guard.withheld == 0


def test_threads_share_a_guard() -> None:
    guard = TextGuard(known=KNOWN)
    wrong: list[str] = []

    def work(n: int) -> None:
        for i in range(20):
            clean = guard.text(f"{n} {i % 5} {MAIL}")
            if clean != f"{n} {i % 5} [EMAIL_ADDRESS]":
                wrong.append(clean)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@given(texts)
def test_every_planted_value_is_gone(text: str) -> None:
    clean = _GUARD.text(text)
    for value in ("jane.roe@example.com", "4111 1111 1111 1111", "DE89370400440532013000"):
        if f" {value} " in f" {text} ":
            assert value not in clean


@given(
    st.recursive(
        st.sampled_from([*VALUES, 1, None]),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["a", "b", MAIL]), s),
        max_leaves=12,
    )
)
def test_scrubbing_again_changes_nothing(data: Any) -> None:
    once = _GUARD.value(data)
    assert _GUARD.value(once) == once
    assert MAIL not in repr(once)


_GUARD = TextGuard(known=KNOWN)


def test_options_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        TextGuard(user_id="alice")
    with pytest.raises(InvalidUserIdError):
        TextGuard(scrubber=Scrubber(), user_id="")
    with pytest.raises(ConfigurationError):
        TextGuard(max_chars=0)


def test_the_guard_itself_logs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    TextGuard().text(f"mail {MAIL}")
    assert not CANARIES.scan_records(caplog.records)


@pytest.mark.parametrize(
    "text", ["account [DE89370400440532013000] closed", "passport [C01X00T47] expired"]
)
def test_a_value_in_brackets_is_no_mark(text: str) -> None:
    shown = TextGuard().text(text)
    assert "DE8937" not in shown
    assert "C01X00T47" not in shown
    assert TextGuard().text(shown) == shown


def test_keys_that_are_numbers_are_searched() -> None:
    card = 4111111111111111
    assert list(TextGuard().value({card: "x", 7: "y"})) == ["[CREDIT_CARD]", 7]


def test_a_users_guard_sees_what_becomes_known_later() -> None:
    scrubber = Scrubber()
    guard = TextGuard(scrubber=scrubber, user_id="u")
    scrubber.scrub("x", user_id="u", known={"PERSON": ["Jane Roe"]})
    text = "we saw the kettle 77-qx there"
    assert guard.text(text) == text
    scrubber.scrub("x", user_id="u", known={"PROJECT": ["kettle 77-qx"]})
    assert "kettle" not in guard.text(text)
