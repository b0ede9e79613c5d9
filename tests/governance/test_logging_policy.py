"""The logging policy as data, and on an application's own logs."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piirag.errors import ConfigurationError
from piirag.governance.logging_policy import (
    LoggingPolicy,
    PolicyLogFilter,
    PolicyStructlogProcessor,
    SecondCheck,
    Writer,
)
from support.canary import Canaries

_MAIL = "jane.roeburn@example.com"
_CARD = "4111111111111111"


def test_the_more_specific_word_counts() -> None:
    policy = LoggingPolicy("drop", {"a": "hash", "b": "store"}, {"otel": {"a": "drop"}})
    assert policy.action("otel", "a") == "drop"
    assert policy.action("jsonl", "a") == "hash"
    assert policy.action("otel", "b") == "store"
    assert policy.action("otel", "c") == "drop"
    assert policy.action("otel", "c", "redact") == "redact"


def test_the_default_is_to_redact() -> None:
    assert LoggingPolicy().action("any", "thing") == "redact"


def test_one_policy_over_another() -> None:
    base = LoggingPolicy(fields={"a": "store", "b": "store"}, sinks={"otel": {"a": "drop"}})
    over = LoggingPolicy("hash", {"a": "redact"}, {"app": {"b": "drop"}}).over(base)
    assert over.action("jsonl", "a") == "redact"
    assert over.action("otel", "a") == "redact"
    assert over.action("otel", "b") == "store"
    assert over.action("app", "b") == "drop"
    assert over.action("app", "c") == "hash"


def test_it_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text(
        '[logging]\ndefault = "hash"\n[logging.fields]\ncustomer = "drop"\n'
        '[logging.sinks.app]\ncustomer = "hash"\n[vault]\npath = "vault.db"\n'
    )
    policy = LoggingPolicy.from_file(path)
    assert policy.action("app", "customer") == "hash"
    assert policy.action("other", "customer") == "drop"
    assert policy.action("other", "x") == "hash"
    path.write_text("")
    assert LoggingPolicy.from_file(path) == LoggingPolicy()


@pytest.mark.parametrize(
    "text",
    [
        '[logging]\ndefault = "raw"',
        "[logging]\ndefault = 7",
        '[logging]\nfield = "drop"',
        '[logging]\nfields = "drop"',
        '[logging.fields]\na = ["drop"]',
        '[logging.sinks]\napp = "drop"',
        '[logging.sinks.app]\na = "keep"',
        '[logging]\nsinks = "drop"',
    ],
)
def test_what_nobody_knows_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        LoggingPolicy.from_file(path)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", [_MAIL, {"a": [_MAIL]}, {_MAIL: 1}, [1, {"b": {"c": _CARD}}]])
@pytest.mark.parametrize("action", ["store", "redact", "hash", "drop"])
def test_no_action_lets_a_value_through(action: str, value: Any) -> None:
    found = json.dumps(Writer().field(action, "field", value))
    assert _MAIL not in found
    assert _CARD not in found


def test_hashes_are_keyed_and_tell_equal_values() -> None:
    some, other = Writer(key=bytes(32)), Writer(key=bytes(range(32)))
    assert some.hashed("a") == some.hashed("a") != some.hashed("b")
    assert some.hashed("a") != other.hashed("a")
    assert Writer().hashed("a") != Writer().hashed("a")
    assert some.hashed({"b": 1, "a": 2}) == some.hashed({"a": 2, "b": 1})
    with pytest.raises(ConfigurationError):
        Writer(key=b"short")


@pytest.mark.parametrize(
    "text", [_MAIL, _CARD, "DE89370400440532013000", _MAIL.replace("@", "%40")]
)
def test_the_second_look_replaces_and_counts(text: str) -> None:
    check = SecondCheck()
    assert text not in check.text(f"it is {text} here")
    assert sum(check.counts.values()) == 1
    assert check.value({"a": ["nothing is here: [PERSON_1]", 7, None, True]}) == {
        "a": ["nothing is here: [PERSON_1]", 7, None, True]
    }
    assert sum(check.counts.values()) == 1


@pytest.mark.parametrize("value", ["text", {"a": "text"}, [["text"]], {"text": 1}])
def test_the_second_look_that_fails_withholds(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    def fail(text: str) -> Any:
        raise ValueError(text)

    monkeypatch.setattr("piirag.governance.logging_policy.check.leaks", fail)
    check = SecondCheck()
    found = json.dumps(check.value(value))
    assert "text" not in found
    assert "[WITHHELD]" in found
    assert check.counts["WITHHELD"] > 0


class _Printed:
    """An object whose text holds a value, from the third time on."""

    def __init__(self, times: int = 0) -> None:
        self.left = times

    def __str__(self) -> str:
        self.left -= 1
        return "fine" if self.left >= 0 else _MAIL

    __repr__ = __str__


@dataclasses.dataclass
class _Data:
    mail: str


_OBJECTS: list[Callable[[], Any]] = [
    lambda: _MAIL.encode(),
    lambda: bytearray(_MAIL.encode()),
    lambda: {_MAIL},
    lambda: frozenset([_MAIL.encode()]),
    lambda: _Data(_MAIL),
    lambda: ValueError(_MAIL),
    lambda: _Printed(),
    lambda: _Printed(2),
    lambda: [{"a": ({_MAIL}, _Data(_MAIL))}],
]


@pytest.mark.parametrize("made", _OBJECTS)
@pytest.mark.parametrize("action", ["store", "redact"])
def test_an_object_lets_no_value_through(
    lines: io.StringIO, action: str, made: Callable[[], Any]
) -> None:
    policy = LoggingPolicy(sinks={"app": {"x": action}})
    _logger(lines, policy).info("m", extra={"x": made()})
    assert lines.getvalue().startswith("m ")
    assert "x" in json.loads(lines.getvalue()[2:])
    shown = "".join(str(_event(policy, event="m", x=made())["x"]) for _ in range(3))
    assert _MAIL not in lines.getvalue() + shown


def test_an_object_that_cannot_be_printed_is_withheld() -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError(_MAIL)

    assert Writer().field("store", "x", [Broken()]) == ["[WITHHELD]"]


# Python's logging


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


def _logger(lines: io.StringIO, policy: LoggingPolicy, sink: str = "app") -> logging.Logger:
    handler = logging.StreamHandler(lines)

    class _All(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            known = set(vars(logging.LogRecord("", 0, "", 0, "", (), None)))
            extras = {
                k: v
                for k, v in vars(record).items()
                if k not in known and not k.startswith("_piirag") and k != "message"
            }
            return f"{super().format(record)} {json.dumps(extras, sort_keys=True)}"

    handler.setFormatter(_All("%(message)s"))
    handler.addFilter(PolicyLogFilter(Writer(policy, key=bytes(32)), sink))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger


def test_logs_are_redacted_where_the_policy_says_nothing(lines: io.StringIO) -> None:
    logger = _logger(lines, LoggingPolicy())
    logger.info("mail from %s", _MAIL, extra={"customer": _MAIL, "order": 7})
    text = lines.getvalue()
    assert _MAIL not in text
    assert "mail from [EMAIL_ADDRESS]" in text
    assert '"customer": "[EMAIL_ADDRESS]"' in text
    assert '"order": 7' in text


def test_fields_of_logs_are_stored_hashed_and_dropped(lines: io.StringIO) -> None:
    policy = LoggingPolicy(
        fields={"customer": "hash", "note": "drop"}, sinks={"app": {"kind": "store"}}
    )
    logger = _logger(lines, policy)
    extra = {"customer": "Jane", "note": "secret words", "kind": f"report {_MAIL}"}
    logger.info("done", extra=extra)
    text = lines.getvalue()
    assert "Jane" not in text
    assert '"customer": "h_' in text
    assert "secret" not in text
    assert '"kind": "report [EMAIL_ADDRESS]"' in text


@pytest.mark.parametrize(
    ("action", "there"),
    [("store", "hello x"), ("redact", "hello x"), ("hash", "h_"), ("drop", "")],
)
def test_the_message_is_a_field(lines: io.StringIO, action: str, there: str) -> None:
    logger = _logger(lines, LoggingPolicy(fields={"message": action}))
    logger.info("hello %s", "x")
    logger.info("card %s", _CARD)
    text = lines.getvalue()
    assert text.startswith(there)
    assert _CARD not in text
    assert ("hello" in text) is (action in ("store", "redact"))


@pytest.mark.parametrize("action", ["store", "redact", "hash", "drop"])
def test_exceptions_let_nothing_through(lines: io.StringIO, action: str) -> None:
    logger = _logger(lines, LoggingPolicy(fields={"exception": action}))
    try:
        raise ValueError(f"no user {_MAIL}")
    except ValueError:
        logger.exception("failed for %s", _MAIL)
    text = lines.getvalue()
    assert Canaries([_MAIL]).scan_text(text) == []
    assert "failed for [EMAIL_ADDRESS]" in text
    assert ("ValueError" in text) is (action != "hash")


def test_a_filter_that_fails_withholds(lines: io.StringIO) -> None:
    class Guard:
        def value(self, *_: Any, **__: Any) -> Any:
            raise ValueError(_MAIL)

    handler = logging.StreamHandler(lines)
    writer = Writer(guard=Guard())  # type: ignore[arg-type]
    handler.addFilter(PolicyLogFilter(writer))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.info("mail from %s", _MAIL, extra={"customer": _MAIL})
    assert lines.getvalue() == "[WITHHELD]\n"


def test_an_extra_with_the_name_of_a_mark_is_an_extra(lines: io.StringIO) -> None:
    logger = _logger(lines, LoggingPolicy())
    [handler] = logger.handlers
    [only] = handler.filters
    handler.setFormatter(logging.Formatter("%(message)s %(_piirag_x)s"))
    marks = {"_piirag_x": _MAIL, f"_piirag_policy_{id(only)}": True, "_piirag_scrubbed": True}
    logger.info("mail from %s", _MAIL, extra=marks)
    assert lines.getvalue() == "mail from [EMAIL_ADDRESS] [EMAIL_ADDRESS]\n"


@pytest.mark.parametrize("action", ["store", "redact", "hash", "drop"])
def test_the_rest_of_a_record_is_searched(lines: io.StringIO, action: str) -> None:
    logger = _logger(lines, LoggingPolicy(fields={"message": action}))
    [handler] = logger.handlers
    handler.setFormatter(logging.Formatter("%(message)s %(name)s %(threadName)s"))
    logger.name = f"shop.{_MAIL}"

    def work(jane: str = _MAIL) -> None:
        logger.info("no user jane.roeburn@example.com", stack_info=True)

    thread = threading.Thread(target=work, name=f"for {_MAIL}")
    thread.start()
    thread.join()
    assert "Stack" in lines.getvalue()
    assert _MAIL not in lines.getvalue()


# structlog, whose processors are plain functions of a dict


def _event(policy: LoggingPolicy, **event: Any) -> Any:
    return PolicyStructlogProcessor(Writer(policy, key=bytes(32)))(None, "info", event)


def test_structlog_events_are_treated_as_the_policy_says() -> None:
    policy = LoggingPolicy(
        fields={"customer": "hash", "note": "drop"}, sinks={"app": {"kind": "store"}}
    )
    found = _event(
        policy,
        event=f"mail from {_MAIL}",
        level="info",
        timestamp="2026-01-31T12:00:00Z",
        customer="Jane",
        note="secret",
        kind=f"report {_MAIL}",
        other=[_MAIL],
    )
    assert found["event"] == "mail from [EMAIL_ADDRESS]"
    assert (found["level"], found["timestamp"]) == ("info", "2026-01-31T12:00:00Z")
    assert found["customer"].startswith("h_")
    assert "note" not in found
    assert found["kind"] == "report [EMAIL_ADDRESS]"
    assert found["other"] == ["[EMAIL_ADDRESS]"]


@pytest.mark.parametrize(
    "name", ["_x", "logger", "level", "timestamp", "_record", "_from_structlog"]
)
def test_every_field_of_an_event_is_searched(name: str) -> None:
    found = _event(LoggingPolicy(sinks={"app": {name: "store"}}), event="m", **{name: _MAIL})
    assert _MAIL not in str(found)
    assert name in found
    record = logging.LogRecord("shop", 20, "a.py", 1, "m", (), None)
    kept = _event(LoggingPolicy(), event="m", _record=record, _from_structlog=False)
    assert kept["_record"] is record and kept["_from_structlog"] is False


@pytest.mark.parametrize("action", ["store", "redact", "hash", "drop"])
def test_structlog_exceptions_let_nothing_through(action: str) -> None:
    policy = LoggingPolicy(fields={"exception": action})
    try:
        raise ValueError(f"no user {_MAIL}")
    except ValueError:
        found = _event(policy, event="failed", exc_info=sys.exc_info())
    assert Canaries([_MAIL]).scan_object(found) == []
    assert ("exception" in found) is (action in ("store", "redact"))


def test_structlog_as_a_whole(lines: io.StringIO) -> None:
    structlog = pytest.importorskip("structlog")
    logger = structlog.wrap_logger(
        structlog.PrintLogger(lines),
        processors=[
            structlog.processors.add_log_level,
            PolicyStructlogProcessor(Writer(LoggingPolicy(fields={"customer": "drop"}))),
            structlog.processors.JSONRenderer(),
        ],
    )
    logger.info("mail", customer="Jane", sender=_MAIL)
    assert json.loads(lines.getvalue()) == {
        "event": "mail",
        "level": "info",
        "sender": "[EMAIL_ADDRESS]",
    }
