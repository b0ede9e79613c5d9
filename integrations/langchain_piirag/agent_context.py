"""What the run around a middleware tells, and what it may record of it."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables.config import var_child_runnable_config


def is_stored() -> bool:
    """Whether the run that this is part of is kept by a checkpointer."""
    config = (var_child_runnable_config.get() or {}).get("configurable", {})
    return config.get("__pregel_checkpointer") is not None


def no_payload() -> Any:
    """A trace policy that leaves inputs and outputs out, where LangChain has such a thing."""
    try:
        from langchain.agents.middleware.types import TracePolicy, omit_payload
    except ImportError:
        return None
    return TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)
