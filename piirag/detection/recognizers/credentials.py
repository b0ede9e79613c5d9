"""Passwords, PINs and user names behind their keys.

What stands behind `password` in text about software is seldom a password: a type, a call, a
variable, a placeholder. Such values are told from real ones by their form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Form, form
from piirag.detection.recognizers.keyed import IN_LINE, STRICT, KeyedRecognizer, Rule, rule

_OPENING = {")": "(", "]": "[", "}": "{", ">": "<"}
_QUOTES = "\"'`"
_VALUE = r"(?:(?<=[\"'`])[^\"'`\n]{3,128}(?=[\"'`])|[^\s\"'`]\S{2,127})"
_SAID = r"[ \t]{1,3}(?i:is|was|to)[ \t]{1,3}[\"'`]?"
_OPTION = r"[ \t]{1,2}[\"'`]?"

# A value that stands apart from its key: on the next line, in the next cell.
_APART = (
    r"[\"'`*_]{0,3}[ \t]{0,3}"
    r"(?::[\"'`*_]{0,3}[ \t]{0,3}\r?\n[ \t]{0,8}|\t[ \t]{0,3}|\|[ \t`*]{0,4})"
)
_CELL = r"[^\s|\"'`]{6,128}(?=[ \t`*]{0,4}(?:[|\t\r\n]|\Z))"

_NEXT_KEY = re.compile(r"[;&,](?=\s?[\w.-]{1,30}=)|&amp;|\\n|</")
_TEMPLATE = re.compile(
    r"[$%@#|]?[{<\[(]|%[(s]|\$[A-Za-z_]+\Z|[*•.xX#_?-]+\Z|\.{2,}|[?+:-][a-z]+\Z|\\|"
    r"&[a-z]+\b|env[.:]|vault:|![A-Za-z:]+\Z"
)
_CODE = re.compile(
    r"[&*!]?[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)*(?:[(\[]|\)|,\Z|;\Z|\Z)"
)
_NOT_VALUES = frozenset(
    """
    any arg args argument bcrypt blank bool boolean byte bytes changed char configured confirm
    confirmation correct default disabled email empty enabled encrypted enter env expired expires
    expiry false field file final forgot hash hashed hidden here incorrect input invalid key label
    login mandatory masked missing must name needed never new nil none not null number object
    optional options param password passwd passphrase pass please policy prompt protected pwd
    redacted required reset secret secure sensitive service set should something str string strong
    system text the token too true type undefined unknown unset update updated user username value
    varchar variable weak wrong your yes
    """.split()
)
_COMMON_ACCOUNTS = frozenset(
    """
    admin administrator anonymous apache app backup bin bot build ci daemon debian default demo
    deploy developer docker ec2-user example foo github git guest httpd jenkins local localhost
    mail me mysql nginx nobody oracle postgres postgresql public puppet readonly redis root runner
    sa service system systemd test tester testuser tomcat ubuntu user user1 username vagrant web
    www www-data x-access-token
    """.split()
)
_NAMES_A_VARIABLE = re.compile(
    r"(?i)pass|pwd|user|login|secret|token|param|arg\b|args|str\b|\bself"
)


_PLACEHOLDER = re.compile(r"(?i)(?:your|my|the)[_-]|[A-Z]+(?:_[A-Z]+)+\Z|x{3}|\*{3}|[.][.]")


def _url_password(value: str) -> bool | None:
    """Placeholders, and the accounts of machines whose password is their name, are none."""
    low = value.lower()
    return False if low in _NOT_VALUES | _COMMON_ACCOUNTS or len(set(low)) < 3 else None


def _argument(value: str) -> bool | None:
    return False if _PLACEHOLDER.match(value) else _url_password(value)


_ARGUMENT = r"[^\s\"'$<>{}|;]{3,128}"
_COMMAND_REACH = 200


def _of(commands: str) -> Callable[[str, int, int], bool]:
    """Whether an argument is one of these commands' on its line."""
    command = re.compile(rf"(?<![\w.-])(?:{commands})(?:\.exe)?[ ][^\n|;]*\Z")

    def around(text: str, start: int, end: int) -> bool:
        return command.search(text[max(0, start - _COMMAND_REACH) : start]) is not None

    return around


def kinds(value: str) -> int:
    """How many of capitals, small letters, digits and symbols a value holds."""
    return (
        any(map(str.isupper, value))
        + any(map(str.islower, value))
        + any(map(str.isdigit, value))
        + any(not c.isalnum() and c not in "._- " for c in value)
    )


