"""The suite that every erasure target passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from piirag.erasure import COMPLETE, NOTHING_FOUND, ErasureTarget, delete_user
from piirag.errors import InvalidUserIdError


@dataclass
class TargetUnderTest:
    """What the suite needs to drive a target.

    Args:
        target: The target.
        write: Writes some items for a user.
        read: Everything there is of a user, as something that can be compared.
    """

    target: ErasureTarget
    write: Callable[[str], None]
    read: Callable[[str], Any]


class ErasureTargetSuite:
    """Subclass it and provide a fixture `under_test` that yields an empty target."""

    @pytest.fixture
    def under_test(self) -> TargetUnderTest:
        """An empty target with the means to fill and read it."""
        raise NotImplementedError

    def test_it_is_a_target(self, under_test: TargetUnderTest) -> None:
        assert isinstance(under_test.target, ErasureTarget)
        assert under_test.target.name
        assert under_test.target.kind

    def test_a_user_is_erased_and_others_are_not(self, under_test: TargetUnderTest) -> None:
        for user in ("alice", "bob", "alice2", "ALICE"):
            under_test.write(user)
        others = {user: under_test.read(user) for user in ("bob", "alice2", "ALICE")}
        found = under_test.target.count("alice")
        assert found > 0
        receipt = delete_user("alice", targets=[under_test.target])
        assert receipt.status == COMPLETE
        assert receipt.deleted == found
        assert receipt.targets[0].verified_absent
        assert under_test.target.count("alice") == 0
        for user, before in others.items():
            assert under_test.read(user) == before

    def test_erasing_twice_changes_nothing(self, under_test: TargetUnderTest) -> None:
        under_test.write("alice")
        under_test.write("bob")
        delete_user("alice", targets=[under_test.target])
        before = under_test.read("bob")
        again = delete_user("alice", targets=[under_test.target])
        assert again.complete
        assert again.deleted == 0
        assert under_test.read("bob") == before

    def test_E5_E16_an_unknown_user_removes_nothing_and_says_so(
        self, under_test: TargetUnderTest
    ) -> None:
        under_test.write("bob")
        before = under_test.read("bob")
        receipt = delete_user("unknown", targets=[under_test.target])
        assert receipt.status == NOTHING_FOUND
        assert receipt.deleted == 0
        assert under_test.read("bob") == before

    @pytest.mark.parametrize("user_id", [None, "", " ", 7, {"$ne": ""}, ["bob"]])
    def test_E16_no_user_id_removes_nothing(
        self, under_test: TargetUnderTest, user_id: Any
    ) -> None:
        under_test.write("bob")
        before = under_test.read("bob")
        with pytest.raises(InvalidUserIdError):
            delete_user(user_id, targets=[under_test.target])
        assert under_test.read("bob") == before

    def test_receipts_hold_neither_the_user_id_nor_data(self, under_test: TargetUnderTest) -> None:
        under_test.write("alice")
        receipt = delete_user("alice", targets=[under_test.target]).to_json()
        assert "alice" not in receipt
