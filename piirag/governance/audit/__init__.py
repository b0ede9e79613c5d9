"""The audit log: one record a model call or retrieval, chained, without personal data.

- `record`: the schema; `fields`: what becomes of each field before it is written.
- `tags`: keyed tags for users, sessions and inputs, which end with their secrets.
- `chain`, `verify`: the hash chain, and checking it.
- `sinks`: where records go; `log`: the log itself; `target`: the log in erasures and exports.
- `config`: the ``[audit]`` table of ``piirag.toml``.
"""

from piirag.governance.audit.chain import Chain, Head
from piirag.governance.audit.config import AuditConfig
from piirag.governance.audit.log import AuditLog
from piirag.governance.audit.record import (
    ACTIONS,
    EVENTS,
    OUTCOMES,
    SCHEMA_VERSION,
    AuditRecord,
)
from piirag.governance.audit.sinks import (
    JSONLinesSink,
    LoggingSink,
    OpenTelemetrySink,
    PostgresSink,
    SQLiteSink,
    StructlogSink,
)
from piirag.governance.audit.sinks.postgres import PostgresTags
from piirag.governance.audit.tags import MemoryTags, SQLiteTags, UserTags
from piirag.governance.audit.verify import Problem, Verification
from piirag.governance.labels import LABELS

__all__ = [
    "ACTIONS",
    "EVENTS",
    "LABELS",
    "OUTCOMES",
    "SCHEMA_VERSION",
    "AuditConfig",
    "AuditLog",
    "AuditRecord",
    "Chain",
    "Head",
    "JSONLinesSink",
    "LoggingSink",
    "MemoryTags",
    "OpenTelemetrySink",
    "PostgresSink",
    "PostgresTags",
    "Problem",
    "SQLiteSink",
    "SQLiteTags",
    "StructlogSink",
    "UserTags",
    "Verification",
]
