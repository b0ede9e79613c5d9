"""Where the matches of some of Presidio's expressions are, found from a rare character outwards.

These expressions may begin at any letter, so their beginnings say nothing; but an e-mail address
has an `@`, a URL a dot before the name of a top-level domain, and an IPv6 address colons. Each
function here yields exactly the matches that `finditer` would, in order. It is told by the digest
of the expression which of them it is for, so that another version of the expression is not
mistaken for this one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from piirag.detection.fused.hosts import HOST, domain_dots, with_grouped_domains
from piirag.detection.fused.shape import WORD_CLASSES

Match = Any
TryAt = Callable[[int], Match | None]
Search = Callable[[str, str, TryAt], Iterator[Match]]
"""Yields the matches in a text, given the text, its shape, and the expression bound to the text."""


def at_starts(starts: Iterable[int], try_at: TryAt) -> Iterator[Match]:
    """The matches among those that begin at these offsets, in order, none within another."""
    end = 0
    for start in starts:
        if start >= end:
            match = try_at(start)
            if match is not None:
                end = match.end()
                yield match


_LOCAL = frozenset("!#$%&'*+-/=?^`{|}~.") | WORD_CLASSES


def emails(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """E-mail addresses: what stands before an `@` decides where a match begins.

    Whether there is one depends on the last character before the `@` and on what follows, not on
    where it begins, so there is one try for each `@`.
    """
    end = 0
    at = shape.find("@")
    while at >= 0:
        start = at
        if shape[at - 1 : at] != "." and shape[at + 1 : at + 2] in WORD_CLASSES:
            while start > end and shape[start - 1] in _LOCAL:
                start -= 1
        for offset in range(start, at):
            inside = offset > 0 and shape[offset - 1] in WORD_CLASSES
            if (shape[offset] in WORD_CLASSES) != inside and shape[offset] != ".":
                match = try_at(offset)
                if match is not None:
                    end = match.end()
                    yield match
                break
        at = shape.find("@", max(at + 1, end))


_LONGEST_HOST = 253  # characters before the last dot, by the expression
_REACH = _LONGEST_HOST + len("www123.")
_QUOTES = frozenset("\"'")
_HTTP = re.compile("https?://", re.IGNORECASE)
_QUOTED_HTTP = re.compile("[\"']https?://", re.IGNORECASE)


def bare_urls(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """Host names without a scheme: a match begins with the run of host characters.

    Outside ASCII, a run may hold characters that only look like those of a host: what begins
    further right is tried as well.
    """
    end = 0
    for dot in domain_dots(text, shape):
        if dot <= end:
            continue
        start = dot
        while start > end and shape[start - 1] in HOST and dot - start < _REACH:
            start -= 1
        certain = dot - start <= _LONGEST_HOST and text[start:dot].isascii()
        for offset in (start,) if certain else range(start, dot):
            match = try_at(offset)
            if match is not None:
                end = match.end()
                yield match
                break


def quoted_bare_urls(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """The same in quotes: the run of host characters begins after a quote."""
    return at_starts(_quoted_hosts(text, shape), try_at)


def _quoted_hosts(text: str, shape: str) -> Iterator[int]:
    done = 0
    for dot in domain_dots(text, shape):
        if dot < done:
            continue
        start = dot
        while start > done and shape[start - 1] in HOST:
            start -= 1
        if start > 0 and shape[start - 1] in _QUOTES:
            yield start - 1
        done = dot
        while done < len(shape) and shape[done] in HOST:
            done += 1


def urls(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """URLs with a scheme."""
    return at_starts((m.start() for m in _HTTP.finditer(text)), try_at)


def quoted_urls(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """URLs with a scheme, in quotes."""
    return at_starts((m.start() for m in _QUOTED_HTTP.finditer(text)), try_at)


def compressed_ips(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """Addresses that begin with `::`."""
    return at_starts((start for start in _ip_starts(shape) if shape[start] == ":"), try_at)


def ips(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """Other addresses with colons."""
    return at_starts(_ip_starts(shape), try_at)


def _ip_starts(shape: str) -> Iterator[int]:
    """Up to four letters or digits and a colon, or two colons, after neither."""
    colon = shape.find(":")
    while colon >= 0:
        following = shape[colon + 1 : colon + 2]
        if following in ("9", "A", ":"):
            start = colon
            while start > 0 and colon - start < 5 and shape[start - 1] in ("9", "A"):
                start -= 1
            before = shape[start - 1] if start else " "
            fits = start < colon or following == ":"
            if fits and before not in WORD_CLASSES and before != ":":
                yield start
        colon = shape.find(":", colon + 1)


_LONG_CODE = re.compile("9(?=[9A]{25})")


def crypto_wallets(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """A digit, or `bc1`, before at least 25 letters and digits."""
    digits = [m.start() for m in _LONG_CODE.finditer(shape)]
    starts = {*digits, *(d - 2 for d in digits if d >= 2)}
    return at_starts(sorted(starts), try_at)


_IBAN = re.compile("[A-Z]{2}[0-9]{2}")


def ibans(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """Two capitals and two digits; such places do not overlap."""
    return at_starts((m.start() for m in _IBAN.finditer(text)), try_at)


_I_M_S, _M_S = 26, 24  # regex.IGNORECASE | MULTILINE | DOTALL, with and without the first
_AROUND = 16  # characters, more than the expression for accounts looks at
_PERMANENT_ACCOUNT = re.compile(
    r"(?:(?<![9A_w])(?=[9A_w])|(?<=[9A_w])(?![9A_w]))"
    r"(?=[9A_w@#$%^?~-]{10}(?:(?<![9A_w])(?=[9A_w])|(?<=[9A_w])(?![9A_w])))"
)


def permanent_accounts(text: str, shape: str, try_at: TryAt) -> Iterator[Match]:
    """Ten characters between edges of words, with four digits somewhere to the right."""
    last = shape.rfind("9999")
    found = _PERMANENT_ACCOUNT.finditer(shape, 0, min(len(shape), last + _AROUND))
    return at_starts((m.start() for m in found if m.start() <= last), try_at)


# Whether the time of all tries in a text together is linear in its length, so that no clock is
# needed. Outside ASCII a letter may look like the beginning of a top-level domain and be none.
_LINEAR, _LINEAR_ASCII, _CLOCKED = 2, 1, 0

_KNOWN: dict[str, tuple[Search, str, int, int]] = {
    "004723abbb67ff6cd016ee68d2230812dfc8064e5b57517a463b37bb0037395d": (
        emails,
        "@",
        _LINEAR,
        _I_M_S,
    ),
    "422b91a465b6177e83eb908ce308fbc3de52432667a3165d12d2a70ba7cf148c": (
        urls,
        "://",
        _LINEAR_ASCII,
        _I_M_S,
    ),
    "7405c3a8b8c39f4d0850f0598d9e19cdeae0f9f0e1e4a5c425cc7b70ad6d337b": (
        bare_urls,
        ".A",
        _LINEAR_ASCII,
        _I_M_S,
    ),
    "473c5e6b40a312726402cd1f58f430d58d74563bbdc0022b9349a4e3bcd9bdf0": (
        quoted_urls,
        "://",
        _LINEAR_ASCII,
        _I_M_S,
    ),
    "58b5bbbc4796bab1808322896eb62264f5fb8d10842cc14175db9bbbbd7df30b": (
        quoted_bare_urls,
        ".A",
        _LINEAR_ASCII,
        _I_M_S,
    ),
    "5def597d3b4dac734f0bc1f1bfb007d7eac0987347cb882549c144e6e4967d89": (
        compressed_ips,
        "::",
        _LINEAR,
        _I_M_S,
    ),
    "66197b1f8e63cd274a8defa9ddec02d92e1b6c1c1f99600d9ab4abaf734ff7ca": (
        ips,
        ":",
        _CLOCKED,
        _I_M_S,
    ),
    "c4f79b73053cd5f01ec3d23ddaee6758cc6ac273cf56ca29bc0c32a4be0ee9f8": (
        ips,
        ":",
        _CLOCKED,
        _I_M_S,
    ),
    "c696285024ae5b47399eee61fb05e29710194b0f81a342a9c03af7543489a7bb": (
        compressed_ips,
        "::",
        _LINEAR,
        _I_M_S,
    ),
    "f8d9ff5876327c150930a9ddd956086b46fd33c4389ca05ae0a185adf9b09f78": (
        permanent_accounts,
        "9999",
        _CLOCKED,
        _I_M_S,
    ),
    "9d9a993fd6aee8943056104f28b07d0ef54978e553bf57a9ef6aeccb18ad84af": (
        crypto_wallets,
        "9",
        _LINEAR,
        _I_M_S,
    ),
    "1f98697e78e08d679ce1109ea41d0ec9be085a81f048829c521f4ed31442a692": (
        ibans,
        "AA99",
        _LINEAR,
        _M_S,
    ),
}
"""SHA-256 of an expression -> its search, what a shape must hold, the kind of its time, and the
flags that all this is true for."""


@dataclass(frozen=True, slots=True)
class Known:
    """The search for an expression.

    Attributes:
        search: The search.
        needle: What a shape must hold for it to be worth while.
        expression: The expression, or one that matches the same in less time.
        is_linear: Whether no clock is needed.
        is_linear_in_ascii: Whether no clock is needed for a text of ASCII.
    """

    search: Search
    needle: str
    expression: str
    is_linear: bool
    is_linear_in_ascii: bool


def known_search(expression: str, flags: int) -> Known | None:
    """The search for an expression, if there is one."""
    found = _KNOWN.get(hashlib.sha256(expression.encode()).hexdigest())
    if found is None or found[3] != int(flags):
        return None
    search, needle, time, _ = found
    if needle in (".A", "://"):
        expression = with_grouped_domains(expression)
    return Known(search, needle, expression, time == _LINEAR, time >= _LINEAR_ASCII)
