"""The registry: a source and a date per fact, null for what is not known, own terms in place."""

from __future__ import annotations

import json
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from piirag.errors import ConfigurationError
from piirag.governance.providers import Contract, Fact, Registry, Source
from piirag.governance.providers.facts import FACTS, OLD_AFTER_DAYS
from piirag.governance.providers.regions import check_regions, labels_of

TODAY = date(2026, 11, 25)


def _raw() -> dict[str, Any]:
    text = (files("piirag.governance.providers") / "registry.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def _written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "registry.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_every_provider_has_every_fact_and_every_known_fact_a_source() -> None:
    registry = Registry.load()
    assert len(registry.providers) >= 21
    for provider in registry:
        assert set(provider.facts) == set(FACTS)
        for fact in provider.facts.values():
            if fact.value is not None:
                assert fact.sources, (provider.id, fact.name)
                assert fact.note, (provider.id, fact.name)
            assert fact.read_on == registry.read_on


def test_what_is_not_known_is_null_and_never_no() -> None:
    """Azure's agreements are known; whether DeepSeek trains is not: neither is a no."""
    registry = Registry.load()
    assert registry.providers["deepseek"].facts["trains_by_default"].value is None
    assert registry.providers["groq"].facts["dpa"].value is None
    assert registry.providers["openai"].facts["trains_by_default"].value is False
    assert not any(p.facts["dpa"].value is False for p in registry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema=2), "schema"),
        (lambda d: d.update(read_on="yesterday"), "read_on"),
        (lambda d: d.update(more=1), "unknown key 'more'"),
        (lambda d: d["providers"].append(d["providers"][0]), "two providers 'openai'"),
        (lambda d: d["providers"][0].update(kind="friend"), "openai: kind is one of"),
        (lambda d: d["providers"][0]["facts"].pop("dpa"), "openai: no fact dpa"),
        (lambda d: d["providers"][0]["facts"]["dpa"].pop("value"), "null stands for"),
        (lambda d: d["providers"][0]["facts"]["dpa"].update(value="yes"), "dpa: the value is no"),
        (lambda d: d["providers"][0]["facts"]["dpa"].update(value=1), "dpa: the value is no bool"),
        (
            lambda d: d["providers"][0]["facts"]["retention_days"].update(value=True),
            "the value is no int",
        ),
        (
            lambda d: d["providers"][0]["facts"]["retention_days"].update(value=-1),
            "the value is no int",
        ),
        (lambda d: d["providers"][0]["facts"]["dpa"].update(confidence="sure"), "confidence"),
        (lambda d: d["providers"][0]["facts"]["dpa"]["sources"][0].pop("url"), "url"),
        (lambda d: d["providers"][0]["facts"]["dpa"]["sources"][0].update(as_of="May"), "no date"),
        (lambda d: d["providers"][0]["hosts"][0].update(regex="("), "no regular expression"),
        (lambda d: d["providers"][0]["hosts"][0].update(places=["mars"]), "no place 'mars'"),
        (lambda d: d["providers"][0]["hosts"][0].update(hidden=["price"]), "hidden is of"),
        (lambda d: d["model_rules"][0].update(fact="dpa"), "raises a number"),
    ],
)
def test_a_wrong_registry_is_refused_and_told_where(
    tmp_path: Path, change: Any, message: str
) -> None:
    data = _raw()
    change(data)
    with pytest.raises(ConfigurationError, match=message):
        Registry.load(_written(tmp_path, data))


def test_a_registry_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not JSON"):
        Registry.load(_written(tmp_path, "{"))
    with pytest.raises(ConfigurationError, match="No such file"):
        Registry.load(tmp_path / "none.json")


