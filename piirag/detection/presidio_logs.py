"""Keeping text out of Presidio's logs."""

from __future__ import annotations

import logging

# Messages of presidio-analyzer 2.2.366 whose arguments are words of the text: the surroundings of
# every finding, at DEBUG, and a value that could not be parsed, at ERROR.
_WITH_TEXT = ("Context list is", "Failed to validate text")

# Said once for every recogniser of a language that was not asked for.
_NOISE = "Recognizer not added to registry because language is not supported"


class _Withhold(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = str(record.msg)
        if message.startswith(_WITH_TEXT) and record.args:
            record.args = ("(withheld)",)
        return not message.startswith(_NOISE)


def withhold_text() -> None:
    """Take the text out of Presidio's log messages, whoever's engine writes them."""
    logger = logging.getLogger("presidio-analyzer")
    if not any(isinstance(f, _Withhold) for f in logger.filters):
        logger.addFilter(_Withhold())
