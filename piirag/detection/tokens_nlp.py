"""Words for Presidio's context rules, without spaCy's tokenizer.

Presidio raises the score of a weak pattern when a context word ("passport") stands near it. That
takes the words of the text, and nothing else of an NLP pipeline. spaCy's tokenizer takes the
square of the time on runs of punctuation (68 s for 16 KB of plus signs), and its vocabulary keeps
every word it has ever seen, personal data among them.

Nothing is done before somebody looks: most texts hold no value whose score a word could raise.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import regex
import spacy
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

_TOKEN = regex.compile(r"[\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]+")
# The same for texts of ASCII, four times as fast. What `regex` takes for white space there is
# \t to \r and the space.
_ASCII_TOKEN = re.compile(r"[A-Za-z0-9_]+|[^A-Za-z0-9_\t-\r ]+")

# Characters before a value in which the words around it are looked for first.
_REACH = 96


class TokenArtifacts(NlpArtifacts):  # type: ignore[misc]
    """Presidio's `NlpArtifacts`, made of the words of a text as far as they are asked for.

    Args:
        text: The text.
        language: ISO 639-1 code.
        engine: The engine that made it.
    """

    def __init__(self, text: str, language: str, engine: TokenNlpEngine) -> None:
        self.nlp_engine = engine
        self.language = language
        self.entities: list[Any] = []
        self.scores: list[float] = []
        self._text = text
        self._pattern: Any = _ASCII_TOKEN if text.isascii() else _TOKEN

    @cached_property
    def folded_text(self) -> str | None:
        """The text, in which every part of every lemma is found; None where that is not so.

        A final sigma looks different at the end of a word than within a text.
        """
        return None if "\u03a3" in self._text else self._text.lower()

    @cached_property
    def _matches(self) -> list[Any]:
        return list(self._pattern.finditer(self._text))

    @cached_property
    def tokens(self) -> list[str]:
        """The words and runs of punctuation of the text."""
        return [match.group() for match in self._matches]

    @cached_property
    def tokens_indices(self) -> list[int]:
        """Where they begin."""
        return [match.start() for match in self._matches]

    @cached_property
    def lemmas(self) -> list[str]:
        """Lower-cased, the words stand in for lemmas."""
        return [token.lower() for token in self.tokens]

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The words that say something. Presidio looks words up in this, one by one."""
        return frozenset(self.set_keywords(self.nlp_engine, self.lemmas, self.language))

    def around(self, start: int, before: int, after: int) -> list[str]:
        """Keywords around the token at an offset, itself included.

        Args:
            start: Offset in the text.
            before: Keywords to take before the token.
            after: Keywords to take after it.

        Returns:
            The words in lower case, nearest first: those that Presidio takes of the lists above.
        """
        token = self._pattern.search(self._text, start)
        if token is None:
            return []
        end = token.end()
        low = start
        reach = _REACH
        while True:
            low = max(0, low - reach)
            tokens = self._pattern.findall(self._text, low, end)
            if low:
                del tokens[0]  # perhaps the end of one
            near = self._keywords(reversed(tokens), before + 1)
            if not low or len(near) > before:
                break
            reach *= 2
        if near and near[0] == tokens[-1].lower() and after == 0:
            near.append(near[0])
            return near
        following = (match.group() for match in self._pattern.finditer(self._text, end))
        return near + self._keywords(itertools.chain(tokens[-1:], following), after + 1)

    def _keywords(self, tokens: Iterable[str], most: int) -> list[str]:
        """The first of some tokens that are keywords, in lower case."""
        taken: list[str] = []
        stop_words = self.nlp_engine.stop_words(self.language)
        for token in tokens:
            lemma = token.lower()
            if lemma not in stop_words and (lemma.isalnum() or any(map(str.isalnum, lemma))):
                taken.append(lemma)
                if len(taken) == most:
                    break
        return taken

    def to_json(self) -> str:
        """Not offered: it would write the words of the text to a log."""
        return "{}"


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
            code: frozenset({*spacy.util.get_lang_class(code).Defaults.stop_words, "be"})
            for code in languages
        }

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """The words of a text; lower-cased, they stand in for lemmas."""
        if language not in self._stop_words:
            raise KeyError(language)
        return TokenArtifacts(text, language, self)

    def process_batch(
        self, texts: Iterable[str], language: str, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """The words of several texts."""
        for text in texts:
            yield text, self.process_text(text, language)

    def stop_words(self, language: str) -> frozenset[str]:
        """The words, in lower case, that Presidio does not count as keywords."""
        return self._stop_words[language]

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
