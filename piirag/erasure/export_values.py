"""Putting the values behind a user's own pseudonyms back, and making data fit for JSON."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from piirag.detection.text import replace_surrogates
from piirag.erasure.target import StoredItem
from piirag.errors import VaultError
from piirag.redaction import operators, tokens
from piirag.vault.vault import UserVault, Vault

_DEEPEST = 200


class Values:
    """The values of one user, in some vaults.

    Args:
        vaults: The vaults; none to leave everything as it is.
        user_id: The user.
    """

    def __init__(self, vaults: Sequence[Vault], user_id: str) -> None:
        self.failed: list[str] = []
        self._users: list[UserVault] = []
        self._made_up: dict[str, str] = {}
        for vault in vaults:
            try:
                user = vault.opened(user_id)
                if user is not None:
                    self._made_up.update(_surrogates(user))
                    self._users.append(user)
            except VaultError as error:
                self.failed.append(f"the values behind pseudonyms: {type(error).__name__}")
        choice = "|".join(map(re.escape, sorted(self._made_up, key=len, reverse=True)))
        pattern = tokens.PSEUDONYM.pattern
        pattern += rf"|(?<!\w)(?:{choice})(?!\w)" if choice else ""
        self._pattern = re.compile(pattern)

    def revealed(self, items: Sequence[StoredItem]) -> list[StoredItem]:
        """The items with values in place of the user's own pseudonyms; others' stay as they are."""
        if not self._users:
            return list(items)
        held: dict[str, None] = {}

        def note(text: str) -> str:
            held.update(dict.fromkeys(m.group() for m in self._pattern.finditer(text)))
            return text

        for item in items:
            _changed(item, note)
        if not held:
            return list(items)
        table = {token: value for token, value in self._made_up.items() if token in held}
        for user in self._users:
            try:
                found = user.get([token for token in held if token not in table])
            except VaultError as error:
                self.failed.append(f"the values behind pseudonyms: {type(error).__name__}")
                continue
            table.update((token, value["v"]) for token, value in found.items())

        def put_back(text: str) -> str:
            return self._pattern.sub(lambda m: table.get(m.group(), m.group()), text)

        return [_changed(item, put_back) for item in items]

    def __repr__(self) -> str:
        return "Values(...)"


def _surrogates(user: UserVault) -> dict[str, str]:
    return {t: v["v"] for t, v in user.each() if v.get("o") == operators.SURROGATE}


def _changed(item: StoredItem, change: Callable[[str], str]) -> StoredItem:
    text = None if item.text is None else change(item.text)
    return StoredItem(item.id, text, _mapped(dict(item.metadata), change))


def _mapped(value: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """Nested data with every text changed, those within JSON texts too: a value may hold quotes."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            parsed = _parsed(value)
            if parsed is not None:
                return json.dumps(_mapped(parsed, change, depth + 1), ensure_ascii=False)
        return change(value)
    if isinstance(value, Mapping):
        return {
            change(k) if isinstance(k, str) else k: _mapped(v, change, depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mapped(inner, change, depth + 1) for inner in value]
    return value


def _parsed(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def plain(value: Any, depth: int = 0) -> Any:
    """Any data as JSON knows it: what it does not know becomes a text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return replace_surrogates(str(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if depth > _DEEPEST:
        return "(nested too deeply)"
    if isinstance(value, Mapping):
        return {replace_surrogates(str(k)): plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, set | frozenset):
        return [plain(inner, depth + 1) for inner in sorted(value, key=repr)]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    dumped = getattr(value, "model_dump", None)  # messages of the frameworks
    if callable(dumped):
        return plain(dumped(), depth + 1)
    listed = getattr(value, "tolist", None)  # arrays and scalars of numbers
    return plain(listed(), depth + 1) if callable(listed) else replace_surrogates(str(value))
