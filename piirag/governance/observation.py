"""What an observer of a framework's events is to know of the call that a wrapper makes.

A wrapper redacts, calls the model, and restores the reply. The framework's callbacks and events
are about the call in between: they see placeholders, and end before the reply is restored. The
wrapper therefore leaves an `Observation` where they can find it, and says when all is over. Nobody
is entitled to anything by it: it is for records only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from piirag.errors import AuditError
from piirag.governance.labels import above, highest
from piirag.redaction.reply import Reply
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.session import RedactionSession

Hook = Callable[[BaseException | None], None]


class Observation:
    """One call of a wrapped model; made when its prompt is redacted, and nothing after it.

    Args:
        session: Its session.
        given: Gives the text of the input as it came, before redaction; asked only if somebody
            records the call.
        user_id: The user it is for.
        label: The highest label of the chunks in its prompt.
        sent: Gives what was sent as one text, in each form that a framework may tell it in. None
            where that is not known: then no call is the wrapper's own.
    """

    def __init__(
        self,
        session: RedactionSession,
        given: Callable[[], str],
        user_id: str | None,
        label: str | None = None,
        *,
        sent: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self.session = session
        self.given = given
        self.user_id = user_id
        self.label = label
        self.found = {kind: count for kind, count in session.found.items() if count > 0}
        """Entity type -> values that were replaced in the prompt."""
        self.is_over = False
        self._sent = sent
        self._replies: list[Reply] = []
        self._told: Counter[str] = Counter()
        self._hooks: list[Hook] = []

    @property
    def told(self) -> dict[str, int]:
        """What became of tokens and values of the reply: see `ReplyCounts`."""
        total = Counter(self._told)
        for reply in self._replies:
            total.update(reply.counts.as_dict())
        return dict(total)

    def is_of(self, text: str) -> bool:
        """Whether a call that somebody is told of is the wrapper's own, by what is sent in it.

        What the wrapped object calls besides (a chain that adds a message, a function that asks
        another model) may hold anything, and be anybody's.

        Args:
            text: What is sent, as one text.
        """
        return self._sent is not None and text in self._sent()

    def reply(self) -> Reply:
        """A reply to this call; make one for each."""
        reply = self.session.reply()
        reply.label = self.label
        self._replies.append(reply)
        return reply

    def tell(self, counts: Mapping[str, int]) -> None:
        """Note counts of a reply that was restored by other means than `reply`."""
        self._told.update({k: n for k, n in counts.items() if type(n) is int})

    def at_end(self, hook: Hook) -> None:
        """Have a function called when the reply is restored, or at once where it is already.

        Args:
            hook: Gets the exception that the caller gets, or None.
        """
        if self.is_over:
            hook(None)
        else:
            self._hooks.append(hook)

    def over(self, error: BaseException | None = None) -> None:
        """All is over: the caller has the reply, or gets an exception.

        Raises:
            AuditError: The call could not be recorded, and the caller gets no other exception.
        """
        hooks, self._hooks = self._hooks, []
        self.is_over = True
        failed: AuditError | None = None
        for hook in hooks:
            try:
                hook(error)
            except AuditError as unwritten:
                failed = unwritten
        if failed is not None and error is None:
            raise failed

    def __repr__(self) -> str:
        return "Observation(...)"


@contextmanager
def begun(observation: Observation) -> Iterator[None]:
    """A block in which a stream is begun: if that fails, all is over."""
    try:
        yield
    except BaseException as error:
        observation.over(error)
        raise


@contextmanager
def watched(observation: Observation) -> Iterator[Observation]:
    """An observation that is over at the end of the block."""
    try:
        yield observation
    except BaseException as error:
        observation.over(error)
        raise
    observation.over()


def label_of(scrubber: Scrubber | None, user_id: str | None, text: Callable[[], str]) -> str | None:
    """The highest label of the user's chunks that stand in a text; None where none is known."""
    if scrubber is None or user_id is None:
        return None
    tag = scrubber.vault.tag(user_id)
    if not scrubber.labels.knows(tag):
        return None
    return highest(scrubber.labels.found_in(tag, [text()]))


def is_above(label: str | None, ceiling: str | None) -> bool:
    """Whether a label is over a ceiling; without one, nothing is."""
    return ceiling is not None and above(label, ceiling)


class Current:
    """Where an adapter of a framework keeps the call of a wrapper that is being made.

    It is for records only: whose data a call may see is never decided by it (threat T14).

    Args:
        name: Of its context variable.
    """

    def __init__(self, name: str) -> None:
        self._held: ContextVar[Observation | None] = ContextVar(name, default=None)

    def get(self) -> Observation | None:
        """The call that is being made here, if any."""
        return self._held.get()

    def observed(self, observation: Observation) -> Observed:
        """Let observers find an observation while the model is called."""
        return Observed(self._held, observation)


class Observed:
    """A block in which an observation is found; it may be entered again when it was left.

    Args:
        held: The context variable.
        observation: The observation.
    """

    __slots__ = ("_held", "_observation", "_token")

    def __init__(self, held: ContextVar[Observation | None], observation: Observation) -> None:
        self._held = held
        self._observation = observation

    def __enter__(self) -> None:
        self._token = self._held.set(self._observation)

    def __exit__(self, *error: object) -> None:
        self._held.reset(self._token)
