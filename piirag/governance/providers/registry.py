"""The registry of providers: a data file with a source and a date for each fact."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from piirag.errors import ConfigurationError
from piirag.governance.providers.contracts import Contract
from piirag.governance.providers.facts import (
    CONFIDENCES,
    FACTS,
    HIDDEN,
    KINDS,
    Fact,
    HostRule,
    ModelRule,
    Provider,
    Source,
)
from piirag.governance.providers.regions import labels_of

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Registry:
    """What is known about providers.

    Attributes:
        providers: By id.
        model_rules: What some models change.
        read_on: When the sources were read.
    """

    providers: Mapping[str, Provider]
    model_rules: tuple[ModelRule, ...]
    read_on: date

    @classmethod
    def load(cls, path: str | Path | None = None) -> Registry:
        """The registry that comes with piirag, or one of your own in the same form.

        Raises:
            ConfigurationError: It cannot be read, or something in it is wrong.
        """
        return _bundled() if path is None else _parsed(_read(Path(path)), str(path))

    def with_contracts(self, contracts: Iterable[Contract]) -> Registry:
        """The same, with the terms of one's own contracts in place of the providers' defaults.

        Raises:
            ConfigurationError: A contract with a provider that is not in the registry.
        """
        providers = dict(self.providers)
        for contract in contracts:
            known = providers.get(contract.provider)
            if known is None:
                names = ", ".join(sorted(providers))
                raise ConfigurationError(
                    f"a contract names {contract.provider[:40]!r}, which is none of: {names}"
                )
            providers[contract.provider] = replace(
                known,
                facts={**known.facts, **contract.facts()},
                regions=contract.regions if contract.regions is not None else known.regions,
                contract=contract.name,
            )
        return replace(self, providers=providers)

    def at(self, host: str) -> list[tuple[Provider, HostRule, re.Match[str]]]:
        """The providers that a host may belong to: several where plans share it."""
        found = []
        for provider in self.providers.values():
            for rule in provider.hosts:
                match = rule.regex.match(host)
                if match is not None:
                    found.append((provider, rule, match))
                    break
        return found

    def __iter__(self) -> Iterator[Provider]:
        return iter(self.providers.values())


@cache
def _bundled() -> Registry:
    text = (files("piirag.governance.providers") / "registry.json").read_text("utf-8")
    return _parsed(json.loads(text), "registry.json")


def _read(path: Path) -> Any:
    reason = ""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (ValueError, RecursionError):
        reason = "not JSON"
    raise ConfigurationError(f"{path}: {reason}")


def _parsed(data: Any, where: str) -> Registry:
    top = _Table(data, where, ("schema", "read_on", "providers", "model_rules"))
    if top.data.get("schema") != SCHEMA:
        raise ConfigurationError(f"{where}: schema is not {SCHEMA}")
    read_on = top.day("read_on")
    if read_on is None:
        raise ConfigurationError(f"{where}: read_on is missing")
    providers: dict[str, Provider] = {}
    for item in top.items("providers"):
        provider = _provider(item, where, read_on)
        if provider.id in providers:
            raise ConfigurationError(f"{where}: two providers {provider.id!r}")
        providers[provider.id] = provider
    rules = tuple(_model_rule(item, where) for item in top.items("model_rules"))
    return Registry(providers, rules, read_on)


def _provider(data: Any, where: str, read_on: date) -> Provider:
    keys = "id name kind tier hosts hosts_sources facts traps ports hidden".split()
    table = _Table(data, where, keys)
    ident = table.text("id")
    where = f"{where}, {ident}"
    table = _Table(data, where, keys)
    facts = _Table(table.data.get("facts"), f"{where}, facts", FACTS)
    missing = [name for name in FACTS if name not in facts.data]
    if missing:
        raise ConfigurationError(f"{where}: no fact {missing[0]}")
    return Provider(
        id=ident,
        name=table.text("name"),
        kind=table.one_of("kind", KINDS),
        hosts=tuple(_host(item, where) for item in table.items("hosts")),
        facts={name: _fact(name, facts.data[name], where, read_on) for name in FACTS},
        traps=table.texts("traps"),
        ports=tuple(port for port in table.items("ports") if isinstance(port, int)),
        hidden=_hidden(table),
        tier=table.data.get("tier"),
        hosts_sources=_sources(table, "hosts_sources"),
    )


def _host(data: Any, where: str) -> HostRule:
    table = _Table(data, f"{where}, hosts", ("regex", "places", "hidden", "region_in", "note"))
    places = table.texts("places")
    for place in places:
        if labels_of(place) is None:
            raise ConfigurationError(f"{where}: no place {place[:40]!r} is known")
    return HostRule(
        table.regex("regex"),
        places,
        _hidden(table),
        table.data.get("region_in"),
        str(table.data.get("note", "")),
    )


def _fact(name: str, data: Any, where: str, read_on: date) -> Fact:
    where = f"{where}, {name}"
    table = _Table(data, where, ("value", "confidence", "note", "sources"))
    if "value" not in table.data:
        raise ConfigurationError(f"{where}: no value; null stands for what is not known")
    value = table.data["value"]
    if value is not None and (type(value) is not FACTS[name] or (type(value) is int and value < 0)):
        raise ConfigurationError(f"{where}: the value is no {FACTS[name].__name__}")
    note = table.data.get("note", "")
    sources = _sources(table, "sources")
    sure = table.one_of("confidence", CONFIDENCES)
    return Fact(name, table.data["value"], sure, note, sources, read_on)


def _model_rule(data: Any, where: str) -> ModelRule:
    where = f"{where}, model_rules"
    table = _Table(data, where, ("model", "fact", "at_least", "note", "sources"))
    least = table.data.get("at_least")
    if type(least) is not int or FACTS.get(table.text("fact")) is not int:
        raise ConfigurationError(f"{where}: a rule raises a number to at least another")
    note = table.text("note")
    return ModelRule(
        table.regex("model"), table.text("fact"), least, note, _sources(table, "sources")
    )


def _sources(table: _Table, key: str) -> tuple[Source, ...]:
    made = []
    for item in table.items(key):
        source = _Table(item, f"{table.where}, {key}", ("url", "as_of"))
        made.append(Source(source.text("url"), source.day("as_of")))
    return tuple(made)


def _hidden(table: _Table) -> tuple[str, ...]:
    hidden = table.texts("hidden")
    if not set(hidden) <= set(HIDDEN):
        raise ConfigurationError(f"{table.where}: hidden is of {', '.join(HIDDEN)}")
    return hidden


class _Table:
    """An object of the file; what is wrong in it raises an error that says where."""

    def __init__(self, data: Any, where: str, keys: Iterable[str]) -> None:
        if not isinstance(data, dict):
            raise ConfigurationError(f"{where}: no object")
        unknown = [key for key in data if key not in keys]
        if unknown:
            raise ConfigurationError(f"{where}: unknown key {unknown[0][:40]!r}")
        self.data: dict[str, Any] = data
        self.where = where

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{self.where}: {key} is missing, or no text")
        return value

    def items(self, key: str) -> list[Any]:
        value = self.data.get(key, [])
        if not isinstance(value, list):
            raise ConfigurationError(f"{self.where}: {key} is no list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            raise ConfigurationError(f"{self.where}: {key} is a list of texts")
        return tuple(items)

    def one_of(self, key: str, choices: Iterable[str]) -> str:
        value = self.text(key)
        if value not in choices:
            raise ConfigurationError(f"{self.where}: {key} is one of {', '.join(choices)}")
        return value

    def day(self, key: str) -> date | None:
        value = self.data.get(key)
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            pass
        raise ConfigurationError(f"{self.where}: {key} is no date")

    def regex(self, key: str) -> re.Pattern[str]:
        try:
            return re.compile(self.text(key))
        except re.error:
            pass
        raise ConfigurationError(f"{self.where}: {key} is no regular expression")
