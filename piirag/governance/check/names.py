"""What the code of a function names: values from outside, and what it takes out of modules."""

from __future__ import annotations

import builtins
import dis
import importlib
import types
from collections.abc import Iterator
from typing import Any

HARMLESS = frozenset(
    """
    collections dataclasses datetime decimal enum fractions functools html itertools json math
    numbers operator re statistics string textwrap time typing unicodedata uuid
    """.split()
)
"""Modules of the standard library that reach nothing outside of the process."""
DANGEROUS = frozenset(
    """
    __import__ breakpoint compile delattr eval exec getattr globals input locals open setattr vars
    """.split()
)
"""Builtins that reach whatever a text names."""
# Functions of harmless modules that run code from text, or reach attributes by a text.
_BY_TEXT = frozenset({"attrgetter", "get_type_hints", "make_dataclass", "methodcaller"})
# Attributes of functions, frames and types by which a function gets at anything.
_ESCAPES = ("f_", "gi_", "cr_", "ag_", "tb_", "func_")
_PLAIN = frozenset({"__name__", "__qualname__", "__doc__", "__class__", "__init__", "__len__"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_LOCAL = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_NAME"})


class Unseen:
    """Stands for what a name may become, and cannot be told."""


def closure(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values of the variables that a function closes over."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            # Not filled yet.
            continue
        yield name, value


def names(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values that a function, and the functions within it, use from outside.

    A module is not among them, but what is taken out of it: `json` may be named where only
    `json.dumps` is meant, and `json.codecs.sys.modules` is something else.
    """
    modules: dict[str, types.ModuleType] = {}
    given = [*closure(function), *(function.__kwdefaults__ or {}).items()]
    count = function.__code__.co_argcount
    defaults = function.__defaults__ or ()
    arguments = function.__code__.co_varnames[count - len(defaults) : count]
    # What is set on a function is at hand wherever the function is.
    given += [*zip(arguments, defaults, strict=False), *vars(function).items()]
    for name, value in given:
        if isinstance(value, types.ModuleType):
            modules[name] = value
        elif name != "__wrapped__":
            yield name, value
    codes = list(_codes(function.__code__))
    for code in codes:
        yield from _imported(code, modules)
    for code in codes:
        yield from _loaded(code, function, modules)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _imported(
    code: types.CodeType, modules: dict[str, types.ModuleType]
) -> Iterator[tuple[str, Any]]:
    """What the code imports; names under which it keeps harmless modules are added to them."""
    module: types.ModuleType | None = None
    whole = False
    for step in dis.get_instructions(code):
        name = str(step.argval)
        if step.opname == "IMPORT_NAME":
            module, whole = None, True
            if name.partition(".")[0] in HARMLESS:
                module = importlib.import_module(name)
            else:
                yield name, Unseen()
        elif step.opname == "IMPORT_FROM" and module is not None:
            whole = False
            yield name, _taken(module, [name])
        elif step.opname.startswith("STORE_") and module is not None and whole:
            modules[name] = importlib.import_module(module.__name__.partition(".")[0])
            module = None
        elif step.opname == "POP_TOP":
            module = None


def _loaded(
    code: types.CodeType, function: types.FunctionType, modules: dict[str, types.ModuleType]
) -> Iterator[tuple[str, Any]]:
    steps = list(dis.get_instructions(code))
    for at, step in enumerate(steps):
        name = str(step.argval)
        if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            # The next call finds something else there.
            yield name, Unseen()
        elif step.opname in _ATTRIBUTE and _escapes(name):
            yield name, Unseen()
        elif step.opname in _LOCAL and name in modules:
            yield name, _taken(modules[name], _attributes(steps, at))
        elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            if name in function.__globals__:
                value = function.__globals__[name]
                if isinstance(value, types.ModuleType):
                    value = _taken(value, _attributes(steps, at))
                yield name, value
            elif name in DANGEROUS or (
                # A name that is not there yet may become anything; in a class it may be its own.
                step.opname == "LOAD_GLOBAL" and not hasattr(builtins, name)
            ):
                yield name, Unseen()


def _attributes(steps: list[dis.Instruction], at: int) -> list[str]:
    """The attributes that are taken, one after the other, from what is loaded at a place."""
    found = []
    for step in steps[at + 1 :]:
        if step.opname not in _ATTRIBUTE:
            break
        found.append(str(step.argval))
    return found


def _taken(module: types.ModuleType, attributes: list[str]) -> Any:
    """What comes out of a module; the unseen where it is the module itself."""
    value: Any = module
    for name in attributes:
        if value.__name__.partition(".")[0] not in HARMLESS or name.startswith("_"):
            return Unseen()
        value = vars(value).get(name, Unseen())
        if name in _BY_TEXT:
            return Unseen()
        if not isinstance(value, types.ModuleType):
            return value
    return Unseen()


def _escapes(name: str) -> bool:
    if name.startswith("__") and name.endswith("__"):
        return name not in _PLAIN
    return name.startswith(_ESCAPES)
