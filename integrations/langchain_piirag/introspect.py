"""Looking into chains, agents and stores of LangChain for `piirag check`.

What stands behind a part of piirag is protected; what does not is not; a function that could do
anything is said to be one into which nobody can look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import BaseDocumentTransformer
from langchain_core.embeddings import Embeddings
from langchain_core.example_selectors import LengthBasedExampleSelector
from langchain_core.example_selectors.semantic_similarity import _VectorStoreExampleSelector
from langchain_core.language_models import BaseLanguageModel
from langchain_core.output_parsers.base import BaseLLMOutputParser
from langchain_core.prompts import BasePromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    Runnable,
    RunnablePassthrough,
    RunnablePick,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import (
    DynamicRunnable,
)
from langchain_core.tools import BaseTool
from langchain_core.vectorstores import VectorStore

from langchain_piirag.callbacks import PIICallbackHandler
from langchain_piirag.documents import PIIDocumentScrubber
from langchain_piirag.introspect_fields import (
    FUNCTION as CALLED,
)
from langchain_piirag.introspect_fields import (
    OBJECT,
    fields_of,
    is_frameworks,
    is_ours,
    parts_of,
)
from langchain_piirag.introspect_fields import (
    UNKNOWN as _UNKNOWN,
)
from langchain_piirag.introspect_steps import children, functions_of, is_named
from langchain_piirag.retrievers import PIIRetriever, TenantRetriever
from langchain_piirag.running import ModelCalls
from langchain_piirag.splitters import PIITextSplitter
from langchain_piirag.tenants import TenantVectorStore
from langchain_piirag.vectorstores import UserVectorStore
from piirag.governance.check.functions import Reach
from piirag.governance.check.seen import (
    FUNCTION,
    INGESTION,
    MODEL,
    OTHER,
    RETRIEVER,
    TOOLS,
    Seen,
    register_introspector,
)

_DEEPEST = 40
_OWN = "a class of the application's own"


class _Walk:
    """One walk through an object."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._done: set[tuple[int, bool]] = set()
        self._asked: tuple[Any, ...] = ()

    def into(self, item: Any, path: str, shield: str = "", depth: int = 0) -> None:
        """Look into an object.

        Args:
            item: The object.
            path: Where it stands.
            shield: What redacts, or blocks, whatever goes to models within; empty for nothing.
            depth: How deep it stands.
        """
        if (id(item), bool(shield)) in self._done:
            return
        self._done.add((id(item), bool(shield)))
        if depth > _DEEPEST:
            self._add(OTHER, item, path, None, "nested too deeply")
        elif not self._ours(item, path, depth):
            self._theirs(item, path, shield, depth)

    def _ours(self, item: Any, path: str, depth: int) -> bool:
        """Parts of piirag; whether it was one."""
        sure: bool | None = True if is_ours(item) else None
        if isinstance(item, ModelCalls):
            self._redacted(item, path, sure)
        elif isinstance(item, PIIRetriever):
            scrubs = sure if item.scrub_query else None
            why = "" if item.scrub_query else "the question reaches the wrapped retriever as it is"
            self._add(RETRIEVER, item, path, scrubs, why, audited=_has_audit(item))
            self._stores_of(item.retriever, f"{path}.retriever", depth)
        elif isinstance(item, TenantRetriever | UserVectorStore | TenantVectorStore):
            self._add(RETRIEVER, item, path, sure, "bound to a user", audited=_has_audit(item))
            self._add(INGESTION, item, path, sure, "scrubs what is written")
        elif isinstance(item, PIIDocumentScrubber | PIITextSplitter):
            self._add(INGESTION, item, path, sure, "scrubs documents")
        elif isinstance(item, PIICallbackHandler):
            self._add(OTHER, item, path, sure, "watches", audited=_has_audit(item))
        elif is_named(item, "langchain_piirag.agent_protect", "ProtectedAgent"):
            self.into(item.agent, f"{path}.agent", "PIIRedactionMiddleware", depth + 1)
        elif isinstance(item, Runnable | BaseLanguageModel | BaseRetriever):
            return False
        elif type(item).__module__.startswith("langchain_piirag."):
            self._add(OTHER, item, path, True)
        else:
            return False
        if not sure:
            self._add(OTHER, item, path, None, f"{_OWN}, made of one of piirag")
        return True

    def _redacted(self, item: ModelCalls, path: str, sure: bool | None) -> None:
        """A wrapper redacts what it is given; what a chain within it fetches, it never sees."""
        audited = self._callbacks(item, path) or _has_audit(item)
        guard = item.model if hasattr(item.model, "piirag_guarded") else None
        policies = (item._settings.providers, getattr(guard, "_policy", None))
        asked = tuple(policy for policy in policies if policy is not None)
        self._asked += asked
        self._add(MODEL, item, path, sure, "redacts", inner=item.model, audited=audited)
        self._asked = self._asked[: len(self._asked) - len(asked)]
        if not _is_model(item.model):
            self._add(OTHER, item.model, f"{path}.model", None, "more than a model is wrapped")

    def _theirs(self, item: Any, path: str, shield: str, depth: int) -> None:
        if isinstance(getattr(item, "piirag_guarded", None), Runnable):
            # It asks the policy for providers, and redacts nothing.
            before = self._asked
            self._asked += (item._policy,) if is_ours(item) else ()
            self.into(item.piirag_guarded, f"{path}.piirag_guarded", shield, depth + 1)
            self._asked = before
        elif isinstance(item, BaseLanguageModel):
            shield = self._callbacks(item, path) or shield
            why = f"behind {shield}" if shield else "gets what it is sent as it is"
            self._add(MODEL, item, path, bool(shield), why, inner=item)
        elif isinstance(item, BaseRetriever):
            self._retriever(item, path, shield, depth)
        elif isinstance(item, VectorStore):
            self._add(INGESTION, item, path, None, "who writes to it cannot be seen")
        elif isinstance(item, Embeddings):
            self._add(OTHER, item, path, None, "who feeds it cannot be seen")
        elif is_named(item, "langgraph.prebuilt.tool_node", "ToolNode"):
            if item.tools_by_name:
                names = f"{len(item.tools_by_name)} tools"
                self._add(TOOLS, item, path, True if shield else None, names)
        elif isinstance(item, BaseTool):
            self._add(TOOLS, item, path, True if shield else None, "1 tool")
        elif _is_middleware(item):
            self._middleware(item, path, depth)
        elif isinstance(getattr(item, "nodes", None), Mapping) and isinstance(item, Runnable):
            self._graph(item, path, shield, depth)
        elif isinstance(item, BaseDocumentTransformer):
            self._add(INGESTION, item, path, None, "no part of piirag")
        elif isinstance(item, BasePromptTemplate | BaseLLMOutputParser | RunnablePick):
            self._open(item, path, shield, depth)
        elif isinstance(item, _VectorStoreExampleSelector):
            if not isinstance(item.vectorstore, UserVectorStore):
                self._add(RETRIEVER, item, path, False, "question and examples pass as they are")
            self._open(item, path, shield, depth)
        elif isinstance(item, LengthBasedExampleSelector):
            self._open(item, path, shield, depth)
        elif isinstance(item, Runnable):
            self._runnable(item, path, shield, depth)
        else:
            self._add(OTHER, item, path, None, "of a kind that cannot be looked into")

    def _open(self, item: Any, path: str, shield: str, depth: int) -> None:
        """A part of which all that it holds can be seen: exactly of a class of the framework."""
        if not is_frameworks(item):
            self._add(OTHER, item, path, None, _OWN)
        self._parts(fields_of(item), path, shield, depth)

    def _parts(
        self, parts: Iterable[tuple[str, str, Any]], path: str, shield: str, depth: int
    ) -> None:
        for name, kind, part in parts:
            if kind == CALLED:
                self._function(part, f"{path}.{name}", shield, depth)
            elif kind == OBJECT:
                self.into(part, f"{path}.{name}", shield, depth + 1)
            else:
                self._add(OTHER, part, f"{path}.{name}", None, "may run code of its own")

    def _runnable(self, item: Any, path: str, shield: str, depth: int) -> None:
        if isinstance(item, RunnableBindingBase):
            given = item.config.get("callbacks") if isinstance(item.config, Mapping) else None
            shield = self._blocking(given, f"{path}.config") or shield
            if item.config_factories:
                self._add(OTHER, item, path, None, "listeners are told what goes in")
            bound = (p for n, v in item.kwargs.items() for p in parts_of(n, v))
            self._parts((p for p in bound if p[1] != _UNKNOWN), f"{path}.kwargs", shield, depth)
        if not (is_frameworks(item) or is_ours(item)):
            self._add(OTHER, item, path, None, _OWN)
        functions = list(functions_of(item))
        for name, function in functions:
            self._function(function, _at(path, name), shield, depth)
        held = list(children(item))
        for name, child in held:
            self.into(child, _at(path, name), shield, depth + 1)
        if not (type(item) is RunnablePassthrough or functions or held):
            self._add(OTHER, item, path, None, "of a kind that cannot be looked into")

    def _retriever(self, item: BaseRetriever, path: str, shield: str, depth: int) -> None:
        """A retriever of retrievers is what these are; one over a store is not protected."""
        if not is_frameworks(item):
            self._add(OTHER, item, path, None, _OWN)
        self._callbacks(item, path)
        parts = list(_fields(item))
        inner = [(n, p) for n, p in parts if isinstance(p, BaseRetriever)]
        bound = [(n, p) for n, p in parts if isinstance(p, UserVectorStore)]
        if not inner and not bound:
            self._add(RETRIEVER, item, path, False, "question and chunks pass as they are")
        for name, part in parts:
            self.into(part, f"{path}.{name}", shield, depth + 1)

    def _stores_of(self, item: Any, path: str, depth: int) -> None:
        for name, part in _fields(item):
            if isinstance(part, VectorStore):
                self.into(part, f"{path}.{name}", "", depth + 1)
            elif isinstance(part, BaseRetriever):
                self._stores_of(part, f"{path}.{name}", depth + 1)

    def _graph(self, item: Any, path: str, shield: str, depth: int) -> None:
        """A compiled graph: its middleware stands around the model wherever it was given."""
        nodes = {name: getattr(node, "bound", node) for name, node in item.nodes.items()}
        reach = Reach(_is_known)
        for bound in nodes.values():
            for _, function in functions_of(bound):
                reach.follow(function)
        guards = [found for _, found in reach.objects if _is_redaction(found)]
        shield = "PIIRedactionMiddleware" if guards else shield
        before = self._asked
        self._asked += tuple(g._providers for g in guards if g._providers is not None)
        for name, bound in nodes.items():
            if not str(name).startswith("__"):
                self.into(bound, f"{path}.{name}", shield, depth + 1)
        self._asked = before
        builder = getattr(item, "builder", None)
        for name, ways in (getattr(builder, "branches", None) or {}).items():
            for way, branch in ways.items():
                self.into(branch.path, f"{path}.{name}.{way}", shield, depth + 1)
        if not is_frameworks(item):
            self._add(OTHER, item, path, None, _OWN)

    def _function(self, function: Any, path: str, shield: str, depth: int) -> None:
        reach = Reach(_is_known)
        reach.follow(function)
        for name, found in reach.objects:
            self.into(found, f"{path}.{name}", shield, depth + 1)
        if reach.opaque:
            named = ", ".join(sorted({str(n)[:40] for n in reach.opaque})[:5])
            self.seen.append(Seen(FUNCTION, "function", path, None, f"cannot look into: {named}"))

    def _middleware(self, item: Any, path: str, depth: int) -> None:
        """Middleware calls models of its own, summarisers for one, past that of piirag."""
        if _is_redaction(item):
            return
        if not is_frameworks(item):
            self._add(OTHER, item, path, None, _OWN)
        for name, part in _fields(item):
            self.into(part, f"{path}.{name}", "", depth + 1)

    def _callbacks(self, item: Any, path: str) -> str:
        return self._blocking(getattr(item, "callbacks", None), f"{path}.callbacks")

    def _blocking(self, callbacks: Any, path: str) -> str:
        """What blocks prompts with personal data among callbacks."""
        handlers = getattr(callbacks, "handlers", callbacks)
        blocks = ""
        if handlers is not None and not isinstance(handlers, list):
            self._add(OTHER, handlers, path, None, "gets what passes")
        for handler in handlers if isinstance(handlers, list) else ():
            self.into(handler, path)
            if type(handler) is PIICallbackHandler and handler._blocks["prompt"]:
                blocks = "PIICallbackHandler, which blocks"
        return blocks

    def _add(
        self,
        role: str,
        item: Any,
        path: str,
        protected: bool | None,
        why: str = "",
        *,
        inner: Any = None,
        audited: object = False,
    ) -> None:
        kind = type(item).__name__
        asked = self._asked if role == MODEL else ()
        self.seen.append(Seen(role, kind, path, protected, why, inner, bool(audited), asked))


