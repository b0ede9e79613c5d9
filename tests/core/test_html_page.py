"""The parts of pages: text is escaped wherever it is put."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag.html_page import (
    END,
    Html,
    bar_chart,
    begin,
    bullets,
    colour,
    esc,
    facts,
    join,
    mark,
    page,
    swatch,
    table,
)

EVIL = '<script src="//x">\'&\x00\ud800</script>'
PARTS: list[Callable[[str], str]] = [
    lambda text: page(text, esc(text), lang=text),
    lambda text: begin(text, lang=text) + END,
    lambda text: facts([(text, text)]),
    lambda text: bullets([text]),
    lambda text: table([text], [[text]], numeric={0}, stack=True),
    lambda text: table(["x"], [], empty="-" + text),
    lambda text: bar_chart([(text, 1.5)], title=text, unit=text, colours=True),
    lambda text: mark(text, text),
    lambda text: swatch(text, text),
    lambda text: join([text, text], "<br>"),
]


class Tags(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "evil"}


@pytest.mark.parametrize("part", PARTS)
@given(st.text(max_size=40) | st.just(EVIL) | st.just("\" evil='x' evil=\"y"))
def test_text_adds_no_tag_and_no_attribute(part: Callable[[str], str], text: str) -> None:
    made = part(text)
    assert Tags(made).found == Tags(part("plain")).found
    made.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", made)


def test_markup_is_left_as_it_is() -> None:
    assert esc(Html("<b>")) == "<b>"
    assert esc("<b>") == "&lt;b&gt;"
    assert esc(3) == "3"
    assert table(["a"], [[Html("<b>x</b>")]]).count("<b>x</b>") == 1


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError):
        table(["a", "b"], [["x"]])


def test_a_chart_says_what_it_leaves_out() -> None:
    made = bar_chart([(f"n{i}", i) for i in range(40)], title="t", most=10)
    assert made.count("<rect") == 10
    assert "30 more are not drawn." in made
    assert 'width="100.00%"' in bar_chart([("a", 0.0), ("b", 7)], title="t")
    assert bar_chart([("a", 0)], title="t").count("<rect") == 1


def test_types_that_are_found_often_have_colours_of_their_own() -> None:
    often = "PERSON EMAIL_ADDRESS PHONE_NUMBER LOCATION ORGANIZATION HEALTH IBAN_CODE".split()
    assert len({colour(kind) for kind in often}) == len(often)
    assert colour("OUR_OWN_TYPE") == colour("OUR_OWN_TYPE")
