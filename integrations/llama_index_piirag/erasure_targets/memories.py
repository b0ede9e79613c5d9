"""Memories and chat stores of LlamaIndex that piirag did not make, as erasure targets.

`TenantChatStore` is a target itself; a `ScrubbedMemory` is one by way of what it wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from llama_index.core.async_utils import asyncio_run
from llama_index.core.memory import BaseMemory
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore

from llama_index_piirag.chat_stores import delete_messages
from llama_index_piirag.scrubbed_memory import ScrubbedMemory
from piirag.conversations.ids import message_ids
from piirag.erasure import (
    Capabilities,
    ErasureTarget,
    Residue,
    StoredItem,
    Traces,
    register_resolver,
)
from piirag.erasure.targets.entries import owners_of
from piirag.errors import ConfigurationError, UnsupportedStoreError
from piirag.tenancy import TenantTags
from piirag.user_id import check_user_id

_FILES = "deleted messages may stay in the files of the store until it reuses or compacts them"
_NOT_PERSISTED = (
    "the chat store was changed in memory; a file it was persisted to holds the messages until it "
    "is persisted again"
)
_MEMORY = "what holds the messages is in memory only, or persisted by the application"


class _ChatTarget:
    """What both have in common: nothing is known of files."""

    kind: str
    name: str
    identity: Any
    capabilities: Capabilities

    def traces(self, user_id: str) -> Traces:
        """Nothing: files are not searched."""
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        """Nothing: files are not searched."""
        return {}

    def reclaim(self, user_id: str) -> None:
        """Not possible here."""
        raise NotImplementedError


class ChatStoreTarget(_ChatTarget):
    """Deletes a user's sessions from a LlamaIndex chat store.

    A session is the user's if its key is the user's tag, or begins with it and a colon or slash
    (``"alice"``, ``"alice:session-1"``); or if `keys` says so.

    Args:
        store: A `BaseChatStore` or an `AsyncDBChatStore`.
        tags: How keys name their user.
        keys: A user's sessions, for an application that keeps them elsewhere. They count along.

    Raises:
        ConfigurationError: No chat store.
    """

    kind = "chat store"

    def __init__(
        self,
        store: BaseChatStore | AsyncDBChatStore,
        tags: TenantTags | None = None,
        *,
        keys: Callable[[str], Iterable[str]] | None = None,
    ) -> None:
        if not isinstance(store, (BaseChatStore, AsyncDBChatStore)):
            raise ConfigurationError("expected a chat store of LlamaIndex's")
        self._store: Any = store
        if isinstance(store, BaseChatStore):
            # Only then it is a `DeletableTarget`: writing an asynchronous one anew would take
            # messages out of its archive.
            self.delete_items = self._delete_items
        self.tags = tags if tags is not None else TenantTags()
        self._keys = keys
        self.name = f"{self.kind}:{type(store).__name__}"
        self.identity = (self.kind, id(store), self.tags.keyed)
        told = _NOT_PERSISTED if isinstance(store, SimpleChatStore) else _FILES
        self.capabilities = Capabilities(why_not=told, delete_by="ids", export=True)

    def count(self, user_id: str) -> int:
        """How many messages of the user there are now."""
        return sum(1 for _ in self.items(user_id))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every message of the user."""
        for key in self._of(user_id):
            yield from (item for item, _ in self._told(key, None))

    def all_items(self) -> Iterator[StoredItem]:
        """Every message of everybody, with the tag that its key names, if it names one."""
        for key in _run(self._store.get_keys()):
            owners = owners_of(key, None, self.tags) or owners_of(f"{key}:-", None, self.tags)
            yield from (item for item, _ in self._told(key, next(iter(owners), None)))

    def _delete_items(self, ids: Sequence[str]) -> None:
        """Delete messages by id: each session is written anew without them, at once."""
        wanted = set(ids)
        for key in list(self._store.get_keys()):
            told = ((item.id, message) for item, message in self._told(key, None))
            delete_messages(self._store, key, told, wanted)

    def _told(self, key: str, owner: str | None) -> Iterator[tuple[StoredItem, Any]]:
        label = {} if owner is None else {self.tags.key: owner}
        messages = _messages(self._store, key)
        ids = message_ids(key, [message.model_dump_json() for message in messages])
        for id, message in zip(ids, messages, strict=True):
            yield StoredItem(id, str(message), {**message.additional_kwargs, **label}), message

    def delete(self, user_id: str) -> None:
        """Delete every session of the user."""
        for key in self._of(user_id):
            _run(self._store.delete_messages(key))

    def _of(self, user_id: str) -> list[str]:
        tag = self.tags.tag(user_id)
        named = set(self._keys(user_id)) if self._keys is not None else set()
        begins = (f"{tag}:", f"{tag}/")
        keys = _run(self._store.get_keys())
        return [key for key in keys if key == tag or key.startswith(begins) or key in named]


