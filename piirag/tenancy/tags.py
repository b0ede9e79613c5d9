"""From a user id to the tag that stands in a store."""

from __future__ import annotations

from dataclasses import dataclass

from piirag.errors import ConfigurationError, TenancyError
from piirag.user_id import check_plain_user_id
from piirag.vault.vault import Vault

TENANT_KEY = "user_id"


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
            return self.vault.tenant_tag(user_id)
        return check_plain_user_id(user_id)

    def require(self, tag: str, metadata: object) -> None:
        """Check that an item read from a store belongs to the tenant.

        Raises:
            TenancyError: It does not, or bears no tag. The store ignored the filter.
        """
        found = metadata.get(self.key) if isinstance(metadata, dict) else None
        if type(found) is not str or found != tag:
            raise TenancyError(
                "the store returned an item of another tenant or of none; nothing was returned"
            )
