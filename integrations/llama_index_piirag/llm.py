"""A model that gets placeholders and answers in values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Generator, Sequence
from typing import Any, Literal

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms.llm import LLM

from llama_index_piirag.messages import MessageRedactor
from llama_index_piirag.predicting import UntracedLLM
from llama_index_piirag.replies import ReplyRestorer, ReplyStream
from llama_index_piirag.sessions import SealedSession
from llama_index_piirag.tracing import unspanned
from piirag.detection.known import Known, check_known
from piirag.errors import ConfigurationError, InvalidUserIdError, TenancyError
from piirag.redaction import RedactionMapping, RedactionSession, Redactor, Scrubber
from piirag.redaction.guard import ModelGuard
from piirag.user_id import check_user_id

Restore = Literal["values", "pseudonyms"]

# What `LLM.predict` and its kin go by, taken over from the wrapped model.
_TAKEN_OVER = (
    "system_prompt",
    "messages_to_prompt",
    "completion_to_prompt",
    "output_parser",
    "pydantic_program_mode",
    "query_wrapper_prompt",
)
_END: Any = object()


class RedactedLLM(UntracedLLM):
    """Wraps any LlamaIndex LLM: what leaves for it holds placeholders, what returns holds values.

    Messages of every role, tool calls, additional arguments and options are redacted under one
    mapping a call. The wrapper opens no span and fires no event or callback of its own; those of
    the wrapped model show placeholders. Every exception of the model is raised as
    `ModelCallError`, because providers echo the prompt in theirs.

    It is no function-calling model, whatever the wrapped one is. `as_structured_llm` and
    `predict_and_call` come from LlamaIndex and trace what they are given.

    Args:
        llm: The model.
        redactor: Does the work; one over `scrubber` if None.
        scrubber: Gives access to the vault, so that pseudonyms in retrieved chunks come back as
            the values they stand for, and values known for the user are found.
        user_id: The user whose pseudonyms and known values those are. See also `for_user`.
        known: Values the application knows to stand in prompts.
        restore: ``"pseudonyms"`` puts pseudonyms into replies in place of values, for replies
            that are stored, as an extractor's are.
        restore_tool_args: Names of tools that get real values as arguments. Others get
            placeholders.
        allow_media: Let images, audio, video and files through, into which nobody can look.

    Raises:
        ConfigurationError: No model, or a `user_id` or ``restore="pseudonyms"`` without a
            scrubber.
        InvalidUserIdError: No usable user id.
    """

    _llm: LLM = PrivateAttr()
    _redactor: Redactor = PrivateAttr()
    _user_id: str | None = PrivateAttr()
    _known: dict[str, list[str]] = PrivateAttr()
    _restore: Restore = PrivateAttr()
    _tools: frozenset[str] = PrivateAttr()
    _allow_media: bool = PrivateAttr()

    def __init__(
        self,
        llm: LLM,
        redactor: Redactor | None = None,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        known: Known | None = None,
        restore: Restore = "values",
        restore_tool_args: Collection[str] = (),
        allow_media: bool = False,
    ) -> None:
        if not isinstance(llm, LLM):
            raise ConfigurationError(f"a model is a LlamaIndex LLM, not {type(llm).__name__}")
        if isinstance(restore_tool_args, str):
            raise ConfigurationError("restore_tool_args is a list of tool names")
        if redactor is None:
            redactor = Redactor(scrubber=scrubber)
        elif scrubber is not None and redactor.scrubber is not scrubber:
            raise ConfigurationError("pass the scrubber to the redactor, or pass no redactor")
        if redactor.scrubber is None and (user_id is not None or restore == "pseudonyms"):
            raise ConfigurationError("a user_id and restore='pseudonyms' need a scrubber")
        super().__init__(**{name: getattr(llm, name) for name in _TAKEN_OVER})
        self._llm = llm
        self._redactor = redactor
        self._user_id = None if user_id is None else check_user_id(user_id)
        self._known = check_known(known)
        self._restore = restore
        self._tools = frozenset(restore_tool_args)
        self._allow_media = allow_media

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "RedactedLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """The wrapped model's, except that this one calls no functions."""
        return self._llm.metadata.model_copy(update={"is_function_calling_model": False})

    def for_user(self, user_id: str) -> RedactedLLM:
        """The same model for one user; cheap, so make one per request.

        Raises:
            ConfigurationError: There is no scrubber.
            InvalidUserIdError: No usable user id.
        """
        return self._copy(self._redactor, check_user_id(user_id), self._restore)

    def sealed(self, scrubber: Scrubber, user_id: str) -> RedactedLLM:
        """The same model for one user, its replies in pseudonyms.

        Raises:
            TenancyError: It is bound to another user, or to another vault.
        """
        own = self._redactor.scrubber
        if self._user_id not in (None, user_id) or own not in (None, scrubber):
            raise TenancyError("the model is bound to another user or another scrubber")
        redactor = self._redactor
        if own is None:
            redactor = Redactor(redactor.policy, redactor.detector, scrubber=scrubber)
        return self._copy(redactor, user_id, "pseudonyms")

    def _copy(self, redactor: Redactor, user_id: str, restore: Restore) -> RedactedLLM:
        copy = RedactedLLM(
            self._llm,
            redactor,
            user_id=user_id,
            known=self._known,
            restore=restore,
            restore_tool_args=self._tools,
            allow_media=self._allow_media,
        )
        for name in _TAKEN_OVER:
            setattr(copy, name, getattr(self, name))
        return copy

    # Outward

    def _session(self) -> RedactionSession:
        if self._redactor.scrubber is not None and self._user_id is None:
            raise InvalidUserIdError("this model is bound to no user: call for_user(user_id)")
        if self._restore == "pseudonyms":
            return SealedSession(self._redactor, self._user_id, self._known)
        return self._redactor.session(user_id=self._user_id, known=self._known)

    def _messages(
        self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]
    ) -> tuple[list[ChatMessage], dict[str, Any], RedactionMapping]:
        session = self._session()
        parts = MessageRedactor(session, allow_media=self._allow_media)
        return parts.messages(messages), parts.options(kwargs), session.mapping

    def _prompt(
        self, prompt: str, kwargs: dict[str, Any]
    ) -> tuple[str, dict[str, Any], RedactionMapping]:
        session = self._session()
        parts = MessageRedactor(session, allow_media=self._allow_media)
        return parts.text(prompt), parts.options(kwargs), session.mapping

    def _restorer(self, mapping: RedactionMapping) -> ReplyRestorer:
        return ReplyRestorer(mapping, self._tools)

    # The eight ways to call a model

    @unspanned
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat with the model. See `LLM.chat`.

        Raises:
            InvalidInputError: A part of the input that cannot be searched; nothing was sent.
            InvalidUserIdError: There is a scrubber, and no user.
            DetectionError: The detector failed; nothing was sent.
            ModelCallError: The model raised.
        """
        clean, options, mapping = self._messages(messages, kwargs)
        with ModelGuard() as guard:
            reply = self._llm.chat(clean, **options)
        guard.check()
        return self._restorer(mapping).chat(reply)

    @unspanned
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat with the model. See `chat`."""
        clean, options, mapping = await asyncio.to_thread(self._messages, messages, kwargs)
        with ModelGuard() as guard:
            reply = await self._llm.achat(clean, **options)
        guard.check()
        return self._restorer(mapping).chat(reply)

    @unspanned
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete a prompt. See `chat`."""
        clean, options, mapping = self._prompt(prompt, kwargs)
        with ModelGuard() as guard:
            reply = self._llm.complete(clean, formatted=formatted, **options)
        guard.check()
        return self._restorer(mapping).completion(reply)

    @unspanned
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Complete a prompt. See `chat`."""
        clean, options, mapping = await asyncio.to_thread(self._prompt, prompt, kwargs)
        with ModelGuard() as guard:
            reply = await self._llm.acomplete(clean, formatted=formatted, **options)
        guard.check()
        return self._restorer(mapping).completion(reply)

    @unspanned
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Chat with the model, its reply in chunks. See `chat`.

        What has come so far (`message.content`) is the sum of what the chunks add (`delta`).
        """
        clean, options, mapping = self._messages(messages, kwargs)
        stream = ReplyStream(self._restorer(mapping), mapping)
        with ModelGuard() as guard:
            chunks = self._llm.stream_chat(clean, **options)
        guard.check()
        return _restored(chunks, stream.chat, stream)

    @unspanned
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Chat with the model, its reply in chunks. See `stream_chat`."""
        clean, options, mapping = await asyncio.to_thread(self._messages, messages, kwargs)
        stream = ReplyStream(self._restorer(mapping), mapping)
        with ModelGuard() as guard:
            chunks = await self._llm.astream_chat(clean, **options)
        guard.check()
        return _arestored(chunks, stream.chat, stream)

    @unspanned
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Complete a prompt, the completion in chunks. See `stream_chat`."""
        clean, options, mapping = self._prompt(prompt, kwargs)
        stream = ReplyStream(self._restorer(mapping), mapping)
        with ModelGuard() as guard:
            chunks = self._llm.stream_complete(clean, formatted=formatted, **options)
        guard.check()
        return _restored(chunks, stream.completion, stream)

    @unspanned
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Complete a prompt, the completion in chunks. See `stream_chat`."""
        clean, options, mapping = await asyncio.to_thread(self._prompt, prompt, kwargs)
        stream = ReplyStream(self._restorer(mapping), mapping)
        with ModelGuard() as guard:
            chunks = await self._llm.astream_complete(clean, formatted=formatted, **options)
        guard.check()
        return _arestored(chunks, stream.completion, stream)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("llm", type(self._llm).__name__)]


def _restored(source: Any, restore: Any, stream: ReplyStream) -> Generator[Any, None, None]:
    chunks = iter(source)
    try:
        while True:
            with ModelGuard() as guard:
                chunk = next(chunks, _END)
            guard.check()
            if chunk is _END:
                break
            yield restore(chunk)
        rest = stream.rest()
        if rest is not None:
            yield rest
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


async def _arestored(source: Any, restore: Any, stream: ReplyStream) -> AsyncGenerator[Any, None]:
    chunks = aiter(source)
    try:
        while True:
            with ModelGuard() as guard:
                chunk = await anext(chunks, _END)
            guard.check()
            if chunk is _END:
                break
            yield restore(chunk)
        rest = stream.rest()
        if rest is not None:
            yield rest
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
