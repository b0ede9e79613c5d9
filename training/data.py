"""From texts with spans to batches of pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from piirag.detection.ner.features import features
from piirag.detection.ner.labels import KINDS, LABELS
from training.corpora import Sample
from training.model import BASE

Array = np.ndarray[Any, Any]

LONGEST = 192

tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.no_truncation()

_INDEX = {label: i for i, label in enumerate(LABELS)}
# What the corpora do not annotate may be there all the same: outside may be any of these.
_UNSEEN = [i for i, label in enumerate(LABELS) if label[2:] in {"NRP", "DATE", "AGE", "TITLE"}]


@dataclass
class Encoded:
    """One text as the model sees it; `allowed` has a bit for each label that is right."""

    ids: Array
    case: Array
    gap: Array
    allowed: Array
    hard: bool


def encode(samples: list[Sample], *, complete: bool) -> list[Encoded]:
    """Encode texts.

    Args:
        samples: Texts with spans.
        complete: Whether every kind is annotated. If not, what is outside may also be a date or
            a nationality, and a place an address.
    """
    encodings = tokenizer.encode_batch([text for text, _ in samples], add_special_tokens=False)
    out = []
    outside = 1 | (0 if complete else sum(1 << i for i in _UNSEEN))
    for (text, spans), encoding in zip(samples, encodings, strict=True):
        if not encoding.ids:
            continue
        offsets = np.array(encoding.offsets)
        case, gap = features(text, offsets)
        allowed = np.full(len(offsets), outside, dtype=np.int64)
        for start, end, kind in spans:
            if kind not in KINDS:
                continue
            inside = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > start))
            for n, i in enumerate(inside):
                prefix = "I-" if n else "B-"
                bits = 1 << _INDEX[prefix + kind]
                if kind == "LOC" and not complete:
                    bits |= 1 << _INDEX[prefix + "ADDR"]
                allowed[i] = bits
        out.append(
            Encoded(
                np.array(encoding.ids[:LONGEST]),
                case[:LONGEST],
                gap[:LONGEST],
                allowed[:LONGEST],
                complete,
            )
        )
    return out


def batches(
    encoded: list[Encoded], pieces: int, rng: random.Random | None
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Batches of about so many pieces, of texts of like length, in random order."""
    order = list(range(len(encoded)))
    if rng:
        rng.shuffle(order)
    groups = []
    for k in range(0, len(order), 4096):
        batch: list[int] = []
        longest = 0
        for i in sorted(order[k : k + 4096], key=lambda j: len(encoded[j].ids)):
            longest = max(longest, len(encoded[i].ids))
            if batch and longest * (len(batch) + 1) > pieces:
                groups.append(batch)
                batch, longest = [], len(encoded[i].ids)
            batch.append(i)
        if batch:
            groups.append(batch)
    if rng:
        rng.shuffle(groups)
    for group in groups:
        n = max(len(encoded[i].ids) for i in group)
        arrays = [np.zeros((len(group), n), dtype=np.int64) for _ in range(4)]
        for row, i in enumerate(group):
            e = encoded[i]
            for array, values in zip(arrays, (e.ids, e.case, e.gap, e.allowed), strict=True):
                array[row, : len(values)] = values
        ids, case, gap, allowed = map(torch.from_numpy, arrays)
        yield ids, case, gap, allowed
