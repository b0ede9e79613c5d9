"""The bundled named-entity model, its recogniser, and what they need at run time.

| module | what it is |
|---|---|
| `recognizer` | the model as a Presidio `EntityRecognizer` |
| `tagger` | word pieces in, mentions out, on onnxruntime |
| `gate` | which stretches of a text may hold a name at all |
| `segments`, `features`, `decode`, `labels` | the steps in between; training uses them too |
| `weights/` | the model, its vocabulary and the word list; `MODEL_CARD.md` says what they are |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from piirag.detection.ner.recognizer import BundledNerRecognizer

__all__ = ["bundled_recognizer"]


def bundled_recognizer(language: str = "en") -> BundledNerRecognizer:
    """The bundled model as a Presidio recogniser.

    Args:
        language: ISO 639-1 code under which it is registered.
    """
    from piirag.detection.ner.recognizer import BundledNerRecognizer

    return BundledNerRecognizer(supported_language=language)
