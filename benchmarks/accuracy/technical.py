"""Technical lines that hold no personal data. A finding in them is a false one."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from pathlib import Path

from benchmarks.accuracy.sample import Sample
from benchmarks.accuracy.split import FIRST_SEED

_FOLDER = Path(__file__).parent / "clean"
_MODULES = "parser|scheduler|storage|index|router|codec|metrics|cluster|planner|sandbox".split("|")
_STATES = "started|queued|retried|finished|skipped|timed out|cancelled|restored".split("|")


def _hex(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("0123456789abcdef", k=length))


def _version(rng: random.Random) -> str:
    form = rng.choice(("{}.{}.{}", "v{}.{}.{}", "{}.{}.{}-rc.1", "{}.{}.{}.{}", "{}.{}.{}+build.7"))
    return form.format(*(rng.randint(0, 24) for _ in range(4)))


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


_LINES: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"{r.choice(_MODULES)}=={_version(r)}",
    lambda r: f"upgraded {r.choice(_MODULES)} from {_version(r)} to {_version(r)}",
    lambda r: f"request_id={_uuid(r)} status={r.choice((200, 201, 404, 500))} bytes={r.randint(90, 99999)}",
    lambda r: f"{_uuid(r)}  {r.choice(_STATES)}  {r.uniform(0, 90):.3f}s",
    lambda r: f"commit {_hex(r, 40)}",
    lambda r: f"sha256:{_hex(r, 64)}",
    lambda r: f"{_hex(r, 7)} {r.choice(_MODULES)}: fix off-by-one in window {r.randint(2, 512)}",
    lambda r: f"ts={r.randint(1_600_000_000, 1_760_000_000)} seq={r.randint(1, 10**9)} lag={r.randint(0, 900)}",
    lambda r: f"{r.randint(1_600_000_000_000, 1_760_000_000_000)},{r.uniform(-90, 90):.6f},{r.randint(0, 4096)}",
    lambda r: f"0x{_hex(r, 16)}  {' '.join(_hex(r, 2) for _ in range(8))}",
    lambda r: f"row {r.randint(1, 10**6)}: {r.uniform(0, 1000):.2f} {r.uniform(0, 1):.4f} {r.randint(1000, 99999)}",
    lambda r: f"{r.choice(_MODULES)}[{r.randint(100, 32000)}]: task {r.randint(1, 99999)} {r.choice(_STATES)} in {r.randint(1, 9000)} ms",
    lambda r: f"at {r.choice(_MODULES)}.{r.choice(_MODULES)}(Main.java:{r.randint(10, 900)})",
    lambda r: f"{r.choice(_MODULES)}/{r.choice(_MODULES)}.py:{r.randint(1, 700)}:{r.randint(1, 99)}: E{r.randint(100, 999)} line too long",
    lambda r: f"alloc {r.randint(1, 4096)} KiB at 0x{_hex(r, 12)}, {r.randint(1, 64)} pages",
    lambda r: f"{r.choice(_MODULES)}-{_hex(r, 10)}-{_hex(r, 5)}  1/1  Running  {r.randint(0, 9)}  {r.randint(1, 40)}d",
    lambda r: f"total {r.randint(10**3, 10**12):,} in {r.randint(2, 900)} batches, mean {r.gauss(50, 9):.5f}",
    lambda r: f"part no. {r.randint(100, 999)}-{r.randint(1000, 9999)}-{r.choice('ABCDEF')}, {r.randint(1, 80)} x {r.randint(1, 80)} x {r.randint(1, 80)} mm",
)  # fmt: skip


def generate(noise: int = 30, seed: int = FIRST_SEED + 5) -> list[Sample]:
    """The corpus: blocks of a few lines of code, logs, tables, documentation, and mere numbers.

    Args:
        noise: Blocks of ten random lines each: versions, identifiers, hashes, time stamps.
        seed: Picks these.

    Returns:
        One sample a block, without any label.
    """
    samples = []
    for path in sorted(_FOLDER.glob("*.txt")):
        for number, block in enumerate(path.read_text(encoding="utf-8").split("\n%%\n"), start=1):
            samples.append(Sample(block.strip("\n"), (), source=f"{path.stem}/{number}"))
    rng = random.Random(seed)
    for number in range(1, noise + 1):
        block = "\n".join(rng.choice(_LINES)(rng) for _ in range(10))
        samples.append(Sample(block, (), source=f"noise/{number}"))
    return samples


def lines_of(samples: list[Sample]) -> int:
    """How many lines that are not empty a corpus has."""
    return sum(1 for s in samples for line in s.text.splitlines() if line.strip())
