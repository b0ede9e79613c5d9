"""Durable tokens in, values out: what the state of an agent holds, and what its user sees."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, convert_to_messages
from langgraph.types import Overwrite

from langchain_piirag.agent_walk import Changes, message_fields, rebuild, rebuild_message
from langchain_piirag.blocks import MEDIA, SEARCHABLE, is_media_data, kind_of, text_of
from langchain_piirag.owners import Owners
from piirag.detection.finding import Finding
from piirag.detection.known import Known
from piirag.errors import InvalidInputError
from piirag.redaction import Scrubber, operators, tokens
from piirag.redaction.adjacent import Cut, cuts
from piirag.redaction.known_mappings import pseudonyms_in
from piirag.redaction.places import Place
from piirag.redaction.result import ScrubResult
from piirag.redaction.walk import context_of, is_opaque

Artifacts = Literal["scrub", "drop"]

# A bare number is taken for personal data only where its form proves it (a card's checksum).
_NUMBER_SCORE = 0.5
_SHORTEST_NUMBER = 7
_SHORTEST_UNDER_A_KEY = 3


# What a provider tells of itself: names of models look like names of people.
_PROVIDERS_OWN = frozenset(
    "model model_name model_provider finish_reason stop_reason service_tier object".split()
)


class StateScrubber:
    """Scrubs what goes into an agent's state, and reveals what comes out, for one user.

    Args:
        scrubber: Keeps the values in its vault.
        user_id: The user.
        known: Values the application knows.
        allow_media: Let images, audio and files through, into which nobody can look.
        artifacts: What to do with artifacts of tools: scrub them, or drop them.
        owners: Tells whose documents and tool results the messages hold; what is not the user's
            own is not revealed.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        *,
        known: Known | None = None,
        allow_media: bool = False,
        artifacts: Artifacts = "scrub",
        owners: Owners | None = None,
    ) -> None:
        self.scrubber = scrubber
        self.user_id = user_id
        self._known = known
        self._artifacts = artifacts
        self._allow_media = allow_media
        self._owners = owners
        self._inward = Changes(self.text, self.message, self._number, under=self.under, strict=True)
        self._outward = Changes(self.reveal, self._shown, document=self._shown_document)
        self._own = Changes(self.reveal, self._shown)
        self._values: dict[str, str | None] = {}
        self._surrogates = any(
            operators.split(spec)[0] == operators.SURROGATE
            for spec in scrubber.policy.operators.values()
        )

    def knowing(self, values: Mapping[str, Sequence[str]]) -> StateScrubber:
        """The same, for text in which these values are known to stand."""
        known = {kind: list(given) for kind, given in (self._known or {}).items()}
        for kind, given in values.items():
            known[kind] = [*known.get(kind, ()), *given]
        return StateScrubber(
            self.scrubber,
            self.user_id,
            known=known,
            allow_media=self._allow_media,
            artifacts=self._artifacts,
            owners=self._owners,
        )

    def find(self, text: str) -> Sequence[Finding]:
        """What would be replaced in a text."""
        return self.scrubber.scrub(
            text, user_id=self.user_id, known=self._known, remember=False
        ).findings

    def text(self, text: str, cut: Cut = (), context: str = "") -> str:
        """A text with durable tokens in place of personal data, understood by a context."""
        return self._scrubbed(text, cut, context).text

    def _scrubbed(
        self, text: str, cut: Cut = (), context: str = "", *, remember: bool = True
    ) -> ScrubResult:
        return self.scrubber.scrub_batch(
            [text],
            user_id=self.user_id,
            known=self._known,
            remember=remember,
            contexts=[context],
            cuts=[cut],
            spoken=True,
        )[0]

    def message(self, message: BaseMessage) -> BaseMessage:
        """A message with durable tokens in every part of it."""
        update: dict[str, Any] = {}
        for name, value in message_fields(message).items():
            if name == "content":
                update[name] = self._content(value)
            elif name == "response_metadata":
                update[name] = {
                    k: v if k in _PROVIDERS_OWN else self.value(v) for k, v in value.items()
                }
            elif name == "artifact" and self._artifacts == "drop":
                dropped = self._owners.without_documents(value) if self._owners else None
                update[name] = dropped
            else:
                update[name] = self.value(value)
        return message.model_copy(update=update)

    def _content(self, content: Any) -> Any:
        if isinstance(content, str):
            return self.text(content)
        texts = [text_of(block) for block in content]
        found = iter(cuts([text for text in texts if text is not None], self.find))
        return [
            self._block(block, () if text is None else next(found))
            for block, text in zip(content, texts, strict=True)
        ]

    def _block(self, block: Any, cut: Cut) -> Any:
        kind = kind_of(block)
        if isinstance(block, str) or kind in SEARCHABLE:
            if not isinstance(block, dict):
                return self.text(block, cut)
            clean = {
                key: value if key == "type" or is_opaque(self, key, value) else self._part(value)  # type: ignore[arg-type]
                for key, value in block.items()
            }
            return {**clean, "text": self.text(block["text"], cut)} if cut else clean
        if kind not in MEDIA:
            raise InvalidInputError("a content block of an unknown type cannot be searched")
        if not self._allow_media:
            raise InvalidInputError(
                f"a content block of type {kind!r} cannot be searched for personal data; "
                "pass allow_media=True to let media through"
            )
        return self._media(block)

    def _part(self, value: Any) -> Any:
        """A field of a block: a tool's result may hold blocks of its own."""
        if isinstance(value, list) and value and all(kind_of(item) in MEDIA for item in value):
            return self._content(value)
        return self.value(value)

    def _media(self, block: dict[str, Any]) -> dict[str, Any]:
        return {
            key: self._media(value)
            if isinstance(value, dict)
            else value
            if is_media_data(key, value)
            else self.value(value)
            for key, value in block.items()
        }

    def value(self, value: Any) -> Any:
        """Any value with durable tokens in its leaves.

        Raises:
            InvalidInputError: A part that cannot be searched.
            DetectionError: The detector failed.
        """
        return rebuild(value, self._inward)

    def state(self, value: Any) -> Any:
        """An input to a graph, or an update of its state.

        Raises:
            InvalidInputError: A part that cannot be searched.
        """
        if isinstance(value, Mapping) and "messages" in value:
            value = {**value, "messages": _as_messages(value["messages"])}
        return self.value(value)

    def reveal(self, text: str) -> str:
        """A text with values in place of this user's own tokens, except inside addresses."""
        return self._reveal(text, None)

    def _reveal(self, text: str, only: Collection[str] | None) -> str:
        """The same for some tokens, if not for all."""
        if self._surrogates:
            # Nothing in a text says which words are surrogates of whose documents.
            return text if only is not None else self.scrubber.reveal(text, user_id=self.user_id)
        if "[" not in text:
            return text
        found = pseudonyms_in(text)
        new = [token for token in found if token not in self._values]
        if new:
            values = self.scrubber.values_of(" ".join(new), user_id=self.user_id)
            self._values.update({token: values.get(token) for token in new})
        place = Place()
        shown: list[str] = []
        last = 0
        for match in tokens.PSEUDONYM.finditer(text):
            plain = text[last : match.start()]
            place.advance(plain)
            value = self._values[match.group()]
            # Put into an address, a value would go to whoever owns the address.
            hidden = value is None or place.forbidden
            if only is not None and match.group() not in only:
                hidden = True
            put = match.group() if hidden or value is None else value
            place.advance(put)
            shown += [plain, put]
            last = match.end()
        return "".join([*shown, text[last:]])

    def _shown(self, message: BaseMessage) -> BaseMessage:
        """A message as its user may see it: of documents of others, the tokens."""
        owner, own = self._owners.of(message) if self._owners is not None else (None, [])
        if owner is None:
            return rebuild_message(message, self.reveal)
        mine = {match.group() for text in own for match in tokens.PSEUDONYM.finditer(text)}
        return rebuild_message(message, lambda text: self._reveal(text, mine))

    def _shown_document(self, document: Document) -> Document:
        """The same for a document that stands in the state by itself."""
        if self._owners is not None and not self._owners.may_be_own(document.metadata):
            return document
        shown: Document = rebuild(document, self._own)
        return shown

    def restore(self, value: Any) -> Any:
        """Any value as its user may see it; what cannot be looked into stays as it is."""
        return rebuild(value, self._outward)

    def values_in(self, value: Any) -> dict[str, list[str]]:
        """The values behind the tokens that stand in a value, by entity type."""
        found: dict[str, list[str]] = {}

        def note(text: str) -> str:
            self.reveal(text)
            for match in tokens.PSEUDONYM.finditer(text):
                revealed = self._values.get(match.group())
                if revealed is not None:
                    found.setdefault(match["type"], []).append(revealed)
            return text

        rebuild(value, Changes(note, lambda message: message))
        return found

    def under(self, leaf: Any, key: str) -> Any:
        """A string or number with durable tokens in it, understood by the key it stands under."""
        # A tool is told by its name, which is code.
        context = "" if key == "name" else context_of(key, leaf)
        if isinstance(leaf, str):
            return self.text(leaf, context=context)
        written = str(leaf)
        if not context or len(written) < _SHORTEST_UNDER_A_KEY:
            return self._number(leaf)
        found = self._scrubbed(written, context=context, remember=False).findings
        if all(f.score < _NUMBER_SCORE for f in found):
            return leaf
        return self.text(written, context=context)

    def _number(self, number: Any) -> Any:
        written = str(number)
        if len(written) < _SHORTEST_NUMBER:
            return number
        if all(f.score < _NUMBER_SCORE for f in self.find(written)):
            return number
        return self.text(written)

    def __repr__(self) -> str:
        return "StateScrubber(...)"


