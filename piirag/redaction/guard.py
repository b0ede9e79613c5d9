"""Keeping what a model provider raises away from the caller: it echoes the prompt."""

from __future__ import annotations

from types import TracebackType

from piirag.errors import ModelCallError, PiiragError


class ModelGuard:
    """Turns any exception of a model into a `ModelCallError` that holds nothing of it.

    Use it as a context manager around the call, then call `check`. The error is raised there,
    after the `except` machinery has been left, so that Python does not attach the original, whose
    message and attributes hold the prompt, as its context.
    """

    def __init__(self) -> None:
        self.failed: PiiragError | None = None

    def __enter__(self) -> ModelGuard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed = error if isinstance(error, PiiragError) else _without_text(error)
        return True

    def check(self) -> None:
        """Raise what the model raised, in words of ours.

        Raises:
            ModelCallError: The model raised.
        """
        if self.failed is not None:
            raise self.failed


def _without_text(error: Exception) -> ModelCallError:
    status = getattr(error, "status_code", None)
    if status is None:
        status = getattr(getattr(error, "response", None), "status_code", None)
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return ModelCallError(name, status if isinstance(status, int) else None)
