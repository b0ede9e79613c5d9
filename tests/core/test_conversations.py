"""What all stores of conversations rest on: names, scrubbing of any data, the register."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from piirag import Scrubber
from piirag.conversations import ConversationUser, SQLiteSessionRegister
from piirag.errors import ConfigurationError, InvalidInputError, UserErasedError
from support.canary import Canaries

MAIL = "ottoline@brightmail.com"
CANARIES = Canaries([MAIL, "4111111111111111"])
MODEL = True


@pytest.fixture
def user() -> ConversationUser:
    user = ConversationUser(Scrubber(), "alice")
    user.hide("x", create=True)
    return user


def test_names_are_hidden_shown_and_apart() -> None:
    scrubber = Scrubber()
    alice, bob = (ConversationUser(scrubber, name) for name in ("alice", "bob"))
    assert alice.hide("s") is None  # nothing is made by asking
    hidden = alice.hide("s", create=True)
    assert hidden is not None
    assert hidden == alice.hide("s")
    assert hidden != alice.hide("t")
    assert hidden != bob.hide("s", create=True)
    assert alice.show(hidden) == "s"
    assert bob.show(hidden) is None
    for bad in ("", "s", hidden[:-1], hidden + "A", "A" * 40, None, 7):
        assert alice.show(bad) is None  # type: ignore[arg-type]
    scrubber.vault.forget("alice")
    assert alice.show(hidden) is None
    with pytest.raises(UserErasedError):
        alice.hide("s", create=True)
    scrubber.vault.reinstate("alice")
    assert alice.hide("s", create=True) != hidden  # the old key is gone


@given(st.text(min_size=1, max_size=64).filter(lambda t: t.encode("utf-8", "ignore").decode() == t))
def test_every_name_comes_back(name: str) -> None:
    hidden = _USER.hide(name, create=True)
    assert hidden is not None
    assert hidden.replace("-", "").replace("_", "").isalnum()
    assert _USER.show(hidden) == name


_USER = ConversationUser(Scrubber(), "someone")


class Pair(NamedTuple):
    a: str
    b: int


@dataclass(frozen=True)
class Frozen:
    mail: str


class Colour(enum.Enum):
    RED = "red"


def test_every_shape_is_kept_and_every_leaf_searched(user: ConversationUser) -> None:
    data = {
        "list": [MAIL, 1, 2.5, None, True],
        "tuple": (MAIL, (MAIL,)),
        "pair": Pair(MAIL, 3),
        "set": {MAIL},
        "deque": collections.deque([MAIL], maxlen=3),
        "frozen": Frozen(MAIL),
        "colour": Colour.RED,
        "path": PurePosixPath(f"/home/{MAIL}"),
        "day": datetime.date(2024, 5, 1),
        "id": uuid.UUID(int=5),
        "amount": decimal.Decimal("1.50"),
        "array": np.zeros(3),
        "card": 4111111111111111,
        "error": ValueError(MAIL),
        MAIL: 1,
        "json": '{"a": ["ottoline\\u0040brightmail.com"]}',
    }
    clean = user.scrub(data)
    assert not CANARIES.scan_object(clean)
    assert isinstance(clean["pair"], Pair)
    assert isinstance(clean["frozen"], Frozen)
    assert isinstance(clean["deque"], collections.deque)
    assert isinstance(clean["set"], set)
    assert isinstance(clean["path"], PurePosixPath)
    for key in ("colour", "day", "id", "amount", "array"):
        assert clean[key] is data[key]
    assert data["list"][0] == MAIL  # type: ignore[index]
    shown = user.reveal(clean)
    for key in ("list", "tuple", "pair", "set", "deque", "frozen", "path", MAIL):
        assert shown[key] == data[key]


def test_names_of_tools_and_ids_stay(user: ConversationUser) -> None:
    call = {"name": "pay", "args": {"name": "Ottoline Quenneville"}, "id": "call_4155552671"}
    clean = user.scrub({"tool_calls": [call], "type": "tool", "role": "user"})
    assert clean["tool_calls"][0]["name"] == "pay"
    assert clean["tool_calls"][0]["id"] == call["id"]
    assert clean["tool_calls"][0]["args"]["name"].startswith("[PERSON ")
    assert (clean["type"], clean["role"]) == ("tool", "user")


@pytest.mark.parametrize(
    "bad",
    [
        b"bytes",
        object(),
        lambda: None,
        "data:image/png;base64,AAAA",
        {"data": "iVBORw0KGgoAAAANSUhEUg=="},
        {"a@b.org": 1, "A@B.ORG": 2},
    ],
)
def test_fail_closed_what_cannot_be_searched_is_refused(user: ConversationUser, bad: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        user.scrub(["x", bad])
    assert caught.value.__context__ is None
    deep: Any = "x"
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(InvalidInputError):
        user.scrub(deep)


def test_what_is_remembered_between_calls_holds_no_raw_text(user: ConversationUser) -> None:
    user.scrub([f"mail {MAIL}", "the tower heater of Quenneville Ottoline"])
    memo = user._memo
    assert memo._texts
    assert not CANARIES.scan_object(memo)


def test_questions_leave_nothing_in_the_vault(user: ConversationUser) -> None:
    scrubber = user._scrubber
    before = scrubber.vault.count("alice")
    user.scrub({"mail": MAIL}, remember=False)
    assert scrubber.vault.count("alice") == before
    stranger = ConversationUser(scrubber, "stranger")
    stranger.scrub(MAIL, remember=False)
    assert not scrubber.vault.has_user("stranger")


def test_the_register(tmp_path: Path) -> None:
    path = tmp_path / "register.db"
    register = SQLiteSessionRegister(path)
    for owner, session in (("a", "1"), ("a", "2"), ("b", "1"), ("a", "1")):
        register.add(owner, session)
    assert register.sessions("a") == [("a", "1"), ("a", "2")]
    register.drop("a", "1")
    register.close()
    again = SQLiteSessionRegister(path)
    assert again.sessions() == [("a", "2"), ("b", "1")]
    again.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError):
        SQLiteSessionRegister(tmp_path / "none" / "register.db")


class Traveller(BaseModel):
    """As a state of a graph may hold it."""

    passport: str
    status: str = "open"


def test_the_name_of_a_field_is_its_context_in_every_kind_of_record(user: ConversationUser) -> None:
    as_dict = user.scrub({"passport": "C01X00T47"})
    as_model = user.scrub(Traveller(passport="C01X00T47"))
    assert as_dict["passport"].startswith("[")
    assert as_model.passport == as_dict["passport"]
    assert as_model.status == "open"


def test_keys_that_are_no_strings_are_searched(user: ConversationUser) -> None:
    clean = user.scrub({(MAIL, 1): "x", 4111111111111111: "y", 7: "z"})
    assert CANARIES.scan_object(clean) == []
    assert clean[7] == "z"


def test_a_known_value_is_found_where_a_name_of_a_list_is_expected() -> None:
    user = ConversationUser(Scrubber(), "alice", known={"PERSON": ["Zorblax"]})
    user.hide("x", create=True)
    clean = user.scrub({"status": "Zorblax", "role": "Zorblax", "type": "human"})
    assert "Zorblax" not in str(clean)
    assert clean["type"] == "human"
