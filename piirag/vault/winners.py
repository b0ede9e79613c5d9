"""Which stored entry answers for one that was put: the rule of `VaultBackend.put`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from piirag.vault.protocol import Entry


def winners(entries: Sequence[Entry], stored: Iterable[Entry]) -> dict[str, Entry]:
    """Token passed -> the entry that won.

    Args:
        entries: What was put.
        stored: What is stored now under any of their tokens or indexes.
    """
    by_token: dict[str, Entry] = {}
    by_index: dict[bytes, Entry] = {}
    for entry in stored:
        by_token[entry.token] = entry
        if entry.index is not None:
            by_index[entry.index] = entry
    return {
        e.token: by_index[e.index] if e.index in by_index else by_token[e.token] for e in entries
    }


def newly_known(entries: Sequence[Entry], won: dict[str, Entry]) -> set[str]:
    """The stored tokens to be marked as known now."""
    return {
        won[e.token].token
        for e in entries
        if e.known and not won[e.token].known and won[e.token].index == e.index
    }


def marked(won: dict[str, Entry], known: set[str]) -> dict[str, Entry]:
    """The winners after these tokens were marked as known."""
    return {t: replace(e, known=True) if e.token in known else e for t, e in won.items()}
