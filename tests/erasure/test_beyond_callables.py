"""An application's own functions as an erasure target. Threats E5, E10, E16."""

from __future__ import annotations

from typing import Any

import pytest

from piirag import MemoryVault, delete_user
from piirag.erasure import ListingTarget, StoredItem
from piirag.erasure.targets.callables import CallableTarget
from piirag.errors import ConfigurationError, ErasureError, InvalidUserIdError
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest


class TestCallables(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self) -> TargetUnderTest:
        rows: dict[str, list[str]] = {}
        target = CallableTarget(
            lambda user: len(rows.get(user, [])),
            lambda user: rows.pop(user, None),
            name="tickets",
            items=lambda user: [StoredItem(str(n), t) for n, t in enumerate(rows.get(user, []))],
        )

        def write(user: str) -> None:
            # Ids of several users differ, as the suite asks.
            rows.setdefault(user, []).extend(f"ticket {n} of {user}" for n in range(3))

        target._items = lambda user: [  # type: ignore[assignment]
            StoredItem(f"{user}-{n}", text) for n, text in enumerate(rows.get(user, []))
        ]
        return TargetUnderTest(target, write, lambda user: list(rows.get(user, [])))


def test_E5_the_word_of_a_function_is_not_believed() -> None:
    target = CallableTarget(lambda user: 3, lambda user: "deleted 3", name="liar")
    receipt = delete_user("alice", targets=[target, MemoryVault()])
    assert receipt.status == "partial"
    assert receipt.targets[0].remaining == 3


@pytest.mark.parametrize("answer", [None, "3", -1, True, 2.0])
def test_no_number_is_no_zero(answer: Any) -> None:
    target = CallableTarget(lambda user: answer, lambda user: None, name="odd")
    with pytest.raises(ErasureError):
        target.count("alice")
    assert delete_user("alice", targets=[target]).status == "partial"


@pytest.mark.parametrize("user_id", [None, "", " ", 7, {"$ne": ""}])
def test_E16_no_function_is_called_without_a_user(user_id: Any) -> None:
    calls: list[Any] = []
    target = CallableTarget(
        lambda user: calls.append(user) or 0,  # type: ignore[func-returns-value]
        calls.append,
        name="t",
        items=lambda user: calls.append(user) or [],  # type: ignore[func-returns-value]
        reclaim=calls.append,
    )
    for call in (target.count, target.delete, target.items, target.reclaim):
        with pytest.raises(InvalidUserIdError):
            call(user_id)
    assert calls == []


def test_physical_is_what_the_application_can() -> None:
    rows, shrunk = ["a"], []
    target = CallableTarget(
        lambda user: len(rows), lambda user: rows.clear(), name="t", reclaim=shrunk.append
    )
    assert delete_user("alice", targets=[target], physical=True).targets[0].reclaimed == "yes"
    assert shrunk == ["alice"]
    plain = CallableTarget(lambda user: 0, lambda user: None, name="t", why_not="a tape")
    assert plain.capabilities.why_not == "a tape"
    with pytest.raises(NotImplementedError):
        plain.reclaim("alice")
    with pytest.raises(ErasureError):
        plain.items("alice")


def test_two_over_one_store_are_one() -> None:
    made = [CallableTarget(lambda u: 0, lambda u: None, name="t", identity="tickets") for _ in "ab"]
    assert len(delete_user("alice", targets=made).targets) == 1
    assert isinstance(made[0], ListingTarget)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 3},
        {"delete": None},
        {"name": ""},
        {"name": None},
        {"kind": ""},
        {"items": "x"},
        {"reclaim": 1},
    ],
)
def test_what_is_no_function_is_refused_at_once(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"count": lambda u: 0, "delete": lambda u: None, "name": "t", **wrong}
    with pytest.raises(ConfigurationError):
        CallableTarget(given.pop("count"), given.pop("delete"), **given)
