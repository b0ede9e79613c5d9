"""The table of chat histories in DynamoDB: creating it, and errors that quote nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from piirag.errors import ConfigurationError, StoreError

EXPIRES = "expires_at"
"""Attribute of the end of an item, in whole seconds since the epoch, for DynamoDB's TTL."""

INDEX = "piirag_by_time"

_KEYS = [
    {"AttributeName": "owner", "KeyType": "HASH"},
    {"AttributeName": "position", "KeyType": "RANGE"},
]
_BY_TIME = [
    {"AttributeName": "shard", "KeyType": "HASH"},
    {"AttributeName": "written_at", "KeyType": "RANGE"},
]
_TYPES = {"owner": "S", "position": "S", "shard": "N", "written_at": "N"}


def ensure_table(client: Any, table: str) -> None:
    """Create the table where it is not there, and switch its time to live on.

    Raises:
        ConfigurationError: It has other keys or no index by time, or another attribute for its
            time to live.
        StoreError: DynamoDB refused, or cannot be reached.
    """
    described = _described(client, table)
    if described is None:
        _create(client, table)
        guarded(client.get_waiter("table_exists").wait, TableName=table)
        described = _described(client, table)
    indexes = {i["IndexName"]: i for i in (described or {}).get("GlobalSecondaryIndexes", [])}
    keys = (described or {}).get("KeySchema")
    if keys != _KEYS or indexes.get(INDEX, {}).get("KeySchema") != _BY_TIME:
        raise ConfigurationError("the table is there, and is none of chat histories of piirag")
    found = guarded(client.describe_time_to_live, TableName=table)
    live = found["TimeToLiveDescription"]
    if live.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        if live.get("AttributeName") != EXPIRES:
            raise ConfigurationError("the table's time to live is under another attribute")
        return
    wanted = {"Enabled": True, "AttributeName": EXPIRES}
    guarded(client.update_time_to_live, TableName=table, TimeToLiveSpecification=wanted)


def _described(client: Any, table: str) -> Any:
    try:
        return guarded(client.describe_table, TableName=table)["Table"]
    except StoreError as error:
        if not error.error_type.endswith(".ResourceNotFoundException"):
            raise
    return None


def _create(client: Any, table: str) -> None:
    types = [{"AttributeName": name, "AttributeType": kind} for name, kind in _TYPES.items()]
    by_time = {
        "IndexName": INDEX,
        "KeySchema": _BY_TIME,
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    try:
        guarded(
            client.create_table,
            TableName=table,
            KeySchema=_KEYS,
            AttributeDefinitions=types,
            GlobalSecondaryIndexes=[by_time],
            BillingMode="PAY_PER_REQUEST",
        )
    except StoreError as error:
        # Another process may have been first.
        if not error.error_type.endswith(".ResourceInUseException"):
            raise


def guarded(call: Callable[..., Any], **given: Any) -> Any:
    """What a call gives; its error without a message, which may quote keys and items.

    Raises:
        StoreError: It failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    reason = ""
    try:
        return call(**given)
    except ClientError as error:
        reason = f"botocore.{error.response.get('Error', {}).get('Code', 'ClientError')}"
    except BotoCoreError as error:
        reason = f"{type(error).__module__}.{type(error).__qualname__}"
    raise StoreError("DynamoDB", reason)
