"""Paths and fixtures shared by all tests."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).parent
for _folder in (_TESTS, _TESTS.parent / "examples"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))
