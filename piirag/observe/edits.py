"""What is replaced in a text, as offsets: it can be kept in memory without keeping text."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from piirag.detection.entity_types import KNOWN_TYPES
from piirag.detection.finding import Finding
from piirag.redaction import tokens

# An IBAN in brackets has the form of a mark; a mark names a type.
_TYPES = KNOWN_TYPES | {"VALUE", "WITHHELD"}
_MARK = re.compile(r"\[([A-Z][A-Z0-9_]{0,47})\]")
_TOKEN = re.compile(f"{tokens.PLACEHOLDER.pattern}|{tokens.PSEUDONYM.pattern}")

# An entry with more than this many edits costs more memory than a second look at the text.
_MOST_EDITS = 64


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a text and what stands there afterwards."""

    start: int
    end: int
    mark: str


def edits_of(text: str, findings: Iterable[Finding], context: int = 0) -> list[Edit]:
    """One mark per finding: ``[PERSON]``. What is a token or a mark already stays.

    Args:
        text: The text that was searched, its context included.
        findings: What was found, in order.
        context: So many characters at its start are there to be understood by.
    """
    made = [m.span() for m in _TOKEN.finditer(text)] if "[" in text else []
    made += [m.span() for m in _MARK.finditer(text) if m[1] in _TYPES] if "[" in text else []
    edits: list[Edit] = []
    last = context
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        start, end = max(finding.start, last), finding.end
        if end <= start or any(low <= finding.start and end <= high for low, high in made):
            continue
        edits.append(Edit(start - context, end - context, tokens.mark(finding.entity_type)))
        last = end
    return edits


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits made."""
    pieces, last = [], 0
    for edit in edits:
        pieces += [text[last : edit.start], edit.mark]
        last = edit.end
    return "".join([*pieces, text[last:]])


class EditCache:
    """The edits of texts seen lately, by a keyed digest; no text is kept.

    Args:
        size: How many texts.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._edits: OrderedDict[bytes, tuple[Edit, ...]] = OrderedDict()

    def get(
        self, context: str, text: str, salt: bytes = b""
    ) -> tuple[bytes, tuple[Edit, ...] | None]:
        """The digest of a text, and its edits if they are known.

        Args:
            context: What the text is to be understood by.
            text: The text.
            salt: What else the edits depend on.
        """
        body = salt + f"{len(context)}|{context}{text}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(body, digest_size=16, key=self._key).digest()
        with self._lock:
            found = self._edits.get(digest)
            if found is not None:
                self._edits.move_to_end(digest)
        return digest, found

    def put(self, digest: bytes, edits: Sequence[Edit]) -> None:
        """Keep the edits of a text."""
        if len(edits) > _MOST_EDITS:
            return
        with self._lock:
            self._edits[digest] = tuple(edits)
            while len(self._edits) > self._size:
                self._edits.popitem(last=False)

    def __repr__(self) -> str:
        return f"EditCache({len(self._edits)} texts)"
