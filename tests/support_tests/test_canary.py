"""The canary scanner finds what it should, and tells no value."""

import base64
import json
import logging
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest

from support.canary import Canaries, capture_logs

VALUE = "Zoë Quist/Łoś"
MAIL = "zoe.quist@example.org"
BIRDS = Canaries([VALUE, MAIL])


def forms(hits):
    return {(hit.index, hit.form) for hit in hits}


@pytest.mark.parametrize(
    "text",
    [
        f"to {VALUE}!",
        VALUE.lower(),
        VALUE.upper(),
        quote(VALUE),
        quote(VALUE, safe=""),
        urlencode({"q": VALUE}),
        "".join(f"%{byte:02X}" for byte in VALUE.encode()),
        json.dumps({"name": VALUE}),
        json.dumps({"name": VALUE}, ensure_ascii=False),
        "".join(f"\\u{ord(letter):04x}" for letter in VALUE),
        "".join(f"\\u{ord(letter):04X}" for letter in VALUE),
    ],
)
def test_text_forms(text):
    assert {hit.index for hit in BIRDS.scan_text(text)} == {0}


@pytest.mark.parametrize("before", ["", "a", "bc", "def", "ghij"])
@pytest.mark.parametrize("after", ["", "x", "yz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_at_any_offset(before, after, encode):
    data = encode(f"{before}{MAIL}{after}".encode())
    assert (1, "base64") in forms(BIRDS.scan_bytes(data))


def test_utf16_and_letters_outside_the_basic_plane():
    assert forms(BIRDS.scan_bytes(VALUE.encode("utf-16-le"))) == {(0, "utf-16")}
    owl = Canaries(["Owl 🦉 Roe"])
    assert forms(owl.scan_text(json.dumps("Owl 🦉 Roe"))) == {(0, "escape")}


def test_variants_and_clean_text():
    assert {MAIL.encode(), MAIL.upper().encode(), MAIL.encode("utf-16-le")} <= BIRDS.variants(MAIL)
    assert BIRDS.scan_text("zoe at example") == []
    assert BIRDS.scan_bytes(bytes(range(256)) * 50) == []


@pytest.mark.parametrize("offset", [0, 1, 5, 5000, 8191])
@pytest.mark.parametrize("value", [MAIL, "Quist"])
def test_long_data(offset, value):
    birds = Canaries([VALUE, value])
    data = bytearray(b"[PERSON_1] " * 1000)
    assert birds.scan_bytes(bytes(data)) == []
    data[offset:offset] = value.encode()
    assert forms(birds.scan_bytes(bytes(data[: 9000 + len(value)]))) == {(1, "raw")}


def test_nothing_shows_a_value():
    hits = BIRDS.scan_text(MAIL, place=f"file {MAIL.upper()} of {VALUE}")
    assert hits[0].place == "file <value 1> of <value 0>"
    for shown in (repr(BIRDS), repr(hits)):
        assert "zoe" not in shown.lower()
        assert "quist" not in shown.lower()
    with pytest.raises(ValueError):
        Canaries(["a", ""])


def test_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "data.bin").write_bytes(b"\0\1" + MAIL.encode() + b"\xff")
    (tmp_path / f"{MAIL}.txt").write_text("nothing")
    (tmp_path / "clean.txt").write_text("nothing")
    hits = BIRDS.scan_files(tmp_path)
    assert {hit.place for hit in hits} == {"deep/data.bin", "name of <value 1>.txt"}
    assert BIRDS.scan_files(tmp_path / "clean.txt") == []
    assert BIRDS.scan_files(tmp_path / "deep" / "data.bin")


@dataclass
class _Box:
    inside: object


class _Slots:
    __slots__ = ("inside",)

    def __init__(self, inside: object) -> None:
        self.inside = inside


class _Mute(Exception):
    """Says nothing, and carries something."""

    def __init__(self, carried: object) -> None:
        super().__init__()
        self.carried = carried


def _raised(make, cause=None, *, hide=False):
    try:
        try:
            raise cause or KeyError("nothing")
        except Exception as error:
            if hide:
                raise make() from None
            raise make() from error
    except Exception as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError(MAIL),
        ValueError("safe", {"to": [MAIL.encode()]}),
        _Mute(MAIL),
        _Mute({"deep": (_Box([_Slots({MAIL: 1})]),)}),
        _Mute(_Mute(_Mute(MAIL))),
        UnicodeEncodeError("ascii", f"é{MAIL}", 0, 1, "no"),
        StopIteration(_Box(MAIL)),
        FileNotFoundError(2, "no such file", f"/tmp/{MAIL}"),
        ExceptionGroup("several", [ValueError("safe"), ValueError(MAIL)]),
        _raised(lambda: ValueError("safe"), ValueError(MAIL)),
        _raised(lambda: ValueError("safe"), ValueError(MAIL), hide=True),
    ],
)
def test_exceptions_that_tell(error):
    assert {hit.index for hit in BIRDS.scan_exception(error)} == {1}


def test_exception_notes_and_pydantic_inputs():
    noted = ValueError("safe")
    noted.add_note(f"about {MAIL}")
    assert BIRDS.scan_exception(noted)

    pydantic = pytest.importorskip("pydantic")

    class Form(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(hide_input_in_errors=True)
        age: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Form.model_validate({"age": MAIL})
    assert MAIL not in str(caught.value)
    assert BIRDS.scan_exception(caught.value)


def test_exceptions_that_do_not_tell():
    hidden = MAIL  # in a frame of the traceback only

    def fail():
        local = hidden
        raise ValueError(len(local))

    with pytest.raises(ValueError) as caught:
        fail()
    assert BIRDS.scan_exception(caught.value) == []


def test_an_exception_that_refers_to_itself():
    error = _Mute(None)
    error.carried = [error, {"again": error}]
    assert BIRDS.scan_exception(error) == []


def test_records_and_captured_logs():
    chatty = logging.getLogger("support_tests.chatty")
    private = logging.getLogger("support_tests.private")
    private.propagate = False
    private.setLevel(logging.ERROR)
    stopped = logging.getLogger("support_tests.stopped")
    stopped.disabled = True
    with capture_logs() as logs:
        chatty.debug("to %s", MAIL)
        private.debug("silent %s", "word", extra={"who": MAIL})
        stopped.info("stopped")
        logging.getLogger("support_tests.new").debug("new")
        try:
            raise ValueError(MAIL)
        except ValueError:
            private.exception("failed")
    chatty.debug("afterwards")
    assert [record.getMessage() for record in logs.records[:4]] == [
        f"to {MAIL}",
        "silent word",
        "stopped",
        "new",
    ]
    assert logs.lines[0] == f"DEBUG support_tests.chatty to {MAIL}"
    assert f"ValueError: {MAIL}" in logs.text
    assert len(logs.records) == len(logs.lines) == 5
    assert (private.level, stopped.disabled, chatty.level) == (logging.ERROR, True, logging.NOTSET)
    for told in (0, 1, 4):
        assert BIRDS.scan_records([logs.records[told]])
    for clean in (2, 3):
        assert not BIRDS.scan_records([logs.records[clean]])


def test_a_record_that_cannot_be_formatted():
    record = logging.LogRecord("name", logging.INFO, "file", 1, "%d", (MAIL,), None)
    assert BIRDS.scan_records([record])
    with capture_logs() as logs:
        logging.getLogger().handlers[-1].emit(record)
    assert logs.records == [record]
    assert MAIL in logs.text
