"""Data that somebody wrote into a text, and the tags in it: JSON in any frame, repr, YAML."""

from __future__ import annotations

import json
import re
from typing import Any

# Where data may begin: at the start of a line, or behind a label or a fence.
_BEGINS = re.compile(r"(?:^|[:=`>])[ \t]*([\[{])", re.MULTILINE)
# What begins like data and is none costs its length; a text that does it often is no JSON.
_MOST_FAILURES = 8


class Written:
    """Reads what a text holds, as far as it tells of owners.

    Args:
        key: The metadata key of the tag.
    """

    def __init__(self, key: str) -> None:
        name = re.escape(key)
        # As JSON and Python write it, in strings within strings too; an attribute; a line of YAML.
        self._tag = re.compile(
            rf"""
            (?: \\{{0,8}}["']{name}\\{{0,8}}["']\s{{0,8}}:\s{{0,8}} | \b{name}=(?=["']) )
            (?: \\{{0,8}}'(?P<one>[^'\n]*)' | \\{{0,8}}"(?P<two>[^"\n]*)"
            | (?P<number>-?[0-9]{{1,20}}\b) )?
            | ^[ \t]*(?:-[ \t]+)?{name}:[ \t]+(?P<line>[^\n]*)
            """,
            re.VERBOSE | re.MULTILINE,
        )
        self._decoder = json.JSONDecoder()

    def data(self, content: str) -> tuple[list[Any], str]:
        """The JSON in a text, and what is left of the text.

        Whole, line by line, behind a label, or in a fence.
        """
        whole = self._at(content, len(content) - len(content.lstrip()))
        if whole is not None and not content[whole[1] :].strip():
            return [whole[0]], ""
        found: list[Any] = []
        rest: list[str] = []
        failures = last = 0
        for begin in _BEGINS.finditer(content):
            start = begin.start(1)
            if start < last:
                continue
            parsed = self._at(content, start)
            if parsed is None:
                failures += 1
                if failures > _MOST_FAILURES:
                    break
                continue
            found.append(parsed[0])
            rest.append(content[last:start])
            last = parsed[1]
        return found, "\n".join([*rest, content[last:]])

    def tags(self, text: str) -> list[str | None]:
        """The tags in a text that is no JSON; None for one that is no string."""
        return [self._value(match) for match in self._tag.finditer(text)]

    def _value(self, match: re.Match[str]) -> str | None:
        if match["line"] is not None:
            return match["line"].strip().strip("\"'") or None
        if match["number"] is not None:
            return match["number"]
        written = match["one"] if match["one"] is not None else match["two"]
        if written is None:
            return None
        try:
            return str(json.loads(f'"{written}"'))
        except ValueError:
            return written.rstrip("\\")

    def _at(self, content: str, start: int) -> tuple[Any, int] | None:
        """The data that begin at an offset, and where they end."""
        if content[start : start + 1] not in ("{", "["):
            return None
        try:
            return self._decoder.raw_decode(content, start)
        except (ValueError, RecursionError):
            return None

    def __repr__(self) -> str:
        return "Written(...)"
