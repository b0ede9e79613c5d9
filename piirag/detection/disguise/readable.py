"""Whether bytes are text: UTF-8, or UTF-16 as PowerShell encodes it, that can be read."""

from __future__ import annotations

import re

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufffd]")
_SHORT = 32
_READABLE_SHARE = 0.95
_FEWEST_BYTES = 8
_PROBE = 256
_CONTINUATION = bytes(range(0x80, 0xC0))


def readable_text(raw: bytes) -> str:
    """The text that bytes make, if it can be read."""
    if len(raw) < _FEWEST_BYTES:
        return ""
    half = len(raw) // 2
    if raw[1::2].count(0) > half * _READABLE_SHARE - 1:
        text, size = raw.decode("utf-16-le", "ignore"), half
    elif raw[0::2].count(0) > half * _READABLE_SHARE - 1:
        text, size = raw.decode("utf-16-be", "ignore"), half
    else:
        text = raw.decode("utf-8", "ignore")
        size = len(text) + len(raw) - len(text.encode())
    if len(text) < size * _READABLE_SHARE:
        return ""
    unreadable = size - len(text) + len(_UNREADABLE.findall(text))
    if unreadable > (0 if size < _SHORT else size * (1 - _READABLE_SHARE)):
        return ""
    return text if any(map(str.isalnum, text[:_PROBE])) else ""


def is_readable(raw: bytes) -> bool:
    """Whether the last few bytes of a text can be read, be they ever so few.

    They may begin inside a character.
    """
    try:
        text = raw.lstrip(_CONTINUATION).decode()
    except UnicodeDecodeError:
        return False
    return not _UNREADABLE.search(text)
