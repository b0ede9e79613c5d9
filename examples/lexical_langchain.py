"""The lexical embedding, and all-MiniLM-L6-v2, as LangChain embeddings."""

from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings

from lexical_embedding import DIMENSIONS, LEXICAL, MINILM, hashed_embedding, load_minilm


class LexicalEmbeddings(Embeddings):
    """Hashed words; see `lexical_embedding.hashed_embedding`."""

    def __init__(self, dim: int = DIMENSIONS) -> None:
        """Embed into vectors of `dim` numbers."""
        self.dim = dim

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts to store."""
        return [hashed_embedding(text, self.dim) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Embed a question, in the same way as a text."""
        return hashed_embedding(text, self.dim)


class MiniLMEmbeddings(Embeddings):
    """Sentence embeddings of a `SentenceTransformer`, of length one."""

    def __init__(self, model: Any) -> None:
        """Wrap a loaded model."""
        self._model = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts to store."""
        if not texts:
            return []
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in vector] for vector in vectors]

    def embed_query(self, text: str) -> list[float]:
        """Embed a question, in the same way as a text."""
        return self.embed_documents([text])[0]


def best_embeddings() -> tuple[Embeddings, str]:
    """The best embeddings at hand without a download.

    Returns:
        The embeddings, and their name: "all-MiniLM-L6-v2" where it is installed, otherwise
        "lexical-384".
    """
    model = load_minilm()
    if model is None:
        return LexicalEmbeddings(), LEXICAL
    return MiniLMEmbeddings(model), MINILM
