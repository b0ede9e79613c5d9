"""Whether a list belongs to the current call alone."""

from __future__ import annotations

import functools
import gc
import types
from typing import Any

# What holds a list that is merely being passed along: frames, coroutines and their arguments.
_PASSING = (types.FrameType, types.CoroutineType, types.GeneratorType, functools.partial)


def is_private(items: list[Any]) -> bool:
    """Whether nothing but the call under way refers to this list.

    A retriever that returns its own list, or one from a cache, would be changed for good if the
    list were. The garbage collector knows every container that refers to it. Arguments on their
    way through LangChain's callback manager, and the record that a tracer makes of a run, do not
    count.

    Args:
        items: The list.
    """
    for referrer in gc.get_referrers(items):
        if isinstance(referrer, _PASSING):
            continue
        if isinstance(referrer, tuple) and len(referrer) == 1:
            continue
        if isinstance(referrer, dict) and set(referrer) == {"documents"}:
            continue
        return False
    return True
