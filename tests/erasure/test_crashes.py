"""Threat E8: killed with SIGKILL at every journal write and at random times, over three stores.

`PIIRAG_CRASH_RUNS` says how many runs (8 by default; the published figure is of 200).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("chromadb")
pytest.importorskip("llama_index.core")
sys.path.append(str(Path(__file__).parent))
import crash

from piirag.erasure.receipt import verify_receipt

RUNS = int(os.environ.get("PIIRAG_CRASH_RUNS", "8"))
SEED = int(os.environ.get("PIIRAG_CRASH_SEED", "5"))


def run(forks: Any, function: Any, *args: Any) -> int:
    process = forks.Process(target=function, args=args)
    process.start()
    process.join(300)
    code = process.exitcode
    assert code is not None, "the process hangs"
    return int(code)


def copied(filled: Path, folder: Path) -> str:
    shutil.copytree(filled, folder)
    return str(folder)


@pytest.fixture(scope="session")
def uninterrupted(forks: Any, filled: Path, tmp_path_factory: Any) -> dict[str, Any]:
    """An erasure that nobody interrupts: how long it takes, its writes, and what is left."""
    folder = copied(filled, tmp_path_factory.mktemp("whole") / "w")
    assert run(forks, crash.erase, folder, None, False, folder + ".started") == 0
    status, writes, took = json.loads(Path(folder, "outcome.json").read_text())
    assert status == "complete"
    assert run(forks, crash.resume, folder) == 0
    users = json.loads(Path(folder, "resumed.json").read_text())["users"]
    for user in crash.USERS[1:]:
        held = users[user]
        parts = ("chroma", "vectors", "docstore", "vault")
        assert [len(held[part]) for part in parts] == [crash.ITEMS] * 4
    return {"took": took, "writes": writes, "users": users}


def check(folder: str, whole: dict[str, Any]) -> dict[str, Any]:
    """Complete, nothing of the user left, nothing of others lost."""
    outcome: dict[str, Any] = json.loads(Path(folder, "resumed.json").read_text())
    [text] = outcome["receipts"]
    receipt = verify_receipt(text, crash.SIGNING.public)
    assert receipt.status == "complete"
    assert crash.GONE not in text
    assert outcome["unfinished"] == 0
    assert outcome["sealed"] is False, "the id is wiped"
    assert outcome["refused"] is True
    assert outcome["found"] == [0, 0, 0]
    assert outcome["again"] == 0
    gone = outcome["users"][crash.GONE]
    assert not any(gone.values()), gone
    for user in crash.USERS[1:]:
        assert outcome["users"][user] == whole["users"][user], user
    journal = b"".join(p.read_bytes() for p in Path(folder).glob("erasure.db*"))
    assert crash.GONE.encode() not in journal
    assert b"The text number" not in journal
    return outcome


def plan(writes: int) -> list[tuple[str, Any]]:
    """Every write, before and after, then random times; a short mode takes a spread of them."""
    dice = random.Random(SEED)
    points = [("write", (at, after)) for at in range(writes) for after in (False, True)]
    half = max(1, RUNS // 2)
    if len(points) > half:
        step = len(points) / half
        points = [points[int(k * step)] for k in range(half)]
    return points + [("time", dice.random()) for _ in range(max(0, RUNS - len(points)))]


def test_E8_killed_at_every_step_and_at_random_times_it_is_resumed_to_complete(
    forks: Any, filled: Path, uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    killed = 0
    deleted: set[int] = set()
    for number, (kind, where) in enumerate(plan(uninterrupted["writes"])):
        folder = copied(filled, tmp_path / str(number))
        started = folder + ".started"
        if kind == "write":
            code = run(forks, crash.erase, folder, *where, started)
            assert code == -signal.SIGKILL, f"not killed at {where}"
        else:
            process = forks.Process(target=crash.erase, args=(folder, None, False, started))
            process.start()
            while not os.path.exists(started) and process.is_alive():
                time.sleep(0.001)
            time.sleep(where * uninterrupted["took"])
            process.kill()
            process.join(60)
            code = process.exitcode
        killed += code == -signal.SIGKILL
        assert run(forks, crash.resume, folder) == 0, f"{kind} {where}"
        outcome = check(folder, uninterrupted)
        deleted.add(json.loads(outcome["receipts"][0])["targets"][0]["deleted"])
        shutil.rmtree(folder)
    assert killed >= RUNS // 2
    # What was found is noted before anything is deleted, so a resumed receipt tells it; one that
    # was killed after its end is followed by an erasure that finds nothing.
    assert deleted <= {0, crash.ITEMS}
    assert crash.ITEMS in deleted
    print(f"{killed} of {RUNS} runs killed, all resumed to complete")


def test_two_processes_that_erase_one_user_end_with_one_outcome(
    forks: Any, filled: Path, uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    folder = copied(filled, tmp_path / "both")
    barrier = forks.Barrier(2)
    processes = [forks.Process(target=crash.both, args=(folder, k, barrier)) for k in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    one, two = (Path(folder, f"both{k}.json").read_text() for k in range(2))
    done = sorted((json.loads(text) for text in (one, two)), key=lambda data: data["finished"])
    # The same receipt, signature and all; or the machine let one start after the other's end.
    assert one == two or done[1]["targets"][0]["found"] == 0
    assert done[0]["targets"][0]["deleted"] == crash.ITEMS
    assert run(forks, crash.resume, folder) == 0
    outcome = json.loads(Path(folder, "resumed.json").read_text())
    for user in crash.USERS[1:]:
        assert outcome["users"][user] == uninterrupted["users"][user]
