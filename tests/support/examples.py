"""How many examples property tests run: few by default, many in the long profile.

```sh
PIIRAG_EXAMPLES=100000 pytest tests/core/test_rehydrate.py -q
```
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

VARIABLE = "PIIRAG_EXAMPLES"


def examples(usual: int) -> settings:
    """Settings for a property test.

    Args:
        usual: How many examples it runs unless the environment variable names another number.
    """
    wanted = int(os.environ.get(VARIABLE, "0"))
    return settings(
        max_examples=wanted or usual,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
