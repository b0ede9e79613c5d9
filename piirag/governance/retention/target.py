"""What can be expired, and how objects become such targets."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from piirag.errors import ConfigurationError


@runtime_checkable
class RetentionTarget(Protocol):
    """Something that deletes what is over.

    A target may have besides:

    - ``count(before) -> int | None``: how many items `expire` would delete; None where the store
      cannot tell without deleting.
    - ``native``: what deletes by itself, such as a time to live of the store; a text for people.
    - ``seconds``: a period of its own, where the policy says nothing of its kind.
    - ``own_limit``: seconds after which the store deletes whatever the policy says; the stricter
      holds.
    - ``identity``, anything hashable: of several targets with the same one, the first is used.
    """

    kind: str
    """The kind of data, as the policy calls it."""

    name: str
    """What the receipt calls it; holds no personal data."""

    ends: bool
    """Whether its items carry the moment at which they end. `expire` is then given the present,
    and otherwise the present less the period of its kind."""

    def expire(self, before: float) -> int:
        """Delete what is over: written before a moment or, where items carry their end, ended by
        it. Safe to call from several processes at once.

        Args:
            before: Seconds since the epoch.

        Returns:
            How many items were deleted.
        """
        ...


def as_retention_targets(item: Any) -> list[RetentionTarget]:
    """The retention targets behind an object.

    An object may be a target itself, have a method `retention_targets()`, or be a vault, a store
    of conversations (anything with `sweep`), the journal of erasures, an audit log, or a vector
    store that an erasure target is known for.

    Raises:
        ConfigurationError: Nothing is known of this kind of object.
    """
    if isinstance(item, RetentionTarget):
        return [item]
    own = getattr(item, "retention_targets", None)
    if callable(own):
        return list(own())
    from piirag.governance.retention.targets.audit import AuditTarget
    from piirag.governance.retention.targets.chunks import chunk_targets
    from piirag.governance.retention.targets.conversations import ConversationsTarget
    from piirag.governance.retention.targets.receipts import JournalTarget
    from piirag.governance.retention.targets.vault_sessions import VaultSessionsTarget
    from piirag.vault.vault import Vault

    if isinstance(item, Vault):
        return [VaultSessionsTarget(item)]
    if callable(getattr(item, "sweep", None)):
        return [ConversationsTarget(item)]
    if callable(getattr(item, "expire", None)):
        if callable(getattr(item, "unfinished", None)):
            return [JournalTarget(item)]
        if callable(getattr(item, "write", None)):
            return [AuditTarget(item)]
    found = chunk_targets(item)
    if not found:
        raise ConfigurationError(f"no retention target is known for {type(item).__name__}")
    return found
