"""One call of a wrapped model: what leaves for it, and how its reply is restored."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Self

from langchain_core.runnables import RunnableConfig

from langchain_piirag.caching import cache_tag, with_tenant_cache
from langchain_piirag.inner import bound_options
from langchain_piirag.messages import UNKNOWN_BLOCKS, MessageRedactor
from langchain_piirag.owners import Owners
from langchain_piirag.provider_checks import check_policy, enforce
from langchain_piirag.restoring import Restorer, labels_of
from langchain_piirag.streaming import ChunkRestorer
from langchain_piirag.texts import flat, sent_as
from langchain_piirag.watching import with_watcher
from piirag.detection.known import Known
from piirag.errors import ConfigurationError, ProviderPolicyError
from piirag.governance.labels import LABELS, highest
from piirag.governance.observation import Observation, is_above, label_of
from piirag.governance.providers.policy import ProviderPolicy
from piirag.redaction import RedactionSession, Redactor, Scrubber
from piirag.redaction.reply import Sink
from piirag.tenancy.tags import TENANT_KEY
from piirag.user_id import check_user_id


@dataclass(frozen=True, repr=False)
class CallSettings:
    """How the calls of a wrapped model are redacted and restored. See `RedactedModel`."""

    redactor: Redactor
    user_id: str | None = None
    viewer: str | None = None
    known: Known | None = None
    tools: frozenset[str] = frozenset()
    allow_media: bool = False
    unknown_blocks: str = "refuse"
    tenant_key: str = TENANT_KEY
    shared_tools: Collection[str] = ()
    providers: ProviderPolicy | None = None
    max_label: str | None = None
    watcher: Any = None

    @classmethod
    def make(
        cls,
        redactor: Redactor | None,
        scrubber: Scrubber | None,
        restore_tool_args: Collection[str],
        **rest: Any,
    ) -> CallSettings:
        """Settings from the arguments of a wrapper.

        Raises:
            ConfigurationError: Arguments that do not go together.
        """
        if isinstance(restore_tool_args, str):
            raise ConfigurationError("restore_tool_args is a list of tool names")
        if redactor is not None and scrubber is not None and redactor.scrubber is not scrubber:
            raise ConfigurationError("pass the scrubber to the redactor, or pass no redactor")
        if rest.get("unknown_blocks") not in UNKNOWN_BLOCKS:
            raise ConfigurationError(f"unknown_blocks is one of {', '.join(UNKNOWN_BLOCKS)}")
        check_policy(rest.get("providers"))
        if rest.get("max_label") not in (None, *LABELS):
            raise ConfigurationError(f"max_label is one of {', '.join(LABELS)}")
        audit = rest.pop("audit", None)
        if audit is not None:
            from langchain_piirag.callbacks import PIICallbackHandler

            rest["watcher"] = PIICallbackHandler.recording(audit)
        made = redactor if redactor is not None else Redactor(scrubber=scrubber)
        settings = cls(made, tools=frozenset(restore_tool_args), **rest)
        settings.owners(settings.session())
        return settings

    def for_user(self, user_id: str, viewer: str | None) -> CallSettings:
        """The same for one user.

        Raises:
            InvalidUserIdError: No usable user id, or viewer.
        """
        reader = check_user_id(viewer) if viewer is not None else None
        return dataclasses.replace(self, user_id=check_user_id(user_id), viewer=reader)

    def session(self) -> RedactionSession:
        """A session for one call."""
        return self.redactor.session(user_id=self.user_id, known=self.known, viewer=self.viewer)

    def open(
        self,
        model: Any,
        input: Any,
        config: RunnableConfig | None,
        options: Mapping[str, Any],
    ) -> Call:
        """Redact what leaves for a model.

        Args:
            model: The wrapped model. Its cache, if it has one, is kept apart per user.
            input: What a model takes.
            config: The caller's.
            options: The caller's keyword arguments.

        Raises:
            ProviderPolicyError: The policy for providers forbids where the call would go, or a
                chunk in the input has a label above `max_label`.
            InvalidInputError: Input, or a part of it, that cannot be searched.
            DetectionError: The detector failed.
        """
        self.check_provider(model, options, config)
        session = self.session()
        bound = {**bound_options(model), **options}
        parts = self.parts(session, bound)
        label = self.label(input)
        if is_above(label, self.max_label):
            raise ProviderPolicyError([f"a chunk labelled {label}, above {self.max_label}"])
        content = parts.input(input)
        clean = {name: parts.option(name, value) for name, value in options.items()}
        observation = Observation(
            session, lambda: flat(input), self.user_id, label, sent=cache(partial(sent_as, content))
        )
        return Call(
            model=with_tenant_cache(model, self._cache_tag),
            input=content,
            config=parts.config(with_watcher(config, self.watcher)),
            options=clean,
            session=session,
            tools=self.tools,
            as_json=wants_json(bound),
            observation=observation,
        )

    def check_provider(
        self, model: Any, options: Mapping[str, Any], config: RunnableConfig | None
    ) -> None:
        """Refuse a call that the policy for providers forbids.

        Raises:
            ProviderPolicyError: It is forbidden.
        """
        if self.providers is not None:
            enforce(self.providers, model, options, config)

    def label(self, input: Any) -> str | None:
        """The highest label of what is in an input, as far as that is known.

        Args:
            input: What a model takes. Chunks are known by their texts; replies that were made
                from some bear their label.
        """
        text = label_of(self.redactor.scrubber, self.user_id, lambda: flat(input))
        return highest([text, *labels_of(input)])

    def _cache_tag(self) -> str:
        return cache_tag(self.redactor.scrubber, self.user_id)

    def parts(self, session: RedactionSession, options: Mapping[str, Any]) -> MessageRedactor:
        """What redacts the parts of a call."""
        return MessageRedactor(
            session,
            allow_media=self.allow_media,
            unknown_blocks=self.unknown_blocks,
            tool_names=tool_names(options),
            owners=self.owners(session),
        )

    def owners(self, session: RedactionSession) -> Owners:
        """What tells whose texts the messages of a call are."""
        return Owners(
            session.viewer,
            tenant=self.user_id,
            scrubber=self.redactor.scrubber,
            tenant_key=self.tenant_key,
            shared_tools=self.shared_tools,
        )


@dataclass(frozen=True, repr=False)
class Call:
    """What leaves for the model, and what is needed to restore its replies."""

    model: Any
    input: Any
    config: Any
    options: dict[str, Any]
    session: RedactionSession
    observation: Observation
    tools: frozenset[str] | None = field(default=frozenset())
    as_json: bool = False

    def restorer(self, tool_sink: Sink = "tool") -> Restorer:
        """What restores one reply; make one for each."""
        reply = self.observation.reply()
        return Restorer(reply, self.tools, as_json=self.as_json, tool_sink=tool_sink)

    @property
    def looks(self) -> bool:
        """Whether replies are searched for values of the model's own."""
        return self.session.policy.replies != "allow"

    def close(self, error: BaseException | None = None) -> None:
        """The reply is restored, or the caller gets an exception: forget the values.

        Raises:
            AuditError: The call could not be recorded.
        """
        try:
            self.observation.over(error)
        finally:
            self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    def restore(self, output: Any) -> Any:
        """One reply, restored."""
        return self.restorer().restore(output)

    def chunks(self) -> ChunkRestorer:
        """What restores one reply that arrives in chunks."""
        return ChunkRestorer(self.restorer())


def tool_names(options: Mapping[str, Any]) -> frozenset[str]:
    """Names of the tools that the options of a call offer."""
    names = set()
    tools = options.get("tools")
    for tool in tools if isinstance(tools, list | tuple) else ():
        if isinstance(tool, dict):
            inside = tool.get("function")
            name = (inside if isinstance(inside, dict) else tool).get("name")
        else:
            name = getattr(tool, "name", getattr(tool, "__name__", None))
        if isinstance(name, str):
            names.add(name)
    return frozenset(names)


def wants_json(options: Mapping[str, Any]) -> bool:
    """Whether the options of a call ask for a reply in JSON, as providers spell it."""
    wanted = options.get("response_format")
    if isinstance(wanted, dict):
        wanted = wanted.get("type") != "text"
    return bool(
        wanted
        or options.get("format")  # Ollama
        or options.get("response_mime_type") == "application/json"  # Gemini
        or options.get("response_schema")
    )
