"""Looks for planted values in bytes, files, exceptions and logs, in every form they may take.

What a scan finds is told by the value's index, never by the value, so that a failing test does not
print personal data into the log of a test run.
"""

from __future__ import annotations

import base64
import json
import logging
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import numpy as np

# By id, with the object itself: an id may be given to another object once the first is gone.
_Seen = dict[int, object]

_MAX_DEPTH = 10
# Shorter runs of base64 turn up by chance in a megabyte of binary data.
_SHORTEST_BASE64 = 6
# Patterns are looked up by their first bytes, all at once, in data longer than this.
_KEY_BYTES = 8
_LONG_DATA = 4096
_OPAQUE = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.TracebackType,
    types.FrameType,
    types.CodeType,
    logging.Logger,
    logging.Handler,
)
_SKIPPED_ATTRIBUTES = {"__dict__", "__weakref__", "__traceback__", "__class__", "__annotations__"}


@dataclass(frozen=True)
class Hit:
    """A place where a value was found.

    Attributes:
        index: Which of the values, counted from zero.
        form: How it was written, such as "raw" or "base64".
        place: Where, with every value in it blotted out.
    """

    index: int
    form: str
    place: str


def _base64_forms(data: bytes) -> Iterator[bytes]:
    """The part of a base64 text that depends on `data` alone, for the three ways it may fall."""
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + data)
        # Characters that share bits with a neighbour of the value are left out.
        core = coded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        if len(core) >= _SHORTEST_BASE64:
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _utf16_escape(text: str, form: str) -> str:
    data = text.encode("utf-16-be", "surrogatepass")
    return "".join("\\u" + form % int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2))


def forms_of(value: str) -> dict[str, set[bytes]]:
    """All byte strings to look for, by the name of the form.

    Args:
        value: The value to hide; not empty.

    Returns:
        The forms; a byte string stands under the first form that yields it.
    """
    spellings = {"raw": value, "lower": value.lower(), "upper": value.upper()}
    texts: list[tuple[str, str]] = list(spellings.items())
    for spelling in spellings.values():
        data = spelling.encode("utf-8", "surrogatepass")
        texts += [("percent", quote(data, safe="/")), ("percent", quote(data, safe=""))]
        texts += [("percent", quote_plus(data))]
        texts += [("percent", "".join(f % byte for byte in data)) for f in ("%%%02X", "%%%02x")]
        texts += [("escape", json.dumps(spelling)[1:-1])]
        texts += [("escape", json.dumps(spelling, ensure_ascii=False)[1:-1])]
        texts += [("escape", _utf16_escape(spelling, f)) for f in ("%04x", "%04X")]
    coded = [(form, text.encode("utf-8", "surrogatepass")) for form, text in texts]
    for data in [text.encode("utf-8", "surrogatepass") for text in spellings.values()]:
        coded += [("base64", core) for core in _base64_forms(data)]
    for text in spellings.values():
        coded += [("utf-16", text.encode("utf-16-le", "surrogatepass"))]
    forms: dict[str, set[bytes]] = {}
    seen: set[bytes] = set()
    for form, pattern in coded:
        if pattern not in seen:
            seen.add(pattern)
            forms.setdefault(form, set()).add(pattern)
    return forms


class Canaries:
    """Values that must not be found anywhere.

    Values of under five letters turn up by chance in binary data, and are not looked for in
    base64; plant longer ones.
    """

    def __init__(self, values: Iterable[str]) -> None:
        """Take the values; the index of a hit counts them in this order.

        Raises:
            ValueError: A value is empty.
        """
        self._values = list(values)
        if not all(self._values):
            raise ValueError("an empty value is found everywhere")
        self._patterns = [
            (index, form, pattern)
            for index, value in enumerate(self._values)
            for form, patterns in forms_of(value).items()
            for pattern in sorted(patterns)
        ]
        heads = [pattern[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0") for _, _, pattern in self._patterns]
        self._keys = np.frombuffer(b"".join(heads), dtype="<u8")
        sizes = [len(pattern) for _, _, pattern in self._patterns]
        self._short = np.array(sizes, dtype=np.int64) < _KEY_BYTES

    def __repr__(self) -> str:
        """Show how many values there are, and no value."""
        return f"Canaries({len(self._values)} values)"

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._values)

    def variants(self, value: str) -> set[bytes]:
        """All byte forms of a value."""
        return set().union(*forms_of(value).values())

    def scan_bytes(self, data: bytes, place: str = "bytes") -> list[Hit]:
        """Look for every value in every form.

        Args:
            data: What to search.
            place: What to call it in the hits.

        Returns:
            One hit for each value and form found.
        """
        hits = (
            Hit(index, form, self._blot(place))
            for index, form, pattern in self._possible(data)
            if pattern in data
        )
        return list(dict.fromkeys(hits))

    def _possible(self, data: bytes) -> list[tuple[int, str, bytes]]:
        """The patterns that may be in the data: those that are not are sorted out fast."""
        if len(data) < _LONG_DATA:
            return self._patterns
        possible = self._short.copy()
        for offset in range(_KEY_BYTES):
            count = (len(data) - offset) // _KEY_BYTES
            windows = np.frombuffer(data, dtype="<u8", count=count, offset=offset)
            possible |= np.isin(self._keys, windows)
        return [self._patterns[i] for i in np.flatnonzero(possible)]

    def scan_text(self, text: str, place: str = "text") -> list[Hit]:
        """The same for a string."""
        return self.scan_bytes(text.encode("utf-8", "surrogatepass"), place)

    def scan_object(self, value: object, place: str = "object") -> list[Hit]:
        """Look through a value: its strings, items, attributes and repr, ten levels deep."""
        parts = list(_walk(value, place, {}))
        if not self.scan_bytes(b"\n".join(data for _, data in parts)):
            return []
        found = (self.scan_bytes(data, where) for where, data in parts)
        return list(dict.fromkeys(hit for hits in found for hit in hits))

    def scan_files(self, root: Path) -> list[Hit]:
        """Look through the names and contents of a file, or of all files under a folder."""
        hits: list[Hit] = []
        paths = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in paths:
            name = path.relative_to(root).as_posix() if path != root else path.name
            hits += self.scan_text(path.name, f"name of {name}")
            if path.is_file():
                hits += self.scan_bytes(path.read_bytes(), name)
        return hits

    def scan_exception(self, exc: BaseException) -> list[Hit]:
        """Look through an exception and all that hangs on it.

        That is: its message, repr, arguments, notes and attributes (those of C types too, such as
        `UnicodeEncodeError.object`), its cause, its context even where `from None` hides it, and
        the members of a group. The variables of traceback frames are left out.
        """
        return self.scan_object(exc, "exception")

    def scan_records(self, records: Iterable[logging.LogRecord]) -> list[Hit]:
        """Look through log records: message, arguments, exception, and fields added to them."""
        hits: list[Hit] = []
        for number, record in enumerate(records):
            place = f"record {number} of {record.name}"
            hits += self.scan_text(_message(record), f"{place}: message")
            hits += self.scan_object(vars(record), place)
        return hits

    def _blot(self, place: str) -> str:
        for index, _, pattern in sorted(self._patterns, key=lambda item: -len(item[2])):
            text = pattern.decode("utf-8", "surrogateescape")
            if text in place:
                place = place.replace(text, f"<value {index}>")
        return place


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)


