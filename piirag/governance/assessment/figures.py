"""What was measured of the detector, as shipped with piirag."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Recall:
    """How much of what was planted in a corpus is hidden.

    A value counts where every letter and digit of it is masked.

    Args:
        what: The corpus.
        values: How many values were looked at.
        hidden: The share of them that is hidden, 0 to 1.
        persons_hidden: The same for names of persons.
        types: Type -> number of values and the share of them that is hidden.
    """

    what: str
    values: int
    hidden: float
    persons_hidden: float
    types: dict[str, tuple[int, float]]


@dataclass(frozen=True)
class Figures:
    """The measured figures.

    Args:
        command: What measures them again, from a checkout.
        source: The file they come from.
        corpora: One entry a corpus.
        tenancy: Attempts to read another tenant's rows (``asked``), how many rows they got
            (``foreign``), in how many ``stores``; ``command`` repeats it.
        erasure: Items of an erased user in the files of ``stores`` after a delete
            (``after_delete``) and after the bytes were reclaimed (``after_physical``, of stores
            ``left_in``).
    """

    command: str
    source: str
    corpora: tuple[Recall, ...]
    tenancy: dict[str, Any]
    erasure: dict[str, Any]


@cache
def measured(model: bool = True) -> Figures:
    """The figures of the default policy.

    Args:
        model: Whether a model looks for names; False for a policy with ``model="none"``.
    """
    data = json.loads(files(__package__).joinpath("figures.json").read_text("utf-8"))
    system = "piirag" if model else "piirag, patterns only"
    return Figures(
        data["command"],
        data["source"],
        tuple(
            Recall(
                data["corpora"][name]["what"],
                found["values"],
                found["hidden"],
                found["persons_hidden"],
                {kind: (of["values"], of["hidden"]) for kind, of in sorted(found["types"].items())},
            )
            for name, found in data["results"][system].items()
        ),
        data["tenancy"],
        data["erasure"],
    )
