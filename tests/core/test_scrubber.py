"""Scrubbing: invariants 8 and 9, threats P12, P15, P16, and the operators."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings

from piirag import MasterKey, MemoryVault, Policy, Scrubber, SQLiteVault
from piirag.errors import ConfigurationError, InvalidInputError, InvalidUserIdError
from piirag.redaction import issuer, tokens
from support.samples import KNOWN, texts

JANE = {"PERSON": ["Jane Mary Roe"]}


@settings(max_examples=150, deadline=None)
@given(texts)
def test_invariant_9_scrubbing_is_deterministic_and_idempotent(text: str) -> None:
    scrubber = Scrubber()
    once = scrubber.scrub(text, user_id="u1", known=KNOWN)
    assert scrubber.scrub(text, user_id="u1", known=KNOWN).text == once.text
    assert scrubber.scrub(once.text, user_id="u1").text == once.text


def test_invariant_9_holds_across_processes_that_share_a_vault(tmp_path) -> None:
    key = MasterKey.generate()
    text = "Jane Roe, jane@example.com, +1 415-555-2671"
    first = Scrubber(vault=SQLiteVault(tmp_path / "v.db", key)).scrub(
        text, user_id="u1", known=JANE
    )
    second = Scrubber(vault=SQLiteVault(tmp_path / "v.db", key)).scrub(text, user_id="u1")
    assert first.text == second.text
    again = Scrubber(vault=SQLiteVault(tmp_path / "v.db", key)).scrub(first.text, user_id="u1")
    assert again.text == first.text


def test_invariant_8_same_value_same_pseudonym_never_across_users() -> None:
    scrubber = Scrubber()
    a = scrubber.scrub("mail jane@example.com", user_id="a").text
    assert scrubber.scrub("MAIL JANE@EXAMPLE.COM", user_id="a").text == a.replace("mail", "MAIL")
    assert scrubber.scrub("mail jane@example.com", user_id="b").text != a


def test_invariant_8_two_values_never_share_a_pseudonym(monkeypatch) -> None:
    """With only two tokens to choose from, the third value finds none left."""
    words = ["[EMAIL_ADDRESS Bababa Bababa Bababa]", "[EMAIL_ADDRESS Bebebe Bebebe Bebebe]"]
    monkeypatch.setattr(
        issuer.tokens, "pseudonym", lambda kind, digest: words[digest[0] % len(words)]
    )
    scrubber = Scrubber()
    one = scrubber.scrub("a1@example.com", user_id="u").text
    two = scrubber.scrub("a2@example.com", user_id="u").text
    assert {one, two} == set(words)
    assert scrubber.reveal(one, user_id="u") == "a1@example.com"
    assert scrubber.reveal(two, user_id="u") == "a2@example.com"
    with pytest.raises(ConfigurationError):
        scrubber.scrub("a3@example.com", user_id="u")


def test_pseudonyms_have_the_measured_form() -> None:
    text = Scrubber().scrub("Jane Roe", user_id="u", known=JANE).text
    assert tokens.PSEUDONYM.fullmatch(text)
    assert re.fullmatch(r"\[PERSON( [A-Z][a-z]{5}){3}\]", text)


def test_P15_pseudonyms_are_keyed() -> None:
    """Knowing the value is not enough to compute its token: another key, another token."""
    one, two = (Scrubber(vault=MemoryVault()) for _ in range(2))
    text = "jane@example.com"
    assert one.scrub(text, user_id="u").text != two.scrub(text, user_id="u").text
    digests = [getattr(hashlib, n)(text.encode()).digest() for n in ("sha256", "sha1", "md5")]
    guesses = {tokens.pseudonym("EMAIL_ADDRESS", d) for d in digests}
    assert one.scrub(text, user_id="u").text not in guesses


def test_P15_the_hash_operator_is_keyed_too() -> None:
    policy = Policy(operators={"DEFAULT": "hash"})
    text = "jane@example.com"
    one, two = Scrubber(policy), Scrubber(policy)
    assert one.scrub(text, user_id="u").text == one.scrub(text, user_id="u").text
    assert one.scrub(text, user_id="u").text != one.scrub(text, user_id="v").text
    assert one.scrub(text, user_id="u").text != two.scrub(text, user_id="u").text
    assert hashlib.sha256(text.encode()).hexdigest() != one.scrub(text, user_id="u").text


def test_P16_the_pseudonym_does_not_tell_the_length() -> None:
    scrubber = Scrubber()
    short = scrubber.scrub("a@b.co", user_id="u").text
    long = scrubber.scrub("a.very.long.address@department.example.com", user_id="u").text
    assert len(short) == len(long)


def test_reveal_is_for_the_same_user_only() -> None:
    scrubber = Scrubber()
    text = scrubber.scrub("Jane Roe <jane@example.com>", user_id="a", known=JANE).text
    assert scrubber.reveal(text, user_id="a") == "Jane Mary Roe <jane@example.com>"
    assert scrubber.reveal(text, user_id="b") == text


@pytest.mark.parametrize(
    "spelling",
    ["Jane Mary Roe", "JANE ROE", "jane roe", "Roe, Jane", "J. Roe", "J.M. Roe", "jane_roe", "Roe"],
)
def test_known_values_are_found_in_every_spelling_and_later(spelling: str) -> None:
    scrubber = Scrubber()
    full = scrubber.scrub("Jane Mary Roe", user_id="u", known=JANE).text
    assert scrubber.scrub(f"about {spelling}?", user_id="u").text == f"about {full}?"
    question = scrubber.scrub(f"about {spelling}?", user_id="u", remember=False)
    assert question.text == f"about {full}?"
    assert scrubber.scrub(f"about {spelling}?", user_id="other").text == f"about {spelling}?"


def test_a_first_name_alone_goes_to_the_person_named_in_full() -> None:
    known = {"PERSON": ["Jane Roe", "Jane Doe"]}
    scrubber = Scrubber()
    text = scrubber.scrub("Jane Roe called. Jane is angry.", user_id="u", known=known).text
    assert len(set(tokens.PSEUDONYM.findall(text))) == 1
    assert len({m.group() for m in tokens.PSEUDONYM.finditer(text)}) == 1
    unclear = scrubber.scrub("Jane is angry.", user_id="u").text
    assert "Jane" not in unclear
    assert scrubber.reveal(unclear, user_id="u") == "Jane is angry."


def test_questions_leave_nothing_in_the_vault() -> None:
    scrubber = Scrubber()
    scrubber.scrub("who is new@example.com", user_id="u", remember=False)
    assert scrubber.vault.count("u") == 0
    assert not scrubber.vault.has_user("u")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("replace", "<EMAIL_ADDRESS>"),
        (("replace", {"new_value": "[mail]"}), "[mail]"),
        ("redact", ""),
        ("keep", "jane@example.com"),
        (("mask", {"chars_to_mask": 4}), "****@example.com"),
    ],
)
def test_presidio_operators(operator, expected: str) -> None:
    scrubber = Scrubber(Policy(operators={"EMAIL_ADDRESS": operator}))
    assert scrubber.scrub("to jane@example.com", user_id="u").text == f"to {expected}"


def test_the_encrypt_operator_can_be_undone_with_the_key() -> None:
    from presidio_anonymizer.operators import Decrypt

    key = "k" * 32
    scrubber = Scrubber(Policy(operators={"DEFAULT": ("encrypt", {"key": key})}))
    text = scrubber.scrub("jane@example.com", user_id="u").text
    assert Decrypt().operate(text, {"key": key}) == "jane@example.com"


@pytest.mark.parametrize(
    "operator",
    ["shred", ("encrypt", {}), ("encrypt", {"key": "short"}), ("mask", {"masking_char": "xx"}), 7],
)
def test_bad_operators_are_refused_without_quoting_the_key(operator) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Policy(operators={"DEFAULT": operator})
    assert "short" not in str(caught.value)


def test_surrogates_are_consistent_revealed_and_left_alone() -> None:
    scrubber = Scrubber(Policy(operators={"DEFAULT": "surrogate"}))
    text = "Jane Roe <jane@example.com> +1 415-555-2671 536-90-4399"
    once = scrubber.scrub(text, user_id="u", known={"PERSON": ["Jane Roe"]}).text
    assert "Jane" not in once
    assert "@example.org" in once
    assert scrubber.scrub(text, user_id="u").text == once
    assert scrubber.scrub(once, user_id="u").text == once
    assert scrubber.reveal(once, user_id="u") == text
    assert scrubber.scrub(text, user_id="v", known={"PERSON": ["Jane Roe"]}).text != once
    assert tokens.PSEUDONYM.search(once), "a type without surrogate falls back to a pseudonym"


@pytest.mark.parametrize("user_id", [None, "", " ", 7, {"$ne": ""}, ["a"], "a\x00", " a", "ａ"])
def test_a_missing_or_odd_user_id_is_refused(user_id) -> None:
    scrubber = Scrubber()
    with pytest.raises(InvalidUserIdError):
        scrubber.scrub("x", user_id=user_id)
    with pytest.raises(InvalidUserIdError):
        scrubber.reveal("x", user_id=user_id)


@pytest.mark.parametrize(
    "known", [["Jane"], {"PERSON": "Jane"}, {"PERSON": [7]}, {7: ["x"]}, {"PERSON": None}]
)
def test_bad_known_values_are_refused(known) -> None:
    with pytest.raises(InvalidInputError):
        Scrubber().scrub("x", user_id="u", known=known)


def test_scrub_batch_takes_known_values_per_text() -> None:
    scrubber = Scrubber()
    results = scrubber.scrub_batch(
        ["Ann Lee", "Bob Ray"],
        user_id="u",
        known=[{"PERSON": ["Ann Lee"]}, {"PERSON": ["Bob Ray"]}],
    )
    assert all(tokens.PSEUDONYM.fullmatch(r.text) for r in results)
    with pytest.raises(InvalidInputError):
        scrubber.scrub_batch(["a", "b"], user_id="u", known=[None])
    with pytest.raises(InvalidInputError):
        scrubber.scrub_batch("text", user_id="u")  # type: ignore[arg-type]


def test_a_type_without_recogniser_warns() -> None:
    policy = Policy(entities=["PERSON", "EMAIL_ADDRESS", "IBAN_CODE"], model="none")
    with pytest.warns(UserWarning, match="PERSON"):
        Scrubber(policy).scrub("x", user_id="u")
    with pytest.raises(ConfigurationError, match="EMIAL"):
        Scrubber(Policy(entities=["EMIAL"])).scrub("x", user_id="u")


def test_a_very_short_known_value_counts_in_its_own_text_only() -> None:
    scrubber = Scrubber()
    own = scrubber.scrub("room 7", user_id="u", known={"ROOM": ["7"]}).text
    assert "7" not in own
    assert scrubber.scrub("at 7 o'clock", user_id="u").text == "at 7 o'clock"
    assert scrubber.scrub("room 7", user_id="u", known={"ROOM": ["7"]}).text == own


def test_no_surrogate_is_a_name_known_for_the_user(monkeypatch) -> None:
    names = iter(["Ann Lee", "Bob Ray", "Bob Ray"])
    monkeypatch.setattr(issuer, "surrogate", lambda kind, digest: next(names))
    scrubber = Scrubber(Policy(operators={"DEFAULT": "surrogate"}))
    known = {"PERSON": ["Jane Roe", "Ann Lee"]}
    assert scrubber.scrub("Jane Roe", user_id="u", known=known).text == "Bob Ray"
