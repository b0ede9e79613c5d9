"""Ids of messages and items in stores that give them none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any


def message_ids(session: str, messages: Iterable[str]) -> list[str]:
    """An id for each message of a session, by what it says.

    Not by its place: once one message is deleted, places name other ones. Of messages that are
    the same, the second and later ones are numbered.

    Args:
        session: The key of the session.
        messages: The messages, serialised.
    """
    seen: dict[str, int] = {}
    ids = []
    for message in messages:
        name = hashlib.sha256(message.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        count = seen[name] = seen.get(name, 0) + 1
        ids.append(f"{session}/{name}" if count == 1 else f"{session}/{name}-{count}")
    return ids


def item_id(item: Any) -> str:
    """The id of an item of a LangGraph store: its namespace and its key."""
    return "/".join((*item.namespace, item.key))
