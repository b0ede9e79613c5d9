"""The part of the suite of vault back ends that is about sessions, and races with an erasure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest

from piirag.errors import UserErasedError
from piirag.vault.protocol import Entry, VaultBackend

A = "aa" * 32
B = "bb" * 32
# Sessions are kept until a time in the future, as seen by the store's own clock too.
NOW = time.time()
SOON = NOW + 3600
LATER = NOW + 7200
_T = TypeVar("_T")


def together(*calls: Callable[[], _T]) -> list[_T]:
    """Results of calls that start at one moment, each in a thread of its own."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], _T]) -> _T:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def race_writes_with_an_erasure(one: VaultBackend, two: VaultBackend, key: bytes) -> None:
    """Two writers, and an erasure that comes once they are at it."""
    finished = threading.Event()

    def write(at: VaultBackend, name: str) -> None:
        try:
            for n in range(200):
                entry = Entry(f"{name}{n}", b"1", n % 3 == 0, f"{name}{n}".encode())
                at.put(A, key, [entry])
                at.put_session(A, key, f"{name}{n}", b"1", expires_at=SOON, now=NOW)
        except UserErasedError:
            pass
        finally:
            finished.set()

    def erase() -> None:
        while two.count(A) < 5 and not finished.is_set():
            pass
        two.erase(A, 5.0)

    together(lambda: write(one, "a"), lambda: write(two, "b"), erase)


class SessionSuite:
    """Part of `VaultBackendSuite`, which has the fixtures."""

    def _session(
        self, backend: VaultBackend, key: str = "s", blob: bytes = b"1", tag: str = A
    ) -> bool:
        return backend.put_session(tag, b"k", key, blob, expires_at=SOON, now=NOW)

    def test_P20_a_session_is_handed_out_once(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        assert backend.take_session(A, "s", NOW) is None
        assert self._session(backend, blob=b"\x00\xff") is True
        assert backend.count_sessions(A, NOW) == 1
        assert backend.count(A) == 0
        assert backend.take_session(A, "other", NOW) is None
        assert backend.take_session(B, "s", NOW) is None
        assert backend.take_session(A, "s", NOW) == b"\x00\xff"
        assert backend.take_session(A, "s", NOW) is None
        assert backend.count_sessions(A, NOW) == 0

    def test_P20_of_many_who_take_a_session_at_once_one_gets_it(
        self, backend: VaultBackend, other: VaultBackend
    ) -> None:
        backend.create_user(A, b"k")
        for _ in range(10):
            self._session(backend)
            takers = [partial(b.take_session, A, "s", NOW) for b in (backend, other) * 3]
            got = together(*takers)
            assert (got.count(b"1"), got.count(None)) == (1, 5)

    def test_a_live_session_is_not_replaced(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        assert self._session(backend) is True
        assert self._session(backend, blob=b"2") is False
        assert backend.take_session(A, "s", NOW) == b"1"
        assert self._session(backend, blob=b"2") is True

    def test_P20_an_expired_session_is_gone(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        self._session(backend)
        assert backend.count_sessions(A, LATER) == 0
        assert backend.take_session(A, "s", LATER) is None
        # A look at an expired session destroys it, whatever the next clock says.
        assert backend.take_session(A, "s", NOW) is None

    def test_an_expired_session_makes_room(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        self._session(backend)
        assert backend.put_session(A, b"k", "s", b"2", expires_at=LATER + 1, now=LATER) is True
        assert backend.take_session(A, "s", LATER) == b"2"

    def test_purging_leaves_what_is_alive(self, backend: VaultBackend) -> None:
        for tag in (A, B):
            backend.create_user(tag, b"k")
            self._session(backend, tag=tag)
            backend.put_session(tag, b"k", "long", b"2", expires_at=LATER + 1, now=NOW)
        backend.purge_sessions(LATER)
        assert backend.count_expired(LATER) == 0
        assert backend.purge_sessions(LATER) == 0
        for tag in (A, B):
            assert backend.count_sessions(tag, LATER) == 1
            assert backend.take_session(tag, "long", LATER) == b"2"

    def test_P20_erasing_destroys_sessions_of_this_user_only(self, backend: VaultBackend) -> None:
        for tag in (A, B):
            backend.create_user(tag, b"k")
            self._session(backend, tag=tag)
            self._session(backend, key="two", tag=tag)
        assert backend.erase(A, 5.0) == 0
        assert backend.count_sessions(A, NOW) == 0
        assert backend.take_session(A, "s", NOW) is None
        with pytest.raises(UserErasedError):
            self._session(backend)
        backend.reinstate(A)
        backend.create_user(A, b"k")
        assert backend.take_session(A, "s", NOW) is None
        assert backend.count_sessions(B, NOW) == 2

    def test_P20_a_tombstone_holds_sessions_back(self, backend: VaultBackend) -> None:
        backend.create_user(A, b"k")
        self._session(backend)
        backend.tombstone(A, 5.0)
        assert backend.take_session(A, "s", NOW) is None
        with pytest.raises(UserErasedError):
            self._session(backend, key="two")

    def test_a_session_under_another_data_key_is_refused(self, backend: VaultBackend) -> None:
        with pytest.raises(UserErasedError):
            self._session(backend)
        backend.create_user(A, b"new")
        with pytest.raises(UserErasedError):
            self._session(backend)

    def test_P20_no_write_slips_in_behind_an_erasure(
        self, backend: VaultBackend, other: VaultBackend
    ) -> None:
        for round_ in range(5):
            key = b"key %d" % round_
            backend.create_user(A, key)
            race_writes_with_an_erasure(backend, other, key)
            for at in (backend, other):
                assert at.count(A) == 0
                assert list(at.entries(A)) == []
                assert list(at.entries(A, known_since=0)) == []
                assert at.count_sessions(A, NOW) == 0
                assert at.find(A, [b"a0", b"b0"]) == {}
                assert at.user(A).wrapped_key is None  # type: ignore[union-attr]
            backend.reinstate(A)
            backend.create_user(A, b"next")
            assert backend.count(A) == 0
            assert all(backend.take_session(A, f"a{n}", NOW) is None for n in range(5))
            backend.erase(A, 5.0)
            backend.reinstate(A)
