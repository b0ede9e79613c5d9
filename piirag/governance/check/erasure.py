"""Whether erasures were carried out to their end, and the list of who must not come back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.errors import PiiragError
from piirag.governance.check.lines import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Line

if TYPE_CHECKING:
    from piirag.config_stores import StoresConfig
    from piirag.erasure.journal import Journal

_TESTED = "was an erasure carried out to its end and read back"
_LIST = "is the suppression list kept, and can it be read"
_TRY = "erase a test user: piirag delete-user, then piirag verify-erasure"


def erasure_lines(data: Mapping[str, Any], path: Path) -> list[Line]:
    """The lines about the journal. Nothing is created and nothing is changed.

    Args:
        data: What the configuration holds.
        path: The configuration.
    """
    if "vault" not in data:
        told: tuple[str, ...] = ("there is no [vault] table",)
        return [
            Line("erasure.tested", _TESTED, NOT_APPLICABLE, told),
            Line("erasure.suppression", _LIST, NOT_APPLICABLE, told),
        ]
    from piirag.config_stores import StoresConfig

    config = StoresConfig.from_file(path)
    if "journal_url_env" not in config.erasure:
        file = config.folder / str(config.erasure.get("journal", "erasure.db"))
        if not file.is_file():
            told = ("there is no journal yet", _TRY)
            return [
                Line("erasure.tested", _TESTED, UNKNOWN, told),
                Line("erasure.suppression", _LIST, UNKNOWN, told),
            ]
    journal: Journal | None = None
    try:
        journal = config.open_journal()
        return [_tested(journal), _suppression(journal, config)]
    except PiiragError as error:
        told = (f"the journal cannot be read: {type(error).__name__}",)
    finally:
        if journal is not None:
            journal.close()
    return [
        Line("erasure.tested", _TESTED, FAIL, told),
        Line("erasure.suppression", _LIST, FAIL, told),
    ]


def _tested(journal: Journal) -> Line:
    unfinished = journal.unfinished()
    done = [journal.last(entry.subject) for entry in journal.suppressed()]
    complete = [e for e in done if e is not None and e.status == "complete"]
    if unfinished:
        left = f"{len(unfinished)} erasures are not finished: piirag resume-erasures"
        return Line("erasure.tested", _TESTED, FAIL, (left,))
    if not complete:
        return Line("erasure.tested", _TESTED, UNKNOWN, ("none is in the journal", _TRY))
    last = max(complete, key=lambda e: e.finished or 0.0)
    when = datetime.fromtimestamp(last.finished or 0.0, UTC)
    told = [f"{len(complete)} complete, the last {when:%Y-%m-%d}"]
    unread = _not_read_back(last.receipt)
    if unread:
        told.append(f"not read back in the last one: {', '.join(unread)}")
        return Line("erasure.tested", _TESTED, FAIL, tuple(told))
    return Line("erasure.tested", _TESTED, PASS, (*told, "every target was read back"))


def _not_read_back(receipt: str | None) -> list[str]:
    try:
        targets = json.loads(receipt or "")["targets"]
        return [str(t["name"]) for t in targets if not t.get("verified_absent")]
    except (ValueError, KeyError, TypeError):
        return ["no receipt is kept"]


def _suppression(journal: Journal, config: StoresConfig) -> Line:
    """Every sealed id has to open, or a restored backup brings people back."""
    from piirag.erasure.subjects import Subjects

    entries = journal.suppressed()
    if not entries:
        return Line("erasure.suppression", _LIST, PASS, ("it is kept, and empty",))
    told = f"{len(entries)} users are on it"
    sealed = [entry for entry in entries if entry.sealed is not None]
    problem = ""
    try:
        vault = config.open_vault()
        try:
            subjects = Subjects(vault)
            for entry in sealed:
                subjects.open(entry.subject, entry.sealed or b"")
        finally:
            vault.close()
    except PiiragError as error:
        problem = f"ids on it cannot be opened: {type(error).__name__}"
    if problem:
        return Line("erasure.suppression", _LIST, FAIL, (told, problem))
    opened = f"{len(sealed)} of their ids open with the master key"
    return Line("erasure.suppression", _LIST, PASS, (told, opened))
