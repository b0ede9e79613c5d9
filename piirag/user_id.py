"""Which user ids are accepted.

Vector stores differ in what they make of an odd id: a dict becomes an operator, ``"7"`` and
``"7.0"`` become one number, a quote ends a string in an expression, folding merges ``alice`` and
``ALICE``. So only exact strings from a safe alphabet are stored as they are; anything else goes
through a keyed hash first (`TenantTags(keyed=True)`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from piirag.errors import InvalidUserIdError

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}")
MAX_LENGTH = 512


def check_user_id(user_id: Any) -> str:
    """Check that a user id is a usable string, in any alphabet.

    Raises:
        InvalidUserIdError: Missing, empty, not exactly a `str`, too long, with control
            characters or white space around it, or not in its canonical Unicode form.
    """
    if type(user_id) is not str:
        kind = type(user_id).__name__
        raise InvalidUserIdError(f"user_id must be a string, not {kind}")
    if not user_id or user_id.isspace():
        raise InvalidUserIdError("user_id is empty")
    if len(user_id) > MAX_LENGTH:
        raise InvalidUserIdError(f"user_id is longer than {MAX_LENGTH} characters")
    if user_id != user_id.strip() or any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in user_id
    ):
        raise InvalidUserIdError("user_id holds control characters or white space around it")
    if unicodedata.normalize("NFKC", user_id) != user_id:
        raise InvalidUserIdError("user_id is not in Unicode NFKC form")
    return user_id


def check_plain_user_id(user_id: Any) -> str:
    """Check that a user id may stand in a store as it is.

    Raises:
        InvalidUserIdError: As `check_user_id`; also any character but letters, digits, ``_``,
            ``.``, ``-`` of ASCII, and anything that parses as a number.
    """
    checked = check_user_id(user_id)
    if not _SAFE.fullmatch(checked) or _is_number(checked):
        raise InvalidUserIdError(
            "user_id may hold ASCII letters, digits, '_', '.' and '-' only and must not be a "
            "number; for e-mail addresses, numbers and anything else use keyed user ids"
        )
    return checked


def _is_number(text: str) -> bool:
    for parse in (float, lambda t: int(t, 0)):
        try:
            parse(text)
        except ValueError:
            continue
        return True
    return False
