"""What a policy may hold. Each check raises an error that says where in the policy it is wrong.

The place is a path of keys and indices, ``("recognizers", 0, "patterns", 1, "regex")``, from which
`piirag.policy_file` tells the line. Values of `allow` and `deny` are people's names and numbers:
no message quotes one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from piirag.detection.text import normal_form, shown_type
from piirag.errors import ConfigurationError

if TYPE_CHECKING:
    from piirag.policy import Policy

Path = tuple[str | int, ...]

CHOICES = {
    "on_error": ("raise",),
    "quasi_identifiers": ("off", "warn", "generalize", "redact"),
    "special_categories": ("off", "flag", "redact"),
    "second_look": ("off", "redact", "block"),
    "replies": ("redact", "allow", "block"),
    "placeholders": ("token", "surrogate"),
    "pseudonyms": ("keyed", "random"),
}

# The countries for which Presidio or piirag has recognisers.
COUNTRIES = frozenset(
    "au ca de es fi fr gb in it kr ng nl ph pl se sg th tr us za".split()
)  # fmt: skip
_OTHER_NAMES = {"uk": "gb"}

# Of presidio-anonymizer's operators.
_PARAMETERS = {
    "replace": ("new_value",),
    "mask": ("masking_char", "chars_to_mask", "from_end"),
    "hash": ("hash_type", "salt"),
    "encrypt": ("key",),
}

# Shorter values would be found in every other word.
_SHORTEST_DENIED = 2

# The type that quotes token-shaped text; see `piirag.redaction.tokens`.
_RESERVED = "LITERAL"


class PolicyError(ConfigurationError):
    """A policy that cannot work, and where in it.

    Args:
        message: What is wrong.
        path: Keys and indices that lead there.
        key: Whether the last key itself is wrong, and not its value.
    """

    def __init__(self, message: str, path: Path = (), *, key: bool = False) -> None:
        self.path = path
        self.key = key
        super().__init__(message)


def check_basics(policy: Policy) -> None:
    """Check all that needs no list of values."""
    if policy.entities is not None:
        _strings(policy.entities, ("entities",))
    _strings(policy.languages, ("languages",))
    if not policy.languages:
        raise PolicyError("a policy needs at least one language", ("languages",))
    for name, choices in CHOICES.items():
        _choice(getattr(policy, name), choices, name)
    _each_type(policy.thresholds, "thresholds", check_threshold)
    _each_type(policy.operators, "operators", _check_operator)
    threshold = policy.quasi_threshold
    if not isinstance(threshold, int) or isinstance(threshold, bool) or threshold < 2:
        raise PolicyError("quasi_threshold must be a whole number from 2", ("quasi_threshold",))
    most = policy.max_restored
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 0):
        raise PolicyError("max_restored must be a whole number, or None", ("max_restored",))
    seconds = policy.seconds_per_kb
    if not _is_number(seconds) or not math.isfinite(seconds) or seconds <= 0:
        raise PolicyError("seconds_per_kb must be a number above 0", ("seconds_per_kb",))
    _check_model(policy.model)


def check_threshold(entity_type: str, threshold: Any, path: Path) -> None:
    """Check one threshold."""
    if not _is_number(threshold) or math.isnan(threshold) or not 0 <= threshold <= 1:
        raise PolicyError(f"threshold of {shown_type(entity_type)} must be between 0 and 1", path)


def _check_operator(entity_type: str, spec: Any, path: Path) -> None:
    from piirag.redaction.operators import NAMES, check_operator, split

    hint = ""
    name, parameters = "", dict[str, Any]()
    try:
        name, parameters = split(spec)
        if name not in NAMES:
            hint = did_you_mean(name, NAMES)
        check_operator(entity_type, spec)
        reason = ""
    except ConfigurationError as error:
        reason = str(error)
    if reason:
        raise PolicyError(reason + hint, path)
    # Presidio ignores a parameter that it does not know.
    known = _PARAMETERS.get(name, ())
    for parameter in parameters:
        if parameter not in known:
            hint = did_you_mean(parameter, known) or f"; it takes {' '.join(known) or 'none'}"
            raise PolicyError(
                f"unknown parameter of operator {name!r}{hint}", (*path, parameter), key=True
            )


def operator_name(spec: Any) -> str:
    """The name of an operator, without its parameters."""
    from piirag.redaction.operators import split

    return split(spec)[0]


def _check_model(model: Any) -> None:
    from piirag.detection.engines import check_model

    try:
        check_model(model)
        return
    except PolicyError as error:
        wrong = error
    raise PolicyError(str(wrong), ("model", *wrong.path), key=wrong.key)


def checked_countries(countries: Any) -> tuple[str, ...]:
    """Country codes in lower case, each once, in order.

    Raises:
        PolicyError: Not a list of codes, or a country that there are no recognisers for.
    """
    checked = []
    for i, country in enumerate(_strings(countries, ("countries",))):
        code = country.lower()
        code = _OTHER_NAMES.get(code, code)
        if code not in COUNTRIES:
            raise PolicyError(
                "no recognisers for this country; there are some for "
                + " ".join(sorted(COUNTRIES)),
                ("countries", i),
            )
        checked.append(code)
    return tuple(dict.fromkeys(checked))


def checked_recognizers(recognizers: Any) -> tuple[Any, ...]:
    """Recognisers, those in Presidio's dictionary form checked."""
    given = _list(recognizers, ("recognizers",))
    if given:
        from piirag.detection.custom import check_recognizer

        for i, recognizer in enumerate(given):
            check_recognizer(recognizer, ("recognizers", i))
    return tuple(given)


