"""Issuing durable tokens: keyed, kept in the vault, never shared by two values of a tenant."""

from __future__ import annotations

from collections.abc import Container, Mapping, MutableMapping

from piirag.detection.text import normal_form
from piirag.errors import ConfigurationError
from piirag.redaction import operators, tokens
from piirag.redaction.surrogates import surrogate
from piirag.vault.keys import keyed_hash
from piirag.vault.vault import UserVault

_MAX_COLLISIONS = 32

Name = tuple[str, str, str]
"""Operator, entity type and normal form: what a token is issued for."""


def candidate(vault: UserVault, name: Name, attempt: int = 0) -> str:
    """The token that a value gets if the first `attempt` choices are taken."""
    operator, entity_type, normal = name
    digest = keyed_hash(vault.hash_key, f"{operator}|{attempt}|{entity_type}|{normal}")
    if operator == operators.SURROGATE:
        return surrogate(entity_type, digest)
    return tokens.pseudonym(entity_type, digest)


def issue(
    vault: UserVault,
    wanted: Mapping[Name, str],
    cache: MutableMapping[Name, str],
    *,
    known: bool = False,
    taken: Container[tuple[str, str]] = (),
) -> dict[Name, str]:
    """Tokens for values, stored in the vault.

    Args:
        vault: The user's vault.
        wanted: What to issue for, with the spelling to keep.
        cache: Tokens issued before; grows.
        known: Whether the application passed these values along.
        taken: Types and normal forms of real values, which no surrogate may equal.

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
        tried = {name: candidate(vault, name, attempt) for name in open_}
        # A made-up name must not be a real person's.
        real = {n for n, t in tried.items() if (n[1], normal_form(n[1], t)) in taken}
        tried = {name: token for name, token in tried.items() if name not in real}
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
