"""What an NLP engine makes of a text, made when somebody asks for it."""

from __future__ import annotations

from typing import Any

from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine, SpacyNlpEngine
from spacy.tokenizer import Tokenizer


class LazyArtifacts(NlpArtifacts):  # type: ignore[misc]
    """Stands in for `NlpArtifacts` and turns into them on the first look.

    Args:
        engine: The engine that will process the text.
        text: The text.
        language: Its language.
    """

    def __init__(self, engine: NlpEngine, text: str, language: str) -> None:
        self._later = (engine, text, language)

    @property
    def folded_text(self) -> str | None:
        """A text in which every part of every lemma is found, if one is known beforehand."""
        later = self.__dict__.get("_later")
        return "" if later is not None and _finds_nothing(later[0], later[2]) else None

    def __getattr__(self, name: str) -> Any:
        # Only reached for what is not there, that is, before the first look.
        later = self.__dict__.get("_later")
        if later is None or name.startswith("__"):
            raise AttributeError(name)
        engine, text, language = later
        if name in ("entities", "scores") and _finds_nothing(engine, language):
            return []
        made = engine.process_text(text, language)
        self.__dict__ = made.__dict__
        self.__class__ = made.__class__
        return getattr(self, name)

    def to_json(self) -> str:
        """Presidio's JSON of the artifacts."""
        engine, text, language = self._later
        made: str = engine.process_text(text, language).to_json()
        return made


def _finds_nothing(engine: NlpEngine, language: str) -> bool:
    """Whether an engine is a spaCy pipeline without parts: no entities, and all lemmas empty."""
    stock = (
        type(engine).process_text is SpacyNlpEngine.process_text
        and type(engine)._doc_to_nlp_artifact is SpacyNlpEngine._doc_to_nlp_artifact
        if isinstance(engine, SpacyNlpEngine)
        else False
    )
    if not stock or not engine.nlp:
        return False
    pipeline = engine.nlp.get(language)
    return (
        pipeline is not None and not pipeline.pipe_names and type(pipeline.tokenizer) is Tokenizer
    )
