"""LangGraph checkpointers: threads apart by user, states scrubbed on write."""

from __future__ import annotations

import builtins
import copy
import dataclasses
import importlib.util
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Any, NoReturn

from langchain_core.runnables import RunnableConfig

from piirag.conversations import ConversationTarget, ConversationUser, Retention
from piirag.detection.known import Known
from piirag.errors import ConfigurationError, MissingDependencyError, TenancyError
from piirag.redaction import Scrubber
from piirag.user_id import check_user_id

if importlib.util.find_spec("langgraph") is None:
    raise MissingDependencyError("langgraph", "agents")

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from langchain_piirag.checkpoints_shared import AT, OWNER, Settings, at_of, latest
from langchain_piirag.checkpoints_user import UserCheckpointer

__all__ = ["AT", "OWNER", "TenantCheckpointer", "UserCheckpointer"]


class TenantCheckpointer(BaseCheckpointSaver[Any]):
    """Wraps any LangGraph checkpointer that many users share.

    A thread is stored under a name encrypted under a key of its user, so that two users may
    each have a thread ``"1"``, nobody can guess one, and none is ever readable by another user.
    All channel values, writes of tasks, errors, interrupts and metadata are scrubbed before they
    reach the wrapped saver. Every checkpoint bears its owner's keyed tag, which is checked again
    on everything that is read.

    Use `for_user`, and compile the graph with what it returns. Where one compiled graph must
    serve all users, pass this object itself, and have your server put the user into every config:
    ``{"configurable": {"thread_id": ..., "user_id": ...}}``. A config without it is refused.

    Args:
        saver: `InMemorySaver`, `SqliteSaver`, `PostgresSaver`, their async forms, any other.
        scrubber: Does the work; its vault has the keys.
        retention_days: A thread whose last step is older is never returned, and deleted by
            `sweep`.
        reveal: Return states with the values put back. What is stored is the same.
        known: Values the application knows to stand in states.
        allow_media: Store bytes, images, audio and files, into which nobody can look.
        user_key: Where a config names the user.
        clock: Seconds since the epoch; for tests.

    Raises:
        ConfigurationError: No saver, or an unusable retention.
    """

    def __init__(
        self,
        saver: BaseCheckpointSaver[Any],
        *,
        scrubber: Scrubber,
        retention_days: float | None = None,
        reveal: bool = False,
        known: Known | None = None,
        allow_media: bool = False,
        user_key: str = "user_id",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(saver, BaseCheckpointSaver):
            raise ConfigurationError("saver must be a BaseCheckpointSaver")
        super().__init__(serde=saver.serde)
        self._shared = Settings(
            saver,
            scrubber,
            Retention(retention_days, clock),
            reveal,
            known,
            allow_media,
            user_key,
        )

    @property
    def saver(self) -> BaseCheckpointSaver[Any]:
        """The wrapped saver."""
        return self._shared.saver

    def for_user(self, user_id: str) -> UserCheckpointer:
        """The checkpointer of one user; cheap, so make one per request.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        return UserCheckpointer(self._shared, check_user_id(user_id))

    def _of(self, config: RunnableConfig | None) -> UserCheckpointer:
        given = (config or {}).get("configurable") or {}
        key = self._shared.user_key
        if key not in given:
            raise TenancyError(
                f"the config names no user: set configurable[{key!r}], or use for_user"
            )
        return UserCheckpointer(self._shared, given[key], named=True)

    @property
    def config_specs(self) -> builtins.list[Any]:
        """Those of the wrapped saver."""
        return list(self.saver.config_specs)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """That of the user in the config."""
        return self._of(config).get_tuple(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """That of the user in the config."""
        return await self._of(config).aget_tuple(config)

    def list(self, config: RunnableConfig | None, **kwargs: Any) -> Iterator[CheckpointTuple]:
        """Those of the user in the config."""
        return self._of(config).list(config, **kwargs)

    def alist(self, config: RunnableConfig | None, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        """Those of the user in the config."""
        return self._of(config).alist(config, **kwargs)

    def put(self, config: RunnableConfig, *args: Any, **kwargs: Any) -> RunnableConfig:
        """Store a checkpoint of the user in the config."""
        return self._of(config).put(config, *args, **kwargs)

    async def aput(self, config: RunnableConfig, *args: Any, **kwargs: Any) -> RunnableConfig:
        """Store a checkpoint of the user in the config."""
        return await self._of(config).aput(config, *args, **kwargs)

    def put_writes(self, config: RunnableConfig, *args: Any, **kwargs: Any) -> None:
        """Store writes of the user in the config."""
        self._of(config).put_writes(config, *args, **kwargs)

    async def aput_writes(self, config: RunnableConfig, *args: Any, **kwargs: Any) -> None:
        """Store writes of the user in the config."""
        await self._of(config).aput_writes(config, *args, **kwargs)

    def delete_thread(self, thread_id: str) -> NoReturn:
        """Refused: it names no user."""
        raise TenancyError("this call names no user: use for_user(...)")

    async def adelete_thread(self, thread_id: str) -> NoReturn:
        """Refused: it names no user."""
        self.delete_thread(thread_id)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """That of the wrapped saver."""
        return self.saver.get_next_version(current, channel)

    def with_allowlist(
        self, extra_allowlist: Collection[tuple[str, ...]]
    ) -> BaseCheckpointSaver[Any]:
        """A copy whose wrapped saver has the derived allowlist."""
        clone = copy.copy(self)
        saver = self.saver.with_allowlist(extra_allowlist)
        clone._shared = dataclasses.replace(self._shared, saver=saver)
        clone.serde = saver.serde
        return clone

    def sweep(self, now: float | None = None, *, before: float | None = None) -> int:
        """Delete the threads of all users whose last step is over. It reads every checkpoint.

        Args:
            now: Seconds since the epoch; the clock's time if None.
            before: Threads whose last step was before this moment are over, whatever the limit.

        Returns:
            How many checkpoints were deleted.
        """
        limit = self._shared.retention.until(before)
        gone = 0
        for thread, count in self._over(limit, now).items():
            # It may have gone on since it was read.
            if limit.is_over(at_of(self.saver.get_tuple(latest(thread))), now):
                self.saver.delete_thread(thread)
                gone += count
        return gone

    def count_over(self, now: float | None = None, *, before: float | None = None) -> int:
        """How many checkpoints `sweep` would delete."""
        return sum(self._over(self._shared.retention.until(before), now).values())

    def _over(self, limit: Retention, now: float | None) -> dict[str, int]:
        """The threads that are over, with how many checkpoints they have."""
        if not limit.ends:
            return {}
        last: dict[str, float] = {}
        counts: dict[str, int] = {}
        for found in self.saver.list(None):
            if OWNER in found.metadata:  # another application's checkpoints stay
                thread = found.config["configurable"]["thread_id"]
                last[thread] = max(last.get(thread, 0.0), at_of(found) or 0.0)
                counts[thread] = counts.get(thread, 0) + 1
        return {thread: counts[thread] for thread, at in last.items() if limit.is_over(at, now)}

    def erasure_targets(self) -> builtins.list[Any]:
        """What `delete_user` covers: all of a user's threads, and the vault."""
        from piirag.erasure import as_targets

        own = ConversationTarget(
            kind="checkpointer",
            name=f"checkpointer:{type(self.saver).__name__}",
            store=self.saver,
            vault=self._shared.scrubber.vault,
            count=lambda owner: sum(1 for _ in self.saver.list(None, filter={OWNER: owner})),
            delete=self._erase,
            items=self._told,
        )
        return [own, *as_targets(self._shared.scrubber.vault)]

    def _told(self, user_id: str) -> Iterator[Any]:
        """Every checkpoint of a user, as it is stored."""
        from piirag.erasure.export_values import plain
        from piirag.erasure.target import StoredItem

        user = ConversationUser(self._shared.scrubber, user_id)
        for found in self.saver.list(None, filter={OWNER: user.owner}):
            config = found.config["configurable"]
            metadata = {
                "thread": user.show(config["thread_id"]),
                "namespace": config.get("checkpoint_ns", ""),
                "written_at": at_of(found),
                "values": found.checkpoint["channel_values"],
                "writes": [(channel, value) for _, channel, value in found.pending_writes or ()],
            }
            parts = (config["thread_id"], metadata["namespace"], config["checkpoint_id"])
            yield StoredItem("/".join(str(p) for p in parts if p), None, plain(metadata))

    def _erase(self, owner: str) -> None:
        found = self.saver.list(None, filter={OWNER: owner})
        for thread in {tuple_.config["configurable"]["thread_id"] for tuple_ in found}:
            self.saver.delete_thread(thread)

    def __repr__(self) -> str:
        return f"TenantCheckpointer({type(self.saver).__name__})"
