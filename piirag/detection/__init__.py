"""Finding personal data: detectors, known values, spans."""

from piirag.detection.default import default_detector
from piirag.detection.finding import Finding
from piirag.detection.known import KnownValues
from piirag.detection.protocol import Detector

__all__ = ["Detector", "Finding", "KnownValues", "default_detector"]
