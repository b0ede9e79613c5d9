"""Finding the chunks that mention a person who may be nobody's user.

Scrubbed chunks hold a pseudonym in place of each value, derived under the key of the user whose
chunk it is. So a person is looked for by pseudonym: the vaults tell, user by user, which ones stand
for the person, and every chunk is asked whether it holds one of them. No store needs the value.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from piirag.erasure import person as people
from piirag.erasure import preview as previews
from piirag.erasure.covering import Mask, numbered
from piirag.erasure.person import Person, Sign
from piirag.erasure.preview import Mention, SubjectPreview, TargetMentions
from piirag.erasure.progress import shown
from piirag.erasure.target import DeletableTarget, ErasureTarget, ListingTarget, StoredItem
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import ConfigurationError, InvalidInputError, InvalidUserIdError, VaultKeyError
from piirag.redaction import tokens
from piirag.tenancy.tags import Space, TenantTags, is_space
from piirag.user_id import check_user_id
from piirag.vault.vault import UserVault, Vault

if TYPE_CHECKING:
    from piirag.erasure.service import ErasureService

_NOT_LISTING = "it cannot list what it holds; whether it mentions the person is not known"
_NOT_ALL = "it cannot list the items of everybody; name the users to be searched"
_NOT_SPACES = "it cannot list the items of spaces, which were not searched"
_NOT_EDITABLE = "single items cannot be erased in it; erase or write them anew by hand"

Tenant = str | Space


@dataclass
class Wanted:
    """What is looked for, over all users of the search.

    Args:
        signs: Token -> how it stands for the person, with the vault's tag of each user for whom
            it does: one, unless two users' keys gave the same one.
        users: How many users were looked up.
        locked: How many could not be.
        values: How many values of the person the vaults hold.
        tenants: The users and spaces that are searched; None for everybody.
        vaults: Where their keys are.
    """

    signs: dict[str, list[tuple[Sign, str]]] = field(default_factory=dict, repr=False)
    users: int = 0
    locked: int = 0
    values: int = 0
    tenants: list[Tenant] | None = field(default=None, repr=False)
    vaults: list[Vault] = field(default_factory=list)

    def add(self, user: UserVault, person: Person) -> None:
        """Add the tokens that stand for the person in one user's chunks."""
        self.users += 1
        for sign in person.signs(user):
            self.signs.setdefault(sign.token, []).append((sign, user.tag))
            self.values += sign.stored and sign.how == people.EXACT

    @cached_property
    def _made_up(self) -> re.Pattern[str] | None:
        """Where surrogates stand as whole words; asked for once everything was added."""
        made_up = [t for t, signs in self.signs.items() if any(s.made_up for s, _ in signs)]
        choice = "|".join(map(re.escape, sorted(made_up, key=len, reverse=True)))
        return re.compile(rf"(?<!\w)(?:{choice})(?!\w)") if made_up else None

    def held(self, item: StoredItem) -> tuple[set[str], int]:
        """The tokens of the person in an item, and how many other pseudonyms stand in it."""
        found: set[str] = set()
        others: set[str] = set()
        for text in texts_of(item):
            if "[" in text:
                there = {match.group() for match in tokens.PSEUDONYM.finditer(text)}
                found |= there & self.signs.keys()
                others |= there - self.signs.keys()
            if self._made_up is not None:
                found.update(match.group() for match in self._made_up.finditer(text))
        return found, len(others)

    def replaced(self, item: StoredItem, gone: set[str]) -> StoredItem:
        """An item with marks in place of some tokens, in its text and its metadata."""
        longest_first = sorted(gone, key=len, reverse=True)
        pattern = re.compile("|".join(map(re.escape, longest_first)))

        def change(value: Any) -> Any:
            if isinstance(value, str):
                return pattern.sub(lambda match: people.mark_of(match.group()), value)
            if isinstance(value, Mapping):
                return {change(key): change(inner) for key, inner in value.items()}
            if type(value) in {list, tuple}:
                return type(value)(change(inner) for inner in value)
            return value

        text = None if item.text is None else change(item.text)
        return StoredItem(item.id, text, change(dict(item.metadata)))


def texts_of(item: StoredItem) -> Iterator[str]:
    """Every string in an item: its text, its metadata's values and keys at any depth."""
    if item.text:
        yield item.text
    left: list[Any] = [item.metadata]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            left.extend(chain(value.keys(), value.values()))
        elif isinstance(value, list | tuple | set | frozenset):
            left.extend(value)


