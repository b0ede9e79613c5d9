"""E-mail: one message, or a mailbox with many."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import BinaryIO

from piirag.governance.scan.formats import text_of_html
from piirag.governance.scan.record import Record, Skipped, of_row

# Random digits, signatures, forms; the name of a file is read by itself.
_OF_MACHINES = frozenset(
    """
    arc-message-signature arc-seal content-disposition content-transfer-encoding content-type
    dkim-signature mime-version
    """.split()
)
_LONGEST = 32 << 20


def message_records(source: str, data: bytes, kind: str = "e-mail") -> Iterator[Record | Skipped]:
    """One message: its headers as a row, its parts as texts; attached text is read too."""
    headers: list[tuple[str, str]] = []
    parts: list[tuple[str, str]] = []
    left = failed = 0
    message = email.message_from_bytes(data, EmailMessage, policy=email.policy.default)
    for part in message.walk():
        headers += _headers(part)
        if part.is_multipart():
            continue
        if part.get_content_maintype() != "text":
            left += 1
            continue
        text = _content(part)
        if text is None:
            failed += 1
        else:
            name = "attachment" if part.is_attachment() else "body"
            parts.append(
                (name, text_of_html(text) if part.get_content_subtype() == "html" else text)
            )
    yield from of_row(source, kind, [*headers, *parts])
    if left:
        yield Skipped(source, "attachments that are no text were not read", whole=False)
    if failed:
        yield Skipped(source, "parts that cannot be decoded", whole=False, failed=True)


def _headers(part: EmailMessage) -> Iterator[tuple[str, str]]:
    raw = [(str(key), str(value)) for key, value in part.raw_items()]
    for name in dict.fromkeys(key.lower() for key, _ in raw if key.lower() not in _OF_MACHINES):
        try:
            yield from ((name, str(value)) for value in part.get_all(name, []))
        except Exception:  # noqa: BLE001 - a header that the parser of headers cannot read
            yield from ((name, value) for key, value in raw if key.lower() == name)
    try:
        file = part.get_filename()
    except Exception:  # noqa: BLE001 - as above
        file = None
    if file:
        yield "file name", file


def _content(part: EmailMessage) -> str | None:
    try:
        return str(part.get_content())
    except Exception:  # noqa: BLE001 - an unknown charset, or an encoding that is none
        data = part.get_payload(decode=True)
        return data.decode("utf-8", "replace") if isinstance(data, bytes) else None


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
