"""For each sink and field: store, redact, hash, or drop.

```toml
[logging]
default = "redact"              # for fields that nothing is said about

[logging.fields]                # in every sink
customer = "hash"
prompt = "redact"

[logging.sinks.otel]            # in this one
prompt = "drop"
reply = "drop"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from piirag.config_file import read_toml, table_of
from piirag.errors import ConfigurationError

STORE, REDACT, HASH, DROP = "store", "redact", "hash", "drop"
ACTIONS = (STORE, REDACT, HASH, DROP)

_KEYS = ("default", "fields", "sinks")


@dataclass(frozen=True)
class LoggingPolicy:
    """What becomes of a field in a sink.

    - ``"store"``: written as it is. The second look still replaces what has the form of personal
      data: a policy cannot let a card number through.
    - ``"redact"``: findings of the detector are replaced by their type.
    - ``"hash"``: a keyed hash, by which equal values can be told.
    - ``"drop"``: left out.

    What is said of a field in a sink goes before what is said of the field, and that before the
    default. The default is ``"redact"``, so that a field nobody thought of is not let through.

    Args:
        default: For fields that nothing is said about.
        fields: Name of the field -> what becomes of it, in every sink.
        sinks: Name of the sink -> name of the field -> what becomes of it there.

    Raises:
        ConfigurationError: An action that there is not.
    """

    default: str = REDACT
    fields: Mapping[str, str] = field(default_factory=dict)
    sinks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check({"default": self.default}, "logging")
        _check(self.fields, "logging.fields")
        if not isinstance(self.sinks, Mapping):
            raise ConfigurationError("logging.sinks must be a table")
        for name, table in self.sinks.items():
            _check(table, f"logging.sinks.{str(name)[:40]}")
        fixed = {name: MappingProxyType(dict(table)) for name, table in self.sinks.items()}
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))
        object.__setattr__(self, "sinks", MappingProxyType(fixed))

    @classmethod
    def from_file(cls, path: str | Path) -> LoggingPolicy:
        """The policy of a ``piirag.toml``; the default one where it has no ``[logging]``.

        Raises:
            ConfigurationError: It cannot be read, or holds what nobody knows.
        """
        table = table_of(read_toml(path), "logging", _KEYS)
        return cls(**dict(table))

    def action(self, sink: str, field: str, otherwise: str | None = None) -> str:
        """What becomes of a field in a sink.

        Args:
            sink: Name of the sink.
            field: Name of the field.
            otherwise: The default where this policy says nothing of the field; its own if None.
        """
        chosen = self.sinks.get(sink, {}).get(field) or self.fields.get(field)
        return chosen or otherwise or self.default

    def over(self, base: LoggingPolicy) -> LoggingPolicy:
        """This policy, with what another says where this one says nothing."""
        names = [*base.sinks, *self.sinks]
        sinks = {
            name: {
                **base.sinks.get(name, {}),
                # What is said here of a field goes before what the base says of it in a sink.
                **self.fields,
                **self.sinks.get(name, {}),
            }
            for name in names
        }
        return LoggingPolicy(self.default, {**base.fields, **self.fields}, sinks)


def _check(table: Mapping[str, str], where: str) -> None:
    if not isinstance(table, Mapping) or not all(isinstance(key, str) for key in table):
        raise ConfigurationError(f"{where} must be a table")
    for action in table.values():
        if action not in ACTIONS:
            raise ConfigurationError(f"{where}: an action is one of {', '.join(ACTIONS)}")
