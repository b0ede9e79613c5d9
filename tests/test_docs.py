"""The snippets of README and docs run, and print what they say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
_WORDS = re.compile(r"(\[[A-Z_]+)(?: [A-Z][a-z]{5}){3}\]")


def _normal(text: str) -> str:
    """Pseudonyms depend on the key: only their form can be compared."""
    return _WORDS.sub(r"\1 ...]", text).strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_snippets_run_and_print_what_they_say(page: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = _BLOCK.findall(page.read_text())
    namespace: dict = {}
    checked = 0
    for position, (kind, code) in enumerate(blocks):
        if kind != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"{page.name}:{position}", "exec"), namespace)
        after = blocks[position + 1] if position + 1 < len(blocks) else ("", "")
        if after[0] == "text":
            assert _normal(printed.getvalue()) == _normal(after[1])
            checked += 1
    assert checked or page.name in {"callbacks.md", "design.md", "standards.md"}


def test_the_first_snippet_is_short() -> None:
    blocks = [code for kind, code in _BLOCK.findall(PAGES[0].read_text()) if kind == "python"]
    assert len([line for line in blocks[0].splitlines() if line.strip()]) <= 20


def test_the_two_commands_stand_on_the_first_screen() -> None:
    first_screen = PAGES[0].read_text().splitlines()[:25]
    assert any(line.startswith("make demo") for line in first_screen)
    assert any(line.startswith("make test") for line in first_screen)
    assert any('pip install "piirag[langchain,chroma]"' in line for line in first_screen)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_public_name_has_a_docstring() -> None:
    import langchain_piirag
    import piirag

    for package in (piirag, langchain_piirag):
        for name in package.__all__:
            if not name.startswith("__"):
                assert getattr(package, name).__doc__, name
