"""What events tell: model calls, retrievals, embeddings."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any
from urllib.parse import urlsplit

from llama_index.core.instrumentation.events.embedding import (
    EmbeddingEndEvent,
    EmbeddingStartEvent,
    SparseEmbeddingEndEvent,
)
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)
from llama_index.core.instrumentation.events.retrieval import RetrievalEndEvent, RetrievalStartEvent
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index_instrumentation.base import BaseEvent

from llama_index_piirag.observing import current
from llama_index_piirag.retriever import TenantRetriever
from llama_index_piirag.span_records import OpenSpan, SpanRecords, counting, told_by, uuid_of
from llama_index_piirag.texts import flat
from piirag.errors import PiiragError
from piirag.governance.record_names import chunk_of, word
from piirag.governance.recorder import MOST_OPEN, OpenRecord, Recorder
from piirag.redaction import RedactionSession

_ADDRESSES = ("api_base", "base_url", "azure_endpoint", "endpoint_url")
# Part of the name of a model's class -> the name that OpenTelemetry gives its provider.
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "openai": "openai",
    "anthropic": "anthropic",
    "bedrock": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "cohere": "cohere",
    "ollama": "ollama",
}


class EventRecords:
    """Opens and ends records as events come in.

    Args:
        recorder: Writes the records.
        spans: Tells what each event is part of.
        session: Makes a session that redacts what no wrapper has.
    """

    def __init__(
        self, recorder: Recorder, spans: SpanRecords, session: Callable[[], RedactionSession]
    ) -> None:
        self.failures = 0
        self._recorder = recorder
        self._spans = spans
        self._session = session
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        # Of spans that are over, streams go on.
        self._open: dict[tuple[str | None, str], list[Hashable]] = {}

    @counting
    def handle(self, event: BaseEvent) -> None:
        """Take an event."""
        if isinstance(event, LLMChatStartEvent):
            self._model_starts(event, "chat", flat(event.messages), event.model_dict)
        elif isinstance(event, LLMCompletionStartEvent):
            self._model_starts(event, "text_completion", event.prompt, event.model_dict)
        elif isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent):
            self._model_ends(event)
        elif isinstance(event, RetrievalStartEvent):
            self._retrieval_starts(event)
        elif isinstance(event, RetrievalEndEvent):
            self._retrieval_ends(event)
        elif isinstance(event, EmbeddingStartEvent):
            self._begin(event, "embedding", "embeddings", **_model(event.model_dict))
        elif isinstance(event, EmbeddingEndEvent | SparseEmbeddingEndEvent):
            self._embedding_ends(event)
        elif isinstance(event, ExceptionEvent):
            record = self._take(event.span_id, "model_call")
            if record is not None:
                self._recorder.end(record, "error", error=event.exception)

    # Models

    def _model_starts(
        self, event: BaseEvent, operation: str, text: str, model: Mapping[str, Any]
    ) -> None:
        span = self._spans.get(event.span_id)
        if span is not None and self._is_part(span):
            return
        observation = current()
        if observation is not None and not observation.is_of(text):
            # Another model is called inside a wrapper's call: with what, and for whom, is open.
            observation = None
        given = text if observation is None else observation.given()
        told = _model(model, None if span is None else span.instance)
        record = self._begin(
            event, "model_call", operation, text=given, observation=observation, **told
        )
        if observation is not None:
            record.fields["prompt"] = text
            return
        self._redact(record, "prompt", text)

    def _is_part(self, span: OpenSpan) -> bool:
        """Whether it is a part of a call of the same model: ``complete`` that calls ``chat``."""
        return any(
            other.instance is span.instance
            and any(self._recorder.get(key) is not None for key in other.open)
            for other in self._spans.around(span)
        )

    def _redact(self, record: OpenRecord, where: str, text: str) -> None:
        """Note a text that nobody has redacted, without what is found in it."""
        session = self._session()

        def redact(text: str) -> str:
            return session.redact(text).text

        record.redact = redact
        try:
            clean = redact(text)
        except PiiragError as error:
            record.decide("let_through", where, f"not searched: {type(error).__name__}")
            return
        counts = dict(session.found)
        record.fields["prompt"] = clean if counts else text
        reason = "personal data found" if counts else "nothing found"
        record.decide("let_through", where, reason, counts)

    def _model_ends(self, event: LLMChatEndEvent | LLMCompletionEndEvent) -> None:
        record = self._take(event.span_id, "model_call")
        if record is None:
            return
        response = event.response
        text = None if response is None else flat(response)
        if text is not None and record.redact is not None:
            text = record.redact(text)
        self._recorder.end(record, "ok", reply=text, **_usage(response))

    # Retrievers and embedding models

    def _retrieval_starts(self, event: RetrievalStartEvent) -> None:
        question = event.str_or_query_bundle
        text = question if isinstance(question, str) else question.query_str
        span = self._spans.get(event.span_id)
        instance = span.instance if span is not None else None
        record = self._begin(event, "retrieval", "retrieval", text=text)
        if isinstance(instance, TenantRetriever):
            record.fields |= {
                "user": instance.user_id,
                "filter": instance.selecting(),
                "prompt": text,
            }
            record.decide("let_through", "query", "scrubbed before")
        else:
            self._redact(record, "query", text)

    def _retrieval_ends(self, event: RetrievalEndEvent) -> None:
        record = self._take(event.span_id, "retrieval")
        if record is None:
            return
        chunks = [_chunk(found) for found in event.nodes]
        texts = [found.node.get_content(MetadataMode.NONE) for found in event.nodes]
        record.fields["chunks"] = chunks
        self._recorder.read(texts, chunks, record.fields.get("filter"), record.fields["user"])
        self._recorder.end(record, "ok")

    def _embedding_ends(self, event: EmbeddingEndEvent | SparseEmbeddingEndEvent) -> None:
        record = self._take(event.span_id, "embedding")
        if record is not None:
            audit = self._recorder.audit
            text = "\n".join(event.chunks)
            hashed = None if audit is None else audit.input_hash(text, record.fields["user"])
            self._recorder.end(record, "ok", input_hash=hashed)

    # What they share

    def _begin(self, event: BaseEvent, kind: str, operation: str, **fields: Any) -> OpenRecord:
        key = (event.span_id, kind, next(self._numbers))
        span = self._spans.get(event.span_id)
        record = self._recorder.begin(
            key,
            kind,
            operation,
            request_id=uuid_of(event.span_id) or event.id_,
            parent_id=None if span is None else uuid_of(span.parent),
            **told_by(event.tags),
            **fields,
        )
        if span is not None:
            span.open.append(key)
        with self._lock:
            self._open.setdefault((event.span_id, kind), []).append(key)
            if len(self._open) > MOST_OPEN:
                self._open.pop(next(iter(self._open)))
        return record

    def _take(self, span_id: str | None, kind: str) -> OpenRecord | None:
        """The oldest open record of a span."""
        record = None
        while record is None:
            with self._lock:
                keys = self._open.get((span_id, kind))
                if not keys:
                    return None
                key = keys.pop(0)
                if not keys:
                    del self._open[span_id, kind]
            record = self._recorder.take(key)
        return record


def _chunk(found: NodeWithScore) -> dict[str, Any]:
    node = found.node
    text = node.get_content(MetadataMode.NONE)
    return chunk_of(text, node.node_id, node.metadata, found.score)


def _model(told: Mapping[str, Any], instance: Any = None) -> dict[str, Any]:
    """Model, provider and host, as a model's own description and its attributes tell them."""
    addresses = [told.get(name) or getattr(instance, name, None) for name in _ADDRESSES]
    kind = str(told.get("class_name") or "").lower()
    provider = next((name for part, name in _PROVIDERS.items() if part in kind), None)
    return {
        "request_model": word(told.get("model") or told.get("model_name")),
        "provider": provider or word(kind),
        "server_address": next(
            (host for address in addresses if (host := _host(address)) is not None), None
        ),
    }


def _host(address: Any) -> str | None:
    try:
        return word(urlsplit(address).hostname) if isinstance(address, str) else None
    except ValueError:
        return None


def _usage(response: Any) -> dict[str, Any]:
    """Tokens of the prompt and the reply, and the model that answered."""
    raw = getattr(response, "raw", None)
    usage = _part(raw, "usage")
    told = getattr(response, "additional_kwargs", None) or {}
    counts = {
        "input_tokens": _part(usage, "prompt_tokens")
        or _part(usage, "input_tokens")
        or told.get("prompt_tokens"),
        "output_tokens": _part(usage, "completion_tokens")
        or _part(usage, "output_tokens")
        or told.get("completion_tokens"),
    }
    return {
        "response_model": word(_part(raw, "model")),
        **{key: n for key, n in counts.items() if type(n) is int and n > 0},
    }


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
