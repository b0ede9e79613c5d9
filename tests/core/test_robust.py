"""Large texts, many threads, and work that grows no faster than the text."""

from __future__ import annotations

import random
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from piirag import Scrubber, default_detector
from piirag.detection.finding import Finding
from piirag.detection.presidio import PresidioDetector
from piirag.detection.windows import WINDOW, windows, without_halves

LINE = "the river had been straightened and flooded the meadows less often than before\n"
MEGABYTE = 1_000_000


class Counting:
    """An engine that finds one address and counts what it is given."""

    def __init__(self) -> None:
        self.characters = 0
        self.longest = 0

    def get_supported_entities(self) -> list[str]:
        return ["EMAIL_ADDRESS"]

    def analyze(self, text: str, **_: object) -> list[object]:
        self.characters += len(text)
        self.longest = max(self.longest, len(text))
        return []


def peak(size: int) -> tuple[int, Counting]:
    """Bytes that detection takes beside the text itself."""
    text = (LINE * (size // len(LINE) + 1))[:size]
    engine = Counting()
    detector = PresidioDetector(engine)  # type: ignore[arg-type]
    detector.detect(text[:WINDOW])
    engine.characters = 0
    tracemalloc.start()
    detector.detect(text)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, engine


def test_D9_a_hundred_megabytes_take_no_more_memory_than_one() -> None:
    small, _ = peak(MEGABYTE)
    large, engine = peak(100 * MEGABYTE)
    assert engine.longest <= WINDOW
    assert large < 2 * small + MEGABYTE


def test_D9_windows_are_made_one_at_a_time() -> None:
    text = "x" * (20 * MEGABYTE)
    tracemalloc.start()
    count = sum(1 for _ in windows(text))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count > 1_000
    assert most < 10 * WINDOW


@pytest.mark.parametrize("unit", [LINE, "a.b-c_d ", "1234567890", "@", "jane.roe@example.com "])
def test_D8_the_engine_sees_each_character_about_once(unit: str) -> None:
    seen = []
    for copies in (1, 4):
        engine = Counting()
        text = (unit * (200_000 // len(unit) + 1))[:200_000] * copies
        PresidioDetector(engine).detect(text)  # type: ignore[arg-type]
        seen.append(engine.characters)
    assert seen[1] <= 4.5 * seen[0]


def test_D9_halves_at_an_edge_are_left_out_and_nothing_else() -> None:
    rng = random.Random(5)
    for _ in range(200):
        made = [
            Finding("X", start, start + rng.randint(1, 9), 0.5, "r")
            for start in (rng.randrange(40) for _ in range(rng.randint(0, 12)))
        ]
        found, edge = set(made[::2]), set(made[1::2])
        halves = {f for f in edge if any(g.start <= f.start and f.end <= g.end for g in found)}
        assert without_halves(found, edge) == found | (edge - halves)


def test_threads_share_one_engine_and_find_the_same() -> None:
    texts = [
        f"Write to user{n}@example.com or call +44 20 7946 {n:04}, card 4111 1111 1111 1111"
        for n in range(40)
    ]
    detector = default_detector()
    alone = [detector.detect(text) for text in texts]
    start = threading.Barrier(8)

    def work(seed: int) -> bool:
        start.wait()
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        return all(default_detector().detect(texts[n]) == alone[n] for n in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_threads_share_one_scrubber_and_give_the_same_tokens() -> None:
    scrubber = Scrubber()
    texts = [f"user{n % 7}@example.com" for n in range(60)]

    def work(n: int) -> str:
        return scrubber.scrub(texts[n], user_id=f"u{n % 3}").text

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(work, range(60)))
    tokens: dict[tuple[int, int], set[str]] = {}
    for n, token in enumerate(made):
        tokens.setdefault((n % 3, n % 7), set()).add(token)
    assert all(len(same) == 1 for same in tokens.values())
    assert len({token for same in tokens.values() for token in same}) == 21


def test_batches_give_what_single_texts_give() -> None:
    texts = ["user@example.com", "", "nothing", "card 4111 1111 1111 1111", "user@example.com"]
    detector = default_detector()
    assert detector.detect_batch(texts) == [detector.detect(text) for text in texts]
