"""What is held of a user, handed out: chunks, conversations, records, the values in the vault.

It is a stream: one record after the other, so that the memory it needs does not grow with what
there is. Records are JSON-ready mappings; ``record`` says what one is:

```
export   the first: format, user id, time
item     one item of a target: id, text, metadata
value    one value in a vault: entity type, value, and the pseudonym that stands for it
target   after a target's last item: how many there were, and whether that is all
end      the last: what was not exported
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.erasure.covering import Mask
from piirag.erasure.export_values import Values, plain
from piirag.erasure.retry import named
from piirag.erasure.target import ErasureTarget, ListingTarget, StoredItem
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import InvalidUserIdError
from piirag.tenancy.tags import TenantTags
from piirag.user_id import check_user_id

if TYPE_CHECKING:
    from piirag.erasure.export_write import ExportSummary
    from piirag.erasure.service import ErasureService

FORMAT = "piirag-user-export/1"

Record = dict[str, Any]

NOT_EXPORTED = (
    "vectors, which were computed from the texts",
    "what stands in spaces that several users read",
    "backups, snapshots and replicas",
    "targets that were not passed, logs and traces of other systems",
)
_NOT_LISTING = "it cannot list what it holds"
_FOREIGN = "items that bore another user's tag were left out"
_FEWER = "fewer items were listed than there are"
_BATCH = 100


class UserExport:
    """What is held of one user. Its repr shows nothing of it.

    Args:
        user_id: The user.
        service: Names the targets.
        reveal: Put the values behind the user's pseudonyms back, as first spelt.

    Raises:
        InvalidUserIdError: No usable user id.
    """

    def __init__(self, user_id: str, service: ErasureService, *, reveal: bool = True) -> None:
        self._user_id = check_user_id(user_id)
        self._service = service
        self._reveal = reveal

    def records(self) -> Iterator[Record]:
        """All records, read from the targets as they are taken.

        A target that fails ends with a record that names the type of the error; the next ones are
        read all the same.
        """
        from piirag import __version__

        yield {
            "record": "export",
            "format": FORMAT,
            "user_id": self._user_id,
            "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "revealed": self._reveal,
            "piirag": __version__,
        }
        left: list[str] = []
        total, complete = 0, True
        values = Values(self._service.vaults, self._user_id)
        if not self._reveal:
            values = Values([], self._user_id)
        for target in self._service.targets:
            for record in self._target(target, values):
                yield record
                if record["record"] == "target":
                    total += record["items"]
                    complete = complete and record["complete"]
                    if not record["complete"]:
                        left.append(f"{target.name}: {record['error'] or record['note']}")
        yield from self._journal()
        left += values.failed
        yield {
            "record": "end",
            "items": total,
            "complete": complete and not values.failed,
            "not_exported": [*left, *self._service.left_out, *self._waiting(), *NOT_EXPORTED],
        }

    def write(
        self,
        *,
        json_lines: str | Path | None = None,
        json: str | Path | None = None,
        html: str | Path | None = None,
        zip: str | Path | None = None,
    ) -> ExportSummary:
        """Write the export to files that only their owner may read, in one pass over the targets.

        A file takes its name once it is whole.

        Args:
            json_lines: A file for one record a line.
            json: A file for one JSON document.
            html: A file for a page that people can read, with nothing to load.
            zip: A file for the JSON document and the page together, `data.json` and `index.html`.

        Returns:
            What was exported, and what was not.

        Raises:
            ConfigurationError: No file was named.
            ErasureError: A file cannot be written.
        """
        from piirag.erasure.export_write import write

        mask = Mask(self._user_id)
        return write(self, mask, json_lines=json_lines, json=json, html=html, archive=zip)

    def __repr__(self) -> str:
        return "UserExport(...)"

    def _target(self, target: ErasureTarget, values: Values) -> Iterator[Record]:
        about = {"target": target.name, "kind": target.kind}
        state = _State()
        if isinstance(target, VaultTarget):
            yield from self._values(target, about, state)
        elif isinstance(target, ListingTarget) and target.capabilities.export:
            yield from self._items(target, about, state, values)
        else:
            state.note = _NOT_LISTING
            state.complete = False
        yield {
            "record": "target",
            **about,
            "items": state.items,
            "complete": state.complete and state.error is None,
            "error": state.error,
            "note": state.note,
        }

    def _items(
        self, target: ListingTarget, about: Record, state: _State, values: Values
    ) -> Iterator[Record]:
        there, state.error = self._service.retry.attempt(target.count, self._user_id)
        if state.error is not None:
            return
        tags = getattr(target, "tags", None)
        tags = tags if isinstance(tags, TenantTags) else None
        tag = None if tags is None else tags.tag(self._user_id)
        foreign = 0
        for batch in state.batches(lambda: target.items(self._user_id)):
            # Checked again: a store that ignored its filter must not hand out somebody else's.
            own = [i for i in batch if tags is None or i.metadata.get(tags.key) == tag]
            foreign += len(batch) - len(own)
            for item in values.revealed(own):
                state.items += 1
                yield {"record": "item", **about, **_told(item)}
        notes = [f"{foreign} {_FOREIGN}"] if foreign else []
        if state.error is None and state.items < there:
            notes.append(f"{_FEWER}: {state.items} of {there}")
        state.note = "; ".join(notes)
        state.complete = not notes

    def _values(self, target: VaultTarget, about: Record, state: _State) -> Iterator[Record]:
        def each() -> Iterator[tuple[str, Mapping[str, Any]]]:
            user = target.vault.opened(self._user_id)
            return iter(()) if user is None else user.each()

        for batch in state.batches(each):
            for token, value in batch:
                state.items += 1
                kind, text = plain(value.get("t")), plain(value.get("v"))
                yield {
                    "record": "value",
                    **about,
                    "entity_type": kind,
                    "value": text,
                    "token": plain(token),
                }

    def _journal(self) -> Iterator[Record]:
        """What the journal knows of the user: the last erasure."""
        subject = self._service.subjects.subject(self._user_id)
        last, error = self._service.retry.run(lambda: self._service.journal.last(subject))
        if error is None and last is None:
            return
        about = {"target": "journal", "kind": "journal of erasures"}
        if last is not None:
            names = ("status", "started", "finished", "physical", "runs")
            metadata = {name: getattr(last, name) for name in names}
            yield {"record": "item", **about, "id": last.id, "text": None, "metadata": metadata}
        yield {
            "record": "target",
            **about,
            "items": int(last is not None),
            "complete": error is None,
            "error": error,
            "note": "",
        }

    def _waiting(self) -> Iterator[str]:
        for vault in self._service.vaults:
            count, error = self._service.retry.attempt(vault.sessions.count, self._user_id)
            if error is None and count:
                yield f"{count} model calls that wait for their reply, and expire"


class _State:
    """How far the listing of one target got."""

    def __init__(self) -> None:
        self.items = 0
        self.complete = True
        self.error: str | None = None
        self.note = ""

    def batches(self, listing: Any) -> Iterator[list[Any]]:
        """What a listing gives, some at a time; an error ends it and is noted by its type."""
        try:
            found = iter(listing())
        except InvalidUserIdError:
            raise
        except Exception as error:  # noqa: BLE001 - any failure makes the export incomplete
            self.error = named(error)
            return
        while True:
            batch: list[Any] = []
            try:
                # One by one, so that what came before a failure is handed out.
                for item in islice(found, _BATCH):
                    batch.append(item)
            except Exception as error:  # noqa: BLE001 - as above
                self.error = named(error)
            if batch:
                yield batch
            if len(batch) < _BATCH or self.error is not None:
                return


def _told(item: StoredItem) -> Record:
    return {"id": plain(item.id), "text": plain(item.text), "metadata": plain(item.metadata)}