def wanted(
    person: Person,
    vaults: Sequence[Vault],
    tenants: Iterable[Tenant] | None,
    *,
    progress: bool = False,
) -> Wanted:
    """Look up which tokens stand for a person.

    Args:
        person: Whom to look for.
        vaults: Where the users' keys are.
        tenants: The users and spaces that may be searched; None for all.
        progress: Show a progress bar on standard error.

    Raises:
        ConfigurationError: No vault.
        InvalidUserIdError: A tenant that is no usable user id.
    """
    if not vaults:
        raise ConfigurationError("without the vault nobody can tell which pseudonyms are whose")
    found = Wanted(tenants=_checked(tenants), vaults=list(vaults))
    for vault in vaults:
        if found.tenants is None:
            tags = list(vault.backend.tags())
        else:
            tags = [vault.tag(_vault_id(tenant)) for tenant in found.tenants]
        for tag in shown(tags, "looking into vaults", progress):
            try:
                user = vault.opened_by_tag(tag)
            except VaultKeyError:
                found.locked += 1
                continue
            if user is not None:
                found.add(user, person)
    return found


@dataclass
class Scan:
    """What looking through one target gave.

    Args:
        items: How many items were looked at; None where it cannot be searched.
        mentions: Those that mention the person.
        seen: The person's tokens that stand in them.
        kept: The items themselves, with the tokens to be taken out, where they were wanted.
    """

    items: int | None = 0
    mentions: list[Mention] = field(default_factory=list)
    seen: set[str] = field(default_factory=set, repr=False)
    kept: list[tuple[Mention, StoredItem, set[str]]] = field(default_factory=list, repr=False)


class Search:
    """Looks through targets for a person.

    Args:
        service: Names the targets and the vaults, and hashes what is not to be shown.
        person: Whom to look for.
        sought: The tokens that stand for the person.
    """

    def __init__(self, service: ErasureService, person: Person, sought: Wanted) -> None:
        self._service = service
        self._sought = sought
        self.subject = service.subjects.person(person.canonical)
        self.clean = Mask(*person.values).text
        self.targets = [t for t in service.targets if not isinstance(t, VaultTarget)]
        self.names = numbered(self.clean(target.name) for target in self.targets)

    def check_tenants(self) -> None:
        """Look whether every target can hold the users that are searched.

        Raises:
            InvalidUserIdError: One cannot hold one of them.
        """
        users = [t for t in self._sought.tenants or () if not isinstance(t, Space)]
        for target in self.targets:
            if not isinstance(target, ListingTarget) or not target.capabilities.export:
                continue
            tags = getattr(target, "tags", None)
            for user in users:
                if isinstance(tags, TenantTags):
                    tags.tag(user)
                else:
                    # What else fails is told when it is looked through.
                    self._service.retry.run(partial(_first, target, user))

    def scan(self, index: int, keep: set[str] | None = None) -> tuple[Scan, str, str | None]:
        """Look through one target.

        Args:
            index: Which.
            keep: The keys of the mentions whose items are wanted.

        Returns:
            What was found, what a reader should know, and the type of the exception that stopped
            it.

        Raises:
            InvalidUserIdError: A tenant that this target cannot hold.
        """
        target = self.targets[index]
        if not isinstance(target, ListingTarget) or not target.capabilities.export:
            return Scan(items=None), _NOT_LISTING, None
        if self._sought.tenants is None and not _lists_all(target):
            return Scan(items=None), _NOT_ALL, None
        note = "" if isinstance(target, DeletableTarget) else _NOT_EDITABLE
        if any(isinstance(t, Space) for t in self._sought.tenants or ()) and not _lists_all(target):
            note = "; ".join(filter(None, (_NOT_SPACES, note)))
        found, error = self._service.retry.run(lambda: self._scan(target, self.names[index], keep))
        return found or Scan(items=None), note, error

    def _scan(self, target: ListingTarget, name: str, keep: set[str] | None) -> Scan:
        tags = getattr(target, "tags", None)
        tags = tags if isinstance(tags, TenantTags) else None
        scan = Scan()
        counted = 0
        for item, expected in self._items(target, tags):
            counted += 1
            held, others = self._sought.held(item)
            if not held:
                continue
            label = None if tags is None else item.metadata.get(tags.key)
            reason, owner, sure = self._judged(held, label, expected, tags)
            if not reason and not isinstance(target, DeletableTarget):
                reason = previews.BY_HAND
            key = self._service.subjects.hashed("item", f"{name}|{item.id}")
            decision = previews.REVIEW if reason else previews.ERASE
            mention = Mention(key, name, reason, decision, others, owner, item.id)
            scan.mentions.append(mention)
            scan.seen |= held
            if keep is not None and key in keep:
                scan.kept.append((mention, item, held if reason else sure))
        scan.items = counted
        return scan

    def _items(
        self, target: ListingTarget, tags: TenantTags | None
    ) -> Iterator[tuple[StoredItem, str | None]]:
        """The items to look at, each with the vault id of the user it was listed for."""
        if self._sought.tenants is None:
            for item in target.all_items():  # type: ignore[attr-defined]
                yield item, None
            return
        spaces = [tenant for tenant in self._sought.tenants if isinstance(tenant, Space)]
        for tenant in self._sought.tenants:
            if not isinstance(tenant, Space):
                for item in target.items(tenant):
                    yield item, tenant
        if spaces and tags is not None and _lists_all(target):
            labels = {tags.space(space): space.vault_id for space in spaces}
            for item in target.all_items():  # type: ignore[attr-defined]
                label = item.metadata.get(tags.key)
                if isinstance(label, str) and label in labels:
                    yield item, labels[label]

    def _judged(
        self, held: set[str], label: Any, expected: str | None, tags: TenantTags | None
    ) -> tuple[str, str | None, set[str]]:
        """Why somebody has to look at an item, the hash of its user, and the sure tokens in it."""
        user = expected
        if isinstance(label, str) and is_space(label):
            return previews.SHARED_SPACE, None, set()
        if user is None:
            if not isinstance(label, str):
                return previews.NOBODYS, None, set()
            user = _plain(label) if tags is not None and not tags.keyed else None
        owner = None if user is None else self._service.subjects.subject(user)
        of_user = None if user is None else {vault.tag(user) for vault in self._sought.vaults}
        signs = [pair for token in held for pair in self._sought.signs[token]]
        own = [sign for sign, tag in signs if of_user is None or tag in of_user]
        sure = {s.token for s in own if s.how == people.EXACT and not s.made_up}
        if sure:
            return "", owner, sure
        if not own:
            return previews.FOREIGN, owner, sure
        spelt = any(sign.how == people.SPELLING for sign in own)
        return (previews.OTHER_SPELLING if spelt else previews.MADE_UP), owner, sure


