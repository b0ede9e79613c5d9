"""The mapping of a model call as bytes, for sealing only."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from piirag.errors import InvalidInputError, VaultError

if TYPE_CHECKING:
    from piirag.redaction.mapping import RedactionMapping

_FORM = 1


def encode_mapping(mapping: RedactionMapping, now: float) -> bytes:
    """What a mapping holds, as JSON. It is in the clear: seal it at once.

    Kept are the placeholders in their order with value, type and ownership, the stand-ins, and
    the time at which the mapping ends. All else is built from these again.

    Args:
        mapping: The mapping, not closed.
        now: Seconds since the epoch.

    Raises:
        InvalidInputError: Not a mapping, or a closed one.
    """
    from piirag.redaction.mapping import RedactionMapping

    if not isinstance(mapping, RedactionMapping):
        raise InvalidInputError(f"a session holds a RedactionMapping, not {type(mapping).__name__}")
    if mapping.closed:
        raise InvalidInputError("this mapping is closed: its values are gone")
    tokens = [
        [token, value, mapping._kinds[token], token in mapping._foreign]
        for token, value in mapping._values.items()
    ]
    stand_ins = [[text, *held] for text, held in mapping._stand_ins.items()]
    # The mapping's own clock means nothing in another process.
    ends = None if mapping._ends is None else now + mapping._ends - time.monotonic()
    return json.dumps([_FORM, tokens, stand_ins, ends]).encode()


def decode_mapping(plain: bytes, now: float) -> RedactionMapping:
    """Undo `encode_mapping`.

    Args:
        plain: The bytes.
        now: Seconds since the epoch.

    Raises:
        VaultError: Written by a version that knows another form.
    """
    from piirag.redaction.mapping import RedactionMapping

    form, *parts = json.loads(plain)
    if form != _FORM or len(parts) != 3:
        raise VaultError("this session was written by another version of piirag")
    tokens, stand_ins, ends = parts
    mapping = RedactionMapping(None if ends is None else ends - now)
    for token, value, kind, foreign in tokens:
        mapping.add(token, value, kind, foreign=foreign)
    for text, token, value in stand_ins:
        mapping.add_stand_in(text, token, value)
    return mapping
