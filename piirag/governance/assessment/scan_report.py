"""The counts of a `piirag scan` report, and nothing else of it.

Names of files, of columns and of stores stay out, as examples do: they may name persons.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piirag.detection.entity_types import is_type_name
from piirag.detection.quasi.kinds import is_quasi
from piirag.detection.special.kinds import SPECIAL_TYPES
from piirag.errors import ConfigurationError


@dataclass(frozen=True)
class ScanFacts:
    """What a scan of a corpus found, in numbers.

    Args:
        scanned: How many texts or rows were looked at; None where the report does not say.
        skipped: How many sources were not, or not whole.
        counts: Type -> how often it was found: identifiers.
        quasi: The same for quasi-identifiers.
        combinations: Kinds of quasi-identifiers that stand together -> in how many texts.
        special: Special category -> how often it was found.
    """

    scanned: int | None
    skipped: int
    counts: Mapping[str, int]
    quasi: Mapping[str, int]
    combinations: Mapping[str, int]
    special: Mapping[str, int]

    @classmethod
    def from_file(cls, path: str | Path) -> ScanFacts:
        """Read the JSON report of `piirag scan`.

        Raises:
            ConfigurationError: It cannot be read, or is no such report.
        """
        reason = ""
        data: Any = None
        try:
            data = json.loads(Path(path).read_text("utf-8-sig"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except (ValueError, RecursionError):
            reason = "not JSON"
        if not reason and not isinstance(data, dict):
            reason = "not a report of piirag scan"
        if reason:
            raise ConfigurationError(f"the report of the scan cannot be read: {reason}")
        return cls.from_report(data)

    @classmethod
    def from_report(cls, data: Mapping[str, Any]) -> ScanFacts:
        """Take the counts out of a report.

        Raises:
            ConfigurationError: It is no such report.
        """
        if not isinstance(data.get("types"), Mapping):
            raise ConfigurationError("the report of the scan has no counts of types")
        types = _counts(data["types"], is_type_name)
        special = _counts(data.get("special", {}), lambda kind: kind in SPECIAL_TYPES)
        special |= {kind: n for kind, n in types.items() if kind in SPECIAL_TYPES}
        quasi = {kind: n for kind, n in types.items() if is_quasi(kind)}
        rest = {k: n for k, n in types.items() if k not in special and k not in quasi}
        scanned = data.get("records")
        skipped = data.get("skipped", [])
        return cls(
            scanned if _is_count(scanned) else None,
            len(skipped) if isinstance(skipped, list) else 0,
            _most_first(rest),
            _most_first(quasi),
            _most_first(_combinations(data.get("combinations", []))),
            _most_first(special),
        )


def _counts(found: Any, wanted: Any) -> dict[str, int]:
    if not isinstance(found, Mapping):
        return {}
    return {str(kind): n for kind, n in found.items() if wanted(kind) and _is_count(n)}


def _combinations(found: Any) -> dict[str, int]:
    """Kinds of quasi-identifiers that stand together; only words that piirag itself uses."""
    from piirag.detection.quasi.kinds import QUASI_TYPES, kind_of

    words = {kind_of(kind) for kind in QUASI_TYPES}
    told: dict[str, int] = {}
    for entry in found if isinstance(found, list) else []:
        kinds = entry.get("kinds") if isinstance(entry, Mapping) else None
        count = entry.get("count") if isinstance(entry, Mapping) else None
        if isinstance(kinds, list) and kinds and _is_count(count) and set(kinds) <= words:
            told[" + ".join(sorted(kinds))] = int(count or 0)
    return told


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
