"""Erasure: invariant 7, threats E1, E5, E6, E8, E16, on Chroma and the vault."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from piirag import MasterKey, MemoryVault, Scrubber, SQLiteVault, delete_user
from piirag.erasure import COMPLETE, PARTIAL
from piirag.erasure.residue import Needles, scan_files
from piirag.erasure.targets.chroma import ChromaTarget
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import ConfigurationError
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest

chromadb = pytest.importorskip("chromadb")


def _vector(seed: int) -> list[float]:
    digest = hashlib.sha256(str(seed).encode()).digest()
    return [byte / 255 for byte in digest * 2]


def _fill(collection, user: str, items: int = 5) -> None:
    """Put items of a user into a collection, as an adapter would store them."""
    numbers = [sum(map(ord, user)) * 100 + i for i in range(items)]
    collection.upsert(
        ids=[f"{user}:{i}" for i in range(items)],
        documents=[f"Number {n} of the texts that only {user} has, {n}" for n in numbers],
        metadatas=[{"user_id": user, "n": n} for n in numbers],
        embeddings=[_vector(n) for n in numbers],
    )


def _content(collection, user: str):
    return collection.get(where={"user_id": user}, include=["documents", "metadatas"])


@pytest.fixture
def collection(tmp_path):
    return chromadb.PersistentClient(str(tmp_path / "chroma")).create_collection("crm")


class TestChromaTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, collection):
        return TargetUnderTest(
            ChromaTarget(collection),
            lambda user: _fill(collection, user),
            lambda user: _content(collection, user),
        )


class TestVaultTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path):
        vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
        scrubber = Scrubber(vault=vault)
        return TargetUnderTest(
            VaultTarget(vault),
            lambda user: scrubber.scrub_batch(["a@b.co", "c@d.co"], user_id=user) and None,
            lambda user: vault.count(user),
        )


def test_E1_the_receipt_tells_which_bytes_are_still_on_disk(collection, tmp_path) -> None:
    _fill(collection, "alice", 20)
    _fill(collection, "bob", 20)
    [entry] = delete_user("alice", targets=[collection]).targets
    assert entry.verified_absent
    left = entry.residue
    assert left is not None
    assert left["chroma.sqlite3"]["texts"] > 0
    assert left["chroma.sqlite3"]["vectors"] > 0
    raw = (tmp_path / "chroma" / "chroma.sqlite3").read_bytes()
    assert b"of the texts that only alice has" in raw, "the receipt told the truth"
    assert "overwritten" in entry.note


def test_E1_vectors_in_the_index_file_are_seen_too(collection, tmp_path) -> None:
    """Past the sync threshold Chroma moves vectors to `data_level0.bin` and keeps them there."""
    for user in ("alice", "bob", "carol"):
        _fill(collection, user, 500)
    collection.query(query_embeddings=[_vector(1)], n_results=1)
    [entry] = delete_user("alice", targets=[collection]).targets
    assert entry.residue is not None
    assert entry.residue["data_level0.bin"]["vectors"] > 300


def test_a_text_that_others_still_have_is_no_residue(collection) -> None:
    for user in ("alice", "bob"):
        collection.add(
            ids=[f"{user}:1"],
            documents=["The very same boilerplate text stands in everybody's chunk"],
            metadatas=[{"user_id": user}],
            embeddings=[_vector(1)],
        )
    [entry] = delete_user("alice", targets=[collection]).targets
    assert entry.residue is not None
    assert "texts" not in entry.residue["chroma.sqlite3"]


def test_an_ephemeral_collection_has_no_files_to_scan() -> None:
    collection = chromadb.EphemeralClient().get_or_create_collection("ephemeral")
    _fill(collection, "alice")
    [entry] = delete_user("alice", targets=[collection]).targets
    assert (entry.deleted, entry.residue) == (5, None)


class Flaky(ChromaTarget):
    """A store that is down for a while."""

    failures = 1

    def delete(self, user_id: str) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(f"no route to the store of {user_id}")
        super().delete(user_id)


def test_E8_a_store_that_fails_makes_the_receipt_partial_and_a_second_call_finishes(
    collection, tmp_path
) -> None:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    Scrubber(vault=vault).scrub("a@b.co", user_id="alice")
    _fill(collection, "alice")
    _fill(collection, "bob")
    flaky = Flaky(collection)
    first = delete_user("alice", targets=[flaky, vault])
    assert first.status == PARTIAL
    assert first.targets[0].error == "builtins.OSError"
    assert first.targets[0].remaining is None
    assert not first.targets[0].verified_absent
    assert first.targets[1].verified_absent, "the key is destroyed in any case"
    assert "alice" not in first.to_json()
    assert vault.is_erased("alice"), "writes stay refused meanwhile"
    second = delete_user("alice", targets=[flaky, vault])
    assert second.status == COMPLETE
    assert second.targets[0].deleted == 5
    assert ChromaTarget(collection).count("bob") == 5


@pytest.mark.parametrize("step", ["count", "traces", "delete", "residue"])
def test_invariant_7_interrupted_at_any_step_it_is_finished_by_the_next_call(
    collection, tmp_path, monkeypatch, step: str
) -> None:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    Scrubber(vault=vault).scrub("a@b.co", user_id="alice")
    _fill(collection, "alice")
    _fill(collection, "bob")

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ChromaTarget, step, killed)
        with pytest.raises(KeyboardInterrupt):
            delete_user("alice", targets=[collection, vault])
    receipt = delete_user("alice", targets=[collection, vault])
    assert receipt.status == COMPLETE
    assert (ChromaTarget(collection).count("alice"), vault.count("alice")) == (0, 0)
    assert ChromaTarget(collection).count("bob") == 5
    assert vault.is_erased("alice")


def test_rows_added_during_the_delete_are_deleted_too(collection, monkeypatch) -> None:
    """STORES section 5: rows added during a delete survive it; so it is repeated until none."""
    _fill(collection, "alice")
    original = ChromaTarget.delete
    late = iter([True, False])

    def delete(self: ChromaTarget, user_id: str) -> None:
        original(self, user_id)
        if next(late, False):
            _fill(collection, "alice", 2)

    monkeypatch.setattr(ChromaTarget, "delete", delete)
    [entry] = delete_user("alice", targets=[collection]).targets
    assert entry.verified_absent


def test_E16_delete_is_never_called_without_a_tenant_clause(collection, monkeypatch) -> None:
    """`delete(ids=None)` empties some stores; the only call made here bears the user's tag."""
    _fill(collection, "alice")
    calls: list[dict] = []
    original = type(collection).delete

    def spy(self, ids=None, where=None, **kwargs):
        calls.append({"ids": ids, "where": where, **kwargs})
        return original(self, ids=ids, where=where, **kwargs)

    monkeypatch.setattr(type(collection), "delete", spy)
    delete_user("alice", targets=[collection])
    delete_user("nobody", targets=[collection])
    assert calls == [{"ids": None, "where": {"user_id": {"$eq": "alice"}}}]


