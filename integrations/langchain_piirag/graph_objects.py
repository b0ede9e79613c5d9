"""LangGraph's own objects in a state."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from langgraph.types import Command, Interrupt, Send


def rebuild_graph_object(value: Any, rebuild: Callable[[Any], Any]) -> Any:
    """LangGraph's own objects: what they carry is searched, names of nodes and ids stay."""
    if isinstance(value, Send):
        clone = copy.copy(value)
        clone.arg = rebuild(value.arg)
        return clone
    if isinstance(value, Interrupt):
        paused = copy.copy(value)
        paused.value = rebuild(value.value)
        return paused
    if isinstance(value, Command):
        goto = rebuild(value.goto) if not isinstance(value.goto, str) else value.goto
        return dataclasses.replace(
            value, update=rebuild(value.update), resume=rebuild(value.resume), goto=goto
        )
    return NotImplemented
