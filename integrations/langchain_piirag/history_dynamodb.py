"""Chat histories in Amazon DynamoDB."""

from __future__ import annotations

import hashlib
import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory

from langchain_piirag.history_dynamodb_table import EXPIRES, INDEX, ensure_table, guarded
from langchain_piirag.history_stores import StoredHistory
from piirag.errors import ConfigurationError, MissingDependencyError, StoreError

_SHARDS = 8
_TRANSACTION = 100
_BATCH = 25
_TRIES = 8

Item = dict[str, Any]


class DynamoDBHistoryStore:
    """Histories in a table of DynamoDB: an item per message.

    Items lie under their owner, sorted by session and time, so that a session is one query. A
    global secondary index by time finds what is over for a sweep without a scan.

    DynamoDB deletes an item some time after its end, within days: until then it is there. Reads
    leave it out from its end on, and a sweep removes it at once. An erasure counts and deletes it
    like any other; what DynamoDB keeps in backups, point-in-time recovery and streams is out of
    reach.

    Args:
        client: A client of boto3: ``boto3.client("dynamodb")``.
        table: The table's name. It is created, paid per request, if it is not there.
        ttl_seconds: An item ends this long after its message was written. `ChatHistories` sets it
            to its retention; None for no end where it has none.
        clock: Seconds since the epoch; for tests.

    Raises:
        MissingDependencyError: boto3 is not installed.
        ConfigurationError: No client of DynamoDB; or the table has other keys, or its time to
            live is under another attribute.
        StoreError: DynamoDB refused, or cannot be reached.
    """

    def __init__(
        self,
        client: Any,
        *,
        table: str = "piirag_chat_messages",
        ttl_seconds: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        try:
            import botocore
        except ImportError:
            botocore = None
        if botocore is None:
            raise MissingDependencyError("boto3", "dynamodb")
        if not callable(getattr(client, "batch_write_item", None)):
            raise ConfigurationError('a client of DynamoDB is needed: boto3.client("dynamodb")')
        self._client = client
        self._table = table
        self._ttl = ttl_seconds
        self._clock = clock
        ensure_table(client, table)

    def keep_for(self, seconds: float) -> None:
        """Have messages written from now on end after this time, unless they do sooner."""
        ttl = math.ceil(seconds)
        self._ttl = ttl if self._ttl is None else min(ttl, self._ttl)

    @property
    def native_expiry(self) -> str:
        """What deletes messages without a sweep; empty where nothing does."""
        if self._ttl is None:
            return ""
        return f"DynamoDB, within days after the {self._ttl} s that a message is kept"

    def open(self, owner: str, session: str) -> BaseChatMessageHistory:
        """The history of a session."""
        return StoredHistory(self, owner, session)

    def sessions(self, owner: str) -> list[str]:
        """The sessions of an owner that hold a message whose end has not come."""
        found = self._of(owner, alive=True, names="session")
        return sorted({item["session"]["S"] for item in found})

    def delete(self, owner: str, session: str) -> None:
        """Delete a session."""
        self._delete_all(self._of(owner, session))

    def count(self, owner: str) -> int:
        """How many messages of an owner are there, those whose end has come included."""
        return sum(1 for _ in self._of(owner))

    def erase(self, owner: str) -> None:
        """Delete all sessions of an owner."""
        self._delete_all(self._of(owner))

    def sweep(self, before: float) -> int:
        """Delete all messages written before a moment, and those whose end has come."""
        return sum(self._delete_one(item) for item in self._over(before))

    def count_before(self, before: float) -> int:
        """How many messages were written before a moment, or have come to their end."""
        return sum(1 for _ in self._over(before))

    def _add(self, owner: str, session: str, rows: Sequence[tuple[float, str]]) -> None:
        """All rows or none, up to 100; more go in parts, each all or none."""
        written = time.time_ns()
        puts = []
        for number, (at, text) in enumerate(rows):
            item = self._item(owner, session, at, text, f"{written:020d}#{number:06d}")
            puts.append({"Put": {"TableName": self._table, "Item": item}})
        for start in range(0, len(puts), _TRANSACTION):
            part = puts[start : start + _TRANSACTION]
            guarded(self._client.transact_write_items, TransactItems=part)

    def _item(self, owner: str, session: str, at: float, text: str, order: str) -> Item:
        # By time, and of one time in the order of writing; the last part tells writers apart.
        position = f"{_prefix(session)}{round(max(0.0, at) * 1e6):020d}#{order}#{uuid.uuid4().hex}"
        item: Item = {
            "owner": {"S": owner},
            "position": {"S": position},
            "session": {"S": session},
            "message": {"S": text},
            "written_at": {"N": repr(float(at))},
            "shard": {"N": str(_shard(position))},
        }
        if self._ttl is not None:
            # DynamoDB takes whole seconds.
            item[EXPIRES] = {"N": str(math.ceil(at) + self._ttl)}
        return item

    def _read(self, owner: str, session: str) -> list[str]:
        found = self._of(owner, session, alive=True, names="message")
        return [str(item["message"]["S"]) for item in found]

    def _before(self, owner: str, session: str, before: float) -> int:
        older = ("written_at < :before", {":before": {"N": repr(float(before))}})
        return sum(self._delete_one(item) for item in self._of(owner, session, also=older))

    def _of(
        self,
        owner: str,
        session: str | None = None,
        *,
        alive: bool = False,
        names: str = "",
        also: tuple[str, Item] | None = None,
    ) -> Iterator[Item]:
        """The items of an owner, or of one session, in order."""
        key, values = "#o = :o", {":o": {"S": owner}}
        if session is not None:
            key += " AND begins_with(#p, :p)"
            values[":p"] = {"S": _prefix(session)}
        query: Item = {
            "KeyConditionExpression": key,
            "ExpressionAttributeNames": {"#o": "owner", "#p": "position"},
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(["#o", "#p", *([f"#{names}"] if names else [])]),
        }
        if names:
            query["ExpressionAttributeNames"][f"#{names}"] = names
        conditions = []
        if alive:
            conditions.append("(attribute_not_exists(#e) OR #e > :now)")
            query["ExpressionAttributeNames"]["#e"] = EXPIRES
            values[":now"] = {"N": repr(float(self._clock()))}
        if also is not None:
            conditions.append(also[0])
            values |= also[1]
        if conditions:
            query["FilterExpression"] = " AND ".join(conditions)
        return self._pages({**query, "ExpressionAttributeValues": values})

    def _over(self, before: float) -> Iterator[Item]:
        """What the index by time has up to a moment: nothing that is younger is read."""
        ended = before if self._ttl is None else max(before, self._clock() - self._ttl)
        for shard in range(_SHARDS):
            yield from self._pages(
                {
                    "IndexName": INDEX,
                    "KeyConditionExpression": "#s = :s AND #w < :before",
                    "ExpressionAttributeNames": {
                        "#s": "shard",
                        "#w": "written_at",
                        "#o": "owner",
                        "#p": "position",
                    },
                    "ProjectionExpression": "#o, #p",
                    "ExpressionAttributeValues": {
                        ":s": {"N": str(shard)},
                        ":before": {"N": repr(float(ended))},
                    },
                }
            )

    def _pages(self, query: Item) -> Iterator[Item]:
        start: Item = {}
        while True:
            page = guarded(self._client.query, TableName=self._table, **query, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _delete_one(self, item: Item) -> int:
        """Delete an item; 1 if it was there, so that of two sweeps at once one counts it."""
        where = {"TableName": self._table, "Key": _key(item)}
        done = guarded(self._client.delete_item, **where, ReturnValues="ALL_OLD")
        return int("Attributes" in done)

    def _delete_all(self, items: Iterator[Item]) -> None:
        keys = [{"DeleteRequest": {"Key": _key(item)}} for item in items]
        for start in range(0, len(keys), _BATCH):
            left = {self._table: keys[start : start + _BATCH]}
            for attempt in range(_TRIES):
                done = guarded(self._client.batch_write_item, RequestItems=left)
                left = done.get("UnprocessedItems") or {}
                if not left:
                    break
                time.sleep(min(1.0, 0.05 * 2**attempt))
            else:
                raise StoreError("DynamoDB", "botocore.UnprocessedItems")

    def __repr__(self) -> str:
        return "DynamoDBHistoryStore(...)"


def _key(item: Item) -> Item:
    return {"owner": item["owner"], "position": item["position"]}


def _prefix(session: str) -> str:
    """A session in a sort key, which has at most 1,024 bytes."""
    return hashlib.sha256(session.encode()).hexdigest() + "#"


def _shard(position: str) -> int:
    """Spreads the index by time over several partitions."""
    return hashlib.sha256(position.encode()).digest()[0] % _SHARDS
