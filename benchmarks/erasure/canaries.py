"""One user with 300 canaries among 50 users, in a store."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.stores import Opened
from benchmarks.stores.base import DIMENSIONS, files_below
from piirag.testing.scanner import Canaries
from piirag.testing.tenancy import Item

USERS, OF_ONE, OF_OTHERS = 50, 300, 12
VICTIM = "user-7-x"
_LETTERS = string.ascii_lowercase
_PART = 50
# They give what there is, in whatever order the store has it.
_UNRANKED = {"query_without_vector", "get_nodes", "aget_nodes"}


class Filled:
    """A store that was filled through piirag, the victim's items among those of others.

    Args:
        opened: The store, empty.
        of_one: How many canaries the victim has.
        users: How many users there are.
    """

    def __init__(self, opened: Opened, of_one: int = OF_ONE, users: int = USERS) -> None:
        self.opened = opened
        self.of_one = of_one
        self.others = [f"other-{number}-x" for number in range(users - 1)]
        self._random = random.Random(2)
        self._numbers = np.random.default_rng(1)
        self.texts = self._words(of_one)
        self.notes = self._words(of_one)
        self.vectors = self._vectors(of_one)
        self.canaries = Canaries({"texts": self.texts, "metadata": self.notes}, self.vectors)
        self._write()

    def _words(self, count: int) -> list[str]:
        return ["".join(self._random.choices(_LETTERS, k=28)) for _ in range(count)]

    def _vectors(self, count: int) -> Any:
        found = self._numbers.normal(size=(count, DIMENSIONS))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype("<f4")

    def _write(self) -> None:
        batches: list[tuple[str, list[Item], Any]] = []
        for begin in range(0, self.of_one, _PART):
            numbers = range(begin, min(begin + _PART, self.of_one))
            items = [
                Item(f"c{i}", f"text {self.texts[i]} ends", {"note": self.notes[i], "n": i})
                for i in numbers
            ]
            batches.append((VICTIM, items, self.vectors[numbers.start : numbers.stop]))
        for user in self.others:
            notes = self._words(OF_OTHERS)
            items = [
                Item(str(i), f"text number {i} of {user} stays", {"note": notes[i], "n": i})
                for i in range(OF_OTHERS)
            ]
            batches.append((user, items, self._vectors(OF_OTHERS)))
        # Neither first nor last, and not in one piece.
        self._random.shuffle(batches)
        for user, items, vectors in batches:
            texts = [item.text for item in items]
            self.opened.embed.known.update(zip(texts, vectors.tolist(), strict=True))
            self.opened.driver.write(self.opened.driver.tenants.for_user(user), items)
        self.opened.save()

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the store's files."""
        self.opened.settle()
        return self.canaries.left(files_below(self.opened.folders))

    def left_in_log(self) -> dict[str, int]:
        """How many are in a log that the store cannot rewrite; empty where it has none."""
        return self.canaries.left(files_below(self.opened.log)) if self.opened.log else {}

    def state(self) -> dict[str, Any]:
        """What others have and find: counts, contents, vectors, and results of searches."""
        target: Any = self.opened.target
        contents: dict[str, list[tuple[str, str | None, str]]] = {}
        for item in target.all_items():
            user = str(item.metadata.get(target.tags.key))
            if user != VICTIM:
                row = (item.id, item.text, repr(sorted(item.metadata.items())))
                contents.setdefault(user, []).append(row)
        some = self.others[:: max(1, len(self.others) // 10)]
        return {
            "counts": {
                **{user: len(rows) for user, rows in contents.items()},
                **{f"counted {user}": target.count(user) for user in some},
            },
            "contents": {user: sorted(rows) for user, rows in contents.items()},
            "vectors": {
                user: sorted(tuple(round(float(x), 6) for x in v) for v in target.vectors(user))
                for user in some
            },
            "results": {user: self._results(user) for user in some},
        }

    def _results(self, user: str) -> list[tuple[str, Sequence[str]]]:
        view = self.opened.driver.tenants.for_user(user)
        results: list[tuple[str, Sequence[str]]] = []
        for path in self.opened.driver.paths():
            if path.name in _UNRANKED:
                results.append((path.name, sorted(i.id for i in path.read(view, 99, None, {}))))
            else:
                results.append((path.name, [item.id for item in path.read(view, 5, None, {})]))
        return results
