"""What prompts, parsers and other parts of LangChain hold, for `piirag check`.

Only exact classes of the frameworks are known: a subclass may do anything in the same place.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.prompts.message import BaseMessagePromptTemplate
from pydantic import BaseModel

OBJECT, FUNCTION, UNKNOWN = "object", "function", "unknown"
_ROOTS = frozenset({"langchain", "langchain_core", "langgraph"})
_DATA = (str, bytes, int, float, complex, bool, type(None))
# They say of what types the input is, and how a run is called.
_SKIPPED = frozenset({"input_types", "metadata", "tags", "name"})
_ENTRIES = frozenset(
    """
    abatch ainvoke astream atransform batch format format_messages format_prompt invoke parse
    parse_result stream transform
    """.split()
)
_CALLABLE = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    functools.partial,
    functools._lru_cache_wrapper,
)


def is_frameworks(item: Any) -> bool:
    """Whether an object is of a class of the framework itself, and nothing of it is replaced."""
    root = type(item).__module__.partition(".")[0]
    return root in _ROOTS and not _ENTRIES & set(getattr(item, "__dict__", {}))


def is_ours(item: Any) -> bool:
    """Whether an object is of a class of piirag itself."""
    root = type(item).__module__.partition(".")[0]
    return root == "langchain_piirag" and not _ENTRIES & set(getattr(item, "__dict__", {}))


def fields_of(item: Any) -> Iterator[tuple[str, str, Any]]:
    """What an object of a framework holds.

    Returns:
        Name, one of `OBJECT`, `FUNCTION` and `UNKNOWN`, and the thing; nothing for mere data.
        An `OBJECT` may still be of a kind that nobody knows.
    """
    private = getattr(item, "__pydantic_private__", None) or {}
    for name, value in [*getattr(item, "__dict__", {}).items(), *private.items()]:
        if name not in _SKIPPED:
            yield from parts_of(name, value)


def parts_of(name: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """The same for one value."""
    if type(value) in _DATA:
        return
    if type(value) in (dict, list, tuple, set, frozenset):
        for part in value.values() if isinstance(value, dict) else value:
            yield from parts_of(name, part)
    elif isinstance(value, _CALLABLE):
        yield name, FUNCTION, value
    elif isinstance(value, type):
        if not _is_plain(value):
            yield name, UNKNOWN, value
    elif isinstance(value, BaseMessagePromptTemplate) and is_frameworks(value):
        yield from fields_of(value)
    elif not (isinstance(value, BaseMessage | Document) and is_frameworks(value)):
        yield name, OBJECT, value


def _is_plain(kind: type) -> bool:
    """Whether a class is data only: of Python's own, or a model without code of its own."""
    if kind.__module__ == "builtins" or kind.__module__.startswith("langchain_core.messages."):
        return True
    if not issubclass(kind, BaseModel):
        return False
    found = kind.__pydantic_decorators__
    checks = (found.validators, found.field_validators, found.root_validators)
    if any((*checks, found.model_validators, found.computed_fields)):
        return False
    own = {name for base in kind.__mro__ if not _pydantics(base) for name in vars(base)}
    return not own & {"__init__", "__new__", "model_post_init", "model_validate", "parse_obj"}


def _pydantics(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("builtins", "pydantic", "typing", "abc")
