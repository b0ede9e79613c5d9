"""LlamaIndex chat stores: scrubbed on write, apart by user, deleted when their time is over.

`ChatMemoryBuffer` and `ChatSummaryMemoryBuffer` keep messages in a `BaseChatStore`, `Memory` in an
`AsyncDBChatStore`; both kinds are wrapped here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore

from llama_index_piirag.chat_stores import (
    Settings,
    UserChatStore,
    UserDBChatStore,
    delete_messages,
    written_at,
)
from piirag.conversations import ConversationTarget, ConversationUser, Retention
from piirag.conversations.ids import message_ids
from piirag.detection.known import Known
from piirag.erasure.target import StoredItem
from piirag.errors import ConfigurationError
from piirag.redaction import Scrubber
from piirag.user_id import check_user_id

__all__ = ["TenantChatStore", "UserChatStore", "UserDBChatStore"]


class TenantChatStore:
    """Wraps any LlamaIndex chat store that many users share.

    Sessions are stored under names encrypted under a key of their user; every part of a message
    is scrubbed before it reaches the wrapped store: blocks, tool calls, additional arguments.
    What the assistant said first is scrubbed as well. Pass what `for_user` returns to
    ``ChatMemoryBuffer.from_defaults(chat_store=..., chat_store_key=...)`` or
    ``Memory.from_defaults(chat_store=..., session_id=...)``.

    Args:
        store: A `BaseChatStore` (`SimpleChatStore`, `RedisChatStore`, ...) or an
            `AsyncDBChatStore` (`SQLAlchemyChatStore`, ...).
        scrubber: Does the work; its vault has the keys.
        retention_days: A message that is older is never returned, and deleted by `sweep`.
        reveal: Return messages with the values put back.
        known: Values the application knows to stand in messages.
        allow_media: Store images, audio and files, into which nobody can look.
        clock: Seconds since the epoch; for tests.

    Raises:
        ConfigurationError: No chat store, or an unusable retention.
    """

    def __init__(
        self,
        store: BaseChatStore | AsyncDBChatStore,
        *,
        scrubber: Scrubber,
        retention_days: float | None = None,
        reveal: bool = False,
        known: Known | None = None,
        allow_media: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(store, BaseChatStore | AsyncDBChatStore):
            raise ConfigurationError("store must be a BaseChatStore or an AsyncDBChatStore")
        self._store = store
        self._shared = Settings(
            scrubber, Retention(retention_days, clock), reveal, known, allow_media
        )

    def for_user(self, user_id: str) -> Any:
        """The chat store of one user: a `UserChatStore`, or a `UserDBChatStore`.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        check_user_id(user_id)
        if isinstance(self._store, BaseChatStore):
            return UserChatStore(self._store, self._shared, user_id)
        return UserDBChatStore(self._store, self._shared, user_id)

    def sweep(self, now: float | None = None, *, before: float | None = None) -> int:
        """Delete the messages of all users that are over.

        Args:
            now: Seconds since the epoch; the clock's time if None.
            before: Messages written before this moment are over, whatever the limit.

        Returns:
            How many messages were deleted.
        """
        limit = self._shared.retention.until(before)
        if not limit.ends:
            return 0
        # Another application's sessions bear no owner, and stay.
        return sum(self._sweep_key(key, limit, now) for key in self._keys() if _is_ours(key))

    def count_over(self, now: float | None = None, *, before: float | None = None) -> int:
        """How many messages `sweep` would delete."""
        limit = self._shared.retention.until(before)
        if not limit.ends:
            return 0
        return sum(
            limit.is_over(written_at(message), now)
            for key in self._keys()
            if _is_ours(key)
            for message in self._read(key)
        )

    def erasure_targets(self) -> list[Any]:
        """What `delete_user` covers: all of a user's sessions, and the vault."""
        from piirag.erasure import as_targets

        vault = self._shared.scrubber.vault
        own = ConversationTarget(
            kind="chat store",
            name=f"chat store:{type(self._store).__name__}",
            store=self._store,
            vault=vault,
            count=lambda owner: sum(len(self._read(key)) for key in self._keys(owner)),
            delete=self._erase,
            items=self._told,
            all_items=self._all_told,
            delete_items=self._delete if isinstance(self._store, BaseChatStore) else None,
        )
        return [own, *as_targets(vault)]

    def _told(self, user_id: str) -> Iterator[StoredItem]:
        """Every message of a user, as it is stored."""
        from piirag.erasure.export_values import plain

        user = ConversationUser(self._shared.scrubber, user_id)
        for key in self._keys(user.owner):
            session = user.show(key.partition(".")[2])
            for id, message in self._named(key):
                metadata = {**plain(message), "session": session, "written_at": written_at(message)}
                yield StoredItem(id, message.content, metadata)

    def _all_told(self) -> Iterator[StoredItem]:
        """Every message of everybody; sessions of another application are nobody's."""
        from piirag.erasure.export_values import plain

        for key in self._keys():
            label = {"user_id": key.partition(".")[0]} if _is_ours(key) else {}
            for id, message in self._named(key):
                yield StoredItem(id, message.content, {**plain(message), **label})

    def _named(self, key: str) -> Iterator[tuple[str, ChatMessage]]:
        messages = self._read(key)
        ids = message_ids(key, [message.model_dump_json() for message in messages])
        return zip(ids, messages, strict=True)

    def _delete(self, ids: Sequence[str]) -> None:
        """Delete messages by id: each session is written anew without them, at once."""
        store = self._store
        if not isinstance(store, BaseChatStore):
            raise ConfigurationError("single messages of this chat store cannot be deleted")
        wanted = set(ids)
        for key in self._keys() if wanted else ():
            delete_messages(store, key, self._named(key), wanted)

    def _erase(self, owner: str) -> None:
        for key in self._keys(owner):
            if isinstance(self._store, BaseChatStore):
                self._store.delete_messages(key)
            else:
                asyncio_run(self._store.delete_messages(key))

    def _keys(self, owner: str | None = None) -> list[str]:
        store = self._store
        keys = store.get_keys() if isinstance(store, BaseChatStore) else _run(store.get_keys())
        return [key for key in keys if owner is None or key.startswith(f"{owner}.")]

    def _read(self, key: str) -> Sequence[ChatMessage]:
        if isinstance(self._store, BaseChatStore):
            return self._store.get_messages(key)
        found: Sequence[ChatMessage] = _run(self._store.get_messages(key, status=None))
        return found

    def _sweep_key(self, key: str, retention: Retention, now: float | None) -> int:
        if not isinstance(self._store, BaseChatStore):
            return int(_run(UserDBChatStore.drop_over(self._store, key, retention, now)))
        stored = list(self._store.get_messages(key))
        kept = [m for m in stored if not retention.is_over(written_at(m), now)]
        if kept and len(kept) < len(stored):
            self._store.set_messages(key, kept)
        elif stored and not kept:
            self._store.delete_messages(key)
        return len(stored) - len(kept)

    def __repr__(self) -> str:
        return f"TenantChatStore({type(self._store).__name__})"


def _is_ours(key: str) -> bool:
    owner, dot, name = key.partition(".")
    return len(owner) == 33 and owner[0] == "u" and bool(dot) and bool(name)


def _run(call: Any) -> Any:
    return asyncio_run(call)
