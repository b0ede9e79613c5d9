"""One user's part of a LlamaIndex chat store."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus

from piirag.conversations import ConversationUser, Retention
from piirag.errors import InvalidInputError
from piirag.redaction import Scrubber

_STAMP = "piirag"


@dataclass(frozen=True, repr=False)
class Settings:
    """What all users of a `TenantChatStore` share."""

    scrubber: Scrubber
    retention: Retention
    reveal: bool
    known: Any
    allow_media: bool


def written_at(message: ChatMessage) -> float | None:
    """When a message was written, in seconds since the epoch."""
    stamp = message.additional_kwargs.get(_STAMP)
    at = stamp.get("at") if isinstance(stamp, dict) else None
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


def delete_messages(
    store: BaseChatStore, key: str, named: Iterable[tuple[str, ChatMessage]], ids: Container[str]
) -> None:
    """Write a session anew without some messages, at once; delete it where none are left.

    Args:
        store: The store.
        key: The session.
        named: All messages of the session with their ids.
        ids: Those to delete.
    """
    told = list(named)
    kept = [message for id, message in told if id not in ids]
    if kept and len(kept) < len(told):
        store.set_messages(key, kept)
    elif told and not kept:
        store.delete_messages(key)


def _stamped(message: ChatMessage, at: float | None) -> ChatMessage:
    kwargs = {k: v for k, v in message.additional_kwargs.items() if k != _STAMP}
    if at is not None:
        kwargs[_STAMP] = {"at": at}
    return message.model_copy(update={"additional_kwargs": kwargs})


def _print(message: ChatMessage) -> str:
    """What two equal messages have in common, whenever they were written."""
    return _stamped(message, None).model_dump_json(fallback=repr)


class _Part:
    """Names, scrubbing and retention for one user."""

    def __init__(self, shared: Settings, user_id: str) -> None:
        self.user = ConversationUser(
            shared.scrubber, user_id, known=shared.known, allow_media=shared.allow_media
        )
        self._retention = shared.retention
        self._reveal = shared.reveal
        self.keeps = shared.retention.days is None

    def key(self, session: str) -> str | None:
        """The store's key of a session; None for a user who has nothing."""
        hidden = self.user.hide(session)
        return None if hidden is None else f"{self.user.owner}.{hidden}"

    def sessions(self, keys: Sequence[str]) -> list[str]:
        """The user's sessions among the keys of a store."""
        prefix = f"{self.user.owner}."
        names = [self.user.show(k[len(prefix) :]) for k in keys if k.startswith(prefix)]
        # After an erasure and a new start, old names are under a key that is gone.
        return [name for name in names if name is not None]

    def inward(
        self, session: str, messages: Sequence[ChatMessage], stored: Sequence[ChatMessage] = ()
    ) -> _Inward:
        """Messages as the store gets them.

        Args:
            session: The session.
            messages: What is written.
            stored: What it takes the place of. A message that is among them keeps its time:
                memory buffers write back what they read, and its time must not start anew.
        """
        messages = list(messages)
        if not all(isinstance(message, ChatMessage) for message in messages):
            raise InvalidInputError("a chat store takes chat messages only")
        writing = self.user.writing()
        key = self.key(session)
        assert key is not None
        now = self._retention.now()
        times = {_print(m): at for m in stored if (at := written_at(m)) is not None}
        clean: list[ChatMessage] = self.user.scrub([_stamped(m, None) for m in messages])
        stamped = [_stamped(m, min(now, times.get(_print(m), now))) for m in clean]
        return _Inward(key, stamped, writing)

    def outward(self, stored: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Messages as the user gets them; those that are over are left out."""
        found = [m for m in stored if not self._retention.is_over(written_at(m))]
        # Model clients send additional arguments along: the time stays here.
        bare = [_stamped(m, None) for m in found]
        shown: list[ChatMessage] = self.user.reveal(bare) if self._reveal else bare
        return shown

    def one(self, message: ChatMessage | None) -> ChatMessage | None:
        """As `outward`, for one message or none."""
        found = self.outward([message]) if message is not None else []
        return found[0] if found else None

    def are_over(self, stored: Sequence[ChatMessage]) -> bool:
        """Whether any message is over."""
        return any(self._retention.is_over(written_at(m)) for m in stored)


@dataclass(frozen=True, repr=False)
class _Inward:
    key: str
    messages: list[ChatMessage]
    writing: Any


class UserChatStore(BaseChatStore):
    """One user's sessions in a `BaseChatStore`; made by `TenantChatStore.for_user`."""

    _store: BaseChatStore = PrivateAttr()
    _part: _Part = PrivateAttr()

    def __init__(self, store: BaseChatStore, shared: Settings, user_id: str) -> None:
        super().__init__()
        self._store = store
        self._part = _Part(shared, user_id)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "UserChatStore"

    def set_messages(self, key: str, messages: list[ChatMessage]) -> None:
        """Replace the messages of a session."""
        inner = self._part.key(key)
        stored = [] if inner is None else list(self._store.get_messages(inner))
        made = self._part.inward(key, messages, stored)
        self._store.set_messages(made.key, made.messages)
        made.writing.check(lambda: self._store.delete_messages(made.key))

    def get_messages(self, key: str) -> list[ChatMessage]:
        """The messages of a session that are not over, oldest first."""
        inner = self._part.key(key)
        return [] if inner is None else self._part.outward(self._store.get_messages(inner))

    def add_message(self, key: str, message: ChatMessage) -> None:
        """Add a message to a session."""
        made = self._part.inward(key, [message])
        self._store.add_message(made.key, made.messages[0])
        made.writing.check(lambda: self._store.delete_messages(made.key))

    def delete_messages(self, key: str) -> list[ChatMessage] | None:
        """Delete a session; return what was in it."""
        inner = self._part.key(key)
        gone = None if inner is None else self._store.delete_messages(inner)
        return None if gone is None else self._part.outward(gone)

    def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Delete one message, counted among those that are not over."""
        inner = self._current(key)
        return None if inner is None else self._part.one(self._store.delete_message(inner, idx))

    def delete_last_message(self, key: str) -> ChatMessage | None:
        """Delete the last message."""
        inner = self._current(key)
        if inner is None or not self._store.get_messages(inner):
            return None
        return self._part.one(self._store.delete_last_message(inner))

    def get_keys(self) -> list[str]:
        """The user's sessions."""
        return self._part.sessions(self._store.get_keys())

    def _current(self, key: str) -> str | None:
        """The store's key of a session from which what is over was removed."""
        inner = self._part.key(key)
        if inner is not None and not self._part.keeps:
            stored = list(self._store.get_messages(inner))
            if self._part.are_over(stored):
                kept = [m for m in stored if not self._part.are_over([m])]
                self._store.set_messages(inner, kept)
        return inner


class UserDBChatStore(AsyncDBChatStore):
    """One user's sessions in an `AsyncDBChatStore`; made by `TenantChatStore.for_user`."""

    _store: AsyncDBChatStore = PrivateAttr()
    _part: _Part = PrivateAttr()

    def __init__(self, store: AsyncDBChatStore, shared: Settings, user_id: str) -> None:
        super().__init__()
        self._store = store
        self._part = _Part(shared, user_id)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "UserDBChatStore"

    async def get_messages(
        self,
        key: str,
        status: MessageStatus | None = MessageStatus.ACTIVE,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[ChatMessage]:
        """The messages of a session that are not over, oldest first."""
        inner = self._part.key(key)
        if inner is None:
            return []
        if self._part.keeps:
            stored = await self._store.get_messages(inner, status, limit, offset)
            return await asyncio.to_thread(self._part.outward, stored)
        stored = await self._store.get_messages(inner, status)
        found = await asyncio.to_thread(self._part.outward, stored)
        first = offset or 0
        return found[first:] if limit is None else found[first : first + limit]

    async def count_messages(
        self, key: str, status: MessageStatus | None = MessageStatus.ACTIVE
    ) -> int:
        """How many messages of a session are not over."""
        return len(await self.get_messages(key, status))

    async def add_message(
        self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Add a message to a session."""
        await self.add_messages(key, [message], status)

    async def add_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Add messages to a session."""
        made = await asyncio.to_thread(self._part.inward, key, messages)
        if made.messages:
            await self._store.add_messages(made.key, made.messages, status)
            await self._check(made)

    async def set_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Replace the messages of a session."""
        inner = self._part.key(key)
        stored = [] if inner is None else await self._store.get_messages(inner, None)
        made = await asyncio.to_thread(self._part.inward, key, messages, stored)
        await self._store.set_messages(made.key, made.messages, status)
        await self._check(made)

    async def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Delete one message by the id the store gave it."""
        inner = self._part.key(key)
        if inner is None:
            return None
        return self._part.one(await self._store.delete_message(inner, idx))

    async def delete_messages(self, key: str, status: MessageStatus | None = None) -> None:
        """Delete the messages of a session."""
        inner = self._part.key(key)
        if inner is not None:
            await self._store.delete_messages(inner, status)

    async def delete_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Delete the oldest messages that are not over; return them."""
        inner = await self._current(key)
        gone = [] if inner is None else await self._store.delete_oldest_messages(inner, n)
        return self._part.outward(gone)

    async def archive_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Archive the oldest messages that are not over; return them."""
        inner = await self._current(key)
        moved = [] if inner is None else await self._store.archive_oldest_messages(inner, n)
        return self._part.outward(moved)

    async def get_keys(self) -> list[str]:
        """The user's sessions."""
        return self._part.sessions(await self._store.get_keys())

    @staticmethod
    async def drop_over(
        store: AsyncDBChatStore, key: str, retention: Retention, now: float | None = None
    ) -> int:
        """Delete what is over in one session of a store; return how many messages."""
        kept: dict[MessageStatus, list[ChatMessage]] = {}
        gone = 0
        for status in (MessageStatus.ARCHIVED, MessageStatus.ACTIVE):
            stored = await store.get_messages(key, status)
            kept[status] = [m for m in stored if not retention.is_over(written_at(m), now)]
            gone += len(stored) - len(kept[status])
        if not gone:
            return 0
        # A store can only be told to delete the oldest active ones, or all.
        await store.delete_messages(key)
        for status, messages in kept.items():
            if messages:
                await store.add_messages(key, messages, status)
        return gone

    async def _current(self, key: str) -> str | None:
        inner = self._part.key(key)
        if inner is not None and not self._part.keeps:
            await self.drop_over(self._store, inner, self._part._retention)
        return inner

    async def _check(self, made: _Inward) -> None:
        erased: list[bool] = []
        try:
            await asyncio.to_thread(made.writing.check, lambda: erased.append(True))
        finally:
            if erased:
                await self._store.delete_messages(made.key)
