"""What a plain function can reach: its closure, the globals it names, and nothing else.

A function in a chain may do anything, so that it counts as seen only where all that it can reach
is data, a harmless module of the standard library, or another function of which the same is true.
"""

from __future__ import annotations

import builtins
import dis
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

_HARMLESS = frozenset(
    """
    collections dataclasses datetime decimal enum fractions functools html itertools json math
    numbers operator re statistics string textwrap time typing unicodedata uuid
    """.split()
)
_OURS = frozenset({"piirag", "langchain_piirag", "llama_index_piirag"})
_FRAMEWORKS = frozenset(
    """
    langchain langchain_classic langchain_community langchain_core langgraph langsmith llama_index
    llama_index_instrumentation workflows
    """.split()
)
_TRUSTED = _FRAMEWORKS | _OURS | _HARMLESS | {"contextlib"}
_DATA = (str, bytes, int, float, complex, bool, type(None), list, tuple, dict, set, frozenset)
_DANGEROUS = frozenset({"eval", "exec", "compile", "open", "__import__", "globals", "vars"})
_DEEPEST = 6


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
        """Follow a function, method, partial or callable object."""
        while isinstance(function, functools.partial):
            for value in (*function.args, *function.keywords.values()):
                self._reached("argument", value, depth)
            function = function.func
        if isinstance(function, types.MethodType):
            self._reached(name or "self", function.__self__, depth)
            function = function.__func__
        trusted = _root(function) in _TRUSTED
        if not isinstance(function, types.FunctionType):
            if not trusted:
                self.opaque.append(name or type(function).__name__)
            return
        if id(function) in self._done:
            return
        self._done.add(id(function))
        if (wrapped := getattr(function, "__wrapped__", None)) is not None:
            self.follow(wrapped, name, depth + 1)
        if trusted:
            # A framework's own code does what it says; what it was given is what counts.
            if depth <= _DEEPEST:
                for at, value in _closure(function):
                    self._given(at, value, depth)
            return
        if depth > _DEEPEST or _imports(function.__code__):
            self.opaque.append(function.__name__)
            return
        for at, value in _names(function):
            self._reached(at, value, depth)

    def _given(self, name: str, value: Any, depth: int) -> None:
        """What a framework's function was given: looked for, and not held against it."""
        if self._known(value):
            self.objects.append((name, value))
        elif isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            self.follow(value, name, depth + 1)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._given(name, item, depth + 1)

    def _reached(self, name: str, value: Any, depth: int) -> None:
        if self._known(value):
            self.objects.append((name, value))
        elif isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            self.follow(value, name, depth + 1)
        elif isinstance(value, _DATA):
            self._data(name, value, depth)
        elif isinstance(value, types.ModuleType):
            if value.__name__.partition(".")[0] not in _HARMLESS:
                self.opaque.append(name)
        elif not _is_harmless(value):
            self.opaque.append(name)

    def _data(self, name: str, value: Any, depth: int) -> None:
        if id(value) in self._done or depth > _DEEPEST:
            return
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            self._done.add(id(value))
            for item in value.values() if isinstance(value, dict) else value:
                self._reached(name, item, depth + 1)


def _root(value: Any) -> str:
    """The package whose code it is. A wrapper bears the module of what it wraps as its own."""
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return str(value.__globals__.get("__name__", "")).partition(".")[0]
    return str(getattr(value, "__module__", None) or "").partition(".")[0]


def _closure(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            # Not filled yet.
            continue
        yield name, value


def _names(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values that a function and the functions within it use from outside."""
    yield from _closure(function)
    for name, value in (function.__kwdefaults__ or {}).items():
        yield name, value
    for value in function.__defaults__ or ():
        yield "default", value
    for code in _codes(function.__code__):
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                name = str(instruction.argval)
                if name in function.__globals__:
                    yield name, function.__globals__[name]
                elif name in _DANGEROUS or not hasattr(builtins, name):
                    # A name that is not there yet may become anything.
                    yield name, _Unbound()


class _Unbound:
    pass


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _imports(code: types.CodeType) -> bool:
    return any(
        instruction.opname == "IMPORT_NAME"
        and str(instruction.argval).partition(".")[0] not in _HARMLESS
        for part in _codes(code)
        for instruction in dis.get_instructions(part)
    )


def _is_harmless(value: Any) -> bool:
    """Whether an object is a type or function of Python's own harmless modules."""
    module = getattr(value, "__module__", None) or type(value).__module__
    root = str(module).partition(".")[0]
    if isinstance(value, type) and root in _FRAMEWORKS | _OURS:
        # A type of message or document; models and stores are known to the caller by type.
        return True
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return root in _HARMLESS or (root == "builtins" and value.__name__ not in _DANGEROUS)
    return type(value).__module__.partition(".")[0] in _HARMLESS
