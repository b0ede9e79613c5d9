"""Pieces of code, assembly, dumps and paths of packages that a model may take for names."""

from __future__ import annotations

import re

from piirag.detection.plausible.around import before, behind, in_hexdump

_REGISTER = re.compile(
    r"(?<![\w-])(?:[re]?[abcd]x|[re]?[sd]i|[re]?[sb]p|[re]ip|[abcd][lh]|r\d{1,2}[dwb]?|[xyz]mm\d{1,2}"
    r"|[xwvq]\d{1,2}|[ast]\d|sp|fp|lr|ra|gp|[xw]zr)(?![\w-])"
)
_OPERATION = re.compile(
    r"(?:^|:|\t|\s{2})\s*(?:[0-9a-f]{2}\s)*\s*"
    r"(?:v?mov\w*|lea[lq]?|xor\w?|v?add\w{0,3}|v?sub\w?|i?mul\w?|i?div\w?|and\w?|or\w?|not|neg|shl"
    r"|shr|sar|sal|ro[lr]|cmp\w?|test\w?|jmp|j[a-z]{1,2}|call\w?|ret\w?|push\w?|pop\w?|inc|dec|nop"
    r"|syscall|int|cqo|cdq|set[a-z]{1,2}|cmov[a-z]{1,2}|ldr\w{0,2}|str\w{0,2}|ldp|stp|bl[rx]?"
    r"|b(?:\.[a-z]{2})?|cb[n]?z|adrp?|addi\w?|l[wdbhu]{1,2}|s[wdbh]|li|la|mv|jal[r]?|beq|bne|b[lg][te]"
    r"|ecall)(?:\s+|$)"
)
_TOP_PACKAGES = (
    "com org net io java javax jakarta jdk kotlin scala akka android androidx sun go golang dev "
    "system microsoft google apache spring github"
).split()
_DOTTED_BEFORE = re.compile(r"[A-Za-z_$][\w$]*(?:[./][\w$]+)*[./]\Z")
_DOTTED_BEHIND = re.compile(r"(?:[./][A-Za-z_$][\w$]*){2,}")
_FRAME = re.compile(
    r"\s*(?:at|import|package|using|from|require|include|use)\s+(?:static\s+)?[\w./]*\Z"
)
# "o.s.w.s.DispatcherServlet", as loggers shorten packages.
_SHORTENED = re.compile(r"(?<![\w.])(?:[a-z]\.){2,8}[A-Z][a-z]+[A-Z]?\w*")
# "Main.java:688", "reflector.go:138".
_SOURCE = re.compile(
    r"[\w$/.-]{1,80}\.(?:c|cc|cpp|cs|cxx|go|h|hpp|java|js|jsx|kt|m|php|pl|py|rb|rs|scala|swift|ts|tsx)"
    r"(?=:\d|\(\d|:line)"
)
_SQL = frozenset(
    """
    ALTER ANALYZE BEGIN CLUSTER COMMIT COPY CREATE DELETE DROP EXPLAIN GRANT INSERT MERGE REINDEX
    REVOKE ROLLBACK SELECT SET TRUNCATE UPDATE VACUUM WHERE JOIN UNION VALUES LIMIT OFFSET
    """.split()
)
_CAPITALS_BESIDE = re.compile(r"\s+[A-Z]{2,}\b")
_JOINED_BEFORE = re.compile(r"(?:::|->|\\|\$\{?|--|&)\Z")
_CALLED_BEHIND = re.compile(r"::|\(\)")
# "node->next", "items[0]"; in capitals "Alice->Bob", and "Miller[3]" with a footnote.
_HELD_BEHIND = re.compile(r"->|\[\d")
_ASSIGNED = re.compile(r"\s?[-+*|]?=[^=]")
_REACH = 80


def in_code(text: str, start: int, end: int) -> bool:
    """Whether a mention is a piece of code rather than a name in it.

    Names in strings, comments, file names and addresses are names all the same.
    """
    surface = text[start:end]
    left, right = before(text, start), behind(text, end)
    if _CALLED_BEHIND.match(right) and not any(map(str.isspace, surface)):
        return True
    if _lies_in(_SHORTENED, text, start, end):
        return True
    if _lies_in(_SOURCE, text, start, end):
        return True
    if surface in _SQL and _CAPITALS_BESIDE.match(right):
        return True
    if surface != surface.lower():
        return False
    if _HELD_BEHIND.match(right):
        return True
    if surface.isalpha() and (_JOINED_BEFORE.search(left) or _ASSIGNED.match(right)):
        return True
    line = left + surface + right
    if _REGISTER.search(line) and _OPERATION.search(line):
        return True
    if len(surface) <= 8 and _HEXADECIMAL.fullmatch(surface) and in_hexdump(text, start, end):
        return True
    path = _DOTTED_BEFORE.search(left[-_REACH:])
    if not path and not _DOTTED_BEHIND.match(right):
        return False
    head = re.split(r"[./]", path.group() if path else surface, maxsplit=1)[0]
    if head.lower() in _TOP_PACKAGES and "@" not in line:
        return True
    return _FRAME.match(left) is not None and _DOTTED_BEHIND.match(right) is not None


_HEXADECIMAL = re.compile(r"[0-9a-f]*\d[0-9a-f]*|0x[0-9a-f]+")


def _lies_in(token: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Whether a token of this form holds it; looked for on the line, a bounded way around."""
    left, right = before(text, start, _REACH), behind(text, end, _REACH)
    line, at = left + text[start:end] + right, len(left)
    if end - start > _REACH:
        return False
    return any(
        match.start() <= at and at + end - start <= match.end() for match in token.finditer(line)
    )