class PasswordRecognizer(KeyedRecognizer):
    """Passwords, passphrases and PINs behind their keys, and passwords in URLs."""

    _WORDS = """password, passwd, passphrase, passcode, pwd, kennwort, passwort, mot de passe,
        contrasena, wachtwoord, haslo, senha, parola chiave, userpassword, login password,
        pgpassword, sshpass, mysqlpwd, dbpassword, dbpasswd, rootpassword, adminpassword,
        rediscli auth"""
    RULES: ClassVar[tuple[Rule, ...]] = (
        rule("PASSWORD", _WORDS, _VALUE, link=STRICT),
        rule("PASSWORD", _WORDS, _VALUE, link=_SAID, score=0.5, table=False),
        rule("PASSWORD", _WORDS, _CELL, link=_APART, table=False),
        rule("PASSWORD", "--password, --passwd, --pwd", _VALUE, link=_OPTION, table=False),
        rule(
            "PASSWORD",
            "pin, pin code, pin number, pin no, atm pin, card pin",
            r"\d{4,6}(?![\w-])(?![.,]\d)",
            link=STRICT,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "PASSWORD",
            r"(?<=://)(?!user(?:name)?:pass(?:word|wd)?@)[^\s/:@\"'<>\[\]{}$]{0,64}"
            r":(?P<value>[^\s/@\"'<>{}$]{3,128})@(?=[\w.\[-])",
            Contains("://"),
            check=_url_password,
        ),
        form(
            "PASSWORD",
            rf"(?<![\w-])(?:-u|-U|--user|--proxy-user)[ =]{{0,2}}[\"']?[^\s:\"'$<>{{}}/]{{1,64}}"
            rf":(?P<value>{_ARGUMENT})",
            Contains("curl", "wget"),
            check=_argument,
            around=_of(r"curl|wget"),
        ),
        form(
            "PASSWORD",
            rf"(?<![\w-])-p[\"']?(?P<value>{_ARGUMENT})",
            Contains("mysql", "mariadb"),
            check=_argument,
            around=_of(r"mysql\w*|mariadb[\w-]*"),
        ),
        form(
            "PASSWORD",
            rf"(?<![\w-])(?:sshpass[ ]{{1,3}}-p|redis-cli[ ][^\n|;]{{0,80}}-a)[ ]{{0,3}}[\"']?"
            rf"(?P<value>{_ARGUMENT})",
            Contains("sshpass", "redis-cli"),
            check=_argument,
        ),
    )

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """Cut what does not belong to the password; drop what is none."""
        if of.labels[0] == "pin":
            return start, end, of.score
        if _WORKING_DIRECTORY.search(text, max(0, start - 12), start):
            return start, end, 0.0
        if of.link is _APART:
            end = _trim(text, start, end)
            next_line = "\n" in text[max(0, start - 12) : start]
            return start, end, of.score if _stands_out(text[start:end], next_line) else 0.0
        if ">" in text[max(0, start - 3) : start] and text[end : end + 2] != "</":
            cut = text.find("</", start, end)
            if cut < 0:
                return start, end, 0.0  # "<user>:<password>@host": a placeholder
            end = cut
        quoted = text[start - 1 : start] in _QUOTES and text[end : end + 1] in _QUOTES
        if quoted and text[start - 2 : start - 1] == text[start - 1 : start]:
            return start, end, 0.0  # an empty string, and code behind it
        if not quoted:
            end = _trim(text, start, end)
        value = text[start:end]
        sure = quoted or of.labels[0].startswith("--")
        if of.link is _SAID:
            good = not _CODE.match(value) and kinds(value) >= 2
            good = good or (any(map(str.isdigit, value)) and _mixed(value) and len(value) >= 6)
        elif sure:
            good = " " not in value or "phrase" in text[max(0, start - 20) : start].lower()
        else:
            good = _unquoted(text, start, end)
        good = good and not _TEMPLATE.match(value) and value.lower() not in _NOT_VALUES
        good = good or (_drawn(value) and not value.startswith(_VARIABLES))
        return start, end, of.score if good and len(value) >= 4 else 0.0


# `-v "$PWD":/srv`, `${PWD:-/tmp}`: the directory a shell works in.
_WORKING_DIRECTORY = re.compile(r"\$\{?PWD\b[^\w\s]{0,4}\Z")
_VARIABLES = ("${", "{{", "%(", "<", "$(")
_RUNS = re.compile(r"[A-Z]+|[a-z]+|\d+|[^A-Za-z0-9]+")


def _drawn(value: str) -> bool:
    """Whether the characters change their kind at almost every step, as code and words do not."""
    runs = len(_RUNS.findall(value))
    return len(value) >= 8 and " " not in value and kinds(value) >= 3 and runs * 1.8 >= len(value)


_ALGORITHM = re.compile(
    r"(?i).*(?:sha-?\d|md5|pbkdf|bcrypt|scrypt|argon2|aes-?\d|base64|utf-?8|rsa-?\d|hmac)"
)

_CODE_SIGNS = frozenset("([=")
_VERSION_OR_FILE = re.compile(r"[a-z]+[._-]?[v\d.]+\d|[\w.-]+\.[a-z]{2,4}")


