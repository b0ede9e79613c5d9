"""A callback for code that cannot be wrapped: it audits, blocks and scrubs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from langchain_piirag.documents import PIIDocumentScrubber
from langchain_piirag.messages import MessageRedactor
from langchain_piirag.references import is_private
from piirag.detection.known import Known
from piirag.errors import ConfigurationError, InvalidInputError, PIIBlockedError
from piirag.governance.audit import AuditLog
from piirag.policy import Policy
from piirag.redaction import Redactor, Scrubber

_MOST_OPEN = 10_000

_USE_MODEL = "Wrap the model in RedactedModel, which sends placeholders instead"
_USE_STORE = "Use TenantVectorStore or PIIRetriever, which scrub the question"
_USE_RETRIEVER = "Wrap the retriever in PIIRetriever, which returns scrubbed copies"


class PIICallbackHandler(BaseCallbackHandler):
    """Watches models and retrievers that one cannot wrap. Pass it in ``config["callbacks"]``.

    - A prompt with personal data in it is stopped before it leaves: `PIIBlockedError`. A callback
      cannot change what is sent; `RedactedModel` can.
    - A question with personal data is stopped before it is embedded, for the same reason.
    - Documents are scrubbed before the retriever returns them: its list is filled with scrubbed
      copies. Where that would change something the retriever keeps (its own list, a cache), or it
      returns no list, the call is stopped instead; `PIIRetriever` handles those.
    - Every call leaves a record in the audit log, without personal data.
    - Tools are not watched; what they return is looked at when it goes to a model.

    It works under `invoke` and `ainvoke` alike. It is deliberately no async handler: LangChain
    swallows what an async handler raises under a sync `invoke`, so that nothing could be stopped.
    It never changes messages.

    Args:
        scrubber: Scrubs documents, and knows the values known for `user_id`. If None, findings
            are replaced by their type, ``<PERSON>``.
        user_id: The tenant; needed with a scrubber.
        policy: What to look for, where no scrubber is given.
        known: Values the application knows.
        audit: Where records go: a path for JSON lines, or an `AuditLog`. None for nowhere.
        prompts: ``"block"`` or ``"audit"``: what happens to a prompt with personal data.
        queries: The same for the question put to a retriever.

    Raises:
        ConfigurationError: A scrubber without a user id, or the other way round.
    """

    raise_error = True
    run_inline = True

    def __init__(
        self,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        policy: Policy | None = None,
        known: Known | None = None,
        audit: AuditLog | str | Path | None = None,
        prompts: str = "block",
        queries: str = "block",
    ) -> None:
        if (scrubber is None) != (user_id is None):
            raise ConfigurationError("scrubber and user_id go together")
        for name, value in {"prompts": prompts, "queries": queries}.items():
            if value not in {"block", "audit"}:
                raise ConfigurationError(f'{name} is "block" or "audit"')
        if scrubber is None or user_id is None:
            base = policy if policy is not None else Policy()
            scrubber = Scrubber(replace(base, operators={"DEFAULT": "replace"}))
            user_id = "callback"
        self._redactor = Redactor(policy, scrubber=scrubber)
        self._documents = PIIDocumentScrubber(scrubber, user_id=user_id, known=known)
        self._user_id = user_id
        self._known = known
        self._audit = AuditLog(audit) if isinstance(audit, str | Path) else audit
        self._blocks = {"prompt": prompts == "block", "query": queries == "block"}
        self._open: dict[UUID, dict[str, Any]] = {}

    # Models

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> Any:
        """Look into every part of every message."""
        record = self._begin(run_id, "chat", kwargs)
        session = self._session()
        parts = MessageRedactor(session, allow_media=True)
        unsearched = 0
        for batch in messages:
            try:
                parts.messages(batch)
            except InvalidInputError:
                unsearched += 1
        parts.option("stop", (kwargs.get("invocation_params") or {}).get("stop"))
        counts = session.found | ({"UNSEARCHED": unsearched} if unsearched else {})
        self._decide(record, counts, "prompt", "chat model input", _USE_MODEL)

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Look into every prompt."""
        record = self._begin(run_id, "text_completion", kwargs)
        session = self._session()
        for prompt in prompts:
            session.redact(prompt)
        self._decide(record, session.found, "prompt", "model input", _USE_MODEL)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record tokens and latency."""
        record = self._open.pop(run_id, None)
        if record is None:
            return
        usage = _usage(response)
        self._write(record, "ok", **usage)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record the type of the error, never its message."""
        self._error(run_id, error)

    # Retrievers

    def on_retriever_start(
        self, serialized: dict[str, Any], query: str, *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Look into the question."""
        record = self._begin(run_id, "retrieval", kwargs)
        session = self._session()
        session.redact(query)
        self._decide(record, session.found, "query", "the query", _USE_STORE)

    def on_retriever_end(
        self, documents: Sequence[Document], *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Replace documents that hold personal data by scrubbed copies."""
        record = self._open.pop(run_id, None) or {"operation": "retrieval", "began": time.time()}
        clean = list(self._documents.transform_documents(documents))
        changed = sum(a != b for a, b in zip(documents, clean, strict=True))
        details = {"documents": len(clean), "documents_scrubbed": changed}
        if changed and not (isinstance(documents, list) and is_private(documents)):
            self._write(record, "blocked", **details)
            raise PIIBlockedError("retrieved documents", {}, _USE_RETRIEVER)
        if changed:
            documents[:] = clean  # type: ignore[index]
        self._write(record, "redacted" if changed else "ok", **details)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record the type of the error, never its message."""
        self._error(run_id, error)

    def _session(self) -> Any:
        return self._redactor.session(user_id=self._user_id, known=self._known)

    def _begin(self, run_id: UUID, operation: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        metadata = kwargs.get("metadata") or {}
        parent = kwargs.get("parent_run_id")
        record = {
            "run_id": str(run_id),
            "parent_run_id": str(parent) if parent else None,
            "operation": operation,
            "provider": _word(metadata.get("ls_provider")),
            "model": _word(metadata.get("ls_model_name")),
            "began": time.time(),
        }
        self._open[run_id] = record
        while len(self._open) > _MOST_OPEN:
            # Runs that were abandoned (a stream nobody read to its end) never report an end.
            self._open.pop(next(iter(self._open)), None)
        return record

    def _decide(
        self, record: dict[str, Any], found: Mapping[str, int], what: str, where: str, advice: str
    ) -> None:
        counts = record["findings"] = dict(found)
        if counts and self._blocks[what]:
            self._open.pop(UUID(record["run_id"]), None)
            self._write(record, "blocked")
            raise PIIBlockedError(where, counts, advice)

    def _error(self, run_id: UUID, error: BaseException) -> None:
        record = self._open.pop(run_id, None)
        if record is not None:
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            self._write(record, "error", error_type=name)

    def _write(self, record: dict[str, Any], outcome: str, **details: Any) -> None:
        if self._audit is not None:
            began = record.pop("began")
            latency = round(time.time() - began, 6)
            self._audit.write(
                {"time": began, "latency_s": latency, **record, "outcome": outcome, **details}
            )

    def __repr__(self) -> str:
        return "PIICallbackHandler(...)"


def _word(value: Any) -> str | None:
    """A model or provider name; anything longer is no name and is not recorded."""
    return value if isinstance(value, str) and len(value) <= 100 and " " not in value else None


def _usage(response: LLMResult) -> dict[str, int]:
    total: Counter[str] = Counter()
    for batch in response.generations:
        for generation in batch:
            message = getattr(generation, "message", None)
            for key in ("input_tokens", "output_tokens"):
                total[key] += int((getattr(message, "usage_metadata", None) or {}).get(key, 0))
    return {key: n for key, n in total.items() if n}
