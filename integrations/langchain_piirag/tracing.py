"""What a tracer may record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from piirag.detection.known import Known
from piirag.detection.protocol import Detector
from piirag.errors import PiiragError
from piirag.policy import Policy
from piirag.redaction import Redactor, Scrubber
from piirag.redaction.walk import redact_value

WITHHELD = {"piirag": "withheld: this could not be searched for personal data"}

_WITHHELD_ERROR = "withheld: this could not be searched for personal data"


def create_anonymizer(
    *,
    policy: Policy | None = None,
    detector: Detector | None = None,
    scrubber: Scrubber | None = None,
    user_id: str | None = None,
    known: Known | None = None,
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function for ``langsmith.Client(anonymizer=...)``.

    `RedactedModel` and the retrievers keep the runs inside a chain clean, but the run of the
    chain itself records what the application passed in and got back. This takes the personal
    data out of inputs, outputs, metadata and error messages before they leave for LangSmith.
    What cannot be searched is withheld whole.

    Args:
        policy: What to look for.
        detector: Finds entities.
        scrubber: Where values known for a user are kept; needs `user_id`.
        user_id: That user.
        known: Values the application knows.

    Returns:
        A function from a dict to a dict with placeholders in place of personal data. The mapping
        is thrown away.
    """
    redactor = Redactor(policy, detector, scrubber=scrubber)

    def anonymize(data: dict[str, Any]) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = redact_value(
                redactor.session(user_id=user_id, known=known), data
            )
        except PiiragError:
            # Where the key it asked for is missing, LangSmith sends the raw error.
            return {**WITHHELD, **({"error": _WITHHELD_ERROR} if "error" in data else {})}
        return cleaned

    return anonymize
