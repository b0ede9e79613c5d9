"""Keys of metadata, scrubbed where they hold a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from piirag.detection.known import Known, KnownValues
from piirag.redaction.scrubber import Scrubber


class MetadataKeys:
    """Metadata keys scrubbed where they hold a value; each is looked at once."""

    def __init__(self, scrubber: Scrubber, user_id: str, *, remember: bool = True) -> None:
        self._scrubber = scrubber
        self._user_id = user_id
        self._remember = remember
        self._remembered: KnownValues | None = None
        self._indices: dict[int, KnownValues] = {}
        self._clean: dict[tuple[int, str], str] = {}

    def clean(self, value: Any, known: Known) -> Any:
        """Nested metadata with its keys scrubbed."""
        if isinstance(value, Mapping):
            return {self._key(k, known): self.clean(v, known) for k, v in value.items()}
        if isinstance(value, list | tuple):
            items = [self.clean(item, known) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        return value

    def _key(self, key: Any, known: Known) -> Any:
        if not isinstance(key, str):
            return key
        name = (id(known), key)
        if name not in self._clean:
            self._clean[name] = key if self._is_plain(key, known) else self._scrubbed(key, known)
        return self._clean[name]

    def _is_plain(self, key: str, known: Known) -> bool:
        """Whether a key is an identifier in which no value stands, or merely a part of a name."""
        if not key.isidentifier():
            return False
        if self._remembered is None:
            self._remembered = self._scrubber.known_values(self._user_id)
        if id(known) not in self._indices:
            self._indices[id(known)] = KnownValues(known)
        index = self._indices[id(known)]
        return all(match.part for match in (*index.find(key), *self._remembered.find(key)))

    def _scrubbed(self, key: str, known: Known) -> str:
        return self._scrubber.scrub(
            key, user_id=self._user_id, known=known, remember=self._remember
        ).text
