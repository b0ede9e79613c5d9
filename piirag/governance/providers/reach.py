"""What code of the application's own can reach: objects in closures, globals and attributes.

It is a search by names, and no proof: code that gets its model from a registry, or makes it when
it runs, is not found out.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from piirag.governance.providers.own_code import is_library, root_of

_MOST = 1000
_CODE = (FunctionType, MethodType, partial)


def is_own(kind: type) -> bool:
    """Whether a class is neither the language's nor a library's that sends to models."""
    root = root_of(kind)
    return not (root in sys.stdlib_module_names or is_library(root) or root == "piirag")


def is_own_code(value: Any) -> bool:
    """Whether it is a function of the application's own, or stands for one."""
    while isinstance(value, partial):
        value = value.func
    if isinstance(value, MethodType):
        return is_own(type(value.__self__))
    if not isinstance(value, FunctionType):
        return False
    root = str(value.__globals__.get("__name__", "")).partition(".")[0]
    return root == "__main__" or not (
        root in sys.stdlib_module_names or is_library(root) or root == "piirag"
    )


def reached(start: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """The objects of a kind that an object or a function can reach.

    Args:
        start: The object; it is not among them.
        wanted: Whether an object is of that kind; what it holds is not searched.
    """
    seen: dict[int, Any] = {id(start): start}
    pending = deque(_held(start))
    while pending and len(seen) < _MOST:
        value = pending.popleft()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # kept, so that no id comes again
        if wanted(value):
            yield value
        else:
            pending.extend(_held(value))


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset | deque):
        return list(value)
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, FunctionType):
        return _of_function(value) if is_own_code(value) else ()
    if isinstance(value, type | ModuleType) or not is_own(type(value)):
        return ()
    return [
        *(getattr(value, "__dict__", None) or {}).values(),
        *(getattr(value, "__pydantic_private__", None) or {}).values(),
        *_of_class(type(value)),
    ]


def _of_class(kind: type) -> Iterable[Any]:
    for base in kind.__mro__:
        if not is_own(base):
            return
        yield from list(vars(base).values())


def _of_function(function: FunctionType) -> Iterable[Any]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet bound
            continue
    names = set(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            inside = vars(value)
            yield from (inside[known] for known in names if known in inside)
        elif value is not None:
            yield value


def _names(code: CodeType) -> Iterable[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
