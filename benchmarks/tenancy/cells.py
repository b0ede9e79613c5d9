"""What is counted for one threat in one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.stores import Opened
from piirag.errors import PiiragError
from piirag.testing.tenancy import QUESTION, Item, ReadPath


@dataclass
class Cell:
    """What one threat came to in one store.

    Args:
        asked: Calls that were made.
        rows: Rows that came back.
        foreign: Rows of another tenant among them; or personal data that reached the embedder.
        missing: Rows of the tenant's own that should have come back and did not.
        refused: Calls that ended in an error of piirag's own.
        wrong: Calls that ended in any other error.
        touched: Calls that should have been refused before the store was called, and were not.
        through: Calls that should have been refused, and were not.
        skipped: Why nothing was asked.
        errors: Kinds of the wrong errors, and where.
    """

    asked: int = 0
    rows: int = 0
    foreign: int = 0
    missing: int = 0
    refused: int = 0
    wrong: int = 0
    touched: int = 0
    through: int = 0
    skipped: str = ""
    errors: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Without zeros, for JSON; `asked` and `foreign` always."""
        found = {**vars(self), "errors": dict(self.errors)}
        return {k: v for k, v in found.items() if v or k in {"asked", "foreign"}}


class Run:
    """A store with two users, and what is counted.

    Args:
        opened: The store.
        scale: How much hostile input there is, as a share of the whole.
    """

    def __init__(self, opened: Opened, scale: float = 1.0) -> None:
        self.opened = opened
        self.driver = opened.driver
        self.scale = scale
        self.cells: dict[str, Cell] = {f"T{n}": Cell() for n in range(1, 19)}
        self.hostile = 0
        self._users = 0
        self.paths: Sequence[ReadPath] = self.driver.paths()

    def amount(self, whole: int) -> int:
        """How many of some kind of input."""
        return max(8, round(whole * self.scale))

    def users(self) -> tuple[str, str]:
        """Two new users with five items each: the one who asks, the one who is asked for."""
        self._users += 1
        pair = (f"alice-{self._users}-x", f"bob-{self._users}-x")
        for user in pair:
            self.driver.write(self.view(user), items_of(user))
        return pair

    def view(self, user: str, **options: Any) -> Any:
        """A user's view."""
        return self.driver.tenants.for_user(user, **options)

    # Counting

    def read(
        self,
        threat: str,
        path: ReadPath,
        user: str,
        *,
        filter: Any = None,
        keywords: Mapping[str, Any] | None = None,
        expected: int | None = None,
        k: int = 20,
        view: Any = None,
    ) -> list[Item]:
        """Read by a path; count rows that are not the user's.

        Args:
            threat: What it counts for.
            path: The way to read.
            user: Who asks.
            filter: The caller's filter.
            keywords: For the store.
            expected: How many rows there must be, where the path promises to return everything.
            k: How many are asked for.
            view: The view; a new one if None.
        """
        view = self.view(user) if view is None else view
        found: list[Item] = []
        with self.counting(threat, path.name):
            found = path.read(view, k, filter, keywords or {})
            self.rows(threat, found, user)
            if expected is not None and path.complete:
                self.cells[threat].missing += max(0, expected - len(found))
        return found

    def rows(self, threat: str, found: Sequence[Item], user: str) -> None:
        """Count rows, and those that are not the user's."""
        cell = self.cells[threat]
        cell.rows += len(found)
        cell.foreign += sum(not is_of(item, user) for item in found)

    @contextmanager
    def counting(self, threat: str, where: str) -> Iterator[None]:
        """Count what is done within as one call, which may end in an error."""
        cell = self.cells[threat]
        cell.asked += 1
        try:
            yield
        except PiiragError:
            cell.refused += 1
        except pytest.skip.Exception as skipped:
            cell.asked -= 1
            cell.skipped = str(skipped)
        except Exception as error:  # noqa: BLE001 - that is what is counted
            cell.wrong += 1
            cell.errors[f"{type(error).__module__}.{type(error).__name__} in {where}"] += 1

    def refused(self, threat: str, where: str, call: Callable[[], Any]) -> None:
        """Make a call that must end in piirag's own error before the store is called.

        To be called within `driver.untouched()`.
        """
        cell = self.cells[threat]
        before = cell.refused
        with self.counting(threat, where):
            try:
                call()
            except AssertionError:
                cell.touched += 1
                return
            cell.through += 1
            cell.errors[f"let through by {where}"] += 1
            return
        # An error that was not piirag's is counted already.
        assert cell.refused in {before, before + 1}


def items_of(user: str, count: int = 5) -> list[Item]:
    """Items of a user, who is named in each text."""
    return [
        Item(str(i), f"{QUESTION} of {user} has number {i}{' canary' * i}", {"n": i, "word": "tea"})
        for i in range(count)
    ]


def is_of(item: Item, user: str) -> bool:
    """Whether an item is of the user by what its text says."""
    return f"of {user} " in item.text and user not in str(dict(item.metadata))
