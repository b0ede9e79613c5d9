"""Paths and fixtures shared by all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing here: the first one builds the engine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_TESTS = Path(__file__).parent
for _folder in (_TESTS, _TESTS.parent / "examples"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))


@pytest.fixture(autouse=True)
def _the_model_is_silent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests are about patterns, known values, tokens and stores: their "alice" is content.

    Tests of whole walks (those right in `tests/`) and modules that say `MODEL = True` run with
    the bundled model as users do.
    """
    whole_walk = request.path.parent.name == "tests"
    if whole_walk or getattr(request.module, "MODEL", False):
        return
    from piirag.detection.ner.recognizer import BundledNerRecognizer

    monkeypatch.setattr(BundledNerRecognizer, "analyze", lambda *args, **kwargs: [])
