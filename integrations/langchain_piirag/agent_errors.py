"""What is raised around the tools of agents, and what is let through."""

from __future__ import annotations

from types import TracebackType

from piirag.errors import ModelCallError, PiiragError, ToolCallError


class Caught:
    """Catches any exception in its block, to be dealt with after it.

    What is raised after the block does not carry the exception as its context.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Caught:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        return True


def model_error(error: Exception) -> Exception:
    """What to raise for what a model, or the parsing of its reply, raised. See `tool_error`."""
    return error if _is_passed_on(error) else ModelCallError(_type_of(error))


def tool_error(tool: str, error: Exception) -> Exception:
    """What to raise for what a tool raised.

    What LangGraph steers by (interrupts, commands to a parent graph) is passed on as it is, and
    so is an error of ours.
    """
    return error if _is_passed_on(error) else ToolCallError(tool, _type_of(error))


def _is_passed_on(error: Exception) -> bool:
    from langgraph.errors import GraphBubbleUp

    return isinstance(error, PiiragError | GraphBubbleUp)


def _type_of(error: Exception) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def is_invalid_resume(error: BaseException) -> bool:
    """Whether a person's answer did not fit the question: LangGraph lets it be given again."""
    from langgraph import errors

    check = getattr(errors, "is_invalid_resume", None)  # an older LangGraph takes any answer
    return bool(check(error)) if check is not None else False
