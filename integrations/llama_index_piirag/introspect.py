"""Looking into engines, agents, pipelines and indices of LlamaIndex for `piirag check`.

Objects of LlamaIndex are followed through what they hold. What stands behind a part of piirag is
protected; what does not is not; what cannot be looked into is said to be so.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.indices.base import BaseIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index.core.schema import TransformComponent
from llama_index.core.tools import BaseTool
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from llama_index_piirag.agent import RedactedAgent
from llama_index_piirag.chat import RedactedChatEngine
from llama_index_piirag.index import TenantIndex, UserIndex
from llama_index_piirag.llm import RedactedLLM
from llama_index_piirag.nodes import PIINodeScrubber
from llama_index_piirag.pipeline import PIIIngestionPipeline
from llama_index_piirag.postprocessor import PIINodePostprocessor
from llama_index_piirag.query_engine import TenantQueryEngine
from llama_index_piirag.retriever import TenantRetriever
from llama_index_piirag.shield import ShieldedFunctionTool, ShieldedTool
from llama_index_piirag.tenants import TenantVectorStore
from llama_index_piirag.vector_store import UserVectorStore
from piirag.governance.check.functions import Reach
from piirag.governance.check.seen import (
    INGESTION,
    MODEL,
    OTHER,
    RETRIEVER,
    TOOLS,
    Seen,
    register_introspector,
)

_DEEPEST = 12
# What the framework's objects hold beside its own: counters of tokens, locks, data.
_QUIET = sys.stdlib_module_names | {
    "builtins",
    "llama_index",
    "llama_index_instrumentation",
    "llama_index_piirag",
    "numpy",
    "piirag",
    "pydantic",
    "tiktoken",
    "workflows",
}
_OWN = "a class of the application's own"
_HOLDERS = (BaseQueryEngine, BaseChatEngine, BaseSynthesizer)
_STORES = (TenantVectorStore, UserVectorStore, TenantIndex, UserIndex)
_SHIELDED = (ShieldedTool, ShieldedFunctionTool)
_KNOWN = (
    *_HOLDERS,
    *_STORES,
    BaseRetriever,
    BaseLLM,
    BaseIndex,
    BaseNodePostprocessor,
    BaseTool,
    BasePydanticVectorStore,
    RedactedAgent,
    TransformComponent,
    IngestionPipeline,
)


class _Walk:
    """One walk through an object."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._done: set[int] = set()

    def into(self, item: Any, path: str, depth: int = 0, *, scrubbed: bool = False) -> None:
        """Look into an object.

        Args:
            item: The object.
            path: Where it stands.
            depth: How deep it stands.
            scrubbed: Whether its nodes are scrubbed after they were retrieved.
        """
        if id(item) in self._done:
            return
        self._done.add(id(item))
        if depth > _DEEPEST:
            self._add(OTHER, item, path, None, "nested too deeply")
        elif not self._ours(item, path, depth):
            self._theirs(item, path, depth, scrubbed)

    def _ours(self, item: Any, path: str, depth: int) -> bool:
        """Parts of piirag; whether it was one."""
        sure: bool | None = True if _is_ours(item) else None
        if isinstance(item, RedactedLLM):
            guard = item._llm if hasattr(item._llm, "piirag_guarded") else None
            policies = (item._providers, getattr(guard, "_policy", None))
            asked = tuple(policy for policy in policies if policy is not None)
            self._add(MODEL, item, path, sure, "redacts", inner=item._llm, policies=asked)
        elif isinstance(item, TenantRetriever | _union(_STORES)):
            self._add(RETRIEVER, item, path, sure, "bound to a user")
            self._add(INGESTION, item, path, sure, "scrubs what is written")
        elif isinstance(item, TenantQueryEngine):
            self._add(RETRIEVER, item, path, sure, "bound to a user")
            self.into(item._engine, f"{path}.engine", depth + 1)
        elif isinstance(item, PIIIngestionPipeline | PIINodeScrubber):
            self._add(INGESTION, item, path, sure, "scrubs nodes")
        elif isinstance(item, PIINodePostprocessor):
            self._add(OTHER, item, path, sure, "scrubs retrieved nodes")
        elif isinstance(item, _SHIELDED):
            self._add(TOOLS, item, path, sure, "scrubs what the tool says")
        elif isinstance(item, RedactedChatEngine):
            self.into(item._engine, f"{path}.engine", depth + 1)
        elif isinstance(item, RedactedAgent):
            self._parts(item._agent, f"{path}.agent", depth, scrubbed=False)
        elif isinstance(getattr(item, "piirag_guarded", None), BaseLLM):
            # It asks the policy for providers, and redacts nothing.
            guarded = item.piirag_guarded
            why = "gets what it is sent as it is"
            self._add(MODEL, guarded, path, False, why, inner=guarded, policies=(item._policy,))
        elif isinstance(item, BaseLLM | BaseRetriever | BaseQueryEngine):
            return False
        elif type(item).__module__.startswith("llama_index_piirag."):
            self._add(OTHER, item, path, True)
        else:
            return False
        if not sure and not hasattr(item, "piirag_guarded"):
            self._add(OTHER, item, path, None, f"{_OWN}, made of one of piirag")
        return True

    def _theirs(self, item: Any, path: str, depth: int, scrubbed: bool) -> None:
        if isinstance(item, BaseLLM):
            self._add(MODEL, item, path, False, "gets what it is sent as it is", inner=item)
        elif isinstance(item, BaseRetriever):
            self._retriever(item, path, depth, scrubbed)
        elif isinstance(item, BaseIndex):
            self._add(RETRIEVER, item, path, False, "questions and chunks pass as they are")
            self._add(INGESTION, item, path, None, "who writes to it cannot be seen")
        elif isinstance(item, BasePydanticVectorStore):
            self._add(INGESTION, item, path, None, "who writes to it cannot be seen")
        elif isinstance(item, IngestionPipeline):
            self._pipeline(item, path)
        elif isinstance(item, BaseTool):
            self._add(TOOLS, item, path, None, "1 tool")
        elif _is_agent(item):
            if not type(item).__module__.startswith("llama_index."):
                self._add(OTHER, item, path, None, _OWN)
            self._parts(item, path, depth, scrubbed=False)
        elif isinstance(item, _HOLDERS):
            own = not type(item).__module__.startswith("llama_index.")
            if own:
                self._add(OTHER, item, path, None, _OWN)
            clean = any(type(part) is PIINodePostprocessor for _, part in _held(item))
            self._parts(item, path, depth, scrubbed=scrubbed or clean)
        elif isinstance(item, (BaseNodePostprocessor, TransformComponent)):
            if not type(item).__module__.startswith("llama_index."):
                self._add(OTHER, item, path, None, _OWN)
            self._parts(item, path, depth, scrubbed=scrubbed)
        else:
            self._add(OTHER, item, path, None, "of a kind that cannot be looked into")

    def _parts(self, item: Any, path: str, depth: int, *, scrubbed: bool) -> None:
        for name, part in _held(item):
            self.into(part, f"{path}.{name}", depth + 1, scrubbed=scrubbed)

    def _retriever(self, item: BaseRetriever, path: str, depth: int, scrubbed: bool) -> None:
        """A retriever of retrievers is what these are; one over a store is not protected."""
        if not type(item).__module__.startswith("llama_index."):
            self._add(OTHER, item, path, None, _OWN)
        inner = [part for _, part in _held(item) if isinstance(part, BaseRetriever)]
        if not inner and scrubbed:
            self._add(RETRIEVER, item, path, None, "nodes are scrubbed, the question is not")
        elif not inner:
            self._add(RETRIEVER, item, path, False, "question and chunks pass as they are")
        for name, part in _held(item):
            if not isinstance(part, BaseIndex):
                self.into(part, f"{path}.{name}", depth + 1, scrubbed=scrubbed)

    def _pipeline(self, item: IngestionPipeline, path: str) -> None:
        steps = item.transformations
        if not steps or type(steps[0]) is not PIINodeScrubber:
            self._add(INGESTION, item, path, False, "its first step does not scrub")
        elif item.docstore is not None:
            self._add(INGESTION, item, path, False, "its docstore keeps documents as they came")
        else:
            self._add(INGESTION, item, path, True, "its first step scrubs")

    def _add(
        self,
        role: str,
        item: Any,
        path: str,
        protected: bool | None,
        why: str = "",
        *,
        inner: Any = None,
        policies: tuple[Any, ...] = (),
    ) -> None:
        kind = type(item).__name__
        self.seen.append(Seen(role, kind, path, protected, why, inner, policies=policies))