def _at(path: str, name: str) -> str:
    return f"{path}{name}" if name.startswith("[") else f"{path}.{name}"


def _fields(item: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds that can be looked into, also in lists."""
    for name, value in list(getattr(item, "__dict__", {}).items()):
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if _is_known(part):
                yield name, part


def _is_known(item: Any) -> bool:
    """Whether an object is worth looking into."""
    if isinstance(item, type):
        return False
    kinds = (Runnable, VectorStore, BaseTool, BaseCallbackHandler, TenantVectorStore)
    return isinstance(item, kinds) or _is_middleware(item)


def _is_middleware(item: Any) -> bool:
    return any(
        base.__module__.startswith("langchain.agents.middleware")
        and base.__name__ == "AgentMiddleware"
        for base in type(item).__mro__
    )


def _is_redaction(item: Any) -> bool:
    return is_ours(item) and is_named(item, "langchain_piirag.middleware", "PIIRedactionMiddleware")


def _is_model(item: Any) -> bool:
    """Whether an object is a model, also with options, retries, a guard or alternatives."""
    if isinstance(item, BaseLanguageModel):
        return True
    if is_ours(item) and hasattr(item, "piirag_guarded"):
        return _is_model(item.piirag_guarded)
    kinds = (RunnableBindingBase, RunnableWithFallbacks, DynamicRunnable)
    if not isinstance(item, kinds) or not is_frameworks(item):
        return False
    return all(_is_model(child) for _, child in children(item))


def _has_audit(item: Any) -> bool:
    return any(getattr(item, name, None) is not None for name in ("_audit", "audit"))


def introspect(item: Any, path: str) -> list[Seen] | None:
    """What is in an object of LangChain, or of piirag's package for it; None for any other."""
    known = (Runnable, VectorStore, Embeddings, BaseDocumentTransformer, BaseCallbackHandler)
    ours = type(item).__module__.startswith("langchain_piirag.")
    if not (isinstance(item, known) or ours or _is_middleware(item)):
        return None
    walk = _Walk()
    walk.into(item, path)
    return walk.seen


register_introspector(introspect)
