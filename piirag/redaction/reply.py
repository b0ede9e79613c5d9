"""The reply to one model call: values put back, new ones taken out, and all of it counted.

Two duties meet here. What stood in the prompt comes back: a token of this call is replaced by its
value, where the viewer may see it and the place allows it. What the model says by itself is taken
out: the detector looks at the reply with the tokens still in it, so a value that was put back is
never looked at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from piirag.detection.bare_numbers import may_be_personal, sure
from piirag.detection.finding import Finding
from piirag.detection.text import require_text
from piirag.errors import ConfigurationError, PIIBlockedError
from piirag.redaction.rehydrate import StreamRehydrator, Tally
from piirag.redaction.respelt import OPENER, WHOLE, probe
from piirag.redaction.tokens import mark
from piirag.redaction.unseen import Piece, UnseenFilter

if TYPE_CHECKING:
    from piirag.redaction.session import RedactionSession

Sink = Literal["display", "tool", "none"]
"""Where a restored text goes: a person reads it, an allowed tool gets it, or nothing may be put
back into it."""

SINKS = ("display", "tool", "none")


@dataclass(frozen=True)
class ReplyCounts:
    """What became of the tokens and values of one reply.

    Args:
        restored: Tokens replaced by their values.
        inert: Token-shaped text that is none of this call's, left as it is.
        refused: Tokens of this call that the viewer, the sink, their place, the cap or the end
            of the session refused.
        unseen: Values that stood in the reply and nowhere in the call's prompt. Not looked for
            where the policy lets them through.
    """

    restored: int = 0
    inert: int = 0
    refused: int = 0
    unseen: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counts by name, for a message's metadata."""
        return asdict(self)


class Reply:
    """The reply to one model call; made by `RedactionSession.reply`.

    Args:
        session: The session of the call.
    """

    def __init__(self, session: RedactionSession) -> None:
        self.session = session
        self._tally = Tally()
        self._open: set[StreamRehydrator] = set()
        self._restored: set[str] = set()
        self._most = session.policy.max_restored
        self._looks = session.policy.replies != "allow"
        self._blocks = session.policy.replies == "block"
        self.unseen: Counter[str] = Counter()
        """Entity type -> values that the model said by itself."""
        self.label: str | None = None
        """The highest label of the chunks that the reply was made from, where one is known."""

    @property
    def counts(self) -> ReplyCounts:
        """What became of the tokens and values so far."""
        for stream in self._open:
            stream.settle()
        return ReplyCounts(**asdict(self._tally))

    @property
    def told(self) -> dict[str, Any]:
        """The counts so far by name, and the label, for a reply's metadata."""
        counts: dict[str, Any] = self.counts.as_dict()
        return counts if self.label is None else {**counts, "label": self.label}

    def text(self, text: str, sink: Sink = "display") -> str:
        """Restore a whole text.

        Args:
            text: As the model wrote it.
            sink: Where it goes.

        Raises:
            InvalidInputError: Not a string.
            ConfigurationError: No such sink.
            DetectionError: The detector failed; nothing was let through.
            PIIBlockedError: The model said a value by itself, and the policy blocks.
        """
        stream = self.stream(sink)
        return stream.feed(text) + stream.flush()

    def value(self, data: Any, sink: Sink = "display") -> Any:
        """Restore every string leaf and key of nested data, such as parsed JSON arguments.

        A number that the model said by itself and that is personal data becomes a mark.

        Raises:
            InvalidInputError: A part that cannot be searched.
            ConfigurationError: No such sink.
            DetectionError: The detector failed; nothing was let through.
            PIIBlockedError: The model said a value by itself, and the policy blocks.
        """
        from piirag.redaction.walk import map_leaves

        return map_leaves(data, lambda leaf: self._leaf(leaf, sink))

    def stream(self, sink: Sink = "display") -> ReplyStream:
        """Restore a text that arrives in chunks; equal to `text` for every way of cutting it.

        Raises:
            ConfigurationError: No such sink.
        """
        if sink not in SINKS:
            raise ConfigurationError(f"a sink is one of {', '.join(SINKS)}")
        return ReplyStream(self, sink)

    def _leaf(self, leaf: Any, sink: Sink) -> Any:
        if isinstance(leaf, str):
            return self.text(leaf, sink)
        shown = str(leaf)
        if not self._looks or not may_be_personal(shown):
            return leaf
        found = sure(self.session.unseen(shown, ()))
        if not found:
            return leaf
        self._count(found)
        return mark(found[0].entity_type)

    def _unseen(self, text: str) -> list[Finding]:
        return self.session.unseen(text, self.tokens_in(text))

    def tokens_in(self, text: str) -> list[tuple[int, int]]:
        """Where tokens of this call stand, in any spelling."""
        keys, prefixes = self.session.mapping.index()
        found: list[tuple[int, int]] = []
        at = 0
        while (opener := OPENER.search(text, at)) is not None:
            state, end, _, _ = probe(text, opener.start(), keys, prefixes)
            if state == WHOLE:
                found.append((opener.start(), end))
            at = end if state == WHOLE else opener.end()
        words = self.session.mapping.stand_ins()
        if words is not None:
            for match in words[0].finditer(text):
                if all(match.end() <= low or high <= match.start() for low, high in found):
                    found.append(match.span())
            found.sort()
        return found

    def _count(self, found: list[Finding]) -> None:
        kinds = [f.entity_type for f in found]
        self._tally.unseen += len(kinds)
        self.unseen.update(kinds)
        if self._blocks and kinds:
            raise PIIBlockedError("the model's reply", dict(Counter(kinds)))

    def _admits(self, token: str) -> bool:
        if self.session.mapping.is_foreign(token):
            return False
        if self._most is not None and token not in self._restored:
            if len(self._restored) >= self._most:
                return False
            self._restored.add(token)
        return True

    def __repr__(self) -> str:
        return f"Reply({self.counts})"


