"""What a text shows at a glance: which labels, prefixes and shapes may stand in it.

Some twenty recognisers ask of each text whether it is worth a look, for some six hundred labels.
The text is cut into words once; two or three look-ups for each different word tell which labels
can begin there. The answer is kept for the recognisers that follow. It holds labels of ours only,
no text, and belongs to the text by its hash.

The words are pieces of identifiers as well: `passportNo` and `PASSPORT_NO` begin with "passport".
"""

from __future__ import annotations

import re
import string
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

_ACCENTED = re.compile("[\u00c0-\u017f\u212a]")
# A word, or the hump of an identifier: one letter, capitals, small letters.
_WORD = re.compile(rb"[A-Za-z][A-Z]*[a-z]*")
_TEXT_WORD = re.compile(r"[A-Za-z][A-Z]*[a-z]*")
_LETTERS = re.compile(r"[a-z]+")
_DIGIT = re.compile(r"\d")
_MIXED = re.compile(r"[A-Z][ -]{0,2}\d|\d[ -]{0,2}[A-Z]")

_ALPHABET = frozenset(string.ascii_letters.encode())
_ALPHANUMERIC = frozenset((string.ascii_letters + string.digits).encode())
_TO_WORDS = bytes(c if c in _ALPHABET else 32 for c in range(256))
_TO_RUNS = bytes(c if c in _ALPHANUMERIC else 32 for c in range(256))
_TO_KINDS = bytes(
    65 if chr(c).isupper() else 57 if chr(c) in string.digits else 32 if c in b" -" else 46
    for c in (*range(128), *[0] * 128)
)
_MIXTURES = (b"A9", b"9A", b"A 9", b"9 A", b"A  9", b"9  A")
_NOT_DIGITS = bytes(c for c in range(256) if chr(c) not in string.digits)
_LONG = 20

# With what a word may go on that still ends a label: "passportno", "passportnumber".
_NOUNS = ("nu", "no", "nr", "nb", "n", "id", "co", "ca", "do", "re", "va")
_KEY = 3

NOUNS = (
    r"numbers?|nummer|numero|numer|nbr|num|no|nr|n[°º]|ids?|codes?|cards?|"
    r"documents?|ref(?:erence)?|value|identifier|identification"
)
"""Words that may follow a label; each begins with one of `_NOUNS`."""


