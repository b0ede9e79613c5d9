"""Presidio's NLP engines, kept from the network and from carrying on after a failure.

What differs from Presidio's own:

- a model that is not on this machine is an error; Presidio's engines download it;
- words that a pipeline gives no lemma to stand for themselves, so that Presidio's context rules
  ("passport" before a number) work with pipelines that have no lemmatizer;
- a transformers model that raises stops the call; Presidio logs it and goes on with no findings;
- stanza's entities are taken by their offsets. Presidio's engine drops all entities of a text, and
  prints them in a warning, where stanza splits a word in two (*zum*, *del*).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer.nlp_engine import (
    NlpArtifacts,
    NoOpNlpEngine,
    SlimSpacyNlpEngine,
    SpacyNlpEngine,
    StanzaNlpEngine,
    TransformersNlpEngine,
)

from piirag.errors import ConfigurationError, DetectionError, MissingDependencyError

BLANK = "blank"
"""In place of a spaCy model: words only."""

_lock = threading.RLock()


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Keep the Hugging Face libraries from the network while a model is loaded."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    with _lock:
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, "1"))
        switched = []
        # Once imported, the libraries do not look at the environment again.
        for module, attribute in _switches():
            switched.append((module, attribute, getattr(module, attribute)))
            setattr(module, attribute, True)
        try:
            yield
        finally:
            for module, attribute, value in switched:
                setattr(module, attribute, value)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _switches() -> Iterator[tuple[Any, str]]:
    for name, attribute in (
        ("huggingface_hub.constants", "HF_HUB_OFFLINE"),
        ("transformers.utils.hub", "_is_offline_mode"),
    ):
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            if hasattr(module, attribute):
                yield module, attribute


def local_model(name: str) -> str:
    """The folder of a Hugging Face model on this machine.

    Args:
        name: A folder, or a name such as ``"dslim/bert-base-NER"``.

    Raises:
        ConfigurationError: It is not on this machine.
    """
    if Path(name).exists():
        return name
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingDependencyError("huggingface-hub", "transformers") from None
    folder = ""
    with contextlib.suppress(Exception):
        folder = snapshot_download(name, local_files_only=True)
    if not folder:
        raise _absent("Hugging Face", name, f"hf download {name}")
    return folder


def _absent(kind: str, name: str, command: str) -> ConfigurationError:
    return ConfigurationError(
        f"the {kind} model {name} is not on this machine, and nothing is downloaded when text is "
        f"about to be looked at; fetch it once: {command}"
    )


def _require_spacy_model(name: Any) -> None:
    if isinstance(name, str) and not (spacy.util.is_package(name) or Path(name).exists()):
        raise _absent("spaCy", name, f"python -m spacy download {name}")


class _Lemmas:
    """Words without a lemma stand for themselves."""

    def _doc_to_nlp_artifact(self, doc: Any, language: str) -> Any:
        for token in doc:
            if not token.lemma_:
                token.lemma_ = token.lower_
        return super()._doc_to_nlp_artifact(doc, language)  # type: ignore[misc]


class OfflineSpacyEngine(_Lemmas, SpacyNlpEngine):  # type: ignore[misc]
    """Presidio's spaCy engine; a missing model is an error."""

    def load(self) -> None:
        """Load the models, which must be on this machine."""
        for model in self.models:
            _require_spacy_model(model.get("model_name"))
        super().load()


class OfflineSlimEngine(_Lemmas, SlimSpacyNlpEngine):  # type: ignore[misc]
    """Presidio's engine for words and lemmas; a missing model is an error."""

    def load(self) -> None:
        """Load the models, which must be on this machine."""
        for model in self.models:
            _require_spacy_model(model.get("model_name"))
        super().load()


class OfflineTransformersEngine(_Lemmas, TransformersNlpEngine):  # type: ignore[misc]
    """Presidio's transformers engine; a missing model, or one that fails, is an error."""

    def load(self) -> None:
        """Load the models, which must be on this machine."""
        with tempfile.TemporaryDirectory() as folder:
            for model in self.models:
                self._validate_model_params(model)
                names = model["model_name"]
                names["transformers"] = local_model(names["transformers"])
                if names["spacy"] == BLANK:
                    path = Path(folder) / model["lang_code"]
                    spacy.blank(model["lang_code"]).to_disk(path)
                    names["spacy"] = str(path)
                _require_spacy_model(names["spacy"])
            super().load()
        for nlp in self.nlp.values():
            _stop_where_it_fails(nlp)


def _stop_where_it_fails(nlp: Any) -> None:
    from presidio_analyzer.nlp_engine.huggingface_token_pipe import FACTORY_NAME

    pipe = nlp.get_pipe(FACTORY_NAME)

    def one(doc: Any) -> Any:
        return pipe._validate_predictions(_run(pipe, doc.text))

    def batch(docs: Any) -> list[Any]:
        return list(map(pipe._validate_predictions, _run(pipe, [doc.text for doc in docs])))

    pipe._predict_one, pipe._predict_batch = one, batch


def _run(pipe: Any, texts: Any) -> Any:
    failed = ""
    try:
        return pipe.pipeline(texts)
    except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold the text
        failed = f"{type(error).__module__}.{type(error).__qualname__}"
    raise DetectionError("the model failed", error_type=failed)


@dataclass
class _Entity:
    """What Presidio's recogniser reads of an entity."""

    label_: str
    start_char: int
    end_char: int


class OfflineStanzaEngine(StanzaNlpEngine):  # type: ignore[misc]
    """Presidio's stanza engine; a missing model is an error, and no entity is dropped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "download_if_missing": False})

    def load(self) -> None:
        """Load the models, which must be on this machine."""
        failed = ""
        try:
            super().load()
        except Exception as error:  # noqa: BLE001 - stanza raises what it likes
            failed = type(error).__name__
        if failed:
            names = [str(model["model_name"]) for model in self.models]
            command = f"python -c \"import stanza; stanza.download('{names[0]}')\""
            raise ConfigurationError(f"{_absent('stanza', ', '.join(names), command)} ({failed})")

    def process_batch(self, texts: Any, language: str, **kwargs: Any) -> Iterator[Any]:
        """Words and entities of several texts, one by one."""
        for item in texts:
            text, *context = item if kwargs.get("as_tuples") else (item,)
            yield (text, self.process_text(str(text), language), *context)

    def process_text(self, text: str, language: str) -> Any:
        """Words and entities of a text, by the offsets that stanza gives."""
        document = self.nlp[language].tokenizer.snlp(text) if text.strip() else None
        sentences = document.sentences if document is not None else []
        found = document.entities if document is not None else []
        tokens = [token for sentence in sentences for token in sentence.tokens]
        entities = [_Entity(e.type, e.start_char, e.end_char) for e in found]
        scores = [self.ner_model_configuration.default_score] * len(entities)
        entities, scores = self._get_updated_entities(entities, scores)
        return NlpArtifacts(
            entities=entities,
            tokens=[token.text for token in tokens],
            tokens_indices=[token.start_char for token in tokens],
            lemmas=[token.words[0].lemma or token.text.lower() for token in tokens],
            nlp_engine=self,
            language=language,
            scores=scores,
        )


ENGINES = (
    OfflineSpacyEngine,
    OfflineStanzaEngine,
    OfflineTransformersEngine,
    OfflineSlimEngine,
    NoOpNlpEngine,
)
