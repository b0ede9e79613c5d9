"""IP and MAC addresses, told from versions, outlines, masks, slices and fingerprints."""

from __future__ import annotations

import ipaddress
import re

from piirag.detection.plausible.around import before, behind

_NAMED = re.compile(
    r"(?i)(?:(?<![a-z])ip(?:v[46])?(?![a-z])|ip[_ -]?addr|address|clients?(?![a-z])|visitor|host"
    r"|(?<![a-z])server|log(?:ged|s|in)?[ -]?(?:in|on)(?![a-z])|x-forwarded|remote)"
)
# Before an address of a private network these say that it belongs to a machine of the plant.
_PLANT = re.compile(
    r"(?i)(?:cluster-?_?ip|pod-?_?ip|load-?balancer|gateway|subnet|cidr|mask|broadcast|bcast"
    r"|(?<![a-z])(?:via|route|bind|listen|dns|inet6?|upstream|proxy_pass|allow|deny|nameserver|peer"
    r"|endpoint|network)(?![a-z]))[^\n]{0,24}\Z"
)
_VERSION_WORD = re.compile(
    r"(?i)(?:version|releas|upgrad|downgrad|bump|firmware|driver|revision|changelog|"
    r"(?<![a-z])(?:ver|rev|v|tag|build|update[ds]?|updating|package|pkg|sdk|kernel|agent)(?![a-z]))"
)
_OUTLINE_WORD = re.compile(
    r"(?i)(?<![a-z])(?:sections?|sec|chapters?|clauses?|articles?|rules?|paragraphs?|para|steps?"
    r"|appendix|annex|tables?|figures?|fig|items?|requirements?|controls?|oid)\.?[\s(:]{0,3}\Z"
)
# Right before a version: `==`, `@`, `^`, `name/`, `name-`, `v`, `:` of an image, `Version=`.
_VERSION_MARK = re.compile(
    r"(?:==|>=|<=|~=|!=|\^|~|[\w\])]@|[A-Za-z]/|[A-Za-z]-|[A-Za-z]_|(?<![A-Za-z])[vV]\.?|\.so\."
    r"|(?i:version)[\"'(>:=\s]{1,4}|[a-z]:)\Z"
)
# A key that names an address: `ip:`, `client_ip-`, `inet addr:`, `host:`.
_NAMED_KEY = re.compile(
    r"(?i)(?:(?<![a-z])ip(?:v[46])?|addr(?:ess)?)[:_-]\Z"
    r"|(?<![\w/-])(?:clients?|visitor|host|server|remote|src|dst|source|user|peer):\Z"
)
_PORT = re.compile(r":\d{2,5}(?!\d)")
_GOES_ON = re.compile(
    r"\.\d|[-+_](?:[A-Za-z]|\d)|\.(?:tar|zip|t?gz|jar|whl|exe|dll|deb|rpm|apk|dmg|msi|so|json)\b"
)
_LARGEST_IN_VERSION = 99


def address(text: str, start: int, end: int) -> bool:
    """Whether an IP address may be one of somebody's machine."""
    value = text[start:end]
    bare, _, prefix = value.partition("/")
    bare = bare.partition("%")[0]
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return True
    if parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast or parsed.is_link_local:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        return _version_6(text, start, bare)
    number = int(parsed)
    if number >> 24 in {0, 255} or _is_network(number, prefix):
        return False
    left, right = before(text, start, 60), behind(text, end, 12)
    if parsed.is_private and _PLANT.search(left):
        return False
    return not _is_version(bare, left, right)


def _is_network(number: int, prefix: str) -> bool:
    """Whether no host is named: `10.20.0.0/16`."""
    return prefix.isdigit() and int(prefix) < 32 and not number & ((1 << (32 - int(prefix))) - 1)


def _is_version(value: str, left: str, right: str) -> bool:
    octets = [int(part) for part in value.split(".")]
    if _GOES_ON.match(right) or re.search(r"\d\.\Z", left):
        return True
    # No package has a version like that: "jane@example.com-192.168.1.20" holds an address.
    joined = left.endswith("-") and max(octets) > _LARGEST_IN_VERSION
    joined = joined or _NAMED_KEY.search(left) is not None
    if not joined and _VERSION_MARK.search(left) and not _PORT.match(right):
        return not left.endswith("//")
    if max(octets) > _LARGEST_IN_VERSION:
        return False
    if _OUTLINE_WORD.search(left):
        return True
    named = _NAMED.search(left) is not None
    listed = re.search(r"\d(?:\.\d+){3},? (?:and|or|to|replaces|->) \Z", left)
    if (_VERSION_WORD.search(left) and not named) or (listed and max(octets) < 30):
        return True
    return max(octets) < 10 and not named


def _version_6(text: str, start: int, value: str) -> bool:
    """`1::2` is a slice and `abc::def` a name in a namespace."""
    groups = [group for group in value.split(":") if group]
    if not any(map(str.isdigit, value)):
        return False
    return len(groups) > 2 or _NAMED.search(before(text, start, 40)) is not None


_PAIR_BEFORE = re.compile(r"[0-9A-Fa-f]{2}[:-]\Z")
_PAIR_BEHIND = re.compile(r"[:-][0-9A-Fa-f]{2}")


def hardware_address(text: str, start: int, end: int) -> bool:
    """Whether a MAC address is one, and not a piece of a fingerprint, nor all zeros or ones."""
    if _PAIR_BEFORE.search(text[max(0, start - 3) : start]) or _PAIR_BEHIND.match(text, end):
        return False
    return len(set(text[start:end].upper()) - set(":-.")) > 1
