"""Objects of LangChain and LlamaIndex are looked up in piirag's package for that framework.

An object of a framework can only be there where the framework is, so that its package of piirag
can be loaded. It registers resolvers of its own, which come after this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

from piirag.erasure.target import ErasureTarget, register_resolver

_PACKAGES = {
    "langchain": "langchain_piirag.erasure_targets",
    "langgraph": "langchain_piirag.erasure_targets",
    "llama_index": "llama_index_piirag.erasure_targets",
}


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    for base in type(item).__mro__:
        root = base.__module__.partition(".")[0].partition("_")[0]
        root = "llama_index" if base.__module__.startswith("llama_index.") else root
        if root in _PACKAGES:
            _load(_PACKAGES[root])
    return None


@cache
def _load(package: str) -> None:
    import_module(package)


register_resolver(_resolve)
