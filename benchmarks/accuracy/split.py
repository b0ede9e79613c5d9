"""What is held back: from training, so that the figures are figures on unseen text."""

from __future__ import annotations

import zlib

FIRST_SEED = 900_000
"""Generated records use Faker seeds from here on; training uses lower ones."""

HELD_BACK_LOCALES = frozenset("et_EE lv_LV sl_SI zu_ZA en_PK en_KE ga_IE tw_GH yo_NG".split())
"""Faker locales that training does not draw on, to see how the model fares with their names."""

_EVERY = {"uner-ewt-dev": 5, "wnut17-dev": 2}


def held_out(sentence_id: str, every: int = 5) -> bool:
    """Whether a sentence is kept for measuring.

    It depends on the text alone, so that equal sentences fall on the same side.

    Args:
        sentence_id: The text of the sentence: for EWT the ``# text =`` line without that prefix;
            for CoNLL files the tokens joined by single blanks.
        every: One in so many is held out, see `every_of`.
    """
    return zlib.crc32(sentence_id.encode("utf-8", "surrogatepass")) % every == 0


def every_of(file_name: str) -> int:
    """Which share of a corpus file is held out: one in so many sentences.

    Raises:
        ValueError: Nothing of this file is held out: training uses all of it.
    """
    name = file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if name not in _EVERY:
        raise ValueError(f"no part of {name} is held out from training")
    return _EVERY[name]
