"""Middleware for agents: the model sees tokens, tools get values by allow-list."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from piirag.errors import (
    ConfigurationError,
    MissingDependencyError,
    PiiragError,
    TenancyError,
)

if importlib.util.find_spec("langchain") is None or importlib.util.find_spec("langgraph") is None:
    raise MissingDependencyError("langchain", "agents")

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    OmitFromOutput,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.runnables import run_in_executor
from langchain_core.runnables.config import var_child_runnable_config

from langchain_piirag.agent_calls import AgentCall
from langchain_piirag.agent_context import is_stored, no_payload
from langchain_piirag.agent_edge import OWNER
from langchain_piirag.agent_errors import Caught, is_invalid_resume, model_error, tool_error
from langchain_piirag.agent_scrub import Artifacts, DurableTokens, StateScrubber
from langchain_piirag.agent_shield import ShieldedTool
from langchain_piirag.agent_streams import PROTECTED, arestored_streams, restored_streams
from langchain_piirag.agent_tools import StateTool, WireTool
from langchain_piirag.agent_users import (
    Allowed,
    AllowList,
    KnownSource,
    UserSource,
    known_of,
    reader_of,
    user_of,
)
from langchain_piirag.owners import Owners
from langchain_piirag.provider_checks import check_policy, enforce
from langchain_piirag.watching import note_refusal
from piirag.governance.providers.policy import ProviderPolicy
from piirag.redaction import Redactor, Scrubber
from piirag.tenancy.tags import TENANT_KEY

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from langchain_piirag.agent_protect import ProtectedAgent

Mode = Literal["wire", "state"]


class _OwnedState(AgentState[Any]):
    piirag_owner: NotRequired[Annotated[str, PrivateStateAttr]]


class _NamedState(AgentState[Any]):
    # `protect` names the owner in the input: a real state has no node that could.
    piirag_owner: NotRequired[Annotated[str, OmitFromOutput]]


class PIIRedactionMiddleware(AgentMiddleware[Any, Any, Any]):
    """Keeps personal data away from the model of an agent, and from what must not hold it.

    Put it last in the list: what other middleware adds to a request is then redacted too.

    Args:
        redactor: Finds and replaces; one over `scrubber` if None.
        scrubber: Keeps durable tokens in its vault. Needed with ``mode="state"``.
        mode: ``"wire"``: the state is real, and the model sees placeholders. ``"state"``: the
            state, and with it the checkpointer, holds durable tokens only; run such an agent
            through `protect`, so that its input is scrubbed before it is stored.
        user_id: The field of the run's context that names the user, or a function from the
            context. Asked wherever there is a scrubber.
        known: Values the application knows, or a function from the run's context to them.
        restore_tool_args: Tools that get real values, or tool -> names of the arguments that are
            real. All others get tokens.
        artifacts: With ``mode="state"``, whether artifacts of tools are scrubbed, which refuses
            kinds of object that cannot be searched, or dropped.
        allow_media: Let images, audio and files through, into which nobody can look.
        tenant_key: The metadata key under which documents in tool results (artifacts, blocks,
            JSON) name their user. Values that stand in those of others only are not put back.
        shared_tools: Names of tools whose results are not the user's own where they do not say
            whose they are.
        providers: Which endpoints may be called; asked before every model call of the agent.
        allow_unprotected: With ``mode="state"``, let the agent run without `protect` although
            it has a checkpointer. The user's message is then stored as it came.

    Raises:
        ConfigurationError: Options that do not go together.
        MissingDependencyError: LangChain's agents are not installed.
    """

    state_schema = _NamedState

    def __new__(cls, *args: Any, **kwargs: Any) -> PIIRedactionMiddleware:
        """Make one; only that of a redacted state adds nodes to the graph."""
        kind = _StateRedaction if kwargs.get("mode") == "state" else cls
        return super().__new__(kind)

    def __init__(
        self,
        redactor: Redactor | None = None,
        *,
        scrubber: Scrubber | None = None,
        mode: Mode = "wire",
        user_id: UserSource = "user_id",
        known: KnownSource = None,
        restore_tool_args: AllowList = (),
        artifacts: Artifacts = "scrub",
        allow_media: bool = False,
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
        providers: ProviderPolicy | None = None,
        allow_unprotected: bool = False,
    ) -> None:
        super().__init__()
        if mode not in ("wire", "state"):
            raise ConfigurationError("mode is 'wire' or 'state'")
        if artifacts not in ("scrub", "drop"):
            raise ConfigurationError("artifacts is 'scrub' or 'drop'")
        if redactor is not None and scrubber is None:
            scrubber = redactor.scrubber
        elif redactor is not None and redactor.scrubber not in (None, scrubber):
            raise ConfigurationError("pass the scrubber to the redactor, or pass no redactor")
        if mode == "state" and scrubber is None:
            raise ConfigurationError("mode='state' needs a scrubber: its vault keeps the values")
        self.mode = mode
        self.scrubber = scrubber
        self.redactor = redactor if redactor is not None else Redactor(scrubber=scrubber)
        self._durable: Redactor | None = None
        if mode == "state" and scrubber is not None:
            self._durable = Redactor(
                self.redactor.policy,
                self.redactor.detector if redactor is not None else None,
                scrubber=DurableTokens(scrubber),  # type: ignore[arg-type]
            )
        self.user_source = user_id
        self._known = known
        self._allowed = Allowed(restore_tool_args)
        self._artifacts: Artifacts = artifacts
        self._allow_media = allow_media
        self._allow_unprotected = allow_unprotected
        self._tenant_key = tenant_key
        self._shared_tools = shared_tools
        check_policy(providers)
        self._providers = providers
        self._owners(None)
        if mode == "wire":
            # What the hooks are given is real, and tracers would record it.
            self.trace_policy = no_payload()

    @property
    def name(self) -> str:
        """The name under which an agent knows this middleware."""
        return "PIIRedactionMiddleware"

    def protect(self, agent: Any) -> ProtectedAgent:
        """The agent this middleware is part of, with its input and output at their edge."""
        from langchain_piirag.agent_protect import ProtectedAgent

        return ProtectedAgent(agent, self)

    def user(self, context: Any) -> str | None:
        """The user of a run; None where there is no scrubber, and so no user to ask for.

        Raises:
            InvalidUserIdError: The context names no usable user.
        """
        return None if self.scrubber is None else user_of(context, self.user_source)

    def state_scrubber(self, user_id: str, context: Any = None) -> StateScrubber:
        """What scrubs and reveals the state of one user's runs."""
        assert self.scrubber is not None
        return StateScrubber(
            self.scrubber,
            user_id,
            known=known_of(context, self._known),
            allow_media=self._allow_media,
            artifacts=self._artifacts,
            owners=self._owners(user_id),
        )

    def _owners(self, reader: str | None) -> Owners:
        return Owners(
            reader,
            tenant=reader if self.scrubber is not None else None,
            scrubber=self.scrubber,
            tenant_key=self._tenant_key,
            shared_tools=self._shared_tools,
        )

    def owner(self, user_id: str) -> str:
        """How a state names its user: by a keyed hash, where there is a vault for the key."""
        return user_id if self.scrubber is None else self.scrubber.vault.tenant_tag(user_id)

    def _check_owner(self, state: Any, user: str | None) -> str | None:
        """Refuse a thread of another user; the owner that a thread without one is to have."""
        if user is None or not isinstance(state, Mapping):
            return None
        owner = self.owner(user)
        if state.get(OWNER, owner) != owner:
            raise TenancyError("this thread belongs to another user")
        return owner if OWNER not in state else None

    def _asked(
        self, request: ModelRequest[Any] | ToolCallRequest
    ) -> tuple[Any, str | None, str | None, str | None]:
        """The context of a call, its user, who reads, and the owner that its thread is to have.

        Raises:
            InvalidUserIdError: The context names no usable user.
            TenancyError: The thread belongs to another user.
        """
        context = request.runtime.context if request.runtime is not None else None
        user = self.user(context)
        # Without a vault nobody has to be named; who is, may see their own documents.
        reader = user if user is not None else reader_of(context, self.user_source)
        return context, user, reader, self._check_owner(request.state, reader)

    def _call(self, request: ModelRequest[Any]) -> AgentCall:
        context, user, reader, begins = self._asked(request)
        redactor = self._durable or self.redactor
        return AgentCall(
            redactor.session(user_id=user, known=known_of(context, self._known), viewer=reader),
            allow_media=self._allow_media,
            allowed=self._allowed,
            owners=self._owners(reader),
            scrubber=self.state_scrubber(user, context)
            if self.mode == "state" and user is not None
            else None,
            owner=begins if self.mode == "wire" and is_stored() else None,
            user_id=reader,
            labelled=self.scrubber,
        )

    def _clean(self, request: ModelRequest[Any]) -> tuple[AgentCall, ModelRequest[Any]]:
        """A call, and its request as it may leave; one that may not is recorded."""
        call = self._call(request)
        try:
            if self._providers is not None:
                enforce(self._providers, request.model, request.model_settings)
            return call, call.request(request)
        except PiiragError as error:
            config = var_child_runnable_config.get()
            note_refusal(request.model, call.user_id, config, request.messages, error)
            raise

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> Any:
        """Redact the request, restore the reply.

        Raises:
            ProviderPolicyError: The policy for providers forbids the model; nothing was sent.
            InvalidUserIdError: The context names no user; nothing was sent.
            InvalidInputError: A part that cannot be searched; nothing was sent.
            DetectionError: The detector failed; nothing was sent.
            ModelCallError: The model raised.
        """
        call, clean = self._clean(request)
        response: Any = None
        # A reply is parsed within, with its values, and what does not fit is quoted.
        with Caught() as caught, restored_streams(call.reply()):
            response = handler(clean)
        if caught.error is not None:
            raise model_error(caught.error)
        return call.finish(response)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> Any:
        """See `wrap_model_call`."""
        call, clean = await run_in_executor(None, self._clean, request)
        response: Any = None
        with Caught() as caught:
            async with arestored_streams(call.reply()):
                response = await handler(clean)
        if caught.error is not None:
            raise model_error(caught.error)
        return await run_in_executor(None, call.finish, response)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]
    ) -> Any:
        """Give the tool what it may have, and keep of its result what the state may hold.

        Raises:
            ToolCallError: The tool raised.
        """
        change, back, tool = self._tool(request)
        changed = change(request)
        result: Any = None
        with Caught() as caught:
            result = handler(changed)
        if caught.error is not None:
            raise self._failed(request, caught.error, tool)
        return back(result)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """See `wrap_tool_call`."""
        change, back, tool = await run_in_executor(None, self._tool, request)
        changed = await run_in_executor(None, change, request)
        result: Any = None
        with Caught() as caught:
            result = await handler(changed)
        if caught.error is not None:
            raise await run_in_executor(None, self._failed, request, caught.error, tool)
        return await run_in_executor(None, back, result)

    def _tool(
        self, request: ToolCallRequest
    ) -> tuple[Callable[[ToolCallRequest], ToolCallRequest], Callable[[Any], Any], Any]:
        # A run that is resumed begins here: no model call has looked whose thread it is.
        context, user, _, _ = self._asked(request)
        if self.mode == "wire" or user is None:
            wire = WireTool(
                self.redactor,
                user_id=user,
                known=known_of(context, self._known),
                allowed=self._allowed,
                allow_media=self._allow_media,
            )
            return wire.request, wire.result, None
        tool = StateTool(self.state_scrubber(user, context), self._allowed)

        def shielded(request: ToolCallRequest) -> ToolCallRequest:
            if request.tool is None:
                return request
            shield = ShieldedTool.around(request.tool, request.tool_call["id"], tool)
            return request.override(tool=shield)

        return shielded, tool.result, tool

    def _failed(
        self, request: ToolCallRequest, error: Exception, tool: StateTool | None
    ) -> Exception:
        if is_invalid_resume(error):
            return error
        if tool is not None:
            error = tool.stopped(error)
        return tool_error(request.tool_call["name"], error)

    def __repr__(self) -> str:
        return f"PIIRedactionMiddleware(mode={self.mode!r})"


