"""Each table of `piirag.toml` as facts of an assessment. No store, vault or log is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piirag.config_file import read_toml
from piirag.config_stores import StoresConfig
from piirag.governance.assessment.config import AssessmentConfig
from piirag.governance.assessment.facts import Facts, Place, Processor
from piirag.governance.assessment.figures import measured
from piirag.governance.assessment.scan_report import ScanFacts
from piirag.policy import Policy

_SHOWN = {True: "yes", False: "no", None: "not set"}


class Reader:
    """Reads one configuration.

    Args:
        path: `piirag.toml`.

    Raises:
        ConfigurationError: It cannot be read, or is not TOML.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.data = read_toml(path)

    def facts(self, scan: str | Path | None = None) -> Facts:
        """All of it.

        Raises:
            ConfigurationError: Something in it, or in the report of the scan, is wrong.
        """
        policy = Policy.from_file(self.path) if "policy" in self.data else None
        model = policy is None or policy.model != "none"
        providers, processors, unread = self._providers()
        erasure = self.data.get("erasure", {})
        left = erasure.get("not_covered", []) if isinstance(erasure, dict) else []
        return Facts(
            config=AssessmentConfig.from_data(self.data),
            policy=policy,
            places=self._places(),
            not_covered=tuple(text for text in left if isinstance(text, str)),
            audit=self._audit(),
            logging=self._logging(),
            retention=self._retention(),
            providers=providers,
            processors=processors,
            scan=None if scan is None else ScanFacts.from_file(scan),
            figures=measured(model),
            unread=unread,
        )

    def _places(self) -> tuple[Place, ...]:
        if "vault" not in self.data:
            return ()
        config = StoresConfig.from_file(self.path)
        places = [
            Place(
                str(store.get("name") or _called(store)),
                str(store["kind"]),
                "chunks: text with pseudonyms, metadata, vectors",
                "tags of users are keyed hashes"
                if store.get("keyed")
                else "tags of users are their ids as they are",
            )
            for store in config.stores
        ]
        kind = "SQLite file" if "path" in config.vault else "database server"
        key = "file" if "key_file" in config.vault else "environment variable"
        told = f"values encrypted under a key for each user; the master key is in a {key}"
        places.append(Place("vault", kind, "pseudonyms, and the values they stand for", told))
        server = "journal_url_env" in config.erasure
        told = "users as keyed hashes; ids sealed under the master key"
        kind = "Postgres" if server else "SQLite file"
        places.append(Place("journal of erasures", kind, "erasures, suppression list", told))
        return tuple(places)

    def _audit(self) -> Mapping[str, str] | None:
        if "audit" not in self.data:
            return None
        from piirag.governance.audit import AuditConfig
        from piirag.governance.audit.log import is_sqlite

        config = AuditConfig.from_file(self.path)
        path = str(config.table.get("path", ""))
        where = "JSON lines" if not is_sqlite(Path(path)) else "SQLite file"
        keyed = "key_file" in config.table or "key_env" in config.table
        return {
            "where": "Postgres" if "url_env" in config.table else where,
            "prompts": config.text_action("prompts"),
            "replies": config.text_action("replies"),
            "keyed": "chained with a key" if keyed else "chained without a key",
        }

    def _logging(self) -> Mapping[str, str] | None:
        if "logging" not in self.data:
            return None
        return {
            str(sink): _table_told(value)
            for sink, value in sorted(self.data["logging"].items(), key=lambda kv: str(kv[0]))
        }

    def _retention(self) -> Mapping[str, str] | None:
        if "retention" not in self.data:
            return None
        from piirag.governance.retention import RetentionPolicy

        return periods(RetentionPolicy.from_file(self.path))

    def _providers(
        self,
    ) -> tuple[Mapping[str, str] | None, tuple[Processor, ...], tuple[str, ...]]:
        if "providers" not in self.data:
            return None, (), ()
        from piirag.governance.assessment.processors import demands, seen
        from piirag.governance.providers import ProviderPolicy

        policy = ProviderPolicy.from_file(self.path)
        found, unread = seen(policy, self.path)
        return demands(policy), found, unread


def periods(policy: Any) -> dict[str, str]:
    """Kind of data -> how long it is kept, from the fields of a retention policy."""
    told: dict[str, str] = {}
    for field in dataclasses.fields(policy):
        kind, _, unit = field.name.rpartition("_")
        value = getattr(policy, field.name)
        if isinstance(value, Mapping):
            told |= {str(own): _period(period, unit) for own, period in sorted(value.items())}
        elif unit in ("days", "minutes"):
            told[kind.replace("_", " ")] = _period(value, unit)
    return told


def _period(value: float | None, unit: str) -> str:
    return "no limit" if value is None else f"{value:g} {unit}"


def shown(value: object) -> str:
    """A value of a configuration, in words."""
    if value is None or isinstance(value, bool):
        return _SHOWN[value]
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(sorted(map(str, value))) or "none"
    return str(value)


def _table_told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_table_told(item)}" for key, item in sorted(value.items()))
    return shown(value)


def _called(store: Mapping[str, Any]) -> str:
    for key in ("collection", "table", "index"):
        if isinstance(store.get(key), str):
            return str(store[key])
    return str(store["kind"])
