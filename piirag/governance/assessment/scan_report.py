"""The counts of a `piirag scan` report, and nothing else of it.

Names of files, of columns and of stores stay out, as examples do: they may name persons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from piirag.detection.entity_types import KNOWN_TYPES, is_type_name
from piirag.detection.quasi.kinds import QUASI_TYPES, is_quasi, kind_of
from piirag.detection.special.kinds import SPECIAL_TYPES
from piirag.errors import ConfigurationError
from piirag.governance.scan.report import ScanReport

_KINDS = frozenset(kind_of(kind) for kind in QUASI_TYPES)


@dataclass(frozen=True)
class ScanFacts:
    """What a scan of a corpus found, in numbers.

    Args:
        scanned: How many texts or rows were looked at.
        skipped: How many sources or texts were not, and should have been or could have been.
        sampled: Whether only a sample was looked at.
        counts: Type -> how often it was found: identifiers.
        quasi: The same for quasi-identifiers.
        combinations: Kinds of quasi-identifiers that stand together -> in how many texts.
        special: Special category -> how often it was found.
    """

    scanned: int
    skipped: int
    sampled: bool
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
        reason = text = ""
        try:
            text = Path(path).read_text("utf-8-sig")
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except UnicodeDecodeError:
            reason = "not UTF-8"
        if reason:
            raise ConfigurationError(f"the report of the scan cannot be read: {reason}")
        return cls.from_report(ScanReport.from_json(text))

    @classmethod
    def from_report(cls, report: ScanReport) -> ScanFacts:
        """Take the counts out of a report."""
        found = _counts(report.findings, _is_type)
        special = _counts(report.special, lambda kind: kind in SPECIAL_TYPES)
        special = {**{k: n for k, n in found.items() if k in SPECIAL_TYPES}, **special}
        quasi = {
            **{k: n for k, n in found.items() if is_quasi(k)},
            **_counts(report.quasi, is_quasi),
        }
        combined = {
            " + ".join(sorted(kinds)): n
            for kinds, n in report.combinations.items()
            if set(kinds) <= _KINDS and _is_count(n)
        }
        rest = {k: n for k, n in found.items() if k not in special and k not in quasi}
        return cls(
            report.texts,
            sum(n for n in report.skipped_by_reason.values() if _is_count(n)),
            report.sample is not None,
            _most_first(rest),
            _most_first(quasi),
            _most_first(combined),
            _most_first(special),
        )


def _is_type(kind: str) -> bool:
    """A type that is known, or one of words: an IBAN has the form of a type, too."""
    return kind in KNOWN_TYPES or (is_type_name(kind) and not any(map(str.isdigit, kind)))


def _counts(found: Mapping[str, int], wanted: Callable[[str], bool]) -> dict[str, int]:
    """Only what is a type of ours and a number: a report is a file that anybody may have made."""
    return {str(k): n for k, n in found.items() if wanted(k) and _is_count(n)}


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
