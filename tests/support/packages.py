"""Optional packages of tests."""

from __future__ import annotations

import importlib.util
import os

import pytest


def need(*modules: str) -> None:
    """Skip the module that asks where a package is missing; fail where it has to be there."""
    for module in modules:
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if found:
            continue
        if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
            pytest.fail(f"the package {module} is missing", pytrace=False)
        pytest.skip(f"the package {module} is missing", allow_module_level=True)
