"""What a run config tells tracers: tags, metadata and names, without personal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables.config import RunnableConfig, ensure_config

Scrub = Callable[[Any], Any]
"""Redacts the strings and numbers of a value; what is no data passes as it is."""

_TOLD = ("tags", "metadata", "run_name")
_MANAGED = ("tags", "inheritable_tags", "metadata", "inheritable_metadata")


def redact_config(config: RunnableConfig | None, scrub: Scrub) -> RunnableConfig:
    """A config for the wrapped model, in which nothing raw reaches a tracer.

    What the calling chain has set, by argument or by context, is taken in first: the wrapped
    model would find it there itself. Tags and metadata that travel in a callback manager are
    redacted in a copy of it. Configurable values stay as they are, because they choose models and
    fields; LangChain copies some of them into the metadata, which then holds a redacted copy.

    Args:
        config: The caller's; it is not changed.
        scrub: What to do with each value.
    """
    full = ensure_config(config)
    update: dict[str, Any] = {key: scrub(full[key]) for key in _TOLD if full.get(key)}  # type: ignore[literal-required]
    shadows = _shadows(full.get("configurable") or {}, scrub)
    if shadows:
        update["metadata"] = {**shadows, **update.get("metadata", {})}
    callbacks = full.get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        update["callbacks"] = _redacted_manager(callbacks, scrub)
    elif isinstance(callbacks, list):
        update["callbacks"] = [_redacted_handler(handler, scrub) for handler in callbacks]
    return {**full, **update}  # type: ignore[typeddict-item]


def _shadows(configurable: Mapping[str, Any], scrub: Scrub) -> dict[str, Any]:
    shown = {
        key: scrub(value)
        for key, value in configurable.items()
        if not key.startswith("__") and isinstance(value, str)
    }
    return {key: value for key, value in shown.items() if value != configurable[key]}


def _redacted_manager(manager: BaseCallbackManager, scrub: Scrub) -> BaseCallbackManager:
    copied = manager.copy()
    for name in _MANAGED:
        setattr(copied, name, scrub(getattr(manager, name)))
    for name in ("handlers", "inheritable_handlers"):
        setattr(copied, name, [_redacted_handler(h, scrub) for h in getattr(manager, name)])
    return copied


def _redacted_handler(handler: Any, scrub: Scrub) -> Any:
    """A LangSmith tracer keeps metadata of its own; the caller's tracer is not changed."""
    own = {key: getattr(handler, key, None) for key in ("tracing_metadata", "tags")}
    clean = {key: scrub(value) for key, value in own.items() if value}
    if all(own[key] == value for key, value in clean.items()):
        return handler
    copied = object.__new__(type(handler))  # a tracer's own `__copy__` returns itself
    vars(copied).update(vars(handler))
    for key, value in clean.items():
        setattr(copied, key, value)
    return copied
