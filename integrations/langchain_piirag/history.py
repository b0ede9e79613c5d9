"""LangChain chat histories: scrubbed on write, apart by user, deleted when their time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage
from langchain_core.runnables import ConfigurableFieldSpec, run_in_executor

from langchain_piirag.history_stores import HistoryStore, MemoryHistoryStore, stamped, written_at
from piirag.conversations import ConversationTarget, ConversationUser, Retention
from piirag.detection.known import Known
from piirag.errors import InvalidInputError, TenancyError
from piirag.redaction import Scrubber
from piirag.user_id import check_user_id


class ScrubbedChatMessageHistory(BaseChatMessageHistory):
    """Wraps a chat history of one user: what is stored holds pseudonyms in place of values.

    Every part of a message is scrubbed: content blocks, tool calls, additional arguments, names.
    A message that cannot be searched is refused, and with it all that was added in one call.
    What the assistant said first is scrubbed as well. Read back into a prompt for
    `RedactedModel(...).for_user(...)`, the pseudonyms travel as placeholders and come back as
    values.

    The history must be this user's alone: nothing in it says whose it is. `ChatHistories` opens
    histories under names nobody can guess.

    Args:
        history: Any LangChain chat history.
        scrubber: Does the work.
        user_id: The user.
        retention_days: A message that is older is never returned, and deleted by `sweep`.
        reveal: Return messages with the values put back.
        known: Values the application knows to stand in messages.
        allow_media: Store images, audio and files, into which nobody can look.
        clock: Seconds since the epoch; for tests.

    Raises:
        InvalidUserIdError: No usable user id.
        ConfigurationError: An unusable retention.
    """

    def __init__(
        self,
        history: BaseChatMessageHistory,
        *,
        scrubber: Scrubber,
        user_id: str,
        retention_days: float | None = None,
        reveal: bool = False,
        known: Known | None = None,
        allow_media: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(history, BaseChatMessageHistory):
            raise InvalidInputError("history must be a BaseChatMessageHistory")
        self._history = history
        self._user = ConversationUser(scrubber, user_id, known=known, allow_media=allow_media)
        self._retention = Retention(retention_days, clock)
        self._reveal = reveal

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The messages that are not over, oldest first."""
        return self._outward(self._history.messages)

    async def aget_messages(self) -> list[BaseMessage]:
        """The messages that are not over, oldest first."""
        found = await self._history.aget_messages()
        return await run_in_executor(None, self._outward, found)

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Scrub messages and store them.

        Raises:
            InvalidInputError: A part that cannot be searched; nothing was stored.
            DetectionError: The detector failed; nothing was stored.
            UserErasedError: The user was erased.
        """
        writing, clean = self._inward(messages)
        if clean:
            self._history.add_messages(clean)
            writing.check(self._history.clear)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Scrub messages and store them. See `add_messages`."""
        writing, clean = await run_in_executor(None, self._inward, messages)
        if clean:
            await self._history.aadd_messages(clean)
            erased: list[bool] = []
            try:
                await run_in_executor(None, writing.check, lambda: erased.append(True))
            finally:
                if erased:
                    await self._history.aclear()

    def clear(self) -> None:
        """Delete all messages of this history."""
        self._history.clear()

    async def aclear(self) -> None:
        """Delete all messages of this history."""
        await self._history.aclear()

    def sweep(self, now: float | None = None, *, before: float | None = None) -> int:
        """Delete the messages that are over.

        Args:
            now: Seconds since the epoch; the clock's time if None.
            before: Messages written before this moment are over, whatever the limit.

        Returns:
            How many were deleted.
        """
        limit = self._retention.until(before)
        stored = list(self._history.messages)
        kept = [m for m in stored if not limit.is_over(written_at(m), now)]
        if len(kept) == len(stored):
            return 0
        native = getattr(self._history, "delete_before", None)
        if callable(native):
            return int(native(limit.cutoff(now)))
        # A history of another library's can only be emptied. The rest goes back at once.
        self._history.clear()
        if kept:
            self._history.add_messages(kept)
        return len(stored) - len(kept)

    def _inward(self, messages: Sequence[BaseMessage]) -> tuple[Any, list[BaseMessage]]:
        messages = list(messages)
        if not all(isinstance(message, BaseMessage) for message in messages):
            raise InvalidInputError("a chat history takes messages only")
        writing = self._user.writing()
        now = self._retention.now()
        return writing, [stamped(message, now) for message in self._user.scrub(messages)]

    def _outward(self, stored: Sequence[BaseMessage]) -> list[BaseMessage]:
        if not self._user.exists():
            return []
        found = [
            stamped(message, None)
            for message in stored
            if not self._retention.is_over(written_at(message))
        ]
        revealed: list[BaseMessage] = self._user.reveal(found) if self._reveal else found
        return revealed

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return "ScrubbedChatMessageHistory(...)"


