"""What may be read in two ways is read in the worse one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from piirag.governance.providers import Attestation, Contract, ProviderPolicy, read_model
from piirag.governance.providers.endpoint import Endpoint
from support.witness import without_proxies

EU: dict[str, Any] = {"allowed_regions": {"eu"}, "on_stale": "ignore"}
PLACE: dict[str, Any] = {
    **EU,
    "require_no_training": False,
    "require_dpa": False,
    "max_retention_days": None,
}
ANY = ProviderPolicy(["any"], on_stale="ignore")
BEDROCK = "https://bedrock-runtime.eu-central-1.amazonaws.com"


def attested(endpoint: str, **terms: Any) -> Attestation:
    given = {"region": "de", "no_training": True, "dpa": True, "retention_days": 0, **terms}
    return Attestation(endpoint, "A. Officer", date(2026, 1, 1), date(2099, 1, 1), **given)


@pytest.mark.parametrize(
    "url",
    [
        "http://16843009/",
        "http://0x08080808/",
        "http://010.8.8.8/",
        "http://127.1/",
        "http://198.18.0.1/",
        "http://240.0.0.1/",
        "http://203.0.113.9/",
        "http://127.0.0.1%.evil.test/",
        "http://127.0.0.1%25.evil.test/",
        "https://evil.test\\@eu.api.openai.com/",
        "https://eu.api.openai.com\n.evil.test/",
        "https://eu.api.openai.com .evil.test/",
    ],
)
def test_an_address_that_may_be_anywhere_is_not_near(url: str) -> None:
    verdict = ANY.check_url(url, "m")
    assert not verdict.allowed
    assert verdict.destinations[0].kind in ("unknown", "unread")


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("10.1.2.3", "private"),
        ("172.20.0.1", "private"),
        ("192.168.1.1", "private"),
        ("[fd00::1]", "private"),
        ("[fe80::1%25eth0]", "private"),
        ("[::ffff:10.0.0.1]", "private"),
        ("box", "private"),
        ("box.internal", "private"),
        ("127.0.0.53", "loopback"),
        ("0.0.0.0", "loopback"),
        ("[::1]", "loopback"),
        ("localhost", "loopback"),
    ],
)
def test_what_is_near_stays_near(host: str, kind: str) -> None:
    assert ANY.check_url(f"http://{host}:8000/v1", "m").destinations[0].kind == kind


@pytest.mark.parametrize(
    "model",
    [
        "gpt-oss:120b-CLOUD",
        "gpt-oss:Cloud",
        "gpt-oss:120b-cloud ",
        "gpt-oss:120b-cloud:latest",
        "glm-4.6:cloud",
        "gpt-oss-cloud:latest",
    ],
)
def test_every_spelling_of_a_cloud_model_is_one(model: str) -> None:
    rules = ProviderPolicy(**EU)
    assert not rules.check_url("http://localhost:11434", model).allowed
    assert rules.check_url("http://localhost:11434", "cloudy-llama:8b").allowed


@pytest.mark.parametrize(
    "model",
    [
        "sa.anthropic.c",
        "mx.anthropic.c",
        "us.my-vendor.x",
        "US.anthropic.c",
        " us.anthropic.c",
        "us.nova",
        "emea.anthropic.c",
        "us-east-1.anthropic.c",
        "arn:aws:bedrock:us-east-1:1:Foundation-model/x",
        "arn:aws:bedrock:us-east-1:1:custom-model-deployment/x",
        "arn:aws:sagemaker:us-east-1:1:endpoint/x",
        "arn:aws:bedrock-runtime:us-east-1:1:x/y",
    ],
)
def test_a_model_id_that_hides_its_place_is_not_judged_by_the_host(model: str) -> None:
    assert not ProviderPolicy(**PLACE).check_url(BEDROCK, model).allowed


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "amazon.nova-pro-v1:0",
        "mistral.mistral-large-2402-v1:0",
        "openai.gpt-oss-120b-1:0",
        "eu.anthropic.claude-sonnet-4-20250514-v1:0",
        "EU.amazon.nova-lite-v1:0",
        "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0",
    ],
)
def test_ordinary_model_ids_are_judged_by_their_place(model: str) -> None:
    assert ProviderPolicy(**PLACE).check_url(BEDROCK, model).allowed


@pytest.mark.parametrize(
    "options",
    [
        {"extra_body": {"inference_geo": None}},
        {"extra_body": {"inference_geo": ""}},
        {"inference_geo": None},
        {"inference_geo": ""},
        {"model_kwargs": {"extra_body": {"inference_geo": ""}}},
    ],
)
def test_a_place_that_a_call_takes_away_is_gone(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_proxies(monkeypatch)
    module = pytest.importorskip("langchain_anthropic")
    model = module.ChatAnthropic(api_key="x", model="claude-x", inference_geo="us")
    assert [e.body_region for e in read_model(model)] == ["us"] * len(read_model(model))
    assert {e.body_region for e in read_model(model, options)} == {None}


def test_a_contract_does_not_hide_a_place_that_is_seen() -> None:
    seen = Endpoint("https://europe-west1-aiplatform.googleapis.com/v1", "g", region="us-central1")
    signed = Contract("vertex_gemini", "EA", date(2026, 1, 1), regions=("europe-west1",))
    for contracts in ([], [signed]):
        assert not ProviderPolicy(**PLACE, contracts=contracts).check_endpoints([seen]).allowed
    same = Endpoint("https://europe-west1-aiplatform.googleapis.com/v1", "g", region="europe-west1")
    assert ProviderPolicy(**PLACE, contracts=[signed]).check_endpoints([same]).allowed


# A class, and who says what of it.


def test_a_class_is_attested_to_only_for_what_cannot_be_read() -> None:
    given = [attested("class:our.Model")]
    rules = ProviderPolicy(**EU, attestations=given)
    readable = Endpoint("https://evil.test", "m", holder="our.Model")
    assert not rules.check_endpoints([readable]).allowed
    hidden = Endpoint("", "m", holder="our.Model", unread="it has a transport of its own")
    assert rules.check_endpoints([hidden]).allowed
    partly = Endpoint("https://evil.test", "m", holder="our.Model", unread="a hook")
    assert not rules.check_endpoints([partly]).allowed
    both = ProviderPolicy(**EU, attestations=[*given, attested("evil.test")])
    assert both.check_endpoints([partly]).allowed


@pytest.mark.parametrize(
    "worse",
    [{"dpa": False}, {"no_training": False}, {"retention_days": 999}, {"region": "us"}],
)
def test_of_attestations_that_contradict_each_other_the_worse_one_counts(
    worse: dict[str, Any],
) -> None:
    good, bad = attested("x.test"), attested("x.test", **worse)
    assert ProviderPolicy(**EU, attestations=[good]).check_url("https://x.test").allowed
    for both in ([good, bad], [bad, good]):
        assert not ProviderPolicy(**EU, attestations=both).check_url("https://x.test").allowed


def test_only_a_server_that_is_near_passes_nothing_on() -> None:
    local = attested("openrouter.ai", upstream="local")
    rules = ProviderPolicy(**EU, attestations=[local])
    assert not rules.check_url("https://openrouter.ai/api", "m").allowed
    named = attested("openrouter.ai", upstream="Azure OpenAI, resource r")
    assert ProviderPolicy(**EU, attestations=[named]).check_url("https://openrouter.ai/api").allowed
