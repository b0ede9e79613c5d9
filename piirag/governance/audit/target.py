"""The audit log in erasures and exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from piirag.erasure.target import Capabilities, Residue, StoredItem, Traces

if TYPE_CHECKING:
    from piirag.governance.audit.log import AuditLog

_WHY_NOT = (
    "records stay for their retention period, under tags that no key leads to from the user any "
    "more; a backup of the tags' secrets still has them"
)


class AuditTarget:
    """Destroys the secrets of a user's tags: what was done stays on record, not by whom.

    Its items are the records under the user's tags. Once the secrets are gone, no tag can be
    computed, so nothing is found: the user is absent, though no line of the log was changed and
    its chain still verifies.

    Args:
        log: The log.
        name: What the receipt calls it.
    """

    kind = "audit log"
    capabilities = Capabilities(why_not=_WHY_NOT, export=True)

    def __init__(self, log: AuditLog, name: str = "audit log") -> None:
        self.name = name
        self.identity = ("audit log", id(log))
        self._log = log

    def count(self, user_id: str) -> int:
        """How many records there are under the user's tags."""
        return sum(1 for _ in self.items(user_id))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """The records under the user's tags."""
        for record in self._log.records(user_id=user_id):
            yield StoredItem(f"record {record['seq']}", None, record)

    def delete(self, user_id: str) -> None:
        """Destroy the secrets of the user's tags."""
        self._log.tags.forget(user_id)

    def traces(self, user_id: str) -> Traces:
        """Nothing: no bytes of the log are the user's."""
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        """Nothing: no bytes of the log are the user's."""
        return {}

    def reclaim(self, user_id: str) -> None:
        """Not possible here."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"AuditTarget({self.name!r})"
