"""A model that gets placeholders and answers in values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Container, Sequence
from functools import cache, partial
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
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM

from llama_index_piirag.llm_call import Call, refusals
from llama_index_piirag.messages import MessageRedactor
from llama_index_piirag.observing import observed
from llama_index_piirag.owners import Owners
from llama_index_piirag.predicting import UntracedLLM
from llama_index_piirag.replies import EveryTool
from llama_index_piirag.reply_streams import arestored, restored
from llama_index_piirag.sessions import SealedSession
from llama_index_piirag.texts import flat, sent_as
from llama_index_piirag.tracing import unspanned
from piirag.detection.known import Known, check_known
from piirag.errors import (
    ConfigurationError,
    InvalidUserIdError,
    ProviderPolicyError,
    TenancyError,
)
from piirag.governance.labels import LABELS
from piirag.governance.observation import Observation, begun, is_above, label_of, watched
from piirag.governance.providers.policy import ProviderPolicy
from piirag.redaction import RedactionSession, Redactor, Scrubber
from piirag.redaction.guard import ModelGuard
from piirag.tenancy.tags import TENANT_KEY
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


class RedactedLLM(UntracedLLM):
    """Wraps any LlamaIndex LLM: what leaves for it holds placeholders, what returns holds values.

    Messages of every role, tool calls, additional arguments and options are redacted under one
    mapping a call. The wrapper opens no span and fires no event or callback of its own; those of
    the wrapped model show placeholders. Every exception of the model is raised as
    `ModelCallError`, because providers echo the prompt in theirs.

    Over a `FunctionCallingLLM` this makes a `RedactedFunctionCallingLLM`, which calls tools and
    goes into agents. What became of the placeholders of a reply stands in its
    ``additional_kwargs["piirag"]``.

    Args:
        llm: The model.
        redactor: Does the work; one over `scrubber` if None.
        scrubber: Gives access to the vault, so that pseudonyms in retrieved chunks come back as
            the values they stand for, and values known for the user are found.
        user_id: The user whose pseudonyms and known values those are. See also `for_user`.
        known: Values the application knows to stand in prompts.
        viewer: Who reads the replies; the `user_id` if None. What stands in the user's documents,
            or in what the system or a tool says, is not put back for anybody else.
        restore: ``"pseudonyms"`` puts pseudonyms into replies in place of values, for replies
            that are stored, as an extractor's are.
        restore_tool_args: Names of tools that get real values as arguments. Others get
            placeholders.
        allow_media: Let images, audio, video and files through, into which nobody can look.
        tenant_key: The metadata key under which nodes name their user. What stands in nodes of
            others, or of all, is not put back.
        shared_tools: Names of tools over data of all: what they say, and nobody else, is not put
            back.
        providers: Which endpoints may be called; asked at every call, before anything is sent.
        max_label: The highest label of a chunk that may be sent to this model: ``"public"``,
            ``"internal"``, ``"confidential"`` or ``"restricted"``. Chunks are known by the stamps
            that `TenantVectorStore` wrote. None for no limit.

    Raises:
        ConfigurationError: No model, or a `user_id` or ``restore="pseudonyms"`` without a
            scrubber; an unusable key, or tools that are no list of names.
        InvalidUserIdError: No usable user id.
    """

    _llm: LLM = PrivateAttr()
    _redactor: Redactor = PrivateAttr()
    _user_id: str | None = PrivateAttr()
    _viewer: str | None = PrivateAttr()
    # In a closure: LlamaIndex hands models to its spans, and a tracer may follow attributes.
    _known: Callable[[], dict[str, list[str]]] = PrivateAttr()
    _restore: Restore = PrivateAttr()
    _tools: frozenset[str] = PrivateAttr()
    _allow_media: bool = PrivateAttr()
    _tenant_key: str = PrivateAttr()
    _shared_tools: frozenset[str] = PrivateAttr()
    _providers: ProviderPolicy | None = PrivateAttr(default=None)
    _told: bool = PrivateAttr(default=False)
    _max_label: str | None = PrivateAttr(default=None)

    def __new__(cls, llm: Any = None, *args: Any, **kwargs: Any) -> RedactedLLM:
        """Pick the class that fits the model."""
        if cls is RedactedLLM and isinstance(llm, FunctionCallingLLM):
            from llama_index_piirag.function_llm import RedactedFunctionCallingLLM

            return super().__new__(RedactedFunctionCallingLLM)
        return super().__new__(cls)

    def __init__(
        self,
        llm: LLM,
        redactor: Redactor | None = None,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        known: Known | None = None,
        viewer: str | None = None,
        restore: Restore = "values",
        restore_tool_args: Collection[str] = (),
        allow_media: bool = False,
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
        providers: ProviderPolicy | None = None,
        max_label: str | None = None,
    ) -> None:
        if max_label not in (None, *LABELS):
            raise ConfigurationError(f"max_label is one of {', '.join(LABELS)}")
        if not isinstance(llm, LLM):
            raise ConfigurationError(f"a model is a LlamaIndex LLM, not {type(llm).__name__}")
        if isinstance(restore_tool_args, str):
            raise ConfigurationError("restore_tool_args is a list of tool names")
        if redactor is None:
            redactor = Redactor(scrubber=scrubber)
        elif scrubber is not None and redactor.scrubber is not scrubber:
            raise ConfigurationError("pass the scrubber to the redactor, or pass no redactor")
        if viewer is not None and user_id is None:
            raise ConfigurationError("a viewer looks at a user's data: pass a user_id")
        if redactor.scrubber is None and (user_id is not None or restore == "pseudonyms"):
            raise ConfigurationError("a user_id and restore='pseudonyms' need a scrubber")
        if providers is not None and not isinstance(providers, ProviderPolicy):
            raise ConfigurationError("providers is a ProviderPolicy")
        Owners(None, tenant_key=tenant_key, shared_tools=shared_tools)
        super().__init__(**{name: getattr(llm, name) for name in _TAKEN_OVER})
        self._llm = llm
        self._redactor = redactor
        self._user_id = None if user_id is None else check_user_id(user_id)
        self._viewer = None if viewer is None else check_user_id(viewer)
        values = check_known(known)
        self._known = lambda: values
        self._restore = restore
        self._tools = frozenset(restore_tool_args)
        self._allow_media = allow_media
        self._tenant_key = tenant_key
        self._shared_tools = frozenset(shared_tools)
        self._providers = providers
        self._max_label = max_label

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "RedactedLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """The wrapped model's, except that this one calls no functions."""
        return self._llm.metadata.model_copy(update={"is_function_calling_model": False})

    def for_user(self, user_id: str, *, viewer: str | None = None) -> RedactedLLM:
        """The same model for one user; cheap, so make one per request.

        Args:
            user_id: Whose pseudonyms and known values count.
            viewer: Who reads the replies; the user if None.

        Raises:
            ConfigurationError: There is no scrubber.
            InvalidUserIdError: No usable user id.
        """
        return self._copy(self._redactor, check_user_id(user_id), self._restore, viewer)

    def sealed(self, scrubber: Scrubber, user_id: str, *, told: bool = False) -> RedactedLLM:
        """The same model for one user, its replies in pseudonyms, tool arguments included.

        Args:
            scrubber: Does the work.
            user_id: The user.
            told: Whether values of others come in pseudonyms that nobody can turn back: then
                whose texts the messages hold does not matter here.

        Raises:
            TenancyError: It is bound to another user, or to another vault.
        """
        own = self._redactor.scrubber
        if self._user_id not in (None, user_id) or own not in (None, scrubber):
            raise TenancyError("the model is bound to another user or another scrubber")
        redactor = self._redactor
        if own is None:
            redactor = Redactor(redactor.policy, redactor.detector, scrubber=scrubber)
        copy = self._copy(redactor, user_id, "pseudonyms", None)
        copy._told = told
        return copy

    def _copy(
        self, redactor: Redactor, user_id: str, restore: Restore, viewer: str | None
    ) -> RedactedLLM:
        copy = type(self)(
            self._llm,
            redactor,
            user_id=user_id,
            known=self._known(),
            viewer=viewer,
            restore=restore,
            restore_tool_args=self._tools,
            allow_media=self._allow_media,
            tenant_key=self._tenant_key,
            shared_tools=self._shared_tools,
            providers=self._providers,
            max_label=self._max_label,
        )
        for name in _TAKEN_OVER:
            setattr(copy, name, getattr(self, name))
        return copy

    # Outward

    def _session(self) -> RedactionSession:
        if self._redactor.scrubber is not None and self._user_id is None:
            raise InvalidUserIdError("this model is bound to no user: call for_user(user_id)")
        if self._restore == "pseudonyms":
            return SealedSession(self._redactor, self._user_id, self._known())
        return self._redactor.session(
            user_id=self._user_id, known=self._known(), viewer=self._viewer
        )

    def _check_provider(self, options: dict[str, Any]) -> None:
        if self._providers is not None:
            callbacks = self._llm.callback_manager
            self._providers.enforce(self._llm, options=options, callbacks=callbacks)

    def _chat_call(
        self,
        messages: Sequence[ChatMessage],
        kwargs: dict[str, Any],
        shown: Container[object] = (),
    ) -> Call:
        with refusals(self._llm, self._user_id, messages):
            self._check_provider(kwargs)
            return self._open_chat(messages, kwargs, shown)

    def _open_chat(
        self, messages: Sequence[ChatMessage], kwargs: dict[str, Any], shown: Container[object]
    ) -> Call:
        session = self._session()
        owners = None if self._told else self._owners(session)
        parts = MessageRedactor(session, owners=owners, allow_media=self._allow_media)
        content, options = parts.messages(messages), parts.options(kwargs)
        return self._call(session, messages, content, options, shown)

    def _owners(self, session: RedactionSession) -> Owners:
        return Owners(
            session.viewer,
            tenant=self._user_id,
            scrubber=self._redactor.scrubber,
            tenant_key=self._tenant_key,
            shared_tools=self._shared_tools,
        )

    def _text_call(self, prompt: str, kwargs: dict[str, Any]) -> Call:
        with refusals(self._llm, self._user_id, prompt):
            self._check_provider(kwargs)
            session = self._session()
            parts = MessageRedactor(session, allow_media=self._allow_media)
            return self._call(session, prompt, parts.text(prompt), parts.options(kwargs), ())

    def _call(
        self,
        session: RedactionSession,
        given: Any,
        content: Any,
        options: dict[str, Any],
        shown: Container[object],
    ) -> Call:
        # A pseudonym is no value: in an agent, every tool may get one.
        tools = EveryTool() if self._restore == "pseudonyms" else self._tools
        text = partial(flat, given)
        label = label_of(self._redactor.scrubber, self._user_id, text)
        if is_above(label, self._max_label):
            raise ProviderPolicyError([f"a chunk labelled {label}, above {self._max_label}"])
        sent = cache(partial(sent_as, content, self._llm))
        observation = Observation(session, text, self._user_id, label, sent=sent)
        return Call(content, options, observation.reply(), tools, shown, observation)

    # The eight ways to call a model

    @unspanned
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat with the model. See `LLM.chat`.

        Raises:
            ProviderPolicyError: The policy for providers forbids the model; nothing was sent.
            InvalidInputError: A part of the input that cannot be searched; nothing was sent.
            InvalidUserIdError: There is a scrubber, and no user.
            DetectionError: The detector failed; nothing was sent.
            ModelCallError: The model raised.
            PIIBlockedError: The policy blocks what the model said by itself.
        """
        call = self._chat_call(messages, kwargs)
        with watched(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                reply = self._llm.chat(call.content, **call.options)
            guard.check()
            return call.whole.chat(reply)

    @unspanned
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat with the model. See `chat`."""
        call = await asyncio.to_thread(self._chat_call, messages, kwargs)
        with watched(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                reply = await self._llm.achat(call.content, **call.options)
            guard.check()
            return await asyncio.to_thread(call.whole.chat, reply)

    @unspanned
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete a prompt. See `chat`."""
        call = self._text_call(prompt, kwargs)
        with watched(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                reply = self._llm.complete(call.content, formatted=formatted, **call.options)
            guard.check()
            return call.whole.completion(reply)

    @unspanned
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Complete a prompt. See `chat`."""
        call = await asyncio.to_thread(self._text_call, prompt, kwargs)
        with watched(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                reply = await self._llm.acomplete(call.content, formatted=formatted, **call.options)
            guard.check()
            return await asyncio.to_thread(call.whole.completion, reply)

    @unspanned
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Chat with the model, its reply in chunks. See `chat`.

        What has come so far (`message.content`) is the sum of what the chunks add (`delta`).
        """
        call = self._chat_call(messages, kwargs)
        with begun(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                chunks = self._llm.stream_chat(call.content, **call.options)
            guard.check()
        return restored(chunks, call.stream, call.observation)

    @unspanned
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Chat with the model, its reply in chunks. See `stream_chat`."""
        call = await asyncio.to_thread(self._chat_call, messages, kwargs)
        with begun(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                chunks = await self._llm.astream_chat(call.content, **call.options)
            guard.check()
        return arestored(chunks, call.stream, call.observation)

    @unspanned
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Complete a prompt, the completion in chunks. See `stream_chat`."""
        call = self._text_call(prompt, kwargs)
        with begun(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                chunks = self._llm.stream_complete(
                    call.content, formatted=formatted, **call.options
                )
            guard.check()
        return restored(chunks, call.stream, call.observation)

    @unspanned
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Complete a prompt, the completion in chunks. See `stream_chat`."""
        call = await asyncio.to_thread(self._text_call, prompt, kwargs)
        with begun(call.observation):
            with ModelGuard() as guard, observed(call.observation):
                chunks = await self._llm.astream_complete(
                    call.content, formatted=formatted, **call.options
                )
            guard.check()
        return arestored(chunks, call.stream, call.observation)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("llm", type(self._llm).__name__)]
