"""The bundled model: word pieces in, mentions out. It runs on onnxruntime and downloads nothing."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from piirag.detection.ner.decode import Mention, mentions, softmax
from piirag.detection.ner.features import GAPS, features
from piirag.detection.ner.gate import candidate_stretches
from piirag.detection.ner.segments import Segment, segments
from piirag.detection.ner.threads import Shared

# Official builds of onnxruntime 1.32 write a device id to the home folder on import and report
# sessions to their maker. An application that has imported it before us is told below.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # not before telemetry is off

onnxruntime.disable_telemetry_events()

Array = np.ndarray[Any, Any]

_BEGINNING = GAPS - 1
_STOPS = (".", "!", "?", ";", ":")


class _Stretch(NamedTuple):
    """A stretch of a text, and what the model sees of it."""

    text: str
    start: int
    ids: Array
    offsets: Array
    case: Array
    gap: Array
    inside: Array


class Reading:
    """A text that is being read. Its repr shows no text.

    Args:
        stretches: What is read of the text.
        rows: The segments of the stretches.
        shared: Reads the rows.
    """

    def __init__(
        self,
        stretches: list[_Stretch],
        rows: list[tuple[_Stretch, Segment]],
        shared: Shared[tuple[_Stretch, Segment], Array],
    ) -> None:
        self._stretches = stretches
        self._rows = rows
        self._shared = shared

    def mentions(self, least: Mapping[str, float]) -> list[Mention]:
        """The mentions in the text, once it is read. See `Tagger.tag`."""
        scores: dict[int, Array] = {}
        for (stretch, s), row in zip(self._rows, self._shared.results(), strict=True):
            of_all = scores.get(stretch.start)
            if of_all is None:
                of_all = np.empty((len(stretch.ids), row.shape[-1]), dtype=np.float32)
                scores[stretch.start] = of_all
            of_all[s.keep_from : s.keep_to] = row[s.keep_from - s.start : s.keep_to - s.start]
        return [
            mention._replace(start=mention.start + part.start, end=mention.end + part.start)
            for part in self._stretches
            for mention in mentions(
                part.text, softmax(scores[part.start]), part.offsets, part.inside, least
            )
        ]

    def cancel(self) -> None:
        """Leave the rest unread."""
        self._shared.cancel()


class Tagger:
    """Finds names, places, organisations and addresses.

    It may be shared by threads.

    Args:
        threads: Threads of one call, its own included; the number of cores, at most four, if
            None.
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
        self._threads = threads
        options = onnxruntime.SessionOptions()
        # A row is read by one thread, and rows are shared out among threads. So a session has no
        # threads of its own, which would be lost in a process that is forked.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            (folder / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def tag(
        self, text: str, least: Mapping[str, float], *, names_only: bool = True
    ) -> list[Mention]:
        """Find the mentions in a text.

        Args:
            text: Any text without lone surrogates.
            least: Kind -> least probability (0 to 1) of a word that counts.
            names_only: Whether dates and ages do not matter; more text is passed over then.

        Returns:
            Mentions in order of position; they do not overlap.
        """
        return self.begin(text, names_only=names_only, ahead=False).mentions(least)

    def begin(self, text: str, *, names_only: bool = True, ahead: bool = True) -> Reading:
        """Have helpers begin to read a text, while the caller does something else.

        Args:
            text: Any text without lone surrogates.
            names_only: Whether dates and ages do not matter; more text is passed over then.
            ahead: False if the caller has nothing else to do.
        """
        stretches = [
            stretch
            for start, end in candidate_stretches(text, names_only=names_only)
            if len((stretch := self._stretch(text[start:end], start)).ids)
        ]
        rows = [
            (stretch, segment)
            for stretch in stretches
            for segment in segments(stretch.gap, self._stops[stretch.ids], stretch.inside)
        ]
        # The longest first, so that no thread is left with a long one in the end.
        rows.sort(key=lambda row: row[1].start - row[1].end)
        return Reading(stretches, rows, Shared(self._read, rows, self._threads, ahead=ahead))

    def _stretch(self, text: str, start: int) -> _Stretch:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids, dtype=np.int64)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        case, gap = features(text, offsets) if len(ids) else (ids, ids)
        return _Stretch(text, start, ids, offsets, case, gap, self._inside[ids])

    def _read(self, row: tuple[_Stretch, Segment]) -> Array:
        """The scores of all labels for one segment, one row a piece.

        Each segment is read by itself, without padding. The model weighs its eight-bit numbers
        by all that it reads at once, so the scores of a segment would depend on its neighbours.
        """
        stretch, segment = row
        pieces = slice(segment.start, segment.end)
        feed = {
            "ids": stretch.ids[None, pieces],
            "case": stretch.case[None, pieces],
            "gap": stretch.gap[None, pieces].copy(),
        }
        # In training nothing but the beginning of a text stood at the beginning of a row: a name
        # right after a cut would be missed.
        feed["gap"][0, 0] = _BEGINNING
        return self._session.run(None, feed)[0][0]  # type: ignore[no-any-return]


@functools.cache
def shared_tagger() -> Tagger:
    """The tagger of this process."""
    return Tagger()
