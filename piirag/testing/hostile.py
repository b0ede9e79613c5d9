"""Hostile user ids, item ids, filters and keywords, made from what was seen to break stores.

Everything is generated from a seed, so that a failure comes back.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from typing import Any

from piirag.errors import InvalidUserIdError
from piirag.user_id import check_plain_user_id

_NO_STRINGS: list[Any] = [
    None, True, False, 0, 1, -1, 7.0, float("nan"), b"alice", {}, [], (), object(), 1j,
]  # fmt: skip
_OPERATORS = ["$ne", "$nin", "$in", "$gt", "$exists", "$regex", "$like", "$or", "$not", "!=", ">"]
# Ends of strings in SQL, Milvus and JSON expressions; and what makes them true for every row.
_BREAKS = ["'", '"', "''", '\\"', "\\'", "`", "]", '"]', "')", '"}', "\\", "%", "_%", "\x00", "\n"]
_TRUE = [
    " OR '1'='1", ' or "1"=="1', " OR 1=1 --", '] or doc_id not in ["q', "; DROP TABLE x; --",
    " or user_id != ''", ') or (1==1', "' UNION SELECT * FROM x --", '" || true || "', " or true",
    "') OR TRUE OR ('", "/*", "*/", " IS NOT NULL", "' or user_id like '%",
]  # fmt: skip
_NUMBERS = ["7", "007", "7.0", "70e-1", "0x7", "1e3", "inf", "-inf", "nan", "NaN", "1_000", "٧"]
_DISGUISES = [
    "\u200b", "\u00ad", "\u202e", "\ufeff", "\u0301", "\ud800", " ", "\t", "\x7f", "\u2028",
]  # fmt: skip
_WORDS = """
    where filters filter_ expr user_id namespace partition where_ pre_filter post_filter tenant raw
    search_params query_filter with_payload Filter FILTER limit offset include ids node_ids sql
    condition metadata custom_query collection_name collection table schema
