"""Where master keys come from: files, environment, functions, key services. Threats P19, E13."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from piirag import MasterKey
from piirag.errors import VaultKeyError

posix = pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")


class Kms:
    """A key service as they are: the key never leaves it."""

    def __init__(self) -> None:
        self._key = AESGCM(AESGCM.generate_key(256))
        self.calls = 0

    def wrap(self, secret: bytes) -> bytes:
        self.calls += 1
        nonce = os.urandom(12)
        return nonce + self._key.encrypt(nonce, secret, None)

    def unwrap(self, wrapped: bytes) -> bytes:
        self.calls += 1
        return self._key.decrypt(wrapped[:12], wrapped[12:], None)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _clean(error: BaseException, *secrets: str) -> bool:
    shown = str(error) + repr(error) + repr(vars(error))
    return error.__context__ is None and not any(secret in shown for secret in secrets)


def test_an_id_names_a_key_and_tells_nothing_of_it() -> None:
    key = MasterKey.generate()
    assert key.id == MasterKey.from_callable(key.export).id
    assert key.id != MasterKey.generate().id
    assert len(key.id) == 16
    assert key.id not in key.export()


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_P19_a_key_file_is_private_from_the_start(tmp_path, umask: int) -> None:
    before = os.umask(umask)
    try:
        MasterKey.from_file(tmp_path / "made.key", create=True)
        MasterKey.generate().to_file(tmp_path / "written.key")
    finally:
        os.umask(before)
    assert {_mode(path) for path in tmp_path.iterdir()} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.key", "written.key"]


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o610])
def test_P19_a_file_that_others_may_use_in_any_way_is_refused(tmp_path, mode: int) -> None:
    path = tmp_path / "k"
    key = MasterKey.from_file(path, create=True)
    path.chmod(mode)
    with pytest.raises(VaultKeyError, match="0600") as caught:
        MasterKey.from_file(path)
    assert _clean(caught.value, key.export())
    with pytest.raises(VaultKeyError):
        MasterKey.from_file(path, create=True)


@posix
def test_P19_a_link_to_a_file_that_others_may_read_is_refused(tmp_path) -> None:
    MasterKey.from_file(tmp_path / "k", create=True)
    (tmp_path / "k").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "k")
    with pytest.raises(VaultKeyError):
        MasterKey.from_file(tmp_path / "link")


def test_a_key_is_written_to_a_new_file_only(tmp_path) -> None:
    one, two = MasterKey.generate(), MasterKey.generate()
    one.to_file(tmp_path / "k")
    with pytest.raises(VaultKeyError) as caught:
        two.to_file(tmp_path / "k")
    assert _clean(caught.value, one.export(), two.export())
    assert MasterKey.from_file(tmp_path / "k").id == one.id
    with pytest.raises(VaultKeyError):
        two.to_file(tmp_path / "nowhere" / "k")
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_many_who_create_a_key_file_at_once_read_one_key(tmp_path) -> None:
    start = threading.Barrier(8)
    ids: list[str] = []

    def work() -> None:
        start.wait()
        ids.append(MasterKey.from_file(tmp_path / "k", create=True).id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


class TestKeyWrapper:
    def test_a_file_holds_what_the_service_wrapped(self, tmp_path) -> None:
        kms, path = Kms(), tmp_path / "k"
        key = MasterKey.from_file(path, create=True, wrapper=kms)
        assert key.export() not in path.read_text()
        assert MasterKey.from_file(path, wrapper=kms).id == key.id
        assert MasterKey.from_file(path, create=True, wrapper=kms).id == key.id
        with pytest.raises(VaultKeyError):
            MasterKey.from_file(path)

    def test_the_environment_may_hold_a_wrapped_key(self, monkeypatch) -> None:
        kms, key = Kms(), MasterKey.generate()
        monkeypatch.setenv("PIIRAG_MASTER_KEY", key.export(wrapper=kms))
        assert MasterKey.from_env(wrapper=kms).id == key.id

    def test_a_key_moves_from_one_service_to_another(self, tmp_path) -> None:
        old, new = Kms(), Kms()
        key = MasterKey.from_file(tmp_path / "old", create=True, wrapper=old)
        key.to_file(tmp_path / "new", wrapper=new)
        assert MasterKey.from_file(tmp_path / "new", wrapper=new).id == key.id
        with pytest.raises(VaultKeyError) as caught:
            MasterKey.from_file(tmp_path / "new", wrapper=old)
        assert _clean(caught.value)

    def test_it_is_asked_once_for_a_vault_and_not_for_each_user(self, tmp_path) -> None:
        from piirag import SQLiteVault

        kms = Kms()
        key = MasterKey.from_file(tmp_path / "k", create=True, wrapper=kms)
        calls = kms.calls
        vault = SQLiteVault(tmp_path / "v.db", key)
        for n in range(5):
            vault.open(f"u{n}")
        assert kms.calls == calls

    def test_what_a_service_raises_is_withheld(self, tmp_path) -> None:
        class Broken(Kms):
            def unwrap(self, wrapped: bytes) -> bytes:
                raise RuntimeError("hunter2")

            def wrap(self, secret: bytes) -> bytes:
                raise RuntimeError(repr(secret))

        kms, key = Kms(), MasterKey.generate()
        text = key.export(wrapper=kms)
        with pytest.raises(VaultKeyError, match="RuntimeError") as caught:
            key.export(wrapper=Broken())
        assert _clean(caught.value, "\\x")
        key.to_file(tmp_path / "k", wrapper=kms)
        with pytest.raises(VaultKeyError, match="RuntimeError") as caught:
            MasterKey.from_file(tmp_path / "k", wrapper=Broken())
        assert _clean(caught.value, "hunter2", text)
        with pytest.raises(VaultKeyError):
            MasterKey.from_file(tmp_path / "none", create=True, wrapper=Broken())
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("answer", [b"", None, "text", "same", "around"])
    def test_a_service_that_does_not_wrap_is_refused(self, answer) -> None:
        class Idle(Kms):
            def wrap(self, secret: bytes):
                return {"same": secret, "around": b"<" + secret + b">"}.get(answer, answer)

        with pytest.raises(VaultKeyError):
            MasterKey.generate().export(wrapper=Idle())

    @pytest.mark.parametrize("answer", [b"", b"short", None, "x" * 32])
    def test_a_service_that_gives_no_key_is_refused(self, answer, monkeypatch) -> None:
        class Odd(Kms):
            def unwrap(self, wrapped: bytes):
                return answer

        monkeypatch.setenv("PIIRAG_MASTER_KEY", MasterKey.generate().export(wrapper=Kms()))
        with pytest.raises(VaultKeyError):
            MasterKey.from_env(wrapper=Odd())

    @pytest.mark.parametrize("text", ["!", "====", "A"])
    def test_a_text_that_is_no_wrapped_key_does_not_reach_the_service(
        self, text, monkeypatch
    ) -> None:
        kms = Kms()
        monkeypatch.setenv("PIIRAG_MASTER_KEY", text)
        with pytest.raises(VaultKeyError):
            MasterKey.from_env(wrapper=kms)
        assert kms.calls == 0


class TestFromCallable:
    def test_bytes_or_text(self) -> None:
        key = MasterKey.generate()
        assert MasterKey.from_callable(lambda: key.export() + "\n").id == key.id
        assert MasterKey.from_callable(lambda: b"k" * 32).id == MasterKey(b"k" * 32).id

    @pytest.mark.parametrize("answer", [None, b"short", "short", 7, bytearray(32)])
    def test_what_is_no_key_is_refused(self, answer) -> None:
        with pytest.raises(VaultKeyError):
            MasterKey.from_callable(lambda: answer)

    def test_what_it_raises_is_withheld(self) -> None:
        def fetch() -> str:
            raise LookupError("hunter2")

        with pytest.raises(VaultKeyError, match="LookupError") as caught:
            MasterKey.from_callable(fetch)
        assert _clean(caught.value, "hunter2")
