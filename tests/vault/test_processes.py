"""Several processes share one vault. Threats P14, P20, P21."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from piirag.redaction.mapping import RedactionMapping
from piirag.vault import SessionGoneError

RACER = Path(__file__).parent / "racer.py"


pytestmark = pytest.mark.parametrize("store", ["sqlite", "redis", "postgres"], indirect=True)


class Racers:
    """Other processes that wait for the signal."""

    def __init__(self, role: str, store: Any, key: Any, count: int = 2) -> None:
        env = {**os.environ, "PIIRAG_MASTER_KEY": key.export()}
        command = [sys.executable, str(RACER), role, store.kind, store.address]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._running = [subprocess.Popen(command, env=env, **pipes) for _ in range(count)]
        for process in self._running:
            assert process.stdout.readline() == "ready\n"

    def go(self) -> None:
        for process in self._running:
            process.stdin.write("go\n")
            process.stdin.flush()

    def running(self) -> bool:
        return all(process.poll() is None for process in self._running)

    def results(self) -> list[Any]:
        outputs = [process.communicate()[0] for process in self._running]
        assert [process.returncode for process in self._running] == [0] * len(outputs)
        return [json.loads(output) for output in outputs]


def test_P21_two_processes_that_issue_a_token_for_one_value_end_with_one(store, key) -> None:
    vault = store.vault(key)
    racers = Racers("claim", store, key)
    racers.go()
    one, two = racers.results()
    assert one == two
    assert len(set(one)) == 100
    assert vault.count("u") == 100
    assert {token for token, _ in vault.open("u").values()} == set(one)


def test_P20_two_processes_write_while_the_user_is_erased(store, key) -> None:
    vault = store.vault(key)
    vault.open("u")
    racers = Racers("write", store, key)
    racers.go()
    while vault.count("u") < 20 and racers.running():
        time.sleep(0.001)
    vault.forget("u")
    # Both were stopped by the erasure; on a busy machine one may not have written before it.
    assert sum(racers.results()) > 0
    assert vault.count("u") == 0
    assert vault.sessions.count("u") == 0
    vault.reinstate("u")
    assert vault.open("u").values() == []


def test_P20_of_two_processes_that_take_a_session_one_gets_it(store, key) -> None:
    vault = store.vault(key)
    mapping = RedactionMapping()
    mapping.add("[PERSON_1]", "Jane Roe", "PERSON")
    for n in range(100):
        vault.sessions.put(mapping, user_id="u", session_id=str(n))
    racers = Racers("take", store, key)
    racers.go()
    one, two = racers.results()
    assert sorted([*one, *two]) == list(range(100))
    with pytest.raises(SessionGoneError):
        vault.sessions.take(user_id="u", session_id="0")


def test_processes_that_start_at_once_agree_on_the_tables(store, key) -> None:
    racers = Racers("start", store, key, count=4)
    racers.go()
    assert len(set(racers.results())) == 1
