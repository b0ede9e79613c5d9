"""How fast detection is, against stock Presidio in the same process.

Stock is `AnalyzerEngine` with Presidio's default recognisers and a blank spaCy pipeline. The fused
engine has the same recogniser objects, once with piirag's own NLP engine and once with the same
blank pipeline, and its findings are compared on every text first. The e-mail recogniser is the
offline one in both, so that the network plays no part. Rounds of the engines alternate, and the
median counts.

Figures depend on the machine and on what else runs on it; the ratios much less.

Run: python benchmarks/detection.py [--json] [--rounds N]

With `--json`, the results are also written to `docs/figures/detection.json`. With a folder of
corpora in the environment variable `PIIRAG_CORPORA`, text from the web is measured as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "examples"))

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
from rich.console import Console
from rich.table import Table

from crm_corpus import generate
from piirag.detection import presidio
from piirag.detection.fused import FusedAnalyzer
from piirag.detection.tokens_nlp import TokenNlpEngine

ROOT = Path(__file__).parent.parent
CHUNK = 1_000  # characters
CHUNKS = 120
FIGURES = ROOT / "docs" / "figures" / "detection.json"

CLEAN = """
The committee met again to discuss the plan for the new library, and although nobody agreed on the
colour of the walls, everyone liked the idea of a quiet reading room with tall windows. The
architect explained how light falls through the glass in winter; she had brought drawings, a model
made of card and a sample of the floor. Some members asked about the cost of heating such a room.
Bread needs time more than it needs work. Mix flour, water and salt, leave the bowl covered
overnight, and fold the dough a few times in the morning before it goes into a hot oven. A
well-known trick is to heat the pot first, so that the crust sets slowly while the crumb expands.
A cache is only as good as the rule by which entries leave it. If the rule is wrong, the program is
fast and mistaken, which is worse than being slow; so write down what may go stale, and test that.
The river had been straightened in the last century and flooded the meadows less often, yet the
storks left. When the banks were opened again, frogs came first, then dragonflies, then the birds.
"""

# Every word is on the list of words that are nobody's name, and there is no figure: the model is
# not asked, and no pattern is tried.
PLAIN = """
The question is not whether the program works, but how soon it fails, and who knows why.
Although everyone agreed that the answer was wrong, they could not explain what made it so.
We have known for years that this method is slow; it's still the best one we can understand.
Before you begin, read the whole description, because every step depends on the one before.
It may be better to do nothing than to do the wrong thing quickly, and that takes experience.
Some of these problems were discovered early, others only when it was too late to change them.
What looks wrong is often an old decision, made for reasons that are now forgotten.
"""

Detect = Callable[[str], Any]


def chunks(texts: Sequence[str], most: int = CHUNKS) -> list[str]:
    """The texts in a row, cut into pieces of equal length."""
    whole = "\n".join(texts)
    return [whole[i : i + CHUNK] for i in range(0, len(whole) - CHUNK + 1, CHUNK)][:most]


def texts() -> Iterator[tuple[str, list[str]]]:
    """Kind of text -> chunks of it."""
    records = generate(seed=404, users=40, documents=900)
    yield "CRM records", chunks([r.text for r in records])
    yield "CRM mails and notes", chunks([r.text for r in records if r.kind in ("mail", "note")])
    folder = os.environ.get("PIIRAG_CORPORA")
    if folder:
        yield "web and social media", chunks(list(_corpora(Path(folder))))
    words = CLEAN.split()
    rotated = [" ".join(words[i:] + words[:i]) for i in range(0, len(words), 3)]
    yield "clean prose", chunks(rotated)
    sentences = PLAIN.strip().split("\n")
    shuffled = random.Random(404)
    yield "no candidate", ["\n".join(shuffled.choices(sentences, k=11)) for _ in range(CHUNKS)]


def _corpora(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.conll")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[:4_000]
        yield " ".join(re.split(r"[\t ]", line)[0] or "\n" for line in lines)


def blank_spacy() -> Any:
    """Presidio's spaCy engine over a pipeline without a model."""
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    return engine


