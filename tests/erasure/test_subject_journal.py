"""Erasing a person who is nobody's user, interrupted: E8 and E11."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_piirag import ChatHistories, MemoryHistoryStore
from piirag import MasterKey, MemoryVault, Scrubber, SQLiteVault, Vault
from piirag.erasure import COMPLETE, PARTIAL, erase_subject, find_subject
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.errors import ErasureError, InvalidUserIdError, VaultKeyError
from piirag.tenancy import SHARED, Space
from piirag.vault.keyring import KeyRing
from support.erasure import files, service
from support.subjects import Place

SOMEONE = "someone@example.org"
TEXTS = {"1": f"Please write to {SOMEONE}.", "2": "Nobody."}


@pytest.fixture
def vault() -> Vault:
    return MemoryVault()


@pytest.fixture
def journal(tmp_path: Path) -> SQLiteJournal:
    return SQLiteJournal(tmp_path / "erasure.db")


@pytest.fixture
def places(vault: Vault, tmp_path: Path) -> list[Place]:
    """Two stores, whose items mention the person in the chunks of two users."""
    made = [Place(kind, vault, tmp_path / kind) for kind in ("langchain", "lancedb")]
    for place in made:
        for user in ("alice", "bob"):
            place.write(user, TEXTS)
    return made


def stopped(place: Place, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have the process end where single items are deleted from a store."""

    def ended(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place.target, "delete_items", ended)
    return monkeypatch


@pytest.mark.parametrize("tenants", [None, ["alice", "bob", SHARED, Space.of("team")]])
def test_E8_another_process_finishes_what_was_interrupted(
    places: list[Place], vault: Vault, journal: SQLiteJournal, tmp_path: Path, tenants: Any
) -> None:
    targets = [place.target for place in places]
    first = service(targets, vault, journal)
    preview = first.find_subject(SOMEONE, tenants=tenants)
    with pytest.MonkeyPatch.context() as patched:
        stopped(places[1], patched)
        with pytest.raises(KeyboardInterrupt):
            first.erase_subject(SOMEONE, preview, tenants=tenants)
    assert set(places[0].read()) == {"alice:2", "bob:2"}
    assert len(places[1].read()) == 4
    [left] = journal.unfinished()
    assert left.sealed is not None
    assert SOMEONE.encode() not in files(tmp_path)
    # The caller is gone, and with it what was asked for: the journal has it.
    [receipt] = service(targets, vault, journal).resume()
    assert receipt.status == COMPLETE
    assert [(t.found, t.deleted, t.remaining) for t in receipt.targets] == [(2, 2, 0)] * 3
    assert (receipt.id, receipt.runs) == (left.id, 2)
    assert all(set(place.read()) == {"alice:2", "bob:2"} for place in places)
    assert journal.unfinished() == []
    assert journal.get(left.id).sealed is None
    assert service(targets, vault, journal).resume() == []


def test_the_same_call_goes_on_with_it_and_newer_decisions_count(
    places: list[Place], vault: Vault, journal: SQLiteJournal
) -> None:
    targets = [place.target for place in places]
    of_all = service(targets, vault, journal)
    preview = of_all.find_subject(SOMEONE)
    with pytest.MonkeyPatch.context() as patched:
        stopped(places[1], patched)
        with pytest.raises(KeyboardInterrupt):
            of_all.erase_subject(SOMEONE, preview)
    [left] = journal.unfinished()
    kept = [m for m in preview.mentions if m.target == preview.targets[1].name][:1]
    receipt = of_all.erase_subject(SOMEONE, preview.decided("keep", kept))
    assert receipt.id == left.id
    assert (receipt.status, receipt.runs) == (PARTIAL, 2)
    assert [(t.found, t.remaining) for t in receipt.targets] == [(2, 0), (2, 1), (2, 1)]
    # What somebody decided to keep does not wait to be resumed.
    assert journal.unfinished() == []


