"""Python logging and structlog. Threats L15, L6."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from piirag.observe import (
    WITHHELD,
    LogScrubber,
    ScrubbingFormatter,
    StructlogScrubber,
    TextGuard,
    scrub_logs,
)
from support.canary import Canaries

MAIL = "jane.roe@example.com"
KNOWN = {"PERSON": ["Jane Roe"]}
CANARIES = Canaries([MAIL, "Jane Roe", "4111 1111 1111 1111"])


class Everything(logging.Formatter):
    """Formats all that a record has, in ways that formatters do: JSON, repr, the exception."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record) + json.dumps(vars(record), default=repr)


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(out: io.StringIO) -> Iterator[logging.Logger]:
    handler = logging.StreamHandler(out)
    handler.setFormatter(Everything("%(message)s"))
    handler.addFilter(LogScrubber(TextGuard(known=KNOWN)))
    logger = logging.getLogger("test_observe_logs")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def _fail() -> None:
    try:
        raise KeyError(MAIL)
    except KeyError:
        raise RuntimeError(f"for Jane Roe, {MAIL}") from ValueError("4111 1111 1111 1111")


def _log_everything(logger: logging.Logger, *, unfit: bool = True) -> None:
    logger.info("plain %s", MAIL)
    logger.info(f"in the text {MAIL}")
    logger.info("%s %s", "Jane", "Roe")  # over two arguments
    logger.info("%(who)s wrote", {"who": "Jane Roe"})
    logger.info({"event": "x", "mail": MAIL})
    logger.info("number %d", 4111111111111111)
    logger.info("object %r", ValueError(MAIL))
    if unfit:
        logger.info("does not fit %d", MAIL)
        logger.info("too few %s %s", MAIL)
    logger.info(
        "extra", extra={"mail": MAIL, "deep": {"who": ["Jane Roe"]}, "obj": ValueError(MAIL)}
    )
    logger.info("stack", stack_info=True, extra={"who": "Jane Roe"})
    try:
        _fail()
    except RuntimeError:
        logger.exception("failed for %s", MAIL)
        logger.error("again", exc_info=sys.exc_info())
    logger.warning("%s", b"jane.roe@example.com")


def test_L15_no_part_of_a_record_holds_a_value(logger: logging.Logger, out: io.StringIO) -> None:
    _log_everything(logger)
    lines = out.getvalue()
    assert not CANARIES.scan_text(lines)
    assert "plain [EMAIL_ADDRESS]" in lines
    assert "RuntimeError" in lines
    assert "Traceback" in lines


