"""What a `TenantCheckpointer` and its users share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from piirag.conversations import Retention
from piirag.redaction import Scrubber

OWNER = "piirag_owner"
"""Metadata key of the owner's keyed tag."""

AT = "piirag_at"
"""Metadata key of the time of writing, in seconds since the epoch."""

OURS = frozenset({OWNER, AT})
# Written by LangGraph; they name nodes, steps and other checkpoints.
STRUCTURE = frozenset({"source", "step", "parents", "run_id", "counters_since_delta_snapshot"})
POSITION = ("checkpoint_ns", "checkpoint_id")


@dataclass(frozen=True, repr=False)
class Settings:
    """What all users of a `TenantCheckpointer` share."""

    saver: BaseCheckpointSaver[Any]
    scrubber: Scrubber
    retention: Retention
    reveal: bool
    known: Any
    allow_media: bool
    user_key: str


def at_of(found: CheckpointTuple | None) -> Any:
    return None if found is None else found.metadata.get(AT)


def latest(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def list_of(values: dict[str, Any]) -> list[Any]:
    """The values alone: names of channels are code."""
    return list(values.values())
