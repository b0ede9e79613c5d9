"""One user's LangGraph checkpoints."""

from __future__ import annotations

import builtins
import copy
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig, run_in_executor
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)

from langchain_piirag.checkpoints_shared import (
    AT,
    OURS,
    OWNER,
    POSITION,
    STRUCTURE,
    Settings,
    at_of,
    latest,
    list_of,
)
from langchain_piirag.graph_objects import rebuild_graph_object
from piirag.conversations import ConversationUser
from piirag.errors import TenancyError


class UserCheckpointer(BaseCheckpointSaver[Any]):
    """One user's checkpoints; made by `TenantCheckpointer.for_user`.

    A `BaseCheckpointSaver`: pass it to ``graph.compile(checkpointer=...)``.
    """

    def __init__(self, shared: Settings, user_id: str, *, named: bool = False) -> None:
        super().__init__(serde=shared.saver.serde)
        self._saver = shared.saver
        self._shared = shared
        self._retention = shared.retention
        self._user = ConversationUser(
            shared.scrubber,
            user_id,
            known=shared.known,
            allow_media=shared.allow_media,
            special=rebuild_graph_object,
        )
        self._named = {shared.user_key: user_id} if named else {}

    @property
    def config_specs(self) -> builtins.list[Any]:
        """Those of the wrapped saver."""
        return [*self._saver.config_specs]

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The user's checkpoint for a config; None where there is none, or its time is over."""
        inner = self._inner(config)
        return None if inner is None else self._shown(self._saver.get_tuple(inner), {})

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `get_tuple`."""
        inner = await run_in_executor(None, self._inner, config)
        if inner is None:
            return None
        found = await self._saver.aget_tuple(inner)
        ends: dict[str, float | None] = {}
        if found is not None and self._is_old(found):
            thread = found.config["configurable"]["thread_id"]
            ends[thread] = at_of(await self._saver.aget_tuple(latest(thread)))
        return await run_in_executor(None, self._shown, found, ends)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The user's checkpoints, newest first; of all their threads where `config` is None.

        Raises:
            TenancyError: The filter names a key that piirag sets, or the saver ignored it.
        """
        query = self._query(config, filter, before)
        if query is None:
            return
        inner, clause, cursor = query
        ends: dict[str, float | None] = {}
        left = float("inf") if limit is None else limit
        rows = self._saver.list(inner, filter=clause, before=cursor, limit=self._at_most(limit))
        if self._retention.days is not None:
            # Savers hold a lock while they list, and the ends of threads are looked up meanwhile.
            rows = iter([*rows])
        for found in rows:
            if left <= 0:
                return
            shown = self._shown(found, ends)
            if shown is not None:
                left -= 1
                yield shown

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`."""
        query = await run_in_executor(None, self._query, config, filter, before)
        if query is None:
            return
        inner, clause, cursor = query
        ends: dict[str, float | None] = {}
        left = float("inf") if limit is None else limit
        rows = self._saver.alist(inner, filter=clause, before=cursor, limit=self._at_most(limit))
        # Savers hold a lock while they list, and the ends of threads are looked up meanwhile.
        for found in [row async for row in rows]:
            if left <= 0:
                return
            thread = found.config["configurable"]["thread_id"]
            if self._is_old(found) and thread not in ends:
                ends[thread] = at_of(await self._saver.aget_tuple(latest(thread)))
            shown = await run_in_executor(None, self._shown, found, ends)
            if shown is not None:
                left -= 1
                yield shown

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Scrub a checkpoint and store it.

        Raises:
            InvalidInputError: A part of the state that cannot be searched; nothing was stored.
            DetectionError: The detector failed; nothing was stored.
            UserErasedError: The user was erased.
        """
        writing, inner, clean, notes = self._inward(config, checkpoint, metadata)
        stored = self._saver.put(inner, clean, notes, new_versions)
        writing.check(lambda: self._saver.delete_thread(inner["configurable"]["thread_id"]))
        return self._outward(stored)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`."""
        made = await run_in_executor(None, self._inward, config, checkpoint, metadata)
        writing, inner, clean, notes = made
        stored = await self._saver.aput(inner, clean, notes, new_versions)
        await self._acheck(writing, inner)
        return self._outward(stored)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Scrub what tasks wrote, errors and interrupts included, and store it. See `put`."""
        writing, inner, clean = self._inward_writes(config, writes)
        self._saver.put_writes(inner, clean, task_id, task_path)
        writing.check(lambda: self._saver.delete_thread(inner["configurable"]["thread_id"]))

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As `put_writes`."""
        writing, inner, clean = await run_in_executor(None, self._inward_writes, config, writes)
        await self._saver.aput_writes(inner, clean, task_id, task_path)
        await self._acheck(writing, inner)

    def delete_thread(self, thread_id: str) -> None:
        """Delete one of the user's threads."""
        hidden = self._user.hide(thread_id)
        if hidden is not None:
            self._saver.delete_thread(hidden)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete one of the user's threads."""
        hidden = await run_in_executor(None, self._user.hide, thread_id)
        if hidden is not None:
            await self._saver.adelete_thread(hidden)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete what some runs wrote.

        Raises:
            TenancyError: One of them is another user's; nothing was deleted.
        """
        for run in run_ids:
            for found in self._saver.list(None, filter={"run_id": run}):
                self._require(found)
        self._saver.delete_for_runs(run_ids)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `delete_for_runs`."""
        for run in run_ids:
            async for found in self._saver.alist(None, filter={"run_id": run}):
                self._require(found)
        await self._saver.adelete_for_runs(run_ids)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy one of the user's threads to another of theirs."""
        self._saver.copy_thread(self._hidden(source_thread_id), self._hidden(target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`."""
        await self._saver.acopy_thread(
            self._hidden(source_thread_id), self._hidden(target_thread_id)
        )

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Prune some of the user's threads."""
        self._saver.prune([self._hidden(t) for t in thread_ids], strategy=strategy)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As `prune`."""
        await self._saver.aprune([self._hidden(t) for t in thread_ids], strategy=strategy)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """That of the wrapped saver."""
        return self._saver.get_next_version(current, channel)

    def with_allowlist(
        self, extra_allowlist: Collection[tuple[str, ...]]
    ) -> BaseCheckpointSaver[Any]:
        """A copy whose wrapped saver has the derived allowlist."""
        saver = self._saver.with_allowlist(extra_allowlist)
        clone = copy.copy(self)
        clone._saver = saver
        clone.serde = saver.serde
        return clone

    def _hidden(self, thread_id: str) -> str:
        hidden = self._user.hide(thread_id, create=True)
        assert hidden is not None
        return hidden

    def _inner(self, config: RunnableConfig, *, create: bool = False) -> RunnableConfig | None:
        """The config as the wrapped saver gets it: the position, and nothing else."""
        given = config.get("configurable") or {}
        hidden = self._user.hide(given.get("thread_id"), create=create)  # type: ignore[arg-type]
        if hidden is None:
            return None
        position = {key: given[key] for key in POSITION if given.get(key) is not None}
        return {"configurable": {"thread_id": hidden, **position}}

    def _inward(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> tuple[Any, RunnableConfig, Checkpoint, Any]:
        writing = self._user.writing()
        inner = self._inner(config, create=True)
        assert inner is not None
        inner["configurable"].setdefault("checkpoint_ns", "")
        notes = dict(get_checkpoint_metadata(config, metadata))
        notes.pop(self._shared.user_key, None)
        own = {k: v for k, v in notes.items() if k in STRUCTURE}
        loose = {k: v for k, v in notes.items() if k not in STRUCTURE | OURS}
        parts: dict[str, Any] = {"values": list_of(checkpoint["channel_values"])}
        parts["sends"] = checkpoint.get("pending_sends") or []
        scrubbed = self._user.scrub([parts["values"], parts["sends"], loose])
        clean: Any = dict(checkpoint)
        clean["channel_values"] = dict(zip(checkpoint["channel_values"], scrubbed[0], strict=True))
        if "pending_sends" in checkpoint:
            clean["pending_sends"] = scrubbed[1]
        now = self._retention.now()
        return writing, inner, clean, {**scrubbed[2], **own, OWNER: self._user.owner, AT: now}

    def _inward_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]]
    ) -> tuple[Any, RunnableConfig, builtins.list[tuple[str, Any]]]:
        writing = self._user.writing()
        inner = self._inner(config, create=True)
        assert inner is not None
        inner["configurable"].setdefault("checkpoint_ns", "")
        clean = self._user.scrub([value for _, value in writes])
        return writing, inner, [(name, v) for (name, _), v in zip(writes, clean, strict=True)]

    def _query(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
    ) -> tuple[RunnableConfig | None, dict[str, Any], RunnableConfig | None] | None:
        if not self._user.exists():
            return None
        clause = dict(filter or {})
        if clause.keys() & (OURS | {self._shared.user_key}):
            raise TenancyError("a filter may not name the owner: piirag sets it")
        loose = {k: v for k, v in clause.items() if k not in STRUCTURE}
        clause.update(self._user.scrub(loose, remember=False))
        clause[OWNER] = self._user.owner
        cursor: RunnableConfig | None = None
        if before is not None:
            given = before.get("configurable") or {}
            cursor = {"configurable": {k: given[k] for k in POSITION if given.get(k) is not None}}
        return (None if config is None else self._inner(config)), clause, cursor

    def _at_most(self, limit: int | None) -> int | None:
        """What the wrapped saver need return at most: with a retention, some is left out."""
        return limit if self._retention.days is None else None

    def _require(self, found: CheckpointTuple) -> None:
        owner = found.metadata.get(OWNER) if isinstance(found.metadata, dict) else None
        if type(owner) is not str or owner != self._user.owner:
            raise TenancyError("the saver returned another user's checkpoint; nothing was returned")

    def _is_old(self, found: CheckpointTuple) -> bool:
        return self._retention.is_over(at_of(found))

    def _shown(
        self, found: CheckpointTuple | None, ends: dict[str, float | None]
    ) -> CheckpointTuple | None:
        """A tuple as the user knows it; None where its thread is over."""
        if found is None:
            return None
        self._require(found)
        if self._is_old(found):
            # A thread lives as long as its last step: what is older in it may be needed to
            # rebuild the state.
            thread = found.config["configurable"]["thread_id"]
            if thread not in ends:
                ends[thread] = at_of(self._saver.get_tuple(latest(thread)))
            if self._retention.is_over(ends[thread]):
                return None
        metadata: Any = {k: v for k, v in found.metadata.items() if k not in OURS}
        checkpoint, writes = found.checkpoint, found.pending_writes
        if self._shared.reveal:
            values = checkpoint["channel_values"]
            shown = self._user.reveal([list_of(values), [w[2] for w in writes or []], metadata])
            checkpoint = {
                **checkpoint,
                "channel_values": dict(zip(values, shown[0], strict=True)),
            }
            metadata = shown[2]
            if writes is not None:
                writes = [(t, c, v) for (t, c, _), v in zip(writes, shown[1], strict=True)]
        parent = found.parent_config
        return CheckpointTuple(
            self._outward(found.config),
            checkpoint,
            metadata,
            None if parent is None else self._outward(parent),
            writes,
        )

    def _outward(self, config: RunnableConfig) -> RunnableConfig:
        given = dict(config["configurable"])
        name = self._user.show(given["thread_id"])
        if name is None:
            raise TenancyError("the saver returned a thread that is not this user's")
        return {"configurable": {**given, "thread_id": name, **self._named}}

    async def _acheck(self, writing: Any, inner: RunnableConfig) -> None:
        erased: list[bool] = []
        try:
            await run_in_executor(None, writing.check, lambda: erased.append(True))
        finally:
            if erased:
                await self._saver.adelete_thread(inner["configurable"]["thread_id"])

    def __repr__(self) -> str:
        return f"UserCheckpointer({type(self._saver).__name__})"
