"""One call of a protected agent: its input and config as they may be stored, its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.stream import StreamTransformer
from langgraph.types import Command, StateUpdate

from langchain_piirag.agent_edge import OWNER, Edge
from langchain_piirag.agent_scrub import StateScrubber
from langchain_piirag.agent_streams import LEDGER, PROTECTED

# Primitive values of these keys of `configurable` are LangGraph's own.
_OWN_KEYS = frozenset({"thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map"})


class AgentRun:
    """One call of an agent, ready to leave for it."""

    def __init__(
        self,
        scrubber: StateScrubber | None,
        user: str | None,
        input: Any,
        config: RunnableConfig | None,
        context: Any,
    ) -> None:
        self._scrubber = scrubber
        self.user = user
        self._owner: str | None = None
        self.edge = Edge(scrubber)
        self.input = self.inward(input)
        self.context = context
        self.config: Any = self._marked(config or {})

    def inward(self, value: Any) -> Any:
        """An input or an update as the state may hold it."""
        return value if self._scrubber is None else self._scrubber.state(value)

    def steps(self, supersteps: Sequence[Sequence[StateUpdate]]) -> list[list[StateUpdate]]:
        """Updates in several steps as the state may hold them."""
        return [
            [update._replace(values=self._owned(self.inward(update.values))) for update in step]
            for step in supersteps
        ]

    def stores(self, agent: Any) -> bool:
        """Whether there is a thread that may have an owner."""
        return (
            self.user is not None
            and bool(getattr(agent, "checkpointer", None))
            and "thread_id" in self.config["configurable"]
        )

    def own(self, agent: Any, owner: str | None, *, input: bool = True) -> None:
        """Name the owner in what is written to a thread, where the graph has a place for it.

        Args:
            agent: The graph.
            owner: How its state names its user; None for nobody.
            input: Whether it is the input of a run, which a redacted state marks by itself.
        """
        if owner is None or OWNER not in getattr(agent, "channels", ()):
            return
        if input and self._scrubber is not None:
            return
        self._owner = owner
        if isinstance(self.input, Command) and isinstance(self.input.update, Mapping):
            self.input = replace(self.input, update=self._owned(self.input.update))
        else:
            self.input = self._owned(self.input)

    def _owned(self, value: Any) -> Any:
        if self._owner is None or not isinstance(value, Mapping):
            return value
        return {**value, OWNER: self._owner}

    def _marked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        configurable = dict(config.get("configurable") or {})
        marked = {**config}
        if self._scrubber is not None:
            # LangGraph stores metadata, and of `configurable` what is plain, beside the state.
            plain = {
                key: value
                for key, value in configurable.items()
                if isinstance(value, str | int | float)
                and key not in _OWN_KEYS
                and not key.startswith("__")
            }
            metadata = {**plain, **(config.get("metadata") or {})}
            shown = {"metadata": metadata, "tags": config.get("tags")}
            marked |= {key: self._scrubber.value(value) for key, value in shown.items() if value}
            if config.get("run_name"):
                marked["run_name"] = self._scrubber.text(config["run_name"])
        mine = {LEDGER: self.edge.ledger, PROTECTED: self._scrubber is not None}
        return {**marked, "configurable": {**configurable, **mine}}


def latest(config: Any) -> Any:
    """A config that points at the newest state of its thread."""
    configurable = config.get("configurable") or {}
    return {"configurable": {"thread_id": configurable.get("thread_id")}}


def observed(run: Any, edge: Edge) -> Any:
    """A v3 run whose output and interrupts, which it notes before any transformer, are restored."""
    observe = run._observe_event

    def restored(event: Any) -> None:
        copied = {**event, "params": dict(event["params"])}
        edge.event_v3(copied)
        observe(copied)

    run._observe_event = restored
    return run


class RestoredEvents(StreamTransformer):
    """Restores the events of a v3 stream before any projection is made of them."""

    before_builtins = True

    def __init__(self, scope: tuple[str, ...] = (), *, edge: Edge) -> None:
        super().__init__(scope)
        self._edge = edge

    def init(self) -> dict[str, Any]:
        """No projection of its own."""
        return {}

    def process(self, event: Any) -> bool:
        """Restore one event in place."""
        self._edge.event_v3(event)
        return True
