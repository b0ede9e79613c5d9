"""The map to the standards: every item is there, and every test that it names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs/standards.md").read_text("utf-8")
ITEMS = {
    *(f"AISVS 5.2.{n}" for n in range(1, 5)),
    "AISVS 5.3.1",
    *(f"AISVS 8.1.{n}" for n in range(1, 7)),
    *(f"AISVS 8.2.{n}" for n in range(1, 7)),
    *(f"AISVS 8.3.{n}" for n in range(1, 4)),
    *(f"AISVS 12.1.{n}" for n in range(1, 5)),
    "AISVS 12.2.5",
    "AISVS 12.5.4",
    "LLM02",
    "LLM08",
    *(f"HIPAA {n}" for n in range(1, 19)),
    *(f"GDPR {n}" for n in (5, 9, 15, 17, 20, 22, 25, 30, 32, 35)),
}
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_ANSWER = re.compile(r"(yes|partly|no)\b")


def rows() -> list[tuple[str, str, str, str]]:
    found = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and re.match(r"AISVS \d|LLM\d|HIPAA \d|GDPR \d", cells[0]):
            cells += [""] * (4 - len(cells))
            found.append((cells[0], cells[1], cells[2], cells[3].rstrip(" |")))
    return found


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_every_item_has_one_row() -> None:
    names = [row[0] for row in rows()]
    assert set(names) == ITEMS
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_an_item_has_an_answer_and_the_tests_it_names_are_there(
    row: tuple[str, str, str, str],
) -> None:
    _, asked, answer, shown = row
    assert asked
    said = _ANSWER.match(answer)
    assert said, answer
    named = _TEST.findall(shown)
    assert len(named) == shown.count("::"), "every test is written as path::name"
    assert named or said.group(1) == "no", "what is claimed is shown"
    for path, name in named:
        assert name.startswith("test_"), name
        assert name in names_in(path), f"{path}::{name}"


def test_a_refusal_is_a_plain_no() -> None:
    """What piirag does not do is said as such, and there is such."""
    answers = [row[2] for row in rows()]
    assert sum(answer.startswith("no") for answer in answers) >= 5
    assert sum(answer.startswith("partly") for answer in answers) >= 10
