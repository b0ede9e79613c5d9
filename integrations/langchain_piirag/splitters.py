"""Splitting scrubbed documents without cutting a pseudonym in two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document

from piirag.redaction.tokens import PSEUDONYM

# A character of the private use area: no splitter takes it for white space or punctuation.
_JOINER = "\ue000"


class PIITextSplitter(BaseDocumentTransformer):
    """Wraps a text splitter: pseudonyms stay whole, and chunks keep the id of their document.

    A pseudonym holds spaces. Split at one of them, it can neither be revealed nor match a
    question. And LangChain's splitters drop `Document.id`, so that a document ingested again
    would be stored twice; here the chunks of document ``x`` are ``x-0``, ``x-1`` and so on.

    Put it behind `PIIDocumentScrubber`.

    Args:
        splitter: Any LangChain text splitter.
    """

    def __init__(self, splitter: BaseDocumentTransformer) -> None:
        self._splitter = splitter

    def transform_documents(
        self, documents: Sequence[Document], **kwargs: Any
    ) -> Sequence[Document]:
        """Split documents.

        Args:
            documents: Scrubbed documents; not changed.
            **kwargs: Passed to the splitter.
        """
        chunks: list[Document] = []
        for document in documents:
            joined = document.model_copy(update={"page_content": _joined(document.page_content)})
            parts = self._splitter.transform_documents([joined], **kwargs)
            for number, part in enumerate(parts):
                update: dict[str, Any] = {"page_content": part.page_content.replace(_JOINER, " ")}
                if document.id is not None:
                    update["id"] = f"{document.id}-{number}"
                chunks.append(part.model_copy(update=update))
        return chunks

    def split_documents(self, documents: Sequence[Document]) -> list[Document]:
        """Split documents, under the name that text splitters have for it."""
        return list(self.transform_documents(documents))

    def __repr__(self) -> str:
        return f"PIITextSplitter({type(self._splitter).__name__})"


def _joined(text: str) -> str:
    return PSEUDONYM.sub(lambda match: match.group().replace(" ", _JOINER), text)
