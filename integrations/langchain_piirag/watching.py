"""Handlers of the audit log among the callbacks of a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs

from langchain_piirag.texts import flat
from piirag.governance.record_names import word
from piirag.governance.recorder import Recorder


@runtime_checkable
class Watcher(Protocol):
    """A callback handler that records calls."""

    recorder: Recorder


def watchers(callbacks: Any) -> Iterator[Watcher]:
    """The handlers among some callbacks that record calls."""
    if isinstance(callbacks, BaseCallbackManager):
        callbacks = callbacks.handlers
    for handler in callbacks or ():
        if isinstance(getattr(handler, "recorder", None), Recorder):
            yield handler


def with_watcher(config: RunnableConfig | None, watcher: Any) -> RunnableConfig | None:
    """A config with one more handler, where none of its handlers writes to the same log."""
    if watcher is None:
        return config
    full = ensure_config(config)
    logs = [other.recorder.audit for other in watchers(full.get("callbacks"))]
    if any(log is watcher.recorder.audit for log in logs):
        return config
    both = merge_configs({"callbacks": full.get("callbacks")}, {"callbacks": [watcher]})
    return {**full, "callbacks": both["callbacks"]}


def note_refusal(
    model: Any,
    user_id: str | None,
    config: RunnableConfig | None,
    input: Any,
    error: BaseException,
) -> None:
    """Have a call recorded that was stopped before the wrapped model's run began.

    Args:
        model: The wrapped model.
        user_id: Its user.
        config: Of the call.
        input: What the model was to take.
        error: Why it was stopped.
    """
    full = ensure_config(config)
    metadata = full.get("metadata") or {}
    for watcher in watchers(full.get("callbacks")):
        watcher.recorder.refused(
            "chat",
            error,
            text=flat(input),
            user=user_id,
            session=session_of(metadata),
            features=features_of(metadata, full.get("tags")),
            request_model=word(getattr(model, "model_name", getattr(model, "model", None))),
        )


def session_of(metadata: Any) -> str | None:
    """The session that a run's metadata tell of; the log keeps a keyed tag of it."""
    for name in ("session_id", "thread_id", "conversation_id"):
        value = metadata.get(name)
        if isinstance(value, str | int) and value != "":
            return str(value)
    return None


def features_of(metadata: Any, tags: Any) -> list[Any]:
    """What a run tells that may be the name of a feature."""
    return [metadata.get("feature"), *(tags or ())]
