"""Mentions by a model that cannot be names: labels, units, bytes, registers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from piirag.detection.finding import Finding
from piirag.detection.plausible.around import before, behind, in_hexdump
from piirag.detection.plausible.words import BOUNDS, LABELS, NEVER_NAMES, UNITS

_NAMED = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP"})
_WORD = re.compile(r"[^\W_]+")
_HEX = re.compile(r"[0-9a-f]*\d[0-9a-f]*|0x[0-9a-f]+", re.IGNORECASE)
_FIGURE = re.compile(r"\d[\w.,]*")
# What may stand between the parts of one address: the model may take them for several mentions.
_BESIDE = re.compile(r"[\s,./-]{0,3}")

_LABEL_END = re.compile(r"(?:-(?:ID|Id|Nr|No)\b)?\.?[ ]?[:=]")
_FIGURE_NEXT = re.compile(r"[ =:]{1,3}-?\d")

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


def implausible(text: str, mentions: Sequence[Finding]) -> set[Finding]:
    """The mentions that cannot be names.

    Args:
        text: The text.
        mentions: What a model found in it.

    Returns:
        Those to leave out.
    """
    named = sorted((m for m in mentions if m.entity_type in _NAMED), key=lambda m: m.start)
    empty = [_is_empty(text, mention) for mention in named]
    return {
        mention
        for i, mention in enumerate(named)
        if _is_label(text, mention)
        or _in_code(text, mention)
        or (empty[i] and not any(_beside(text, named, empty, i, step) for step in (-1, 1)))
    }


def _is_label(text: str, mention: Finding) -> bool:
    """Whether it consists of words that are never a name, with or without figures."""
    words = [word.casefold() for word in _WORD.findall(text[mention.start : mention.end])]
    if len(words) == 1 and words[0] in LABELS:
        return _LABEL_END.match(text, mention.end) is not None
    if len(words) == 1 and text[mention.start : mention.end] in BOUNDS:
        return _FIGURE_NEXT.match(text, mention.end) is not None
    return any(word in NEVER_NAMES for word in words) and all(
        word in NEVER_NAMES or word in UNITS or (word.isascii() and word.isdigit())
        for word in words
    )


def _is_empty(text: str, mention: Finding) -> bool:
    """Whether it holds figures and units only: nothing, unless it is part of an address."""
    words = _WORD.findall(text[mention.start : mention.end])
    return all(_is_figure(word) or (len(word) == 1 < len(words)) for word in words)


def _is_figure(word: str) -> bool:
    if word.casefold() in UNITS or word.isdigit():
        return True
    return word.islower() and bool(_FIGURE.fullmatch(word) or _HEX.fullmatch(word))


def _beside(text: str, named: Sequence[Finding], empty: Sequence[bool], i: int, step: int) -> bool:
    """Whether a mention that is more than figures stands right before or behind."""
    for _ in range(3):
        j = i + step
        if not 0 <= j < len(named):
            return False
        low, high = (named[i].end, named[j].start) if step > 0 else (named[j].end, named[i].start)
        if not _BESIDE.fullmatch(text, low, max(low, high)):
            return False
        if not empty[j]:
            return True
        i = j
    return False


def _in_code(text: str, mention: Finding) -> bool:
    """Whether it is a piece of assembly, of a dump, or of the path of a package."""
    surface = text[mention.start : mention.end]
    if surface != surface.lower():
        return False
    left, right = before(text, mention.start), behind(text, mention.end)
    line = left + surface + right
    if _REGISTER.search(line) and _OPERATION.search(line):
        return True
    if (
        len(surface) <= 8
        and _HEX.fullmatch(surface)
        and in_hexdump(text, mention.start, mention.end)
    ):
        return True
    path = _DOTTED_BEFORE.search(left[-80:])
    head = (path.group() if path else surface).split(".")[0].split("/")[0]
    if not _DOTTED_BEHIND.match(right) and not path:
        return False
    return (head.lower() in _TOP_PACKAGES and "@" not in line) or (
        _FRAME.match(left) is not None and _DOTTED_BEHIND.match(right) is not None
    )
