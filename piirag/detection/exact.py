"""The value and nothing beside it: edges of findings that patterns and models draw too wide.

The local part of an address may hold nearly any sign (RFC 5322), so `email=jane@example.com` is
one address to a pattern; to a reader it is a key and `jane@example.com`. A model that takes names
over a tab takes two cells of a table for one name. Each spelling of a value has to lead to the
same pseudonym, and a tool has to get the value back without what stood beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from piirag.detection.disguise.whole import blank_escapes
from piirag.detection.finding import Finding

NAMED = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP"})
"""Entity types whose values are words, each of which is a value by itself."""

# A tab, or blanks that align columns. The escape of a tab is one as well.
_COLUMN = re.compile(r"[ ]{0,40}\t[ \t]{0,40}|[ ]{2,40}")
_TAB_ESCAPE = re.compile(r"\\{1,8}(?:t|u0009)")

# What no address holds in practice; what stands before it is another cell, tag or word.
_NEVER = re.compile(
    r".*(?:[|{}`\"<>()\[\],;^]|%(?:25){0,3}(?:0[9aAdD]|2[267fF]|3[aAcCdDeEfF]|5[bBdD]|7[bBcCdD]))"
)
_OPENING = "'*/=&?#!$~|{}`^.,"
_KEY = re.compile(
    r"(?P<before>|.*[?&/#])(?P<key>[A-Za-z_$@-][\w.$-]{0,60})=(?P<quote>['\"]?)(?=[\w+'-])"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Words of which the keys of addresses are made. None is a name.
_KEY_WORDS = frozenset(
    """
    account accounts addr address admin alias assigned assignee attendee auth author bcc bill
    billing body by cc client contact contacts content creator created cust customer data dest
    destination display document e email emails employee from guest header home href id identifier
    input invitee key lead line log login mail mails mailto manager member message msg name new
    notify old org organizer output owner page param participant payload person personal primary
    principal private query raw recipient recipients reply replyto reporter requester requested
    row rcpt secondary sender sent signup src str string sub subject subscriber support target
    tenant text to uid updated upn user userid username users val value work
    """.split()
)
_ANOTHER_PAIR = re.compile(r"(?:^|[\s,;&?({\[])[A-Za-z_][\w.-]{0,40}=\S{0,80}[\s,;&]{1,3}\Z")
_PAIR_BEHIND = re.compile(r"['\")]{0,2}[\s,;&]{1,3}[A-Za-z_][\w.-]{0,40}=\S")
_REACH = 120


def exact(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """Findings without what stands beside the value, and mentions cut at columns.

    Args:
        text: The text they were found in.
        findings: In any order.
    """
    columns = "\t" in text or "  " in text or "\\" in text
    found: list[Finding] = []
    for finding in findings:
        if finding.entity_type == "EMAIL_ADDRESS":
            start, end = address_alone(text, finding.start, finding.end)
            same = (start, end) == (finding.start, finding.end)
            found.append(finding if same else replace(finding, start=start, end=end))
        elif columns and finding.entity_type in NAMED:
            found += in_columns(text, finding)
        else:
            found.append(finding)
    return found


def in_columns(text: str, finding: Finding) -> list[Finding]:
    """A mention as one finding for each column that it reaches over."""
    gaps = [m.span() for m in _COLUMN.finditer(text, finding.start, finding.end)]
    gaps += [
        (low, high)
        for low, high in blank_escapes(text, finding.start, finding.end)
        if _TAB_ESCAPE.fullmatch(text, low, high)
    ]
    if not gaps:
        return [finding]
    pieces = []
    start = finding.start
    for low, high in [*sorted(gaps), (finding.end, finding.end)]:
        if any(map(str.isalnum, text[start:low])):
            pieces.append(replace(finding, start=start, end=low))
        start = max(start, high)
    return pieces


def address_alone(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the address in a finding of one stands.

    Cut off is only what is no part of it: a key and its quote, marks of emphasis, the cell before.
    A key is told by its words, by a quote behind the equals sign or by other pairs beside it;
    elsewhere `a=b@example.com` stays whole.
    """
    at = text.rfind("@", start, end)
    if at < 0:
        return start, end  # spelled out
    begin = start
    cell = _NEVER.match(text, begin, at)
    if cell is not None and cell.end() < at:
        begin = cell.end()
    begin = _behind_marks(text, begin, at)
    key = _KEY.match(text, begin, at)
    if key is not None and key.end() < at and _is_key(text, key, end):
        begin = key.end()
    begin = _behind_marks(text, begin, at)
    if begin == at:
        return start, end
    marks = len(text[begin:at]) - len(text[begin:at].lstrip("_"))
    if marks and begin + marks < at and text[end : end + 1] == "_":
        begin += marks  # _jane@example.com_
    return begin, end


def _behind_marks(text: str, begin: int, at: int) -> int:
    while begin < at and text[begin] in _OPENING:
        begin += 1
    return begin


def _is_key(text: str, key: re.Match[str], end: int) -> bool:
    if key["quote"] or key["before"]:
        return True
    words = [word.lower() for word in _WORDS.findall(key["key"])]
    if words and _KEY_WORDS.issuperset(words):
        return True
    low = max(0, key.start() - _REACH)
    return (
        _ANOTHER_PAIR.search(text, low, key.start()) is not None
        or _PAIR_BEHIND.match(text, end) is not None
    )
