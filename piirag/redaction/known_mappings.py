"""What an application passes along as known, for one text or for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from piirag.detection.known import Known, check_known
from piirag.errors import InvalidInputError
from piirag.redaction import tokens
from piirag.vault.vault import UserVault

_Mapping = TypeVar("_Mapping", bound=Mapping[str, Sequence[str]] | None)


def without_tokens(
    knowns: Sequence[dict[str, list[str]]], vault: UserVault
) -> list[dict[str, list[str]]]:
    """Leave out known values that are tokens: a scrubbed record names its customer by one.

    Remembered as a value, a token would get a token of its own, and "person" would be a name.
    """
    apart = distinct(knowns).values()
    values = {v for known in apart for kept in known.values() for v in kept}
    tokens_of = {v: [v, *pseudonyms_in(v)] for v in values}
    issued = vault.get(list({t for found in tokens_of.values() for t in found}))
    if not issued:
        return list(knowns)
    # One mapping may serve many texts; its index is built once.
    changed = {
        id(known): {
            kind: [v for v in kept if not any(t in issued for t in tokens_of[v])]
            for kind, kept in known.items()
        }
        for known in apart
    }
    return [changed[id(known)] for known in knowns]


def distinct(knowns: Sequence[_Mapping]) -> dict[int, _Mapping]:
    """Each mapping once, by its identity: many texts may share one."""
    return {id(known): known for known in knowns}


def pseudonyms_in(text: str) -> list[str]:
    """What has the form of a pseudonym in a text, each once."""
    return list(dict.fromkeys(m.group() for m in tokens.PSEUDONYM.finditer(text)))


def per_text(
    known: Known | Sequence[Known | None] | None, count: int
) -> list[dict[str, list[str]]]:
    """The known values of each text, checked, whether given once for all or one by one.

    Raises:
        InvalidInputError: Not one mapping, nor one for each text.
    """
    if known is None or isinstance(known, Mapping):
        return [check_known(known)] * count
    if len(known) != count:
        raise InvalidInputError("known must be one mapping, or one for each text")
    checked = {key: check_known(k) for key, k in distinct(known).items()}
    return [checked[id(k)] for k in known]
