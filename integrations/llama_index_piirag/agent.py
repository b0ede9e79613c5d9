"""Agents whose workflow, memory and traces hold pseudonyms, and who answer in values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Generator
from typing import Any

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.agent.workflow.workflow_events import (
    AgentInput,
    AgentOutput,
    AgentSetup,
    AgentStream,
    AgentStreamStructuredOutput,
    ToolCall,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemory
from llama_index.core.tools import ToolOutput
from llama_index.core.workflow import Context
from workflows.events import Event, StopEvent
from workflows.handler import WorkflowHandler

from llama_index_piirag.boundary import Boundary, RevealRestorer
from llama_index_piirag.llm import RedactedLLM
from llama_index_piirag.reveal import RevealStream
from llama_index_piirag.scrubbed_memory import ScrubbedMemory
from llama_index_piirag.shield import Shield, ShieldingRetriever
from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.redaction import Scrubber
from piirag.tenancy.tags import TENANT_KEY

_AGENTS = (FunctionAgent, ReActAgent)
_RUN_OPTIONS = frozenset("max_iterations early_stopping_method run_id".split())


class RedactedAgent:
    """One user's runs of an agent of LlamaIndex.

    What the user says is scrubbed before the workflow begins. Its events, state, scratchpad and
    memory, and the spans, callbacks and logs of all steps, hold pseudonyms; the model gets
    placeholders; a tool gets values only where it is named, and what any tool says is scrubbed.
    The values are put back last, into the events that a run streams and into its result.

    Args:
        agent: A `FunctionAgent` or `ReActAgent`, or an `AgentWorkflow` of such, of these classes
            themselves. It is not changed: copies run, with redacted models and shielded tools.
        scrubber: Does the work; its vault keeps what was said, encrypted.
        user_id: The user.
        restore_tool_args: Names of tools that get values as arguments. Others get pseudonyms,
            which are the same for the same value in every call.
        known: Values the application knows that may be spoken of.
        viewer: Who speaks and listens; the user if None. Anybody else is told what they said
            themselves, and nothing out of the user's vault.
        allow_media: Let images, audio, video and files through.
        tenant_key: The metadata key under which nodes in a tool's output name their user. What
            stands in nodes of others, or of all, is not put back.
        shared_tools: Names of tools over data of all, whose results bear no tag.

    Raises:
        ConfigurationError: Not such an agent. A `CodeActAgent` runs code that calls tools past
            everything that could shield them.
        TenancyError: A model is bound to another user or another scrubber.
        InvalidUserIdError: No usable user id.
    """

    def __init__(
        self,
        agent: BaseWorkflowAgent | AgentWorkflow,
        *,
        scrubber: Scrubber,
        user_id: str,
        restore_tool_args: Collection[str] = (),
        known: Known | None = None,
        viewer: str | None = None,
        allow_media: bool = False,
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
    ) -> None:
        if isinstance(restore_tool_args, str):
            raise ConfigurationError("restore_tool_args is a list of tool names")
        self._boundary = Boundary(
            scrubber,
            user_id,
            known=known,
            viewer=viewer,
            allow_media=allow_media,
            tenant_key=tenant_key,
            shared_tools=shared_tools,
        )
        self._tools = frozenset(restore_tool_args)
        self._agent = _within(agent, self._boundary, Shield(self._boundary, self._tools))

    def run(
        self,
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        memory: BaseMemory | None = None,
        ctx: Context | None = None,
        **options: Any,
    ) -> RedactedRun:
        """Start a run; needs a running event loop, as LlamaIndex's own `run` does.

        Args:
            user_msg: What the user says.
            chat_history: What was said before.
            memory: Keeps the conversation, in pseudonyms. What it holds already is scrubbed when
                the run begins.
            ctx: The context of an earlier run of this agent, to go on with.
            **options: ``max_iterations``, ``early_stopping_method``, ``run_id``.

        Raises:
            ConfigurationError: Another option, which nobody could search.
        """
        unknown = sorted(set(options) - _RUN_OPTIONS)
        if unknown:
            raise ConfigurationError(f"unknown options {', '.join(unknown)}")
        return RedactedRun(self, user_msg, chat_history, memory, ctx, options)

    def context(self) -> Context:
        """A new context for runs that go on with one another."""
        return Context(self._agent)

    def __repr__(self) -> str:
        return f"RedactedAgent({type(self._agent).__name__})"


class RedactedRun:
    """A run in progress: await it for the result, or stream its events; made by `run`."""

    def __init__(
        self,
        agent: RedactedAgent,
        user_msg: str | ChatMessage | None,
        chat_history: list[ChatMessage] | None,
        memory: BaseMemory | None,
        ctx: Context | None,
        options: dict[str, Any],
    ) -> None:
        self._boundary = agent._boundary
        self._restore = _EventRestorer(agent._boundary, agent._tools)
        self._ctx = ctx if ctx is not None else Context(agent._agent)
        given = (agent._agent, user_msg, chat_history, memory, options)
        self._started = asyncio.ensure_future(self._start(*given))

    @property
    def ctx(self) -> Context:
        """The context of the run; it holds pseudonyms."""
        return self._ctx

    async def _start(
        self,
        agent: Any,
        user_msg: str | ChatMessage | None,
        chat_history: list[ChatMessage] | None,
        memory: BaseMemory | None,
        options: dict[str, Any],
    ) -> WorkflowHandler:
        boundary = self._boundary
        said = None if user_msg is None else await asyncio.to_thread(boundary.spoken, user_msg)
        history = None
        if chat_history is not None:
            history = await asyncio.to_thread(boundary.messages, chat_history)
        if isinstance(memory, ScrubbedMemory):
            boundary.require(memory._within())
        elif memory is not None:
            kept = await memory.aget_all()
            clean = await asyncio.to_thread(boundary.messages, kept)
            if clean != kept:
                await memory.aset(clean)
        given = {"user_msg": said, "chat_history": history, "memory": memory, **options}
        handler: WorkflowHandler = agent.run(
            ctx=self._ctx, **{k: v for k, v in given.items() if v is not None}
        )
        return handler

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result().__await__()

    async def _result(self) -> Any:
        handler = await self._started
        return await asyncio.to_thread(self._restore.result, await handler)

    async def stream_events(self, expose_internal: bool = False) -> AsyncGenerator[Event, None]:
        """The events of the run, as a person may read them.

        Restored are messages, streamed text, tool outputs, and the arguments of allowed tools.
        Events of your own classes pass as they are.
        """
        handler = await self._started
        async for event in handler.stream_events(expose_internal=expose_internal):
            for shown in self._restore.event(event):
                yield shown

    async def send_event(self, event: Event, step: str | None = None) -> None:
        """Send an event into the run, such as a person's answer to a tool."""
        await (await self._started).send_event(event, step)

    async def cancel_run(self, *, timeout: float = 5.0) -> None:
        """End the run early."""
        await (await self._started).cancel_run(timeout=timeout)

    def is_done(self) -> bool:
        """Whether the run is over."""
        started = self._started
        if not started.done():
            return False
        return started.cancelled() or started.exception() is not None or started.result().is_done()

    def __repr__(self) -> str:
        return f"RedactedRun(done={self.is_done()})"


