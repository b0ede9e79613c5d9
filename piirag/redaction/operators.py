"""What a scrubber can put in place of a finding.

`replace`, `mask`, `hash`, `encrypt`, `redact` and `keep` are presidio-anonymizer's own
operators; `pseudonym` and `surrogate` are piirag's, since they need the vault, and so is
`generalize`, which puts a coarser value in place of a specific one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from piirag.detection.text import shown_type
from piirag.errors import ConfigurationError

PSEUDONYM = "pseudonym"
SURROGATE = "surrogate"
_PRESIDIO = ("replace", "mask", "hash", "encrypt", "redact", "keep")
GENERALIZE = "generalize"
KEEP = "keep"
NAMES = (PSEUDONYM, SURROGATE, GENERALIZE, *_PRESIDIO)


def split(spec: Any) -> tuple[str, dict[str, Any]]:
    """Name and parameters of an operator."""
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, tuple | list) and len(spec) == 2 and isinstance(spec[1], Mapping):
        return str(spec[0]), dict(spec[1])
    name = getattr(spec, "operator_name", None)  # presidio_anonymizer.entities.OperatorConfig
    if isinstance(name, str):
        return name, dict(getattr(spec, "params", None) or {})
    raise ConfigurationError("an operator is a name or a pair of name and parameters")


def check_operator(entity_type: str, spec: Any) -> None:
    """Check an operator and its parameters.

    Raises:
        ConfigurationError: Unknown name or parameters that presidio-anonymizer refuses.
    """
    name, params = split(spec)
    if name not in NAMES:
        raise ConfigurationError(
            f"unknown operator {name!r} for {shown_type(entity_type)}; one of {', '.join(NAMES)}"
        )
    if name in {PSEUDONYM, SURROGATE, GENERALIZE}:
        return
    if name == "encrypt" and "key" not in params:
        raise ConfigurationError(
            f"operator 'encrypt' for {shown_type(entity_type)} needs a key of 16, 24 or 32 bytes"
        )
    reason = ""
    try:
        _presidio(name).validate(_complete(name, params, entity_type, salt=b"\0" * 16))
    except Exception as error:  # noqa: BLE001 - presidio's message may quote the key
        reason = type(error).__name__
    if reason:
        raise ConfigurationError(
            f"parameters of operator {name!r} for {shown_type(entity_type)}: {reason}"
        )


def apply(spec: Any, value: str, entity_type: str, *, salt: bytes) -> str:
    """Run an operator that needs no vault.

    Args:
        spec: The operator.
        value: What stands in the text.
        entity_type: Its type.
        salt: Secret of the tenant, under which `hash` is keyed unless it has its own salt.

    Raises:
        ConfigurationError: The operator failed; nothing of the value is in the message.
    """
    name, params = split(spec)
    if name == GENERALIZE:
        from piirag.detection.quasi import generalize

        return generalize(entity_type, value)
    reason = ""
    try:
        operator = _presidio(name)
        result = operator.operate(value, _complete(name, params, entity_type, salt))
        return str(result)
    except Exception as error:  # noqa: BLE001 - its message may hold the value
        reason = type(error).__name__
    raise ConfigurationError(f"operator {name!r} failed on {entity_type}: {reason}")


def _presidio(name: str) -> Any:
    from presidio_anonymizer.operators import OperatorsFactory, OperatorType

    return OperatorsFactory().create_operator_class(name, OperatorType.Anonymize)


def _complete(name: str, params: dict[str, Any], entity_type: str, salt: bytes) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    if name == "replace":
        defaults = {"new_value": f"<{entity_type}>"}
    elif name == "mask":
        defaults = {"masking_char": "*", "chars_to_mask": 10**6, "from_end": False}
    elif name == "hash":
        defaults = {"salt": salt}
    return {**defaults, **params, "entity_type": entity_type}
