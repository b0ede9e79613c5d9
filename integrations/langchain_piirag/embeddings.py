"""Embeddings that never see personal data."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import run_in_executor

from piirag.redaction.scrubber import Scrubber


class ScrubbedEmbeddings(Embeddings):
    """Scrubs every text before it goes to an embedding model.

    Args:
        embeddings: The model.
        scrubber: Does the work.
        user_id: The tenant.
    """

    def __init__(self, embeddings: Embeddings, *, scrubber: Scrubber, user_id: str) -> None:
        scrubber.vault.tag(user_id)
        self._embeddings = embeddings
        self._scrubber = scrubber
        self._user_id = user_id

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts, scrubbed. See `Embeddings.embed_documents`."""
        results = self._scrubber.scrub_batch(texts, user_id=self._user_id, remember=False)
        return self._embeddings.embed_documents([r.text for r in results])

    def embed_query(self, text: str) -> list[float]:
        """Embed a question, scrubbed. See `Embeddings.embed_query`."""
        return self._embeddings.embed_query(self._clean(text))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts, scrubbed."""
        results = await run_in_executor(
            None, self._scrubber.scrub_batch, texts, user_id=self._user_id, remember=False
        )
        return await self._embeddings.aembed_documents([r.text for r in results])

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a question, scrubbed."""
        return await self._embeddings.aembed_query(await run_in_executor(None, self._clean, text))

    def _clean(self, text: str) -> str:
        return self._scrubber.scrub(text, user_id=self._user_id, remember=False).text

    def __repr__(self) -> str:
        return f"ScrubbedEmbeddings({type(self._embeddings).__name__})"
