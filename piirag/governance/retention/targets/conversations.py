"""Chat histories, checkpoints, long-term memory: everything that can be swept."""

from __future__ import annotations

import inspect
from typing import Any

from piirag.conversations.retention import Retention, Sweepable
from piirag.errors import ConfigurationError
from piirag.governance.retention.policy import CONVERSATIONS

_DAY = 86_400.0


class ConversationsTarget:
    """Sweeps a store of conversations.

    The store's own `retention_days` goes on to hold where it is stricter than the policy. A store
    of somebody else's whose `sweep` takes no `before` sweeps by its own limit alone.

    Args:
        store: `ChatHistories`, `TenantCheckpointer`, `TenantStore`, `TenantChatStore`, or
            anything else with ``sweep() -> int``.
        name: What the receipt calls it.

    Raises:
        ConfigurationError: Nothing that can be swept.
    """

    kind = CONVERSATIONS
    ends = False

    def __init__(self, store: Sweepable, *, name: str | None = None) -> None:
        if not callable(getattr(store, "sweep", None)):
            raise ConfigurationError("this store cannot be swept")
        self._store: Any = store
        self.name = name or _told(store)
        self.identity = (self.kind, id(store))
        self._takes_before = _takes_before(store.sweep)

    @property
    def native(self) -> str:
        """What the store deletes by itself."""
        return str(getattr(self._store, "native_expiry", ""))

    @property
    def own_limit(self) -> float | None:
        """The store's own limit in seconds; None where it has none, or nobody can tell."""
        shared = getattr(self._store, "_shared", None)
        for holder, name in (
            (self._store, "_retention"),
            (self._store, "retention"),
            (shared, "retention"),
        ):
            found = getattr(holder, name, None)
            if isinstance(found, Retention) and found.days is not None:
                return found.days * _DAY
        return None

    def expire(self, before: float) -> int:
        """Delete what was written before a moment."""
        given = {"before": before} if self._takes_before else {}
        return int(self._store.sweep(**given))

    def count(self, before: float) -> int | None:
        """How many items `expire` would delete, where the store can tell."""
        counted = getattr(self._store, "count_over", None)
        return int(counted(before=before)) if callable(counted) else None

    def __repr__(self) -> str:
        return f"ConversationsTarget({self.name!r})"


def _told(store: Any) -> str:
    """The types of a store and of what it wraps."""
    wrapped = (getattr(store, name, None) for name in ("saver", "store", "_store"))
    inner = next((found for found in wrapped if found is not None), None)
    kind = type(store).__name__
    return kind if inner is None else f"{kind}:{type(inner).__name__}"


def _takes_before(sweep: Any) -> bool:
    try:
        return "before" in inspect.signature(sweep).parameters
    except (TypeError, ValueError):
        return False
