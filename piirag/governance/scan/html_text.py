"""The text of a page, in time that grows with its length only.

The parser of the standard library looks again and again at a tag that does not end, and gives up on
some that are none. Here what is no tag is text, so that nothing is lost.
"""

from __future__ import annotations

import html
import re

LONGEST_TAG = 1 << 16
"""Characters that a tag is looked for in at most; one that is longer is text."""

# Attributes whose values people read or write.
_ATTRIBUTES = frozenset("alt content href placeholder title value".split())
_READ = ("aria-", "data-")
_INLINE = frozenset("a abbr b bdi bdo cite code em font i kbd mark q s small span strong u".split())
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:_-]{0,63})(?=[\s/>])")
_COMMENT = "<!--"
_DOCTYPE = re.compile(r"<!doctype\b[^<>]{0,500}>", re.IGNORECASE)
_NAME = re.compile(r"[^\s=<>\"'/]++")
_UNQUOTED = re.compile(r"[^\s<>\"']++")
_END_OF_RAW = re.compile(r"</(?=(?:script|style)\b)", re.IGNORECASE)
_LONGEST_REFERENCE = 64


class HtmlText:
    """Text, comments, scripts and some attributes of a page that comes block by block."""

    def __init__(self) -> None:
        self._buffer = ""
        self._raw = ""
        self._parts: list[str] = []
        self.length = 0
        """Characters that can be taken."""
        self.steps = 0
        """Characters that were looked at, for tests."""

    def feed(self, text: str) -> None:
        """Read on."""
        self._buffer += text
        # A tag that begins before this is here whole, or is none.
        self._read(len(self._buffer) - LONGEST_TAG)

    def close(self) -> None:
        """Read what was kept, as it may have gone on."""
        self._read(len(self._buffer), last=True)

    def taken(self, *, lines: bool = False) -> str:
        """What was read since this was last asked; only whole lines, where that was asked for."""
        text = "".join(self._parts)
        cut = text.rfind("\n") + 1 if lines else len(text)
        self._parts = [text[cut:]]
        self.length = len(text) - cut
        return text[:cut]

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self.length += len(text)

    def _read(self, limit: int, *, last: bool = False) -> None:
        text, at = self._buffer, 0
        while at < limit:
            if self._raw:
                after = self._script(text, at, limit)
            elif text[at] == "<":
                after = self._marked(text, at)
            else:
                after = self._plain(text, at, limit, last=last)
            self.steps += after - at
            if after == at:
                break
            at = after
        self._buffer = text[at:]

    def _script(self, text: str, at: int, limit: int) -> int:
        end = _END_OF_RAW.search(text, at)
        stop = end.start() if end is not None else limit
        if self._raw != "style":
            self._add(text[at:stop])
        if end is not None:
            self._raw = ""
            if stop == at:
                return self._marked(text, at)
        return stop

    def _plain(self, text: str, at: int, limit: int, *, last: bool) -> int:
        stop = text.find("<", at, limit)
        if stop < 0:
            stop = limit
            if not last:
                # Not in the middle of "&amp;".
                start = text.rfind("&", max(at, stop - _LONGEST_REFERENCE), stop)
                stop = start if start >= 0 else stop
        self._add(_unescaped(text[at:stop]).replace("-->", "\n"))
        return stop

    def _marked(self, text: str, at: int) -> int:
        """Read what begins with "<"."""
        if text.startswith(_COMMENT, at):
            self._add("\n")
            return at + len(_COMMENT)
        doctype = _DOCTYPE.match(text, at)
        if doctype is not None:
            return doctype.end()
        tag = _TAG.match(text, at)
        if tag is None:
            self._add("<")
            return at + 1
        values: list[str] = []
        end, whole = self._attributes(text, tag.end(), values)
        if not whole:
            self._add(_unescaped(text[at:end]))
            return end
        name = tag[2].lower()
        if name not in _INLINE:
            self._add("\n")
        for value in values:
            self._add(f" {_unescaped(value).removeprefix('mailto:').removeprefix('tel:')} \n")
        if not tag[1] and name in ("script", "style"):
            self._raw = name
        return end

    def _attributes(self, text: str, at: int, values: list[str]) -> tuple[int, bool]:
        """Where a tag ends, and whether it does before the next one begins."""
        limit = min(len(text), at + LONGEST_TAG - 100)
        name = ""
        given = False
        while at < limit:
            character = text[at]
            if character == "<":
                return at, False
            if character == ">":
                return at + 1, True
            value, end = None, at + 1
            if character in "\"'":
                # Where none comes, none of this kind is looked for again before the limit.
                close = text.find(character, at + 1, limit)
                self.steps += (close if close >= 0 else limit) - at
                if close >= 0:
                    value, end = text[at + 1 : close], close + 1
            elif given and (match := _UNQUOTED.match(text, at, limit)):
                value, end = match.group(), match.end()
            elif match := _NAME.match(text, at, limit):
                name, end = match.group().lower(), match.end()
            elif character == "=":
                given = True
            if value is not None:
                if value and (name in _ATTRIBUTES or name.startswith(_READ)):
                    values.append(value)
                name, given = "", False
            at = end
        return at, False


def text_of_html(markup: str) -> str:
    """The text of a page."""
    page = HtmlText()
    page.feed(markup)
    page.close()
    return page.taken()


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:
        # A number of thousands of digits.
        return text
