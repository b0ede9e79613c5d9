"""Whose data a tool returned, told by tags in every shape that data come in (threat P4)."""

from __future__ import annotations

import json
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag.tenancy.provenance import NOBODY, Owners, Provenance

MAIL = "joe@example.com"


def _doc(tag: Any) -> dict[str, Any]:
    return {"page_content": MAIL, "metadata": {"user_id": tag}}


def _owner(content: Any) -> str | None:
    owners = Owners("alice")
    found = Provenance()
    if isinstance(content, str):
        owners.read(content, found)
    else:
        owners.search(content, found)
    return owners.judged(found)[0]


TEXTS: dict[str, Any] = {
    "json": lambda t: json.dumps([_doc(t)]),
    "json lines": lambda t: f"{json.dumps(_doc(t))}\n{json.dumps(_doc(t))}",
    "behind a label": lambda t: "Results:\n" + json.dumps([_doc(t)], indent=1) + "\nThat is all.",
    "behind a label in a line": lambda t: f"I found: {json.dumps(_doc(t))} (one)",
    "amid words": lambda t: f"so {json.dumps(_doc(t))} it is",
    "fenced": lambda t: f"```json\n{json.dumps([_doc(t)])}\n```",
    "cut off": lambda t: json.dumps([_doc(t), _doc(t)])[:-1],
    "flat rows": lambda t: json.dumps([{"text": MAIL, "user_id": t}]),
    "rows without a text": lambda t: json.dumps([{"mail": MAIL, "user_id": t}]),
    "json in json": lambda t: json.dumps({"result": json.dumps([_doc(t)])}),
    "json in cut json": lambda t: json.dumps({"result": json.dumps([_doc(t)])})[:-1],
    "repr": lambda t: str([_doc(t)]),
    "attributes": lambda t: f"Row(mail='{MAIL}', user_id='{t}')",
    "yaml": lambda t: f"- mail: {MAIL}\n  user_id: {t}\n",
}

DATA: dict[str, Any] = {
    "an object": lambda t: SimpleNamespace(documents=[_doc(t)]),
    "an object in an object": lambda t: SimpleNamespace(inner=SimpleNamespace(found=[_doc(t)])),
    "an object with a tag": lambda t: SimpleNamespace(mail=MAIL, user_id=t),
    "slots": lambda t: _Slots([_doc(t)]),
    "a queue": lambda t: deque([_doc(t)]),
    "a table": lambda t: _Table({"mail": [MAIL], "user_id": [t]}),
    "json": lambda t: {"body": json.dumps([_doc(t)])},
}


class _Slots:
    __slots__ = ("found",)

    def __init__(self, found: Any) -> None:
        self.found = found


class _Table:
    def __init__(self, data: dict[str, Any]) -> None:
        self.columns = list(data)
        self.__getitem = data.__getitem__

    def __getitem__(self, key: str) -> Any:
        return self.__getitem(key)


@pytest.mark.parametrize("shape", [*TEXTS, *DATA])
def test_P4_a_tag_counts_in_every_shape(shape: str) -> None:
    make = TEXTS.get(shape) or DATA[shape]
    assert _owner(make("bob")) == NOBODY
    assert _owner(make("alice")) is None


def test_P4_a_whole_number_names_by_its_digits() -> None:
    assert Owners("42").owns(42) and not Owners("42").owns(43)
    assert not Owners("1").owns(True) and not Owners("1").owns(1.0)


def test_P4_what_holds_more_than_can_be_searched_is_nobodys() -> None:
    chain: Any = None
    for _ in range(20_010):
        chain = SimpleNamespace(next=chain)
    assert _owner(chain) == NOBODY
    while chain is not None:  # or freeing it would recurse
        chain = chain.__dict__.pop("next")


@pytest.mark.parametrize("text", ["the user_id is required", "plain", "[see user_id]", "{user_id}"])
def test_prose_that_speaks_of_the_key_is_no_tag(text: str) -> None:
    assert _owner(text) is None


@given(st.text(alphabet="[]{}\"'\\:, =\nuser_id-b", max_size=80))
def test_P4_no_text_breaks_the_search(text: str) -> None:
    assert _owner(text) in (None, NOBODY)
    assert _owner(text + '\n[{"user_id": "bob"}]') == NOBODY
