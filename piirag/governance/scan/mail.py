"""E-mail: one message, or a mailbox with many.

Headers and parts are decoded here and not by the modern parser of the standard library: the time
that one takes for a header grows faster than the header, and it raises on some.
"""

from __future__ import annotations

import binascii
import codecs
import email
import io
import quopri
import re
from collections.abc import Iterator, Sequence
from email.message import Message
from email.policy import Compat32
from pathlib import PurePath
from typing import Any, BinaryIO

from piirag.governance.scan.decode import FALLBACK, encoding_of
from piirag.governance.scan.html_text import text_of_html
from piirag.governance.scan.record import Record, Skipped, of_row, of_text

# Random digits, signatures, forms; the name of a file is read by itself.
_OF_MACHINES = frozenset(
    """
    arc-message-signature arc-seal content-disposition content-transfer-encoding content-type
    dkim-signature mime-version
    """.split()
)
_LONGEST = 32 << 20
# The longest header that tells the form of a part. A longer one is read as a text.
_LONGEST_FORM = 2_000
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([qQbB])\?([^?\s]*+)\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s++(?==\?)")
_NO_TEXT = frozenset("audio font image video".split())
_PACKED = (b"%PDF", b"PK\3\4")
_HTML = frozenset({".html", ".htm", ".xhtml"})
# Encodings of names of hosts and of source code; some take time that grows faster than the text.
_NO_CHARSETS = frozenset("idna punycode raw-unicode-escape unicode-escape undefined".split())
_NESTED = "nested too deeply: it was read as text"


class _Policy(Compat32):
    """Headers that tell a form are short, or they are read as texts and tell none."""

    def header_source_parse(self, sourcelines: Sequence[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(list(sourcelines))
        long = name.lower() in _OF_MACHINES and len(value) > _LONGEST_FORM
        return (f"long {name}" if long else name), value


def message_records(source: str, data: bytes, kind: str = "e-mail") -> Iterator[Record | Skipped]:
    """One message: its headers as a row, its parts as texts; attached text is read too."""
    message = _Parts()
    try:
        message.read(email.message_from_bytes(data, Message, policy=_Policy()))
    except RecursionError:
        message.nested = True
    if message.nested:
        yield from of_text(source, kind, _decoded(data, None))
        yield Skipped(source, _NESTED, whole=False, failed=True)
        return
    yield from of_row(source, kind, [*message.headers, *message.texts])
    if message.left:
        yield Skipped(source, "attachments that are no text were not read", whole=False)


class _Parts:
    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.left = 0
        self.nested = False

    def read(self, message: Message) -> None:
        """Read a message with all its parts."""
        for part in message.walk():
            self.headers += _headers(part)
            for name, text in (
                ("before the parts", part.preamble),
                ("after the parts", part.epilogue),
            ):
                if text:
                    self.texts.append((name, _unwrapped(str(text))))
            if not part.is_multipart():
                self._part(part)

    def _part(self, part: Message) -> None:
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes) or not data:
            return
        main, suffix = part.get_content_maintype(), PurePath(_file_name(part)).suffix.lower()
        if main in _NO_TEXT or (main != "text" and not _is_text(data)):
            self.left += 1
            return
        text = _decoded(data, part.get_content_charset())
        if "html" in part.get_content_subtype() or suffix in _HTML:
            text = text_of_html(text)
        told = str(part.get("content-disposition", "")).lstrip().lower()
        self.texts.append(("attachment" if told.startswith("attachment") else "body", text))


def _headers(part: Message) -> Iterator[tuple[str, str]]:
    raw: Iterator[tuple[str, Any]] = part.raw_items()
    for key, value in raw:
        if key.lower() not in _OF_MACHINES:
            yield key.lower(), _header(_unwrapped(str(value)))
    file = _file_name(part)
    if file:
        yield "file name", file


def _file_name(part: Message) -> str:
    try:
        return _header(_unwrapped(part.get_filename() or ""))
    except (ValueError, LookupError, TypeError):
        # Parameters in an encoding that is none.
        return ""


def _header(value: str) -> str:
    """A header with its encoded words decoded (RFC 2047)."""
    return _WORD.sub(_word, _BETWEEN_WORDS.sub("", value))


def _word(match: re.Match[str]) -> str:
    charset, way, text = match.groups()
    packed = text.encode("utf-8", "replace")
    try:
        data = (
            quopri.decodestring(packed, header=True)
            if way in "qQ"
            else binascii.a2b_base64(packed + b"==")
        )
    except ValueError:
        return match.group()
    return _decoded(data, charset.partition("*")[0])


def _unwrapped(text: str) -> str:
    """What stands in a header or a body as bytes that are not ASCII."""
    return _decoded(text.encode("utf-8", "surrogateescape"), None)


def _decoded(data: bytes, charset: str | None) -> str:
    names = ["utf-8", FALLBACK]
    try:
        codec = codecs.lookup(charset or "utf-8").name
        names[:0] = [] if codec in _NO_CHARSETS else [codec]
    except (LookupError, ValueError):
        pass
    for name in names:
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode(FALLBACK, "replace")


def _is_text(data: bytes) -> bool:
    return not data.startswith(_PACKED) and encoding_of(io.BytesIO(data), len(data)) is not None


def mailbox_records(source: str, file: BinaryIO, longest: int) -> Iterator[Record | Skipped]:
    """Every message of a mailbox in mbox format, one at a time."""
    message: list[bytes] = []
    length = read = 0
    blank = True
    cut = False
    while read < longest and (line := file.readline(1 << 20)):
        read += len(line)
        if blank and line.startswith(b"From ") and message:
            yield from message_records(source, b"".join(message), "mailbox")
            message, length = [], 0
        if length < _LONGEST:
            # The line that begins a message names its sender, but is no header.
            message.append(b"X-" + line.replace(b" ", b": ", 1) if not message else line)
            length += len(line)
        else:
            cut = True
        blank = line in (b"\n", b"\r\n")
    if message:
        yield from message_records(source, b"".join(message), "mailbox")
    if cut:
        yield Skipped(source, "a long message: its beginning was read", whole=False, failed=True)
    if read >= longest and file.read(1):
        yield Skipped(source, "too large: its beginning was read", whole=False, failed=True)
