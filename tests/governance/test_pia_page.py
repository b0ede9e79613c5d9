"""The page of the assessment: one file, nothing fetched, nothing run, well formed."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from piirag.governance.assessment import assessment, gather, to_html
from piirag.governance.assessment.flows import pictures, stops
from piirag.governance.scan import Texts, scan
from support.chromium import DESK, PHONE, look_at

VOID = {"meta", "br", "link", "img", "input", "hr"}


class _Page(HTMLParser):
    """Collects tags, attributes, and whether tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture
def page(tmp_path: Path) -> str:
    config = tmp_path / "piirag.toml"
    config.write_text('[vault]\npath = "v.db"\n[[stores]]\nkind = "chroma"\ncollection = "a<b"\n')
    return to_html(assessment(gather(config), date="2026-11-25"))


def test_it_is_well_formed(page: str) -> None:
    parsed = _Page()
    parsed.feed(page)
    assert parsed.wrong == [] and parsed.open == []
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids)) > 10


def test_it_loads_nothing_and_runs_nothing(page: str) -> None:
    parsed = _Page()
    parsed.feed(page)
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    for tag, attrs in parsed.tags:
        assert not {"src", "href", "srcset", "action", "xlink:href"} & set(attrs), tag
        assert not [name for name in attrs if name.startswith("on")], tag
    assert "url(" not in page and "@import" not in page
    [policy] = [a["content"] for t, a in parsed.tags if a.get("http-equiv")]
    assert policy and policy.startswith("default-src 'none'") and "script" not in policy


def test_the_flow_is_a_drawing_with_the_same_in_words(tmp_path: Path) -> None:
    config = tmp_path / "piirag.toml"
    config.write_text('[vault]\npath = "v.db"\n[[stores]]\nkind = "chroma"\ncollection = "a<b"\n')
    facts = gather(config)
    drawn = pictures(facts)
    assert len(drawn) == len(stops(facts)) == 2
    for picture, (_, way) in zip(drawn, stops(facts), strict=True):
        root = ElementTree.fromstring(picture.svg)
        assert root.get("role") == "img" and root.get("aria-label")
        texts = " ".join("".join(node.itertext()) for node in root.iter("text"))
        assert len(picture.words) == len(way)
        for stop, word in zip(way, picture.words, strict=True):
            assert stop.name.split()[0] in texts
            assert word.startswith(stop.name) and stop.holds in word
        assert "a<b" in texts


def test_the_drawing_fits_a_phone(page: str) -> None:
    [width] = {int(w) for w in re.findall(r'<svg[^>]* width="(\d+)"', page)}
    assert width <= 358, "390 pixels less the margins of the page"
    for x, text in re.findall(r'<text x="(\d+)"[^>]*>([^<]*)</text>', page):
        # Letters of 14 pixels are about 8 wide.
        assert int(x) + 8 * len(unescape(text)) <= width + 8, text


@pytest.mark.parametrize(("width", "dark"), [(DESK, False), (PHONE, True)])
def test_it_stands_by_itself_in_a_browser(width: int, dark: bool, tmp_path: Path) -> None:
    """With what a person, a store's name and a scan may bring along at the longest."""
    long = "a" * 300
    config = tmp_path / "piirag.toml"
    config.write_text(
        f'[vault]\npath = "v.db"\n[[stores]]\nkind = "chroma"\ncollection = "{long}"\n'
        f'[assessment]\nsystem = "{long}"\npurposes = ["<img src=x> {long}"]\n'
    )
    text = "Maria Gonzalez, 34, a nurse from Leeds, has asthma; maria@example.org, 4111111111111111"
    report = tmp_path / "report.json"
    report.write_text(scan(Texts([text] * 3, name="x")).to_json())
    document = assessment(
        gather(config, scan=report), date="2026-11-25", answers={"need-aim": f"{long}\n<b>"}
    )
    page = tmp_path / "page.html"
    page.write_text(to_html(document), "utf-8")
    seen = look_at(page, width, tmp_path, dark=dark)
    assert not seen.fetched
    assert not seen.console
    assert 0 < seen.width <= width
    assert "Sign-off" in seen.text and "To be filled in" in seen.text
    assert seen.pdf.startswith(b"%PDF")
