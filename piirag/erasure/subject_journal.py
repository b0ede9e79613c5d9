"""What the journal keeps of the erasure of a person, so that it can be resumed without the caller.

What the person is known by and the preview are in it sealed under the vault's master key, like the
id of a user, and are wiped once the work is done.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from piirag.erasure.preview import SubjectPreview
from piirag.errors import InvalidInputError
from piirag.tenancy.tags import Space

if TYPE_CHECKING:
    from piirag.erasure.receipt import ErasureReceipt
    from piirag.erasure.service import ErasureService

Tenant = str | Space


@dataclass(frozen=True, repr=False)
class Request:
    """What was asked for.

    Args:
        values: What the person is known by.
        preview: What may be erased.
        how: Delete items, or scrub them again.
        tenants: The users and spaces that are searched; None for everybody.
    """

    values: tuple[str, ...]
    preview: SubjectPreview = field()
    how: str
    tenants: tuple[Tenant, ...] | None

    @classmethod
    def of(
        cls,
        values: Iterable[str],
        preview: SubjectPreview,
        how: str,
        tenants: Iterable[Tenant] | None,
    ) -> Request:
        """A request from what `erase_subject` was called with."""
        return cls(tuple(values), preview, how, None if tenants is None else tuple(tenants))

    def to_bytes(self) -> bytes:
        """As it is sealed."""
        tenants = None if self.tenants is None else [_written(tenant) for tenant in self.tenants]
        data = {
            "values": list(self.values),
            "preview": self.preview.to_json(),
            "how": self.how,
            "tenants": tenants,
        }
        return zlib.compress(json.dumps(data).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> Request:
        """Undo `to_bytes`.

        Raises:
            InvalidInputError: It was written by a version that is not known.
        """
        try:
            held = json.loads(zlib.decompress(data))
            preview = SubjectPreview.from_json(held["preview"])
            tenants = held["tenants"]
            read = None if tenants is None else [_read(tenant) for tenant in tenants]
            return cls.of(held["values"], preview, held["how"], read)
        except (ValueError, KeyError, TypeError, zlib.error):
            pass
        raise InvalidInputError("the journal holds an erasure of a person that cannot be read")

    def __repr__(self) -> str:
        return f"Request({len(self.values)} values)"


def resumed(service: ErasureService, id: str, data: bytes) -> ErasureReceipt | None:
    """Finish the erasure of a person that was interrupted.

    Args:
        service: Whose journal it is in.
        id: Which erasure.
        data: What was sealed.

    Returns:
        The receipt; None where another process is at it.
    """
    from piirag.erasure.subject_erasure import finished

    return finished(service, Request.from_bytes(data), id=id)


def _written(tenant: Tenant) -> str | list[str | None]:
    return [tenant.group] if isinstance(tenant, Space) else tenant


def _read(held: str | list[str | None]) -> Tenant:
    return held if isinstance(held, str) else Space(held[0])
