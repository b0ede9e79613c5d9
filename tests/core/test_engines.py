"""Models through Presidio's engines: by one option, with no download, failing closed."""

from __future__ import annotations

import copy
import os
import types
from pathlib import Path

import pytest
import spacy
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers.ner import gliner_recognizer

from piirag import Policy, Redactor, default_detector
from piirag.detection import build, engines, offline_engines
from piirag.detection.engines import load_engine
from piirag.detection.presidio import offline_analyzer
from piirag.errors import ConfigurationError, DetectionError, MissingDependencyError
from support.canary import Canaries

NAME = "Annabel Winterbourne"
TEXT = f"{NAME} of Leeds, jane@example.com"


def pipeline(folder: Path, language: str = "en") -> str:
    """A spaCy pipeline on disk that knows two names. It has no lemmatizer."""
    nlp = spacy.blank(language)
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": NAME}, {"label": "GPE", "pattern": "Leeds"}]
    )
    nlp.to_disk(folder / language)
    return str(folder / language)


@pytest.fixture(autouse=True)
def nothing_is_downloaded(monkeypatch) -> None:
    def download(*args, **kwargs):
        pytest.fail("a model was about to be downloaded")

    monkeypatch.setattr(spacy.cli, "download", download)


@pytest.fixture(autouse=True)
def engines_go_with_the_test(monkeypatch) -> None:
    monkeypatch.setattr(build, "_engines", copy.copy(build._engines))


def test_a_spacy_pipeline_by_its_path(tmp_path: Path) -> None:
    policy = Policy(model=f"spacy:{pipeline(tmp_path)}")
    text = Redactor(policy).redact(TEXT).text
    assert text == "[PERSON_1] of [LOCATION_1], [EMAIL_ADDRESS_1]"


def test_presidios_own_configuration(tmp_path: Path) -> None:
    model = {
        "nlp_engine_name": "spacy",
        "models": [
            {"lang_code": "en", "model_name": pipeline(tmp_path, "en")},
            {"lang_code": "de", "model_name": pipeline(tmp_path, "de")},
        ],
        "ner_model_configuration": {
            "model_to_presidio_entity_mapping": {"PERSON": "PERSON", "GPE": "CITY"},
            "default_score": 0.5,
        },
    }
    before = copy.deepcopy(model)
    detector = default_detector(model=model, languages=["de", "en"])
    assert model == before
    for language in ("de", "en"):
        found = detector.detect(TEXT, language=language)
        kinds = {(TEXT[f.start : f.end], f.entity_type, f.score) for f in found}
        assert {(NAME, "PERSON", 0.5), ("Leeds", "CITY", 0.5)} <= kinds
    policy = Policy(model=model, languages=["en", "de"], thresholds={"PERSON": 0.6})
    assert Redactor(policy).redact(TEXT).text == f"{NAME} of [CITY_1], [EMAIL_ADDRESS_1]"


