"""The threats that are met by using a store as applications do, and as they should not."""

from __future__ import annotations

import contextlib
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.tenancy import frameworks
from benchmarks.tenancy.cells import Run
from piirag.testing.tenancy import QUESTION, Item

_MAIL, _PHONE = "jane.roe@example.com", "+1 212 555 0187"


def changed_options(run: Run) -> None:
    """T2: a retriever whose options are changed once it is made, or from the configuration."""
    alice, bob = run.users()
    for name, ask in frameworks.changed_options(run, alice, bob):
        with run.counting("T2", name):
            run.rows("T2", ask(), alice)


def near_names(run: Run) -> None:
    """T8: users whose names are nearly the same, in letters of another case or one more."""
    alice, _ = run.users()
    for stranger in (f"{alice}0", alice[:-1], alice.upper(), alice.title()):
        for path in run.paths:
            run.read("T8", path, stranger)


def no_user(run: Run) -> None:
    """T3: a user who has no items finds nothing."""
    run.users()
    for path in run.paths:
        run.read("T3", path, "nobody-at-all", expected=0)


def kinds_of_index(run: Run) -> None:
    """T10: indices and modes that ignore filters are refused."""
    alice, _ = run.users()
    with run.driver.untouched():
        for name, call in frameworks.unfiltered(run, alice):
            run.refused("T10", name, call)


def references(run: Run) -> None:
    """T11: chunks that name another user's as their parent, or the one before or after."""
    alice, bob = run.users()
    mine = run.view(alice)
    ids = [form.format(user=bob, n=n) for n in range(5) for form in _IDS]
    with run.counting("T11", "write"):
        run.driver.write(
            mine,
            [
                Item(f"ref-{n}", f"{QUESTION} of {alice} refers", {"n": n, "parent_id": id})
                for n, id in enumerate(ids)
            ],
        )
    for id in ids:
        with run.counting("T11", "get"):
            run.rows("T11", run.driver.get(mine, [id]), alice)
    for name, follow in frameworks.following(run, alice, bob, ids):
        with run.counting("T11", name):
            run.rows("T11", follow(), alice)


_IDS = ["{n}", "{user}:{n}", "{user}/{n}", ":{user}:{n}"]


def combined(run: Run) -> None:
    """T12: several retrievers together: ensembles, many questions, compressors, fusion."""
    alice, _ = run.users()
    for name, ask in frameworks.combined(run, alice):
        with run.counting("T12", name):
            found = ask()
            run.rows("T12", found, alice)
            run.cells["T12"].missing += max(0, 5 - len(found))


def paths(run: Run) -> None:
    """T13: every way to read gives all of the user's items, and only those."""
    for user in run.users():
        for path in run.paths:
            run.read("T13", path, user, expected=5)
            run.read("T13", path, user, k=3, expected=3)


def contexts(run: Run) -> None:
    """T14: nothing around a call says whose it is: other contexts, other threads, both users."""
    alice, bob = run.users()
    variable = contextvars.ContextVar(run.driver.key, default=bob)
    variable.set(bob)
    for path in run.paths:
        contextvars.copy_context().run(run.read, "T14", path, alice, expected=5)
    with ThreadPoolExecutor(2) as pool:
        for path in run.paths:
            asked = [
                pool.submit(path.read, run.view(user), 20, None, {}) for user in (alice, bob) * 2
            ]
            for user, future in zip((alice, bob) * 2, asked, strict=True):
                with run.counting("T14", f"{path.name} in a thread"):
                    run.rows("T14", future.result(), user)


def lists(run: Run) -> None:
    """T15: a tag that is a list belongs to nobody."""
    alice, bob = run.users()
    try:
        run.driver.plant("planted", f"{QUESTION} of both", {run.driver.key: [alice, bob], "n": 1})
    except Exception as error:  # noqa: BLE001 - every store has its own
        run.cells["T15"].skipped = f"the store holds no lists ({type(error).__name__})"
        return
    try:
        for path in run.paths:
            for user in (alice, bob):
                run.read("T15", path, user)
    finally:
        with contextlib.suppress(Exception):
            run.driver.plant("planted", "nobody's", {run.driver.key: f"{alice}-nobody", "n": 1})


def embedded(run: Run) -> None:
    """T16: what is embedded, and what is stored beside the vector, has no personal data in it."""
    alice, _ = run.users()
    seen = run.opened.embed.seen
    seen.clear()
    texts = [f"{QUESTION} of {alice} {n}: {_MAIL}, {_PHONE}" for n in range(5)]
    with run.counting("T16", "write"):
        run.driver.write(run.view(alice), [Item(f"p{n}", t, {"n": n}) for n, t in enumerate(texts)])
    if run.driver.framework == "langchain":
        # LlamaIndex embeds a question before any store sees it: its retrievers are asked in T12.
        for path in run.paths:
            run.read("T16", path, alice)
    held = [str(item.text) for item in run.opened.target.items(alice)]  # type: ignore[attr-defined]
    with run.counting("T16", "list"):
        texts = [*seen, *held] if run.driver.framework == "langchain" else held
        run.cells["T16"].foreign += sum(_MAIL in text or _PHONE in text for text in texts)


def counts(run: Run) -> None:
    """T17: what others have changes neither what is found nor how it is scored."""
    alice, bob = run.users()
    before = {path.name: run.read("T17", path, alice) for path in run.paths}
    scores: Any = None
    with run.counting("T17", "scores"):
        scores = frameworks.scores(run, alice)
    more = [Item(f"more-{n}", f"{QUESTION} of {bob} again {n}", {"n": n}) for n in range(40)]
    run.driver.write(run.view(bob), more)
    for path in run.paths:
        found = run.read("T17", path, alice)
        changed = {item.id for item in found} != {item.id for item in before[path.name]}
        run.cells["T17"].foreign += changed
    with run.counting("T17", "scores"):
        run.cells["T17"].foreign += frameworks.scores(run, alice) != scores
