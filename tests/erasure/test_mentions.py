"""Finding and erasing people who are nobody's user. Threat E11."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piirag import MemoryVault, Policy, Scrubber, Vault
from piirag.erasure import (
    COMPLETE,
    NOTHING_FOUND,
    PARTIAL,
    EditableTarget,
    ErasureService,
    SigningKey,
    SubjectPreview,
    erase_subject,
    find_subject,
    verify_receipt,
)
from piirag.erasure.person import Person
from piirag.erasure.retry import NO_RETRY
from piirag.errors import ConfigurationError, InvalidInputError, InvalidUserIdError
from piirag.redaction import issuer, tokens
from piirag.tenancy import SHARED, Space
from support.erasure import RowsTarget
from support.subjects import KINDS, Place, vector

SOMEONE = "someone@example.org"
OTHER = "another@example.com"
TEXTS = {
    "1": f"Please write to {SOMEONE} on Monday.",
    "2": f"{OTHER} said so.",
    "3": f"From {SOMEONE} to {OTHER}: hello.",
    "4": "Nobody is named here.",
}


@pytest.fixture
def vault() -> Vault:
    return MemoryVault()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, vault: Vault, tmp_path: Path) -> Place:
    place = Place(request.param, vault, tmp_path / "store")
    for user in ("alice", "bob"):
        place.write(user, TEXTS, {"note": f"call {OTHER}", "year": 2020})
    return place


@pytest.fixture
def memory(vault: Vault, tmp_path: Path) -> Place:
    """The quickest store, for what does not depend on one."""
    return Place("langchain", vault, tmp_path)


def ids(preview: SubjectPreview) -> set[str]:
    return {mention.id for mention in preview.mentions}


def test_every_chunk_of_every_user_is_found_by_pseudonym(place: Place) -> None:
    assert isinstance(place.target, EditableTarget)
    assert SOMEONE not in repr(place.read())
    found = find_subject(SOMEONE, [place.target, place.vault])
    assert ids(found) == {"alice:1", "alice:3", "bob:1", "bob:3"}
    assert found.complete
    assert (found.users, found.values, found.review) == (2, 2, ())
    assert {m.others for m in found.mentions} == {1}
    [entry] = found.targets
    assert (entry.searched, entry.editable, entry.error) == (8, True, None)
    assert len({m.owner for m in found.mentions}) == 2
    everywhere = find_subject(OTHER, [place.target, place.vault])
    assert ids(everywhere) == set(place.read())
    assert not find_subject("nobody@example.net", [place.target, place.vault]).mentions


def test_only_what_was_previewed_is_erased_and_nothing_else_changes(place: Place) -> None:
    before = place.read()
    targets = [place.target, place.vault]
    preview = find_subject(SOMEONE, targets)
    late = place.write("bob", {"late": f"{SOMEONE} again"})
    receipt = erase_subject(SOMEONE, preview, targets)
    assert receipt.status == PARTIAL
    [store, vault] = receipt.targets
    assert (store.found, store.deleted, store.remaining) == (5, 4, 1)
    assert "1 items are not in the preview" in store.note
    assert (vault.found, vault.remaining) == (2, 1)
    gone = ids(preview)
    after = place.read()
    assert set(after) == set(before) - gone | set(late)
    assert all(after[id] == before[id] for id in after if id not in late)
    again = find_subject(SOMEONE, targets)
    assert ids(again) == set(late)
    done = erase_subject(SOMEONE, again, targets)
    assert done.status == COMPLETE
    assert [(t.found, t.remaining) for t in done.targets] == [(1, 0), (1, 0)]
    last = erase_subject(SOMEONE, again, targets)
    assert (last.status, last.deleted) == (NOTHING_FOUND, 0)


def test_scrubbed_again_the_rest_of_a_chunk_stays(place: Place) -> None:
    node = json.dumps({"text": "see [X]", "of": "PLACE"})
    token = place.scrubber.scrub(SOMEONE, user_id="alice").text
    place.put([("alice:n", "a node", {"user_id": "alice", "_node_content": node, "who": token})])
    in_node = node.replace("[X]", token)
    place.put([("alice:m", "a node", {"user_id": "alice", "_node_content": in_node})])
    targets = [place.target, place.vault]
    before = place.read()
    preview = find_subject(SOMEONE, targets)
    assert {"alice:n", "alice:m"} < ids(preview)
    receipt = erase_subject(SOMEONE, preview, targets, how="rescrub")
    assert receipt.status == COMPLETE
    assert "6 items stay" in receipt.targets[0].note
    assert "vectors were not computed anew" in receipt.targets[0].note
    after = place.read()
    assert set(after) == set(before)
    for id, (text, metadata, held) in after.items():
        old_text, old_metadata, old_vector = before[id]
        assert held == old_vector
        if id not in ids(preview):
            assert (text, metadata) == (old_text, old_metadata)
    assert after["alice:1"][0] == "Please write to [EMAIL_ADDRESS] on Monday."
    assert after["alice:1"][1]["note"] == before["alice:1"][1]["note"]
    assert after["alice:1"][1]["year"] == 2020
    assert after["alice:n"][1]["who"] == "[EMAIL_ADDRESS]"
    assert json.loads(after["alice:m"][1]["_node_content"])["text"] == "see [EMAIL_ADDRESS]"
    other = place.scrubber.reveal(after["alice:3"][0], user_id="alice")
    assert other == f"From [EMAIL_ADDRESS] to {OTHER}: hello."
    assert not find_subject(SOMEONE, targets).mentions


def test_vectors_are_computed_anew_where_that_is_possible(place: Place) -> None:
    targets = [place.target, place.vault]
    preview = find_subject(SOMEONE, targets)
    embed: Callable[[list[str]], list[list[float]]] = lambda texts: [vector(t) for t in texts]  # noqa: E731
    receipt = erase_subject(SOMEONE, preview, targets, how="rescrub", embed=embed)
    assert "vectors" not in receipt.targets[0].note
    for text, _, held in place.read().values():
        assert held == tuple(vector(text))


def test_E11_what_stands_in_a_shared_space_waits_for_a_review(place: Place) -> None:
    [shared] = place.write(SHARED, {"faq": f"Ask {SOMEONE}."})
    [group] = place.write(Space.of("sales"), {"list": f"{SOMEONE}, {OTHER}"})
    place.put([("stray", place.scrubber.scrub(SOMEONE, user_id="bob").text, {"x": 1})])
    targets = [place.target, place.vault]
    preview = find_subject(SOMEONE, targets)
    assert {m.id: m.reason for m in preview.review} == {
        shared: "in a space that several users read",
        group: "in a space that several users read",
        "stray": "belongs to no user",
    }
    receipt = erase_subject(SOMEONE, preview, targets)
    assert receipt.status == PARTIAL
    assert "3 items wait for a review" in receipt.targets[0].note
    assert {shared, group, "stray"} <= set(place.read())
    # The space's value stays as long as its chunk does; those of alice are gone.
    assert place.scrubber.reveal(place.read()[shared][0], user_id="piirag:shared").endswith(
        f"{SOMEONE}."
    )
    assert receipt.targets[1].remaining == 3
    decided = preview.decided("erase", [m for m in preview.review if m.id != group])
    decided = decided.decided("keep", [m for m in preview.review if m.id == group])
    receipt = erase_subject(SOMEONE, decided, targets)
    assert receipt.status == PARTIAL
    assert "1 items are kept by decision" in receipt.targets[0].note
    assert group in place.read() and shared not in place.read()
    receipt = erase_subject(SOMEONE, decided.decided("erase", decided.mentions), targets)
    assert receipt.status == COMPLETE


def test_another_users_pseudonym_in_a_chunk_is_reviewed(memory: Place) -> None:
    memory.write("alice", {"1": SOMEONE})
    token = memory.scrubber.scrub(SOMEONE, user_id="alice").text
    memory.put([("bob:x", f"pasted {token}", {"user_id": "bob"})])
    preview = find_subject(SOMEONE, [memory.target, memory.vault])
    assert [(m.id, m.decision) for m in preview.mentions] == [
        ("alice:1", "erase"),
        ("bob:x", "review"),
    ]


def test_only_the_users_that_may_be_searched_are(place: Place) -> None:
    place.write(SHARED, {"faq": f"Ask {SOMEONE}."})
    targets = [place.target, place.vault]
    preview = find_subject(SOMEONE, targets, tenants=["alice"])
    assert ids(preview) == {"alice:1", "alice:3"}
    assert preview.users == 1
    with_space = find_subject(SOMEONE, targets, tenants=["alice", SHARED])
    assert ids(with_space) == {"alice:1", "alice:3", ".shared:faq"}
    assert len(with_space.review) == 1
    receipt = erase_subject(SOMEONE, preview, targets, tenants=["alice"])
    assert receipt.status == COMPLETE
    left = find_subject(SOMEONE, targets)
    assert ids(left) == {"bob:1", "bob:3", ".shared:faq"}
    assert left.values == 2
    for wrong in ("alice", [], b"alice", SHARED, 7):
        with pytest.raises(InvalidInputError):
            find_subject(SOMEONE, targets, tenants=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidUserIdError):
        find_subject(SOMEONE, targets, tenants=["alice", ""])


@pytest.mark.parametrize("kind", KINDS)
def test_keyed_user_ids(kind: str, vault: Vault, tmp_path: Path) -> None:
    place = Place(kind, vault, tmp_path / "store", keyed=True)
    for user in ("alice@example.com", "7"):
        place.write(user, TEXTS)
    place.write(SHARED, {"faq": SOMEONE})
    targets = [place.target, vault]
    assert len(find_subject(SOMEONE, targets).mentions) == 5
    preview = find_subject(SOMEONE, targets, tenants=["7"])
    assert ids(preview) == {f"{vault.tenant_tag('7')}:{n}" for n in (1, 3)}
    assert erase_subject(SOMEONE, preview, targets, tenants=["7"]).status == COMPLETE
    assert len(find_subject(SOMEONE, targets).mentions) == 3


SPELLINGS = [
    (SOMEONE, "SOMEONE@Example.ORG", True),
    ("Jane Mary Roe", "JANE  mary\tRoe", True),
    ("Jane Mary Roe", "Jane\u00a0Mary Roe", True),
    ("ﬁona Ⅷ", "Fiona VIII", True),
    ("+1 212 555 0101", "+1 (212) 555-0101", True),
    ("Jane Mary Roe", "Roe, Jane Mary", False),
    ("Jane Mary Roe", "J. M. Roe", False),
    ("J. M. Roe", "Jane Mary Roe", False),
    ("José Ruiz", "Jose Ruiz", False),
    ("AC 1234", "AC-1234", False),
]


@pytest.mark.parametrize(("stored", "asked", "same"), SPELLINGS)
def test_spellings(memory: Place, stored: str, asked: str, same: bool) -> None:
    kind = "PERSON" if stored[:1].isalpha() and "@" not in stored else "PHONE_NUMBER"
    kind = "ID_NUMBER" if stored.startswith("AC") else kind
    known = {"EMAIL_ADDRESS" if "@" in stored else kind: [stored]}
    memory.write("alice", {"1": f"this is {stored}", "2": "this is not"}, known=known)
    targets = [memory.target, memory.vault]
    for values in (asked, [asked, "nobody@example.net"]):
        preview = find_subject(values, targets)
        assert ids(preview) == {"alice:1"}
        assert [m.decision for m in preview.mentions] == ["erase" if same else "review"]
    exact = find_subject(asked, targets, spellings=False)
    assert bool(exact.mentions) is same
    assert not find_subject(asked, targets, entity_types=["URL"]).mentions
    decided = preview.decided("erase", preview.review)
    assert erase_subject(values, decided, targets).status == COMPLETE
    assert memory.vault.count("alice") == 0


def test_others_with_a_like_name_are_not_found(memory: Place) -> None:
    known = {"PERSON": ["Peter Roe", "Jane Fuchs", "Jane Mary Roedel", "Mary"]}
    texts = {str(n): f"this is {name}" for n, name in enumerate(known["PERSON"])}
    memory.write("alice", texts, known=known)
    assert not find_subject("Jane Mary Roe", [memory.target, memory.vault]).mentions


def test_a_chunk_with_the_person_and_somebody_of_a_like_name(memory: Place) -> None:
    """What may be another person's is not touched along."""
    known = {"PERSON": ["Jane Roe", "J. Roe"]}
    memory.scrubber.scrub("x", user_id="alice", known={"PERSON": ["J. Roe"]})
    one = memory.scrubber.scrub("J. Roe", user_id="alice", known={"PERSON": ["J. Roe"]}).text
    two = memory.scrubber.scrub("Jane Roe", user_id="alice", known={"PERSON": ["Jane Roe"]}).text
    assert one != two, known
    memory.put([("alice:1", f"{one} and {two}", {"user_id": "alice"})])
    targets = [memory.target, memory.vault]
    preview = find_subject("Jane Roe", targets)
    receipt = erase_subject("Jane Roe", preview, targets, how="rescrub")
    assert memory.read()["alice:1"][0] == f"{one} and [PERSON]"
    assert receipt.status == PARTIAL
    assert "1 items wait for a review" in receipt.targets[0].note
    assert memory.scrubber.reveal(one, user_id="alice") == "J. Roe"
    assert memory.scrubber.reveal(two, user_id="alice") == two


