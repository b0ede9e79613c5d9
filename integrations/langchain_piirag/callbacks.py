"""A callback for code that cannot be wrapped: it audits, blocks and scrubs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from langchain_piirag.documents import PIIDocumentScrubber
from langchain_piirag.messages import MessageRedactor
from langchain_piirag.observing import current
from langchain_piirag.references import is_private
from langchain_piirag.run_facts import host_of, usage_of
from langchain_piirag.texts import as_sent, flat, reply_text
from langchain_piirag.watching import features_of, session_of
from piirag.detection.known import Known
from piirag.errors import ConfigurationError, InvalidInputError, PIIBlockedError
from piirag.governance.audit import AuditLog
from piirag.governance.observation import Observation
from piirag.governance.record_names import chunk_of, word
from piirag.governance.recorder import OpenRecord, Recorder
from piirag.governance.stamps import STAMP_KEYS, stamps_of
from piirag.policy import Policy
from piirag.redaction import RedactionSession, Redactor, Scrubber

_USE_MODEL = "Wrap the model in RedactedModel, which sends placeholders instead"
_USE_STORE = "Use TenantVectorStore or PIIRetriever, which scrub the question"
_USE_RETRIEVER = "Wrap the retriever in PIIRetriever, which returns scrubbed copies"

_NOTHING_FOUND = "nothing found"
_FOUND = "personal data found"
_SENT_OPTIONS = (
    "stop",
    "tools",
    "functions",
    "user",
    "response_format",
    "metadata",
    "extra_body",
    "extra_headers",
    "prediction",
    "instructions",
    "safety_identifier",
    "prompt_cache_key",
)


class PIICallbackHandler(BaseCallbackHandler):
    """Watches models and retrievers. Pass it in ``config["callbacks"]``.

    - A prompt with personal data in it is stopped before it leaves: `PIIBlockedError`. A callback
      cannot change what is sent; `RedactedModel` can.
    - A question with personal data is stopped before it is embedded, for the same reason.
    - Documents are scrubbed before the retriever returns them: its list is filled with scrubbed
      copies. Where that would change something the retriever keeps (its own list, a cache), or it
      returns no list, the call is stopped instead; `PIIRetriever` handles those.
    - Every model call, retrieval and tool call leaves a record in the audit log, without personal
      data (see `AuditRecord`). That of a `RedactedModel`, a `RedactedChatModel` or an agent with
      `PIIRedactionMiddleware` says what was redacted, restored and refused, and is written when
      the reply is restored.
    - What tools return is looked at when it goes to a model.

    It works under `invoke` and `ainvoke` alike. It is deliberately no async handler: LangChain
    swallows what an async handler raises under a sync `invoke`, so that nothing could be stopped.
    It never changes messages. A record that cannot be written stops the call (`AuditError`).

    Args:
        scrubber: Scrubs documents, and knows the values known for `user_id`. If None, findings
            are replaced by their type, ``<PERSON>``.
        user_id: The tenant; needed with a scrubber.
        policy: What to look for, where no scrubber is given.
        known: Values the application knows.
        audit: Where records go: a path for JSON lines or SQLite, or an `AuditLog`. None for
            nowhere.
        prompts: ``"block"`` or ``"audit"``: what happens to a prompt with personal data.
        queries: The same for the question put to a retriever.
        session: The session that records name, by a keyed tag. If None, ``session_id``,
            ``thread_id`` or ``conversation_id`` of the run's metadata.
        feature: What the calls are part of, such as ``"search"``.
        features: Names of features that a run may tell itself, in ``metadata["feature"]`` or as a
            tag. Other tags and metadata are not recorded.

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
        session: str | None = None,
        feature: str | None = None,
        features: Collection[str] = (),
    ) -> None:
        if (scrubber is None) != (user_id is None):
            raise ConfigurationError("scrubber and user_id go together")
        for name, value in {"prompts": prompts, "queries": queries}.items():
            if value not in {"block", "audit"}:
                raise ConfigurationError(f'{name} is "block" or "audit"')
        self.recorder = Recorder(
            audit, user_id=user_id, session=session, feature=feature, features=features
        )
        if scrubber is None or user_id is None:
            base = policy if policy is not None else Policy()
            scrubber = Scrubber(replace(base, operators={"DEFAULT": "replace"}))
            user_id = "callback"
        self._redactor = Redactor(policy, scrubber=scrubber)
        self._documents = PIIDocumentScrubber(scrubber, user_id=user_id, known=known)
        self._user_id = user_id
        self._known = known
        self._blocks = {"prompt": prompts == "block", "query": queries == "block"}

    @classmethod
    def recording(cls, audit: AuditLog | str | Path) -> Self:
        """One that only records the calls of a wrapper, which does all else itself."""
        return cls(audit=audit, prompts="audit", queries="audit")

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
        own = _own_call(as_sent(messages))
        record = self._begin(run_id, "chat", flat(messages), serialized, kwargs, observation=own)
        if not self._looks(record, "prompt"):
            record.fields["prompt"] = flat(messages)
            return
        session = self._session()
        parts = MessageRedactor(session, allow_media=True)
        unsearched = 0
        texts = []
        for batch in messages:
            try:
                texts.append(flat(parts.messages(batch)))
            except InvalidInputError:
                unsearched += 1
        try:
            _look_at_options(parts, kwargs, own)
        except InvalidInputError:
            unsearched += 1
        counts = dict(session.found) | ({"UNSEARCHED": unsearched} if unsearched else {})
        if not unsearched:
            # What holds nothing is shown as it went out, pseudonyms and placeholders included.
            record.fields["prompt"] = "\n".join(texts) if counts else flat(messages)
        self._decide(run_id, record, session, counts, "prompt", "chat model input", _USE_MODEL)

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Look into every prompt."""
        text = "\n".join(prompts)
        own = _own_call(text)
        record = self._begin(run_id, "text_completion", text, serialized, kwargs, observation=own)
        if not self._looks(record, "prompt"):
            record.fields["prompt"] = text
            return
        session = self._session()
        texts = [session.redact(prompt).text for prompt in prompts]
        parts = MessageRedactor(session, allow_media=True)
        unsearched = 0
        try:
            _look_at_options(parts, kwargs, own)
        except InvalidInputError:
            unsearched = 1
        counts = dict(session.found) | ({"UNSEARCHED": unsearched} if unsearched else {})
        record.fields["prompt"] = "\n".join(texts if counts else prompts)
        self._decide(run_id, record, session, counts, "prompt", "model input", _USE_MODEL)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record the reply, its tokens and how long it took."""
        record = self.recorder.take(run_id)
        if record is None or self.recorder.audit is None:
            return
        text = reply_text(response)
        if record.redact is not None:
            text = record.redact(text)
        self.recorder.end(record, "ok", reply=text, **usage_of(response))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record the type of the error, never its message."""
        self._error(run_id, error)

    # Retrievers

    def on_retriever_start(
        self, serialized: dict[str, Any], query: str, *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Look into the question."""
        record = self._begin(run_id, "retrieval", query, {}, kwargs, event="retrieval")
        if not self._looks(record, "query"):
            return
        session = self._session()
        text = session.redact(query).text
        record.fields["prompt"] = text if session.found else query
        self._decide(run_id, record, session, dict(session.found), "query", "the query", _USE_STORE)

    def on_retriever_end(
        self, documents: Sequence[Document], *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Replace documents that hold personal data by scrubbed copies."""
        record = self.recorder.take(run_id)
        if record is None:
            record = self.recorder.begin(None, "retrieval", "retrieval")
        clean = self._cleaned(documents)
        changed = sum(a != b for a, b in zip(documents, clean, strict=True))
        counts = {"DOCUMENTS": len(clean), "CHANGED": changed}
        if changed and not (isinstance(documents, list) and is_private(documents)):
            record.decide("blocked", "documents", _FOUND, counts)
            error = PIIBlockedError("retrieved documents", {}, _USE_RETRIEVER)
            self.recorder.end(record, "blocked", error=error)
            raise error
        if changed:
            documents[:] = clean  # type: ignore[index]
            record.decide("redacted", "documents", _FOUND, counts)
        else:
            record.decide("let_through", "documents", _NOTHING_FOUND, counts)
        made = record.fields.get("chunks")
        if made is None:
            made = [chunk_of(doc.page_content, doc.id, doc.metadata) for doc in clean]
            record.fields["chunks"] = made
        texts = [document.page_content for document in clean]
        if len(made) == len(texts):
            user = record.fields.get("user")
            self.recorder.read(texts, made, record.fields.get("filter"), user)
        self.recorder.end(record, "ok")

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record the type of the error, never its message."""
        self._error(run_id, error)

    # Tools

    def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **kwargs: Any
    ) -> Any:
        """Record that a tool was called, and nothing of what it got."""
        if self.recorder.audit is None:
            return
        name = word((serialized or {}).get("name"))
        record = self._begin(run_id, "execute_tool", input_str, {}, kwargs, event="decision")
        record.decide("let_through", f"tool {name}" if name else "tool", "called")

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record how long the tool took."""
        record = self.recorder.take(run_id)
        if record is not None:
            self.recorder.end(record, "ok")

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> Any:
        """Record the type of the error, never its message."""
        self._error(run_id, error)

    # What they share

    def _begin(
        self,
        run_id: UUID,
        operation: str,
        text: str,
        serialized: dict[str, Any] | None,
        kwargs: Mapping[str, Any],
        event: str = "model_call",
        observation: Observation | None = None,
    ) -> OpenRecord:
        metadata = kwargs.get("metadata") or {}
        parent = kwargs.get("parent_run_id")
        return self.recorder.begin(
            run_id,
            event,
            operation,
            text=text if observation is None else observation.given(),
            observation=observation,
            session=session_of(metadata),
            features=features_of(metadata, kwargs.get("tags")),
            request_id=str(run_id),
            parent_id=str(parent) if parent else None,
            provider=word(metadata.get("ls_provider")),
            request_model=word(metadata.get("ls_model_name")),
            server_address=host_of(serialized),
        )

    def _looks(self, record: OpenRecord, what: str) -> bool:
        """Whether to look into what goes out: a wrapper has, and is looked at where it counts."""
        return record.observation is None or self._blocks[what]

    def _session(self) -> RedactionSession:
        return self._redactor.session(user_id=self._user_id, known=self._known)

    def _decide(
        self,
        run_id: UUID,
        record: OpenRecord,
        session: RedactionSession,
        counts: Mapping[str, int],
        what: str,
        where: str,
        advice: str,
    ) -> None:
        if counts and self._blocks[what]:
            self.recorder.take(run_id)
            record.decide("blocked", what, _FOUND, counts)
            error = PIIBlockedError(where, dict(counts), advice)
            record.observation = None
            self.recorder.end(record, "blocked", error=error)
            raise error
        if record.observation is None:
            record.decide("let_through", what, _FOUND if counts else _NOTHING_FOUND, counts)
            record.redact = lambda text: session.redact(text).text

    def _cleaned(self, documents: Sequence[Document]) -> list[Document]:
        """Scrubbed copies. Stamps are kept: they may be sealed under another vault's key."""
        stamps = [
            {key: doc.metadata[key] for key in STAMP_KEYS if key in doc.metadata}
            if stamps_of(doc.metadata)
            else {}
            for doc in documents
        ]
        clean = self._documents.transform_documents(documents)
        return [
            doc.model_copy(update={"metadata": {**doc.metadata, **own}}) if own else doc
            for doc, own in zip(clean, stamps, strict=True)
        ]

    def _error(self, run_id: UUID, error: BaseException) -> None:
        record = self.recorder.take(run_id)
        if record is not None:
            self.recorder.end(record, "error", error=error)

    def __repr__(self) -> str:
        return "PIICallbackHandler(...)"


def _own_call(text: str) -> Observation | None:
    """The call of a wrapper's that sends this, if one is being made here.

    Of other calls under way inside it, nobody knows what they send, nor for whom.
    """
    observation = current()
    return observation if observation is not None and observation.is_of(text) else None


def _look_at_options(
    parts: MessageRedactor, kwargs: Mapping[str, Any], own: Observation | None
) -> None:
    """Look into options that leave with a call, as LangChain tells of them.

    A wrapper takes tools and response formats for code of the application's.
    """
    told = kwargs.get("invocation_params") or {}
    for name in _SENT_OPTIONS:
        if told.get(name) is not None:
            if own is not None:
                parts.option(name, told[name])
            else:
                parts.lenient(told[name], name)
