"""Addresses with their signs spelled out: jane (at) example [dot] com, 203[.]0[.]113[.]7."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.disguise.mapping import Edit

_OPEN, _CLOSE = r"[(\[{<]", r"[)\]}>]"
_DOT_WORD = r"(?:dot|punkt|punto|ponto|point)"
_AT_WORD = r"(?:at|arobase|arroba|chiocciola|klammeraffe)"

_DOT = re.compile(
    rf"\s{{0,3}}(?:{_OPEN}\s{{0,2}}(?:{_DOT_WORD}|\.)\s{{0,2}}{_CLOSE})\s{{0,3}}"
    rf"|\s{{1,3}}(?:{_DOT_WORD}|\.)\s{{1,3}}|[_-]dot[_-]|(?-i:(?<=[a-z0-9])DOT(?=[a-z0-9]))",
    re.IGNORECASE,
)
# An at sign alone, spaced or not, is an anchor too: what follows it may be spelled out.
_AT = re.compile(
    rf"\s{{0,3}}{_OPEN}\s{{0,2}}(?:{_AT_WORD}|@)\s{{0,2}}{_CLOSE}\s{{0,3}}"
    rf"|[_-]at[_-]|\s{{1,3}}{_AT_WORD}\s{{1,3}}|(?-i:(?<=[a-z0-9])AT(?=[a-z0-9]))|\s{{0,3}}@\s{{0,3}}",
    re.IGNORECASE,
)
_LAST = re.compile(r"[\w+%-]")
_LEFT = re.compile(r"[\w+%-][\w.+%-]{0,63}\Z")
_RIGHT = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_REACH = 100

# "She was looking at the dot on the map": no domain begins with these.
_NO_DOMAIN = frozenset(
    "a an and any every her his its my no one our that the their this your".split()
)

# "meet at example.com" is no address, "jane.roe at example.com" is.
_LOCAL_PART = re.compile(r"[a-z]+[._][a-z]+", re.IGNORECASE)
# Beside a real at sign: a word with figures, and a domain with spaces around its dots.
_ACCOUNT = re.compile(r"[a-z][a-z._-]*\d+[a-z\d._-]*", re.IGNORECASE)
_ENDING = re.compile(
    r"\.(?:com|net|org|edu|gov|io|eu|de|fr|uk|nl|ch|es|pl|se|cz|jp|ru|br|au|ca|biz)\Z"
)
_FILE = re.compile(
    r"\.(?:[a-z]{1,2}|\w*\d|bak|bat|bin|cfg|conf|cpp|css|csv|dat|doc|docx|exe|gif|go|gz|htm|html|ini|ipynb|jar|java"
    r"|jpeg|jpg|js|json|jsx|lock|log|lua|md|mdx|pdf|php|png|ppt|pptx|ps1|rar|rst|sh|sql|svg|tar|tex|tgz|tmp|toml|ts"
    r"|tsv|tsx|txt|xls|xlsx|xml|yaml|yml|zip)\Z",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"(?:e-?mail|mail|mailto|address|adresse|correo|contact)(?: address)?(?::| is| =|=)\s*\Z",
    re.IGNORECASE,
)

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d{1,2})"
_IP_DOT = rf"(?:\s?{_OPEN}\s?(?:dot|\.)\s?{_CLOSE}\s?| dot | \. |\.)"
_IP = re.compile(rf"(?<![\w.]){_OCTET}(?:{_IP_DOT}{_OCTET}){{3}}(?!\w|\.\d)", re.IGNORECASE)


def spelled_edits(text: str) -> list[Edit]:
    """Find spelled addresses and the signs in them."""
    edits: list[Edit] = []
    dotted = _DOT.search(text)
    for match in _IP.finditer(text) if dotted else ():
        edits += [
            Edit(match.start() + dot.start(), match.start() + dot.end(), ".")
            for dot in re.finditer(_IP_DOT, match.group(), re.IGNORECASE)
            if dot.group() != "."
        ]
    done = 0
    for match in _AT.finditer(text):
        if match.start() >= done:
            found = list(_address(text, match))
            if found:
                edits += found
                done = found[-1].end
    return edits


def _address(text: str, at: re.Match[str]) -> Iterator[Edit]:
    """The edits of the address around an at sign, if there is one."""
    sign = at.group()
    word = sign.strip(" \t\r\n\f\v")
    begin = max(0, at.start() - _REACH)
    left, left_dots = _dots(text, begin, at.start(), stops=word == "@")
    right, right_dots = _dots(text, at.end(), at.end() + _REACH, stops=word == "@")
    if not _LAST.match(left[-1:]):
        return
    local, domain = _LEFT.search(left), _RIGHT.match(right)
    if local is None or domain is None or domain.group().partition(".")[0].lower() in _NO_DOMAIN:
        return
    used_left = [edit for edit, new in left_dots if new > local.start()]
    used_right = [edit for edit, new in right_dots if new < domain.end()]
    used = [*used_left, *used_right]
    if not any(text[edit.start : edit.end].strip() != "." for edit in used):
        if sign == "@" and not used:
            return
        if word[0] not in "([{<@" and not sign[0].isspace():
            return  # a file name, such as look_at_main.py
        if sign[0].isspace() and word[0] not in "([{<":
            before = text[begin : at.start() - len(local.group())]
            name = local.group()
            named = _LOCAL_PART.fullmatch(name) is not None and _FILE.search(name) is None
            if word == "@":
                named = named or _ACCOUNT.fullmatch(name) is not None
                spaced = bool(used_right) and _ENDING.search(domain.group()) is not None
                named = named or spaced
            if not named and _ANNOUNCED.search(before) is None:
                return
    yield from used_left
    yield Edit(at.start(), at.end(), "@")
    yield from used_right


def _dots(text: str, start: int, end: int, *, stops: bool) -> tuple[str, list[tuple[Edit, int]]]:
    """A stretch with its dots written as dots; each edit with its offset in the result.

    A full stop between spaces counts only beside a real at sign: tokenised text is full of them.
    """
    stretch = text[start:end]
    pieces: list[str] = []
    found: list[tuple[Edit, int]] = []
    position = length = 0
    for match in _DOT.finditer(stretch):
        if not stops and match.group().strip() == ".":
            continue
        pieces += [stretch[position : match.start()], "."]
        length += match.start() - position + 1
        found.append((Edit(start + match.start(), start + match.end(), "."), length - 1))
        position = match.end()
    pieces.append(stretch[position:])
    return "".join(pieces), found
