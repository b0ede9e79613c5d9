"""The corpora by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import conll, crm, records, technical
from benchmarks.accuracy.locales import LATIN
from benchmarks.accuracy.sample import DIRECT, Label, Sample

__all__ = ["CORPORA", "DIRECT", "Corpus", "Label", "Sample", "corpora_folder", "load"]

_NAMED = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})

WEB = "uner-ewt-dev.iob2"
SOCIAL = "wnut17-dev.conll"


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Args:
        what: What it holds, in a line.
        types: The types whose hidden share is its headline figure.
        judged: Types in which it is annotated throughout; None for all.
        make: Makes it; takes the folder with the files of others.
        file: The file it is read from; empty if it is generated.
    """

    what: str
    types: frozenset[str]
    judged: frozenset[str] | None
    make: Callable[[Path | None], list[Sample]]
    file: str = ""


def _from_file(name: str) -> Callable[[Path | None], list[Sample]]:
    def make(folder: Path | None) -> list[Sample]:
        if folder is None:
            raise FileNotFoundError(f"{name}: name its folder by --corpora or PIIRAG_CORPORA")
        return conll.load(folder / name)

    return make


_PERSON = frozenset({"PERSON"})

CORPORA: dict[str, Corpus] = {
    "records": Corpus(
        f"generated records, people of {len(LATIN)} locales",
        DIRECT,
        None,
        lambda _: records.generate(),
    ),
    "scripts": Corpus(
        "the same with names in other than Latin letters",
        DIRECT,
        None,
        lambda _: records.generate_other_scripts(),
    ),
    "crm": Corpus("generated CRM records", DIRECT, None, lambda _: crm.generate()),
    "web": Corpus("web text: Universal NER, EWT", _PERSON, _NAMED, _from_file(WEB), WEB),
    "social": Corpus("social media: WNUT 2017", _PERSON, _NAMED, _from_file(SOCIAL), SOCIAL),
    "technical": Corpus(
        "technical lines without personal data",
        frozenset(),
        None,
        lambda _: technical.generate(),
    ),
}


def corpora_folder(given: str | None = None) -> Path | None:
    """The folder with the files of others: as given, else of the variable PIIRAG_CORPORA."""
    name = given or os.environ.get("PIIRAG_CORPORA", "")
    return Path(name) if name else None


def load(name: str, folder: str | Path | None = None) -> list[Sample]:
    """Load a corpus.

    Args:
        name: A key of `CORPORA`.
        folder: Where ``web`` and ``social`` lie; the variable PIIRAG_CORPORA if None.

    Raises:
        KeyError: No such corpus.
        FileNotFoundError: Its file is not there.
    """
    return CORPORA[name].make(corpora_folder(str(folder) if folder else None))