class ReplyStream:
    """One text of a reply that arrives in chunks; made by `Reply.stream`."""

    def __init__(self, reply: Reply, sink: Sink) -> None:
        self._reply = reply
        self._sink = sink
        self._stream = StreamRehydrator(reply.session.mapping, self, reply._tally)
        self._filter = UnseenFilter(reply._unseen) if reply._looks else None
        reply._open.add(self._stream)
        self._read: list[str] = []
        if self._filter is None:
            # One call less for every chunk.
            self.feed = self._stream.feed  # type: ignore[method-assign]

    def feed(self, chunk: str) -> str:
        """Take the next chunk; return what can be shown now, possibly nothing.

        Raises:
            InvalidInputError: Not a string.
            DetectionError: The detector failed; what was held back is not let through.
            PIIBlockedError: The model said a value by itself, and the policy blocks.
        """
        assert self._filter is not None
        self._read.append(chunk)
        return self._restored(self._filter.feed(require_text(chunk, "a chunk")))

    def flush(self) -> str:
        """The text is over: return what was held back. See `feed`."""
        rest = self._restored(self._filter.flush()) if self._filter is not None else ""
        if self._read:
            self._reply.session.heard.note("".join(self._read))
            self._read.clear()
        rest += self._stream.flush()
        self._reply._open.discard(self._stream)
        return rest

    def admits(self, token: str) -> bool:
        """Whether this token is restored, its place being no objection."""
        return self._sink != "none" and self._reply._admits(token)

    def _restored(self, pieces: list[Piece]) -> str:
        shown: list[str] = []
        for text, kind in pieces:
            if text:
                shown.append(self._stream.feed(text))
            if kind:
                self._reply._count([Finding(kind, 0, 1, 1.0, "")])
                shown.append(self._stream.feed(mark(kind)))
        return "".join(shown)

    def __repr__(self) -> str:
        return f"ReplyStream({self._sink!r})"
