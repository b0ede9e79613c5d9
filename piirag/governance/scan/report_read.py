"""Reading the report of a scan back: everything in it is what it has to be, or it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from piirag.governance.scan.masking import Example
from piirag.governance.scan.report import Sample, SourceReport


def report_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a `ScanReport` from what `to_dict` made.

    Raises:
        TypeError, KeyError, AttributeError: Something else stands there, or is missing.
    """
    quasi = data["quasi_identifiers"]
    return {
        **{key: _text(data[key]) for key in ("started", "detector")},
        **{key: _number(data[key]) for key in _NUMBERS},
        **{key: _counts(data[key]) for key in _COUNTS},
        "findings_in_names": _number(data.get("findings_in_names", 0)),
        "seconds": _measure(data["seconds"]),
        "policy": _policy(data["policy"]),
        "quasi": _counts(quasi["findings"]),
        "combinations": {
            tuple(_list(c["kinds"], _text)): _number(c["texts"])
            for c in _list(quasi["combinations"])
        },
        "special": _counts(data["special_categories"]),
        "sample": None if data["sample"] is None else _sample(data["sample"]),
        "skipped": tuple((_text(e["name"]), _text(e["reason"])) for e in _list(data["skipped"])),
        "sources": tuple(_list(data["sources"], _source)),
        "examples": tuple(_list(data["examples"], _example)),
        "shows_values": _is(data["shows_values"], bool),
    }


_NUMBERS = tuple(
    "texts texts_with_findings characters pseudonyms sources_left_out failures".split()
)
_COUNTS = tuple("findings texts_by_type skipped_by_reason unread".split())


def _is(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise TypeError
    return value


def _text(value: Any) -> str:
    return str(_is(value, str))


def _number(value: Any) -> int:
    return int(_is(value, int))


def _measure(value: Any) -> float:
    number: float = _is(value, int, float)
    return number


def _list(value: Any, of: Callable[[Any], Any] = lambda item: item) -> list[Any]:
    return [of(item) for item in _is(value, list)]


def _counts(value: Any) -> dict[str, int]:
    return {_text(key): _number(n) for key, n in _is(value, dict).items()}


def _policy(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = _is(value, dict)
    if made.get("entities") is not None:
        _list(made["entities"], _text)
    for key in ("languages", "countries"):
        _list(made.get(key, []), _text)
    _number(made.get("allow", 0))
    _counts(made.get("deny", {}))
    return made


def _sample(value: Any) -> Sample:
    return Sample(_measure(value["asked"]), _number(value["seen"]), _number(value["read"]))


def _source(value: Any) -> SourceReport:
    return SourceReport(
        _text(value["name"]),
        _text(value["kind"]),
        _number(value["texts"]),
        _number(value["texts_with_findings"]),
        _counts(value["findings"]),
        _counts(value["special"]),
        _number(value["combined"]),
        {_text(name): _counts(counts) for name, counts in _is(value["fields"], dict).items()},
        tuple(_list(value["notes"], _text)),
    )


def _example(value: Any) -> Example:
    segments = tuple(
        (_text(text), None if kind is None else _text(kind))
        for text, kind in _list(value["segments"])
    )
    return Example(
        _text(value["entity_type"]), _text(value["source"]), _text(value["field"]), segments
    )
