"""Langfuse: its two masks, for what its SDK records and for what other libraries' spans hold."""

from __future__ import annotations

from typing import Any

from piirag.errors import MissingDependencyError
from piirag.observe.otel import scrubbed_attributes
from piirag.observe.text import TextGuard


def langfuse_options(guard: TextGuard | None = None, *, spans: bool = True) -> dict[str, Any]:
    """Keyword arguments for ``langfuse.Langfuse(...)``.

    ``mask`` covers inputs, outputs and metadata given to Langfuse's SDK. ``mask_otel_spans``
    covers every attribute of every span at export, tags, user and session ids included. Neither
    can change the name of a span or its events: where those may hold personal data, pass
    ``span_exporter=ScrubbingSpanExporter(OTLPSpanExporter(...))`` too.

    Args:
        guard: Does the work; one with the default policy if None.
        spans: Whether to set ``mask_otel_spans``, which Langfuse has from version 4.3 on.

    Raises:
        MissingDependencyError: `spans`, and Langfuse is not installed, or is too old.
    """
    chosen = guard if guard is not None else TextGuard()

    def mask(*, data: Any, **kwargs: Any) -> Any:
        return chosen.value(data)

    options: dict[str, Any] = {"mask": mask}
    if spans:
        options["mask_otel_spans"] = _span_mask(chosen)
    return options


def _span_mask(guard: TextGuard) -> Any:
    try:
        from langfuse.types import (  # type: ignore[import-not-found, unused-ignore]
            MaskOtelSpansResult,
            OtelSpanPatch,
        )
    except ImportError:
        failed = True
    else:
        failed = False
    if failed:
        raise MissingDependencyError("langfuse", "tracing")

    def mask_otel_spans(*, params: Any) -> Any:
        patches = {}
        for identifier, span in params.spans.items():
            clean = scrubbed_attributes(span.attributes, guard)
            gone = [key for key in span.attributes if key not in clean]
            new = {k: v for k, v in clean.items() if span.attributes.get(k) != v}
            patches[identifier] = OtelSpanPatch(set_attributes=new, delete_attributes=tuple(gone))
        return MaskOtelSpansResult(span_patches=patches)

    return mask_otel_spans
