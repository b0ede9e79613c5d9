"""Places of data that a framework keeps for the whole process, told where they are no targets.

Nothing is imported to look for them, and they are never erased unasked: they are named, so that a
receipt does not pass over what can be seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from piirag.erasure.target import ErasureTarget, as_targets
from piirag.errors import PiiragError

_KNOWN = "known, but not registered"


def in_sight(targets: Sequence[ErasureTarget]) -> tuple[str, ...]:
    """The names of caches that are set for the whole process and are no targets.

    LangChain's LLM cache (`set_llm_cache`), and the cache of LlamaIndex's embedding model
    (`Settings.embed_model`), where these frameworks are loaded.

    Args:
        targets: The targets.
    """
    covered = {_place(target) for target in targets}
    names = []
    for what, holder in _holders():
        try:
            found = as_targets(holder)
        except PiiragError:
            # Of a kind that cannot list what it holds, or whose targets are not loaded.
            names.append(f"{what} ({type(holder).__name__}): {_KNOWN}")
            continue
        names += [f"{t.name} ({t.kind}): {_KNOWN}" for t in found if _place(t) not in covered]
    return tuple(dict.fromkeys(names))


def _holders() -> Iterator[tuple[str, Any]]:
    langchain = sys.modules.get("langchain_core.globals")
    cache = None if langchain is None else langchain.get_llm_cache()
    if cache is not None:
        yield "LangChain's LLM cache", cache
    settings = getattr(sys.modules.get("llama_index.core.settings"), "Settings", None)
    # The property of this name would make a model where none is set.
    model = getattr(settings, "_embed_model", None)
    if getattr(model, "embeddings_cache", None) is not None:
        yield "the embeddings cache of LlamaIndex's Settings", model


def _place(target: ErasureTarget) -> Any:
    """What targets over one store have in common, however its items name their users."""
    from piirag.erasure.covering import identity_of
    from piirag.erasure.targets.base import StoreTarget

    identity = identity_of(target)
    return identity[:2] if isinstance(target, StoreTarget) else identity
