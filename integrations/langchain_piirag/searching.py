"""What a search of a tenant's store found, for the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.documents import Document

from langchain_piirag.watching import watchers
from piirag.governance.record_names import chunk_of
from piirag.governance.recorder import Recorder
from piirag.tenancy import Chunk, TenantBinding

Seen = Callable[[Sequence[Document], Sequence[float] | None], None]


@dataclass(frozen=True, repr=False)
class Found:
    """What one search found.

    Args:
        filter: What selected the items: the tags that may be read, and the caller's clause.
        documents: As the caller gets them.
        scores: Of the store, one for each; None where there are none.
        user_id: Who asked.
    """

    filter: Mapping[str, Any]
    documents: Sequence[Document]
    scores: Sequence[float] | None
    user_id: str

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """What a record tells of the items."""
        scores = self.scores if self.scores is not None else [None] * len(self.documents)
        return [
            chunk_of(doc.page_content, doc.id, doc.metadata, score)
            for doc, score in zip(self.documents, scores, strict=True)
        ]

    @property
    def texts(self) -> list[str]:
        """The texts of the items."""
        return [document.page_content for document in self.documents]


# Of the retriever's run that is going on here.
_gathered: ContextVar[list[Found] | None] = ContextVar("piirag_searches", default=None)


@contextmanager
def gathered(callbacks: Any, run_id: UUID) -> Iterator[None]:
    """Hand what is found in this block to the handlers that record the run it is part of.

    Args:
        callbacks: Of the run.
        run_id: Of the run.
    """
    found: list[Found] = []
    active = list(watchers(callbacks))
    token = _gathered.set(found if active else None)
    try:
        yield
    finally:
        _gathered.reset(token)
    for watcher in active:
        record = watcher.recorder.get(run_id)
        if record is not None and found:
            chunks = [chunk for search in found for chunk in search.chunks]
            record.fields |= {
                "chunks": chunks,
                "filter": dict(found[-1].filter),
                "user": found[-1].user_id,
            }


@contextmanager
def searched(
    recorder: Recorder | None, binding: TenantBinding, query: str | None, caller: Any
) -> Iterator[Seen]:
    """Note one search, for the run that it is part of, or in the store's own log.

    Args:
        recorder: The store's; None if it has no log.
        binding: Whose search it is.
        query: The question, as it was asked.
        caller: The caller's filter.

    Returns:
        What takes the documents, and their scores.
    """
    here = _gathered.get()
    if here is None and (recorder is None or recorder.audit is None):
        yield lambda documents, scores: None
        return
    finds: list[Found] = []

    def seen(documents: Sequence[Document], scores: Sequence[float] | None) -> None:
        scope = binding.scope(caller)
        what = {"tenant": list(scope.tags), **({"where": scope.caller} if scope.caller else {})}
        finds.append(Found(what, list(documents), scores, binding.user_id))

    if here is not None:
        yield seen
        here += finds
        return
    assert recorder is not None
    record = recorder.begin(None, "retrieval", "retrieval", text=query, user=binding.user_id)
    try:
        yield seen
    except BaseException as error:
        recorder.end(record, "error", error=error)
        raise
    for found in finds:
        record.fields |= {"chunks": found.chunks, "filter": dict(found.filter)}
        recorder.read(found.texts, found.chunks, found.filter, binding.user_id)
    recorder.end(record, "ok")


def note_ingested(
    recorder: Recorder,
    binding: TenantBinding,
    given: Sequence[Chunk],
    clean: Sequence[Chunk],
    began: float,
) -> None:
    """Record what was written to a store.

    Args:
        recorder: The store's.
        binding: Whose it is.
        given: What was to be written.
        clean: What was written.
        began: When the write began; `time.perf_counter`.
    """
    prefix = len(binding.scoped(""))
    chunks = [chunk_of(c.text, str(c.id)[prefix:], c.metadata) for c in clean]
    changed = sum(old.text != new.text for old, new in zip(given, clean, strict=True))
    recorder.ingested(chunks, changed=changed, user=binding.user_id, began=began)
