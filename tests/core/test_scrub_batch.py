"""Several texts in one call are looked at side by side, with the outcome of one call each."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import MemoryVault, Policy, Scrubber
from piirag.detection import Finding, default_detector
from piirag.errors import DetectionError
from support.samples import texts

Found = list[Finding]


class Counting:
    """The default detector, which counts what it is asked."""

    def __init__(self) -> None:
        self.single: list[str] = []
        self.batches: list[list[str]] = []

    def detect(self, text: str, *, language: str = "en") -> Found:
        self.single.append(text)
        return default_detector().detect(text, language=language)

    def detect_batch(self, texts: Sequence[str], *, language: str = "en") -> list[Found]:
        self.batches.append(list(texts))
        return default_detector().detect_batch(texts, language=language)


class Broken(Counting):
    """Answers a batch with what it was told to."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def detect_batch(self, texts: Sequence[str], *, language: str = "en") -> list[Found]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


@settings(max_examples=60)
@given(st.lists(texts, max_size=5))
def test_a_batch_gives_what_single_calls_give(batch: list[str]) -> None:
    scrubber = Scrubber()
    scrubber.scrub("jane.roe@example.com", user_id="u1")  # so that there are keys
    together = scrubber.scrub_batch(batch, user_id="u1", remember=False)
    alone = [scrubber.scrub(text, user_id="u1", remember=False) for text in batch]
    assert [(r.text, r.findings) for r in together] == [(r.text, r.findings) for r in alone]


def test_a_batch_asks_the_detector_once_for_what_it_has_not_seen() -> None:
    detector = Counting()
    scrubber = Scrubber(detector=detector)
    first = scrubber.scrub("mail jane@example.com", user_id="u1").text
    detector.single.clear()
    scrubber.scrub_batch([first, "plain words", " ", "mail joe@example.com"], user_id="u1")
    assert detector.batches == [["plain words", "mail joe@example.com"]]
    assert "plain words" not in detector.single


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("jane@example.com"),
        [[]],
        [[], [], []],
        None,
        [[], None],
        [[], [Finding("EMAIL_ADDRESS", 0, 400, 1.0, "x")]],
    ],
)
def test_D7_a_batch_that_fails_lets_nothing_through(answer: object) -> None:
    vault = MemoryVault()
    scrubber = Scrubber(Policy(), Broken(answer), vault)
    with pytest.raises(DetectionError) as caught:
        scrubber.scrub_batch(["mail jane@example.com", "mail joe@example.com"], user_id="u1")
    assert "example" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
