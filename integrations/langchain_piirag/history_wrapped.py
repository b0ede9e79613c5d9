"""Chat histories of other libraries."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from langchain_piirag.history_stores import written_at
from piirag.conversations import SessionRegister


class WrappedHistoryStore:
    """Another library's histories: `PostgresChatMessageHistory`, `SQLChatMessageHistory`, ...

    Those cannot list their sessions, so a register beside them does: without it nobody could
    erase a user, or delete what is over.

    Args:
        open: From a session id, which has the form of a UUID, to a history.
        register: Where the sessions are noted.
    """

    def __init__(
        self, open: Callable[[str], BaseChatMessageHistory], *, register: SessionRegister
    ) -> None:
        self._open = open
        self._register = register

    def open(self, owner: str, session: str) -> BaseChatMessageHistory:
        """The history of a session."""
        return _Registered(self._of(owner, session), self._register, owner, session)

    def sessions(self, owner: str) -> list[str]:
        """The sessions of an owner that were ever written to and not deleted."""
        return [session for _, session in self._register.sessions(owner)]

    def delete(self, owner: str, session: str) -> None:
        """Delete a session."""
        self._of(owner, session).clear()
        self._register.drop(owner, session)

    def count(self, owner: str) -> int:
        """How many messages an owner has."""
        return sum(len(self._of(owner, s).messages) for s in self.sessions(owner))

    def erase(self, owner: str) -> None:
        """Delete all sessions of an owner."""
        for session in self.sessions(owner):
            self.delete(owner, session)

    def sweep(self, before: float) -> int:
        """Delete all messages written before a moment."""
        gone = 0
        for owner, session in self._register.sessions():
            history = self._of(owner, session)
            stored = list(history.messages)
            kept = [m for m in stored if (written_at(m) or float("-inf")) >= before]
            if len(kept) < len(stored):
                gone += len(stored) - len(kept)
                # It can only be emptied. The rest goes back at once.
                history.clear()
                if kept:
                    history.add_messages(kept)
        return gone

    def count_before(self, before: float) -> int:
        """How many messages were written before a moment."""
        return sum(
            (written_at(message) or float("-inf")) < before
            for owner, session in self._register.sessions()
            for message in self._of(owner, session).messages
        )

    def _of(self, owner: str, session: str) -> BaseChatMessageHistory:
        digest = hashlib.sha256(f"{owner}/{session}".encode()).digest()
        return self._open(str(uuid.UUID(bytes=digest[:16], version=4)))

    def __repr__(self) -> str:
        return "WrappedHistoryStore(...)"


class _Registered(BaseChatMessageHistory):
    """A history that is noted before anything is written into it."""

    def __init__(
        self,
        history: BaseChatMessageHistory,
        register: SessionRegister,
        owner: str,
        session: str,
    ) -> None:
        self._history = history
        self._register = register
        self._names = (owner, session)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        return self._history.messages

    async def aget_messages(self) -> list[BaseMessage]:
        return await self._history.aget_messages()

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self._register.add(*self._names)
        self._history.add_messages(messages)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        self._register.add(*self._names)
        await self._history.aadd_messages(messages)

    def clear(self) -> None:
        self._history.clear()

    async def aclear(self) -> None:
        await self._history.aclear()
