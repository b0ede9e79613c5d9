"""Private keys: PEM and PuTTY blocks, whole, wallet keys and recovery phrases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from piirag.detection.recognizers.base import SURE, AnyGate, Contains, Form, Hit, LongRun, form
from piirag.detection.recognizers.checksums import base58check
from piirag.detection.recognizers.keyed import STRICT, KeyedRecognizer, Rule, rule

_BEGIN = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)? ?-{4,5}")
# Where the end is cut off, what still looks like base64 belongs to the key.
_BODY = re.compile(r"(?:[A-Za-z0-9+/=,:.-]|\\[nr]|\s){0,8000}")
_LINE = re.compile(r"[A-Za-z0-9+/]{20}")
_PUTTY = re.compile(r"Private-Lines: \d{1,4}\r?\n(?:[A-Za-z0-9+/=]{1,80}\r?\n){1,200}")
_PUTTY_GATE = Contains("Private-Lines:")
_PHRASE = r"(?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8}(?![\w])"


def _wallet_key(value: str) -> bool:
    """Bitcoin's wallet import format (version 128) and extended private keys (BIP 32)."""
    payload = base58check(value)
    if payload is None:
        return False
    return (payload[0] in (128, 239) and len(payload) in (33, 34)) or len(payload) == 78


class PrivateKeyRecognizer(KeyedRecognizer):
    """Private keys of servers, people and wallets."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "PRIVATE_KEY",
            """seed phrase, recovery phrase, mnemonic, mnemonic phrase, secret phrase, seed words,
            backup phrase""",
            _PHRASE,
            link=STRICT,
        ),
        rule(
            "PRIVATE_KEY",
            "private key, privatekey, secret key, wallet key, priv key",
            r"(?:0x)?[0-9a-fA-F]{64}(?!\w)",
            link=STRICT,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "PRIVATE_KEY",
            r"(?<![A-Za-z0-9])(?:[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51}"
            r"|[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{107,108})(?![A-Za-z0-9])",
            LongRun(r"[1-9A-HJ-NP-Za-km-z]{51}"),
            check=_wallet_key,
        ),
    )

    def find(self, text: str) -> Iterator[Hit]:
        """Blocks, and what labels and forms tell."""
        yield from super().find(text)
        yield from _blocks(text)
        if _PUTTY_GATE.search(text):
            for match in _PUTTY.finditer(text):
                yield Hit(*match.span(), SURE, "PRIVATE_KEY", "PuTTY block")


def _blocks(text: str) -> Iterator[Hit]:
    begins = list(_BEGIN.finditer(text))
    ends = list(_END.finditer(text)) if begins else []
    limits = [match.start() for match in begins[1:]] + [len(text)] * bool(begins)
    e = 0
    for begin, limit in zip(begins, limits, strict=True):
        while e < len(ends) and ends[e].start() < begin.end():
            e += 1
        if e < len(ends) and ends[e].start() < limit:
            stop = ends[e].end()
            real = _LINE.search(text, begin.end(), ends[e].start()) is not None
        else:
            body = _BODY.match(text, begin.end(), limit)
            stop = body.end() if body else begin.end()
            # "-----BEGIN PRIVATE KEY-----" in prose is no key.
            real = _LINE.search(text, begin.end(), stop) is not None
        if real:
            yield Hit(begin.start(), stop, SURE, "PRIVATE_KEY", "block")


PrivateKeyRecognizer.gate = AnyGate(
    Contains("PRIVATE KEY", "Private-Lines:"), PrivateKeyRecognizer.gate
)
