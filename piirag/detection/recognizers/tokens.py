"""Tokens in headers, cookies and configuration, JSON web tokens, and secrets behind their keys."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Form, Labels, form
from piirag.detection.recognizers.keyed import STRICT, KeyedRecognizer, Rule, rule
from piirag.detection.recognizers.randomness import entropy, looks_random

_PART = r"[A-Za-z0-9_-]"
_JWT = (
    rf"(?<![\w-])eyJ{_PART}{{8,2000}}\.{_PART}{{4,8000}}\.{_PART}{{0,2000}}"
    rf"(?:\.{_PART}{{1,8000}}){{0,2}}(?![\w-])"
)

# A value in a header, an URL or a file of settings.
_VALUE = r"[A-Za-z0-9+/_.~%=-]{16,2000}(?![\w(\[{])"

_IDENTIFIERS = re.compile(r"[A-Za-z_$][\w$]*(?:[.:]{1,2}[A-Za-z_$][\w$]*)+\Z")
_HEX = re.compile(r"[0-9a-fA-F]+")
_NOT_SECRET = re.compile(
    r"(?<![a-z])(?:page|next|prev|continuation|cursor|sync|pagination|public|publishable|vocab|"
    r"input|output|special|start|end|pad|mask|num|max|min|total|count|tag|change)[\s_-]?\Z"
)


# `secretRef`, `secret_ref`: the name of something that holds it.
_REFERENCE = re.compile(r"(?i)ref(?:erence)?s?\W{0,6}\Z")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return b""


def _web_token(value: str) -> bool:
    """Whether the header of a JSON web token is one (RFC 7515)."""
    try:
        header = json.loads(_decoded(value.split(".", 1)[0]))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and bool({"alg", "enc", "typ", "kid"} & header.keys())


def _credentials(value: str) -> bool:
    """Whether this is user:password in base64 (RFC 7617)."""
    decoded = _decoded(value.replace("+", "-").replace("/", "_"))
    try:
        user, colon, password = decoded.decode("utf-8").partition(":")
    except UnicodeDecodeError:
        return False
    return bool(colon and (user + password).isprintable() and (user + password))


def _opaque(value: str) -> bool | None:
    return None if len(value) >= 16 and looks_random(value, 2.8) else False


class AuthTokenRecognizer(KeyedRecognizer):
    """Bearer tokens, basic credentials, JSON web tokens, session cookies."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "AUTH_TOKEN",
            """token, auth token, access token, refresh token, id token, bearer token,
            session token, sessionid, session id, session, sid, phpsessid, jsessionid, connect.sid,
            asp.net sessionid, csrftoken, csrf token, xsrf token,
            personal access token, pat, deploy token, oauth token, bot token, security token,
            jwt, authtoken, accesstoken, refreshtoken, cookie, set cookie, authorization, code""",
            rf"(?:(?i:Bearer|Token|ApiKey|Basic|s:)[ ]?)?{_VALUE}",
            link=STRICT,
            score=0.7,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form("AUTH_TOKEN", _JWT, Contains("eyJ"), check=_web_token),
        form(
            "AUTH_TOKEN",
            r"(?i:\bbearer)[ ]{1,3}(?P<value>[A-Za-z0-9._~+/-]{16,4000}={0,2})(?![\w<{(])",
            Labels("bearer"),
            score=0.9,
            check=_opaque,
        ),
        form(
            "AUTH_TOKEN",
            r"(?i:\bbasic)[ ]{1,3}(?P<value>[A-Za-z0-9+/]{6,400}={0,2})(?![\w+/=])",
            Labels("basic"),
            check=_credentials,
        ),
    )

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """Only what looks random is a token; the name of its scheme is no part of it."""
        scheme = re.match(r"(?i)(?:bearer|token|apikey|basic)[ ]|s(?::|%3A)", text[start:end])
        start += scheme.end() if scheme else 0
        good = _secret(text, start, end) and not _names_something_else(text, start)
        return start, end, of.score if good else 0.0


def _secret(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    if len(value) < 20 and _HEX.fullmatch(value):
        return False  # rather a short hash
    return looks_random(value, 2.8) and not _IDENTIFIERS.match(value)


def _names_something_else(text: str, start: int) -> bool:
    """`nextPageToken`, `pad_token`: the word before "token" says that it opens nothing."""
    if _REFERENCE.search(text, max(0, start - 12), start):
        return True
    label = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text[max(0, start - 40) : start]).lower()
    word = re.search(r"(\w{0,30}?)[_ -]?(?:token|key|code|id)\W{0,6}\Z", label)
    return word is not None and _NOT_SECRET.search(word[1]) is not None


class SecretRecognizer(KeyedRecognizer):
    """Secrets and keys behind what names them: `client_secret=`, `AccountKey=`, `x-api-key:`."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "API_KEY",
            """api key, apikey, api secret, api token, access key, accesskey,
            secret access key, aws secret access key, aws secret, secret key, secretkey, secret,
            client secret, app secret, consumer secret, consumer key, shared secret,
            webhook secret, webhook url, signing secret, signing key, encryption key, master key,
            account key, accountkey, shared access key, sharedaccesskey, subscription key,
            ocp apim subscription key, storage key, license key, auth key, authkey, service key,
            integration key, rest api key, app key, application key, private token, twilio auth,
            account sid, twilio sid, sas token, sig, jwt secret, cookie secret, session secret,
            salt, hmac key, django secret""",
            _VALUE,
            link=STRICT,
            score=0.7,
        ),
    )

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """Only what looks random is a key."""
        good = _secret(text, start, end) and not _names_something_else(text, start)
        good = good and entropy(text[start:end]) >= 3.0
        return start, end, of.score if good else 0.0
