"""Threads that lend a hand: order, errors, nesting, forks, an interpreter that ends."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from piirag import default_detector
from piirag.detection.fused.scan import Scanner
from piirag.detection.ner import threads
from piirag.detection.ner.threads import Shared, work_through
from piirag.errors import DetectionTimeoutError

MODEL = True


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setattr(threads, "_helpers", threads._Helpers())


def test_results_keep_the_order_of_the_items() -> None:
    assert work_through(lambda n: n * n, list(range(50))) == [n * n for n in range(50)]
    assert work_through(str, []) == []


def test_several_threads_work_and_the_caller_is_one_of_them() -> None:
    seen = set()
    together = threading.Barrier(4)

    def work(_: int) -> None:
        together.wait(timeout=10)  # breaks where fewer than four work at once
        seen.add(threading.get_ident())

    work_through(work, range(4))
    assert len(seen) == 4
    assert threading.get_ident() in seen


def test_no_more_threads_than_asked_for() -> None:
    seen = set()
    work_through(lambda _: seen.add(threading.get_ident()), range(100), threads=1)
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("fails", [0, 7, 49])
def test_an_error_reaches_the_caller_and_the_rest_is_left_out(fails: int) -> None:
    begun = []
    raised = threading.Event()

    def work(n: int) -> None:
        begun.append(n)
        if n == fails:
            raised.set()
            raise LookupError(n)
        if n > fails:
            raised.wait(timeout=10)
            time.sleep(0.002)

    with pytest.raises(LookupError):
        work_through(work, range(300))
    assert len(begun) < 300


def test_a_helper_that_needs_help_does_the_work_itself() -> None:
    def work(n: int) -> int:
        return sum(work_through(lambda m: n * m, range(5)))

    assert work_through(work, range(40)) == [10 * n for n in range(40)]


def test_helpers_that_are_taken_are_not_waited_for() -> None:
    go_on, busy = threading.Event(), threading.Barrier(5)

    def block(_: int) -> None:
        busy.wait(timeout=10)
        go_on.wait(timeout=10)

    with ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(work_through, block, range(4))
        busy.wait(timeout=10)
        assert work_through(lambda n: n, range(8)) == list(range(8))
        assert not blocked.done()
        go_on.set()
        blocked.result(timeout=10)


def test_where_no_thread_can_be_started_the_caller_works_alone(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads._Helpers, "submit", refuse)
    assert work_through(lambda n: n, range(9)) == list(range(9))


def test_helpers_see_the_context_of_the_caller() -> None:
    asked = contextvars.ContextVar("asked", default=0)
    asked.set(5)
    assert set(work_through(lambda _: asked.get(), range(30))) == {5}


def test_callers_in_many_threads_get_their_own_results() -> None:
    def call(n: int) -> bool:
        return work_through(lambda m: n * m, range(20)) == [n * m for m in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(200)))


def test_helpers_begin_before_the_caller_is_ready() -> None:
    begun = threading.Event()
    shared = Shared(lambda _: begun.set(), range(1), ahead=True)
    assert begun.wait(timeout=10)
    assert shared.results() == [None]


def test_what_is_cancelled_is_left_out() -> None:
    go_on, begun = threading.Event(), []

    def work(n: int) -> None:
        begun.append(n)
        go_on.wait(timeout=10)

    shared = Shared(work, range(100), ahead=True)
    shared.cancel()
    go_on.set()
    shared.results()
    assert len(begun) <= 3


def test_D7_a_pattern_that_fails_leaves_no_reading_behind(monkeypatch) -> None:
    cancelled = []
    cancel = Shared.cancel
    monkeypatch.setattr(Shared, "cancel", lambda self: (cancelled.append(self), cancel(self)))

    def fail(*_: object) -> None:
        raise DetectionTimeoutError("a pattern ran out of its time budget")

    detector = default_detector()
    text = "Jane Roe met Omar Haddad in Berlin.\n" * 40
    expected = detector.detect(text)
    with monkeypatch.context() as patch:
        patch.setattr(Scanner, "matches", fail)
        before = len(cancelled)
        with pytest.raises(DetectionTimeoutError):
            detector.detect(text)
    assert len(cancelled) > before
    assert not cancelled[-1]._left
    assert detector.detect(text) == expected


_FORKED = """
import os, signal
from piirag import default_detector
text = "Jane Roe met Omar Haddad in Berlin.\\n" * 40
detector = default_detector()
expected = detector.detect_batch([text, text[:99]])
child = os.fork()
if not child:
    signal.alarm(60)  # a child that hangs is ended
    os._exit(detector.detect_batch([text, text[:99]]) != expected)
_, status = os.waitpid(child, 0)
print("same" if status == 0 and detector.detect_batch([text, text[:99]]) == expected else status)
"""

_ENDING = """
import atexit
from piirag import default_detector
text = "Jane Roe met Omar Haddad in Berlin.\\n" * 40
detector = default_detector()
expected = detector.detect(text)
atexit.register(lambda: print("same" if detector.detect(text) == expected else "other"))
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            _FORKED, marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
        ),
        _ENDING,
    ],
    ids=["forked", "ending"],
)
def test_a_forked_child_and_an_ending_process_find_the_same(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "same", done.stderr


def test_work_is_not_lost_to_a_helper_that_could_not_start(monkeypatch) -> None:
    """The pool keeps the work of a failed start for its next thread."""
    start = threading.Thread.start
    failed: list[str] = []

    def once(thread: threading.Thread) -> None:
        if thread.name.startswith("piirag-helper") and not failed:
            failed.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    def slow(number: int) -> int:
        time.sleep(0.05)
        return number

    monkeypatch.setattr(threading.Thread, "start", once)
    with ThreadPoolExecutor(2, "caller") as callers:
        first = callers.submit(work_through, slow, [1, 2, 3, 4], 2)
        while not failed:
            time.sleep(0.001)
        second = callers.submit(work_through, slow, [5, 6, 7, 8], 2)
        assert first.result() == [1, 2, 3, 4]
        assert second.result() == [5, 6, 7, 8]