def registry() -> RecognizerRegistry:
    """Presidio's default recognisers, the e-mail recogniser offline."""
    configuration = {"supported_languages": ["en"]}
    found = RecognizerRegistryProvider(registry_configuration=configuration)
    recognizers = found.create_recognizer_registry().recognizers
    return RecognizerRegistry(
        recognizers=[
            presidio._harden(r) for r in recognizers if type(r).__name__ != "SpacyRecognizer"
        ]
    )


def compare(pairs: Sequence[tuple[Any, Any]], sample: list[str], entities: Any) -> int:
    """Count the findings of two engines over all texts.

    Raises:
        SystemExit: They differ.
    """
    count = 0
    for text in sample:
        for stock, fused in pairs:
            found = [
                [(r.entity_type, r.start, r.end, r.score, r.recognition_metadata) for r in results]
                for results in (
                    stock.analyze(text, language="en", entities=entities),
                    fused.analyze(text, language="en", entities=entities),
                )
            ]
            if found[0] != found[1]:
                raise SystemExit("the engines do not find the same")
        count += len(found[0])
    return count


def speeds(engines: dict[str, Detect], sample: list[str], rounds: int) -> dict[str, float]:
    """Engine -> KB/s, the median of rounds that alternate."""
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for detect in engines.values():
        for text in sample[:10]:
            detect(text)
    for _ in range(rounds):
        for name, detect in engines.items():
            began = time.perf_counter()
            if isinstance(detect, Batch):
                detect.detector.detect_batch(sample)
            else:
                for text in sample:
                    detect(text)
            seconds[name].append(time.perf_counter() - began)
    size = sum(map(len, sample)) / 1024
    return {name: size / statistics.median(times) for name, times in seconds.items()}


class Batch:
    """A detector that is given all texts in one call."""

    def __init__(self, detector: Any) -> None:
        self.detector = detector

    def __call__(self, text: str) -> Any:
        return self.detector.detect(text)


def patterns(rounds: int, console: Console) -> list[dict[str, Any]]:
    """Patterns alone: the fused engine against stock, over the same recognisers."""
    shared = registry()
    tokens, blank = TokenNlpEngine(["en"]), blank_spacy()
    stock = AnalyzerEngine(registry=shared, nlp_engine=blank)
    stock_tokens = AnalyzerEngine(registry=shared, nlp_engine=tokens)
    fused = FusedAnalyzer(registry=shared, nlp_engine=tokens)
    fused_blank = FusedAnalyzer(registry=shared, nlp_engine=blank)
    by_default = sorted(set(stock.get_supported_entities()) - presidio.NOT_BY_DEFAULT)
    table = Table(title="Patterns alone, 1 KB chunks, KB/s (ratio to stock)")
    for column in ("text", "entities", "findings/KB", "stock", "fused", "fused, blank spaCy"):
        table.add_column(column, justify="left" if column in ("text", "entities") else "right")
    rows = []
    for kind, sample in texts():
        for name, entities in (("all", None), ("piirag's default", by_default)):
            pairs = [(stock_tokens, fused), (stock, fused_blank)]
            count = compare(pairs, sample, entities)
            kbs = speeds(
                {
                    label: lambda text, e=engine, w=entities: e.analyze(
                        text, language="en", entities=w
                    )
                    for label, engine in (
                        ("stock", stock),
                        ("fused", fused),
                        ("blank", fused_blank),
                    )
                },
                sample,
                rounds,
            )
            row = {
                "text": kind,
                "entities": name,
                "findings_per_kb": round(count / len(sample), 1),
                **{f"{label}_kb_per_s": round(value, 1) for label, value in kbs.items()},
                "ratio": round(kbs["fused"] / kbs["stock"], 1),
                "ratio_blank_spacy": round(kbs["blank"] / kbs["stock"], 1),
            }
            rows.append(row)
            table.add_row(
                kind,
                name,
                f"{row['findings_per_kb']}",
                f"{kbs['stock']:,.0f}",
                f"{kbs['fused']:,.0f} ({row['ratio']}x)",
                f"{kbs['blank']:,.0f} ({row['ratio_blank_spacy']}x)",
            )
    console.print(table)
    return rows


