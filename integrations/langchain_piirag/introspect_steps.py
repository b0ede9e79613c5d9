"""What compositions of LangChain are made of, for `piirag check`: steps and functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase, RunnableEachBase
from langchain_core.runnables.configurable import (
    DynamicRunnable,
    RunnableConfigurableAlternatives,
)
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.runnables.passthrough import RunnableAssign
from langchain_core.runnables.router import RouterRunnable


def children(item: Any) -> Iterator[tuple[str, Any]]:
    """The runnables that a composition holds."""
    if isinstance(item, RunnableSequence):
        yield from ((f"steps[{i}]", step) for i, step in enumerate(item.steps))
    elif isinstance(item, RunnableParallel):
        yield from ((f"[{name!r}]", step) for name, step in item.steps__.items())
    elif isinstance(item, RunnableBindingBase | RunnableEachBase):
        yield "bound", item.bound
    elif isinstance(item, RunnableWithFallbacks):
        yield "runnable", item.runnable
        yield from ((f"fallbacks[{i}]", other) for i, other in enumerate(item.fallbacks))
    elif isinstance(item, RunnableBranch):
        for i, (condition, branch) in enumerate(item.branches):
            yield f"branches[{i}].condition", condition
            yield f"branches[{i}]", branch
        yield "default", item.default
    elif isinstance(item, RunnableAssign):
        yield "mapper", item.mapper
    elif isinstance(item, RouterRunnable):
        yield from ((f"[{name!r}]", step) for name, step in item.runnables.items())
    elif isinstance(item, DynamicRunnable):
        yield "default", item.default
        if isinstance(item, RunnableConfigurableAlternatives):
            for name, other in item.alternatives.items():
                if isinstance(other, Runnable):
                    yield f"alternatives[{name!r}]", other


def functions_of(item: Any) -> Iterator[tuple[str, Any]]:
    """The functions that a runnable calls."""
    names: Iterable[str] = ()
    if isinstance(item, RunnableLambda | RunnablePassthrough):
        names = ("func", "afunc")
    elif isinstance(item, RunnableGenerator):
        names = ("_transform", "_atransform")
    elif isinstance(item, RunnableConfigurableAlternatives):
        for name, other in item.alternatives.items():
            if not isinstance(other, Runnable):
                yield f"alternatives[{name!r}]", other
    elif is_named(item, "langgraph._internal._runnable", "RunnableCallable"):
        names = ("func", "afunc")
    elif isinstance(item, RunnableWithMessageHistory):
        names = ("get_session_history",)
    for name in names:
        function = getattr(item, name, None)
        if function is not None:
            yield name, function


def is_named(item: Any, module: str, name: str) -> bool:
    """Whether an object is of a class that is not imported here."""
    return any(b.__module__ == module and b.__name__ == name for b in type(item).__mro__)
