"""The lexical embedding, and all-MiniLM-L6-v2, as LlamaIndex embeddings."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr

from lexical_embedding import DIMENSIONS, LEXICAL, MINILM, hashed_embedding, load_minilm


class LexicalEmbedding(BaseEmbedding):
    """Hashed words; see `lexical_embedding.hashed_embedding`.

    Attributes:
        dim: The length of a vector.
    """

    model_name: str = LEXICAL
    dim: int = DIMENSIONS

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "LexicalEmbedding"

    def _get_text_embedding(self, text: str) -> list[float]:
        return hashed_embedding(text, self.dim)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class MiniLMEmbedding(BaseEmbedding):
    """Sentence embeddings of a `SentenceTransformer`, of length one."""

    model_name: str = MINILM
    _model: Any = PrivateAttr()

    def __init__(self, model: Any, **kwargs: Any) -> None:
        """Wrap a loaded model."""
        super().__init__(**kwargs)
        self._model = model

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "MiniLMEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in vector] for vector in vectors]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def best_embeddings() -> tuple[BaseEmbedding, str]:
    """The best embeddings at hand without a download.

    Returns:
        The embeddings, and their name: "all-MiniLM-L6-v2" where it is installed, otherwise
        "lexical-384".
    """
    model = load_minilm()
    if model is None:
        return LexicalEmbedding(), LEXICAL
    return MiniLMEmbedding(model), MINILM
