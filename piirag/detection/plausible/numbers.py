"""Numbers of people, told from points in time, measurements, checksums and identifiers."""

from __future__ import annotations

import re

from piirag.detection.plausible.around import (
    before,
    behind,
    in_hexdump,
    in_uuid,
    key_of,
    token_around,
    words_of,
)

_PHONE_WORD = re.compile(
    r"(?i)phone|mobil|telef|t[eé]l[eé]?f|m[oó]vil|cellul|whatsapp|voicemail|msisdn|hotline"
    r"|(?<![\w./-])(?:call(?:s|ed|ing|back)? (?:me|us|him|her|from|on|at)|number is)(?=[\s:,])"
    r"|(?<![a-z])(?:tel|t[eé]l|tlf|mob|cell|handy|gsm|fax|sms|contact_?no|wa\.me)(?![a-z])"
)
_HEALTH_WORD = re.compile(r"(?i)(?<![a-z])(?:nhs|chi|mrn)(?![a-z])|patient|health|hospital|medical")
_CARD_WORD = re.compile(
    r"(?i)card|karte|carte|tarjeta|visa|master|amex|american express|credit|debit|payment"
    r"|(?<![a-z])(?:cc|pan|kk)(?![a-z])"
)

# Words of keys, and words right before a number, that name a number of things.
_THINGS = frozenset(
    """
    acc adler alloc attempt attempts avg backoff balance batch bit bits block blocks bpm build byte
    bytes cache cap capacity checksum clock code commit cost count counter crc cursor cycles date
    deadline delay delta depth digest distance drawing duration ean elapsed entries epoch eps eta
    exp expires expiry fd fee first flags frame frames fps freq generation gid gpu handle hash
    height hits id idx index inode inst interval isbn issn issue iter iteration job key lag last
    lat latency lease len length level limit line lines lon loss lr lsn max mean mem memory min ms
    msec nbytes node ns nsec num obj objects offset oid op opcode ops order page pages part part_no
    partition pid pkts port pos position ppid pr price ptr qty quantity queue rate ratio records
    ref register req requests resource rev revision rows rpm rtt run runs score scrape sector seed
    segment seq sequence serial session shard size sku slot snapshot sort span start std step steps
    stock stop storage sum swap temp term thread threads throughput ticket tick ticks time timeout
    timer timestamp tokens total trace ts ttl tx txid uid ulid unix until upc uptime us used usec
    value values var variance ver version watermark peak packets pkt rx tx used free overhead model
    catalogue catalog article art cat default maximum minimum instance worker process build_id
    rel lsn xact weight width window words x xid y z zxid
    """.split()
)
_BEFORE_THING = re.compile(
    r"(?i)(?<![a-z])([a-z]{2,12})(?:[ _-]?(?:no|nr|num|number|id|code)s?\b\.?)?[\s:=#(]{1,4}\Z"
)
# These may stand a few words before.
_TECHNICAL = re.compile(
    r"(?i)(?<![a-z])(?:checksums?|crc(?:32)?|hash(?:es)?|offsets?|sequence|epoch|timestamps?|unix"
    r"|revision|opcode|seed|shards?|inode|opaque|bytes|rows|sku|ean|upc|isbn|serial|register"
    r"|commit|ticket|build|nanoseconds?|milliseconds?|microseconds?|iterations?)(?![a-z])"
)
_UNIT = re.compile(
    r"\s?(?:[munµp]s|sec(?:onds?)?|[KMGT]i?[Bb]|kB|bytes?|rows?|req(?:uests?)?|ops|MHz|GHz|kHz|Hz"
    r"|rpm|mm|cm|km|kg|kW|kWh|MW|mV|mA|px|tok(?:ens)?|samples?|items|records|records?|entries"
    r"|lines|pages|blocks|iterations|steps|events|packets|allocs|cycles|params?|%)(?![A-Za-z])"
)
_DECIMAL = re.compile(r"[^\w+]{0,2}\d{1,12}[.,]\d{1,20}[^\w+]{0,2}")
_A_DECIMAL = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")
_FOUR_OCTETS = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?:[/-]\d{1,3}(?:\.\d{1,3}){3})?"
)  # an IP address or a version
_BARE = re.compile(r"[^\w+]{0,2}(\d+)[^\w+]{0,2}")
_POINT_IN_TIME = re.compile(r"1\d{9}(?:\d{3}){0,3}")  # seconds since 1970, and parts of them
_MOST_SECONDS = 2**31
_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_GAP = re.compile(r"[ \t]{2}|[\t|\n\\]|\A\W?-\d")
_EXTENSION = re.compile(r"(?i)(?:x|ext)\.?\d{1,6}(?!\w)")
_FRACTION = re.compile(r"\d[.,]\Z")
_CODE_BEFORE = re.compile(
    r"(?:[*^%&!~?]\s?|[<>]\s|[^\W\d]\(|(?:==|<=|>=|\+=|-=|->|<<|>>)\s?"
    r"|(?<![:=])[/\\][\w.-]{0,40}/)\Z"
)
_CODE_BEHIND = re.compile(
    r"(?:[uUlLnf]{1,3}\b|\)\s?[;.{]|\s?[*^%&<>]\s|\s?(?:==|<=|>=|<<|>>)|;\s*\Z)"
)
_JSON_KEY = re.compile(r"[\"']\s?:\s{0,4}\Z")
_CODE_LINE = re.compile(
    r"[!=]=|::|->|=>|\(\)|;\s*\Z|\{\}|0x[0-9a-fA-F]{4}|\[\]"
    r"|^\s*(?:#include|#define|const|let|var|return|assert\w*|import|for|if|while|def|fn|enum|static"
    r"|public|private|int|uint\w*|SELECT|UPDATE|DELETE|COPY|ALTER|CREATE)\b"
    r"|\b(?:WHERE|ORDER BY|GROUP BY|BETWEEN|LIMIT|VALUES)\b"
)
_NUMBER_CELL = r"-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_ROW_BEFORE = re.compile(rf"(?:^|[\s\[({{|,;]){_NUMBER_CELL}(?:\s?[,;|]\s?|\s{{1,12}})[\[({{]?\Z")
_ROW_BEHIND = re.compile(rf"[\])}}]?(?:\s?[,;|]\s?|\s{{1,12}}){_NUMBER_CELL}(?=$|[\s\])}}|,;])")
_ROW_WORDS = re.compile(r"[^\W\d_]{3,}")
_FEWEST_DIGITS, _FEWEST_BARE_DIGITS = 6, 8
_HEADER_REACH = 2000


def _piece(text: str, start: int, end: int) -> bool:
    """Whether it is a piece of a longer token: a UUID, a hash, a decimal, an identifier."""
    left, right = token_around(text, start, end)
    if _FRACTION.search(text[max(0, start - 2) : start]) and not text[start:end].startswith("+"):
        return True
    if re.match(r"\.\d", text[end : end + 2]):
        return True
    if _EXTENSION.match(right):
        right = ""
    if not any(map(str.isalnum, left + right)):
        return False
    if in_uuid(text, start, end):
        return True
    outside = left if left[-1:].isalnum() or left[-1:] in "-_" else ""
    outside += right if right[:1].isalnum() or right[1:2].isalnum() else ""
    # "+44" before "(0)29 ..." is the beginning of the number itself.
    if left.isdigit() and text[max(0, start - len(left) - 1) : start].startswith("+"):
        return False
    return any(map(str.isalnum, outside))


def _named_thing(left: str) -> bool:
    """Whether a key or the word right before names a number of things."""
    key = key_of(left)
    if key is not None:
        return not words_of(key).isdisjoint(_THINGS)
    match = _BEFORE_THING.search(left)
    return match is not None and match[1].lower() in _THINGS


def _in_row(text: str, start: int, end: int, left: str, right: str) -> bool:
    """Whether it is one of a row of mere numbers."""
    first = not left.strip(" \t|[({")
    last = not right.strip(" \t|])};,")
    if first and last:
        return False
    if not (first or _ROW_BEFORE.search(left)) or not (last or _ROW_BEHIND.match(right)):
        return False
    if len(_ROW_WORDS.findall(left[-60:] + right[:60])) > 2:
        return False
    return not _PHONE_WORD.search(text, max(0, start - _HEADER_REACH), start)


def _technical(text: str, start: int, end: int, named: re.Pattern[str]) -> bool:
    """Whether signs of code, logs, tables or measurement stand around a number."""
    left, right = before(text, start), behind(text, end)
    if named.search(left):
        return False
    value = text[start:end]
    # The recogniser of phone numbers takes an opening bracket along.
    left += value[: len(value) - len(value.lstrip("([{ "))]
    bare = _BARE.fullmatch(value)
    if _DECIMAL.fullmatch(value) or _UNIT.match(right) or _named_thing(left):
        return True
    if bare is None:
        return False
    number = bare[1]
    if _POINT_IN_TIME.fullmatch(number) and int(number[:10]) < _MOST_SECONDS:
        return True
    if len(number) in {8, 14} and _DAY.match(number):
        return True
    quoted = left[-1:] in "\"'`" and left[-1:] != ""
    if not quoted and (_CODE_LINE.search(left + number + right) or _JSON_KEY.search(left)):
        return True
    if (
        key_of(left) is not None
        and number[0] != "0"
        and left[-1:] not in "\"'`"
        and (left[-1:] in "=<>(" or left.endswith(("= ", "< ", "> ")))
    ):
        return True
    if _CODE_BEFORE.search(left) or _CODE_BEHIND.match(right):
        return True
    return _TECHNICAL.search(left[-60:]) is not None or _in_row(text, start, end, left, right)


def phone(text: str, start: int, end: int) -> bool:
    """Whether a telephone number may be one."""
    value = text[start:end]
    if value.startswith("+"):
        return not in_hexdump(text, start, end)
    if _PHONE_WORD.search(before(text, start, 60)):
        return True
    if _piece(text, start, end) or in_hexdump(text, start, end):
        return False
    digits = sum(map(str.isdigit, value))
    fewest = _FEWEST_BARE_DIGITS if _BARE.fullmatch(value) else _FEWEST_DIGITS
    if _GAP.search(value) or digits < fewest:
        return False
    if (" " in value and _A_DECIMAL.search(value)) or _FOUR_OCTETS.fullmatch(value):
        return False
    return not _technical(text, start, end, _PHONE_WORD)


def health_number(text: str, start: int, end: int) -> bool:
    """Whether a number with the check digit of the NHS may be one."""
    if _HEALTH_WORD.search(before(text, start)):
        return True
    if _piece(text, start, end) or in_hexdump(text, start, end):
        return False
    return not _technical(text, start, end, _HEALTH_WORD)


_GROUPS_OF_CARDS = frozenset(
    {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13), (4, 4, 4, 1), (4, 4, 5)}
)


_DECIMALS = re.compile(r"\d\.\Z")


def card(text: str, start: int, end: int) -> bool:
    """Whether a number with a right check digit may be that of a card."""
    if _CARD_WORD.search(before(text, start)):
        return True
    value = text[start:end]
    groups = tuple(map(len, re.findall(r"\d+", value)))
    # After a comma it may be the next cell of a table.
    if len(groups) == 1 and _DECIMALS.search(text[max(0, start - 2) : start]):
        return False
    if in_uuid(text, start, end):
        return False
    if len(groups) > 1 and groups not in _GROUPS_OF_CARDS:
        return False
    # Fifteen digits that begin with 1 are cards of airlines; more are microseconds.
    return not (value[0] == "1" and len(groups) == 1 and len(value) > 15)


_LICENCE_WORD = re.compile(r"(?i)(?<![a-z])(?:dea|npi)(?![a-z])|licen[cs]|prescri|physician|doctor")


def medical_license(text: str, start: int, end: int) -> bool:
    """Whether a number with the check digit of the DEA stands alone, in capitals or named."""
    around = text[start - 1 : start] + text[end : end + 1]
    if any(c.isalnum() or c == "_" for c in around) or in_uuid(text, start, end):
        return False
    return text[start:end].isupper() or _LICENCE_WORD.search(before(text, start)) is not None


# Presidio's context rules take words within words: "us" in "status", "tin" in "listing".
_BANK = re.compile(
    r"(?i)(?<![a-z])(?:accounts?|acct|acc|a/c|bank\w*|iban|routing|aba|debit|deposit|checking"
    r"|savings|wire|transfer|konto\w*|cuenta|compte)(?![a-z])"
)
_DRIVES = re.compile(
    r"(?i)licen[cs]e|(?<![a-z])(?:lic|dls?|dln|cdls?|permit|driving|dmv|identification)(?![a-z])"
    r"|drivers?['’]?s?[ _-]?(?:id|no|number|num|#)"
)
_TRAVELS = re.compile(r"(?i)passport|travel doc|united states")
_PAYS_TAX = re.compile(
    r"(?i)(?<![a-z])(?:taxpayer|itin|tax(?:es)?|tax_?id|tin|individual)(?![a-z])"
)
_SOCIAL = re.compile(r"(?i)(?<![a-z])(?:ssns?|social|soc)(?![a-z])|security (?:no|num|#)|ss#")
_CONTEXT = 100  # about five words, as far as Presidio looks
_WEAK_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{0,6}")


def _said(words: re.Pattern[str], text: str, start: int) -> bool:
    return words.search(text, max(0, start - _CONTEXT), start) is not None


def us_bank(text: str, start: int, end: int) -> bool:
    """Whether a word for an account stands before, and the digits differ."""
    return len(set(text[start:end])) > 1 and _said(_BANK, text, start)


def us_licence(text: str, start: int, end: int) -> bool:
    """Whether a word for a licence stands before; that of a program is given on a date."""
    return _said(_DRIVES, text, start) and not _WEAK_DATE.fullmatch(text, start, end)


def us_passport(text: str, start: int, end: int) -> bool:
    """Whether a word for a passport stands before."""
    return _said(_TRAVELS, text, start)


def us_itin(text: str, start: int, end: int) -> bool:
    """Whether it is written in groups, or a word for taxes stands before."""
    return not text[start:end].isdigit() or _said(_PAYS_TAX, text, start)


def us_ssn(text: str, start: int, end: int) -> bool:
    """Whether it is written in three groups and no piece of more, or named."""
    if _said(_SOCIAL, text, start):
        return True
    grouped = len(re.findall(r"\d+", text[start:end])) == 3
    return grouped and not _piece(text, start, end)