class ChatHistories:
    """The chat histories of all users in one store, apart by user and session.

    The store knows a session by a name encrypted under a key of its user, so that no session
    can be guessed, nor read by another user. Give `get_session_history` and `config_specs` to
    `RunnableWithMessageHistory`, and pass both `user_id` and `session_id` with every call; there
    is no default for either.

    Args:
        store: `SQLHistoryStore`, `RedisHistoryStore`, `DynamoDBHistoryStore`,
            `MemoryHistoryStore`, or `WrappedHistoryStore` for another library's histories.
        scrubber: Does the work; its vault has the keys.
        retention_days: See `ScrubbedChatMessageHistory`. A store that deletes by itself, such as
            Redis, is told of it.
        reveal: Return messages with the values put back.
        known: Values the application knows to stand in messages.
        allow_media: Store images, audio and files, into which nobody can look.
        clock: Seconds since the epoch; for tests.

    Raises:
        ConfigurationError: An unusable retention.
    """

    def __init__(
        self,
        store: HistoryStore | None = None,
        *,
        scrubber: Scrubber,
        retention_days: float | None = None,
        reveal: bool = False,
        known: Known | None = None,
        allow_media: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store if store is not None else MemoryHistoryStore()
        self._scrubber = scrubber
        self._retention = Retention(retention_days, clock)
        keep_for = getattr(self._store, "keep_for", None)
        if retention_days is not None and callable(keep_for):
            keep_for(retention_days * 86_400.0)
        self._options: dict[str, Any] = {
            "retention_days": retention_days,
            "reveal": reveal,
            "known": known,
            "allow_media": allow_media,
            "clock": clock,
        }

    def get_session_history(self, user_id: str, session_id: str) -> ScrubbedChatMessageHistory:
        """The history of one user's session, for `RunnableWithMessageHistory`.

        Raises:
            InvalidUserIdError: No usable user id.
            InvalidInputError: No usable session id.
            UserErasedError: The user was erased.
        """
        user = ConversationUser(self._scrubber, user_id)
        session = user.hide(session_id, create=True)
        assert session is not None
        history = self._store.open(user.owner, session)
        return ScrubbedChatMessageHistory(
            history, scrubber=self._scrubber, user_id=user_id, **self._options
        )

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """For ``RunnableWithMessageHistory(..., history_factory_config=...)``."""
        return [
            ConfigurableFieldSpec(id=name, annotation=str, name=label, is_shared=True)
            for name, label in (("user_id", "User ID"), ("session_id", "Session ID"))
        ]

    def sessions(self, user_id: str) -> list[str]:
        """The ids of a user's sessions that hold messages.

        Raises:
            TenancyError: The store returned a session of somebody else's.
        """
        user = ConversationUser(self._scrubber, user_id)
        if not user.exists():
            return []
        names = [user.show(session) for session in self._store.sessions(user.owner)]
        if None in names:
            raise TenancyError("the store listed a session that is not this user's")
        return sorted(name for name in names if name is not None)

    def delete_session(self, user_id: str, session_id: str) -> None:
        """Delete a session with all its messages."""
        user = ConversationUser(self._scrubber, check_user_id(user_id))
        session = user.hide(session_id)
        if session is not None:
            self._store.delete(user.owner, session)

    def sweep(self, now: float | None = None, *, before: float | None = None) -> int:
        """Delete the messages of all users that are over.

        Args:
            now: Seconds since the epoch; the clock's time if None.
            before: Messages written before this moment are over, whatever the limit.

        Returns:
            How many messages were deleted.
        """
        limit = self._retention.until(before)
        return self._store.sweep(limit.cutoff(now)) if limit.ends else 0

    def count_over(self, now: float | None = None, *, before: float | None = None) -> int:
        """How many messages `sweep` would delete."""
        limit = self._retention.until(before)
        return self._store.count_before(limit.cutoff(now)) if limit.ends else 0

    @property
    def native_expiry(self) -> str:
        """What deletes messages without a sweep; empty where nothing does."""
        return str(getattr(self._store, "native_expiry", ""))

    def erasure_targets(self) -> list[Any]:
        """What `delete_user` covers: all of a user's sessions, and the vault."""
        from piirag.erasure import as_targets

        own = ConversationTarget(
            kind="chat history",
            name=f"chat history:{type(self._store).__name__}",
            store=self._store,
            vault=self._scrubber.vault,
            count=self._store.count,
            delete=self._store.erase,
            items=self._items,
        )
        return [own, *as_targets(self._scrubber.vault)]

    def _items(self, user_id: str) -> Iterator[Any]:
        """Every message of a user, as it is stored."""
        from piirag.erasure.export_values import plain
        from piirag.erasure.target import StoredItem

        user = ConversationUser(self._scrubber, user_id)
        for session in self._store.sessions(user.owner) if user.exists() else ():
            name = user.show(session)
            if name is None:
                raise TenancyError("the store listed a session that is not this user's")
            for number, message in enumerate(self._store.open(user.owner, session).messages):
                told = {k: v for k, v in plain(stamped(message, None)).items() if v}
                content = told.pop("content", None)
                metadata = {**told, "session": name, "written_at": written_at(message)}
                if not isinstance(content, str):
                    metadata["content"] = content
                    content = None
                yield StoredItem(f"{user.owner}/{session}/{number}", content, metadata)

    def __repr__(self) -> str:
        return f"ChatHistories({type(self._store).__name__})"
