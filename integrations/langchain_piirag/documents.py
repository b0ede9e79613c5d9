"""Scrubbing documents in an ingestion chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document

from piirag.detection.known import Known
from piirag.errors import InvalidInputError
from piirag.governance.stamps import Stamp, check_stamp
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy import Chunk, ChunkScrubber


def to_chunk(document: Document) -> Chunk:
    """A LangChain document as a chunk of no framework.

    Raises:
        InvalidInputError: Not a document.
    """
    if not isinstance(document, Document):
        raise InvalidInputError(f"expected a Document, not {type(document).__name__}")
    return Chunk(document.page_content, document.metadata, document.id)


class PIIDocumentScrubber(BaseDocumentTransformer):
    """Replaces personal data in documents: page content, metadata values and ids.

    Put it before the text splitter: a name that a splitter cuts in two can no longer be found.
    The documents passed in are not changed, and the same document always gives the same result,
    so that LangChain's indexing API skips what it has seen.

    Args:
        scrubber: Does the work.
        user_id: The tenant the documents belong to.
        known: Values the application knows: a mapping for all documents, or a function from a
            document to a mapping, such as ``lambda d: {"PERSON": [d.metadata["customer"]]}``.
        known_from: Entity type -> metadata keys that hold known values:
            ``{"PERSON": ["customer"]}``.
        stamp: Written into the metadata of every document: source, writer, label. See `Stamp`.

    Raises:
        InvalidUserIdError: No usable user id.
        ConfigurationError: A stamp that holds personal data.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        *,
        user_id: str,
        known: Known | Callable[[Document], Known | None] | None = None,
        known_from: Mapping[str, Sequence[str]] | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        scrubber.vault.tag(user_id)
        stamp = check_stamp(stamp, scrubber)
        self._chunks = ChunkScrubber(scrubber, user_id, known_from, stamp=stamp)
        self._known = known

    def transform_documents(
        self, documents: Sequence[Document], **kwargs: Any
    ) -> Sequence[Document]:
        """Scrub documents.

        Args:
            documents: What to scrub.
            **kwargs: None are known.

        Returns:
            New documents.

        Raises:
            InvalidInputError: Something that is no document, or an unknown keyword.
            DetectionError: The detector failed; nothing was let through.
            UserErasedError: The user was erased.
        """
        if kwargs:
            raise InvalidInputError(f"unknown keywords: {', '.join(sorted(kwargs))}")
        documents = list(documents)
        chunks = [to_chunk(document) for document in documents]
        known: Known | Sequence[Known | None] | None
        known = [self._known(d) for d in documents] if callable(self._known) else self._known
        clean = self._chunks.scrub(chunks, known)
        return [
            document.model_copy(
                update={"page_content": c.text, "metadata": dict(c.metadata), "id": c.id}
            )
            for document, c in zip(documents, clean, strict=True)
        ]

    def __repr__(self) -> str:
        return "PIIDocumentScrubber(...)"
