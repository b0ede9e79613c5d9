"""Putting values back: exact, single pass, and the same whether whole or streamed."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

from piirag.detection.text import require_text
from piirag.redaction.mapping import RedactionMapping, StandInTable
from piirag.redaction.places import Place
from piirag.redaction.respelt import OPENER, PART, WHOLE, key_of, next_opener, only_brackets, probe
from piirag.redaction.tokens import MAX_PLACEHOLDER, PLACEHOLDER

# Token-shaped text: a placeholder of any call, or one of this call that lost its brackets.
_TOKENS = re.compile(
    rf"{PLACEHOLDER.pattern}|(?:(?<![A-Za-z0-9_])|(?<=%5[Bb])|(?<=u005[Bb]))"
    r"[A-Z][A-Z0-9_]{0,47}_[1-9][0-9]{0,8}[a-z]{0,6}(?![A-Za-z0-9_])"
)
_NUMBERED = re.compile("_[1-9]")
_LONGEST_TOKEN = 96
# Text that went out is looked through for tokens and URLs in pieces of at least this length, or
# when it has to be known.
_FOLD = 4096


@dataclass
class Tally:
    """What became of the tokens of one or several texts."""

    restored: int = 0
    inert: int = 0
    refused: int = 0
    unseen: int = 0


class Gate(Protocol):
    """Decides whether a value is put back where its token stands."""

    def admits(self, token: str) -> bool:
        """Whether this token is restored, its place being no objection."""
        ...


class StreamRehydrator:
    """Restores a reply that arrives in chunks.

    What cannot be part of a placeholder of this call is emitted at once; what can is held back
    until it is whole. For every way of cutting a reply into chunks the output is the same.

    Args:
        mapping: The mapping of the call.
        gate: Decides what is restored. Without one, every placeholder is, wherever it stands.
        tally: Where to count; a new one if None.
    """

    def __init__(
        self, mapping: RedactionMapping, gate: Gate | None = None, tally: Tally | None = None
    ) -> None:
        self._mapping = mapping
        self._gate = gate
        self._tally = tally if tally is not None else Tally()
        self._place = Place() if gate is not None else None
        self._held = ""
        self._before = ""
        self._pending: list[str] = []
        self._size = 0
        self._seen = ""
        self._put = ""

    @property
    def restored(self) -> int:
        """Placeholders replaced by values so far."""
        return self._tally.restored

    @property
    def inert(self) -> int:
        """Token-shaped text so far that is none of this call's."""
        self.settle()
        return self._tally.inert

    @property
    def refused(self) -> int:
        """Placeholders of this call that were left as they are."""
        return self._tally.refused

    def feed(self, chunk: str) -> str:
        """Take the next chunk; return what can be shown now, possibly nothing.

        Raises:
            InvalidInputError: Not a string.
        """
        if type(chunk) is not str:
            require_text(chunk, "a chunk")
        if self._held:
            chunk = self._held + chunk
        elif OPENER.search(chunk) is None and not self._mapping.has_stand_ins:
            self._plain(chunk)
            return chunk
        return self._advance(chunk, final=False)

    def flush(self) -> str:
        """The reply is over: return what was held back."""
        rest = self._advance(self._held, final=True) if self._held else ""
        self.settle(final=True)
        return rest

    def _advance(self, text: str, final: bool) -> str:
        self._held = ""
        words = self._mapping.stand_ins()
        if words is not None:
            return self._advance_with_words(text, final, words)
        mapping = self._mapping
        pieces: list[str] = []
        last = 0
        only = only_brackets(text)
        at = next_opener(text, 0, only)
        while at >= 0:
            # Nearly always a token is spelled as it was sent.
            close = text.find("]", at, at + MAX_PLACEHOLDER)
            token = text[at : close + 1]
            if close >= 0 and (value := mapping.lookup(token)) is not None:
                if last < at:
                    pieces.append(self._plain(text[last:at]))
                pieces.append(self._token(token, value, token))
                last = at = close + 1
                at = next_opener(text, at, only)
                continue
            keys, prefixes = mapping.index()
            state, end, key, deco = probe(text, at, keys, prefixes)
            if state == WHOLE:
                pieces.append(self._plain(text[last:at]))
                token = keys[key]
                pieces.append(self._token(token, mapping.lookup(token), text[at:end], deco))
                last = at = end
            elif state == PART and not final:
                self._held = text[at:]
                text = text[:at]
                break
            else:
                at += 1
            at = next_opener(text, at, only)
        rest = text[last:]
        if rest:
            pieces.append(self._plain(rest))
        return "".join(pieces)

    def _advance_with_words(
        self,
        text: str,
        final: bool,
        words: StandInTable,
    ) -> str:
        """The same where words stand for values: a word ends only where the next begins."""
        keys, prefixes = self._mapping.index()
        pattern, stand_ins, starts = words
        last = at = len(self._before)
        text = self._before + text
        low = 0 if final else max(at, len(text) - max(map(len, stand_ins)) - 2)
        begun = len(text) if final else _begun(text, low, starts)
        pieces: list[str] = []
        word, opener = pattern.search(text, at), OPENER.search(text, at)
        while True:
            if word is not None and word.start() < at:
                word = pattern.search(text, at)
            if opener is not None and opener.start() < at:
                opener = OPENER.search(text, at)
            if word is not None and (opener is None or word.start() < opener.start()):
                if word.start() >= begun:
                    break
                pieces.append(self._plain(text[last : word.start()]))
                pieces.append(self._token(*stand_ins[word[0]], word[0]))
                last = at = word.end()
            elif opener is None or opener.start() >= begun:
                break
            else:
                at = opener.start()
                state, end, key, deco = probe(text, at, keys, prefixes)
                if state == PART and not final:
                    begun = at
                    break
                if state != WHOLE:
                    at += 1
                    continue
                pieces.append(self._plain(text[last:at]))
                token = keys[key]
                pieces.append(self._token(token, self._mapping.lookup(token), text[at:end], deco))
                last = at = end
            if begun < at:
                begun = _begun(text, max(low, at), starts)
        pieces.append(self._plain(text[last:begun]))
        self._held = text[begun:]
        self._before = text[max(0, begun - 2) : begun]
        return "".join(pieces)

    def _token(self, token: str, value: str | None, shown: str, deco: str = "") -> str:
        """What to show in place of a token of this call."""
        admitted = value is not None
        if self._gate is None or self._place is None:
            self._pending.append("\n")
        else:
            self.settle(cut=True)
            # The gate counts what it admits, so it is asked last.
            admitted = admitted and not self._place.forbidden and self._gate.admits(token)
        if admitted:
            self._tally.restored += 1
            shown = f"{deco}{value}{deco}"
        else:
            self._tally.refused += 1
        self._put = shown
        return shown

    def _plain(self, text: str) -> str:
        if text:
            self._pending.append(text)
            self._size += len(text)
            if self._size > _FOLD:
                self.settle()
        return text

    def settle(self, *, cut: bool = False, final: bool = False) -> None:
        """Look through what went out as it was: for tokens of other calls, and where it led to.

        Args:
            cut: Whether a token follows.
            final: Whether nothing follows.
        """
        text = "".join(self._pending)
        self._pending.clear()
        self._size = 0
        if self._place is not None:
            self._place.advance(self._put + text if self._put else text)
            self._put = ""
        if self._seen:
            text = self._seen + text
        last = 0
        if _NUMBERED.search(text):
            for match in _TOKENS.finditer(text):
                bracketed = match[0][0] == "["
                if match.end() == len(text) and not (bracketed or cut or final):
                    # More letters may follow.
                    break
                if bracketed or key_of(match[0]) in self._mapping.index()[0]:
                    self._tally.inert += 1
                last = match.end()
        self._seen = "" if cut or final else text[last:][-_LONGEST_TOKEN:]

    def __repr__(self) -> str:
        tally = self._tally
        return f"StreamRehydrator(restored={tally.restored}, inert={tally.inert})"


def _begun(text: str, low: int, starts: Set[str]) -> int:
    """Where a word that stands for a value may begin that the text ends within."""
    for at in range(low, len(text)):
        if text[at:] in starts and not (at and _is_word(text[at - 1])):
            return at
    return len(text)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def rehydrate(text: str, mapping: RedactionMapping) -> str:
    """Put the values of a call back into a whole text. See `Redactor.rehydrate`."""
    stream = StreamRehydrator(mapping)
    return stream.feed(text) + stream.flush()
