"""LLM caches, kept apart per user (threat L12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseLanguageModel
from langchain_core.outputs import Generation
from langchain_core.runnables import Runnable

from langchain_piirag.inner import map_models
from piirag.redaction import Scrubber


class TenantCache(BaseCache):
    """A cache whose entries are seen by one user only.

    It stands between a wrapped model and the application's own cache, so prompts and replies in
    it hold placeholders.

    Args:
        cache: The application's cache.
        tag: What tells the user's entries from others'; no user id in the clear.
    """

    def __init__(self, cache: BaseCache, tag: str) -> None:
        self._cache = cache
        self._tag = tag

    def _key(self, llm_string: str) -> str:
        return f"{llm_string}---piirag:{self._tag}"

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """See `BaseCache.lookup`."""
        return self._cache.lookup(prompt, self._key(llm_string))

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """See `BaseCache.update`."""
        self._cache.update(prompt, self._key(llm_string), return_val)

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """See `BaseCache.alookup`."""
        return await self._cache.alookup(prompt, self._key(llm_string))

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """See `BaseCache.aupdate`."""
        await self._cache.aupdate(prompt, self._key(llm_string), return_val)

    def clear(self, **kwargs: Any) -> None:
        """Clear the application's cache, for all users. See `BaseCache.clear`."""
        self._cache.clear(**kwargs)

    async def aclear(self, **kwargs: Any) -> None:
        """Clear the application's cache, for all users. See `BaseCache.aclear`."""
        await self._cache.aclear(**kwargs)

    def __repr__(self) -> str:
        return f"TenantCache({type(self._cache).__name__})"


def cache_tag(scrubber: Scrubber | None, user_id: str | None) -> str:
    """The part of a cache key that tells users apart: keyed, and another one after an erasure.

    Without a user there is one for all such calls.
    """
    if scrubber is None or user_id is None:
        return "-"
    epoch = scrubber.vault.epoch(user_id) or b""
    return f"{scrubber.vault.tenant_tag(user_id)}:{epoch.hex()[:16]}"


def with_tenant_cache(model: Runnable[Any, Any], tag: Callable[[], str]) -> Runnable[Any, Any]:
    """The model, or a copy of it that sees one user's cache entries only.

    Args:
        model: A model, however it is bound, retried or given fallbacks.
        tag: Makes what `cache_tag` says; not called where there is no cache.
    """
    return map_models(model, lambda inner: _separated(inner, tag))


def _separated(model: BaseLanguageModel[Any], tag: Callable[[], str]) -> BaseLanguageModel[Any]:
    if model.cache is False:
        return model
    cache = model.cache if isinstance(model.cache, BaseCache) else get_llm_cache()
    if cache is None:
        return model
    return model.model_copy(update={"cache": TenantCache(cache, tag())})