def test_without_the_filter_the_same_lines_give_it_all_away(
    logger: logging.Logger, out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.handlers[0].filters.clear()
    _log_everything(logger, unfit=False)
    assert len({hit.index for hit in CANARIES.scan_text(out.getvalue())}) >= 2


def test_arguments_stay_for_formatters_that_read_them(logger: logging.Logger) -> None:
    records: list[logging.LogRecord] = []
    keep = logging.Handler()
    keep.addFilter(LogScrubber())
    keep.emit = records.append  # type: ignore[method-assign]
    logger.addHandler(keep)
    logger.info('%s - "%s %s HTTP/%s" %d', "client", "GET", f"/q?mail={MAIL}", "1.1", 200)
    logger.removeHandler(keep)
    assert isinstance(records[0].args, tuple)
    assert len(records[0].args) == 5
    assert records[0].args[4] == 200
    assert not CANARIES.scan_text(records[0].getMessage())


def test_L15_a_url_with_a_question_in_it(out: io.StringIO) -> None:
    """httpx logs the whole URL of every request at INFO."""
    httpx = pytest.importorskip("httpx")

    class Quiet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    handler = logging.StreamHandler(out)
    handler.addFilter(LogScrubber(TextGuard(known=KNOWN)))
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    server = HTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        query = urllib.parse.quote(f"what does Jane Roe want, {MAIL}?")
        httpx.get(f"http://127.0.0.1:{server.server_port}/search?q={query}")
    finally:
        server.shutdown()
        server.server_close()
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
    assert "HTTP Request: GET" in out.getvalue()
    assert not CANARIES.scan_text(out.getvalue())


def test_L15_generated_queries(logger: logging.Logger, out: io.StringIO) -> None:
    logger.info("Generated queries: %s", ["Who is Jane Roe?", f"mail of {MAIL}"])
    assert "Generated queries: ['Who is [PERSON]?', 'mail of [EMAIL_ADDRESS]']" in out.getvalue()


def test_fail_closed_a_failing_detector_withholds_and_the_record_passes(out: io.StringIO) -> None:
    class Fails:
        def detect(self, text: str, *, language: str = "en") -> list[Any]:
            logging.getLogger("test_observe_logs").error("cannot search %s", text)
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> list[Any]:
            return [self.detect(text) for text in texts]

    logger = logging.getLogger("test_observe_logs")
    handler = logging.StreamHandler(out)
    handler.setFormatter(Everything("%(message)s"))
    handler.addFilter(LogScrubber(TextGuard(detector=Fails())))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        _log_everything(logger, unfit=False)
    finally:
        logger.removeHandler(handler)
    assert WITHHELD in out.getvalue()
    assert not CANARIES.scan_text(out.getvalue())


def test_a_record_is_scrubbed_once_however_many_handlers_share_the_filter() -> None:
    calls: list[str] = []

    class Watched(TextGuard):
        def text(self, text: str, *, context: str = "") -> str:
            calls.append(text)
            return super().text(text, context=context)

    scrubber = LogScrubber(Watched())
    record = logging.LogRecord("x", logging.INFO, "p", 1, "mail %s", (MAIL,), None)
    scrubber.filter(record)
    before = len(calls)
    scrubber.filter(record)
    assert len(calls) == before
    # A caller cannot claim to have been scrubbed already.
    forged = logging.LogRecord("x", logging.INFO, "p", 1, MAIL, (), None)
    forged.__dict__["_piirag_scrubbed"] = object()
    scrubber.filter(forged)
    assert MAIL not in forged.getMessage()


def test_the_formatter_catches_what_a_formatter_adds(out: io.StringIO) -> None:
    class Adds(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(record) + f" for {MAIL}"

    record = logging.LogRecord("x", logging.INFO, "p", 1, "hello", (), None)
    assert ScrubbingFormatter(Adds()).format(record) == "hello for [EMAIL_ADDRESS]"
    bad = logging.LogRecord("x", logging.INFO, "p", 1, "%d", (MAIL,), None)
    assert ScrubbingFormatter().format(bad) == WITHHELD
    try:
        _fail()
    except RuntimeError:
        record.exc_info = sys.exc_info()
    line = ScrubbingFormatter(guard=TextGuard(known=KNOWN)).format(record)
    assert "RuntimeError" in line
    assert not CANARIES.scan_text(line)
    assert record.exc_text is None  # the next formatter does not find the raw traceback there


def test_every_handler_is_covered_and_can_be_given_back(out: io.StringIO) -> None:
    logger = logging.getLogger("test_observe_logs.deep")
    handler = logging.StreamHandler(out)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    undo = scrub_logs()
    try:
        logger.info("mail %s", MAIL)
    finally:
        undo()
    logger.info("bare %s", "b@example.org")
    logger.removeHandler(handler)
    assert "mail [EMAIL_ADDRESS]" in out.getvalue()
    assert "bare b@example.org" in out.getvalue()
    assert logging.lastResort is not None
    assert not logging.lastResort.filters


def test_structlog_the_processor_alone() -> None:
    clean = StructlogScrubber(TextGuard(known=KNOWN))(
        None, "info", {"event": f"mail {MAIL}", "who": {"name": "Jane Roe"}, "level": "info"}
    )
    assert clean == {"event": "mail [EMAIL_ADDRESS]", "who": {"name": "[PERSON]"}, "level": "info"}


def test_structlog_in_a_chain_of_processors(out: io.StringIO) -> None:
    structlog = pytest.importorskip("structlog", reason="structlog is not installed")
    log = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            StructlogScrubber(TextGuard(known=KNOWN)),
            structlog.processors.JSONRenderer(),
        ],
    ).bind(user="Jane Roe")
    log.info("asked", mail=MAIL)
    try:
        _fail()
    except RuntimeError:
        log.exception("failed", number=4111111111111111)
    assert not CANARIES.scan_text(out.getvalue())
    first, second = [json.loads(line) for line in out.getvalue().splitlines()]
    assert first["mail"] == "[EMAIL_ADDRESS]"
    assert first["level"] == "info"
    assert "RuntimeError" in second["exception"]