class _EventRestorer:
    """Restores the events of one run; the originals, which the run goes on with, stay."""

    def __init__(self, boundary: Boundary, tools: frozenset[str]) -> None:
        self._boundary = boundary
        self._tools = tools
        self._texts: dict[str, tuple[RevealStream, RevealStream]] = {}
        self._so_far: dict[str, str] = {}

    def event(self, event: Event) -> list[Event]:
        """What a person sees of an event, and of text held back before it."""
        if isinstance(event, AgentStream):
            return [self._stream(event)]
        rest: list[Event] = []
        if isinstance(event, AgentOutput):
            rest = self._end(event.current_agent_name)
        return [*rest, self._whole(event)]

    def result(self, result: Any) -> Any:
        """What a person sees of a run's result."""
        return self._whole(result) if isinstance(result, Event) else result

    def _whole(self, event: Event) -> Event:
        changed: dict[str, Any] = {}
        if isinstance(event, AgentInput | AgentSetup):
            changed = {"input": self._messages(event.input)}
        elif isinstance(event, AgentOutput):
            changed = {
                "response": self._messages([event.response])[0],
                "structured_response": self._value(event.structured_response),
                "retry_messages": self._messages(event.retry_messages),
                "tool_calls": [self._call(call) for call in event.tool_calls],
                # The provider's own object, or what a tool returned.
                "raw": None,
            }
        elif isinstance(event, ToolCallResult):
            changed = {**self._call_changes(event), "tool_output": self._output(event.tool_output)}
        elif isinstance(event, ToolCall):
            changed = self._call_changes(event)
        elif isinstance(event, AgentStreamStructuredOutput):
            changed = {"output": self._value(event.output)}
        elif isinstance(event, StopEvent) and isinstance(event.result, Event):
            return StopEvent(result=self._whole(event.result))
        return event.model_copy(update=changed) if changed else event

    def _stream(self, event: AgentStream) -> AgentStream:
        name = event.current_agent_name
        revealer = self._boundary.revealer()
        text, thought = self._texts.setdefault(name, (revealer.pushed(), revealer.pushed()))
        delta = text.feed(event.delta)
        self._so_far[name] = self._so_far.get(name, "") + delta
        thinking = event.thinking_delta
        return event.model_copy(
            update={
                "delta": delta,
                "response": self._so_far[name],
                "thinking_delta": None if thinking is None else thought.feed(thinking),
                "tool_calls": [self._call(call) for call in event.tool_calls],
                "raw": None,
            }
        )

    def _end(self, name: str) -> list[Event]:
        """The text of a reply is over: show what was held back."""
        streams = self._texts.pop(name, None)
        so_far = self._so_far.pop(name, "")
        if streams is None:
            return []
        delta, thinking = (stream.flush() for stream in streams)
        if not delta and not thinking:
            return []
        return [
            AgentStream(
                delta=delta,
                response=so_far + delta,
                current_agent_name=name,
                thinking_delta=thinking or None,
            )
        ]

    def _call(self, call: Any) -> Any:
        changed = self._call_changes(call)
        if isinstance(call, ToolCallResult):
            changed["tool_output"] = self._output(call.tool_output)
        return call.model_copy(update=changed)

    def _call_changes(self, call: Any) -> dict[str, Any]:
        if call.tool_name not in self._tools:
            return {}
        return {"tool_kwargs": self._value(call.tool_kwargs)}

    def _output(self, output: ToolOutput) -> ToolOutput:
        restore = RevealRestorer(self._boundary.revealer(), self._tools)
        allowed = output.tool_name in self._tools
        return ToolOutput(
            tool_name=output.tool_name,
            blocks=[restore.block(block) for block in output.blocks],
            # What the tool was called with, as in `tool_kwargs`.
            raw_input=self._value(output.raw_input) if allowed else output.raw_input,
            raw_output=self._value(output.raw_output),
            is_error=output.is_error,
        )

    def _messages(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        restore = RevealRestorer(self._boundary.revealer(), self._tools)
        return [restore.message(message) for message in messages]

    def _value(self, data: Any) -> Any:
        return self._boundary.revealer().value(data)


def _within(agent: Any, boundary: Boundary, shield: Shield) -> Any:
    """A copy of an agent in which all is pseudonyms."""
    if type(agent) is AgentWorkflow:
        return AgentWorkflow(
            agents=[_agent(one, boundary, shield) for one in agent.agents.values()],
            initial_state=boundary.value(agent.initial_state),
            root_agent=agent.root_agent,
            handoff_prompt=agent.handoff_prompt,
            handoff_output_prompt=agent.handoff_output_prompt,
            state_prompt=agent.state_prompt,
            output_cls=agent.output_cls,
            structured_output_fn=agent.structured_output_fn,
            early_stopping_method=agent.early_stopping_method,
            timeout=agent._timeout,
        )
    return _agent(agent, boundary, shield)


def _agent(agent: Any, boundary: Boundary, shield: Shield) -> BaseWorkflowAgent:
    if type(agent) not in _AGENTS:
        raise ConfigurationError(
            f"a {type(agent).__name__} cannot be redacted; a FunctionAgent, a ReActAgent and an "
            "AgentWorkflow of these can"
        )
    fields = {name: getattr(agent, name) for name in type(agent).model_fields}
    model = agent.llm
    if not isinstance(model, RedactedLLM):
        model = RedactedLLM(model, scrubber=boundary.scrubber, known=boundary.known)
    # Whose a text is, the boundary has told. A model with settings of its own goes by these too.
    fields["llm"] = model.sealed(boundary.scrubber, boundary.user_id, told=model is not agent.llm)
    if agent.tools is not None:
        fields["tools"] = [shield.over(tool) for tool in agent.tools]
    if agent.tool_retriever is not None:
        fields["tool_retriever"] = ShieldingRetriever(agent.tool_retriever, shield)
    if agent.system_prompt:
        fields["system_prompt"] = boundary.text(agent.system_prompt)
    fields["initial_state"] = boundary.value(agent.initial_state)
    if isinstance(agent, ReActAgent):
        context = boundary.text(agent.formatter.context or "")
        fields["formatter"] = agent.formatter.model_copy(update={"context": context})
    # Verbose workflows print their events.
    made: BaseWorkflowAgent = type(agent)(**fields, timeout=agent._timeout)
    return made