def test_the_same_from_a_file(tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    policy = Policy.from_toml(f"[policy]\nmodel = 'spacy:{path}'\n")
    assert Redactor(policy).redact(TEXT).text.startswith("[PERSON_1] of")
    policy = Policy.from_yaml(
        "policy:\n  model:\n    nlp_engine_name: spacy\n"
        f"    models: [{{lang_code: en, model_name: '{path}'}}]\n"
    )
    assert Redactor(policy).redact(TEXT).text.startswith("[PERSON_1] of")


def test_context_words_count_with_a_pipeline_that_has_no_lemmatizer(tmp_path: Path) -> None:
    """Presidio compares lemmas; this pipeline has none."""
    policy = Policy(model=f"spacy:{pipeline(tmp_path)}", entities=["US_PASSPORT"])
    assert Redactor(policy).redact("passport 912803456").text == "passport [US_PASSPORT_1]"
    slim = {"nlp_engine_name": "slim", "models": [
        {"lang_code": "en", "model_name": pipeline(tmp_path)}]}  # fmt: skip
    policy = Policy(model=slim, entities=["US_PASSPORT"])
    assert Redactor(policy).redact("passport 912803456").text == "passport [US_PASSPORT_1]"


def test_a_model_is_loaded_once(tmp_path: Path, monkeypatch) -> None:
    loads = []
    monkeypatch.setattr(
        build, "load_engine", lambda *args: loads.append(args) or load_engine(*args)
    )
    model = f"spacy:{pipeline(tmp_path)}"
    first = Redactor(Policy(model=model)).detector
    second = Redactor(Policy(model=model, allow=["Leeds"], entities=["PERSON"])).detector
    assert len(loads) == 1
    assert first._analyzer is second._analyzer


def test_types_that_a_model_reports_are_no_warning(tmp_path: Path, recwarn) -> None:
    policy = Policy(model=f"spacy:{pipeline(tmp_path)}", entities=["PERSON"])
    assert Redactor(policy).redact(TEXT).text == "[PERSON_1] of Leeds, jane@example.com"
    assert not [w for w in recwarn if "no recogniser" in str(w.message)]


def test_patterns_alone() -> None:
    assert Redactor(Policy(model="none")).redact(TEXT).text == f"{NAME} of Leeds, [EMAIL_ADDRESS_1]"


# Objects


class Nobles(EntityRecognizer):
    def load(self) -> None:
        pass

    def analyze(self, text, entities, nlp_artifacts):
        at = text.find(NAME)
        return [RecognizerResult("PERSON", at, at + len(NAME), 0.9)] if at >= 0 else []


def test_an_nlp_engine_of_ones_own(tmp_path: Path) -> None:
    engine = offline_engines.OfflineSpacyEngine(
        models=[{"lang_code": "en", "model_name": pipeline(tmp_path)}]
    )
    engine.load()
    assert Redactor(Policy(model=engine)).redact(TEXT).text.startswith("[PERSON_1] of [LOCATION_1]")


def test_a_recogniser_of_ones_own_as_the_model() -> None:
    policy = Policy(model=Nobles(supported_entities=["PERSON"]))
    assert Redactor(policy).redact(TEXT).text == "[PERSON_1] of Leeds, [EMAIL_ADDRESS_1]"


def test_an_analyzer_of_ones_own() -> None:
    analyzer = offline_analyzer()
    analyzer.registry.add_recognizer(Nobles(supported_entities=["PERSON"]))
    policy = Policy(model=analyzer)
    assert isinstance(analyzer, AnalyzerEngine)
    assert Redactor(policy).detector._analyzer is analyzer
    assert default_detector(analyzer=analyzer)._analyzer is analyzer
    assert Redactor(policy).redact(TEXT).text == "[PERSON_1] of Leeds, [EMAIL_ADDRESS_1]"
    with pytest.raises(ConfigurationError, match="its registry"):
        default_detector(model=analyzer, countries=["de"])


# What is not there


@pytest.mark.parametrize(
    "model",
    [
        "spacy:en_core_nothing_sm",
        {"nlp_engine_name": "spacy", "models": [
            {"lang_code": "en", "model_name": "en_core_nothing_sm"}]},
        {"nlp_engine_name": "slim", "models": [
            {"lang_code": "en", "model_name": "en_core_nothing_sm"}]},
    ],
)  # fmt: skip
def test_L16_a_missing_spacy_model_is_not_downloaded(model) -> None:
    with pytest.raises(
        ConfigurationError, match="python -m spacy download en_core_nothing_sm"
    ) as e:
        Redactor(Policy(model=model)).redact(TEXT)
    assert e.value.__cause__ is None and e.value.__context__ is None


def test_L16_a_missing_hugging_face_model_is_not_downloaded() -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(ConfigurationError, match="hf download nobody/no-such-model") as caught:
        offline_engines.local_model("nobody/no-such-model")
    assert caught.value.__context__ is None


def test_L16_the_hugging_face_libraries_are_offline_while_a_model_loads(monkeypatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def load() -> None:
        with offline_engines.offline():
            assert constants.HF_HUB_OFFLINE is True
            assert os.environ["TRANSFORMERS_OFFLINE"] == "1"
            raise KeyError

    with pytest.raises(KeyError):
        load()
    assert constants.HF_HUB_OFFLINE is False
    assert os.environ["HF_HUB_OFFLINE"] == "0"
    assert "TRANSFORMERS_OFFLINE" not in os.environ


@pytest.mark.parametrize(
    ("model", "library"),
    [
        ("stanza:en", "stanza"),
        ("transformers:dslim/bert-base-NER", "transformers"),
        ("gliner:urchade/gliner_multi_pii-v1", "gliner"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(model: str, library: str, monkeypatch) -> None:
    monkeypatch.setattr(gliner_recognizer, "GLiNER", None)
    for engine in offline_engines.ENGINES:
        if engine.engine_name == library:
            monkeypatch.setattr(engine, "is_available", False)
    with pytest.raises(MissingDependencyError, match=f"piirag\\[{library}\\]"):
        Redactor(Policy(model=model)).redact(TEXT)


def test_a_pipeline_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").write_text("nonsense")
    with pytest.raises(ConfigurationError, match="cannot load the spacy model") as caught:
        Redactor(Policy(model=f"spacy:{tmp_path}")).redact(TEXT)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_every_language_needs_its_model(tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    with pytest.raises(ConfigurationError, match="a model for each language"):
        default_detector(model=f"spacy:{path}", languages=["en", "de"])
    model = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": path}]}
    with pytest.raises(ConfigurationError, match="none for de"):
        default_detector(model=model, languages=["en", "de"])


# GLiNER and stanza, whose libraries are stood in for; the recognisers are Presidio's own


class FakeGliner:
    loads: list[dict] = []  # noqa: RUF012 - what was asked for, in order

    @classmethod
    def from_pretrained(cls, name: str, **options):
        cls.loads.append({"name": name, **options, "offline": os.environ["HF_HUB_OFFLINE"]})
        return cls()

    def predict_entities(self, text: str, labels: list[str], **options):
        assert "person" in labels
        at = text.find(NAME)
        where = {"start": at, "end": at + len(NAME), "label": "person", "score": 0.9}
        return [where] if at >= 0 else []


def test_gliner_through_presidios_recogniser(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(gliner_recognizer, "GLiNER", FakeGliner)
    monkeypatch.setattr(FakeGliner, "loads", [])
    detector = default_detector(model=f"gliner:{tmp_path}", languages=["en", "de"])
    for language in ("en", "de"):
        found = {f.entity_type for f in detector.detect(TEXT, language=language)}
        assert {"PERSON", "EMAIL_ADDRESS"} <= found or language == "de"
        assert "PERSON" in found
    (load,) = FakeGliner.loads
    assert load["name"] == str(tmp_path)
    assert load["local_files_only"] is True
    assert load["offline"] == "1"


def test_gliner_with_options(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(gliner_recognizer, "GLiNER", FakeGliner)
    model = {
        "nlp_engine_name": "gliner",
        "model_name": str(tmp_path),
        "entity_mapping": {"person": "NOBLE"},
        "threshold": 0.5,
    }
    assert Redactor(Policy(model=model)).redact(TEXT).text.startswith("[NOBLE_1] of")
    with pytest.raises(ConfigurationError, match="model_name"):
        Policy(model={"nlp_engine_name": "gliner"})


def stanza_engine(document) -> offline_engines.OfflineStanzaEngine:
    engine = offline_engines.OfflineStanzaEngine(models=[{"lang_code": "de", "model_name": "de"}])
    tokenizer = types.SimpleNamespace(snlp=lambda text: document)
    vocab = spacy.blank("de").vocab
    engine.nlp = {"de": types.SimpleNamespace(tokenizer=tokenizer, vocab=vocab)}
    return engine


def test_stanza_entities_are_kept_where_a_word_is_split_in_two() -> None:
    """Presidio's own engine drops every entity of such a text, and prints them in a warning."""
    text = f"zum Haus von {NAME}"

    def token(word: str, *lemmas: str | None) -> types.SimpleNamespace:
        words = [types.SimpleNamespace(lemma=lemma) for lemma in lemmas]
        return types.SimpleNamespace(text=word, start_char=text.index(word), words=words)

    first, last = NAME.split()
    tokens = [token("zum", "zu", "der"), token("Haus", "Haus"), token("von", "von"),
              token(first, first), token(last, None)]  # fmt: skip
    at = text.index(NAME)
    entity = types.SimpleNamespace(type="PER", start_char=at, end_char=len(text))
    document = types.SimpleNamespace(
        sentences=[types.SimpleNamespace(tokens=tokens)], entities=[entity]
    )
    engine = stanza_engine(document)
    assert engine.download_if_missing is False
    artifacts = engine.process_text(text, "de")
    assert artifacts.lemmas == ["zu", "Haus", "von", first, last.lower()]
    assert engine.process_text(" ", "de").entities == []
    batch = engine.process_batch([(text, 7)], "de", as_tuples=True)
    assert [(item[0], item[2]) for item in batch] == [(text, 7)]
    detector = default_detector(model=engine, languages=["de"])
    found = [f for f in detector.detect(text, language="de") if f.entity_type == "PERSON"]
    assert [text[f.start : f.end] for f in found] == [NAME]


def test_D7_a_transformers_model_that_fails_stops_the_call() -> None:
    """Presidio logs "skipping document" and goes on with no findings."""
    from presidio_analyzer.nlp_engine.huggingface_token_pipe import (
        FACTORY_NAME,
        HuggingFaceTokenPipe,
    )

    def broken(text):
        raise ValueError(f"cannot tokenize {text}")

    pipe = HuggingFaceTokenPipe("x", broken, "expand", "spans")
    nlp = spacy.blank("en")
    doc = nlp(NAME)
    assert pipe._predict_one(doc) == [], "if this fails, Presidio has changed"
    offline_engines._stop_where_it_fails(
        types.SimpleNamespace(get_pipe=lambda name: pipe if name == FACTORY_NAME else None)
    )
    for run in (pipe, lambda doc: list(pipe.pipe([doc]))):
        with pytest.raises(DetectionError) as caught:
            run(doc)
        assert Canaries([NAME]).scan_exception(caught.value) == []
        assert caught.value.error_type == "builtins.ValueError"


def test_two_configurations_are_told_apart() -> None:
    key = engines.model_key
    one = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "a"}]}
    two = {"models": [{"model_name": "a", "lang_code": "en"}], "nlp_engine_name": "spacy"}
    assert key(one) == key(two)
    assert key(one) != key({**one, "models": [{"lang_code": "en", "model_name": "b"}]})
    recognizer = Nobles(supported_entities=["PERSON"])
    assert key(recognizer) == key(recognizer) != key(Nobles(supported_entities=["PERSON"]))
