"""Keeping what a model or a retriever raises away from the caller: it echoes what it was sent."""

from __future__ import annotations

from types import TracebackType

from piirag.errors import ModelCallError, PiiragError, RetrievalError


class ModelGuard:
    """Turns any exception of a model into an error of ours that holds nothing of it.

    Use it as a context manager around the call, then call `check`. The error is raised there,
    after the `except` machinery has been left, so that Python does not attach the original, whose
    message and attributes hold the prompt, as its context.

    Args:
        kind: What to raise.
    """

    def __init__(self, kind: type[ModelCallError | RetrievalError] = ModelCallError) -> None:
        self._kind = kind
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
        if isinstance(error, PiiragError):
            # Whoever raised it may have been handling another's, which quotes what it was sent.
            error.__cause__ = error.__context__ = None
            self.failed = error
        else:
            self.failed = self._without_text(error)
        return True

    def check(self) -> None:
        """Raise what the model raised, in words of ours.

        Raises:
            ModelCallError: The model raised.
            RetrievalError: The retriever raised.
        """
        if self.failed is not None:
            raise self.failed

    def _without_text(self, error: Exception) -> PiiragError:
        status = getattr(error, "status_code", None)
        if status is None:
            status = getattr(getattr(error, "response", None), "status_code", None)
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        return self._kind(name, status if isinstance(status, int) else None)
