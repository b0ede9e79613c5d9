"""Keeping raw text out of LlamaIndex's own traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llama_index_instrumentation.dispatcher import DISPATCHER_SPAN_DECORATED_ATTR

Method = TypeVar("Method", bound=Callable[..., Any])


def unspanned(method: Method) -> Method:
    """Mark a method that takes or returns raw text, so that LlamaIndex opens no span for it.

    `DispatcherSpanMixin` wraps every method that implements an abstract or traced one, and hands
    its arguments to all span handlers. It leaves alone what bears this mark.
    """
    setattr(method, DISPATCHER_SPAN_DECORATED_ATTR, True)
    return method


def plain(method: Any) -> Any:
    """A method as it was written, without the spans that LlamaIndex wraps around it."""
    while hasattr(method, "__wrapped__"):
        method = method.__wrapped__
    return method
