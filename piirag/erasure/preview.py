"""What was found of a person, before anything is erased: the preview, and the list to be reviewed.

It holds no value and no text. An item is named by a keyed hash; its id in the store is kept in
memory only, unless it is asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from piirag.errors import InvalidInputError

ERASE = "erase"
REVIEW = "review"
KEEP = "keep"
DECISIONS = (ERASE, REVIEW, KEEP)

SHARED_SPACE = "in a space that several users read"
NOBODYS = "belongs to no user"
FOREIGN = "bears a pseudonym of another user's vault"
OTHER_SPELLING = "another spelling, which may be another person's"
MADE_UP = "a made-up value, which may stand there by chance"
BY_HAND = "where single items cannot be erased: by hand"
REASONS = (SHARED_SPACE, NOBODYS, FOREIGN, OTHER_SPELLING, MADE_UP, BY_HAND)

_FORMAT = "piirag-subject-preview/1"


@dataclass(frozen=True)
class Mention:
    """One item that mentions the person.

    Args:
        key: Keyed hash of target and id.
        target: The target, as the preview names it.
        reason: Why somebody has to look at it; empty where nobody has to.
        decision: ``"erase"``, ``"review"`` (nothing is done before somebody decides) or
            ``"keep"``.
        others: How many other pseudonyms stand in it: other people may be in it too.
        owner: Keyed hash of the user it belongs to; None where that is a space, or unknown.
        id: Its id in the store. Never in a repr, and in JSON only where asked for.
    """

    key: str
    target: str
    reason: str
    decision: str
    others: int
    owner: str | None
    id: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class TargetMentions:
    """What looking through one target gave.

    Args:
        name: The target.
        kind: Its kind.
        searched: How many items were looked at; None where it cannot be searched.
        editable: Whether single items can be erased in it.
        note: Why it was not searched, or cannot be erased from.
        error: Type of the exception that stopped the search, or None.
    """

    name: str
    kind: str
    searched: int | None
    editable: bool
    note: str = ""
    error: str | None = None


@dataclass(frozen=True)
class SubjectPreview:
    """What was found of a person.

    Args:
        subject: Keyed hash of what the person is known by.
        at: Seconds since the epoch.
        users: Users and spaces whose vault was looked into.
        locked: Users whose vault could not be opened: sealed under a master key that was not
            passed.
        values: Values of the person that the vaults hold.
        entity_types: The types that were looked for; None for all.
        spellings: Whether other spellings were looked for.
        targets: One entry per target.
        mentions: The items.
    """

    subject: str
    at: float
    users: int
    locked: int
    values: int
    entity_types: tuple[str, ...] | None
    spellings: bool
    targets: tuple[TargetMentions, ...]
    mentions: tuple[Mention, ...] = field(repr=False)

    @property
    def review(self) -> tuple[Mention, ...]:
        """The items that wait for a decision."""
        return tuple(m for m in self.mentions if m.decision == REVIEW)

    @property
    def complete(self) -> bool:
        """Whether everything could be searched."""
        return not self.locked and all(
            target.searched is not None and target.error is None for target in self.targets
        )

    def decided(self, decision: str, mentions: Iterable[Mention]) -> SubjectPreview:
        """The same preview, with some of its mentions decided on.

        Args:
            decision: ``"erase"``, ``"review"`` or ``"keep"``.
            mentions: Which; for instance `review`.

        Raises:
            InvalidInputError: No such decision, or a mention of another preview.
        """
        if decision not in DECISIONS:
            raise InvalidInputError(f"a decision is one of {', '.join(DECISIONS)}")
        keys = {mention.key for mention in mentions}
        if keys - {mention.key for mention in self.mentions}:
            raise InvalidInputError("a mention is not of this preview")
        return replace(
            self,
            mentions=tuple(
                replace(m, decision=decision) if m.key in keys else m for m in self.mentions
            ),
        )

    def counts(self, target: str) -> dict[str, int]:
        """Decision -> number of mentions in a target."""
        return dict(Counter(m.decision for m in self.mentions if m.target == target))

    def to_dict(
        self, *, show_ids: bool = False, clean: Callable[[str], str] = str
    ) -> dict[str, Any]:
        """The preview as JSON-ready data.

        Args:
            show_ids: Also the items' ids in the store, which may hold a user's id.
            clean: Takes the person out of ids.
        """
        mentions = []
        for mention in self.mentions:
            entry = {name: getattr(mention, name) for name in _MENTION}
            mentions.append({**entry, "id": clean(mention.id)} if show_ids else entry)
        return {
            "format": _FORMAT,
            **{name: getattr(self, name) for name in _HEAD},
            "targets": [vars(target).copy() for target in self.targets],
            "mentions": mentions,
        }

    def to_json(self, *, show_ids: bool = False, clean: Callable[[str], str] = str) -> str:
        """The preview as JSON: what stands under ``decision`` may be changed by whoever reviews."""
        return json.dumps(self.to_dict(show_ids=show_ids, clean=clean), indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> SubjectPreview:
        """Read a preview, with the decisions in it.

        Raises:
            InvalidInputError: This is no preview, or a decision in it is none.
        """
        try:
            data = json.loads(text)
            if data.pop("format") == _FORMAT:
                targets = tuple(TargetMentions(**entry) for entry in data.pop("targets"))
                mentions = tuple(_mention(entry) for entry in data.pop("mentions"))
                kinds = data.pop("entity_types")
                kinds = None if kinds is None else tuple(kinds)
                preview = cls(**data, entity_types=kinds, targets=targets, mentions=mentions)
                if _is_sound(preview):
                    return preview
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        raise InvalidInputError("this is no preview of what was found of a person")

    def __str__(self) -> str:
        lines = [f"{len(self.mentions)} items mention the person, {len(self.review)} to review"]
        for target in self.targets:
            state = f"{target.searched} searched" if target.searched is not None else "not searched"
            if target.error is not None:
                state = f"failed: {target.error}"
            counts = self.counts(target.name)
            told = ", ".join(f"{counts[d]} to {d}" for d in DECISIONS if d in counts) or "none"
            lines.append(f"- {target.name}: {told} ({state})")
            lines += [f"  note: {target.note}"] if target.note else []
        for reason, number in sorted(Counter(m.reason for m in self.review).items()):
            lines.append(f"to review, {reason}: {number}")
        of = f"{self.users} users and spaces"
        lines.append(f"{self.values} values of the person in the vaults of {of}")
        if self.locked:
            lines.append(f"{self.locked} users' values are under another master key: not searched")
        return "\n".join(lines)


_HEAD = ("subject", "at", "users", "locked", "values", "entity_types", "spellings")
_MENTION = ("key", "target", "owner", "reason", "decision", "others")


def _mention(entry: dict[str, Any]) -> Mention:
    return Mention(**{name: entry[name] for name in _MENTION}, id="")


def _is_sound(preview: SubjectPreview) -> bool:
    numbers = [preview.users, preview.locked, preview.values, *(m.others for m in preview.mentions)]
    texts = [
        preview.subject,
        *(t.name for t in preview.targets),
        *(t.note for t in preview.targets),
    ]
    texts += preview.entity_types or ()
    texts += [text for m in preview.mentions for text in (m.key, m.target, m.reason, m.decision)]
    return (
        all(type(number) is int for number in numbers)
        and all(type(text) is str for text in texts)
        and type(preview.spellings) is bool
        and type(preview.at) in {int, float}
        and all(m.decision in DECISIONS for m in preview.mentions)
        and all(m.reason in ("", *REASONS) for m in preview.mentions)
    )