def test_values_that_collide_are_told_apart(memory: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two values of a user never share a pseudonym, even where their keys give the same one."""
    real = tokens.pseudonym
    monkeypatch.setattr(
        issuer.tokens, "pseudonym", lambda kind, digest: real(kind, bytes([digest[0] % 8]))
    )
    people = [f"person{n}@example.org" for n in range(6)]
    for user in ("alice", "bob"):
        memory.write(user, {str(n): f"to {mail}" for n, mail in enumerate(people)})
    assert len({text for text, meta, _ in memory.read().values() if meta["user_id"] == "bob"}) == 6
    targets = [memory.target, memory.vault]
    for n, mail in enumerate(people):
        found = find_subject(mail, targets)
        mine = {m.id for m in found.mentions if m.decision == "erase"}
        assert mine == {f"alice:{n}", f"bob:{n}"}
        # With eight pseudonyms in all, bob's may be alice's for somebody else: never erased.
        assert all(m.reason for m in found.mentions if m.id not in mine)
    assert not [m for m in find_subject("nobody@example.org", targets).mentions if not m.reason]


@pytest.mark.parametrize(
    "policy",
    [
        Policy(pseudonyms="random"),
        Policy(operators={"DEFAULT": "surrogate"}),
        Policy(operators={"DEFAULT": "surrogate"}, pseudonyms="random"),
    ],
)
def test_random_pseudonyms_and_surrogates(vault: Vault, tmp_path: Path, policy: Policy) -> None:
    place = Place("langchain", vault, tmp_path, Scrubber(policy, vault=vault))
    place.write("alice", TEXTS)
    targets = [place.target, vault]
    preview = find_subject(SOMEONE, targets)
    assert ids(preview) == {"alice:1", "alice:3"}
    if policy.operators:
        assert {m.reason for m in preview.review} == {
            "a made-up value, which may stand there by chance"
        }
        preview = preview.decided("erase", preview.review)
    receipt = erase_subject(SOMEONE, preview, targets, how="rescrub")
    assert receipt.status == COMPLETE
    kind = "VALUE" if policy.operators else "EMAIL_ADDRESS"
    assert place.read()["alice:1"][0] == f"Please write to [{kind}] on Monday."
    assert OTHER in place.scrubber.reveal(place.read()["alice:3"][0], user_id="alice")


def test_a_value_that_the_vault_lost_is_found_by_the_key(memory: Place) -> None:
    memory.write("alice", TEXTS)
    user = memory.vault.open("alice")
    assert user is not None
    [token] = [token for token, value in user.each() if value["v"] == SOMEONE]
    assert memory.vault.discard(user, [token]) == 1
    preview = find_subject(SOMEONE, [memory.target, memory.vault])
    assert ids(preview) == {"alice:1", "alice:3"}
    assert preview.values == 0


def test_what_is_erased_can_be_stored_again(memory: Place) -> None:
    memory.write("alice", TEXTS)
    targets = [memory.target, memory.vault]
    erase_subject(SOMEONE, find_subject(SOMEONE, targets), targets)
    memory.write("alice", {"new": SOMEONE})
    [text] = [text for id, (text, _, _) in memory.read().items() if id == "alice:new"]
    assert memory.scrubber.reveal(text, user_id="alice") == SOMEONE


def test_previews_and_receipts_hold_no_value(place: Place) -> None:
    values = [SOMEONE, "Some One"]
    key = SigningKey.generate()
    targets = [place.target, place.vault]
    preview = find_subject(values, targets)
    preview_text = preview.to_json()
    receipt = erase_subject(values, preview, targets, signing_key=key, how="rescrub")
    assert verify_receipt(receipt.to_json(), key.public) == receipt
    shown = [repr(preview), str(preview), preview_text, repr(Person(values))]
    shown += [receipt.to_json(), receipt.to_html(), str(receipt), repr(preview.mentions)]
    for text in shown:
        for secret in (*values, "someone", "Some One", "alice:", "Monday"):
            assert secret not in text
    assert "alice:1" in preview.to_json(show_ids=True)
    assert receipt.subject == preview.subject
    assert "without being scrubbed" in receipt.not_covered[0]


def test_a_preview_is_read_back_with_the_decisions_in_it(memory: Place) -> None:
    memory.write("alice", TEXTS)
    memory.write(SHARED, TEXTS)
    targets = [memory.target, memory.vault]
    preview = find_subject(SOMEONE, targets, entity_types=["EMAIL_ADDRESS"], spellings=False)
    data = json.loads(preview.to_json())
    assert SubjectPreview.from_json(preview.to_json()) == preview
    for entry in data["mentions"]:
        entry["decision"] = "keep" if entry["owner"] else "erase"
    edited = SubjectPreview.from_json(json.dumps(data))
    receipt = erase_subject(SOMEONE, edited, targets)
    assert "2 items are kept by decision" in receipt.targets[0].note
    assert {id for id in memory.read() if id.endswith(("1", "3"))} == {"alice:1", "alice:3"}


def test_wrong_previews_erase_nothing(memory: Place) -> None:
    memory.write("alice", TEXTS)
    targets = [memory.target, memory.vault]
    preview = find_subject(SOMEONE, targets)
    good = preview.to_dict()
    before = memory.read()
    first = dict(good["mentions"][0])
    wrong: list[Any] = [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        {**good, "format": "x"},
        {**good, "users": "1"},
        {**good, "more": 1},
        {**good, "mentions": [{**first, "decision": "all"}]},
        {**good, "mentions": [{**first, "reason": "<b>"}]},
        {**good, "mentions": [7]},
    ]
    for data in wrong:
        text = data if isinstance(data, str) else json.dumps(data)
        with pytest.raises(InvalidInputError):
            SubjectPreview.from_json(text)
    for values in (OTHER, [SOMEONE, OTHER]):
        with pytest.raises(InvalidInputError):
            erase_subject(values, preview, targets)
    with pytest.raises(InvalidInputError):
        erase_subject(SOMEONE, preview, targets, how="hash")
    with pytest.raises(InvalidInputError):
        erase_subject(SOMEONE, good, targets)  # type: ignore[arg-type]
    other = find_subject(OTHER, targets)
    with pytest.raises(InvalidInputError):
        preview.decided("erase", [m for m in other.mentions if m.id == "alice:2"])
    with pytest.raises(InvalidInputError):
        preview.decided("burn", preview.mentions)
    assert memory.read() == before


@pytest.mark.parametrize("values", ["", " ", [], ["x", ""], None, 7, b"x", "x" * 600, ["\ud800"]])
def test_no_usable_values(memory: Place, values: Any) -> None:
    memory.write("alice", TEXTS)
    with pytest.raises(InvalidInputError):
        find_subject(values, [memory.target, memory.vault])


def test_without_the_vault_nobody_can_be_found(memory: Place) -> None:
    with pytest.raises(ConfigurationError):
        find_subject(SOMEONE, [memory.target])


def test_what_cannot_be_searched_is_named(memory: Place, tmp_path: Path) -> None:
    memory.write("alice", TEXTS)
    rows = RowsTarget(tmp_path / "rows")
    targets = [rows, memory.target, memory.vault]
    preview = find_subject(SOMEONE, targets)
    assert not preview.complete
    assert (preview.targets[0].searched, preview.targets[1].searched) == (None, 4)
    assert "cannot list" in preview.targets[0].note
    receipt = erase_subject(SOMEONE, preview, targets)
    assert receipt.status == PARTIAL
    assert receipt.targets[0].found is None
    assert receipt.targets[1].verified_absent


class Failing:
    """A target whose items come to an end by an error."""

    def __init__(self, place: Place, method: str) -> None:
        self._target = place.target
        self._method = method
        self.name = "failing"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def _maybe(self, name: str, *args: Any) -> Any:
        if name == self._method:
            raise OSError(f"the disk of {SOMEONE} is full")
        return getattr(self._target, name)(*args)

    count = lambda self, u: self._maybe("count", u)  # noqa: E731
    items = lambda self, u: self._maybe("items", u)  # noqa: E731
    all_items = lambda self: self._maybe("all_items")  # noqa: E731
    delete_items = lambda self, i: self._maybe("delete_items", i)  # noqa: E731
    replace_items = lambda self, i, v=None: self._maybe("replace_items", i, v)  # noqa: E731
    delete = traces = residue = reclaim = lambda self, u: None


@pytest.mark.parametrize("method", ["all_items", "delete_items"])
def test_E8_a_store_that_fails_makes_it_partial_and_keeps_the_values(
    memory: Place, method: str
) -> None:
    memory.write("alice", TEXTS)
    good = [memory.target, memory.vault]
    preview = find_subject(SOMEONE, good)
    failing = Failing(memory, method)
    service = ErasureService([failing, memory.vault], retry=NO_RETRY)
    found = service.find_subject(SOMEONE)
    assert found.complete is (method == "delete_items")
    receipt = service.erase_subject(SOMEONE, found)
    assert receipt.status == PARTIAL
    assert receipt.targets[0].error == "builtins.OSError"
    assert "disk" not in receipt.to_json()
    assert receipt.targets[1].remaining == 1
    assert erase_subject(SOMEONE, preview, good).status == COMPLETE


MAILS = [f"p{n}@example.org" for n in range(4)]
CHUNKS = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob"]),
        st.lists(st.tuples(st.sampled_from(range(4)), st.booleans()), max_size=3),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(chunks=CHUNKS, asked=st.sampled_from(range(4)), how=st.sampled_from(["delete", "rescrub"]))
def test_every_mention_is_found_and_nothing_else_is_touched(
    chunks: Any, asked: int, how: str
) -> None:
    vault = MemoryVault()
    place = Place("langchain", vault, Path())
    expected = set()
    for n, (user, people, in_metadata) in enumerate(chunks):
        mails = [MAILS[p].upper() if upper else MAILS[p] for p, upper in people]
        text, told = ", ".join(mails), {}
        if in_metadata:
            text, told = "see the metadata", {"to": text}
        [id] = place.write(user, {str(n): f"Mail to {text}."}, told)
        if any(p == asked for p, _ in people):
            expected.add(id)
    before = place.read()
    targets = [place.target, vault]
    preview = find_subject(MAILS[asked], targets)
    assert ids(preview) == expected
    assert not preview.review
    receipt = erase_subject(MAILS[asked], preview, targets, how=how)
    assert receipt.status == (COMPLETE if expected else NOTHING_FOUND)
    after = place.read()
    untouched = set(before) - expected
    assert {id: after[id] for id in untouched} == {id: before[id] for id in untouched}
    assert set(after) == (untouched if how == "delete" else set(before))
    for id, (text, metadata, _) in after.items():
        user = metadata["user_id"]
        shown = place.scrubber.reveal(repr((text, metadata)), user_id=user).lower()
        assert MAILS[asked] not in shown
        left = {MAILS[p] for p, _ in chunks[int(id.split(":")[1])][1]} - {MAILS[asked]}
        assert all(mail in shown for mail in left)
    assert not find_subject(MAILS[asked], targets).mentions
