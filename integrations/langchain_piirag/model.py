"""A runnable around the model call: placeholders go out, values come back."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from langchain_core.runnables import Runnable

from langchain_piirag.binding import Bindings
from langchain_piirag.calls import CallSettings
from langchain_piirag.events import EventStreams
from langchain_piirag.running import ModelCalls
from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.governance.audit import AuditLog
from piirag.governance.providers.policy import ProviderPolicy
from piirag.redaction import Redactor, Scrubber
from piirag.tenancy.tags import TENANT_KEY


class RedactedModel(Bindings, EventStreams, ModelCalls, Runnable[Any, Any]):
    """Wraps a chat model or LLM: what leaves for it holds placeholders, what returns holds values.

    It has no run of its own in a trace; the run of the wrapped model shows placeholders only.
    Every exception of the model is raised as `ModelCallError`, because providers echo the prompt
    in theirs. Where a `BaseChatModel` is demanded, use `RedactedChatModel`.

    Args:
        model: Any LangChain chat model or LLM, or one with `bind`, retries or fallbacks.
        redactor: Does the work; one over `scrubber` if None.
        scrubber: Gives access to the vault, so that pseudonyms in retrieved chunks come back as
            the values they stand for.
        user_id: The user whose pseudonyms those are. See also `for_user`.
        viewer: Who reads the replies; the user if None.
        known: Values the application knows to stand in prompts.
        restore_tool_args: Names of tools that get real values as arguments. Others get
            placeholders.
        allow_media: Let images, audio and files through, into which nobody can look; captions,
            file names and addresses are redacted.
        unknown_blocks: What becomes of content blocks of a kind that cannot be searched:
            ``"refuse"`` (an `InvalidInputError`) or ``"drop"``.
        tenant_key: The metadata key under which documents in tool results (artifacts, blocks,
            JSON) name their user. Values that stand in those of others only are not put back.
        shared_tools: Names of tools whose results are not the user's own where they do not say
            whose they are.
        providers: Which endpoints may be called; asked at every call, before anything is sent.
        max_label: The highest label of a chunk that may be sent to this model: ``"public"``,
            ``"internal"``, ``"confidential"`` or ``"restricted"``. Chunks are known by the stamps
            that `TenantVectorStore` wrote. None for no limit.
        audit: The log that every call leaves a record in: an `AuditLog`, or a path for one. The
            same as a `PIICallbackHandler` in the callbacks of every call.

    Raises:
        ConfigurationError: A `user_id` without a scrubber, or a model that is no runnable.
    """

    def __init__(
        self,
        model: Runnable[Any, Any],
        redactor: Redactor | None = None,
        *,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        viewer: str | None = None,
        known: Known | None = None,
        restore_tool_args: Collection[str] = (),
        allow_media: bool = False,
        unknown_blocks: str = "refuse",
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
        providers: ProviderPolicy | None = None,
        max_label: str | None = None,
        audit: AuditLog | str | Path | None = None,
    ) -> None:
        if not isinstance(model, Runnable):
            raise ConfigurationError(f"a model is a Runnable, not {type(model).__name__}")
        self.model = model
        self._own_settings = CallSettings.make(
            redactor,
            scrubber,
            restore_tool_args,
            user_id=user_id,
            viewer=viewer,
            known=known,
            allow_media=allow_media,
            unknown_blocks=unknown_blocks,
            tenant_key=tenant_key,
            shared_tools=shared_tools,
            providers=providers,
            max_label=max_label,
            audit=audit,
        )

    @classmethod
    def _made(cls, model: Runnable[Any, Any], settings: CallSettings) -> Self:
        made = cls.__new__(cls)
        made.model = model
        made._own_settings = settings
        return made

    @property
    def redactor(self) -> Redactor:
        """What does the work."""
        return self._settings.redactor

    @property
    def _settings(self) -> CallSettings:
        return self._own_settings

    def _configured(self, settings: CallSettings) -> Self:
        return self._made(self.model, settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.model).__name__})"