def test_an_unknown_user_leaves_no_tombstone(tmp_path) -> None:
    vault = MemoryVault()
    delete_user("unknown", targets=[vault])
    Scrubber(vault=vault).scrub("a@b.co", user_id="unknown")
    assert vault.count("unknown") == 1


def test_the_receipt_is_json_with_a_keyed_subject(tmp_path) -> None:
    vault = MemoryVault()
    Scrubber(vault=vault).scrub("a@b.co", user_id="alice")
    receipt = delete_user("alice", targets=[vault])
    data = json.loads(receipt.to_json())
    assert data["subject"] == vault.receipt_subject("alice")
    assert data["subject"] != MemoryVault().receipt_subject("alice")
    assert data["targets"][0]["deleted"] == 1
    assert data["not_covered"]
    assert delete_user("bob", targets=[chromadb_collection()]).subject is None


def chromadb_collection():
    return chromadb.EphemeralClient().get_or_create_collection("other")


def test_physical_says_that_it_was_not_possible() -> None:
    collection = chromadb_collection()
    _fill(collection, "alice")
    [entry] = delete_user("alice", targets=[collection], physical=True).targets
    assert entry.reclaimed == "not possible"
    assert entry.note


@pytest.mark.parametrize("targets", [[], None, "chroma", [object()], [None]])
def test_targets_that_make_no_sense_are_refused(targets) -> None:
    with pytest.raises(ConfigurationError):
        delete_user("alice", targets=targets)