def checked_allow(allow: Any) -> tuple[Any, ...]:
    """The entries of an allow list. Threat D13."""
    given = _list(allow, ("allow",))
    if given:
        from piirag.detection.allow import check_entry

        for i, entry in enumerate(given):
            check_entry(entry, ("allow", i))
    return tuple(given)


def checked_deny(deny: Any) -> dict[str, tuple[str, ...]]:
    """The entries of a deny list."""
    checked = {}

    def check(entity_type: str, values: Any, path: Path) -> None:
        if shown_type(entity_type) != entity_type:
            _wrong("a key of deny must be an entity type, in capitals", path, key=True)
        if entity_type == _RESERVED:
            _wrong(f"{_RESERVED} is reserved", path, key=True)
        for i, value in enumerate(_strings(values, path)):
            if sum(map(str.isalnum, value)) < _SHORTEST_DENIED:
                raise PolicyError(
                    f"a value of {entity_type} to be found must hold at least "
                    f"{_SHORTEST_DENIED} letters or digits",
                    (*path, i),
                )
        checked[entity_type] = tuple(values)

    _each_type(deny, "deny", check)
    return checked


def check_lists(policy: Policy) -> None:
    """No value may be both allowed and denied."""
    if not policy.allow or not policy.deny:
        return
    denied = {
        (kind, normal_form(kind, value)): (kind, i)
        for kind, values in policy.deny.items()
        for i, value in enumerate(values)
    }
    for kind in policy.deny:
        for i, entry in enumerate(policy.allow):
            if isinstance(entry, str) and (kind, normal_form(kind, entry)) in denied:
                raise PolicyError(f"a value is both in allow and in deny[{kind}]", ("allow", i))


def did_you_mean(given: Any, known: Iterable[str]) -> str:
    """``"; did you mean 'thresholds'?"``, where something known is close; else nothing."""
    close = difflib.get_close_matches(str(given)[:64], list(known), 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _choice(value: Any, choices: Sequence[str], name: str) -> None:
    if isinstance(value, str) and value in choices:
        return
    if name == "on_error":
        raise PolicyError('on_error must be "raise": piirag fails closed', (name,))
    offered = " or ".join(f'"{c}"' for c in choices)
    raise PolicyError(f"{name} must be {offered}" + did_you_mean(value, choices), (name,))


def _each_type(mapping: Any, name: str, check: Callable[[str, Any, Path], None]) -> None:
    """Run a check over the entries of a mapping from entity types."""
    if not isinstance(mapping, Mapping):
        _wrong(f"{name} must map entity types to values", (name,))
    for entity_type, value in mapping.items():
        if not isinstance(entity_type, str) or not entity_type:
            _wrong(f"a key of {name} must be the name of an entity type", (name,))
        check(entity_type, value, (name, entity_type))


def _list(value: Any, path: Path) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        _wrong(f"{path[-1]} must be a list", path)
    return list(value)


def _strings(value: Any, path: Path) -> list[str]:
    what = ".".join(str(p) if i == 0 else shown_type(p) for i, p in enumerate(path))
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        _wrong(f"{what} must be a list of strings", path)
    items = list(value)
    for i, item in enumerate(items):
        if not isinstance(item, str) or not item:
            _wrong(f"{what} must be a list of strings; quote numbers", (*path, i))
    return items


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(message: str, path: Path, *, key: bool = False) -> NoReturn:
    raise PolicyError(message, path, key=key)
