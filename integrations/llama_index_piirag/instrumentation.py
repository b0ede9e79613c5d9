"""Audit records from LlamaIndex's own events: model calls, retrievals, embeddings, tools."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base import BaseEvent
from llama_index_instrumentation.dispatcher import Dispatcher

from llama_index_piirag import watching
from llama_index_piirag.event_records import EventRecords
from llama_index_piirag.span_records import SpanRecords
from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.governance.audit import AuditLog
from piirag.governance.record_names import word
from piirag.governance.recorder import Recorder
from piirag.policy import Policy
from piirag.redaction import Redactor, Scrubber


class PIIInstrumentation:
    """Records what LlamaIndex does, from the events and spans that it tells of anyway.

    ```py
    with PIIInstrumentation(audit="audit.jsonl"):
        engine.query("...")
    ```

    One record for each call of a model (chat, complete, stream, predict, structured predict), of
    an embedding model, of a retriever and of a tool. That of a `RedactedLLM` says what was
    redacted, restored and refused, and is written when the reply is restored; of other models the
    prompt and the reply are redacted here before they are recorded. It never changes anything and
    never stops a call: LlamaIndex swallows what a handler raises. So a record that cannot be
    written is lost; `failures` counts those.

    Args:
        audit: An `AuditLog`, or a path for one.
        scrubber: Knows the values known for `user_id`, and the pseudonyms of the user's chunks.
        user_id: The user of calls that do not tell theirs; needed with a scrubber. A `RedactedLLM`
            and a `TenantIndex` tell it.
        policy: What to look for in the calls of models that are not wrapped.
        known: Values the application knows.
        session: The session that records name, by a keyed tag. If None, ``session_id`` of
            LlamaIndex's `instrument_tags`.
        feature: What the calls are part of, such as ``"search"``.
        features: Names of features that ``instrument_tags({"feature": ...})`` may tell.
        dispatcher: Where to listen; LlamaIndex's root if None.

    Raises:
        ConfigurationError: A scrubber without a user id, or the other way round.
    """

    def __init__(
        self,
        audit: AuditLog | str | Path,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        policy: Policy | None = None,
        known: Known | None = None,
        session: str | None = None,
        feature: str | None = None,
        features: Collection[str] = (),
        dispatcher: Dispatcher | None = None,
    ) -> None:
        if scrubber is not None and user_id is None:
            raise ConfigurationError("a scrubber needs a user_id")
        self.recorder = Recorder(
            audit, user_id=user_id, session=session, feature=feature, features=features
        )
        redactor = Redactor(policy, scrubber=scrubber)
        spans = SpanRecords(self.recorder)
        self._spans = spans
        self._events = EventRecords(
            self.recorder,
            spans,
            lambda: redactor.session(
                user_id=user_id if scrubber is not None else None, known=known
            ),
        )
        self._dispatcher = dispatcher if dispatcher is not None else get_dispatcher()
        self._handlers: tuple[_Events, _Spans] | None = None

    @property
    def failures(self) -> int:
        """How many events could not be recorded."""
        return self._events.failures + self._spans.failures

    def attach(self) -> Self:
        """Begin to listen; once is enough."""
        if self._handlers is None:
            self._handlers = _Events(self._events), _Spans(self._spans)
            self._dispatcher.add_event_handler(self._handlers[0])
            self._dispatcher.add_span_handler(self._handlers[1])
            watching.watch(self)
        return self

    def detach(self) -> None:
        """Listen no more. Calls that are open are recorded as abandoned; the log stays open.

        Raises:
            AuditError: They cannot be recorded.
        """
        if self._handlers is None:
            return
        events, spans = self._handlers
        self._handlers = None
        dispatcher = self._dispatcher
        dispatcher.event_handlers = [h for h in dispatcher.event_handlers if h is not events]
        dispatcher.span_handlers = [h for h in dispatcher.span_handlers if h is not spans]
        watching.unwatch(self)
        self.recorder.abandon()

    def refused(self, model: Any, user_id: str | None, text: str, error: BaseException) -> None:
        """Record a call of a `RedactedLLM` that was stopped before anything was sent."""
        name = word(getattr(model, "model", None))
        self.recorder.refused("chat", error, text=text, user=user_id, request_model=name)

    def __enter__(self) -> Self:
        return self.attach()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()

    def __repr__(self) -> str:
        return "PIIInstrumentation(...)"


class _Events(BaseEventHandler):
    """Hands events on."""

    _records: EventRecords = PrivateAttr()

    def __init__(self, records: EventRecords) -> None:
        super().__init__()
        self._records = records

    @classmethod
    def class_name(cls) -> str:
        return "PIIInstrumentationEvents"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self._records.handle(event)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []


class _Spans(BaseSpanHandler[BaseSpan]):
    """Hands spans on; keeps none."""

    _records: SpanRecords = PrivateAttr()

    def __init__(self, records: SpanRecords) -> None:
        super().__init__()
        self._records = records

    @classmethod
    def class_name(cls) -> str:
        return "PIIInstrumentationSpans"

    def span_enter(
        self,
        id_: str,
        bound_args: Any,
        instance: Any = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._records.entered(id_, bound_args, instance, parent_id, tags or {})

    def span_exit(
        self, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **kwargs: Any
    ) -> None:
        self._records.left(id_, result)

    def span_drop(
        self,
        id_: str,
        bound_args: Any,
        instance: Any = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        self._records.dropped(id_, err)

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        """None is kept."""

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        """None is kept."""

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        """None is kept."""

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []
