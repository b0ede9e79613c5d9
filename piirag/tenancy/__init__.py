"""User ids, tenant tags, filters and ownership checks."""

from piirag.tenancy.binding import TenantBinding
from piirag.tenancy.chunks import Chunk, ChunkScrubber
from piirag.tenancy.tags import TenantTags
from piirag.user_id import check_plain_user_id, check_user_id

__all__ = [
    "Chunk",
    "ChunkScrubber",
    "TenantBinding",
    "TenantTags",
    "check_plain_user_id",
    "check_user_id",
]
