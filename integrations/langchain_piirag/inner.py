"""Reaching the models inside bindings, retries, fallbacks and configurable runnables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable, RunnableSequence, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import (
    DynamicRunnable,
    RunnableConfigurableAlternatives,
)

from piirag.errors import ConfigurationError

Change = Callable[[BaseLanguageModel[Any]], Runnable[Any, Any]]


def map_models(runnable: Runnable[Any, Any], change: Change) -> Runnable[Any, Any]:
    """Replace every model inside a runnable; what holds none is returned as it is.

    Args:
        runnable: A model, or one with bindings, retries, fallbacks, or in a sequence.
        change: Gets each model; may return it.
    """
    if isinstance(runnable, BaseLanguageModel):
        return change(runnable)
    update: dict[str, Any] = {}
    if isinstance(runnable, RunnableBindingBase):
        update["bound"] = map_models(runnable.bound, change)
    elif isinstance(runnable, RunnableWithFallbacks):
        update["runnable"] = map_models(runnable.runnable, change)
        update["fallbacks"] = _each(runnable.fallbacks, change)
    elif isinstance(runnable, RunnableSequence):
        update["first"] = map_models(runnable.first, change)
        update["middle"] = _each(runnable.middle, change)
        update["last"] = map_models(runnable.last, change)
    elif isinstance(runnable, DynamicRunnable):
        update["default"] = map_models(runnable.default, change)
        if isinstance(runnable, RunnableConfigurableAlternatives):
            update["alternatives"] = {
                # Those made on demand are reached when they are made.
                key: _made(value, change)
                for key, value in runnable.alternatives.items()
            }
    if all(_same(getattr(runnable, name), value) for name, value in update.items()):
        return runnable
    return runnable.model_copy(update=update)  # type: ignore[attr-defined,no-any-return]


def _each(runnables: Sequence[Any], change: Change) -> Sequence[Any]:
    changed = [map_models(runnable, change) for runnable in runnables]
    return runnables if _same(runnables, changed) else changed


def _made(alternative: Any, change: Change) -> Any:
    if isinstance(alternative, Runnable):
        return map_models(alternative, change)
    return lambda: map_models(alternative(), change)


def _same(old: Any, new: Any) -> bool:
    if isinstance(new, dict):
        return all(old[key] is value for key, value in new.items())
    if isinstance(new, list | tuple):
        return all(a is b for a, b in zip(old, new, strict=True))
    return old is new


def bind_tools(
    runnable: Runnable[Any, Any], tools: Sequence[Any], options: Mapping[str, Any]
) -> Runnable[Any, Any]:
    """Bind tools to the models inside a runnable; its own bindings, retries and so on are kept.

    Raises:
        ConfigurationError: There is nothing that tools could be bound to.
    """
    if isinstance(runnable, DynamicRunnable):
        # Which model it will be is not known yet: its options are.
        return runnable.bind(**bound_options(bind_tools(runnable.default, tools, options)))
    if isinstance(runnable, RunnableBindingBase):
        bound = bind_tools(runnable.bound, tools, options)
        return runnable.model_copy(update={"bound": bound})
    if isinstance(runnable, RunnableWithFallbacks):
        update = {
            "runnable": bind_tools(runnable.runnable, tools, options),
            "fallbacks": [bind_tools(item, tools, options) for item in runnable.fallbacks],
        }
        return runnable.model_copy(update=update)
    bind = getattr(runnable, "bind_tools", None)
    if bind is None:
        raise ConfigurationError(f"{type(runnable).__name__} takes no tools")
    bound_model: Runnable[Any, Any] = bind(tools, **options)
    return bound_model


def bound_options(runnable: Any) -> dict[str, Any]:
    """The options that are bound to the model inside a runnable."""
    options: dict[str, Any] = {}
    while isinstance(runnable, RunnableBindingBase | RunnableWithFallbacks):
        if isinstance(runnable, RunnableBindingBase):
            options = {**runnable.kwargs, **options}
            runnable = runnable.bound
        else:
            runnable = runnable.runnable
    return options


def unwrapped(runnable: Any) -> Any:
    """The model inside one of our wrappers, or the runnable itself."""
    from langchain_piirag.running import ModelCalls

    while isinstance(runnable, ModelCalls):
        runnable = runnable.model
    return runnable