def test_E8_where_a_store_failed_it_is_tried_again(
    places: list[Place], vault: Vault, journal: SQLiteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [place.target for place in places]
    of_all = service(targets, vault, journal)
    preview = of_all.find_subject(SOMEONE)
    with monkeypatch.context() as patched:
        patched.setattr(places[0].target, "delete_items", lambda ids: 1 / 0)
        assert of_all.erase_subject(SOMEONE, preview).status == PARTIAL
    [receipt] = of_all.resume()
    assert receipt.status == COMPLETE
    assert [t.remaining for t in receipt.targets] == [0, 0, 0]
    assert of_all.erase_subject(SOMEONE, preview).deleted == 0  # once more changes nothing


def test_one_process_at_a_time(
    places: list[Place], vault: Vault, journal: SQLiteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [place.target for place in places]
    of_all = service(targets, vault, journal)
    preview = of_all.find_subject(SOMEONE)
    met: list[object] = []
    delete = places[0].target.delete_items

    def meanwhile(ids: Any) -> None:
        with pytest.raises(ErasureError):
            service(targets, vault, journal).erase_subject(SOMEONE, preview)
        met.append(service(targets, vault, journal).resume())
        delete(ids)

    monkeypatch.setattr(places[0].target, "delete_items", meanwhile)
    assert of_all.erase_subject(SOMEONE, preview).status == COMPLETE
    assert met == [[]]


def test_the_master_key_is_replaced_in_between(tmp_path: Path, journal: SQLiteJournal) -> None:
    old, new = MasterKey.generate(), MasterKey.generate()
    vault = SQLiteVault(tmp_path / "vault.db", old)
    place = Place("langchain", vault, tmp_path)
    place.write("alice", TEXTS)
    of_all = service([place.target], vault, journal)
    preview = of_all.find_subject(SOMEONE)
    with pytest.MonkeyPatch.context() as patched:
        stopped(place, patched)
        with pytest.raises(KeyboardInterrupt):
            of_all.erase_subject(SOMEONE, preview)
    vault.close()
    both = SQLiteVault(tmp_path / "vault.db", KeyRing(new, old))
    both.rotate()
    assert service([place.target], both, journal).suppression.reseal() == 1
    both.close()
    wrong = SQLiteVault(tmp_path / "vault.db", new)
    [receipt] = service([place.target], wrong, journal).resume()
    assert receipt.status == COMPLETE
    wrong.close()


def test_an_entry_that_was_altered_is_resumed_by_nobody(
    places: list[Place], vault: Vault, journal: SQLiteJournal
) -> None:
    journal.begin("f" * 64, b"altered", physical=False, since=0)
    with pytest.raises(VaultKeyError):
        service([places[0].target], vault, journal).resume()


@pytest.mark.parametrize("tenant", ["jane@x.io", "not plain"])
def test_a_user_whom_a_later_store_cannot_hold_is_refused_before_anything_is_erased(
    vault: Vault, tmp_path: Path, tenant: str
) -> None:
    keyed = Place("langchain", vault, tmp_path / "a", keyed=True)
    plain = Place("lancedb", vault, tmp_path / "b")
    keyed.write("alice", TEXTS)
    plain.write("alice", TEXTS)
    targets = [keyed.target, plain.target, vault]
    preview = find_subject(SOMEONE, targets)
    before = keyed.read()
    with pytest.raises(InvalidUserIdError):
        erase_subject(SOMEONE, preview, targets, tenants=["alice", tenant])
    assert keyed.read() == before


def test_E11_what_conversations_say_of_a_person_is_listed_for_a_review(vault: Vault) -> None:
    scrubber = Scrubber(vault=vault)
    histories = ChatHistories(MemoryHistoryStore(), scrubber=scrubber)
    for user in ("alice", "bob"):
        histories.get_session_history(user, "s").add_messages(
            [HumanMessage(f"Ask {SOMEONE}."), HumanMessage("Nothing.")]
        )
    preview = find_subject(SOMEONE, [histories], tenants=["alice", "bob"])
    assert len(preview.review) == len(preview.mentions) == 2
    assert {mention.reason for mention in preview.review} == {
        "where single items cannot be erased: by hand"
    }
    for decided in (preview, preview.decided("erase", preview.review)):
        receipt = erase_subject(SOMEONE, decided, [histories], tenants=["alice", "bob"])
        assert receipt.status == PARTIAL
        entry = receipt.targets[0]
        assert (entry.found, entry.remaining) == (2, 2)
        assert "by hand" in entry.note
    assert (
        "2 items wait for a review"
        in erase_subject(SOMEONE, preview, [histories], tenants=["alice", "bob"]).targets[0].note
    )
