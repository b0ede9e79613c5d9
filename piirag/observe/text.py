"""The guard that every tracer and logger is given: text in, text without personal data out."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import os
import threading
import traceback
import uuid
from collections.abc import Mapping
from typing import Any

from piirag.detection.bare_numbers import may_be_personal, sure
from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues
from piirag.detection.protocol import Detector
from piirag.detection.text import replace_surrogates
from piirag.errors import ConfigurationError
from piirag.observe.edits import EditCache, apply, edits_of
from piirag.policy import Policy
from piirag.redaction import Redactor, Scrubber
from piirag.redaction.walk import in_json
from piirag.user_id import check_user_id

WITHHELD = "[WITHHELD]"
"""What stands in place of a field that could not be searched."""

# A value that lies over the cut of a text that is too long is seen whole, or it would be cut in
# two and its first half let through.
_MARGIN = 4096
_SHORTEST = 3
_DEPTH = 32
_PLAIN = (uuid.UUID, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal)

# Threads that are inside a search. No thread-local: those invite an ambient user.
_inside: set[int] = set()


class TextGuard:
    """Takes personal data out of what is traced or logged, one way: nothing is kept to undo it.

    Values become marks such as ``[PERSON]``. With a scrubber and a user they become that user's
    pseudonyms, so that lines about one person can be told apart. It never raises: a field whose
    search fails, in whatever way, is replaced whole by ``[WITHHELD]``. Whatever a detector logs
    while it works is withheld too, so that a guard in a log filter does not call itself.

    Args:
        policy: What to look for; the scrubber's if None. Its operators play no part.
        detector: Finds entities.
        scrubber: Where the values known for a user are kept.
        user_id: That user; needs a scrubber.
        known: Values the application knows.
        max_chars: A longer text is cut there, and the rest withheld.
        max_items: Of a larger structure, what comes later is withheld.
        cache: For so many texts, what was found is remembered, by a keyed hash of the text.

    Raises:
        ConfigurationError: A `user_id` without a scrubber, or a limit below 1.
        InvalidUserIdError: No usable user id.
    """

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        detector: Detector | None = None,
        scrubber: Scrubber | None = None,
        user_id: str | None = None,
        known: Known | None = None,
        max_chars: int = 100_000,
        max_items: int = 10_000,
        cache: int = 4096,
    ) -> None:
        if user_id is not None:
            check_user_id(user_id)
            if scrubber is None:
                raise ConfigurationError("a guard with a user_id needs a scrubber")
            if policy is not None or detector is not None:
                raise ConfigurationError("policy and detector of a user's guard are the scrubber's")
        if min(max_chars, max_items, cache) < 1:
            raise ConfigurationError("max_chars, max_items and cache are at least 1")
        self._redactor = Redactor(policy, detector, scrubber=scrubber)
        self._scrubber = scrubber
        self._user_id = user_id
        self._known = known
        self._max_chars = max_chars
        self._max_items = max_items
        self._cache = EditCache(cache)
        self._count = 0
        self._index = KnownValues(known)

    @property
    def withheld(self) -> int:
        """How many fields were withheld so far because their search failed."""
        return self._count

    def text(self, text: str, *, context: str = "") -> str:
        """A text without personal data.

        Args:
            text: The text.
            context: What it is to be understood by, such as ``"passport: "``; not returned.
        """
        thread = threading.get_ident()
        if thread in _inside:
            return WITHHELD
        _inside.add(thread)
        try:
            return self._text(text, context)
        except Exception:  # noqa: BLE001 - whatever failed, the text is not let through
            self._count += 1
            return WITHHELD
        finally:
            _inside.discard(thread)

    def value(self, value: Any, *, context: str = "") -> Any:
        """Data without personal data: the leaves, and keys, of mappings and sequences.

        What is none of these is not looked into: ``[WITHHELD TypeName]`` stands in its place.
        The data passed in are not changed.
        """
        try:
            return self._value(value, context, _Budget(self._max_items), 0)
        except Exception:  # noqa: BLE001 - a mapping that raises while it is read, for instance
            self._count += 1
            return WITHHELD

    def shown(self, value: Any) -> Any:
        """As `value`; an object of an unknown kind becomes its text, searched like any other."""
        if value is None or isinstance(value, str | int | float | Mapping | list | tuple):
            return self.value(value)
        try:
            written = str(value)
        except Exception:  # noqa: BLE001 - a broken __str__ is not the logger's business
            self._count += 1
            return WITHHELD
        return self.text(written)

    def exception(self, error: BaseException) -> str:
        """The traceback of an exception, its causes included, without personal data.

        Source lines of the traceback are code, and stay.
        """
        try:
            lines = "".join(traceback.format_exception(error)).rstrip("\n")
        except Exception:  # noqa: BLE001 - an exception whose own text raises
            self._count += 1
            return f"{type(error).__name__}: {WITHHELD}"
        return self.text(lines)

    def _text(self, text: str, context: str) -> str:
        if type(text) is not str:
            text = str(text)
        if text[:1] in ("{", "[") and len(text) <= self._max_chars:
            return str(in_json(text, lambda found: self._in_json(found, text, context)))
        return self._plain(text, context)

    def _in_json(self, found: Any, text: str, context: str) -> Any:
        if isinstance(found, str):
            return self._plain(text, context)
        return self._value(found, "", _Budget(self._max_items), 0, inside=True)

    def _plain(self, text: str, context: str) -> str:
        if len(text) < _SHORTEST or text.isspace():
            return text
        text = replace_surrogates(text)
        work = text[: self._max_chars + _MARGIN]
        digest, edits = self._cache.get(context, text, self._version())
        if edits is None:
            if self._user_id is not None and len(text) <= self._max_chars:
                return self._pseudonymous(text, context, digest)
            edits = tuple(edits_of(context + work, self._find(context + work), len(context)))
            self._cache.put(digest, edits)
        if len(text) <= self._max_chars:
            return apply(text, edits)
        cut = min([self._max_chars, *(e.start for e in edits if e.end > self._max_chars)])
        kept = apply(text[:cut], [e for e in edits if e.end <= cut])
        return f"{kept}[... {len(text) - cut} characters withheld]"

    def _version(self) -> bytes:
        """What changes when more becomes known of the user, or the user is erased."""
        if self._scrubber is None or self._user_id is None:
            return b""
        vault = self._scrubber.vault.opened(self._user_id)
        return b"" if vault is None else vault.hash_key + vault.version.to_bytes(8, "big")

    def _pseudonymous(self, text: str, context: str, digest: bytes) -> str:
        assert self._scrubber is not None
        assert self._user_id is not None
        result = self._scrubber.scrub_batch(
            [text],
            user_id=self._user_id,
            known=self._known,
            remember=False,
            contexts=[context],
        )[0]
        if result.text == text:
            self._cache.put(digest, ())
        return result.text

    def _find(self, text: str) -> tuple[Finding, ...]:
        session = self._redactor.session(user_id=self._user_id, known=self._known)
        return session.redact(text).findings

    def _value(
        self, value: Any, context: str, budget: _Budget, depth: int, *, inside: bool = False
    ) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if not budget.spend() or depth > _DEPTH:
            return WITHHELD
        text = self._plain if inside else lambda t, c: self.text(t, context=c)
        if isinstance(value, str):
            return text(value, context)
        if isinstance(value, int | float):
            return self._number(value, text(repr(value), context), context)
        if isinstance(value, _PLAIN):
            shown = str(value)
            clean = text(shown, context)
            return value if clean == shown else clean
        if isinstance(value, enum.Enum):
            return self._value(value.value, context, budget, depth + 1, inside=inside)
        if isinstance(value, Mapping):
            return self._mapping(value, budget, depth, inside)
        if isinstance(value, list | tuple | set | frozenset):
            items = [self._value(v, context, budget, depth + 1, inside=inside) for v in value]
            return tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, os.PathLike):
            return text(str(value), context)
        if isinstance(value, BaseException):
            return self.exception(value)
        fields = _fields(value)
        if fields is not None:
            return self._mapping(fields, budget, depth, inside)
        return f"[WITHHELD {type(value).__name__}]"

    def _number(self, value: Any, clean: str, context: str) -> Any:
        if clean == repr(value) or not may_be_personal(repr(value), context):
            return value
        if clean == WITHHELD:
            return clean
        return clean if sure(self._in_number(repr(value), context)) else value

    def _in_number(self, text: str, context: str) -> tuple[Finding, ...]:
        try:
            return tuple(f for f in self._find(context + text) if f.end > len(context))
        except Exception:  # noqa: BLE001 - then it counts as found
            return (Finding("VALUE", 0, len(text), 1.0, "guard"),)

    def _key(self, key: str, inside: bool) -> str:
        # Identifiers are code: the tools that show traces know them by name. Of what the
        # application knows as values, they are searched all the same.
        if key.isidentifier() and not self._names(key):
            return key
        return self._plain(key, "") if inside else self.text(key)

    def _names(self, key: str) -> bool:
        indices = [self._index]
        if self._scrubber is not None and self._user_id is not None:
            indices.append(self._scrubber.known_values(self._user_id))
        return any(not match.part for index in indices for match in index.find(key))

    def _mapping(
        self, value: Mapping[Any, Any], budget: _Budget, depth: int, inside: bool
    ) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, item in value.items():
            clean, context = key, ""
            if isinstance(key, str):
                context = f"{key}: " if key.isidentifier() else ""
                clean = self._key(key, inside)
            elif isinstance(key, int | float) and not isinstance(key, bool):
                clean = self._value(key, "", budget, depth + 1, inside=inside)
            elif not isinstance(key, bool | None):
                clean = f"[WITHHELD {type(key).__name__}]"
            number = 1
            while clean in result:  # two e-mail addresses as keys are one mark
                number += 1
                clean = f"{clean} ({number})" if number == 2 else f"{str(clean)[:-3]}({number})"
            result[clean] = self._value(item, context, budget, depth + 1, inside=inside)
        return result

    def __repr__(self) -> str:
        return f"TextGuard(withheld={self._count})"


class _Budget:
    """How many more items of a structure are looked at."""

    def __init__(self, items: int) -> None:
        self._left = items

    def spend(self) -> bool:
        self._left -= 1
        return self._left >= 0


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of a pydantic model or a dataclass."""
    model = getattr(type(value), "model_fields", None)
    if isinstance(model, Mapping):
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return {**{name: getattr(value, name, None) for name in model}, **extra}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    return None
