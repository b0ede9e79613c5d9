"""What a plain function can reach: its closure, the globals it names, and nothing else.

A function in a chain may do anything, so that it counts as seen only where all that it can reach
is data, a harmless function of the standard library, a class of the frameworks that holds data,
or another function of which the same is true.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import operator
import re
import string
import types
import uuid
from collections.abc import Callable
from typing import Any

from piirag.governance.check.names import DANGEROUS, HARMLESS, Unseen, closure, names

_OURS = frozenset({"piirag", "langchain_piirag", "llama_index_piirag"})
# Code of the frameworks that does what it was given, and makes nothing of its own.
_ENGINES = (
    "contextlib.",
    "functools.",
    "langchain.agents.",
    "langchain_core.language_models.",
    "langchain_core.output_parsers.",
    "langchain_core.runnables.",
    "langchain_core.tools.",
    "langgraph.",
    "langsmith.run_helpers.",
)
# Classes and functions that hold or shape data.
_HOLDS_DATA = (
    "langchain_core.documents.base.",
    "langchain_core.exceptions.",
    "langchain_core.messages.",
    "langchain_core.outputs.",
    "langchain_core.prompt_values.",
    "langgraph.constants.",
    "langgraph.graph.message.",
    "langgraph.types.",
    "llama_index.core.base.llms.types.",
    "llama_index.core.base.response.schema.",
    "llama_index.core.schema.",
)
_DATA = (str, bytes, int, float, complex, bool, type(None), range, slice)
_HOLDERS = (dict, list, tuple, set, frozenset)
_VALUES = (
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    operator.itemgetter,
    re.Match,
    re.Pattern,
    re.RegexFlag,
    string.Template,
    uuid.UUID,
)
_DEEPEST = 12


class Reach:
    """What a function can reach.

    Args:
        known: Whether an object is one that the caller looks into itself.
    """

    def __init__(self, known: Callable[[Any], bool]) -> None:
        self._known = known
        self._done: set[int] = set()
        self.objects: list[tuple[str, Any]] = []
        """Objects that `known` knows, with the names under which the function has them."""
        self.opaque: list[str] = []
        """Names of what cannot be looked into."""

    def follow(self, function: Any, name: str = "", depth: int = 0) -> None:
        """Follow what a framework calls: a function, method, partial or callable object."""
        if isinstance(function, types.FunctionType) and _of(function).startswith(_ENGINES):
            self._engine(function, depth)
        elif (
            isinstance(function, functools.partial)
            and isinstance(function.func, types.FunctionType)
            and _of(function.func).startswith(_ENGINES)
        ):
            self._engine(function.func, depth)
            for given in (*function.args, *function.keywords.values()):
                self._reached("argument", given, depth + 1)
        else:
            self._reached(name or "function", function, depth)

    def _engine(self, function: types.FunctionType, depth: int) -> None:
        """A framework's own code does what it says; what it was given is what counts."""
        if id(function) in self._done:
            return
        if depth > _DEEPEST:
            self.opaque.append(function.__name__)
            return
        self._done.add(id(function))
        for at, value in (*closure(function), *vars(function).items()):
            self._given(at, value, depth)

    def _given(self, name: str, value: Any, depth: int) -> None:
        """What a framework's function was given: looked for, and data are not held against it."""
        if self._known(value):
            self.objects.append((name, value))
        elif isinstance(value, types.FunctionType) and _is_frameworks(_of(value)):
            self._engine(value, depth + 1)
        elif isinstance(value, functools.partial):
            for given in (value.func, *value.args, *value.keywords.values()):
                self._given(name, given, depth + 1)
        elif isinstance(value, types.FunctionType | types.MethodType):
            self.follow(value, name, depth + 1)
        elif type(value) is functools._lru_cache_wrapper:
            self._reached(name, value, depth)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._given(name, item, depth + 1)

    def _reached(self, name: str, value: Any, depth: int) -> None:
        """What a function of the application has at hand."""
        if self._known(value):
            self.objects.append((name, value))
        elif isinstance(value, functools.partial):
            self._partial(name, value, depth)
        elif isinstance(value, types.MethodType):
            self._method(name, value, depth)
        elif isinstance(value, types.FunctionType):
            self._function(name, value, depth)
        elif type(value) in _HOLDERS:
            self._items(name, value, depth)
        elif not (type(value) in (*_DATA, *_VALUES) or _is_harmless(value)):
            self.opaque.append(name)
            # A cache, and whatever else wraps a function: opaque, and what it wraps may be worse.
            wrapped = getattr(value, "__wrapped__", None)
            if isinstance(wrapped, types.FunctionType | types.MethodType | functools.partial):
                self._reached(name, wrapped, depth + 1)
        elif isinstance(value, types.BuiltinFunctionType):
            # A method of a built-in object carries that object.
            owner = value.__self__
            if owner is not None and not isinstance(owner, types.ModuleType):
                self._reached(name, owner, depth + 1)

    def _method(self, name: str, value: types.MethodType, depth: int) -> None:
        owner, function = value.__self__, value.__func__
        self._reached(name, owner, depth)
        framework = isinstance(function, types.FunctionType) and _is_frameworks(_of(function))
        # The framework's own method does what its object is for, and that was looked into.
        if not (framework and self._known(owner)):
            self._reached(name, function, depth)

    def _partial(self, name: str, value: functools.partial[Any], depth: int) -> None:
        if depth > _DEEPEST:
            self.opaque.append(name)
            return
        for given in (*value.args, *value.keywords.values(), *vars(value).values()):
            self._reached("argument", given, depth + 1)
        self._reached(name, value.func, depth + 1)

    def _function(self, name: str, function: types.FunctionType, depth: int) -> None:
        if id(function) in self._done:
            return
        self._done.add(id(function))
        module = _of(function)
        if module.startswith(_HOLDS_DATA) or module.partition(".")[0] in HARMLESS | _OURS:
            for at, value in (*closure(function), *vars(function).items()):
                self._given(at, value, depth)
            return
        wrapped = vars(function).get("__wrapped__")
        if wrapped is not None:
            self._reached(name, wrapped, depth + 1)
        if module.startswith("contextlib."):
            return
        if depth > _DEEPEST or _is_frameworks(module):
            # A function of a framework may make a model of its own.
            self.opaque.append(function.__name__ if depth else name)
            return
        for at, value in names(function):
            self._reached(function.__name__ if isinstance(value, Unseen) else at, value, depth + 1)

    def _items(self, name: str, value: Any, depth: int) -> None:
        if id(value) in self._done:
            return
        if depth > _DEEPEST:
            self.opaque.append(name)
            return
        self._done.add(id(value))
        for item in value.values() if isinstance(value, dict) else value:
            self._reached(name, item, depth + 1)


def _of(value: Any) -> str:
    """The module whose code it is, with a dot behind; a wrapper bears that of what it wraps."""
    return f"{value.__globals__.get('__name__', '')}."


def _is_frameworks(module: str) -> bool:
    return module.startswith(("langchain", "langgraph", "langsmith", "llama_index", "workflows"))


def _is_harmless(value: Any) -> bool:
    """Whether an object is a type or function of Python's own, or a type that holds data."""
    if not isinstance(value, (type, types.BuiltinFunctionType)):
        return type(value).__module__ == "typing"
    module = getattr(value, "__module__", None) or type(value).__module__
    root = str(module).partition(".")[0].removeprefix("_")
    if isinstance(value, type) and (f"{module}.".startswith(_HOLDS_DATA) or root in _OURS):
        return True
    return root in HARMLESS or (root == "builtins" and value.__name__ not in DANGEROUS)
