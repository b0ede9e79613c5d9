"""What spans tell: which call is part of which, whose retriever it is, and calls of tools."""

from __future__ import annotations

import functools
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from llama_index.core.tools import BaseTool, ToolOutput

from piirag.governance.record_names import word
from piirag.governance.recorder import MOST_OPEN, Recorder

_ID = re.compile(r"(?P<name>.*)-(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.DOTALL)
_CALLS = frozenset({"call", "acall", "__call__"})
_DEEPEST = 64

Method = TypeVar("Method", bound=Callable[..., None])


@dataclass(repr=False)
class OpenSpan:
    """A span under way.

    Args:
        parent: The id of the one it is in.
        instance: Whose method it is.
        open: Keys of the records that events have opened in it.
    """

    parent: str | None
    instance: Any
    open: list[Hashable] = field(default_factory=list)


def counting(method: Method) -> Method:
    """A method whose failures are counted: LlamaIndex would swallow them without a trace."""

    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except BaseException:
            self.failures += 1
            raise

    return wrapped  # type: ignore[return-value]


class SpanRecords:
    """Follows spans.

    Args:
        recorder: Writes the records.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.failures = 0
        self._recorder = recorder
        self._lock = threading.Lock()
        self._spans: OrderedDict[str, OpenSpan] = OrderedDict()

    @counting
    def entered(
        self, id: str, bound: Any, instance: Any, parent: str | None, tags: Mapping[str, Any]
    ) -> None:
        """A span has begun."""
        span = OpenSpan(parent, instance)
        with self._lock:
            self._spans[id] = span
            if len(self._spans) > MOST_OPEN:
                self._spans.popitem(last=False)
        if isinstance(instance, BaseTool) and _method(id) in _CALLS and not self._within(span):
            name = word(instance.metadata.name)
            record = self._recorder.begin(
                (id, "tool"),
                "decision",
                "execute_tool",
                text=repr(getattr(bound, "arguments", "")),
                request_id=uuid_of(id),
                parent_id=uuid_of(parent),
                **told_by(tags),
            )
            record.decide("let_through", f"tool {name}" if name else "tool", "called")

    @counting
    def left(self, id: str, result: Any) -> None:
        """A span has ended; a stream that it returned may go on."""
        self._forget(id)
        record = self._recorder.take((id, "tool"))
        if record is not None:
            failed = isinstance(result, ToolOutput) and result.is_error
            error = getattr(result, "exception", None) if failed else None
            self._recorder.end(record, "error" if failed else "ok", error=error)

    @counting
    def dropped(self, id: str, error: BaseException | None) -> None:
        """A span has ended in an exception."""
        span = self.get(id)
        self._forget(id)
        keys = [(id, "tool"), *(span.open if span is not None else ())]
        for key in keys:
            record = self._recorder.take(key)
            if record is not None:
                self._recorder.end(record, "error", error=error)

    def get(self, id: str | None) -> OpenSpan | None:
        """A span under way."""
        with self._lock:
            return None if id is None else self._spans.get(id)

    def around(self, span: OpenSpan | None) -> Iterator[OpenSpan]:
        """The spans that one is in, the innermost first."""
        for _ in range(_DEEPEST):
            span = None if span is None else self.get(span.parent)
            if span is None:
                return
            yield span

    def _within(self, span: OpenSpan) -> bool:
        """Whether a call of a tool is a part of another call of it, as ``call`` in ``acall``."""
        return any(other.instance is span.instance for other in self.around(span))

    def _forget(self, id: str) -> None:
        with self._lock:
            self._spans.pop(id, None)


def uuid_of(span_id: str | None) -> str | None:
    """The random part of a span's id."""
    found = _ID.fullmatch(span_id or "")
    return found["uuid"] if found else None


def told_by(tags: Mapping[str, Any]) -> dict[str, Any]:
    """What LlamaIndex's `instrument_tags` tell that a record may have."""
    session = tags.get("session_id")
    return {
        "session": str(session) if isinstance(session, str | int) and session != "" else None,
        "features": [tags.get("feature")],
    }


def _method(span_id: str) -> str:
    found = _ID.fullmatch(span_id)
    return found["name"].rpartition(".")[2] if found else ""