def _as_messages(value: Any) -> Any:
    """What `add_messages` takes, as messages: dicts, tuples, strings, one or many."""
    if isinstance(value, Overwrite):
        return Overwrite(_as_messages(value.value))
    many = value if isinstance(value, list | tuple) and not _is_pair(value) else [value]
    with contextlib.suppress(Exception):  # LangChain's message quotes the input
        return convert_to_messages(many)
    raise InvalidInputError("this is no list of messages")


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, str) for v in value)


class DurableTokens:
    """A scrubber to which every token of the user stands for itself.

    A redactor over it shortens pseudonyms to placeholders on the wire, and puts the pseudonyms
    back into the reply instead of the values: that is what a redacted state keeps.

    Args:
        scrubber: The scrubber whose tokens these are.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self.policy = scrubber.policy
        self.vault = scrubber.vault
        self.known_values = scrubber.known_values
        self.token_of = scrubber.token_of
        self.passing = scrubber.passing

    @property
    def detector(self) -> Any:
        """The scrubber's detector."""
        return self._scrubber.detector

    def values_of(self, text: str, *, user_id: str) -> dict[str, str]:
        """The user's own pseudonyms that stand in a text, with themselves."""
        return {token: token for token in self._scrubber.values_of(text, user_id=user_id)}
