"""Scrubbing everything a stored chunk consists of: text, metadata, id."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from piirag.detection.known import Known, check_known
from piirag.detection.text import require_text
from piirag.errors import InvalidInputError
from piirag.redaction.scrubber import Scrubber
from piirag.vault.keys import keyed_hash

_HASHED_ID = re.compile(r"id-[a-z2-7]{26}")
_OPAQUE_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,64}", re.I)

# Presidio scores a phone or bank number without context below this; in metadata, the key is the
# context ("phone: 2125550101"), and a bare number that scores less is left a number.
_NUMBER_SCORE = 0.5


@dataclass(frozen=True, repr=False)
class Chunk:
    """A text with its metadata and id, of no particular framework."""

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None

    def __repr__(self) -> str:
        return f"Chunk({len(self.text)} characters)"


class ChunkScrubber:
    """Scrubs chunks of one user, metadata values and ids included.

    Args:
        scrubber: Does the work.
        user_id: The tenant.
        known_from: Entity type -> metadata keys whose values are known values of that type:
            ``{"PERSON": ["customer", "author"]}``.
        known: Values the application knows that may stand in questions; those of the user's own
            chunks are known anyway.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        known_from: Mapping[str, Sequence[str]] | None = None,
        known: Known | None = None,
    ) -> None:
        self.scrubber = scrubber
        self.user_id = user_id
        self._asked_about = check_known(known)
        self._known_from = _check_known_from(known_from)

    def scrub(self, chunks: Sequence[Chunk], known: Known | None = None) -> list[Chunk]:
        """Scrub chunks; the same chunk gives the same result every time.

        Args:
            chunks: What to scrub; not changed.
            known: Values the application knows to stand in these chunks.

        Raises:
            InvalidInputError: Text, metadata or id of the wrong kind.
            DetectionError: The detector failed.
        """
        knowns = [self._known(chunk, known) for chunk in chunks]
        texts = self.scrubber.scrub_batch(
            [require_text(c.text, "the text of a chunk") for c in chunks],
            user_id=self.user_id,
            known=knowns,
        )
        return [
            Chunk(result.text, self.metadata(chunk.metadata, own), self.id(chunk.id, own))
            for chunk, result, own in zip(chunks, texts, knowns, strict=True)
        ]

    def metadata(self, metadata: Mapping[str, Any], known: Known | None = None) -> dict[str, Any]:
        """Scrub the values of metadata, nested ones too, and keys that hold personal data.

        A string's key is taken into account: ``{"passport": "912803456"}`` is found, where the
        number alone would not be. A number that turns out to be personal data becomes a token.
        """
        if not isinstance(metadata, Mapping):
            raise InvalidInputError(f"metadata must be a mapping, not {type(metadata).__name__}")
        return {
            self._key(key, known): self._value(str(key), value, known)
            for key, value in metadata.items()
        }

    def id(self, id: str | None, known: Known | None = None) -> str | None:
        """Replace an id that holds personal data by a keyed hash; leave others alone."""
        if id is None:
            return None
        require_text(id, "an id")
        if not id or _HASHED_ID.fullmatch(id) or _OPAQUE_ID.fullmatch(id):
            return id
        found = self.scrubber.scrub(id, user_id=self.user_id, known=known, remember=False)
        if not found.findings and found.text == id:
            return id
        digest = keyed_hash(self.scrubber.secret(self.user_id, "ids"), id)
        return "id-" + base64.b32encode(digest[:16]).decode().lower().rstrip("=")

    def filter(self, value: Any, key: str = "") -> Any:
        """Scrub the values of a metadata filter like the metadata itself, so that they match."""
        if isinstance(value, Mapping):
            return {
                k: self.filter(v, key if str(k).startswith("$") else str(k))
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.filter(v, key) for v in value]
        return self._leaf(key, value, None, remember=False)

    def question(self, text: str) -> str:
        """Scrub a question with the rules of the chunks; stores nothing."""
        return self.scrubber.scrub(
            require_text(text, "the query"),
            user_id=self.user_id,
            known=self._asked_about,
            remember=False,
        ).text

    def _known(self, chunk: Chunk, known: Known | None) -> dict[str, list[str]]:
        own = {kind: list(values) for kind, values in (known or {}).items()}
        for kind, keys in self._known_from.items():
            for key in keys:
                value = chunk.metadata.get(key)
                values = value if isinstance(value, list | tuple) else [value]
                own.setdefault(kind, []).extend(v for v in values if isinstance(v, str))
        return own

    def _key(self, key: Any, known: Known | None) -> Any:
        if not isinstance(key, str) or key.isidentifier():
            return key
        return self.scrubber.scrub(key, user_id=self.user_id, known=known).text

    def _value(self, key: str, value: Any, known: Known | None) -> Any:
        if isinstance(value, Mapping):
            return self.metadata(value, known)
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(self._value(key, item, known) for item in value)
        return self._leaf(key, value, known, remember=True)

    def _leaf(self, key: str, value: Any, known: Known | None, *, remember: bool) -> Any:
        if value is None or isinstance(value, bool) or value == "":
            return value
        text = value if isinstance(value, str) else str(value)
        prefix = f"{key}: " if key else ""
        scrub: Callable[[str], Any] = lambda t: self.scrubber.scrub(  # noqa: E731
            t, user_id=self.user_id, known=known, remember=remember
        )
        result = scrub(prefix + text)
        if not result.text.startswith(prefix):
            prefix = ""
            result = scrub(text)
        if isinstance(value, str):
            return result.text[len(prefix) :]
        if isinstance(value, int | float) and all(f.score < _NUMBER_SCORE for f in result.findings):
            return value
        return result.text[len(prefix) :] if result.findings else value


def _check_known_from(
    known_from: Mapping[str, Sequence[str]] | None,
) -> dict[str, tuple[str, ...]]:
    checked: dict[str, tuple[str, ...]] = {}
    for kind, keys in (known_from or {}).items():
        if isinstance(keys, str) or not all(isinstance(k, str) for k in keys):
            raise InvalidInputError("known_from maps entity types to lists of metadata keys")
        checked[kind] = tuple(keys)
    return checked
