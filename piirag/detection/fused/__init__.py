"""Presidio's patterns in one pass: the same findings in a tenth of the time.

Importing this package imports Presidio.
"""

from piirag.detection.fused.analyzer import FusedAnalyzer

__all__ = ["FusedAnalyzer"]
