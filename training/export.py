"""Turn trained weights into what the package ships: an int8 ONNX model, vocabulary, word list.

python -m training.export student.pt [--out piirag/detection/ner/weights]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from piirag.detection.ner.decode import softmax
from piirag.detection.ner.features import features
from piirag.detection.ner.labels import LABELS
from training.data import tokenizer
from training.model import BASE, Tagger, restore
from training.synth.replace import everyday_names, names_and_places
from training.words import ADDRESSES

OUT = Path("piirag/detection/ner/weights")

# Contexts that say little about the word: what the model thinks of it then is about the word.
_CONTEXTS = ("{}", "and {} again", "we saw {} there .", "{} is here", "so {} , yes", "with {} :")
_SAFE_BELOW = 0.08
_SURE_BELOW = 0.02
_COMMON = 2700
_NAMED = [i for i, label in enumerate(LABELS) if label[2:] in {"PER", "LOC", "ORG", "ADDR", "NRP"}]


def export(model: Tagger, out: Path) -> None:
    """Write `model.onnx`, quantised to eight bits."""
    model.eval()
    example = torch.ones(2, 16, dtype=torch.long)
    names = ["ids", "case", "gap"]
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        torch.onnx.export(
            model,
            (example, example, example),
            str(whole),
            input_names=names,
            output_names=["scores"],
            dynamic_axes={n: {0: "batch", 1: "pieces"} for n in [*names, "scores"]},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(
            whole,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={"MatMulConstBOnly": True},
        )
        graph = onnx.load(small)
        graph.producer_name, graph.producer_version, graph.doc_string = "piirag", "", ""
        for node in graph.graph.node:
            node.doc_string = ""
        onnx.save(graph, out / "model.onnx")


@torch.no_grad()
def named(model: Tagger, context: str, words: list[str]) -> np.ndarray:
    """For each word, the probability that the model takes it for part of a name there."""
    out = []
    at = context.index("{}")
    texts = [context.format(word) for word in words]
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    for k in range(0, len(texts), 512):
        part = encodings[k : k + 512]
        length = max(len(e.ids) for e in part)
        feed = np.zeros((3, len(part), length), dtype=np.int64)
        for row, e in enumerate(part):
            case, gap = features(texts[k + row], np.array(e.offsets))
            feed[:, row, : len(e.ids)] = np.array(e.ids), case, gap
        scores = softmax(model(*torch.from_numpy(feed)).numpy())[..., _NAMED].sum(-1)
        for row, e in enumerate(part):
            here = [i for i, (s, _) in enumerate(e.offsets) if at <= s < at + len(words[k + row])]
            out.append(scores[row, here].max())
    return np.array(out)


def safe_words(model: Tagger) -> list[str]:
    """Words, in lower case and capitalised, that the model takes for names in no plain context.

    Words that are on any of the name and place lists of the training data are left out, whatever
    the model thinks of them.
    """
    model.eval()
    rank = tokenizer.get_vocab()
    listed, everyday = names_and_places(), everyday_names()
    # The vocabulary is in order of frequency. "to" and "see" are somebody's family names too.
    common = {w for w in listed if rank.get(w, _COMMON) < _COMMON} - everyday
    plain = [w for w in rank if w.isalpha() and w.isascii() and w not in ADDRESSES]
    whole = sorted(w for w in plain if w not in listed)
    spellings = sorted({s for w in whole for s in (w, w.capitalize(), w.upper())} | {"I", "A"})
    spellings += sorted(common.intersection(plain))
    seen = np.array([named(model, context, spellings) for context in _CONTEXTS])
    limit = np.array([_SURE_BELOW if s in common else _SAFE_BELOW for s in spellings])
    # "So This, yes" is odd; a frequent word is judged by what the model thinks of it as a rule.
    frequent = np.array([s.lower() not in listed and rank[s.lower()] < 6000 for s in spellings])
    worst = np.where(frequent, seen.mean(0), seen.max(0))
    return [s for s, p, most in zip(spellings, worst, limit, strict=True) if p < most]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = restore(args.weights)
    export(model, args.out)
    shutil.copy(BASE / "tokenizer.json", args.out / "tokenizer.json")
    words = safe_words(model)
    (args.out / "words.txt").write_text("\n".join(words), "utf8")
    print(f"{len(words)} safe words")
    for path in sorted(args.out.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
