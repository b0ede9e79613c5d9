"""The suite that every erasure target passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from piirag.erasure import (
    COMPLETE,
    NOTHING_FOUND,
    DeletableTarget,
    EditableTarget,
    ErasureTarget,
    ListingTarget,
    StoredItem,
    delete_user,
)
from piirag.errors import InvalidUserIdError


@dataclass
class TargetUnderTest:
    """What the suite needs to drive a target.

    Args:
        target: The target.
        write: Writes some items for a user.
        read: Everything there is of a user, as something that can be compared.
        fixed_keys: Items cannot get further metadata keys.
    """

    target: ErasureTarget
    write: Callable[[str], None]
    read: Callable[[str], Any]
    fixed_keys: bool = False


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

    def test_what_is_listed_is_the_users_and_all_of_it(self, under_test: TargetUnderTest) -> None:
        target = under_test.target
        if not target.capabilities.export:
            pytest.skip("this target lists nothing")
        assert isinstance(target, ListingTarget)
        assert list(target.items("alice")) == []
        for user in ("alice", "bob"):
            under_test.write(user)
        items = {user: list(target.items(user)) for user in ("alice", "bob")}
        for user, found in items.items():
            assert len(found) == target.count(user) == len({item.id for item in found}) > 0
        assert not {item.id for item in items["alice"]} & {item.id for item in items["bob"]}
        assert "alice" not in repr(items["alice"])
        delete_user("alice", targets=[target])
        assert list(target.items("alice")) == []
        assert list(target.items("bob")) == items["bob"]

    def test_single_items_are_replaced_and_deleted_and_no_others(
        self, under_test: TargetUnderTest
    ) -> None:
        target = under_test.target
        if not isinstance(target, EditableTarget):
            pytest.skip("this target changes no single items")
        for user in ("alice", "bob"):
            under_test.write(user)
        before = under_test.read("bob")
        first, *rest = target.items("alice")
        assert {item.id for item in target.all_items()} >= {first.id, *(i.id for i in rest)}
        unknown = StoredItem(f"{first.id}-unknown", "text", first.metadata)
        more = {} if under_test.fixed_keys else {"added": "[PERSON]"}
        metadata = {**first.metadata, **more}
        target.replace_items([StoredItem(first.id, "another text", metadata), unknown])
        target.replace_items([])
        found = {item.id: item for item in target.items("alice")}
        assert set(found) == {first.id, *(item.id for item in rest)}
        if first.text is not None:
            assert found[first.id].text == "another text"
        assert found[first.id].metadata == metadata
        target.replace_items([first])
        assert {i.id: i for i in target.items("alice")}[first.id] == first
        assert under_test.read("bob") == before

    def test_vectors_stay_with_another_text_unless_there_are_new_ones(
        self, under_test: TargetUnderTest
    ) -> None:
        target = under_test.target
        for user in ("alice", "bob"):
            under_test.write(user)
        vectors: Callable[[str], Any] = getattr(target, "vectors", lambda user: ())
        before = {user: _numbers(vectors(user)) for user in ("alice", "bob")}
        if not isinstance(target, EditableTarget) or not before["alice"]:
            pytest.skip("this target changes no single items, or has no vectors")
        first = next(target.items("alice"))
        changed = StoredItem(first.id, "another text", first.metadata)
        target.replace_items([changed])
        assert _same(_numbers(vectors("alice")), before["alice"])
        new = [0.25 * place for place in range(1, len(before["alice"][0]) + 1)]
        target.replace_items([changed], [new])
        after = _numbers(vectors("alice"))
        assert len(after) == len(before["alice"])
        assert sum(any(_same([v], [old]) for old in before["alice"]) for v in after) < len(after)
        assert _same(_numbers(vectors("bob")), before["bob"])

    def test_single_items_are_deleted_and_no_others(self, under_test: TargetUnderTest) -> None:
        target = under_test.target
        if not isinstance(target, DeletableTarget):
            pytest.skip("this target deletes no single items")
        for user in ("alice", "bob"):
            under_test.write(user)
        before = under_test.read("bob")
        first, *rest = target.items("alice")
        assert {item.id for item in target.all_items()} >= {first.id, *(i.id for i in rest)}
        target.delete_items([])
        target.delete_items([first.id, f"{first.id}-unknown"])
        assert sorted(i.id for i in target.items("alice")) == sorted(i.id for i in rest)
        assert under_test.read("bob") == before

    def test_E1_reclaiming_leaves_nothing_in_the_files_and_others_alone(
        self, under_test: TargetUnderTest
    ) -> None:
        target = under_test.target
        for user in ("alice", "bob"):
            under_test.write(user)
        before = under_test.read("bob")
        (entry,) = delete_user("alice", targets=[target], physical=True).targets
        if target.capabilities.reclaim:
            assert entry.reclaimed == "yes"
            assert not entry.residue
        else:
            assert entry.reclaimed == "not possible"
            assert entry.note
        assert under_test.read("bob") == before
        under_test.write("carol")
        assert target.count("carol") > 0
        assert under_test.read("bob") == before


def _numbers(vectors: Iterable[Any]) -> list[list[float]]:
    return sorted([float(number) for number in vector] for vector in vectors)


def _same(some: list[list[float]], others: list[list[float]]) -> bool:
    """Up to what a store rounds off."""
    return len(some) == len(others) and all(
        one == pytest.approx(other, abs=1e-4) for one, other in zip(some, others, strict=True)
    )
