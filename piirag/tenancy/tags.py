"""From a user id to the tag that stands in a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    InvalidUserIdError,
    TenancyError,
)
from piirag.user_id import check_plain_user_id
from piirag.vault.vault import Vault

TENANT_KEY = "user_id"

_RESERVED = "piirag:"
# No tag of a user begins with a dot, so that no user can be called like a space.
_SHARED_TAG = ".shared"
_GROUP_TAG = ".group."


@dataclass(frozen=True)
class Space:
    """A part of a store that belongs to no single user: the shared one, or that of a group.

    Args:
        group: The name of the group, of the alphabet of plain user ids; None for the shared space.

    Raises:
        InvalidUserIdError: A name outside that alphabet.
    """

    group: str | None = None

    def __post_init__(self) -> None:
        if self.group is not None:
            check_plain_user_id(self.group)

    @classmethod
    def of(cls, group: str) -> Space:
        """The space of a group; unlike the constructor, no name is no space.

        Raises:
            InvalidUserIdError: A name outside the alphabet of plain user ids.
        """
        return cls(check_plain_user_id(group))

    @property
    def vault_id(self) -> str:
        """Under which id the vault keeps the space's values."""
        return f"{_RESERVED}shared" if self.group is None else f"{_RESERVED}group:{self.group}"

    def __repr__(self) -> str:
        return "Space(shared)" if self.group is None else "Space(group)"


SHARED = Space()
"""What every user may read who is given it, and only an explicit call may write."""


def is_space(tag: str) -> bool:
    """Whether a tag is that of a space: of the shared one or of a group."""
    return tag == _SHARED_TAG or tag.startswith(_GROUP_TAG)


def spaces(shared: bool, groups: Sequence[str]) -> list[Space]:
    """The spaces that a user reads besides.

    Raises:
        InvalidInputError: `groups` is no list, or `shared` no boolean.
        InvalidUserIdError: The name of a group outside the alphabet of plain user ids.
    """
    if type(shared) is not bool or isinstance(groups, str) or not isinstance(groups, Sequence):
        raise InvalidInputError("shared is a boolean, groups is a list of names")
    return [*([SHARED] if shared else []), *(Space.of(name) for name in groups)]


@dataclass(frozen=True)
class TenantTags:
    """How stored items name the user they belong to.

    Args:
        key: Metadata key of the tag.
        vault: Where the key of the hash comes from, in keyed mode.
        keyed: Store a keyed hash in place of the user id. Any string may then be a user id, and
            an e-mail address used as one stays out of the store.

    Raises:
        ConfigurationError: Keyed mode without a vault, or an unusable metadata key.
    """

    key: str = TENANT_KEY
    vault: Vault | None = None
    keyed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key.isidentifier():
            raise ConfigurationError("the tenant key must be a plain identifier")
        if self.keyed and self.vault is None:
            raise ConfigurationError("keyed user ids need a vault, which holds the key")

    def tag(self, user_id: str) -> str:
        """The tag of a user.

        Raises:
            InvalidUserIdError: Missing or unsafe; in plain mode, also outside the safe alphabet.
        """
        if self.keyed and self.vault is not None:
            if type(user_id) is str and user_id.startswith(_RESERVED):
                raise InvalidUserIdError(f"user ids that begin with {_RESERVED!r} are reserved")
            return self.vault.tenant_tag(user_id)
        return check_plain_user_id(user_id)

    def space(self, space: Space) -> str:
        """The tag of a space. The name of a group is hashed in keyed mode like a user id."""
        if space.group is None:
            return _SHARED_TAG
        if self.keyed and self.vault is not None:
            return _GROUP_TAG + self.vault.tenant_tag(space.vault_id)
        return _GROUP_TAG + space.group

    def require(self, tag: str | tuple[str, ...], metadata: object) -> str:
        """Check that an item read from a store belongs to the tenant; return its tag.

        Args:
            tag: The tenant's tag, or all that the tenant may read.
            metadata: The item's.

        Raises:
            TenancyError: It does not, or bears no tag. The store ignored the filter.
        """
        found = metadata.get(self.key) if isinstance(metadata, dict) else None
        if type(found) is not str or found not in ((tag,) if isinstance(tag, str) else tag):
            raise TenancyError(
                "the store returned an item of another tenant or of none; nothing was returned"
            )
        return found
