"""What stands for a value: surrogates on the wire, random pseudonyms in the vault. P14-P17, P21."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag import MemoryVault, Policy, RedactionSession, Redactor, Scrubber
from piirag.redaction.name_pools import guess, names
from piirag.redaction.tokens import PSEUDONYM, mark
from support.emails import Emails
from support.examples import examples

QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}
SURROGATES = Policy(**QUIET, replies="allow", placeholders="surrogate")
KNOWN = {
    "PERSON": ["Jane Mary Roe", "Omar Haddad", "Wei"],
    "PHONE_NUMBER": ["+1 415-555-2671"],
    "CODE": ["AC-1234"],
}
SPELLINGS = [
    "Jane Mary Roe",
    "JANE MARY ROE",
    "jane mary roe",
    "Roe, Jane",
    "J. M. Roe",
    "J.M. Roe",
    "Jane",
    "ROE",
    "Ms Roe",
    "JaNe rOe",
    "janeroe",
    "Omar Haddad",
    "Haddad",
    "Wei",
    "jo@x.io",
    "JO@x.io",
    "+1 415-555-2671",
    "AC-1234",
]


def session(policy: Policy = SURROGATES, **options: object) -> RedactionSession:
    return Redactor(policy, Emails()).session(known=KNOWN, **options)  # type: ignore[arg-type]


# Surrogates on the wire


def test_a_surrogate_is_of_the_same_kind() -> None:
    made = session()
    sent = made.redact("Jane Mary Roe and jo@x.io and AC-1234").text
    name, mail, code = sent.split(" and ")
    assert re.fullmatch(r"[^\W\d_]+ [^\W\d_]+ [^\W\d_]+", name)
    assert mail.endswith("@example.org")
    assert code == "[CODE_1]", "there is no surrogate for this type"
    assert made.reply().text(sent) == "Jane Mary Roe and jo@x.io and AC-1234"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_comes_back_as_it_was(spelling: str) -> None:
    made = session()
    others = [made.redact(f"{other}, hello").text for other in SPELLINGS]
    sent = made.redact(f"About {spelling}!").text
    assert spelling not in sent
    assert made.reply().text(sent) == f"About {spelling}!"
    assert [made.reply().text(text) for text in others] == [f"{s}, hello" for s in SPELLINGS]


def test_a_name_is_one_person_in_every_spelling() -> None:
    made = session()
    first, middle, last = made.redact("Jane Mary Roe").text.split()
    assert made.redact("Roe, Jane").text == f"{last}, {first}"
    assert made.redact("JANE").text == first.upper()
    assert made.redact("J.M. Roe").text == f"{first[0]}.{middle[0]}. {last}"
    assert made.redact("Ms Roe").text == f"Ms {last}"


def test_parts_possessives_and_capitals_of_the_models_making_come_back() -> None:
    made = session()
    first, last = made.redact("Omar Haddad").text.split()
    text = f"{first}'s car; {last}\u2019s; {first.upper()} {last.upper()}; {first} {last}."
    assert made.reply().text(text) == "Omar's car; Haddad\u2019s; OMAR HADDAD; Omar Haddad."


def test_P17_no_surrogate_is_restored_inside_another_word() -> None:
    made = session()
    first, last = made.redact("Omar Haddad").text.split()
    for text in (
        f"{first}x",
        f"x{last}",
        f"{last}-Straße",
        f"mail {first}@a.io",
        f"a.{last}",
        f"{first}_1",
        f"{last.lower()}",
        f"{last}.com",
    ):
        assert made.reply().text(text) == text
        stream = made.reply().stream()
        assert "".join([*map(stream.feed, text), stream.flush()]) == text


def test_P1_P2_a_text_that_holds_a_surrogate_is_quoted() -> None:
    made = session()
    first, last = made.redact("Omar Haddad").text.split()
    for text in (f"Ask {first} {last}", f"{last}!", f"I am {first.upper()}"):
        sent = made.redact(text).text
        assert first not in sent
        assert last not in sent
        assert "Haddad" not in made.reply().text(sent)
        assert made.reply().text(sent) == text


def test_no_surrogate_stands_in_the_prompt() -> None:
    pool = names("en_US", None, 40, 40, {"jane", "mary", "roe", "omar", "haddad", "wei"})
    assert pool is not None
    prompt = " ".join(pool)
    for _ in range(20):
        made = session()
        sent = made.redact(f"{prompt} Omar Haddad").text
        first, last = sent.removeprefix(prompt).split()
        assert first not in pool
        assert last not in pool


def test_two_people_share_no_word() -> None:
    known = {"PERSON": [f"Anna{chr(97 + i)} Berg{chr(97 + i)}" for i in range(26)]}
    made = Redactor(SURROGATES, Emails()).session(known=known)
    sent = made.redact(", ".join(known["PERSON"])).text
    words = [word.casefold() for word in re.findall(r"\w+", sent)]
    assert len(words) == len(set(words)) == 52
    assert made.reply().text(sent) == ", ".join(known["PERSON"])


@pytest.mark.parametrize(
    ("words", "gender"),
    [
        (["jane", "roe"], "female"),
        (["giuseppe", "rossi"], "male"),
        (["hans", "becker"], "male"),
        (["zzzz"], None),
    ],
)
def test_names_are_of_the_same_gender(words: list[str], gender: str | None) -> None:
    locale, guessed = guess(words, "en")
    assert guessed == gender
    assert names(locale, guessed, 1, 1, set())


@pytest.mark.parametrize(
    ("words", "locale"),
    [
        (["giuseppe", "esposito"], "it_IT"),
        (["hans-juergen", "schuster"], "de_DE"),
        (["lars", "johansson"], "sv_SE"),
        (["zzzz", "zzzz"], "en_US"),
    ],
)
def test_names_come_from_the_same_place(words: list[str], locale: str) -> None:
    assert guess(words, "en")[0] == locale


_mentions = st.lists(
    st.one_of(st.sampled_from(SPELLINGS), st.sampled_from([" ", ", ", ". ", "-", "'s ", "[", "x"])),
    max_size=10,
).map("".join)


@examples(120)
@given(_mentions, _mentions, st.lists(st.floats(0, 1), max_size=8))
def test_surrogates_come_back_exactly_however_cut(
    first: str, second: str, cuts: list[float]
) -> None:
    made = session()
    sent = [made.redact(text).text for text in (first, second)]
    for text, original in zip(sent, (first, second), strict=True):
        assert made.reply().text(text) == original
        edges = [0, *sorted(round(cut * len(text)) for cut in cuts), len(text)]
        pieces = [text[low:high] for low, high in itertools.pairwise(edges)]
        for chunks in (pieces, list(text)):
            stream = made.reply().stream()
            assert "".join([*map(stream.feed, chunks), stream.flush()]) == original


def test_P4_P20_surrogates_obey_the_same_rules() -> None:
    made = session(viewer="bob")
    shared = made.redact("Omar Haddad", owner="alice").text
    own = made.redact("Wei says").text
    reply = made.reply()
    assert reply.text(f"{shared}. {own}, https://a.example/{own}") == (
        f"{shared}. Wei says, https://a.example/{own.split()[0]} says"
    )
    assert (reply.counts.restored, reply.counts.refused) == (1, 2)
    made.close()
    assert made.reply().text(own) == own


def test_surrogates_are_not_taken_for_values_of_the_models_own() -> None:
    made = session(Policy(**QUIET, placeholders="surrogate"))
    sent = made.redact("Ask jo@x.io").text
    assert made.reply().text(f"{sent}, or new@x.io") == "Ask jo@x.io, or [EMAIL_ADDRESS]"


# Random pseudonyms


def test_P15_random_pseudonyms_derive_from_nothing() -> None:
    policy = Policy(**QUIET, pseudonyms="random")
    vaults = [MemoryVault(), MemoryVault()]
    scrubbers = [Scrubber(policy, Emails(), vault=vault) for vault in vaults]
    first, again = (scrubbers[0].scrub("jo@x.io bo@x.io", user_id="u").text for _ in range(2))
    assert first == again
    assert Scrubber(policy, Emails(), vault=vaults[0]).scrub("jo@x.io", user_id="u").text == (
        first.split("] ")[0] + "]"
    )
    assert len(set(PSEUDONYM.findall(first))) == 1
    assert first != scrubbers[0].scrub("jo@x.io bo@x.io", user_id="v").text
    scrubbers[0].vault.forget("u")
    scrubbers[0].vault.reinstate("u")
    assert scrubbers[0].scrub("jo@x.io bo@x.io", user_id="u").text != first


def test_random_pseudonyms_meet_in_questions_and_come_back() -> None:
    policy = Policy(**QUIET, pseudonyms="random", replies="allow")
    scrubber = Scrubber(policy, Emails(), vault=MemoryVault())
    stored = scrubber.scrub("Write to jo@x.io", user_id="u").text
    asked = scrubber.scrub("JO@x.io?", user_id="u", remember=False).text
    assert PSEUDONYM.search(stored)[0] == PSEUDONYM.search(asked)[0]  # type: ignore[index]
    unknown = scrubber.scrub("no@x.io no@x.io", user_id="u", remember=False).text
    assert len({m.group() for m in PSEUDONYM.finditer(unknown)}) == 1
    assert scrubber.vault.count("u") == 1
    assert scrubber.reveal(stored, user_id="u") == "Write to jo@x.io"
    made = Redactor(scrubber=scrubber).session(user_id="u")
    sent = made.redact(f"{stored}. Or JO@x.io, no@x.io, no@x.io?").text
    assert sent == (
        "Write to [EMAIL_ADDRESS_1]. Or [EMAIL_ADDRESS_1b], [EMAIL_ADDRESS_2], [EMAIL_ADDRESS_2]?"
    )
    assert made.reply().text(sent) == "Write to jo@x.io. Or JO@x.io, no@x.io, no@x.io?"


def test_random_pseudonyms_of_known_values_are_kept() -> None:
    policy = Policy(**QUIET, pseudonyms="random")
    scrubber = Scrubber(policy, Emails(), vault=MemoryVault())
    first = scrubber.scrub("Jane Roe", user_id="u", known={"PERSON": ["Jane Roe"]}).text
    other = Scrubber(policy, Emails(), vault=scrubber.vault)
    assert other.scrub("about jane roe", user_id="u", remember=False).text == f"about {first}"


# Marks


@pytest.mark.parametrize("kind", ["EMAIL_ADDRESS", "X", "odd type", "A_1", "ID_2"])
def test_a_mark_is_no_placeholder(kind: str) -> None:
    made = mark(kind)
    assert made[0] == "["
    assert made[-1] == "]"
    assert not re.search(r"_[0-9]+\]", made)
