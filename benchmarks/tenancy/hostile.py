"""The threats that are met with hostile input, generated from a seed."""

from __future__ import annotations

import itertools
from typing import Any

from benchmarks.tenancy.cells import Run, items_of
from piirag.erasure import delete_user
from piirag.testing.hostile import Hostile
from piirag.testing.tenancy import Item

# More than 2,000 together.
USER_IDS, TENANT_FILTERS, BROKEN_FILTERS = 600, 400, 300
ODD_FILTERS, KEYWORDS, ITEM_IDS = 150, 300, 400


def user_ids(run: Run) -> None:
    """T3, T4, T7, T8, T18: ids of users, of groups, and of those who are to be erased."""
    alice, bob = run.users()
    tenants = run.driver.tenants
    hostile = Hostile(bob, alice, run.driver.key)
    with run.driver.untouched():
        for user_id in hostile.user_ids(run.amount(USER_IDS)):
            run.hostile += 1
            threat = _threat_of(user_id)
            run.refused(threat, "for_user", lambda u=user_id: tenants.for_user(u))
            run.refused(threat, "groups", lambda u=user_id: tenants.for_user(alice, groups=[u]))
            run.refused(threat, "delete_user", lambda u=user_id: delete_user(u, [tenants]))
        for groups in ("team", 7, {"a"}, None):
            run.refused("T3", "groups", lambda g=groups: tenants.for_user(alice, groups=g))
    _intact(run, "T3", bob)


def _threat_of(user_id: Any) -> str:
    if user_id is None or (isinstance(user_id, (str, bytes)) and not user_id):
        return "T3"
    if isinstance(user_id, (dict, list, tuple)):
        return "T4"
    if not isinstance(user_id, str) or user_id[:1].isdigit() or "inf" in user_id[:4].lower():
        return "T7"
    if user_id.lower() == "nan":
        return "T7"
    return "T18" if any(sign in user_id for sign in "'\"\\`];%") else "T8"


def filters(run: Run) -> None:
    """T5, T6, T18: filters on the tenant key, filters that mean nothing, and those that break out
    of strings."""
    alice, bob = run.users()
    hostile = Hostile(bob, alice, run.driver.key)
    view, paths = run.view(alice), itertools.cycle(run.paths)
    with run.driver.untouched():
        for clause in hostile.tenant_filters(run.amount(TENANT_FILTERS)):
            run.hostile += 1
            threat = "T5" if {"$and", "$or"} & set(clause) else "T6"
            path = next(paths)
            run.refused(threat, path.name, lambda p=path, c=clause: p.read(view, 20, c, {}))
        for clause in hostile.broken_filters(run.amount(BROKEN_FILTERS)):
            run.hostile += 1
            path = next(paths)
            run.refused("T6", path.name, lambda p=path, c=clause: p.read(view, 20, c, {}))
    for clause in hostile.odd_filters(run.amount(ODD_FILTERS)):
        run.hostile += 1
        run.read("T18", next(paths), alice, filter=clause, view=view)
    for path in run.paths:
        # What is well-formed narrows, and is not lost.
        for clause, count in _NARROWING:
            run.read("T5", path, alice, filter=clause, expected=count, view=view)
    _intact(run, "T18", bob)


_NARROWING: list[tuple[dict[str, Any], int]] = [
    ({"n": 2}, 1),
    ({"n": {"$nin": [0, 1]}}, 3),
    ({"word": "tea", "n": {"$lt": 2}}, 2),
    ({"$or": [{"n": 0}, {"n": {"$gt": 3}}]}, 2),
]


def keywords(run: Run) -> None:
    """T1: keywords that the store does not know, with a filter in them; and filters of nothing."""
    alice, bob = run.users()
    hostile = Hostile(bob, alice, run.driver.key)
    view, paths = run.view(alice), itertools.cycle(run.paths)
    with run.driver.untouched():
        for words in hostile.keywords(run.amount(KEYWORDS), run.driver.known_keywords):
            run.hostile += 1
            path = next(paths)
            run.refused("T1", path.name, lambda p=path, w=words: p.read(view, 20, None, w))
    for path in run.paths:
        for nothing in (None, {}):
            run.read("T1", path, alice, filter=nothing, expected=5, view=view)


def item_ids(run: Run) -> None:
    """T9, T18: ids that may be taken for those of the other user's items."""
    alice, bob = run.users()
    mine = run.view(alice)
    ids = list(Hostile(bob, alice, run.driver.key).item_ids(run.amount(ITEM_IDS)))
    for id in ids:
        run.hostile += 1
        with run.counting("T18" if set("'\"\\`]") & set(id) else "T9", "get"):
            run.rows("T9", run.driver.get(mine, [id]), alice)
    for id in ids[: run.amount(80)]:
        with run.counting("T9", "delete"):
            run.driver.remove(mine, [id])
    with run.counting("T9", "delete many"):
        run.driver.remove(mine, ids)
    with run.counting("T9", "write"):
        own = [Item(id, f"of {alice} now", {"n": 1}) for id in dict.fromkeys(ids[:40])]
        run.driver.write(mine, own)
    _intact(run, "T9", bob)


def _intact(run: Run, threat: str, user: str) -> None:
    """Count what of another user's items is gone or changed."""
    wanted = {item.text for item in items_of(user)}
    with run.counting(threat, "get"):
        there = {i.text for i in run.driver.get(run.view(user), [i.id for i in items_of(user)])}
        run.cells[threat].missing += len(wanted - there)
