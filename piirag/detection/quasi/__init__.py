"""Quasi-identifiers: what singles a person out only in combination."""

from piirag.detection.quasi.assess import Assessment, QuasiWarning, assess
from piirag.detection.quasi.generalize import generalize
from piirag.detection.quasi.kinds import QUASI_TYPES, is_quasi

__all__ = ["QUASI_TYPES", "Assessment", "QuasiWarning", "assess", "generalize", "is_quasi"]
