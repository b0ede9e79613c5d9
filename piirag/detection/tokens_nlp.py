"""Words for Presidio's context rules, without spaCy's tokenizer.

Presidio raises the score of a weak pattern when a context word ("passport") stands near it. That
takes the words of the text, and nothing else of an NLP pipeline. spaCy's tokenizer takes the
square of the time on runs of punctuation (68 s for 16 KB of plus signs), and its vocabulary keeps
every word it has ever seen, personal data among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import regex
import spacy
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

_TOKEN = regex.compile(r"[\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]+")


class TokenNlpEngine(NlpEngine):  # type: ignore[misc]
    """A Presidio NLP engine that knows words and no entities. Time is linear in the text.

    Args:
        languages: ISO 639-1 codes.

    Raises:
        ImportError: A language that spaCy has no stop words for.
    """

    engine_name = "piirag_tokens"
    is_available = True

    def __init__(self, languages: Iterable[str]) -> None:
        self._stop_words = {
            code: frozenset(spacy.util.get_lang_class(code).Defaults.stop_words)
            for code in languages
        }

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """The words of a text; lower-cased, they stand in for lemmas."""
        matches = list(_TOKEN.finditer(text))
        tokens = [match.group() for match in matches]
        lemmas = [token.lower() for token in tokens]
        artifacts = NlpArtifacts(
            entities=[],
            tokens=tokens,
            tokens_indices=[match.start() for match in matches],
            lemmas=lemmas,
            nlp_engine=self,
            language=language,
        )
        # Presidio looks words up in this, one by one.
        artifacts.keywords = frozenset(artifacts.keywords)
        return artifacts

    def process_batch(
        self, texts: Iterable[str], language: str, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """The words of several texts."""
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Whether a word says nothing by itself."""
        return word.lower() in self._stop_words[language]

    def is_punct(self, word: str, language: str) -> bool:
        """Whether a token is punctuation."""
        return not any(map(str.isalnum, word))

    def get_supported_entities(self) -> list[str]:
        """None: it finds words only."""
        return []

    def get_supported_languages(self) -> list[str]:
        """The languages it was made for."""
        return list(self._stop_words)
