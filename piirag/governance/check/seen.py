"""What was seen in the code of an application, and how objects of a framework are looked into.

The frameworks' own packages of piirag look into their objects; they are loaded where an object of
the framework turns up, which can only be where the framework is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

MODEL, RETRIEVER, INGESTION, TOOLS, FUNCTION, OTHER = (
    "model",
    "retriever",
    "ingestion",
    "tools",
    "function",
    "other",
)


@dataclass(frozen=True)
class Seen:
    """One part of an application.

    Args:
        role: What it is: one of the roles above.
        kind: Its class.
        path: Where it was seen, from the object that was named.
        protected: True where piirag stands around it, False where it does not, None where that
            cannot be seen.
        why: What that rests on.
        inner: The object itself, or the one within the part of piirag: a model whose provider can
            be asked for.
        audited: Whether it writes to an audit log.
        policies: The provider policies that are asked before it is called.
    """

    role: str
    kind: str
    path: str
    protected: bool | None
    why: str = ""
    inner: Any = None
    audited: bool = False
    policies: tuple[Any, ...] = ()

    @property
    def policy(self) -> bool:
        """Whether a provider policy stands around it."""
        return bool(self.policies)

    def __str__(self) -> str:
        return f"{self.kind} at {self.path}" + (f" ({self.why})" if self.why else "")

    def __repr__(self) -> str:
        return f"Seen({self.role}, {self.kind}, {self.protected})"


Introspector = Callable[[Any, str], "list[Seen] | None"]
"""Looks into an object at a path; None where it is of no kind that it knows."""

_introspectors: list[Introspector] = []
_PACKAGES = {
    "langchain": "langchain_piirag.introspect",
    "langgraph": "langchain_piirag.introspect",
    "llama_index": "llama_index_piirag.introspect",
}


def register_introspector(look: Introspector) -> None:
    """Teach the check a framework."""
    if look not in _introspectors:
        _introspectors.append(look)


def look_into(item: Any, path: str) -> list[Seen]:
    """What is in an object of an application.

    Args:
        item: The object.
        path: What it is called.

    Returns:
        Its parts; one of an unknown kind where nobody knows it.
    """
    for base in type(item).__mro__:
        root = base.__module__.partition(".")[0]
        root = root.removesuffix("_piirag") if root.endswith("_piirag") else root
        root = root if root == "llama_index" else root.partition("_")[0]
        if root in _PACKAGES:
            _load(_PACKAGES[root])
    for look in _introspectors:
        found = look(item, path)
        if found is not None:
            return found
    if isinstance(item, (list, tuple)):
        parts: Iterable[tuple[Any, str]] = ((x, f"{path}[{i}]") for i, x in enumerate(item))
        return [seen for part, where in parts for seen in look_into(part, where)]
    return [Seen(OTHER, type(item).__name__, path, None, "of a kind that cannot be looked into")]


@cache
def _load(package: str) -> None:
    import_module(package)