class _StateRedaction(PIIRedactionMiddleware):
    """The middleware of a redacted state: it has nodes of its own in the graph."""

    state_schema = _OwnedState

    def before_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Check whose thread this is, and that its input came in scrubbed.

        Raises:
            InvalidUserIdError: The context names no user.
            TenancyError: The thread belongs to another user.
            ConfigurationError: A redacted state with a checkpointer, without `protect`.
        """
        user = self.user(runtime.context)
        assert user is not None
        config = (var_child_runnable_config.get() or {}).get("configurable", {})
        saver = config.get("__pregel_checkpointer")
        # The checkpointers of this package scrub by themselves.
        stored = saver is not None and not type(saver).__module__.startswith("langchain_piirag")
        if stored and not config.get(PROTECTED) and not self._allow_unprotected:
            raise ConfigurationError(
                "this agent has a checkpointer, which stores the input before any middleware "
                "runs: call it through protect(agent, middleware)"
            )
        self._check_owner(state, user)
        return {OWNER: self.owner(user), **(self._scrubbed(state, runtime) or {})}

    async def abefore_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """See `before_agent`."""
        return await run_in_executor(None, self.before_agent, state, runtime)

    def before_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """In a redacted state, scrub what other parts of the graph have put into it."""
        return self._scrubbed(state, runtime)

    async def abefore_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """See `before_model`."""
        return await run_in_executor(None, self._scrubbed, state, runtime)

    def _scrubbed(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        user = self.user(runtime.context)
        assert user is not None
        scrubber = self.state_scrubber(user, runtime.context)
        changed = []
        for message in state["messages"]:
            # Under another id, it would be added to the state and not take the old one's place.
            clean = scrubber.message(message).model_copy(update={"id": message.id})
            if message.id and clean != message:
                changed.append(clean)
        return {"messages": changed} if changed else None
