"""Presidio's analyzer as a detector, with nothing to download and no network.

Four things differ from a plain `AnalyzerEngine()`:

- there is no NLP model unless the caller brings one, so nothing is fetched; words alone feed
  Presidio's context rules;
- the e-mail recogniser validates domains against the public-suffix list that ships with
  `tldextract`; Presidio's own fetches the list on first use;
- a pattern that runs out of time raises. Presidio logs it and carries on, which would let the
  rest of the text through unseen;
- Presidio's log messages lose the words of the text that it writes at DEBUG.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import regex
import tldextract
from presidio_analyzer import AnalyzerEngine, PatternRecognizer
from presidio_analyzer.predefined_recognizers import EmailRecognizer, IbanRecognizer
from presidio_analyzer.predefined_recognizers.generic import iban_recognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from piirag.detection.disguise import detect_disguised
from piirag.detection.exact import exact
from piirag.detection.finding import Finding
from piirag.detection.fused.results import without_duplicates
from piirag.detection.ner import bundled_recognizer
from piirag.detection.ner.threads import work_through
from piirag.detection.plausible import plausible
from piirag.detection.presidio_logs import withhold_text
from piirag.detection.text import replace_surrogates
from piirag.detection.tokens_nlp import TokenNlpEngine
from piirag.detection.windows import windows, without_halves
from piirag.errors import ConfigurationError, DetectionTimeoutError

# Found by Presidio, but no personal data by themselves in most corpora: a URL pattern that takes
# `main.py` for a host, every date, every UUID, every age. Name them in
# `Policy(entities=...)` to have them.
NOT_BY_DEFAULT = frozenset({"AGE", "DATE_TIME", "URL", "UUID"})

# Seconds one pattern may run over one window (16 KB). Ordinary text takes milliseconds.
PATTERN_SECONDS = 10.0

# Short texts get the time of one this long: the first call of a process builds tables.
_LEAST_KB = 10.0

withhold_text()

offline_suffixes = tldextract.TLDExtract(
    suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True
)


class _TimedPattern:
    """A pattern whose time-out raises an error that Presidio does not swallow.

    It is compiled when it is first needed. `FusedAnalyzer` does without the slowest, which take
    longer to compile than to import Presidio.
    """

    def __init__(self, expression: str, flags: int, seconds: float) -> None:
        self.expression = expression
        self._flags = flags
        self._seconds = seconds

    @functools.cached_property
    def _compiled(self) -> Any:
        return regex.compile(self.expression, flags=self._flags)

    def finditer(self, text: str, timeout: float | None = None) -> Iterator[Any]:
        timed_out = False
        try:
            yield from self._compiled.finditer(text, timeout=self._seconds)
        except TimeoutError:
            timed_out = True
        if timed_out:
            raise DetectionTimeoutError("a pattern ran out of its time budget")


class _OfflineEmailRecognizer(EmailRecognizer):  # type: ignore[misc]
    def validate_result(self, pattern_text: str) -> bool:
        return bool(offline_suffixes(pattern_text).fqdn)


class _TimedIbanRecognizer(IbanRecognizer):  # type: ignore[misc]
    """Compiles its pattern anew on each call, so the clock tells whether it timed out."""

    only_watches_time = True  # `FusedAnalyzer` keeps the time itself

    def analyze(self, *args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        results = super().analyze(*args, **kwargs)
        if time.monotonic() - began >= iban_recognizer.REGEX_TIMEOUT_SECONDS:
            raise DetectionTimeoutError("a pattern ran out of its time budget")
        return results


def offline_analyzer(
    languages: Sequence[str] = ("en",),
    nlp_engine: Any = None,
    *,
    countries: Sequence[str] = (),
    model: str = "bundled",
    recognizers: Sequence[Any] = (),
) -> AnalyzerEngine:
    """Build Presidio's engine with its predefined recognisers, ours, and nothing to download.

    Args:
        languages: ISO 639-1 codes.
        nlp_engine: A Presidio NLP engine with a model of your own; words alone if None.
        countries: Countries whose national numbers are looked for, ISO 3166 alpha-2.
        model: ``"bundled"`` for the model that comes with the package, ``"none"``.
        recognizers: Recognisers to add, hardened already.

    Returns:
        A `FusedAnalyzer`.

    Raises:
        ConfigurationError: A language that spaCy does not know, or an unknown country.
    """
    from piirag.detection.fused import FusedAnalyzer
    from piirag.detection.recognizers import extra_recognizers

    codes = list(languages)
    engine = nlp_engine
    try:
        if engine is None:
            engine = TokenNlpEngine(codes)
        provider = RecognizerRegistryProvider(registry_configuration={"supported_languages": codes})
        registry = provider.create_recognizer_registry()
    except (ImportError, ValueError) as error:
        reason = type(error).__name__
        raise ConfigurationError(f"cannot set up languages {codes}: {reason}") from None
    registry.recognizers = [_harden(recognizer) for recognizer in registry.recognizers]
    if nlp_engine is not None:
        registry.add_nlp_recognizer(nlp_engine=engine)
    else:
        registry.recognizers = [
            r for r in registry.recognizers if type(r).__name__ != "SpacyRecognizer"
        ]
    for code in codes:
        registry.recognizers += [_harden(r) for r in extra_recognizers(countries, code)]
        if model == "bundled":
            registry.recognizers.append(bundled_recognizer(code))
    registry.recognizers += recognizers
    return FusedAnalyzer(registry=registry, nlp_engine=engine, supported_languages=codes)


def _harden(recognizer: Any) -> Any:
    """Replace the recognisers that use the network, and make time-outs raise."""
    replacement = {EmailRecognizer: _OfflineEmailRecognizer, IbanRecognizer: _TimedIbanRecognizer}
    kind = replacement.get(type(recognizer))
    if kind is not None:
        recognizer = kind(
            context=recognizer.context,
            supported_language=recognizer.supported_language,
            supported_entity=recognizer.supported_entities[0],
            name=recognizer.name,
        )
    if isinstance(recognizer, PatternRecognizer) and not isinstance(recognizer, IbanRecognizer):
        # The pattern objects are class attributes, shared with any other engine: copy them.
        recognizer.patterns = [copy.copy(pattern) for pattern in recognizer.patterns]
        flags = recognizer.global_regex_flags
        for pattern in recognizer.patterns:
            pattern.compiled_with_flags = flags
            pattern.compiled_regex = _TimedPattern(pattern.regex, flags, PATTERN_SECONDS)
            if not _is_predefined(recognizer):
                regex.compile(pattern.regex, flags=flags)  # an error in it shows now
    if isinstance(recognizer, PatternRecognizer):
        for name in ("validate_result", "invalidate_result"):
            if getattr(type(recognizer), name) is not getattr(PatternRecognizer, name):
                setattr(recognizer, name, _lenient(getattr(recognizer, name)))
    return recognizer


def _is_predefined(recognizer: Any) -> bool:
    return type(recognizer).__module__.startswith("presidio_analyzer.predefined_recognizers.")


def _lenient(check: Any) -> Any:
    """A check that says nothing where it would fail: some do on digits of other scripts."""

    def lenient(pattern_text: str) -> Any:
        try:
            return check(pattern_text)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return None  # the pattern's own score stands

    return lenient


class PresidioDetector:
    """A `Detector` over a Presidio `AnalyzerEngine`.

    Args:
        analyzer: An engine of your own, or None for `offline_analyzer`.
        languages: Languages of the default engine.
        entities: Presidio entity types to look for; None for all the engine supports but
            `AGE`, `DATE_TIME`, `URL` and `UUID`.
        seconds_per_kb: Time that a text may take, in seconds for each thousand characters, ten
            thousand at least; None for no limit but those of the patterns.

    Raises:
        ConfigurationError: An entity type that the engine does not know.
    """

    def __init__(
        self,
        analyzer: AnalyzerEngine | None = None,
        *,
        languages: Sequence[str] = ("en",),
        entities: Iterable[str] | None = None,
        seconds_per_kb: float | None = None,
    ) -> None:
        self._seconds_per_kb = seconds_per_kb
        self._analyzer = analyzer if analyzer is not None else offline_analyzer(languages)
        supported = set(self._analyzer.get_supported_entities())
        wanted = supported - NOT_BY_DEFAULT if entities is None else set(entities)
        unknown = wanted - supported
        if unknown:
            raise ConfigurationError(
                f"no recogniser for entity types {sorted(unknown)}; supported: {sorted(supported)}"
            )
        self.entities = tuple(sorted(wanted))

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        """Find personal data in one text, disguised or not. See `Detector.detect`.

        Raises:
            DetectionTimeoutError: It took longer than the time budget allows.
        """
        until = None
        if self._seconds_per_kb is not None:
            until = time.monotonic() + self._seconds_per_kb * max(_LEAST_KB, len(text) / 1000)
        found: set[Finding] = set()
        at_edge: set[Finding] = set()
        # Recognisers cannot encode lone surrogates; replaced one for one, offsets hold.
        for offset, window in windows(replace_surrogates(text)):
            end = offset + len(window)
            for finding in self._window(window, language, until):
                finding = _moved(finding, offset)
                cut = (finding.start == offset > 0) or (finding.end == end < len(text))
                (at_edge if cut else found).add(finding)
        return sorted(without_halves(found, at_edge), key=lambda f: (f.start, f.end, f.entity_type))

    def detect_batch(self, texts: Sequence[str], *, language: str = "en") -> list[list[Finding]]:
        """Find personal data in several texts. See `Detector.detect_batch`.

        Where the bundled model is at work, texts are looked at side by side, in this thread and in
        a few that the process shares: while one waits for the model, another is scanned. A
        recogniser or engine of the application's own sees one text at a time. The findings are
        those of `detect`.

        Raises:
            DetectionTimeoutError: One of them took longer than the time budget allows.
        """

        def detect(text: str) -> list[Finding]:
            return self.detect(text, language=language)

        if not self._works_side_by_side(language):
            return [detect(text) for text in texts]
        return work_through(detect, texts)

    def _works_side_by_side(self, language: str) -> bool:
        told = getattr(self._analyzer, "works_side_by_side", None)
        return bool(self.entities) and told is not None and told(language, list(self.entities))

    def _window(self, window: str, language: str, until: float | None) -> list[Finding]:
        if not self.entities or self._is_plain(window, language):
            return []

        def detect(text: str) -> list[Finding]:
            found = self._analyze(text, language)
            if until is not None and time.monotonic() > until:
                raise DetectionTimeoutError("the text ran out of its time budget")
            return found

        return detect_disguised(window, detect)

    def _is_plain(self, window: str, language: str) -> bool:
        """Whether nothing can be found, disguised or not, told at a glance."""
        told = getattr(self._analyzer, "finds_nothing", None)
        return told is not None and told(window, language, list(self.entities))

    def _analyze(self, text: str, language: str) -> list[Finding]:
        # Judged before duplicates are left out: one that falls must not take others with it.
        entities = list(self.entities)
        find = getattr(self._analyzer, "candidates", self._analyzer.analyze)
        found = [
            Finding(
                result.entity_type,
                result.start,
                result.end,
                float(result.score),
                str((result.recognition_metadata or {}).get("recognizer_name", "presidio")),
            )
            for result in find(text, language=language, entities=entities)
        ]
        return without_duplicates(plausible(text, exact(text, found)))


def _moved(finding: Finding, offset: int) -> Finding:
    if not offset:
        return finding
    return replace(finding, start=finding.start + offset, end=finding.end + offset)