def test_the_age_of_a_fact_is_said_from_180_days_on() -> None:
    def fact(as_of: date | None) -> Fact:
        return Fact("dpa", True, "high", "", (Source("https://x", as_of),), TODAY)

    edge = TODAY - timedelta(days=OLD_AFTER_DAYS)
    assert fact(edge).age_said(TODAY) == ""
    old = fact(edge - timedelta(days=1))
    assert old.is_old(TODAY)
    assert "older than 180 days" in old.age_said(TODAY)
    undated = fact(None)
    assert not undated.is_old(TODAY)
    assert "no source gives a date, read on 2026-11-25" in undated.age_said(TODAY)
    later = TODAY + timedelta(days=OLD_AFTER_DAYS + 1)
    assert "more than 180 days ago" in undated.age_said(later)


def test_the_newest_date_of_several_sources_counts() -> None:
    sources = (Source("a", date(2024, 1, 1)), Source("b"), Source("c", date(2026, 11, 1)))
    assert Fact("dpa", True, "high", "", sources, TODAY).age_said(TODAY) == ""


def test_a_contract_takes_the_place_of_the_defaults() -> None:
    registry = Registry.load()
    contract = Contract(
        "openai", "MSA 17", date(2026, 3, 1), zero_retention=True, regions=("eu",), baa=False
    )
    changed = registry.with_contracts([contract]).providers["openai"]
    assert changed.facts["retention_days"].value == 0
    assert changed.facts["retention_days"].confidence == "contract"
    assert changed.facts["baa"].value is False
    assert changed.facts["dpa"] == registry.providers["openai"].facts["dpa"]
    assert changed.regions == ("eu",)
    assert registry.providers["openai"].facts["retention_days"].value == 30
    with pytest.raises(ConfigurationError, match="'opnai', which is none of"):
        registry.with_contracts([Contract("opnai", "x", date(2026, 1, 1))])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"agreement": ""}, "agreement is missing"),
        ({"signed": "soon"}, "signed is no date"),
        ({"dpa": "yes"}, "dpa is true or false"),
        ({"retention_days": -1}, "retention_days"),
        ({"regions": ("any",)}, "names the regions"),
        ({"regions": "eu"}, "list of regions"),
    ],
)
def test_wrong_terms_of_a_contract(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Contract(**{"provider": "openai", "agreement": "x", "signed": date(2026, 1, 1), **given})


@pytest.mark.parametrize(
    ("region", "inside", "outside"),
    [
        ("eu-central-1", {"eu", "eea", "de"}, {"ch", "us"}),
        ("westeurope", {"eu", "nl"}, set()),
        ("Sweden Central", {"eu", "se"}, set()),
        ("europe-west4", {"eu", "nl"}, set()),
        ("eu-west-2", {"uk"}, {"eu", "eea"}),
        ("uksouth", {"uk"}, {"eu", "eea"}),
        ("europe-west2", {"uk"}, {"eu", "eea"}),
        ("eu-central-2", {"ch", "efta"}, {"eu", "eea"}),
        ("europe-west6", {"ch"}, {"eu", "eea"}),
        ("switzerlandnorth", {"ch"}, {"eu", "eea"}),
        ("norwayeast", {"no", "eea", "efta"}, {"eu"}),
        ("us-gov-west-1", {"us-gov", "us"}, {"eu"}),
        ("ap-northeast-1", {"jp", "apac"}, {"eu"}),
        ("gb", {"uk"}, {"eu"}),
        ("eu", {"eu", "eea"}, {"efta"}),
        ("global", {"global"}, {"eu", "us"}),
    ],
)
def test_where_regions_lie(region: str, inside: set[str], outside: set[str]) -> None:
    labels = labels_of(region)
    assert labels is not None
    assert inside <= labels
    assert not outside & labels


def test_regions_that_nobody_knows() -> None:
    assert labels_of("eu-aiplatform") is None
    assert labels_of("europe") is None
    with pytest.raises(ConfigurationError, match=r"'eu-centrl-1'.*did you mean 'eu-central-1'"):
        check_regions(["eu-centrl-1"], "allowed_regions")
    with pytest.raises(ConfigurationError, match="names no region"):
        check_regions([], "allowed_regions")
