"""Bytes of a file as text, some at a time: encodings are told apart, nothing is read whole."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from piirag.governance.scan.record import LONGEST, cut_at

BLOCK = 1 << 18
"""Bytes that are read at once."""

# The longer one first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27}) + b"\x7f"
_MOST_CONTROL = 0.02
_MOST_LETTERS = 0.98
_SPACES = frozenset(" \n\u3000\u3001\u3002\uff0c")
FALLBACK = "cp1252"
"""What a text is taken for that is not UTF-8: every byte means something in it, or is replaced."""


def encoding_of(file: BinaryIO, longest: int) -> str | None:
    """How a file is to be decoded; None for one that is no text.

    Args:
        file: The file, at its beginning; it is there again afterwards.
        longest: So many bytes are looked at, at most.
    """
    head = file.read(BLOCK)
    try:
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name
        wide = _wide(head) if b"\0" in head else None
        if wide is not None:
            return wide
        # Zeros by themselves are holes in a log, or what separates records.
        rest = head.replace(b"\0", b"")
        control = len(rest) - len(rest.translate(None, _CONTROL))
        if control > _MOST_CONTROL * len(rest):
            return _wide_by_letters(head)
        return "utf-8" if _is_utf8(file, head, longest) else FALLBACK
    finally:
        file.seek(0)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte is 0, where the text is mostly ASCII."""
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros and zeros.count(0) > 0.6 * len(zeros) and head.count(0) < 0.6 * len(head):
            return name
    return None


def _wide_by_letters(head: bytes) -> str | None:
    """UTF-16 without a mark of other letters: nearly all of it is letters, spaces among them."""
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(name)().decode(head)
        except UnicodeDecodeError:
            continue
        shown = sum(character.isprintable() or character in "\r\n\t" for character in text)
        if _SPACES.intersection(text) and shown > _MOST_LETTERS * len(text):
            return name
    return None


def _is_utf8(file: BinaryIO, head: bytes, longest: int) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    block = head
    try:
        while block:
            decoder.decode(block)
            read += len(block)
            if read >= longest:
                return True
            block = file.read(BLOCK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


class Text:
    """The text of a file.

    Args:
        file: The file, at its beginning.
        encoding: Its encoding.
        longest: So many bytes are read at most.
    """

    def __init__(self, file: BinaryIO, encoding: str, longest: int) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._left = longest
        self.cut = False
        """Whether the file goes on where reading stopped."""

    def blocks(self) -> Iterator[str]:
        """The text, block by block."""
        while True:
            block = self._file.read(min(BLOCK, self._left))
            self._left -= len(block)
            # A zero is no character of a text, and CSV has no place for it.
            yield self._decoder.decode(block, not block).replace("\0", " ")
            if not block:
                break
        self.cut = self._left <= 0 and bool(self._file.read(1))

    def pieces(self) -> Iterator[str]:
        """The text in pieces of `LONGEST` characters at most."""
        text = ""
        for block in self.blocks():
            text += block
            start = 0
            while len(text) - start > LONGEST:
                end = cut_at(text, start, start + LONGEST)
                yield text[start:end]
                start = end
            text = text[start:]
        if text:
            yield text

    def lines(self, longest: int = 1 << 20) -> Iterator[str]:
        """The text line by line, with its ends; a longer line comes in several parts."""
        rest = ""
        for block in self.blocks():
            *lines, rest = (rest + block).split("\n")
            for line in lines:
                yield line + "\n"
            while len(rest) > longest:
                yield rest[:longest]
                rest = rest[longest:]
        if rest:
            yield rest
