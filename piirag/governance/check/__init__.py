"""The compliance check: a checklist with evidence, and a live self-test with planted values.

- `run`: all of it; `lines`: a line and the report; `config`: the `[check]` table.
- `seen`, `code`, `functions`: looking into the code's objects, by the frameworks' own packages.
- `policy`, `files`, `erasure`, `parts`: the lines about the configuration and what it names.
- `live`, `live_parts`, `canaries`: the live run.

What cannot be seen is unknown, and never a pass.
"""

from piirag.governance.check.config import CheckConfig, Loaded
from piirag.governance.check.lines import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Line,
    Report,
)
from piirag.governance.check.live import selftest
from piirag.governance.check.live_parts import Parts
from piirag.governance.check.run import check

__all__ = [
    "FAIL",
    "NOT_APPLICABLE",
    "PASS",
    "UNKNOWN",
    "CheckConfig",
    "Line",
    "Loaded",
    "Parts",
    "Report",
    "check",
    "selftest",
]
