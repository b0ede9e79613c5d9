"""Issuing durable tokens: kept in the vault, never shared by two values of a tenant.

A keyed token derives from its value under the user's data key. A random one derives from nothing;
the vault alone can tell what it stands for, through an index that is keyed in turn.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, MutableMapping

from piirag.detection.text import normal_form
from piirag.errors import ConfigurationError
from piirag.redaction import operators, tokens
from piirag.redaction.surrogates import surrogate
from piirag.vault.keys import keyed_hash
from piirag.vault.user_vault import Claim
from piirag.vault.vault import UserVault

_MAX_COLLISIONS = 32

Name = tuple[str, str, str]
"""Operator, entity type and normal form: what a token is issued for."""


def candidate(vault: UserVault, name: Name, attempt: int = 0) -> str:
    """The token that a value gets if the first `attempt` choices are taken."""
    operator, entity_type, normal = name
    digest = keyed_hash(vault.hash_key, f"{operator}|{attempt}|{entity_type}|{normal}")
    return _made(name, digest)


def _made(name: Name, digest: bytes) -> str:
    operator, entity_type, _ = name
    if operator == operators.SURROGATE:
        return surrogate(entity_type, digest)
    return tokens.pseudonym(entity_type, digest)


def passing_tokens(vault: UserVault, names: Iterable[Name], *, random: bool) -> dict[Name, str]:
    """The tokens that values have, or would have; stores nothing.

    Args:
        vault: The user's vault.
        names: What the tokens stand for.
        random: Whether tokens are drawn. One that is not stored yet is drawn anew by each call.
    """
    wanted = list(dict.fromkeys(names))
    if not random:
        return {name: candidate(vault, name) for name in wanted}
    indexes = {vault.index("|".join(name)): name for name in wanted}
    held = {indexes[i]: token for i, (token, _) in vault.find(list(indexes)).items()}
    return {name: held.get(name) or _made(name, os.urandom(16)) for name in wanted}


def issue(
    vault: UserVault,
    wanted: Mapping[Name, str],
    cache: MutableMapping[Name, str],
    *,
    known: bool = False,
    taken: Container[tuple[str, str]] = (),
    random: bool = False,
) -> dict[Name, str]:
    """Tokens for values, stored in the vault.

    Args:
        vault: The user's vault.
        wanted: What to issue for, with the spelling to keep.
        cache: Tokens issued before; grows.
        known: Whether the application passed these values along.
        taken: Types and normal forms of real values, which no surrogate may equal.
        random: Whether tokens are drawn instead of derived.

    Returns:
        Name -> token.

    Raises:
        UserErasedError: The user was erased meanwhile.
    """
    table = {} if known else {name: cache[name] for name in wanted if name in cache}
    open_ = {name: value for name, value in wanted.items() if name not in table}
    for attempt in range(_MAX_COLLISIONS):
        if not open_:
            return table
        if random:
            tried = {name: _made(name, os.urandom(16)) for name in open_}
        else:
            tried = {name: candidate(vault, name, attempt) for name in open_}
        # A made-up name must not be a real person's.
        real = {n for n, t in tried.items() if (n[1], normal_form(n[1], t)) in taken}
        tried = {name: token for name, token in tried.items() if name not in real}
        if random:
            new = _claimed(vault, open_, tried, known)
            table.update(new)
            cache.update(new)
            open_ = {name: value for name, value in open_.items() if name not in new}
            continue
        items = [
            (tried[name], {"t": name[1], "v": value, "o": name[0]}, known)
            for name, value in open_.items()
            if name in tried
        ]
        stored = vault.put(items)
        for name, token in tried.items():
            kind, value = stored[token]["t"], stored[token]["v"]
            if (kind, normal_form(kind, value)) == name[1:]:
                table[name] = cache[name] = token
                del open_[name]
    raise ConfigurationError("no free token: this user's vault holds too many values")


def _claimed(
    vault: UserVault, wanted: Mapping[Name, str], tried: Mapping[Name, str], known: bool
) -> dict[Name, str]:
    """The tokens that stand for values now, where the vault keeps one; else these are stored."""
    indexes = {vault.index("|".join(name)): name for name in tried}
    # Two values of one call may have drawn the same token; the second draws again.
    drawn: dict[str, Claim] = {}
    for index, name in indexes.items():
        value = {"t": name[1], "v": wanted[name], "o": name[0]}
        drawn.setdefault(tried[name], Claim(index, tried[name], value, known))
    held = vault.claim(drawn.values())
    return {indexes[index]: token for index, (token, _) in held.items()}
