"""A tool as it runs where the state holds tokens: tokens outside, values inside only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import replace
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    run_in_executor,
    set_config_context,
    var_child_runnable_config,
)
from langchain_core.runnables.utils import coro_with_context
from langchain_core.tools import BaseTool, ToolException
from langchain_core.tools.base import _get_runnable_config_param
from langgraph.prebuilt.tool_node import ToolInvocationError, ToolRuntime
from langgraph.runtime import Runtime
from pydantic import ValidationError

from langchain_piirag.agent_errors import Caught, is_invalid_resume, tool_error
from langchain_piirag.agent_order import InOrder
from langchain_piirag.agent_tools import StateTool
from langchain_piirag.agent_walk import Changes, rebuild

Writer = Callable[[Any], None]

_ARGUMENTS = "piirag_arguments"
_AS_IT_IS = Changes(lambda text: text, lambda message: message)


class ShieldedTool(BaseTool):
    """Stands in for a tool in one call.

    Its run, which tracers, callbacks and event streams record, has tokens as arguments and as
    result. The tool itself gets what it may have and runs without a run of its own; what it
    starts in turn becomes a child of this run. Its arguments are checked with the values it
    gets: a token is no e-mail address.

    Args:
        tool: The tool.
        call_id: The id of the call.
        state: What the tool may have, and what its result may hold.
    """

    tool: Any
    call_id: str | None
    state: Any

    @classmethod
    def around(cls, tool: BaseTool, call_id: str | None, state: StateTool) -> ShieldedTool:
        """Make one."""
        return cls(
            name=tool.name,
            description=tool.description,
            args_schema=None,
            return_direct=tool.return_direct,
            response_format=tool.response_format,
            callbacks=tool.callbacks,
            tags=tool.tags,
            metadata=tool.metadata,
            handle_tool_error=_as_raised,
            tool=tool,
            call_id=call_id,
            state=state,
        )

    def _filter_injected_args(self, tool_input: dict[str, Any]) -> dict[str, Any]:
        filtered: dict[str, Any] = self.tool._filter_injected_args(tool_input)
        return filtered

    def _to_args_and_kwargs(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        return (), {_ARGUMENTS: tool_input}

    def _run(
        self,
        piirag_arguments: Any,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> Any:
        """Run the tool."""
        result: Any = None
        with Caught() as caught:
            args, kwargs = self._prepared(piirag_arguments, self.tool._run, config, run_manager)
            with self._context() as context:
                result = context.run(self.tool._run, *args, **kwargs)
            result = self._clean(result)
        self._check(caught.error, piirag_arguments)
        return result

    async def _arun(
        self,
        piirag_arguments: Any,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> Any:
        """Run the tool."""
        method: Callable[..., Any] = self.tool._arun
        manager: Any = run_manager
        if inline := type(self.tool)._arun is BaseTool._arun:
            method = self.tool._run
            manager = run_manager.get_sync() if run_manager is not None else None
        result: Any = None
        # A tool that runs in the event loop writes there, and is not to search there.
        writes = InOrder()
        failed: list[Exception | None] = []
        try:
            with Caught() as caught:
                given = (piirag_arguments, method, config, manager, None if inline else writes)
                args, kwargs = await run_in_executor(None, self._prepared, *given)
                with self._context(None if inline else writes) as context:
                    if inline:
                        result = await run_in_executor(None, context.run, method, *args, **kwargs)
                    else:
                        result = await coro_with_context(method(*args, **kwargs), context)
                result = await run_in_executor(None, self._clean, result)
            failed.append(caught.error)
            with Caught() as caught:
                await writes.flush()
            failed.append(caught.error)
        finally:
            writes.close()
        error = next(filter(None, failed), None)
        await run_in_executor(None, self._check, error, piirag_arguments)
        return result

    def _prepared(
        self,
        arguments: Any,
        method: Callable[..., Any],
        config: RunnableConfig,
        manager: Any,
        writes: InOrder | None = None,
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the tool may have them, checked by its own schema."""
        if isinstance(arguments, dict):
            own = self.tool._filter_injected_args(arguments)
            given = {**arguments, **self.state.arguments(self.name, own)}
            for key, value in given.items():
                if isinstance(value, ToolRuntime):
                    writer = self._writer(value.stream_writer, writes)
                    given[key] = replace(value, stream_writer=writer)
        else:
            given = arguments
        args, kwargs = self.tool._to_args_and_kwargs(given, self.call_id)
        if "run_manager" in inspect.signature(method).parameters:
            kwargs["run_manager"] = manager
        if name := _get_runnable_config_param(method):
            kwargs[name] = config
        return args, kwargs

    def _writer(self, writer: Writer, writes: InOrder | None) -> Writer:
        def write(data: Any) -> None:
            writer(self.state.result(data))

        if writes is None:
            return write
        # A copy: the tool may go on with what it has written.
        return lambda data: writes.submit(write, rebuild(data, _AS_IT_IS))

    @contextmanager
    def _context(self, writes: InOrder | None = None) -> Iterator[Context]:
        """A context in which what the tool streams by itself is scrubbed."""
        config: Any = dict(var_child_runnable_config.get() or {})
        runtime = config.get("configurable", {}).get("__pregel_runtime")
        if isinstance(runtime, Runtime):
            writer = self._writer(runtime.stream_writer, writes)
            clean = runtime.override(stream_writer=writer)
            config["configurable"] = {**config["configurable"], "__pregel_runtime": clean}
        with set_config_context(config) as context:
            context.run(self._scrub_deltas, writes)
            yield context

    def _scrub_deltas(self, writes: InOrder | None) -> None:
        try:
            from langgraph.pregel._tools import _tool_call_writer
        except ImportError:
            return
        writer = _tool_call_writer.get()
        if writer is not None:
            _tool_call_writer.set(self._writer(writer, writes))

    def _clean(self, result: Any) -> Any:
        if self.response_format == "content_and_artifact":
            return self.state.with_artifact(result)
        return self.state.result(result)

    def _check(self, error: Exception | None, arguments: Any) -> None:
        """Raise what the tool raised, without values; what the model is to read, as a text."""
        if error is None:
            return
        if is_invalid_resume(error):
            raise error
        text: str | None = None
        with Caught() as caught:
            text = self._for_the_model(error)
        error = caught.error or error
        if text is not None:
            raise ToolException(text)
        if isinstance(error, ValidationError):
            self.handle_tool_error = False
            raise self._invalid(error, arguments)
        raise tool_error(self.name, self.state.stopped(error))

    def _for_the_model(self, error: Exception) -> str | None:
        """What the tool's own handlers make of an error; None where it has none for it."""
        if isinstance(error, ValidationError):
            handle: Any = self.tool.handle_validation_error
            default = "Tool input validation error"
        elif isinstance(error, ToolException):
            handle = self.tool.handle_tool_error
            default = str(error.args[0]) if error.args else "Tool execution error"
        else:
            return None
        if not handle:
            return None
        text = handle(error) if callable(handle) else handle if isinstance(handle, str) else default
        cleaned: str = self.state.text(text if isinstance(text, str) else str(text))
        return cleaned

    def _invalid(self, error: ValidationError, arguments: Any) -> ToolInvocationError:
        """Wrong arguments, told so that the model can do better: where and why, but no value.

        It is of the kind that LangGraph's tool node hands to the model as the tool's result.
        """
        details: list[Any] = [
            {
                "type": item["type"],
                "loc": tuple(self.state.text(str(part)) for part in item["loc"]),
                "msg": self.state.text(item["msg"]),
                "input": None,
            }
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        shown = self.tool._filter_injected_args(arguments) if isinstance(arguments, dict) else {}
        bare = ValidationError.from_exception_data(self.name, [])
        return ToolInvocationError(self.name, bare, shown, details)


def _as_raised(error: ToolException) -> str:
    """The handler of the shield: what it raises is a text for the model already."""
    return str(error.args[0])
