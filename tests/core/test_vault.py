"""The vault: one suite for every back end, encryption, keys, files. Threats P14, P19, P20."""

from __future__ import annotations

import os
import pickle
import stat
import threading
from pathlib import Path

import pytest

from piirag import MasterKey, MemoryVault, Scrubber, SQLiteVault, Vault
from piirag.errors import UserErasedError, VaultError, VaultKeyError
from piirag.testing.vault import VaultBackendSuite
from piirag.vault.memory import MemoryBackend
from piirag.vault.sqlite import SQLiteBackend
from support.canary import Canaries

VALUE = "jane.roe@example.com"


class TestMemoryBackend(VaultBackendSuite):
    @pytest.fixture
    def backend(self):
        return MemoryBackend()


class TestSQLiteBackend(VaultBackendSuite):
    @pytest.fixture
    def backend(self, tmp_path):
        backend = SQLiteBackend(tmp_path / "vault.db")
        yield backend
        backend.close()

    @pytest.fixture
    def other(self, backend):
        other = SQLiteBackend(backend.path)
        yield other
        other.close()


@pytest.fixture
def key() -> MasterKey:
    return MasterKey.generate()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_P19_the_file_holds_no_value_and_only_its_owner_may_read_it(tmp_path, key) -> None:
    os.umask(0o022)
    vault = SQLiteVault(tmp_path / "vault.db", key)
    scrubber = Scrubber(vault=vault)
    scrubber.scrub(f"Jane Roe {VALUE}", user_id="alice", known={"PERSON": ["Jane Roe"]})
    assert vault.count("alice") == 2
    assert Canaries([VALUE, "Jane Roe", "alice"]).scan_files(tmp_path) == []
    for path in tmp_path.iterdir():
        assert _mode(path) == 0o600, path.name


def test_an_existing_file_is_made_private(tmp_path, key) -> None:
    path = tmp_path / "vault.db"
    path.touch(0o644)
    SQLiteVault(path, key)
    assert _mode(path) == 0o600


def test_another_master_key_is_refused_at_once(tmp_path, key) -> None:
    SQLiteVault(tmp_path / "v.db", key).close()
    with pytest.raises(VaultKeyError):
        SQLiteVault(tmp_path / "v.db", MasterKey.generate())


@pytest.mark.parametrize("make", ["missing folder", "a folder", "not a database"])
def test_a_path_that_cannot_be_written_is_a_clear_error(tmp_path, key, make: str) -> None:
    path = tmp_path / "v.db"
    if make == "missing folder":
        path = tmp_path / "nowhere" / "v.db"
    elif make == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"this is no database" * 100)
    with pytest.raises(VaultError) as caught:
        SQLiteVault(path, key)
    assert caught.value.__context__ is None


def test_a_blob_that_was_moved_or_altered_is_refused(tmp_path, key) -> None:
    backend = MemoryBackend()
    vault = Vault(backend, key)
    scrubber = Scrubber(vault=vault)
    one = scrubber.scrub("one@example.com", user_id="u").text
    two = scrubber.scrub("two@example.com", user_id="u").text
    entries = backend._kept[vault.tag("u")].entries
    entries[one] = type(entries[one])(one, entries[two].blob)
    with pytest.raises(VaultKeyError):
        scrubber.reveal(one, user_id="u")


def test_P14_P20_forgetting_destroys_the_key_and_old_tokens_stay_dead(tmp_path, key) -> None:
    vault = SQLiteVault(tmp_path / "v.db", key)
    scrubber = Scrubber(vault=vault)
    old = scrubber.scrub(VALUE, user_id="u").text
    wrapped = vault.backend.user(vault.tag("u")).wrapped_key
    assert vault.forget("u") == 1
    assert scrubber.reveal(old, user_id="u") == old
    with pytest.raises(UserErasedError):
        scrubber.scrub("new@example.com", user_id="u")
    files = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert wrapped not in files
    assert vault.reinstate("u") is True
    new = scrubber.scrub(VALUE, user_id="u").text
    assert new != old
    assert scrubber.reveal(old, user_id="u") == old
    assert scrubber.reveal(new, user_id="u") == VALUE


