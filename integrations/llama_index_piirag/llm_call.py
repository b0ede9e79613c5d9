"""One call of a wrapped model."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llama_index_piirag.replies import ReplyRestorer
from llama_index_piirag.reply_streams import StreamRestorer
from llama_index_piirag.texts import flat
from llama_index_piirag.watching import note_refusal
from piirag.errors import PiiragError
from piirag.governance.observation import Observation
from piirag.redaction import Reply


@dataclass(repr=False)
class Call:
    """One call of the wrapped model, redacted, and what restores its reply."""

    content: Any
    options: dict[str, Any]
    reply: Reply
    tools: Container[object]
    shown: Container[object]
    observation: Observation

    @property
    def whole(self) -> ReplyRestorer:
        """Restores a whole reply."""
        return ReplyRestorer(self.reply, self.tools, self.shown)

    @property
    def stream(self) -> StreamRestorer:
        """Restores a streamed reply."""
        return StreamRestorer(self.reply, self.tools, self.shown)

    def __repr__(self) -> str:
        return f"Call({self.reply!r})"


@contextmanager
def refusals(model: Any, user_id: str | None, given: Any) -> Iterator[None]:
    """Have a call recorded that is stopped in this block, before anything is sent.

    Args:
        model: The wrapped model.
        user_id: Its user.
        given: The input, before redaction.
    """
    try:
        yield
    except PiiragError as error:
        note_refusal(model, user_id, flat(given), error)
        raise
