"""An agent whose state holds tokens, for users who read and write values."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from piirag.errors import ConfigurationError, MissingDependencyError, TenancyError

if importlib.util.find_spec("langchain") is None or importlib.util.find_spec("langgraph") is None:
    raise MissingDependencyError("langchain", "agents")

from langchain_core.runnables import Runnable, RunnableConfig, run_in_executor
from langgraph.types import StateSnapshot, StateUpdate

from langchain_piirag.agent_edge import OWNER, Edge, StreamShape
from langchain_piirag.agent_run import AgentRun, RestoredEvents, latest, observed
from langchain_piirag.agent_scrub import StateScrubber
from langchain_piirag.agent_users import reader_of
from langchain_piirag.middleware import PIIRedactionMiddleware
from piirag.user_id import check_user_id


def protect(agent: Any, middleware: PIIRedactionMiddleware) -> ProtectedAgent:
    """Wrap an agent so that its input is scrubbed before it is stored, its output restored.

    Args:
        agent: What `create_agent` returned, or a graph that holds such an agent.
        middleware: The middleware the agent was made with.

    Raises:
        ConfigurationError: One of them is missing.
    """
    return ProtectedAgent(agent, middleware)


class ProtectedAgent(Runnable[Any, Any]):
    """An agent between a user who sees values and a state that holds tokens.

    It takes the calls of a compiled graph, and no others: what is not here cannot leak.
    With ``mode="wire"`` input and output pass as they are, and event streams are restored.
    In either mode a thread belongs to the user who began it.

    Args:
        agent: The agent.
        middleware: Its middleware.
        user_id: The user, where it does not come with each call's context. See `for_user`.
    """

    def __init__(
        self, agent: Any, middleware: PIIRedactionMiddleware, *, user_id: str | None = None
    ) -> None:
        if not isinstance(middleware, PIIRedactionMiddleware):
            raise ConfigurationError("protect takes the agent and its PIIRedactionMiddleware")
        if not isinstance(agent, Runnable) or not hasattr(agent, "get_state"):
            raise ConfigurationError("an agent is a compiled graph, as create_agent returns it")
        self.agent: Any = agent
        self.middleware = middleware
        self._user_id = user_id

    def for_user(self, user_id: str) -> ProtectedAgent:
        """The same agent for one user; cheap, so make one per request.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        return ProtectedAgent(self.agent, self.middleware, user_id=check_user_id(user_id))

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> ProtectedAgent:
        """The same agent with a config bound to it. See `Runnable.with_config`."""
        agent = self.agent.with_config(config, **kwargs)
        return ProtectedAgent(agent, self.middleware, user_id=self._user_id)

    def with_retry(self, **kwargs: Any) -> Any:
        """Not offered: the run of LangChain's retry would trace the input as it is.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError("put with_retry on the model, inside of create_agent")

    def get_graph(self, *args: Any, **kwargs: Any) -> Any:
        """The drawable graph of the agent."""
        return self.agent.get_graph(*args, **kwargs)

    def invoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Run the agent. See `langgraph.pregel.Pregel.invoke`.

        Args:
            input: Messages or other state, a `Command`, or None to go on.
            config: Passed on; tags, metadata and the run's name are scrubbed, because they are
                stored beside the state. The thread's id is not: do not make it of a person's data.
            context: The run's context, which names the user.
            **kwargs: Passed on.

        Returns:
            What the agent returns, with values.

        Raises:
            InvalidUserIdError: No usable user; nothing was stored.
            InvalidInputError: A part that cannot be searched; nothing was stored.
            DetectionError: The detector failed; nothing was stored.
            TenancyError: The thread belongs to another user.
        """
        run = self._run(input, config, context)
        self._own(run)
        output = self.agent.invoke(run.input, run.config, context=run.context, **kwargs)
        return run.edge.out(output)

    async def ainvoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Run the agent. See `invoke`."""
        run = await run_in_executor(None, self._run, input, config, context)
        await self._aown(run)
        output = await self.agent.ainvoke(run.input, run.config, context=run.context, **kwargs)
        return await run_in_executor(None, run.edge.out, output)

    def stream(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Run the agent and yield its steps, in any stream mode, with values. See `invoke`."""
        run = self._run(input, config, context)
        self._own(run)
        shape = self._shape(kwargs)
        for part in self.agent.stream(run.input, run.config, context=run.context, **kwargs):
            yield from run.edge.parts(part, shape)
        yield from run.edge.rest(shape)

    async def astream(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """Run the agent and yield its steps, in any stream mode, with values. See `invoke`."""
        run = await run_in_executor(None, self._run, input, config, context)
        await self._aown(run)
        shape = self._shape(kwargs)
        parts = self.agent.astream(run.input, run.config, context=run.context, **kwargs)
        async for part in parts:
            if run.edge.passes():
                yield run.edge.out(part)
                continue
            for shown in await run_in_executor(None, _all, run.edge.parts, part, shape):
                yield shown
        for shown in await run_in_executor(None, _all, run.edge.rest, shape):
            yield shown

    def _shape(self, kwargs: Mapping[str, Any]) -> StreamShape:
        modes = kwargs.get("stream_mode") or self.agent.stream_mode
        return StreamShape(modes, bool(kwargs.get("subgraphs")), kwargs.get("version") or "v1")

    def stream_events(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Events of a run, `version="v3"`. See `langgraph.pregel.Pregel.stream_events`."""
        run = self._run(input, config, context)
        self._own(run)
        events = self.agent.stream_events(
            run.input, run.config, context=run.context, **self._v3(run, kwargs)
        )
        return observed(events, run.edge)

    def astream_events(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Events of a run, with values, the model's included. See `invoke`.

        Returns:
            An iterator of events; with ``version="v3"`` an awaitable of a run, as LangGraph has it.
        """
        if kwargs.get("version") == "v3":
            return self._arun_v3(input, config, context, kwargs)
        return self._aevents(input, config, context, kwargs)

    async def _arun_v3(self, input: Any, config: Any, context: Any, kwargs: Any) -> Any:
        run = await run_in_executor(None, self._run, input, config, context)
        await self._aown(run)
        events = await self.agent.astream_events(
            run.input, run.config, context=run.context, **self._v3(run, kwargs)
        )
        return observed(events, run.edge)

    async def _aevents(
        self, input: Any, config: Any, context: Any, kwargs: Any
    ) -> AsyncIterator[Any]:
        run = await run_in_executor(None, self._run, input, config, context)
        await self._aown(run)
        events = self.agent.astream_events(run.input, run.config, context=run.context, **kwargs)
        async for event in events:
            if run.edge.passes(event):
                yield run.edge.out(event)
                continue
            for shown in await run_in_executor(None, _all, run.edge.events, event):
                yield shown

    @staticmethod
    def _v3(run: AgentRun, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        restoring = partial(RestoredEvents, edge=run.edge)
        return {**kwargs, "transformers": [restoring, *(kwargs.get("transformers") or ())]}

    def get_state(
        self, config: RunnableConfig, *, context: Any = None, subgraphs: bool = False
    ) -> StateSnapshot:
        """The state of a thread, with values. See `langgraph.pregel.Pregel.get_state`.

        Raises:
            TenancyError: The thread belongs to another user.
        """
        edge, user = self._edge(context)
        return self._shown(self.agent.get_state(config, subgraphs=subgraphs), edge, user)

    async def aget_state(
        self, config: RunnableConfig, *, context: Any = None, subgraphs: bool = False
    ) -> StateSnapshot:
        """The state of a thread, with values. See `get_state`."""
        edge, user = await run_in_executor(None, self._edge, context)
        found = await self.agent.aget_state(config, subgraphs=subgraphs)
        return await run_in_executor(None, self._shown, found, edge, user)

    def get_state_history(
        self, config: RunnableConfig, *, context: Any = None, **kwargs: Any
    ) -> Iterator[StateSnapshot]:
        """The states of a thread, newest first, with values. See `get_state`."""
        edge, user = self._edge(context)
        self._check(self.agent.get_state(latest(config)), user)
        for snapshot in self.agent.get_state_history(config, **kwargs):
            yield self._shown(snapshot, edge, user)

    async def aget_state_history(
        self, config: RunnableConfig, *, context: Any = None, **kwargs: Any
    ) -> AsyncIterator[StateSnapshot]:
        """The states of a thread, newest first, with values. See `get_state`."""
        edge, user = await run_in_executor(None, self._edge, context)
        self._check(await self.agent.aget_state(latest(config)), user)
        async for snapshot in self.agent.aget_state_history(config, **kwargs):
            yield await run_in_executor(None, self._shown, snapshot, edge, user)

    def update_state(
        self,
        config: RunnableConfig,
        values: Any,
        as_node: str | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> RunnableConfig:
        """Change the state of a thread; what is written is scrubbed. See `get_state`."""
        run = self._run(values, config, context)
        self._own(run, input=False)
        made: RunnableConfig = self.agent.update_state(run.config, run.input, as_node, **kwargs)
        return made

    async def aupdate_state(
        self,
        config: RunnableConfig,
        values: Any,
        as_node: str | None = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> RunnableConfig:
        """Change the state of a thread; what is written is scrubbed. See `get_state`."""
        run = await run_in_executor(None, self._run, values, config, context)
        await self._aown(run, input=False)
        made: RunnableConfig = await self.agent.aupdate_state(
            run.config, run.input, as_node, **kwargs
        )
        return made

    def bulk_update_state(
        self,
        config: RunnableConfig,
        supersteps: Sequence[Sequence[StateUpdate]],
        *,
        context: Any = None,
    ) -> RunnableConfig:
        """Change the state of a thread in several steps. See `update_state`."""
        run = self._run(None, config, context)
        self._own(run, input=False)
        made: RunnableConfig = self.agent.bulk_update_state(run.config, run.steps(supersteps))
        return made

    async def abulk_update_state(
        self,
        config: RunnableConfig,
        supersteps: Sequence[Sequence[StateUpdate]],
        *,
        context: Any = None,
    ) -> RunnableConfig:
        """Change the state of a thread in several steps. See `update_state`."""
        run = await run_in_executor(None, self._run, None, config, context)
        await self._aown(run, input=False)
        clean = await run_in_executor(None, run.steps, supersteps)
        made: RunnableConfig = await self.agent.abulk_update_state(run.config, clean)
        return made

    def _scrubber(self, context: Any) -> tuple[StateScrubber | None, str | None, Any]:
        middleware = self.middleware
        if self._user_id is not None and context is None:
            source = middleware.user_source
            if not isinstance(source, str):
                raise ConfigurationError("pass context=: it is what user_id= is a function of")
            context = {source: self._user_id}
        user = middleware.user(context)
        if self._user_id is not None and user is not None and user != self._user_id:
            raise TenancyError("the context names another user than for_user")
        if user is None:
            # Without a vault nobody has to be named; who is, has threads of their own.
            user = reader_of(context, middleware.user_source)
            return None, user, context
        if middleware.mode == "wire":
            return None, user, context
        return middleware.state_scrubber(user, context), user, context

    def _edge(self, context: Any) -> tuple[Edge, str | None]:
        scrubber, user, _ = self._scrubber(context)
        return Edge(scrubber), user

    def _run(self, input: Any, config: RunnableConfig | None, context: Any) -> AgentRun:
        scrubber, user, context = self._scrubber(context)
        return AgentRun(scrubber, user, input, config, context)

    def _own(self, run: AgentRun, *, input: bool = True) -> None:
        """Refuse a thread of another user before anything is written to it."""
        if run.stores(self.agent):
            self._check(self.agent.get_state(latest(run.config)), run.user)
            run.own(self.agent, self._owner(run.user), input=input)

    async def _aown(self, run: AgentRun, *, input: bool = True) -> None:
        if run.stores(self.agent):
            self._check(await self.agent.aget_state(latest(run.config)), run.user)
            run.own(self.agent, self._owner(run.user), input=input)

    def _owner(self, user: str | None) -> str | None:
        return None if user is None else self.middleware.owner(user)

    def _check(self, snapshot: StateSnapshot, user: str | None) -> None:
        values = snapshot.values
        owner = values.get(OWNER) if isinstance(values, Mapping) else None
        if user is not None and owner is not None and owner != self._owner(user):
            raise TenancyError("this thread belongs to another user")

    def _shown(self, snapshot: StateSnapshot, edge: Edge, user: str | None) -> StateSnapshot:
        self._check(snapshot, user)
        return snapshot._replace(
            values=edge.out(snapshot.values),
            tasks=edge.out(snapshot.tasks),
            interrupts=edge.out(snapshot.interrupts),
        )

    def __repr__(self) -> str:
        return f"ProtectedAgent(mode={self.middleware.mode!r})"


def _all(parts: Callable[..., Iterator[Any]], *args: Any) -> list[Any]:
    """The parts that come of one, gathered, so that another thread can make them."""
    return list(parts(*args))