class MemoryTarget(_ChatTarget):
    """Empties the memory of one user's conversation.

    Args:
        memory: A `ScrubbedMemory`, which knows whose it is; or any memory of LlamaIndex.
        user_id: Whose it is. Others' erasures find nothing in it.

    Raises:
        ConfigurationError: No memory, or nobody whose it is.
        UnsupportedStoreError: A memory in a vector store: LlamaIndex resets it by emptying the
            store, of everybody. Erase from the vector store.
        InvalidUserIdError: No usable user id.
    """

    kind = "memory"

    def __init__(self, memory: BaseMemory, *, user_id: str | None = None) -> None:
        if isinstance(memory, ScrubbedMemory):
            known = memory._within().user_id
            if user_id not in (None, known):
                raise ConfigurationError("this memory is another user's")
            user_id, memory = known, memory._memory
        if not isinstance(memory, BaseMemory):
            raise ConfigurationError(f"expected a memory, not {type(memory).__name__}")
        if user_id is None:
            raise ConfigurationError("whose memory it is must be said: user_id=...")
        if any(hasattr(part, "vector_index") for part in _parts(memory)):
            raise UnsupportedStoreError(
                "a memory in a vector store is reset by emptying the store; erase from the store"
            )
        self._user_id = check_user_id(user_id)
        self._memory = memory
        self.name = f"{self.kind}:{type(memory).__name__}"
        self.identity = (self.kind, id(memory))
        blocks = [b for b in getattr(memory, "memory_blocks", ()) if not _has_facts(b)]
        others = ", ".join(sorted({type(block).__name__ for block in blocks}))
        told = f"{_MEMORY}; not covered: {others}" if others else _MEMORY
        self.capabilities = Capabilities(why_not=told, export=True)

    def count(self, user_id: str) -> int:
        """How many messages and extracted facts there are now."""
        return sum(1 for _ in self.items(user_id))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every message, and every fact that was extracted from some."""
        if check_user_id(user_id) != self._user_id:
            return
        for number, message in enumerate(self._memory.get_all()):
            yield StoredItem(f"message {number}", str(message), dict(message.additional_kwargs))
        for number, fact in enumerate(f for block in self._blocks() for f in block.facts):
            yield StoredItem(f"fact {number}", fact)

    def delete(self, user_id: str) -> None:
        """Empty the memory. `reset` alone leaves what blocks have extracted."""
        if check_user_id(user_id) == self._user_id:
            self._memory.reset()
            for block in self._blocks():
                block.facts = []

    def _blocks(self) -> list[Any]:
        return [b for b in getattr(self._memory, "memory_blocks", ()) if _has_facts(b)]


def _has_facts(block: Any) -> bool:
    return isinstance(getattr(block, "facts", None), list)


def _parts(memory: Any) -> Iterator[Any]:
    """A memory, and those that it is composed of."""
    yield memory
    inner = [getattr(memory, "primary_memory", None)]
    for part in [*inner, *(getattr(memory, "secondary_memory_sources", None) or ())]:
        if part is not None:
            yield from _parts(part)


def _messages(store: Any, key: str) -> list[Any]:
    if isinstance(store, BaseChatStore):
        return list(store.get_messages(key))
    return list(asyncio_run(store.get_messages(key, status=None)))


def _run(result: Any) -> Any:
    """The result of a call: that of a coroutine where the store is asynchronous."""
    return asyncio_run(result) if hasattr(result, "__await__") else result


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    if isinstance(item, ScrubbedMemory):
        return [MemoryTarget(item)]
    return [ChatStoreTarget(item)] if isinstance(item, (BaseChatStore, AsyncDBChatStore)) else None


register_resolver(_resolve)
