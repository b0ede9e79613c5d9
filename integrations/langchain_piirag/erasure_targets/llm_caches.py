"""Caches of models' replies as erasure targets."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache

from langchain_piirag.caching import TenantCache
from piirag.erasure import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.entries import EntriesTarget, Entry, batches
from piirag.erasure.targets.sqlite_file import file_of, files_of, reclaim_file
from piirag.errors import UnsupportedStoreError
from piirag.tenancy import TenantTags
from piirag.vault.vault import Vault

_MARK = "---piirag:"
_MEMORY = "the cache is in memory only and has no files"
_USERLESS = "entries that a wrapped model made without a user stay"
_SERVER = "the files of this cache are not within reach"


class LLMCacheTarget(EntriesTarget):
    """Deletes a user's prompts and replies from LangChain's LLM cache.

    Models wrapped by piirag name their user in the entries, by a keyed hash (threat L12). Entries
    of other models name nobody: while there are any, an erasure is partial, unless they are
    cleared. Entries that a wrapped model made without a user stay.

    Args:
        cache: `InMemoryCache`, `SQLiteCache`, `SQLAlchemyCache` or `SQLAlchemyMd5Cache`.
        vault: The vault of the scrubber or redactor that the models are wrapped with. Without it
            every entry names nobody.
        clear_unattributed: See `EntriesTarget`. What is cleared is asked of the model again.

    Raises:
        UnsupportedStoreError: A cache that cannot list what it holds: Redis, GPTCache and those
            that search by similarity. Give their entries a time to live, and name the cache in
            `not_covered`.
    """

    kind = "llm cache"
    refuses = True
    recomputed = True

    def __init__(
        self, cache: BaseCache, vault: Vault | None = None, *, clear_unattributed: bool = False
    ) -> None:
        cache = cache._cache if isinstance(cache, TenantCache) else cache
        self._table = _table_of(cache)
        super().__init__(
            f"{self.kind}:{type(cache).__name__}",
            self._table.identity,
            TenantTags(vault=vault, keyed=vault is not None),
            clear_unattributed=clear_unattributed,
        )
        self._knows = vault is not None
        local = self._table.path is not None
        self.capabilities = Capabilities(
            reclaim=local,
            scan=local,
            why_not=_USERLESS if local else f"{self._table.why_not}; {_USERLESS}",
            delete_by="ids",
            export=True,
        )

    def entries(self) -> Iterator[Entry]:
        """Every entry, with prompt and reply."""
        for llm, prompt, reply in self._table.rows():
            name = hashlib.sha256("\0".join((llm, prompt, reply)).encode("utf-8", "replace"))
            said = {"reply": _said(reply), "strings": [*_strings(prompt), *_strings(reply)]}
            item = StoredItem(name.hexdigest()[:32], _said(prompt), said)
            yield Entry((llm, prompt), self._owners(llm), item)

    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete entries, with all replies to a prompt."""
        self._table.remove(list(dict.fromkeys(entry.key for entry in entries)))

    def files(self) -> list[Path]:
        """The file of a SQLite cache."""
        return files_of(self._table.path)

    def reclaim(self, user_id: str) -> None:
        """Rewrite the SQLite file without deleted rows."""
        reclaim_file(self._table.path)

    def _owners(self, llm: str) -> frozenset[str]:
        """Whose an entry is, by the end of what stands for the model."""
        _, mark, tag = llm.rpartition(_MARK)
        if not mark or not self._knows:
            return frozenset()
        return frozenset({tag.partition(":")[0]})


class _Table(ABC):
    """Reads and deletes rows of a cache: what stands for the model, the prompt, a reply."""

    identity: Any
    path: Path | None = None
    why_not = _MEMORY

    @abstractmethod
    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Every row."""

    @abstractmethod
    def remove(self, keys: list[tuple[str, str]]) -> None:
        """Delete rows by model and prompt."""


class _Memory(_Table):
    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self.identity = id(cache)

    def rows(self) -> Iterator[tuple[str, str, str]]:
        for (prompt, llm), replies in list(self._cache._cache.items()):
            yield llm, prompt, "\n".join(str(getattr(r, "text", r)) for r in replies)

    def remove(self, keys: list[tuple[str, str]]) -> None:
        for llm, prompt in keys:
            self._cache._cache.pop((prompt, llm), None)


class _Sql(_Table):
    why_not = _SERVER

    def __init__(self, cache: Any) -> None:
        self._engine = cache.engine
        self._schema = cache.cache_schema
        self.path = file_of(self._engine)
        table = str(self._schema.__tablename__)
        place = id(self._engine) if self.path is None else str(self.path.resolve())
        self.identity = (place, table)
        if self.path is None and self._engine.url.get_backend_name() == "sqlite":
            self.why_not = _MEMORY

    def rows(self) -> Iterator[tuple[str, str, str]]:
        from sqlalchemy import select

        schema = self._schema
        query = select(schema.llm, schema.prompt, schema.response)
        with self._engine.connect() as connection:
            result = connection.execution_options(yield_per=500).execute(query)
            for llm, prompt, response in result:
                yield str(llm), str(prompt), str(response)

    def remove(self, keys: list[tuple[str, str]]) -> None:
        from sqlalchemy import and_, delete, or_

        schema = self._schema
        for part in batches(keys, 100):
            same = [and_(schema.llm == llm, schema.prompt == prompt) for llm, prompt in part]
            with self._engine.begin() as connection:
                connection.execute(delete(schema).where(or_(*same)))


def _said(text: str) -> str:
    """What was said in a serialised prompt or reply; the text itself where it is no JSON."""
    if text[:1] not in ("{", "["):
        return text
    try:
        found = list(_leaves(json.loads(text)))
    except (ValueError, RecursionError):
        return text
    return max(found, key=len, default=text)


def _strings(text: str) -> list[str]:
    """Every string in a serialised prompt or reply, beside what `_said` picks."""
    try:
        left = [json.loads(text)] if text[:1] in ("{", "[") else []
    except (ValueError, RecursionError):
        return [text]
    found: list[str] = []
    while left:
        data = left.pop()
        if isinstance(data, str):
            found.append(data)
        elif isinstance(data, dict):
            left += [*data, *data.values()]
        elif isinstance(data, list):
            left += data
    return found


def _leaves(data: Any) -> Iterator[str]:
    """What stands under the names that messages and replies keep their texts under."""
    for item in data.values() if isinstance(data, dict) else data:
        if isinstance(item, (dict, list)):
            yield from _leaves(item)
    if isinstance(data, dict):
        yield from (data[n] for n in ("content", "text") if isinstance(data.get(n), str))


def _table_of(cache: Any) -> _Table:
    if isinstance(getattr(cache, "_cache", None), dict):
        return _Memory(cache)
    schema = getattr(cache, "cache_schema", None)
    if hasattr(cache, "engine") and all(hasattr(schema, n) for n in ("llm", "prompt", "response")):
        return _Sql(cache)
    raise UnsupportedStoreError(
        f"{type(cache).__name__} cannot list what it holds, so nobody's entries can be found in "
        "it; give them a time to live, and name the cache in not_covered"
    )


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [LLMCacheTarget(item)] if isinstance(item, BaseCache) else None


register_resolver(_resolve)
