"""Every known threat under L, P and S is the name of a test, on every path that has it.

What the ids stand for: L, where raw values escape although the prompt is redacted; P, placeholders
and rehydration; S, streams, tools and parts of messages.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
FOLDERS = {"langchain_adapter": "langchain", "llama_index_adapter": "llama_index"}
ALL = [
    *(f"L{n}" for n in range(1, 19)),
    *(f"P{n}" for n in range(1, 23)),
    *(f"S{n}" for n in range(1, 10)),
]
# Ids that a path does not have, and why.
NO_PATH = {
    "core": {
        **dict.fromkeys(["L1", "L2", "L3", "L4", "L18"], "a framework's callbacks and tracers"),
        **dict.fromkeys(["L8", "L10", "L11"], "LlamaIndex's own parts"),
        "L12": "the cache of a framework",
        "S3": "the modes of a framework's streams",
        "S8": "the ways to call a framework's model",
    },
    "langchain": {
        **dict.fromkeys(["L8", "L10", "L11"], "LlamaIndex's own parts"),
        "L16": "the detector's",
        "P19": "the vault's",
    },
    "llama_index": {"L16": "the detector's"},
}


@cache
def named() -> dict[str, dict[str, list[str]]]:
    """Path -> id -> tests with that id in their name."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in TESTS.rglob("test_*.py"):
        path = FOLDERS.get(file.parent.name, "core")
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # Those at the front: the rest of a name is words.
                front = re.match(r"test(?:_invariant_\d+)?((?:_[A-Z]\d+)+)(?:_|$)", node.name)
                for one in re.findall(r"[A-Z]\d+", front.group(1)) if front else ():
                    found[path][one].append(f"{file.name}::{node.name}")
    return found


@pytest.mark.parametrize("path", NO_PATH)
def test_every_threat_is_a_named_test(path: str) -> None:
    exempt = set(NO_PATH[path])
    missing = [one for one in ALL if one not in exempt and not named()[path].get(one)]
    assert missing == []


@pytest.mark.parametrize("path", NO_PATH)
def test_no_exemption_has_outlived_its_reason(path: str) -> None:
    exempt = set(NO_PATH[path])
    assert [one for one in exempt if named()[path].get(one)] == []
    assert exempt <= set(ALL)


@pytest.mark.parametrize("one", ALL)
def test_every_threat_is_named_somewhere(one: str) -> None:
    assert any(tests.get(one) for tests in named().values())
