"""Embeddings that never see personal data."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import run_in_executor

from piirag.detection.known import Known, check_known
from piirag.redaction.scrubber import Scrubber


class ScrubbedEmbeddings(Embeddings):
    """Scrubs every text before it goes to an embedding model.

    Args:
        embeddings: The model.
        scrubber: Does the work.
        user_id: The tenant.
        known: Values the application knows that may stand in the texts.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        *,
        scrubber: Scrubber,
        user_id: str,
        known: Known | None = None,
    ) -> None:
        scrubber.vault.tag(user_id)
        self._embeddings = embeddings
        self._scrubber = scrubber
        self._user_id = user_id
        self._known = check_known(known)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts, scrubbed. See `Embeddings.embed_documents`."""
        return self._embeddings.embed_documents(self._clean(texts))

    def embed_query(self, text: str) -> list[float]:
        """Embed a question, scrubbed. See `Embeddings.embed_query`."""
        return self._embeddings.embed_query(self._clean([text])[0])

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts, scrubbed."""
        clean = await run_in_executor(None, self._clean, texts)
        return await self._embeddings.aembed_documents(clean)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a question, scrubbed."""
        clean = await run_in_executor(None, self._clean, [text])
        return await self._embeddings.aembed_query(clean[0])

    def _clean(self, texts: list[str]) -> list[str]:
        results = self._scrubber.scrub_batch(
            texts, user_id=self._user_id, known=self._known, remember=False
        )
        return [result.text for result in results]

    def __repr__(self) -> str:
        return f"ScrubbedEmbeddings({type(self._embeddings).__name__})"