def _stands_out(value: str, next_line: bool) -> bool:
    """Whether a word away from its key is a password for what it looks like itself."""
    if len(value) < 6 or "://" in value or "@" in value[1:-1] or value[-1] == ":":
        return False
    if _TEMPLATE.match(value) or _ALGORITHM.match(value) or not _CODE_SIGNS.isdisjoint(value):
        return False
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    if mixed and (next_line or kinds(value) >= 3):
        alone = next_line and value.isalnum()
        return alone or _VERSION_OR_FILE.fullmatch(value) is None
    restless = len(_RUNS.findall(value)) * 1.8 >= len(value)
    return len(value) >= 8 and kinds(value) >= 2 and value.isalnum() and restless


def _mixed(value: str) -> bool:
    return any(map(str.isalpha, value)) and not value.isalpha()


def _trim(text: str, start: int, end: int) -> int:
    """Where an unquoted value ends: before the next key, without marks of the sentence."""
    cut = _NEXT_KEY.search(text, start, end)
    end = cut.start() if cut else end
    while end > start:
        last = text[end - 1]
        opening = _OPENING.get(last)
        if last not in "\"'`,;:." and not (
            opening and text.count(last, start, end) > text.count(opening, start, end)
        ):
            break
        end -= 1
    return end


def _unquoted(text: str, start: int, end: int) -> bool:
    """Whether an unquoted value behind a key is a value, and not code or prose."""
    value = text[start:end]
    following = text[end : end + 2]
    before = text[max(0, start - 2) : start]
    if (following[:1] in set("([.") and following[1:2].isalnum()) or following == "()":
        return False
    call = _CODE.match(value)
    if call and (call.end() == len(value) or value[call.end() - 1] in "(["):
        # An identifier or a call: a password only where it mixes digits in, or is written as
        # configuration (`password=letmein` or `password: letmein` on a line of its own).
        if kinds(value[: call.end() - 1]) == 4:
            return True
        if value[call.end() - 1] in "([" or _NAMES_A_VARIABLE.search(value) or "." in value:
            return value[:4].lower() == "pass" and any(map(str.isdigit, value)) and ":" in before
        if any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
            return True
        alone = text[end : end + 1] in {"", "\n", "\r", "&", ";"}
        if following[:1] == " ":
            alone = _FOR_A_COMMAND.search(text, max(0, start - 60), start) is not None
        assigned = "=" not in before or not before.endswith(" ")
        return alone and assigned and len(value) >= 5 and _begins_line(text, start)
    return kinds(value) >= 2 or value.isdigit()


# `PGPASSWORD=... psql`, `export DB_PASSWORD=...`
_FOR_A_COMMAND = re.compile(r"(?:^|[\n;&]|\b(?:env|export|sudo)|-e)[ ]?[A-Z][A-Z0-9_]{3,40}=\Z")


def _begins_line(text: str, start: int) -> bool:
    """Whether the key is the first word of its line, or a parameter of a URL."""
    line = text[max(0, start - 60) : start].rsplit("\n", 1)[-1]
    return (
        re.fullmatch(r"[\s\"'>*-]{0,8}[\w.-]{1,40}[\"']?\s?[:=]\s?|.*[?&][\w.-]{1,40}=", line)
        is not None
    )


class UsernameRecognizer(KeyedRecognizer):
    """User names and handles behind their keys."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "USERNAME",
            """username, user name, userid, login, login name, login id, screen name, screenname,
            benutzername, nom d utilisateur, nombre de usuario, nome utente, gebruikersnaam,
            nazwa uzytkownika, account name, nickname""",
            r"@?[A-Za-z][\w.+-]{2,40}(?![\w@(\[])",
            link=STRICT,
        ),
        rule(
            "USERNAME",
            """twitter, instagram, telegram, skype, discord, snapchat, tiktok, mastodon, github,
            linkedin, reddit, insta, ig, wechat, signal, twitter handle, handle""",
            r"@[A-Za-z_][\w.]{2,40}(?:#\d{4})?(?![\w@/])",
            link=IN_LINE,
            table=False,
        ),
        rule("USERNAME", "skype, skype id, discord, wechat id, telegram, github user",
             r"(?!https?\b)[a-z][\w.]{3,40}(?:#\d{4})?(?![\w@/:(\[])", link=STRICT, table=False),
    )  # fmt: skip

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """Drop variables, types and the accounts of machines."""
        while end > start and text[end - 1] in ".-+":
            end -= 1
        value = text[start:end]
        if ">" in text[max(0, start - 3) : start] and text[end : end + 2] != "</":
            return start, end, 0.0
        low = value.lower().lstrip("@")
        if low in _COMMON_ACCOUNTS or low in _NOT_VALUES or _NAMES_A_VARIABLE.search(low):
            return start, end, 0.0
        if value.startswith("@") or text[start - 1 : start] in _QUOTES:
            return start, end, of.score
        before = text[max(0, start - 2) : start]
        if "=" in before:
            good = any(map(str.isdigit, value)) or (_begins_line(text, start) and before[-1] != " ")
        else:
            good = any(c in "._0123456789-" for c in value) or _begins_line(text, start)
        return start, end, of.score if good else 0.0
