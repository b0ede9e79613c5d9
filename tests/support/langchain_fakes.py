"""Fakes and fixtures shared by the LangChain tests."""

from __future__ import annotations

from typing import Any

from langchain_chroma import Chroma
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever

from langchain_piirag import TenantVectorStore
from lexical_langchain import LexicalEmbeddings
from piirag import MasterKey, Scrubber, SQLiteVault


class SpyEmbeddings(LexicalEmbeddings):
    """Keeps every text it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.seen.extend(texts)
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self.seen.append(text)
        return super().embed_query(text)


class EchoChat(BaseChatModel):
    """Answers with all it was told, in chunks of three characters; keeps what it was sent."""

    reply: str | None = None
    error: Any = None
    fail_after: int | None = None
    seen: list[Any] = []  # noqa: RUF012 - a pydantic field

    @property
    def _llm_type(self) -> str:
        return "echo"

    def _text(self, messages: Any) -> str:
        self.seen.append(messages)
        if self.error is not None and self.fail_after is None:
            raise self.error
        if self.reply is not None:
            return self.reply
        return " | ".join(str(m.content) for m in messages)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        message = AIMessage(content=self._text(messages))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        text = self._text(messages)
        for k in range(0, len(text), 3):
            if self.fail_after is not None and k >= self.fail_after:
                raise self.error
            yield ChatGenerationChunk(message=AIMessageChunk(content=text[k : k + 3]))


class EchoLLM(LLM):
    """The same as a text completion model."""

    seen: list[str] = []  # noqa: RUF012 - a pydantic field

    @property
    def _llm_type(self) -> str:
        return "echo"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        self.seen.append(prompt)
        return prompt

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        from langchain_core.outputs import GenerationChunk

        self.seen.append(prompt)
        for k in range(0, len(prompt), 3):
            yield GenerationChunk(text=prompt[k : k + 3])


class FixedRetriever(BaseRetriever):
    """Returns a fresh list of the documents it holds; keeps the questions."""

    docs: list[Document]
    questions: list[str] = []  # noqa: RUF012 - a pydantic field

    def _get_relevant_documents(
        self, query: str, *, run_manager: Any, k: int = 4
    ) -> list[Document]:
        self.questions.append(query)
        return list(self.docs)[:k]


class Recorder(BaseCallbackHandler):
    """Keeps everything that any callback is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_"):
            events = object.__getattribute__(self, "events")
            return lambda *args, **kwargs: events.append((name, repr(args) + repr(kwargs)))
        return object.__getattribute__(self, name)

    def of(self, *names: str) -> str:
        return "\n".join(text for name, text in self.events if name in names or not names)


def tenant_store(tmp_path: Any, embeddings: Any = None, **kwargs: Any) -> TenantVectorStore:
    """A tenant store over a Chroma on disk, its vault beside it."""
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    store = Chroma(
        "crm",
        embedding_function=embeddings or LexicalEmbeddings(),
        persist_directory=str(tmp_path / "chroma"),
    )
    kwargs.setdefault("known_from", {"PERSON": ["customer"]})
    return TenantVectorStore(store, scrubber=Scrubber(vault=vault), **kwargs)
