"""Undoing disguises: what a reader would not notice, and what a reader could decode.

`normalize` gives a text its normal form, with a map back to the original offsets, and the other
readings of stretches of it (entities, escapes, base64, spelled-out addresses, broken numbers).
`detect_disguised` runs a detector over all of them, `Readings` any other search.
"""

from piirag.detection.disguise.detect import Readings, detect_disguised
from piirag.detection.disguise.normalize import Normalized, normalize
from piirag.detection.disguise.view import View

__all__ = ["Normalized", "Readings", "View", "detect_disguised", "normalize"]