def test_reading_for_an_erased_user_finds_nothing_and_does_not_raise(key) -> None:
    vault = MemoryVault(key)
    scrubber = Scrubber(vault=vault)
    scrubber.scrub(VALUE, user_id="u")
    vault.forget("u")
    assert VALUE not in scrubber.scrub(VALUE, user_id="u", remember=False).text


def test_known_values_added_by_another_process_are_seen(tmp_path, key) -> None:
    one = Scrubber(vault=SQLiteVault(tmp_path / "v.db", key))
    two = Scrubber(vault=SQLiteVault(tmp_path / "v.db", key))
    assert two.scrub("Ann Lee called", user_id="u").text == "Ann Lee called"
    one.scrub("Ann Lee", user_id="u", known={"PERSON": ["Ann Lee"]})
    assert two.scrub("Ann Lee called", user_id="u").text != "Ann Lee called"


def test_many_threads_agree_on_tokens(tmp_path, key) -> None:
    scrubbers = [Scrubber(vault=SQLiteVault(tmp_path / "v.db", key)) for _ in range(3)]
    seen: list[str] = []

    def work(scrubber: Scrubber) -> None:
        for i in range(20):
            seen.append(scrubber.scrub(f"user{i}@example.com", user_id="u").text)

    threads = [threading.Thread(target=work, args=(s,)) for s in scrubbers for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 120
    assert len(set(seen)) == 20


class TestMasterKey:
    def test_from_file(self, tmp_path) -> None:
        path = tmp_path / "master.key"
        made = MasterKey.from_file(path, create=True)
        assert _mode(path) == 0o600
        assert MasterKey.from_file(path).export() == made.export()
        assert MasterKey.from_file(path, create=True).export() == made.export()

    def test_a_file_that_others_may_read_is_refused(self, tmp_path) -> None:
        path = tmp_path / "master.key"
        MasterKey.from_file(path, create=True)
        path.chmod(0o644)
        with pytest.raises(VaultKeyError, match="0600"):
            MasterKey.from_file(path)

    def test_from_env(self, monkeypatch) -> None:
        key = MasterKey.generate()
        monkeypatch.setenv("PIIRAG_MASTER_KEY", key.export())
        assert MasterKey.from_env().export() == key.export()
        monkeypatch.delenv("PIIRAG_MASTER_KEY")
        with pytest.raises(VaultKeyError, match="PIIRAG_MASTER_KEY"):
            MasterKey.from_env()

    @pytest.mark.parametrize("bad", ["", "short", "!!!", "A" * 43])
    def test_what_is_no_key_is_refused_and_not_quoted(self, tmp_path, bad: str) -> None:
        path = tmp_path / "k"
        path.touch(0o600)
        path.write_text(bad)
        with pytest.raises(VaultKeyError) as caught:
            MasterKey.from_file(path)
        assert not bad or bad not in str(caught.value)

    def test_a_missing_file_is_a_clear_error(self, tmp_path) -> None:
        with pytest.raises(VaultKeyError):
            MasterKey.from_file(tmp_path / "none")
        with pytest.raises(VaultKeyError):
            MasterKey.from_file(tmp_path / "no" / "folder", create=True)

    def test_it_can_neither_be_seen_nor_pickled(self) -> None:
        key = MasterKey.generate()
        assert key.export() not in repr(key)
        with pytest.raises(TypeError):
            pickle.dumps(key)


def test_P20_a_vault_opened_before_an_erasure_cannot_write_after_it(key) -> None:
    """Not even once the user is back: entries under the dead key would never decrypt again."""
    vault = MemoryVault(key)
    before = vault.open("u")
    vault.forget("u")
    vault.reinstate("u")
    Scrubber(vault=vault).scrub("a@b.co", user_id="u")
    with pytest.raises(UserErasedError):
        before.put([("token", {"t": "X", "v": "v", "o": "pseudonym"}, True)])
    assert Scrubber(vault=vault).scrub("a@b.co", user_id="u").counts == {"EMAIL_ADDRESS": 1}


def test_a_scrubber_forgets_known_values_with_the_user(key) -> None:
    scrubber = Scrubber(vault=MemoryVault(key))
    scrubber.scrub("Zanthe Quill", user_id="u", known={"PERSON": ["Zanthe Quill"]})
    assert scrubber._states._states
    scrubber.vault.forget("u")
    assert not scrubber._states._states
