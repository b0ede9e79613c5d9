"""The suite that every tenant-bound vector store passes, whatever the framework.

Subclass `TenancySuite`, provide a fixture `driver`, and let pytest collect it. There are drivers
for LangChain and LlamaIndex in `langchain_piirag.testing` and `llama_index_piirag.testing`. One
store may serve all tests of a class: every test has users of its own.

The names of the tests begin with the ids of the cases in which comparable software was seen to
mix users up.
"""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest

from piirag.erasure import delete_user
from piirag.errors import (
    InvalidInputError,
    InvalidUserIdError,
    PiiragError,
    TenancyError,
    UserErasedError,
)
from piirag.testing.hostile import Hostile
from piirag.testing.tenancy_driver import Item, ReadPath, TenancyDriver

__all__ = ["QUESTION", "Item", "ReadPath", "TenancyDriver", "TenancySuite"]

QUESTION = "the secret canary"


_numbers = itertools.count()


def _texts(user: str, count: int = 5) -> list[Item]:
    return [
        Item(str(i), f"{QUESTION} of {user} has number {i}", {"n": i, "word": "tea"})
        for i in range(count)
    ]


class TenancySuite:
    """Subclass it and provide a fixture `driver`, of any scope."""

    # How much hostile input there is: more than 2,000 together.
    USER_IDS = 600
    TENANT_FILTERS = 400
    BROKEN_FILTERS = 300
    ODD_FILTERS = 120
    KEYWORDS = 300
    ITEM_IDS = 400

    @pytest.fixture
    def driver(self) -> TenancyDriver:
        """The store under test."""
        raise NotImplementedError

    @pytest.fixture
    def users(self, driver: TenancyDriver) -> tuple[str, str]:
        """Two users with five items each; the first asks, the second is after nothing."""
        number = next(_numbers)
        alice, bob = f"alice-{number}-x", f"bob-{number}-x"
        for user in (alice, bob):
            driver.write(driver.tenants.for_user(user), _texts(user))
        return alice, bob

    # Reading

    def test_T13_every_read_path_returns_own_items_only(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        for user in users:
            for path in driver.paths():
                _only(path, path.read(driver.tenants.for_user(user), 20, None, {}), user, 5)

    def test_T1_an_empty_filter_does_not_widen(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        view = driver.tenants.for_user(users[0])
        for path in driver.paths():
            _only(path, path.read(view, 20, {}, {}), users[0], 5)

    def test_T3_T8_a_user_without_items_finds_nothing(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        for stranger in (f"{users[0]}0", users[0][:-1], users[0].upper(), users[0].title()):
            for path in driver.paths():
                assert path.read(driver.tenants.for_user(stranger), 20, None, {}) == [], path.name

    def test_a_result_is_full_although_others_are_nearer(self, driver: TenancyDriver) -> None:
        number = next(_numbers)
        few, many = f"few-{number}-x", f"many-{number}-x"
        driver.write(
            driver.tenants.for_user(many),
            [Item(str(i), f"{QUESTION} {i}", {"n": i}) for i in range(60)],
        )
        driver.write(driver.tenants.for_user(few), _texts(few, 3))
        for path in driver.paths():
            found = path.read(driver.tenants.for_user(few), 3, {"n": {"$gte": 0}}, {})
            _only(path, found, few, 3)

    def test_T5_a_filter_narrows(self, driver: TenancyDriver, users: tuple[str, str]) -> None:
        view = driver.tenants.for_user(users[0])
        cases: list[tuple[dict[str, Any], int]] = [
            ({"n": 2}, 1),
            ({"n": {"$gte": 3}}, 2),
            ({"n": {"$in": [0, 4]}}, 2),
            ({"n": {"$ne": 0}}, 4),
            ({"n": {"$nin": [0, 1]}}, 3),
            ({"word": "tea", "n": {"$lt": 2}}, 2),
            ({"$or": [{"n": 0}, {"n": {"$gt": 3}}]}, 2),
            ({"$and": [{"n": {"$gt": 0}}, {"n": {"$lte": 2}}]}, 2),
            ({"word": "coffee"}, 0),
        ]
        for path in driver.paths():
            for clause, count in cases:
                _only(path, path.read(view, 20, clause, {}), users[0], count)

    def test_T17_other_users_do_not_change_what_is_found(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        view = driver.tenants.for_user(users[0])
        before = {path.name: path.read(view, 20, None, {}) for path in driver.paths()}
        driver.write(
            driver.tenants.for_user(users[1]),
            [Item(f"more-{i}", f"{QUESTION} again {i}", {"n": i}) for i in range(20)],
        )
        for path in driver.paths():
            found = {item.id for item in path.read(view, 20, None, {})}
            assert found == {item.id for item in before[path.name]}, path.name

    def test_T14_nothing_ambient_names_the_user(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        variable = contextvars.ContextVar(driver.key, default=users[1])
        variable.set(users[1])
        view = driver.tenants.for_user(users[0])
        context = contextvars.copy_context()
        for path in driver.paths():
            _only(path, context.run(path.read, view, 20, None, {}), users[0], 5)

    # Hostile input

    def test_T3_T4_T7_T8_hostile_user_ids(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        hostile = Hostile(users[1], users[0], driver.key)
        with driver.untouched():
            for user_id in hostile.user_ids(self.USER_IDS):
                with pytest.raises(InvalidUserIdError):
                    driver.tenants.for_user(user_id)
                with pytest.raises(InvalidInputError):
                    driver.tenants.for_user(users[0], groups=[user_id])
            for groups in ("team", 7, {"a"}, None):
                with pytest.raises(InvalidInputError):
                    driver.tenants.for_user(users[0], groups=groups)
            for user_id in (None, "", {"$ne": ""}, [users[1]]):
                with pytest.raises(InvalidUserIdError):
                    delete_user(user_id, targets=[driver.tenants])  # type: ignore[arg-type]

    def test_T4_T5_T6_filters_on_the_tenant_key(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        hostile = Hostile(users[1], users[0], driver.key)
        view = driver.tenants.for_user(users[0])
        paths = itertools.cycle(driver.paths())
        with driver.untouched():
            for clause in hostile.tenant_filters(self.TENANT_FILTERS):
                path = next(paths)
                with pytest.raises(TenancyError):
                    path.read(view, 20, clause, {})

    def test_T6_filters_that_cannot_be_carried_out(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        hostile = Hostile(users[1], users[0], driver.key)
        view = driver.tenants.for_user(users[0])
        paths = itertools.cycle(driver.paths())
        with driver.untouched():
            for clause in hostile.broken_filters(self.BROKEN_FILTERS):
                path = next(paths)
                with pytest.raises((InvalidInputError, TenancyError)):
                    path.read(view, 20, clause, {})

    def test_T5_T6_T18_filters_that_try_to_break_out(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        hostile = Hostile(users[1], users[0], driver.key)
        view = driver.tenants.for_user(users[0])
        paths = itertools.cycle(driver.paths())
        for clause in hostile.odd_filters(self.ODD_FILTERS):
            path = next(paths)
            with contextlib.suppress(PiiragError):
                _only(path, path.read(view, 20, clause, {}), users[0])
        assert len(driver.get(driver.tenants.for_user(users[1]), _ids())) == 5

    def test_T1_T2_unknown_keywords(self, driver: TenancyDriver, users: tuple[str, str]) -> None:
        hostile = Hostile(users[1], users[0], driver.key)
        view = driver.tenants.for_user(users[0])
        paths = itertools.cycle(driver.paths())
        with driver.untouched():
            for keywords in hostile.keywords(self.KEYWORDS, driver.known_keywords):
                path = next(paths)
                with pytest.raises(TenancyError):
                    path.read(view, 20, None, keywords)

    def test_T9_T18_ids_of_other_users(self, driver: TenancyDriver, users: tuple[str, str]) -> None:
        hostile = Hostile(users[1], users[0], driver.key)
        alice, bob = (driver.tenants.for_user(user) for user in users)
        ids = list(hostile.item_ids(self.ITEM_IDS))
        assert driver.get(alice, ids) == []
        for id in ids[:40]:
            assert driver.get(alice, [id]) == []
            driver.remove(alice, [id])
        driver.remove(alice, ids)
        driver.write(alice, [Item(id, "an own text", {"n": 1}) for id in dict.fromkeys(ids[:25])])
        kept = sorted(driver.get(bob, _ids()), key=lambda item: item.id)
        assert [item.text for item in kept] == [item.text for item in _texts(users[1])]
        for path in driver.paths():
            _only(path, path.read(bob, 20, None, {}), users[1], 5)

    def test_no_ids_delete_nothing(self, driver: TenancyDriver, users: tuple[str, str]) -> None:
        view = driver.tenants.for_user(users[0])
        with driver.untouched():
            driver.remove(view, [])
            for bad in ("1", None, [None], [""], [1], {"1"}):
                with pytest.raises(InvalidInputError):
                    driver.remove(view, bad)  # type: ignore[arg-type]
        for user in users:
            assert len(driver.get(driver.tenants.for_user(user), _ids())) == 5

    def test_T15_a_tag_that_is_a_list_belongs_to_nobody(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        try:
            driver.plant("planted", f"{QUESTION} of both", {driver.key: list(users), "n": 1})
        except (ValueError, TypeError):
            pytest.skip("the store holds no lists in metadata")
        try:
            for path in driver.paths():
                with contextlib.suppress(TenancyError):
                    found = path.read(driver.tenants.for_user(users[0]), 20, None, {})
                    assert not [item for item in found if "both" in item.text], path.name
        finally:
            driver.plant("planted", "nobody's", {driver.key: f"{users[0]}-nobody", "n": 1})

    # Writing

    def test_T9_an_id_is_replaced_whole(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        view = driver.tenants.for_user(users[0])
        driver.write(view, [Item("0", "a new text", {"n": 70})])
        (found,) = driver.get(view, ["0"])
        assert (found.text, dict(found.metadata)) == ("a new text", {"n": 70})
        assert len(driver.get(view, _ids())) == 5

    def test_the_tag_cannot_be_changed(self, driver: TenancyDriver, users: tuple[str, str]) -> None:
        view = driver.tenants.for_user(users[0])
        for tag in (users[1], "", [users[0], users[1]], {"$ne": ""}, 7, ".shared"):
            with driver.untouched(), pytest.raises((TenancyError, InvalidInputError)):
                driver.write(view, [Item("0", "taken over", {driver.key: tag, "n": 1})])
        for user in users:
            assert driver.get(driver.tenants.for_user(user), ["0"])[0].text == _texts(user)[0].text

    def test_E6_a_write_after_an_erasure_is_refused(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        view = driver.tenants.for_user(users[0])
        assert delete_user(users[0], targets=[driver.tenants]).complete
        assert driver.get(view, _ids()) == []
        for path in driver.paths():
            assert path.read(view, 20, None, {}) == [], path.name
        with pytest.raises(UserErasedError):
            driver.write(view, [Item("1", "back again", {"n": 1})])
        assert len(driver.get(driver.tenants.for_user(users[1]), _ids())) == 5

    # Expiry

    def test_an_expired_chunk_is_never_returned(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        view, now = driver.tenants.for_user(users[0]), time.time()
        items = [
            Item(f"old-{i}", f"{QUESTION} {i}", {"n": 100 + i, "expires_at": now - 1 - i})
            for i in range(30)
        ]
        text = f"{QUESTION} of {users[0]} lasts"
        new = Item("new", text, {"n": 99, "expires_at": now + 3600})
        driver.write(view, [*items, new])
        for path in driver.paths():
            # Five times as many have expired as are asked for.
            _only(path, path.read(view, 6, None, {}), users[0], 6)
            _only(path, path.read(view, 50, {"n": {"$gte": 99}}, {}), users[0], 1)
        assert driver.get(view, [item.id for item in items]) == []
        (found,) = driver.get(view, ["new"])
        assert found.metadata["expires_at"] == pytest.approx(now + 3600)
        assert delete_user(users[0], targets=[driver.tenants]).targets[0].found == 36

    def test_a_time_of_expiry_must_be_one(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        view = driver.tenants.for_user(users[0])
        for bad in ("tomorrow", "1", True, [1], float("nan"), float("inf")):
            with driver.untouched(), pytest.raises(InvalidInputError):
                driver.write(view, [Item("x", "text", {"expires_at": bad})])

    # Spaces

    def test_shared_and_group_spaces(self, driver: TenancyDriver, users: tuple[str, str]) -> None:
        tenants = driver.tenants
        team = f"team-{next(_numbers)}-x"
        shared, group = tenants.shared(), tenants.group(team)
        driver.write(shared, [Item("0", f"{QUESTION} of all", {"n": 50})])
        driver.write(group, [Item("0", f"{QUESTION} of the team", {"n": 51})])
        plain = tenants.for_user(users[0])
        both = tenants.for_user(users[0], shared=True, groups=[team])
        own = {item.text for item in _texts(users[0])}
        foreign: list[str] = []
        for path in driver.paths():
            _only(path, path.read(plain, 20, None, {}), users[0], 5)
            found = path.read(both, 20, {"n": {"$gte": 0}}, {})
            texts = {item.text for item in found}
            assert texts <= own | {f"{QUESTION} of all", f"{QUESTION} of the team"}, path.name
            if path.complete:
                assert len(found) == len({item.id for item in found}) == 7, path.name
                foreign = [item.id for item in path.read(both, 20, {"n": {"$gte": 50}}, {})]
            other = path.read(tenants.for_user(users[1], groups=[f"{team}x"]), 20, None, {})
            _only(path, other, users[1], 5)
        assert len(driver.get(both, foreign)) == 2
        assert driver.get(plain, foreign) == []
        driver.remove(both, foreign)
        driver.write(both, [Item(id, "taken over", {"n": 1}) for id in foreign])
        assert driver.get(shared, ["0"])[0].text == f"{QUESTION} of all"
        assert driver.get(group, ["0"])[0].text == f"{QUESTION} of the team"
        # A user who is called like the group is somebody else.
        assert driver.get(tenants.for_user(team), ["0"]) == []
        # Erasing a user leaves the spaces alone.
        assert delete_user(users[0], targets=[tenants]).complete
        assert len(driver.get(shared, ["0"])) == len(driver.get(group, ["0"])) == 1
        driver.remove(shared, ["0"])
        assert driver.get(shared, ["0"]) == []


def _ids() -> list[str]:
    return [item.id for item in _texts("")]


def _only(path: ReadPath, found: Sequence[Item], user: str, count: int | None = None) -> None:
    """Nothing but the user's own items; all of them, where the path promises that."""
    for item in found:
        assert f"of {user} " in item.text, path.name
        assert user not in str(dict(item.metadata)), path.name
    if count is not None and path.complete:
        assert len(found) == count, f"{path.name}: {len(found)} instead of {count}"
    elif count is not None:
        assert len(found) <= count, path.name
