"""Recognisers by country, built once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from presidio_analyzer import EntityRecognizer

from piirag.detection.recognizers import extra_recognizers

HERE = Path(__file__).parent
THRESHOLD = 0.35
"""The least score that a policy acts on, where it says nothing else."""

Found = list[tuple[str, str, float]]
Find = Callable[..., Found]


@cache
def recognizers(*countries: str) -> list[EntityRecognizer]:
    return extra_recognizers(countries)


@pytest.fixture(scope="session")
def find() -> Find:
    """Entity type, text and score of what the recognisers find above the default threshold."""

    def find(text: str, *countries: str, threshold: float = THRESHOLD) -> Found:
        return [
            (result.entity_type, text[result.start : result.end], result.score)
            for recognizer in recognizers(*countries)
            for result in recognizer.analyze(text, [], None)
            if result.score >= threshold
        ]

    return find


@pytest.fixture(scope="session")
def clean_lines() -> list[str]:
    text = (HERE / "clean_lines.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip()]