def everything(rounds: int, console: Console) -> list[dict[str, Any]]:
    """All that piirag looks for by default, with and without its model, against stock patterns."""
    from piirag import default_detector

    stock = AnalyzerEngine(registry=registry(), nlp_engine=blank_spacy())
    engines: dict[str, Detect] = {"stock": lambda text: stock.analyze(text, language="en")}
    for label, model in (("no model", "none"), ("bundled model", "bundled")):
        try:
            detector = default_detector(model=model)
            detector.detect("Jane Roe")
        except Exception as error:  # noqa: BLE001 - the model may not be there
            console.print(f"without the row '{label}': {type(error).__name__}")
            continue
        engines[label] = detector.detect
        if model == "bundled":
            engines["bundled model, batch"] = Batch(detector)
    table = Table(title="Everything on, 1 KB chunks, KB/s (ratio to stock with patterns alone)")
    for column in ("text", *engines):
        table.add_column(column, justify="left" if column == "text" else "right")
    rows = []
    for kind, sample in texts():
        kbs = speeds(engines, sample[:40], rounds)
        ratios = {label: round(value / kbs["stock"], 1) for label, value in kbs.items()}
        rows.append(
            {
                "text": kind,
                **{f"{label}_kb_per_s": round(value, 1) for label, value in kbs.items()},
                "ratios": ratios,
            }
        )
        table.add_row(kind, *(f"{kbs[label]:,.0f} ({ratios[label]}x)" for label in engines))
    console.print(table)
    return rows


_FIRST_CALL = """
import json, re, resource, sys, time
from pathlib import Path
began = time.perf_counter()
def report(name):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    status = Path("/proc/self/status")
    if status.exists():  # the other figure may be that of the process this one was forked from
        peak = int(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]) / 1024
    print(json.dumps({"engine": name, "first_call_s": round(time.perf_counter() - began, 2),
                      "peak_rss_mb": round(peak)}))
name = sys.argv[1]
if name == "stock":
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    nlp = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    nlp.nlp = {"en": spacy.blank("en")}
    engine = AnalyzerEngine(nlp_engine=nlp)
    engine.analyze("call 617-555-7316 about card 4111 1111 1111 1111", "en")
else:
    from piirag import default_detector
    detector = default_detector(model=name)
    detector.detect("Jane Roe, call 617-555-7316 about card 4111 1111 1111 1111")
report(name)
"""


def first_calls(console: Console) -> list[dict[str, Any]]:
    """Time to the first answer and peak memory, imports included, each in a process of its own."""
    table = Table(title="First call in a new process")
    for column in ("engine", "seconds", "peak memory, MB"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    rows = []
    for name in ("stock", "none", "bundled"):
        runs = []
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", _FIRST_CALL, name],
                capture_output=True,
                text=True,
                cwd=ROOT,
                check=False,
            )
            if done.returncode == 0:
                runs.append(json.loads(done.stdout.splitlines()[-1]))
        if runs:
            best = sorted(runs, key=lambda run: float(run["first_call_s"]))[len(runs) // 2]
            rows.append(best)
            label = {"none": "piirag, no model", "bundled": "piirag, bundled model"}.get(name, name)
            table.add_row(label, f"{best['first_call_s']}", f"{best['peak_rss_mb']}")
    console.print(table)
    return rows


def main() -> None:
    """Print the tables; with `--json`, write the figures too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help=f"write {FIGURES.relative_to(ROOT)}")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    console = Console(width=118)
    results = {
        "chunk_characters": CHUNK,
        "rounds": options.rounds,
        "patterns": patterns(options.rounds, console),
        "everything": everything(min(options.rounds, 3), console),
        "first_call": first_calls(console),
    }
    if options.json:
        FIGURES.parent.mkdir(parents=True, exist_ok=True)
        FIGURES.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        console.print(f"written: {FIGURES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