def _is_ours(item: Any) -> bool:
    return type(item).__module__.startswith("llama_index_piirag.")


def _union(kinds: tuple[type, ...]) -> Any:
    found: Any = kinds[0]
    for kind in kinds[1:]:
        found = found | kind
    return found


def _held(item: Any, done: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
    """What an object holds that can be looked into, also in lists, mappings and helpers.

    Helpers are memories, selectors, prompts and the like, which may hold a model of their own.
    """
    private = getattr(item, "__pydantic_private__", None) or {}
    for name, value in [*getattr(item, "__dict__", {}).items(), *private.items()]:
        parts: Any = (value,)
        if isinstance(value, dict):
            parts = tuple(value.values())
        elif isinstance(value, (list, tuple)):
            parts = value
        for part in parts:
            if isinstance(part, _KNOWN) or _is_agent(part):
                yield name.lstrip("_"), part
            elif not isinstance(part, type) and id(part) not in done and len(done) < _DEEPEST:
                for inner, found in _helped(part, done | {id(item)}):
                    yield f"{name.lstrip('_')}{inner}", found


def _helped(part: Any, done: frozenset[int]) -> Iterator[tuple[str, Any]]:
    """What a helper holds: one of the framework is followed, and any other cannot be."""
    if isinstance(part, (types.FunctionType, types.MethodType, functools.partial)):
        reach = Reach(lambda found: isinstance(found, _KNOWN) or _is_agent(found))
        if isinstance(part, functools.partial) or _root(part) not in _QUIET:
            reach.follow(part)
        yield from ((f".{name}", found) for name, found in reach.objects)
        if reach.opaque and not _is_quiet(part):
            yield "", part
        return
    root = type(part).__module__.partition(".")[0]
    if root == "llama_index":
        yield from ((f".{name}", found) for name, found in _held(part, done))
    elif root not in _QUIET:
        yield "", part


def _root(function: Any) -> str:
    return str(getattr(function, "__module__", "")).partition(".")[0]


def _is_quiet(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return _root(function) in _QUIET


def _is_agent(item: Any) -> bool:
    names = ("BaseWorkflowAgent", "AgentWorkflow")
    return any(
        base.__name__ in names and base.__module__.startswith("llama_index.")
        for base in type(item).__mro__
    )


def introspect(item: Any, path: str) -> list[Seen] | None:
    """What is in an object of LlamaIndex, or of piirag's package for it; None for any other."""
    ours = type(item).__module__.startswith("llama_index_piirag.")
    if not (isinstance(item, _KNOWN) or ours or _is_agent(item)):
        return None
    walk = _Walk()
    walk.into(item, path)
    return walk.seen


register_introspector(introspect)