""".split()
_GROUPS = ["$and", "$or"]


class Hostile:
    """A stream of hostile input against one victim.

    Args:
        victim: The user whose items are wanted.
        attacker: The user who asks.
        key: Metadata key of the tenant's tag.
        seed: Where the generator begins.
    """

    def __init__(self, victim: str, attacker: str, key: str = "user_id", seed: int = 5) -> None:
        self.victim = victim
        self.attacker = attacker
        self.key = key
        self._random = random.Random(seed)

    def user_ids(self, count: int) -> Iterator[Any]:
        """What no store may ever see as a user id; each is invalid by the rules of `user_id`."""
        made = 0
        while made < count:
            candidate = self._user_id()
            if type(candidate) is str:
                try:
                    check_plain_user_id(candidate)
                except InvalidUserIdError:
                    pass
                else:
                    continue
            made += 1
            yield candidate

    def _user_id(self) -> Any:
        pick, victim = self._random.choice, self.victim
        kind = self._random.randrange(7)
        if kind == 0:
            return pick(_NO_STRINGS)
        if kind == 1:
            return {pick(_OPERATORS): pick(["", victim, None, [victim], [], 0])}
        if kind == 2:
            return [victim] * self._random.randrange(3) + [self.attacker]
        if kind == 3:
            return pick(_NUMBERS)
        if kind == 4:
            place = self._random.randrange(len(victim) + 1)
            return victim[:place] + pick(_DISGUISES) + victim[place:]
        if kind == 5:
            return chr(ord(victim[0]) + 0xFEE0) + victim[1:]
        return self.text()

    def text(self) -> str:
        """A string that ends a string, and then asks for everything."""
        pick = self._random.choice
        start = pick(["", self.victim, self.attacker, "zz", f"{self.victim}:"])
        return start + pick(_BREAKS) + pick(_TRUE) + pick(["", *_BREAKS])

    def item_ids(self, count: int) -> Iterator[str]:
        """Ids that may be taken for those of the victim's items."""
        victim, pick = self.victim, self._random.choice
        for number in range(count):
            item = str(self._random.randrange(8))
            yield pick(
                [
                    f"{victim}:{item}",
                    f"{self.attacker}:{victim}:{item}",
                    f"../{victim}:{item}",
                    f"{victim}/{item}",
                    f"{victim.upper()}:{item}",
                    f"{victim}%3A{item}",
                    f"{victim}::{item}",
                    f"{victim}*",
                    "*",
                    "%",
                    f"{number}{pick(_BREAKS)}{victim}",
                    self.text(),
                ]
            ).replace("\x00", "\x01")

    def tenant_filters(self, count: int) -> Iterator[dict[str, Any]]:
        """Well-formed filters that name the tenant key somewhere."""
        for _ in range(count):
            yield self._around(self._tenant_clause())

    def _tenant_clause(self) -> dict[str, Any]:
        victim = self.victim
        conditions = [
            victim,
            {"$ne": ""},
            {"$ne": self.attacker},
            {"$in": [victim, self.attacker]},
            {"$nin": [self.attacker]},
            {"$gt": ""},
            {"$eq": victim},
            {"$gte": "a"},
        ]
        return {self.key: self._random.choice(conditions)}

    def _around(self, clause: dict[str, Any]) -> dict[str, Any]:
        for _ in range(self._random.randrange(4)):
            parts = [clause, {"n": {"$gte": 0}}]
            self._random.shuffle(parts)
            clause = {self._random.choice(_GROUPS): parts}
        return clause

    def broken_filters(self, count: int) -> Iterator[Any]:
        """Filters that no store can carry out: refused, and never left out."""
        pick = self._random.choice
        deep: dict[str, Any] = {"n": 1}
        for _ in range(60):
            deep = {"$or": [deep, {"n": 2}]}
        fixed: list[Any] = [
            "x", 7, True, [], [{"n": 1}], (), object(), deep, {"$or": []}, {"$and": {}},
            {"$or": [{}]}, {"$and": "n"}, {"$or": [["n"]]}, {"n": {}}, {"": 1}, {"$where": "1"},
            {"n": None}, {"n": {"$eq": None}}, {"n": {"$in": []}}, {"n": {"$nin": []}},
            {"n": {"$in": "abc"}}, {"n": {"$in": {"a": 1}}}, {"n": {"$eq": {"$ne": 1}}},
            {"n": float("nan")}, {"n": {"$lt": float("inf")}}, {"n": 2**80}, {"n": b"x"},
            {"n": {"$gt": [1]}}, {"n": "a\x00b"}, {"n": "\ud800"}, {"a\x00": 1}, {1: 2},
            {None: 1}, {"n" * 999: 1}, {"n": object()}, {"n": {"$exists": 1}}, {"n": {7: 1}},
        ]  # fmt: skip
        for number in range(count):
            kind = self._random.randrange(3)
            if number < len(fixed):
                yield fixed[number]
            elif kind == 0:
                yield {"n": {f"${self._letters()}": pick([1, "", self.victim])}}
            elif kind == 1:
                yield {"$or": [{"n": 1}, pick([[], {}, None, 3, "n", {"n": {}}])]}
            else:
                bad = pick([None, object(), [[1]], {"$in": [[1]]}, {"$in": [None]}, 10**30])
                yield {self._letters(): bad}

    def odd_filters(self, count: int) -> Iterator[dict[str, Any]]:
        """Well-formed filters that try to break out, or that nearly everything fits."""
        key, victim = self.key, self.victim
        for _ in range(count):
            text = self.text().replace("\x00", "")
            tries: list[dict[str, Any]] = [
                {"word": text},
                {"word": {"$ne": text}},
                {"word": {"$in": [text, victim]}},
                {"word": {"$nin": [text]}},
                {text: 1},
                {text: {"$ne": text}},
                {"word": {"$ne": ""}},
                {"n": {"$nin": [99]}},
                {"n": {"$gte": -(10**6)}},
                {f"metadata.{key}": victim},
                {key.upper(): victim},
                {f"{key}\u200b": victim},
                {f"{key}'": victim},
                {f"metadata['{key}']": {"$ne": ""}},
                {f"{key}->>'x": victim},
            ]
            yield self._around(self._random.choice(tries))

    def keywords(self, count: int, known: Collection[str]) -> Iterator[dict[str, Any]]:
        """Keywords that a store does not know, with a filter for a value."""
        made = 0
        while made < count:
            name = self._random.choice([*_WORDS, self._letters()])
            if self._random.random() < 0.4:
                name += self._letters()
            if name in known:
                continue
            made += 1
            yield {name: self._random.choice([self._tenant_clause(), {}, None, "1=1"])}

    def _letters(self) -> str:
        return "".join(self._random.choice("abcdefgh_") for _ in range(6)).strip("_") or "x"
