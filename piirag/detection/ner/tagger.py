"""The bundled model: word pieces in, mentions out. It runs on onnxruntime and downloads nothing."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from piirag.detection.ner.decode import Mention, mentions, softmax
from piirag.detection.ner.features import features
from piirag.detection.ner.gate import candidate_stretches
from piirag.detection.ner.segments import segments

# Official builds of onnxruntime 1.32 write a device id to the home folder on import and report
# sessions to their maker. An application that has imported it before us is told below.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # not before telemetry is off

onnxruntime.disable_telemetry_events()

Array = np.ndarray[Any, Any]

# Pieces a run of the model: more would not be faster and would cost memory.
_PIECES_A_RUN = 2048
_STOPS = (".", "!", "?", ";", ":")


class Tagger:
    """Finds names, places, organisations and addresses.

    It may be shared by threads.

    Args:
        threads: Threads of one call; the number of cores, at most four, if None.
    """

    def __init__(self, threads: int | None = None) -> None:
        folder = resources.files("piirag.detection.ner") / "weights"
        self._tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text("utf8"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        size = self._tokenizer.get_vocab_size()
        self._inside = np.zeros(size, dtype=bool)
        self._stops = np.zeros(size, dtype=bool)
        for piece, i in self._tokenizer.get_vocab().items():
            self._inside[i] = piece.startswith("##")
            self._stops[i] = piece in _STOPS
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(4, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would take the cores from the application.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            (folder / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def tag(self, text: str, least: Mapping[str, float]) -> list[Mention]:
        """Find the mentions in a text.

        Args:
            text: Any text without lone surrogates.
            least: Kind -> least probability (0 to 1) of a word that counts.

        Returns:
            Mentions in order of position; they do not overlap.
        """
        found: list[Mention] = []
        for start, end in candidate_stretches(text):
            for mention in self._tag(text[start:end], least):
                found.append(mention._replace(start=mention.start + start, end=mention.end + start))
        return found

    def _tag(self, text: str, least: Mapping[str, float]) -> list[Mention]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids, dtype=np.int64)
        if not len(ids):
            return []
        offsets = np.array(encoding.offsets, dtype=np.int64)
        case, gap = features(text, offsets)
        inside = self._inside[ids]
        scores = self._scores(ids, case, gap, inside)
        return mentions(text, softmax(scores), offsets, inside, least)

    def _scores(self, ids: Array, case: Array, gap: Array, inside: Array) -> Array:
        cuts = segments(gap, self._stops[ids], inside)
        order = sorted(range(len(cuts)), key=lambda i: cuts[i].end - cuts[i].start)
        scores: Array | None = None
        for batch in _batches([cuts[i].end - cuts[i].start for i in order]):
            rows = [cuts[order[i]] for i in batch]
            length = max(s.end - s.start for s in rows)
            feed = {n: np.zeros((len(rows), length), dtype=np.int64) for n in _INPUTS}
            for row, s in enumerate(rows):
                for name, values in zip(_INPUTS, (ids, case, gap), strict=True):
                    feed[name][row, : s.end - s.start] = values[s.start : s.end]
            out = self._session.run(None, feed)[0]
            if scores is None:
                scores = np.zeros((len(ids), out.shape[-1]), dtype=np.float32)
            for row, s in enumerate(rows):
                scores[s.keep_from : s.keep_to] = out[
                    row, s.keep_from - s.start : s.keep_to - s.start
                ]
        assert scores is not None
        return scores


_INPUTS = ("ids", "case", "gap")


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group stretches, sorted by length, so that little is padded."""
    groups: list[list[int]] = []
    for i, length in enumerate(lengths):
        if groups and (len(groups[-1]) + 1) * length <= _PIECES_A_RUN:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@functools.cache
def shared_tagger() -> Tagger:
    """The tagger of this process."""
    return Tagger()
