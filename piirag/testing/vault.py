"""The suite that every vault back end passes.

To run it on a back end of your own, in a test file of your project:

```
from piirag.testing.vault import VaultBackendSuite

class TestMyBackend(VaultBackendSuite):
    @pytest.fixture
    def backend(self, tmp_path):
        backend = MyBackend(tmp_path)
        yield backend
        backend.close()

    @pytest.fixture
    def other(self, backend, tmp_path):         # where two processes may share the store
        other = MyBackend(tmp_path)
        yield other
        other.close()
```
"""

from __future__ import annotations

from functools import partial

import pytest

from piirag.errors import UserErasedError
from piirag.testing.vault_sessions import A, B, SessionSuite, together
from piirag.vault.protocol import Entry, VaultBackend

INDEX = b"i" * 32


class VaultBackendSuite(SessionSuite):
    """Subclass it and provide a fixture `backend` that yields an empty back end.

    Override the fixture `other` too where a second connection to the same store is possible, as
    another process would have one: the races are then run between the two.
    """

    @pytest.fixture
    def backend(self) -> VaultBackend:
        """An empty back end."""
        raise NotImplementedError

    @pytest.fixture
    def other(self, backend: VaultBackend) -> VaultBackend:
        """Another connection to the same store; the same one if there is no other."""
        return backend

    def test_meta_keeps_the_first_value(self, backend: VaultBackend) -> None:
        assert backend.meta("name", b"one") == b"one"
        assert backend.meta("name", b"two") == b"one"

    def test_reading_meta_stores_nothing(self, backend: VaultBackend) -> None:
        assert backend.read_meta("name") is None
        assert backend.meta("name", b"\x00one") == b"\x00one"
        assert backend.read_meta("name") == b"\x00one"

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
        both = {"t": Entry("t", b"1"), "s": Entry("s", b"2")}
        assert backend.put(A, b"k", list(both.values())) == both
        assert backend.put(A, b"k", [Entry("t", b"9")]) == {"t": Entry("t", b"1")}
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

    def test_single_values_are_deleted_and_no_others(self, backend: VaultBackend) -> None:
        for tag in (A, B):
            backend.create_user(tag, b"k")
            entries = [
                Entry("t", b"1", known=True),
                Entry("s", b"2"),
                Entry("r", b"3", index=INDEX),
            ]
            backend.put(tag, b"k", entries)
        before = backend.user(A)
        assert backend.discard(A, ["t", "r", "none", "t"]) == 2
        assert backend.discard(A, ["t", "r"]) == backend.discard(A, []) == 0
        assert backend.get(A, ["t", "s", "r"]) == {"s": b"2"}
        assert backend.find(A, [INDEX]) == {}
        assert list(backend.entries(A, known_since=0)) == []
        assert backend.count(A) == 1
        assert backend.user(A) == before
        assert backend.count(B) == 3
        # Token and index are free again.
        won = backend.put(A, b"k", [Entry("q", b"4", index=INDEX), Entry("t", b"5")])
        assert (won["q"].token, won["q"].blob, won["t"].blob) == ("q", b"4", b"5")

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

    def test_bytes_and_tokens_come_back_as_they_were(self, backend: VaultBackend) -> None:
        """Zero bytes, what is no UTF-8, tokens with spaces and other alphabets."""
        wrapped = b"\x00\xffkey\r\n"
        backend.create_user(A, wrapped)
        entry = Entry("[PERSON Zoë 'Ö\" %s {x}]", bytes(range(256)), True, b"\x00\xff" * 16)
        assert backend.put(A, wrapped, [entry]) == {entry.token: entry}
        assert backend.get(A, [entry.token]) == {entry.token: entry.blob}
        assert list(backend.entries(A)) == [entry]
        assert backend.find(A, [entry.index or b""]) == {entry.index: entry}
        assert backend.user(A).wrapped_key == wrapped  # type: ignore[union-attr]

    def test_nothing_to_do_is_done(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        assert backend.put(A, b"k", []) == {}
        assert backend.get(A, []) == {}
        assert backend.find(A, []) == {}
        assert list(backend.tags()) == [A]

    # -- indexes: tokens that do not derive from their values --

    def test_the_first_entry_of_an_index_stays(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        first = Entry("t", b"1", index=INDEX)
        assert backend.put(A, b"k", [first]) == {"t": first}
        assert backend.put(A, b"k", [Entry("s", b"2", index=INDEX)]) == {"s": first}
        assert backend.get(A, ["s"]) == {}
        assert backend.count(A) == 1
        assert backend.find(A, [INDEX, b"j" * 32]) == {INDEX: first}

    def test_a_taken_token_leaves_the_index_free(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        other = b"j" * 32
        backend.put(A, b"k", [Entry("t", b"1", index=INDEX), Entry("plain", b"0")])
        for token in ("t", "plain"):
            won = backend.put(A, b"k", [Entry(token, b"2", True, other)])[token]
            assert won.index != other
            assert not won.known
        assert backend.find(A, [other]) == {}
        retry = Entry("u", b"2", True, other)
        assert backend.put(A, b"k", [retry]) == {"u": retry}
        assert list(backend.entries(A, known_since=0)) == [retry]

    def test_an_index_that_was_there_may_become_known(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        backend.put(A, b"k", [Entry("t", b"1", index=INDEX)])
        won = backend.put(A, b"k", [Entry("s", b"2", True, INDEX), Entry("x", b"3")])
        assert won["s"] == Entry("t", b"1", True, INDEX)
        assert [e.token for e in backend.entries(A, known_since=0)] == ["t"]
        assert backend.user(A).version == 1  # type: ignore[union-attr]

    def test_users_do_not_share_indexes(self, backend: VaultBackend) -> None:
        for tag, token in ((A, "t"), (B, "s")):
            backend.create_user(tag, b"k")
            assert list(backend.put(tag, b"k", [Entry(token, b"1", index=INDEX)])) == [token]
        assert backend.find(A, [INDEX])[INDEX].token == "t"
        backend.erase(A, 1.0)
        assert backend.find(A, [INDEX]) == {}
        assert backend.find(B, [INDEX])[INDEX].token == "s"

    def test_of_many_who_claim_an_index_at_once_one_wins(
        self, backend: VaultBackend, other: VaultBackend
    ) -> None:
        backend.create_user(A, b"k")
        for round_ in range(10):
            index = bytes([round_]) * 32
            claims = [Entry(f"{round_}-{n}", b"%d" % n, index=index) for n in range(6)]
            puts = [
                partial(b.put, A, b"k", [e])
                for e, b in zip(claims, (backend, other) * 3, strict=True)
            ]
            held = [next(iter(won.values())) for won in together(*puts)]
            assert len(set(held)) == 1
            assert held[0] in claims
            assert backend.find(A, [index]) == {index: held[0]}
        assert backend.count(A) == 10

    # -- the data key --

    def test_a_data_key_is_rewrapped_only_if_it_is_the_one_that_was_read(
        self, backend: VaultBackend
    ) -> None:
        assert backend.rewrap(A, b"k", b"new") is False
        assert backend.user(A) is None
        backend.create_user(A, b"k")
        backend.put(A, b"k", [Entry("t", b"1", known=True)])
        before = backend.user(A)
        assert backend.rewrap(A, b"other", b"new") is False
        assert backend.user(A) == before
        assert backend.rewrap(A, b"k", b"new") is True
        after = backend.user(A)
        assert before is not None and after is not None
        assert (after.wrapped_key, after.version) == (b"new", before.version)
        with pytest.raises(UserErasedError):
            backend.put(A, b"k", [Entry("s", b"1")])
        backend.put(A, b"new", [Entry("s", b"1")])

    def test_P20_rewrapping_brings_no_erased_user_back(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        backend.erase(A, 5.0)
        assert backend.rewrap(A, b"k", b"new") is False
        assert backend.user(A).wrapped_key is None  # type: ignore[union-attr]

    def test_rewrapping_keeps_a_tombstone(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        backend.tombstone(A, 5.0)
        assert backend.rewrap(A, b"k", b"new") is True
        assert backend.user(A).erased_at == 5.0  # type: ignore[union-attr]

    def test_all_users_are_listed_once(self, backend: VaultBackend) -> None:
        tags = {f"{n:064x}" for n in range(700)}
        for tag in tags:
            backend.create_user(tag, b"k")
        backend.tombstone(A, 1.0)
        backend.erase(B, 1.0)
        listed = list(backend.tags())
        assert len(listed) == len(set(listed))
        assert set(listed) == tags | {A, B}
