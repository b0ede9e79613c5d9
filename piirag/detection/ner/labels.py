"""What the model tells apart, and the Presidio entity types its labels stand for."""

from __future__ import annotations

KINDS = ("PER", "LOC", "ORG", "ADDR", "NRP", "DATE", "AGE", "TITLE")

LABELS = ("O", *(f"{prefix}-{kind}" for kind in KINDS for prefix in "BI"))
"""Outside, then beginning and inside of each kind."""

ENTITY_TYPES = {
    "PER": "PERSON",
    "LOC": "LOCATION",
    "ADDR": "LOCATION",
    "ORG": "ORGANIZATION",
    "NRP": "NRP",
    "DATE": "DATE_TIME",
    "AGE": "AGE",
}
"""Kind -> Presidio entity type. A title (`Dr.`) is told apart from the name and not reported."""

NOT_NAMES = frozenset({"AGE", "DATE_TIME"})
"""The entity types that everyday words tell."""

LEAST = {
    "PER": 0.25,
    "LOC": 0.4,
    "ADDR": 0.4,
    "ORG": 0.5,
    "NRP": 0.5,
    "DATE": 0.5,
    "AGE": 0.5,
    "TITLE": 0.5,
}
"""Kind -> least probability of a word that counts, chosen on held-out text (the model card has
the curve): a missed person costs more than a masked word."""
