"""Where one user's values become pseudonyms on their way in, and values again on their way out.

Chat engines and agents of LlamaIndex pass on what they are told to memories, events, spans,
callbacks and logs. Between the two ways of this boundary, all of these hold pseudonyms.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.tools import ToolOutput

from llama_index_piirag.messages import MessageRedactor
from llama_index_piirag.owners import NOBODY, Owners
from llama_index_piirag.replies import ReplyRestorer
from llama_index_piirag.reveal import Revealer, asked_values
from piirag.detection.finding import Finding
from piirag.detection.known import Known, check_known
from piirag.errors import InvalidInputError, TenancyError
from piirag.redaction import RedactionSession, Redactor, Reply, Scrubber
from piirag.redaction.adjacent import Cut, cuts, together
from piirag.redaction.carried import Carried
from piirag.redaction.echoes import Echoes
from piirag.redaction.tokens import PSEUDONYM
from piirag.tenancy.tags import TENANT_KEY
from piirag.user_id import check_user_id


@dataclass(frozen=True, repr=False)
class _Scrubbed:
    text: str
    version: int = 0


class _Scrubbing:
    """Looks like a session to `MessageRedactor`, and puts pseudonyms in place of findings.

    One message, or one result of a tool, says the same text in several places: a tool's answer
    stands in its blocks and in its raw output. It is searched once, and again where it holds
    something that was found in another text since.
    """

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self._done: dict[tuple[str, bool, Cut, str], _Scrubbed] = {}
        session = Redactor(scrubber=boundary.scrubber).session(
            user_id=boundary.user_id, known=boundary.known
        )
        self._find = session.find

    @property
    def version(self) -> int:
        return self._spoken.version

    @property
    def _spoken(self) -> Carried:
        return self._boundary.scrubber.spoken(self._boundary.user_id)

    def redact(
        self,
        text: str,
        *,
        owner: str | None = None,
        said: bool = False,
        cut: Cut = (),
        context: str = "",
    ) -> _Scrubbed:
        remember = owner != NOBODY
        if not isinstance(text, str):
            # Refused, by an error of ours.
            return _Scrubbed(self._boundary.text(text, said=said))
        key = (text, remember, cut, context)
        done = self._done.get(key)
        if done is None or (done.version != self.version and self._spoken.find(done.text)):
            clean = self._boundary.text(
                text, said=said, remember=remember, cut=cut, context=context
            )
            done = self._done[key] = _Scrubbed(clean, self.version)
        return done

    def find(self, text: str, *, context: str = "") -> list[Finding]:
        return self._find(text, context=context)


class RevealRestorer(ReplyRestorer):
    """Restores pseudonyms in the parts of a message, where a person reads it.

    Args:
        revealer: Restores texts.
        tools: Names of the tools whose arguments are restored.
    """

    def __init__(self, revealer: Revealer, tools: Container[object] = ()) -> None:
        super().__init__(cast(Reply, revealer), tools)


class Boundary:
    """Scrubs what one user says, and restores what the user is told.

    Args:
        scrubber: Does the work; its vault keeps what was said, encrypted.
        user_id: The user.
        known: Values the application knows that may be spoken of.
        viewer: Who speaks and listens; the user if None. Anybody else is told what they said
            themselves, and nothing out of the user's vault.
        allow_media: Let images, audio, video and files through.
        tenant_key: The metadata key under which nodes name their user.
        shared_tools: Names of tools whose results are shared where they bear no tag.

    Raises:
        InvalidUserIdError: No usable user id.
        ConfigurationError: An unusable key, or tools that are no list of names.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        *,
        known: Known | None = None,
        viewer: str | None = None,
        allow_media: bool = False,
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
    ) -> None:
        self.scrubber = scrubber
        self.user_id = check_user_id(user_id)
        self.viewer = None if viewer is None else check_user_id(viewer)
        self.known = check_known(known)
        self._allow_media = allow_media
        self.owners = Owners(
            self.viewer or self.user_id,
            tenant=self.user_id,
            scrubber=scrubber,
            tenant_key=tenant_key,
            shared_tools=shared_tools,
        )
        self._said: dict[str, str] = {}
        self._given = Echoes()
        scrubber.vault.on_forget(self._forget)

    def _forget(self, tag: str) -> None:
        """Forget what was said here, and given to tools, once either of the two is erased."""
        vault = self.scrubber.vault
        if tag in {vault.tag(user) for user in (self.user_id, self.viewer) if user is not None}:
            self._said = {}
            self._given = Echoes()

    def require(self, part: Any) -> None:
        """Check that a part of a chat or agent serves the same user.

        Args:
            part: With the `user_id` and `scrubber` it is bound to.

        Raises:
            TenancyError: They are others.
        """
        if part.user_id != self.user_id or part.scrubber is not self.scrubber:
            raise TenancyError("a part of it is bound to another user or scrubber")

    # In

    def text(
        self,
        text: str,
        *,
        said: bool = False,
        remember: bool = True,
        cut: Cut = (),
        context: str = "",
    ) -> str:
        """A text with pseudonyms in place of values.

        Args:
            text: The text.
            said: Whether the viewer said it just now, and gets it back as it was written.
            remember: Whether its values can be put back. False for texts of others: theirs can
                where the user's own texts hold the same.
            cut: Parts of values that lie over its borders. See `piirag.redaction.adjacent`.
            context: What it is to be understood by, such as ``"passport: "``; not returned.

        Raises:
            InvalidInputError: Not a string.
            DetectionError: The detector failed.
            UserErasedError: The user was erased.
        """
        (result,) = self.scrubber.scrub_batch(
            [text],
            user_id=self.user_id,
            known=self.known,
            remember=remember,
            contexts=[context],
            cuts=[together(cut, self._given.find(text))],
            spoken=True,
        )
        if said:
            self._said.update(asked_values(text, result))
        return result.text

    def messages(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Messages with pseudonyms in place of values; the originals are not changed.

        Raises:
            InvalidInputError: A part that cannot be searched.
        """
        return self._parts().messages(messages)

    def message(self, message: ChatMessage) -> ChatMessage:
        """A message with pseudonyms in place of values. See `messages`."""
        return self.messages([message])[0]

    def spoken(self, message: str | ChatMessage) -> str | ChatMessage:
        """What the viewer says now, with pseudonyms in place of values."""
        if isinstance(message, str):
            return self.text(message, said=True)
        if not isinstance(message, ChatMessage):
            raise InvalidInputError(f"expected a message, not {type(message).__name__}")
        scrubbing = _Scrubbing(self)
        texts = [block.text for block in message.blocks if isinstance(block, TextBlock)]
        for text, cut in zip(texts, cuts(texts, scrubbing.find), strict=True):
            scrubbing.redact(text, said=True, cut=cut)
        return self._parts(scrubbing).messages([message])[0]

    def value(self, data: Any) -> Any:
        """Nested data with pseudonyms in place of values.

        Raises:
            InvalidInputError: A part that cannot be searched.
        """
        return self._parts().value(data)

    def output(self, output: ToolOutput, tool: str | None = None) -> tuple[list[Any], Any]:
        """A tool's blocks and its raw output, with pseudonyms in place of values.

        Args:
            output: What the tool returned. Values in nodes of others are not remembered.
            tool: Its name.

        Returns:
            The blocks, and the raw output; None in its place where it cannot be searched, as an
            object of the tool's own, such as an answer with its sources.

        Raises:
            InvalidInputError: A block that cannot be searched.
        """
        owner, own = self.owners.of_output(output, tool)
        scrubbing = _Scrubbing(self)
        for text in own:
            scrubbing.redact(text, said=self._reads_as_another)
        if owner is None and self._reads_as_another:
            # Only a tag of the viewer's says so: what it names as theirs, they may read.
            texts = [block.text for block in output.blocks if isinstance(block, TextBlock)]
            for text, cut in zip(texts, cuts(texts, scrubbing.find), strict=True):
                scrubbing.redact(text, said=True, cut=cut)
        parts = self._parts(scrubbing).of(owner)
        blocks = parts.blocks(output.blocks)
        try:
            return blocks, parts.value(output.raw_output)
        except InvalidInputError:
            return blocks, None

    def _parts(self, scrubbing: _Scrubbing | None = None) -> MessageRedactor:
        session = cast(RedactionSession, scrubbing or _Scrubbing(self))
        return MessageRedactor(session, owners=self.owners, allow_media=self._allow_media)

    @property
    def _reads_as_another(self) -> bool:
        return self.viewer is not None and self.viewer != self.user_id

    # Out

    def given(self, arguments: Any) -> Any:
        """Arguments as a tool gets them, with values. Texts are searched for these from now on."""
        revealer = self.revealer()

        def note(data: Any) -> None:
            if isinstance(data, Mapping):
                data = [*data.keys(), *data.values()]
            if isinstance(data, list | tuple):
                for item in data:
                    note(item)
            elif isinstance(data, str):
                for match in PSEUDONYM.finditer(data):
                    value = revealer.text(match.group())
                    if value != match.group():
                        self._given.add(match["type"], value)

        note(arguments)
        return revealer.value(arguments)

    def revealer(self) -> Revealer:
        """Restores what the viewer is told."""
        return Revealer(self.scrubber, self.user_id, self._said, self.viewer)

    def shown(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Messages restored for the viewer."""
        restore = RevealRestorer(self.revealer())
        return [restore.message(message) for message in messages]

    def __repr__(self) -> str:
        return "Boundary(...)"
