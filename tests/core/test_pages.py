"""The pages list all that there is: fields of a policy, exports, benchmarks."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from piirag import Policy
from piirag.policy_checks import CHOICES

ROOT = Path(__file__).parent.parent.parent
_ROW = re.compile(r"^\| `(\w+)` \| `([^`]*)` \| (.+) \|$", re.M)


def _rows() -> dict[str, tuple[str, str]]:
    """Field -> default and description, of the table under "Every field of a policy"."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    [section] = re.findall(r"^## Every field of a policy$(.*?)^## ", page, re.M | re.S)
    found = _ROW.findall(section)
    assert len(found) == len({name for name, _, _ in found}), "a field stands twice"
    return {name: (default, text) for name, default, text in found}


def test_every_field_of_a_policy_has_a_row() -> None:
    assert list(_rows()) == [field.name for field in dataclasses.fields(Policy)]


@pytest.mark.parametrize("field", dataclasses.fields(Policy), ids=lambda field: field.name)
def test_the_row_tells_the_default_and_all_choices(field: dataclasses.Field[object]) -> None:
    shown, text = _rows()[field.name]
    missing = dataclasses.MISSING
    default = field.default if field.default_factory is missing else field.default_factory()
    assert ast.literal_eval(shown) == default
    for choice in CHOICES.get(field.name, ()):
        assert f'`"{choice}"`' in text, choice


def test_every_benchmark_has_a_row() -> None:
    folder = ROOT / "benchmarks"
    page = (folder / "README.md").read_text()
    runs = "if __name__"
    names = {path.name for path in folder.glob("*.py") if runs in path.read_text()}
    names |= {f"-m benchmarks.{path.parent.name}" for path in folder.glob("*/__main__.py")}
    assert len(names) >= 5
    for name in names:
        rows = [line for line in page.splitlines() if line.startswith("| `") and name in line]
        assert rows, f"{name} has no row"
        for row in rows:
            assert len(row.split("|")[2].strip()) > 40, f"{name}: what does it measure?"
    for command in re.findall(r"benchmarks/(\w+\.py)", page):
        assert (folder / command).is_file(), command


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target, anchor in re.findall(
            r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()
        ):
            at = (page.parent / target) if target else page
            assert at.exists(), f"{page.name}: {target}"
            if anchor and at.suffix == ".md":
                heads = re.findall(r"^#+ (.+)$", at.read_text(), re.M)
                made = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}
                assert anchor in made, f"{page.name}: #{anchor}"
