"""E-mail addresses broken over two lines, as mail programs and narrow columns do."""

from __future__ import annotations

import re

from piirag.detection.disguise.mapping import Edit

# The second line may be quoted, commented out, or indented.
_BREAK = r"[ \t]{0,4}\r?\n[ \t>|#*]{0,12}"
_WORD = r"[\w.+%-]{0,63}\w"

_AT_END = re.compile(rf"(?<=[\w+%-])@(?:{_BREAK})(?=[\w-]{{1,63}}\.\w)")
# An "@" that begins a line may also be a decorator: @app.route("/").
_AT_BEGIN = re.compile(
    rf"(?<=[\w+%-]){_BREAK}(?=@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}}(?:[>,;)\]\"']|\.?(?:\s|\Z)))"
)
# Inside the domain: after its dot, before it, or in the middle of a label.
_IN_DOMAIN = re.compile(
    rf"(?<=[\w+%-])@([\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,4}}\.?)({_BREAK})(\.?[a-z0-9][\w.-]{{1,80}})"
)
_ENDS_AS_IT_IS = re.compile(
    r"\.(?:com|org|net|edu|gov|info|io|co|de|fr|uk|us|eu|it|es|nl|pl|ch|at)\Z"
)
_BEGINS_WITH_END = re.compile(r"(?:com|org|net|edu|gov|info|io|co|[a-z]{2})(?![\w-])")
# Inside the local part, where its last character shows that it goes on.
_IN_LOCAL = re.compile(rf"(?<=\w)([-_+]){_BREAK}(?={_WORD}@\w)")
_AFTER_DOT = re.compile(rf"(?<=\w)\.{_BREAK}(?={_WORD}@\w)")
_ANNOUNCED = re.compile(
    r"(?:mail|mailto|address|contact)\W{1,4}[\w.+%-]{1,64}\Z|<[\w.+%-]{1,64}\Z", re.I
)


def wrap_edits(text: str) -> list[Edit]:
    """Join addresses that a line break cuts."""
    edits = [Edit(m.start() + 1, m.end(), "") for m in _AT_END.finditer(text)]
    edits += [Edit(m.start(), m.end(), "") for m in _AT_BEGIN.finditer(text)]
    edits += [Edit(m.start() + 1, m.end(), "") for m in _IN_LOCAL.finditer(text)]
    for match in _AFTER_DOT.finditer(text):
        if _ANNOUNCED.search(text[max(0, match.start() - 80) : match.start()]):
            edits.append(Edit(match.start() + 1, match.end(), ""))
    for match in _IN_DOMAIN.finditer(text):
        before, after = match.group(1), match.group(3)
        if _belong_together(before, after):
            start = match.start(2) - before.endswith("-")
            edits.append(Edit(start, match.end(2), ""))
    return edits


def _belong_together(before: str, after: str) -> bool:
    """Whether two halves make one domain, of which the first is none yet."""
    if before.endswith("-"):
        return "." in before or "." in after
    if _ENDS_AS_IT_IS.search(before.rstrip(".")) is not None:
        return False
    if before.endswith("."):
        return _BEGINS_WITH_END.match(after) is not None or "." in after
    return "." in after.rstrip(".")
