"""Running the systems over the corpora; results as plain data, ready to be written as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmarks.accuracy.corpora import CORPORA
from benchmarks.accuracy.metrics import Find, Score, score
from benchmarks.accuracy.sample import DIRECT, Sample
from benchmarks.accuracy.technical import lines_of

PERSON = frozenset({"PERSON"})
Result = dict[str, Any]


def measure(name: str, samples: list[Sample], find: Find) -> tuple[Result, Score]:
    """Measure one system on one corpus.

    Args:
        name: A key of `CORPORA`.
        samples: That corpus.
        find: The system.

    Returns:
        The figures, and the counts with the missed values for a listing.
    """
    corpus = CORPORA[name]
    counted = score(samples, find, judged=corpus.judged, keep_missed=True)
    if not corpus.types:
        findings = [find(sample.text) for sample in samples]
        number = sum(map(len, findings))
        lines = lines_of(samples)
        return {"findings": number, "lines": lines, "per_100_lines": 100 * number / lines}, counted
    result: Result = {
        "values": sum(counted.values[kind] for kind in corpus.types),
        "hidden": counted.share(corpus.types),
        "persons_hidden": counted.share(PERSON),
        "over_redaction": counted.over_redaction,
        "plain_masked": counted.plain_masked,
        "types": {
            kind: {
                "values": total,
                "hidden": counted.hidden[kind] / total,
                "direct": kind in DIRECT,
            }
            for kind, total in sorted(counted.values.items())
        },
        "spans": {kind: counts.f1() for kind, counts in sorted(counted.spans.items())},
    }
    locales = counted.share_by_locale(PERSON)
    if any(locales):
        result["persons_by_locale"] = {
            k: {"values": n, "hidden": s} for k, (n, s) in locales.items()
        }
        result["persons_by_case"] = {"as written": counted.share(PERSON), **_cases(samples, find)}
    return result, counted


def _cases(samples: Iterable[Sample], find: Find) -> dict[str, float | None]:
    """Persons hidden where the whole text is in one case."""
    cases: dict[str, Callable[[Sample], Sample]] = {
        "lower case": lambda s: s.lower,
        "CAPITALS": lambda s: s.upper,
    }
    shares = {}
    for name, change in cases.items():
        persons = [s for s in samples if any(label.entity_type == "PERSON" for label in s.labels)]
        shares[name] = score(map(change, persons), find).share(PERSON)
    return shares


def described(name: str, samples: list[Sample]) -> Result:
    """What a corpus is, in figures."""
    return {
        "what": CORPORA[name].what,
        "samples": len(samples),
        "characters": sum(len(sample.text) for sample in samples),
    }


def rounded(value: Any, digits: int = 4) -> Any:
    """The same data with shorter numbers."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, Mapping):
        return {key: rounded(item, digits) for key, item in value.items()}
    return value
