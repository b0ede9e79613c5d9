"""What may be written to which log: a policy as data, and what applies it.

- `policy`: for each sink and field one of store, redact, hash, drop.
- `check`: the second look at what is about to be written.
- `apply`: does both to a record.
- `logs`, `structured`: the same for an application's own logs, by Python's logging and structlog.
"""

from piirag.governance.logging_policy.apply import Writer
from piirag.governance.logging_policy.check import SecondCheck
from piirag.governance.logging_policy.logs import PolicyLogFilter
from piirag.governance.logging_policy.policy import ACTIONS, LoggingPolicy
from piirag.governance.logging_policy.structured import PolicyStructlogProcessor

__all__ = [
    "ACTIONS",
    "LoggingPolicy",
    "PolicyLogFilter",
    "PolicyStructlogProcessor",
    "SecondCheck",
    "Writer",
]