def _described(value: object) -> Iterator[tuple[str, str]]:
    for name, describe in (("repr", repr), ("str", str)):
        with suppress(Exception):
            yield name, describe(value)


def _attributes(value: object) -> dict[str, object]:
    """What is in `__dict__`, in slots, and in the C-level fields of an exception."""
    found: dict[str, object] = dict(getattr(value, "__dict__", None) or {})
    is_error = isinstance(value, BaseException)
    for base in type(value).__mro__:
        for name, field in vars(base).items():
            is_slot = isinstance(field, types.MemberDescriptorType)
            is_c_field = is_error and isinstance(field, types.GetSetDescriptorType)
            if (is_slot or is_c_field) and name not in _SKIPPED_ATTRIBUTES:
                with suppress(Exception):
                    found[name] = getattr(value, name)
    # pydantic keeps the inputs out of reach of the attributes.
    if is_error and callable(errors := getattr(value, "errors", None)):
        with suppress(Exception):
            found["errors()"] = errors()
    return found


def _walk(value: object, place: str, seen: _Seen, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """All text and bytes in a value, each with the place where it was found."""
    if isinstance(value, str):
        yield place, value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes | bytearray | memoryview):
        yield place, bytes(value)
    elif isinstance(value, int | float | complex):
        yield place, str(value).encode()
    elif value is None or isinstance(value, _OPAQUE) or id(value) in seen or depth > _MAX_DEPTH:
        return
    else:
        seen[id(value)] = value
        yield from _walk_inside(value, place, seen, depth + 1)


def _walk_inside(value: object, place: str, seen: _Seen, depth: int) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, Mapping):
        for key, item in list(value.items()):
            yield from _walk(key, f"{place} key", seen, depth)
            yield from _walk(item, f"{place}[{key!s}]", seen, depth)
    elif isinstance(value, list | tuple | set | frozenset):
        for number, item in enumerate(value):
            yield from _walk(item, f"{place}[{number}]", seen, depth)
    else:
        for name, text in _described(value):
            yield f"{name} of {place}", text.encode("utf-8", "surrogatepass")
    for name, item in _attributes(value).items():
        yield from _walk(item, f"{place}.{name}", seen, depth)


class CapturedLogs:
    """What was logged.

    Attributes:
        lines: The formatted records, tracebacks included.
        records: The records themselves.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    @property
    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(self.lines)


class _Keep(logging.Handler):
    def __init__(self, kept: CapturedLogs) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.records.append(record)
        try:
            self._kept.lines.append(self.format(record))
        except Exception:  # a record that cannot be formatted still holds what it holds
            self._kept.lines.append(f"{record.msg} {record.args}")


@contextmanager
def capture_logs() -> Iterator[CapturedLogs]:
    """Keep everything that is logged inside the block, at any level.

    Covers loggers that do not propagate, have a level of their own or are disabled, as far as they
    exist when the block begins; loggers made later are covered by the root logger.

    Yields:
        What has been logged so far.
    """
    kept = CapturedLogs()
    handler = _Keep(kept)
    root = logging.getLogger()
    known = [item for item in root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
    loggers = [root, *known]
    before = [(logger, logger.level, logger.disabled) for logger in loggers]
    attached = [root, *(logger for logger in known if not logger.propagate)]
    disabled_below = logging.root.manager.disable
    try:
        logging.disable(logging.NOTSET)
        for logger in loggers:
            logger.disabled = False
            logger.setLevel(logging.DEBUG)
        for logger in attached:
            logger.addHandler(handler)
        yield kept
    finally:
        for logger in attached:
            logger.removeHandler(handler)
        for logger, level, disabled in before:
            logger.setLevel(level)
            logger.disabled = disabled
        logging.disable(disabled_below)
