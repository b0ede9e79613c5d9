"""Counting the personal data in files, vector stores, tables and texts; nothing is changed."""

from piirag.governance.scan.files import Files
from piirag.governance.scan.masking import Example
from piirag.governance.scan.record import Record, Skipped, Source
from piirag.governance.scan.report import Sample, ScanReport, SourceReport
from piirag.governance.scan.run import Texts, scan
from piirag.governance.scan.stores import Stores
from piirag.governance.scan.tables import Tables

__all__ = [
    "Example",
    "Files",
    "Record",
    "Sample",
    "ScanReport",
    "Skipped",
    "Source",
    "SourceReport",
    "Stores",
    "Tables",
    "Texts",
    "scan",
]
