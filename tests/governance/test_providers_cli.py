"""`piirag providers`: the table, what is old, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from piirag.cli import app
from piirag.governance.providers import Registry


def test_the_table_has_every_provider_and_says_what_is_old() -> None:
    done = CliRunner().invoke(app, ["providers"])
    assert done.exit_code == 0, done.output
    for provider in Registry.load():
        assert provider.id in done.output
    assert "older than 180 days" in done.output
    assert "(old)" in done.output
    azure = next(line for line in done.output.splitlines() if "azure_openai" in line)
    assert "?" in azure
    assert " no " in azure


def test_stale_facts_are_listed_and_end_with_a_code() -> None:
    done = CliRunner().invoke(app, ["providers", "--stale"])
    assert done.exit_code == 3
    assert "older than 180 days" in done.output
    assert "no source gives a date" in done.output


def test_json_has_sources_and_dates() -> None:
    done = CliRunner().invoke(app, ["providers", "--json"])
    assert done.exit_code == 0
    data = json.loads(done.output)
    openai = next(item for item in data["providers"] if item["id"] == "openai")
    assert openai["facts"]["dpa"]["sources"][0]["as_of"] == "2025-05-07"
    assert openai["facts"]["retention_limit_days"]["value"] is None
    old = {(item["provider"], item["name"]) for item in data["stale"] if item["old"]}
    assert ("openai", "dpa") in old
    assert json.loads(
        CliRunner().invoke(app, ["providers", "--json", "--stale"]).output
    ).keys() == {
        "read_on",
        "stale",
    }


def test_own_contracts_take_the_place_of_defaults(tmp_path: Path) -> None:
    config = tmp_path / "piirag.toml"
    config.write_text(
        "[providers]\nallowed_regions = ['eu']\n[providers.contracts.openai]\n"
        "agreement = 'MSA 1'\nsigned = 2026-01-01\nretention_days = 0\n"
    )
    done = CliRunner().invoke(app, ["providers", "--config", str(config)])
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if "openai " in line)
    assert "0 (contract)" in line


def test_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["providers", "--config", str(tmp_path / "none.toml")])
    assert done.exit_code == 2