def previewed(
    values: str | Sequence[str],
    service: ErasureService,
    *,
    tenants: Iterable[Tenant] | None = None,
    entity_types: Sequence[str] | None = None,
    spellings: bool = True,
    progress: bool = False,
) -> SubjectPreview:
    """Find every chunk that mentions a person. See `ErasureService.find_subject`."""
    person = Person(values, entity_types, spellings=spellings)
    sought = wanted(person, service.vaults, tenants, progress=progress)
    search = Search(service, person, sought)
    entries: list[TargetMentions] = []
    mentions: list[Mention] = []
    for index in shown(range(len(search.targets)), "looking through stores", progress):
        scan, note, error = search.scan(index)
        entries.append(_entry(search.targets[index], search.names[index], scan, note, error))
        mentions += scan.mentions
    return SubjectPreview(
        search.subject,
        round(time.time(), 3),
        sought.users,
        sought.locked,
        sought.values,
        None if entity_types is None else tuple(entity_types),
        spellings,
        tuple(entries),
        tuple(mentions),
    )


def _entry(
    target: ErasureTarget, name: str, scan: Scan, note: str, error: str | None
) -> TargetMentions:
    items = None if error is not None else scan.items
    return TargetMentions(
        name, target.kind, items, isinstance(target, DeletableTarget), note, error
    )


def _first(target: ListingTarget, user: str) -> StoredItem | None:
    return next(iter(target.items(user)), None)


def _lists_all(target: ErasureTarget) -> bool:
    return callable(getattr(target, "all_items", None))


def _checked(tenants: Iterable[Tenant] | None) -> list[Tenant] | None:
    if tenants is None:
        return None
    if isinstance(tenants, str | bytes | Space) or not isinstance(tenants, Iterable):
        raise InvalidInputError("tenants is a list of user ids and spaces, or None for everybody")
    given = [t if isinstance(t, Space) else check_user_id(t) for t in tenants]
    if not given:
        raise InvalidInputError("no users to be searched")
    return list(dict.fromkeys(given))


def _vault_id(tenant: Tenant) -> str:
    return tenant.vault_id if isinstance(tenant, Space) else tenant


def _plain(label: str) -> str | None:
    try:
        return check_user_id(label)
    except InvalidUserIdError:
        return None