def test_one_vault_shared_by_several_stores_is_erased_once(tmp_path) -> None:
    vault = MemoryVault()
    Scrubber(vault=vault).scrub("a@b.co", user_id="alice")
    receipt = delete_user("alice", targets=[vault, VaultTarget(vault), vault])
    assert len(receipt.targets) == 1


@pytest.mark.parametrize("position", [0, 5, 16 * 1024 * 1024 - 20, 16 * 1024 * 1024 + 3])
def test_the_scanner_finds_needles_anywhere(tmp_path: Path, position: int) -> None:
    needle = b"a needle of some length"
    data = bytearray(16 * 1024 * 1024 + 100)
    data[position : position + len(needle)] = needle
    (tmp_path / "file.bin").write_bytes(data)
    needles = {"texts": [needle, b"another needle that is not there"], "ids": [b"short"]}
    assert [(h.kind, h.needle) for h in scan_files(tmp_path, needles)] == [("texts", needle)]


def test_the_receipt_can_be_read(collection) -> None:
    _fill(collection, "alice")
    text = str(delete_user("alice", targets=[collection]))
    assert "erasure complete: 5 items deleted" in text
    assert "chroma:crm: 5 of 5 deleted, verified absent" in text
    assert "still in the bytes of chroma.sqlite3: " in text
    assert "5 vectors" in text
    assert "alice" not in text


def test_the_scan_does_not_slow_down_on_needles_that_begin_alike(tmp_path: Path) -> None:
    ids = [f"alice_with_a_long_name:{n:06}".encode() for n in range(2000)]
    vectors = [b"\x00" * 400 + hashlib.sha256(str(n).encode()).digest() * 8 for n in range(500)]
    zeros = [b"\x00" * 600]
    (tmp_path / "data.bin").write_bytes(b"".join([*ids[:1000], *vectors[:250], b"\x00" * 200_000]))
    needles = Needles({"ids": ids, "vectors": vectors, "zeros": zeros})
    assert max(len(bucket) for bucket in needles._by_print.values()) < 5
    found = needles.in_file(tmp_path / "data.bin")
    assert {n for kind, n in found if kind == "ids"} == set(ids[:1000])
    assert {n for kind, n in found if kind == "vectors"} == set(vectors[:250])
    assert not any(kind == "zeros" for kind, _ in found)


def test_without_a_vault_the_receipt_says_what_that_means(collection) -> None:
    _fill(collection, "alice")
    receipt = delete_user("alice", targets=[collection])
    assert "no vault" in receipt.not_covered[-1]


def test_one_collection_passed_twice_is_erased_once(collection) -> None:
    _fill(collection, "alice")
    receipt = delete_user("alice", targets=[collection, ChromaTarget(collection), collection])
    assert [(t.kind, t.deleted) for t in receipt.targets] == [("chroma", 5)]


def test_a_receipt_of_nothing_tells_of_no_key_that_was_destroyed() -> None:
    vault = MemoryVault()
    Scrubber(vault=vault).scrub("jane@example.com", user_id="alice")
    nobody = delete_user("nobody", targets=[vault])
    assert [target.note for target in nobody.targets] == [""]
    somebody = delete_user("alice", targets=[vault])
    assert "data key is destroyed" in somebody.targets[0].note
