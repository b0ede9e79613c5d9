"""One user's canaries before an erasure, after the delete, and after `physical=True`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.erasure.canaries import OF_ONE, USERS, VICTIM, Filled
from benchmarks.stores import Kind
from piirag.erasure import delete_user


def measure(kind: Kind, of_one: int = OF_ONE, users: int = USERS) -> dict[str, Any]:
    """Fill a store, erase one user physically, and look at each step.

    Args:
        kind: The store.
        of_one: How many canaries the user has.
        users: How many users there are.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, kind.open(Path(folder)) as opened:
        filled = Filled(opened, of_one, users)
        figures: dict[str, Any] = {
            "store": kind.store,
            "framework": kind.framework,
            "wrapper": kind.wrapper,
            "canaries": of_one,
            "users": users,
            "before": filled.left(),
        }
        state = filled.state()
        target: Any = opened.target
        reclaim = target.reclaim

        def seen(user_id: str) -> None:
            """What there is between the delete and the reclaim."""
            figures["after_delete"] = filled.left()
            reclaim(user_id)

        target.reclaim = seen
        [entry] = delete_user(VICTIM, targets=[target], physical=True).targets
        after = filled.left()
        figures.setdefault("after_delete", after)
        figures |= {
            "found": entry.found,
            "remaining": entry.remaining,
            "reclaimed": entry.reclaimed,
            "error": entry.error,
            "residue_in_receipt": sum(
                sum(kinds.values()) for kinds in (entry.residue or {}).values()
            ),
            "after_physical": after,
        }
        if in_log := filled.left_in_log():
            figures["in_log"] = in_log
        now = filled.state()
        figures["others"] = len(filled.others)
        figures["others_changed"] = [part for part in state if state[part] != now[part]]
        figures["seconds"] = round(time.perf_counter() - started, 1)
    return figures


def wrong(figures: dict[str, Any]) -> list[str]:
    """What does not hold of a store that was measured."""
    whole = figures["canaries"]
    bad = [f"changed for others: {part}" for part in figures["others_changed"]]
    bad += [
        f"{kind}: {n} of {whole} found before" for kind, n in figures["before"].items() if n < whole
    ]
    if figures["reclaimed"] == "yes":
        bad += [f"{kind}: {n} left" for kind, n in figures["after_physical"].items() if n]
    elif figures["reclaimed"] != "not possible":
        bad.append(f"reclaimed: {figures['reclaimed']} ({figures['error']})")
    if (figures["found"], figures["remaining"]) != (whole, 0):
        bad.append(f"found {figures['found']}, remaining {figures['remaining']}")
    return bad
