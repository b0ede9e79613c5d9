"""The suite that every vault back end passes."""

from __future__ import annotations

import pytest

from piirag.errors import UserErasedError
from piirag.vault.protocol import Entry, VaultBackend

A = "aa" * 32
B = "bb" * 32


class VaultBackendSuite:
    """Subclass it and provide a fixture `backend` that yields an empty back end."""

    @pytest.fixture
    def backend(self) -> VaultBackend:
        """An empty back end."""
        raise NotImplementedError

    def test_meta_keeps_the_first_value(self, backend: VaultBackend) -> None:
        assert backend.meta("name", b"one") == b"one"
        assert backend.meta("name", b"two") == b"one"

    def test_an_unknown_user_is_none(self, backend: VaultBackend) -> None:
        assert backend.user(A) is None
        assert backend.count(A) == 0
        assert list(backend.entries(A)) == []
        assert backend.get(A, ["t"]) == {}

    def test_the_first_data_key_stays(self, backend: VaultBackend) -> None:
        assert backend.create_user(A, b"one").wrapped_key == b"one"
        assert backend.create_user(A, b"two").wrapped_key == b"one"

    def test_the_first_value_of_a_token_stays(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        assert backend.put(A, b"k", [Entry("t", b"1"), Entry("s", b"2")]) == {"t": b"1", "s": b"2"}
        assert backend.put(A, b"k", [Entry("t", b"9")]) == {"t": b"1"}
        assert backend.get(A, ["t", "s", "none"]) == {"t": b"1", "s": b"2"}
        assert backend.count(A) == 2

    def test_many_tokens_at_once(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        entries = [Entry(f"t{i}", str(i).encode()) for i in range(1500)]
        assert len(backend.put(A, b"k", entries)) == 1500
        assert len(backend.get(A, [e.token for e in entries])) == 1500

    def test_known_values_are_listed_and_counted_in_the_version(
        self, backend: VaultBackend
    ) -> None:
        backend.create_user(A, b"k")
        backend.put(A, b"k", [Entry("t", b"1"), Entry("s", b"2", known=True)])
        first = backend.user(A)
        assert [e.token for e in backend.entries(A, known_since=0)] == ["s"]
        assert {e.token for e in backend.entries(A)} == {"s", "t"}
        backend.put(A, b"k", [Entry("t", b"1", known=True)])
        second = backend.user(A)
        assert first is not None
        assert second is not None
        assert second.version > first.version
        backend.put(A, b"k", [Entry("t", b"1", known=True), Entry("x", b"3")])
        assert backend.user(A) == second
        assert len(list(backend.entries(A, known_since=0))) == 2
        assert [e.token for e in backend.entries(A, known_since=first.version)] == ["t"]

    def test_users_are_apart(self, backend: VaultBackend) -> None:
        for tag, value in ((A, b"1"), (B, b"2")):
            backend.create_user(tag, b"k")
            backend.put(tag, b"k", [Entry("t", value)])
        assert backend.get(A, ["t"]) == {"t": b"1"}
        assert backend.erase(A, 1.0) == 1
        assert backend.get(B, ["t"]) == {"t": b"2"}

    def test_erasing_leaves_a_tombstone_and_refuses_writes(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        backend.put(A, b"k", [Entry("t", b"1")])
        assert backend.erase(A, 5.0) == 1
        user = backend.user(A)
        assert user is not None
        assert (user.wrapped_key, user.erased_at) == (None, 5.0)
        assert backend.count(A) == 0
        with pytest.raises(UserErasedError):
            backend.put(A, b"k", [Entry("t", b"1")])
        assert backend.erase(A, 6.0) == 0
        assert backend.user(A).erased_at == 5.0  # type: ignore[union-attr]
        assert backend.create_user(A, b"new").wrapped_key is None

    def test_a_write_for_a_user_never_created_is_refused(self, backend: VaultBackend) -> None:
        with pytest.raises(UserErasedError):
            backend.put(A, b"k", [Entry("t", b"1")])

    def test_a_tombstone_alone_keeps_what_is_there(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        backend.put(A, b"k", [Entry("t", b"1")])
        backend.tombstone(A, 5.0)
        backend.tombstone(A, 6.0)
        with pytest.raises(UserErasedError):
            backend.put(A, b"k", [Entry("s", b"2")])
        assert backend.get(A, ["t"]) == {"t": b"1"}
        assert backend.user(A).erased_at == 5.0  # type: ignore[union-attr]
        assert backend.reinstate(A) is True
        backend.put(A, b"k", [Entry("s", b"2")])

    def test_reinstating_starts_afresh(self, backend: VaultBackend) -> None:
        assert backend.reinstate(A) is False
        backend.create_user(A, b"k")
        assert backend.reinstate(A) is False
        backend.erase(A, 5.0)
        assert backend.reinstate(A) is True
        assert backend.create_user(A, b"new").wrapped_key == b"new"
        with pytest.raises(UserErasedError):
            backend.put(A, b"k", [Entry("t", b"1")])
        backend.put(A, b"new", [Entry("t", b"1")])
