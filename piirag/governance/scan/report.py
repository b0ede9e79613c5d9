"""What a scan found: counts and masked examples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from piirag.errors import ConfigurationError
from piirag.governance.scan.masking import Example
from piirag.policy import Policy
from piirag.policy_checks import operator_name

FORMAT = "piirag-scan/1"

_SHOWN = 15


@dataclass(frozen=True)
class Sample:
    """How much of what is there was looked at.

    Args:
        asked: The number of texts of each source, or the share, that was asked for.
        seen: How many texts there were.
        read: How many of them were looked at.
    """

    asked: int | float
    seen: int
    read: int


@dataclass(frozen=True)
class SourceReport:
    """What was found in one file, collection or table.

    Args:
        name: Its name, with what was found in it masked.
        kind: What it is.
        texts: How many texts were read of it.
        texts_with_findings: How many of them hold personal data.
        findings: Entity type -> number.
        special: Special category -> number.
        combined: Texts whose quasi-identifiers, put together, may single a person out.
        fields: Field, column or key -> entity type -> number.
        notes: What was not read of it, or read otherwise than expected.
    """

    name: str
    kind: str
    texts: int
    texts_with_findings: int
    findings: Mapping[str, int] = field(hash=False)
    special: Mapping[str, int] = field(hash=False)
    combined: int
    fields: Mapping[str, Mapping[str, int]] = field(hash=False)
    notes: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class ScanReport:
    """What a scan found. Unless values were asked for, it holds none.

    Args:
        texts: How many texts were looked at: files, or their parts of 65,536 characters; pages,
            rows, messages, items.
        texts_with_findings: How many hold personal data, special categories included.
        findings_in_names: Findings in names of columns and keys, which are no texts; they are
            counted in the numbers by type.
        characters: How long they are together.
        pseudonyms: Tokens that stand for values already.
        findings: Entity type -> number: what a `Scrubber` with this policy would replace.
        texts_by_type: Entity type or special category -> texts that hold it.
        quasi: Quasi-identifiers: entity type -> number.
        combinations: Kinds that stand together and may single a person out -> texts.
        special: Special category (GDPR Articles 9 and 10) -> number.
        sources: One entry a file, collection or table.
        sources_left_out: Texts of sources beyond those listed.
        skipped: Names of what was not read, and why; the first thousand.
        skipped_by_reason: Reason -> number.
        unread: Type of error -> texts that the detector failed on.
        failures: How often something was not looked at that should have been: files that cannot
            be read, a store that is down, a library that is missing, a detector that failed.
        examples: Findings in their surroundings.
        shows_values: Whether examples and names are as they were found.
        started: When it began, ISO 8601 in UTC.
        seconds: How long it took.
        policy: What was looked for. Of lists of values there are lengths only.
        detector: What looked.
        sample: None where everything was looked at.
    """

    texts: int
    texts_with_findings: int
    characters: int
    pseudonyms: int
    findings: Mapping[str, int]
    texts_by_type: Mapping[str, int]
    quasi: Mapping[str, int]
    combinations: Mapping[tuple[str, ...], int]
    special: Mapping[str, int]
    sources: tuple[SourceReport, ...]
    sources_left_out: int
    skipped: tuple[tuple[str, str], ...]
    skipped_by_reason: Mapping[str, int]
    unread: Mapping[str, int]
    failures: int
    examples: tuple[Example, ...]
    shows_values: bool
    started: str
    seconds: float
    policy: Mapping[str, Any]
    detector: str
    sample: Sample | None
    findings_in_names: int = 0

    @property
    def share(self) -> float:
        """The share of texts that hold personal data, from 0 to 1."""
        return self.texts_with_findings / self.texts if self.texts else 0.0

    @property
    def headline(self) -> str:
        """What was found, in a line."""
        texts = f"{self.texts:,} texts, {self.texts_with_findings:,} with personal data"
        return f"{texts} ({self.share:.0%}){self.beside_texts}"

    @property
    def beside_texts(self) -> str:
        """What a share of texts does not tell; empty where it tells everything."""
        n = self.findings_in_names
        noun = "finding" if n == 1 else "findings"
        told = f"; {n:,} {noun} in names of columns and keys" if n else ""
        n = self.failures
        return told + (f"; {n:,} not read that should have been" if n else "")

    @property
    def total(self) -> int:
        """How many findings there are, special categories included."""
        special = sum(n for kind, n in self.special.items() if kind not in self.findings)
        return sum(self.findings.values()) + special

    @property
    def complete(self) -> bool:
        """Whether everything was looked at, and nothing failed."""
        return not self.failures and self.sample is None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data."""
        from piirag import __version__

        sample = self.sample
        return {
            "format": FORMAT,
            "piirag": __version__,
            "started": self.started,
            "seconds": self.seconds,
            "policy": dict(self.policy),
            "detector": self.detector,
            "sample": None if sample is None else vars(sample),
            "texts": self.texts,
            "texts_with_findings": self.texts_with_findings,
            "share": round(self.share, 4),
            "findings_in_names": self.findings_in_names,
            "characters": self.characters,
            "pseudonyms": self.pseudonyms,
            "findings": dict(self.findings),
            "texts_by_type": dict(self.texts_by_type),
            "quasi_identifiers": {
                "findings": dict(self.quasi),
                "combinations": [
                    {"kinds": list(kinds), "texts": n} for kinds, n in self.combinations.items()
                ],
            },
            "special_categories": dict(self.special),
            "sources": [_plain(source) for source in self.sources],
            "sources_left_out": self.sources_left_out,
            "skipped": [{"name": name, "reason": reason} for name, reason in self.skipped],
            "skipped_by_reason": dict(self.skipped_by_reason),
            "unread": dict(self.unread),
            "failures": self.failures,
            "shows_values": self.shows_values,
            "examples": [
                {
                    "entity_type": example.entity_type,
                    "source": example.source,
                    "field": example.field,
                    "segments": [list(segment) for segment in example.segments],
                }
                for example in self.examples
            ],
        }

    def to_json(self) -> str:
        """The report as a JSON document."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ScanReport:
        """Read a report that `to_json` wrote.

        Raises:
            ConfigurationError: It is none.
        """
        from piirag.governance.scan.report_read import report_arguments

        wrong = ""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                wrong = f"not in the format {FORMAT}"
            else:
                return cls(**report_arguments(data))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            wrong = "no report of a scan"
        raise ConfigurationError(f"the report cannot be read: {wrong}")

    def to_html(self, *, lang: str = "en") -> str:
        """The report as one page that loads nothing and runs nothing."""
        from piirag.governance.scan.report_html import report_html

        return report_html(self, lang=lang)

    def __rich__(self) -> Any:
        """The report for a terminal."""
        from piirag.governance.scan.terminal import report_rich

        return report_rich(self)

    def _repr_html_(self) -> str:
        """The report in a notebook."""
        from piirag.governance.scan.report_html import report_cell

        return report_cell(self)

    def __str__(self) -> str:
        found = ", ".join(f"{kind} x{n}" for kind, n in _first(self.findings.items()))
        lines = [self.headline]
        for title, text in (
            ("found", found),
            ("special categories", ", ".join(f"{k} x{n}" for k, n in self.special.items())),
            (
                "combinations",
                ", ".join(f"{'+'.join(k)} x{n}" for k, n in self.combinations.items()),
            ),
            ("not read", ", ".join(f"{why} x{n}" for why, n in self.skipped_by_reason.items())),
            ("failed", ", ".join(f"{why} x{n}" for why, n in self.unread.items())),
        ):
            lines += [f"{title}: {text}"] if text else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"ScanReport({self.texts} texts, {dict(self.findings)})"


def policy_facts(policy: Policy) -> dict[str, Any]:
    """What a policy looks for. Of allow and deny lists, which hold values, there are lengths."""
    return {
        "entities": None if policy.entities is None else list(policy.entities),
        "thresholds": dict(policy.thresholds),
        "languages": list(policy.languages),
        "countries": list(policy.countries),
        "model": policy.model if isinstance(policy.model, str) else type(policy.model).__name__,
        "recognizers": len(policy.recognizers),
        "allow": len(policy.allow),
        "deny": {kind: len(values) for kind, values in policy.deny.items()},
        "operators": {kind: operator_name(spec) for kind, spec in policy.operators.items()},
        "quasi_identifiers": policy.quasi_identifiers,
        "quasi_threshold": policy.quasi_threshold,
        "special_categories": policy.special_categories,
        "second_look": policy.second_look,
    }


def _plain(source: SourceReport) -> dict[str, Any]:
    return {
        **vars(source),
        "findings": dict(source.findings),
        "special": dict(source.special),
        "fields": {name: dict(counts) for name, counts in source.fields.items()},
        "notes": list(source.notes),
    }


def _first(items: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return list(items)[:_SHOWN]
