"""User ids, tenant tags, filters and ownership checks."""

from piirag.tenancy.binding import TenantBinding
from piirag.tenancy.chunks import Chunk, ChunkScrubber
from piirag.tenancy.filters import EXPIRES_KEY, Language, Scope
from piirag.tenancy.tags import SHARED, Space, TenantTags, spaces
from piirag.user_id import check_plain_user_id, check_user_id

__all__ = [
    "EXPIRES_KEY",
    "SHARED",
    "Chunk",
    "ChunkScrubber",
    "Language",
    "Scope",
    "Space",
    "TenantBinding",
    "TenantTags",
    "check_plain_user_id",
    "check_user_id",
    "spaces",
]
