"""Anything that an application can delete by itself."""

from __future__ import annotations

from collections.abc import Callable

from piirag.errors import ConfigurationError, RetentionError


class CallableRetention:
    """Expires by an application's own functions.

    Args:
        expire: Deletes what was written before a moment, in seconds since the epoch; returns how
            many items.
        kind: The kind of data; of `RetentionPolicy.others_days`, or one that it knows.
        name: What the receipt calls it; holds no personal data. The kind, if None.
        count: How many items `expire` would delete.
        days: A period, where the policy says nothing of this kind.
        ends: Whether items carry the moment at which they end, so that `expire` is given the
            present.
        native: What deletes by itself; a text for people.

    Raises:
        ConfigurationError: No functions, no kind, or no period.
    """

    def __init__(
        self,
        expire: Callable[[float], int],
        *,
        kind: str,
        name: str | None = None,
        count: Callable[[float], int] | None = None,
        days: float | None = None,
        ends: bool = False,
        native: str = "",
    ) -> None:
        if not callable(expire) or not callable(count or expire):
            raise ConfigurationError("a callable target is made of functions")
        if not isinstance(kind, str) or not kind:
            raise ConfigurationError("a callable target needs a kind")
        if days is not None and not days > 0:
            raise ConfigurationError("days is a positive number")
        self.kind = kind
        self.name = name or kind
        self.ends = ends
        self.native = native
        self.seconds = None if days is None else days * 86_400.0
        self._expire = expire
        self._count = count

    def expire(self, before: float) -> int:
        """Delete what is over.

        Raises:
            RetentionError: The function returned no number.
        """
        return _number(self._expire(before))

    def count(self, before: float) -> int | None:
        """How many items `expire` would delete, where a function was given for it.

        Raises:
            RetentionError: The function returned no number.
        """
        return None if self._count is None else _number(self._count(before))

    def __repr__(self) -> str:
        return f"CallableRetention({self.kind!r})"


def _number(given: object) -> int:
    if type(given) is not int or given < 0:
        raise RetentionError("the function returned no number of items")
    return given