def _plain(letter: str) -> str:
    special = {"ß": "s", "æ": "a", "œ": "o", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d"}
    small = {"\u0130": "i", "\u212a": "k"}.get(letter) or letter.lower()
    base = special.get(small) or unicodedata.normalize("NFD", small)[0]
    return base.upper() if letter.isupper() else base


_PLAIN = {chr(code): _plain(chr(code)) for code in (*range(0xC0, 0x180), 0x212A)}


def unaccented(text: str) -> str:
    """The text without the accents of Latin letters; offsets hold."""
    return text if text.isascii() else _ACCENTED.sub(lambda match: _PLAIN[match.group()], text)


def folded(text: str) -> str:
    """The text in lower case, without the accents of Latin letters; offsets hold.

    Labels are looked for in this form: `"Geburtsdatum"`, `"NÚMERO"` and `"numero"` agree.
    """
    return unaccented(text).lower()


@dataclass(frozen=True, slots=True)
class Signs:
    """What may stand in a text.

    Args:
        labels: The registered labels, and texts that begin a value, that may stand in it.
        digits: How many digits it holds.
        long_run: Whether twenty ASCII letters and digits stand in a row.
        mixed: Whether a capital and a digit stand side by side, or almost.
    """

    labels: frozenset[str]
    digits: int
    long_run: bool
    mixed: bool


@dataclass(slots=True)
class _Entry:
    """What begins with a word: labels with their other words, and texts."""

    word: bytes
    endings: tuple[bytes, ...]
    labels: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class _Register:
    """All labels and texts, by the first letters of their first word."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[tuple[str, bool]] = set()
        self._entries: dict[str, _Entry] = {}
        self.by_key: dict[bytes, list[_Entry]] = {}
        self.odd: list[tuple[str, str]] = []
        self.version = 0

    def add_labels(self, labels: Iterable[str]) -> None:
        with self._lock:
            self.version += 1
            for label in labels:
                if (label, True) not in self._seen:
                    self._seen.add((label, True))
                    self._add_label(label)

    def _add_label(self, label: str) -> None:
        first, *others = (word.replace("~", " ") for word in label.split())
        letters = _LETTERS.match(first)
        if letters is None or len(letters.group()) < 2:
            # "a/c", "d.o.b": looked for as they are.
            self.odd.append((label, first if len(first) > 1 else max(others, key=len)))
            return
        whole = letters.group() == first
        entry = self._entry(letters.group(), others[0][:2] if others and whole else "")
        # All of the first word must stand there where it goes on with other marks.
        entry.labels.append((label, tuple(others) if whole else (first, *others)))

    def add_texts(self, texts: Iterable[str]) -> None:
        with self._lock:
            self.version += 1
            for text in texts:
                if (text, False) not in self._seen:
                    self._seen.add((text, False))
                    word = _TEXT_WORD.match(text)
                    if word is None or len(word.group()) < 2:
                        raise ValueError("a text must begin with two letters")
                    self._entry(word.group().lower(), "").texts.append(text)

    def _entry(self, word: str, ending: str) -> _Entry:
        entry = self._entries.get(word)
        if entry is None:
            endings = tuple(noun.encode() for noun in _NOUNS)
            entry = self._entries[word] = _Entry(word.encode(), endings)
        if ending:
            entry.endings = tuple({*entry.endings, ending.encode()})
        keys = {entry.word[:_KEY]}
        if len(word) < _KEY:
            keys |= {entry.word + end[:1] for end in entry.endings}
        for key in keys:
            if entry not in self.by_key.setdefault(key, []):
                self.by_key[key].append(entry)
        return entry


_register = _Register()
# Thread -> the last text's key and signs; the signs hold labels of ours, nothing of the text.
_last: dict[int, tuple[tuple[int, int, int], Signs]] = {}
_MOST_THREADS = 64

register_labels = _register.add_labels
"""Take labels up; see `piirag.detection.recognizers.keyed.Rule` for their form."""

register_texts = _register.add_texts
"""Take texts up, in upper and lower case as they are, that only count at the start of a word."""


def label_version() -> int:
    """Grows when labels or texts are taken up."""
    return _register.version


def may_begin_label(word: str) -> bool:
    """Whether a label or text that is registered may begin with a word, or stand in it.

    Args:
        word: ASCII letters in lower case, in capitals, or with a capital at the beginning.
    """
    small = word.lower()
    if any(part in small for _, part in _register.odd):
        return True
    raw = small.encode()
    for entry in _register.by_key.get(raw[:_KEY], ()):
        if raw.startswith(entry.word):
            rest = raw[len(entry.word) :]
            if entry.texts or not rest or rest.startswith(entry.endings):
                return True
    return False


def odd_parts() -> tuple[str, ...]:
    """Of labels that do not begin with a word: what stands in every text that holds one."""
    return tuple(part for _, part in _register.odd)


def signs_of(text: str) -> Signs:
    """What may stand in a text; kept until another text is asked for in the same thread."""
    key = (_register.version, len(text), hash(text))
    thread = threading.get_ident()
    last = _last.get(thread)
    if last is not None and last[0] == key:
        return last[1]
    plain = unaccented(text)
    raw = plain.encode("ascii", "replace")
    if text.isascii():
        digits = len(raw.translate(None, _NOT_DIGITS))
        kinds = raw.translate(_TO_KINDS) if digits else b""
        mixed = any(mixture in kinds for mixture in _MIXTURES)
    else:
        digits = len(_DIGIT.findall(text))
        mixed = digits > 0 and _MIXED.search(text) is not None
    runs = raw.translate(_TO_RUNS).split()
    signs = Signs(
        frozenset(_labels_in(text, plain, raw)),
        digits,
        bool(runs) and max(map(len, runs)) >= _LONG,
        mixed,
    )
    if len(_last) >= _MOST_THREADS:
        _last.clear()
    _last[thread] = (key, signs)
    return signs


def _labels_in(text: str, plain: str, raw: bytes) -> list[str]:
    low = plain.lower()
    found = [label for label, part in _register.odd if part in low]
    get = _register.by_key.get
    for word in set(raw.translate(_TO_WORDS).split()):
        entries = get(word[:_KEY].lower())
        if entries:
            small = word.lower()
            for entry in entries:
                if small.startswith(entry.word):
                    _begun(entry, word, text, low, found)
        if not word.islower() and not word[1:].islower() and not word.isupper():
            # The humps of an identifier may begin labels, and one may end there.
            for part in _WORD.findall(word):
                small = part.lower()
                for entry in get(small[:_KEY], ()):
                    if small.startswith(entry.word):
                        _begun(entry, part, text, low, found)
    return found


def _begun(entry: _Entry, word: bytes, text: str, low: str, found: list[str]) -> None:
    """Labels and texts that begin with the first part of a word."""
    found += [begin for begin in entry.texts if begin in text]
    rest = word[len(entry.word) :].lower()
    if not rest or rest.startswith(entry.endings):
        for label, others in entry.labels:
            if all(other in low for other in others):
                found.append(label)
