"""The policy over addresses: what is seen, what is hidden, what was attested or agreed."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from piirag.errors import ConfigurationError, ProviderPolicyError
from piirag.governance.providers import (
    Attestation,
    Contract,
    Endpoint,
    ProviderPolicy,
    ProviderWarning,
    Registry,
)
from support.witness import without_proxies

BEGIN = datetime(2026, 11, 25, 12).timestamp()
DAY = 86400
BEDROCK = "https://bedrock-runtime.eu-central-1.amazonaws.com"
AZURE = "https://r.openai.azure.com/openai/"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


def policy(*regions: str, **options: Any) -> ProviderPolicy:
    options.setdefault("clock", Clock())
    return ProviderPolicy(regions or ("eu",), **options)


def attested(endpoint: str, **terms: Any) -> Attestation:
    return Attestation(endpoint, "A. Officer", date(2026, 11, 1), date(2027, 11, 1), **terms)


def bare(*regions: str, **options: Any) -> ProviderPolicy:
    """A policy that asks for nothing but the region."""
    return policy(
        *regions, require_no_training=False, require_dpa=False, max_retention_days=None, **options
    )


@pytest.mark.parametrize(
    ("url", "model", "regions", "allowed"),
    [
        ("https://api.openai.com/v1", None, {"eu"}, False),
        ("https://api.openai.com/v1", None, {"global"}, True),
        ("https://eu.api.openai.com/v1", None, {"eu"}, True),
        ("https://us.api.openai.com/v1", None, {"eu"}, False),
        ("https://ae.api.openai.com/v1", None, {"ae"}, False),
        ("https://EU.API.OpenAI.com./v1", None, {"eu"}, True),
        ("https://api.openai.com.evil.example/v1", None, {"eu", "global"}, False),
        ("https://api.openai.com@evil.example/v1", None, {"eu", "global"}, False),
        (BEDROCK, "anthropic.claude-x", {"eu"}, True),
        (BEDROCK, "anthropic.claude-x", {"de"}, True),
        (BEDROCK, "anthropic.claude-x", {"fr"}, False),
        (BEDROCK, "eu.anthropic.claude-x", {"eu"}, True),
        (BEDROCK, "eu.anthropic.claude-x", {"de"}, False),
        (BEDROCK, "us.anthropic.claude-x", {"eu"}, False),
        (BEDROCK, "apac.anthropic.claude-x", {"apac"}, True),
        (BEDROCK, "global.anthropic.claude-x", {"eu"}, False),
        (BEDROCK, None, {"eu"}, False),
        (BEDROCK, "arn:aws:bedrock:us-east-1::foundation-model/amazon.x", {"eu"}, False),
        (BEDROCK, "arn:aws:bedrock:eu-west-3:1:provisioned-model/x", {"fr"}, True),
        (BEDROCK, "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.a.x", {"eu"}, True),
        (BEDROCK, "arn:aws:bedrock:eu-central-1:1:inference-profile/global.a.x", {"eu"}, False),
        (BEDROCK, "arn:aws:bedrock:eu-central-1:1:application-inference-profile/q", {"eu"}, False),
        (BEDROCK, "arn:aws:bedrock:eu-central-1:1:prompt-router/q", {"eu"}, False),
        ("https://bedrock-mantle.eu-north-1.api.aws/v1", "m", {"se"}, True),
        ("https://bedrock-runtime.eu-west-2.amazonaws.com", "amazon.x", {"eu"}, False),
        ("https://europe-west4-aiplatform.googleapis.com", "gemini", {"nl"}, True),
        ("https://aiplatform.eu.rep.googleapis.com", "gemini", {"eu"}, True),
        ("https://aiplatform.googleapis.com", "gemini", {"eu"}, False),
        ("https://eu-aiplatform.googleapis.com", "gemini", {"eu"}, False),
        ("https://api.anthropic.com", "claude", {"us"}, False),
        ("https://api.eu.mistral.ai", "m", {"eu"}, False),
        ("https://api.eu.mistral.ai", "m", {"eu", "efta"}, True),
        ("https://api.mistral.ai", "m", {"eu"}, False),
        ("https://eu.openrouter.ai/api/v1", "m", {"eu", "uk", "ch"}, False),
        ("https://api.deepseek.com", "m", {"eu"}, False),
        ("https://api.deepseek.com", "m", {"cn"}, True),
        ("https://x1.eu-west-1.aws.endpoints.huggingface.cloud", "m", {"ie"}, True),
        ("https://x1.eastus.azure.endpoints.huggingface.cloud", "m", {"eu"}, False),
        ("https://gateway.smith.langchain.com", "m", {"eu", "us"}, False),
        (AZURE, "d", {"eu"}, False),
        ("https://swedencentral.api.cognitive.microsoft.com/", "d", {"eu"}, False),
        ("https://api.groq.com/openai/v1", "m", {"us", "eu"}, False),
        ("https://api.groq.com/openai/v1", "m", {"any"}, True),
    ],
)
def test_the_address_and_the_model_say_where(
    url: str, model: str | None, regions: set[str], allowed: bool
) -> None:
    assert bare(*regions).check_url(url, model).allowed is allowed


@pytest.mark.parametrize(
    ("url", "model", "provider", "allowed"),
    [
        ("http://localhost:11434", "llama3", "ollama_local", True),
        ("http://localhost:11434", "gpt-oss:120b-cloud", "ollama_cloud", False),
        ("http://localhost:11434", "deepseek:cloud", "ollama_cloud", False),
        ("http://10.1.2.3:11434", "deepseek:cloud", "ollama_cloud", False),
        ("http://localhost:11434", None, "ollama_local", False),
        ("http://localhost:1234/v1", "m", "lm_studio", False),
        ("http://127.0.0.1:4000", "m", "litellm_proxy", False),
        ("http://127.0.0.1:8000/v1", "m", "self_hosted_openai_compatible", True),
        ("http://127.9.9.9:5001/v1", "m", "self_hosted_openai_compatible", True),
        ("http://[::1]:8000/v1", "m", "self_hosted_openai_compatible", True),
        ("http://[::ffff:127.0.0.1]:8000/v1", "m", "self_hosted_openai_compatible", True),
        ("http://0.0.0.0:8000/v1", "m", "self_hosted_openai_compatible", True),
        ("http://192.168.1.7:8000/v1", "m", "self_hosted_openai_compatible", False),
        ("http://vllm:8000/v1", "m", "self_hosted_openai_compatible", False),
        ("http://gpu.corp.internal/v1", "m", "self_hosted_openai_compatible", False),
        ("http://[fe80::1]:8000/v1", "m", "self_hosted_openai_compatible", False),
        ("https://8.8.8.8/v1", "m", None, False),
        ("http://2130706433/v1", "m", None, False),
        ("https://localhost.evil.example/v1", "m", None, False),
    ],
)
def test_a_local_address_is_no_proof_of_a_local_model(
    url: str, model: str | None, provider: str | None, allowed: bool
) -> None:
    verdict = policy().check_url(url, model)
    assert verdict.provider == provider
    assert verdict.allowed is allowed
    assert not policy(self_hosted_ok=False).check_url(url, model).allowed


def test_a_local_server_that_may_pass_on_is_said() -> None:
    verdict = policy().check_url("http://127.0.0.1:8000/v1", "m")
    assert verdict.warnings == (
        "127.0.0.1:8000: what listens at 127.0.0.1 may pass on what it gets: it cannot be seen",
    )


def test_lm_studio_and_a_private_server_pass_when_they_are_attested() -> None:
    link_off = attested("localhost:1234", upstream="local")
    assert policy(attestations=[link_off]).check_url("http://localhost:1234/v1", "m").allowed
    own = attested("192.168.1.7:8000", region="de")
    assert policy(attestations=[own]).check_url("http://192.168.1.7:8000/v1", "m").allowed
    assert not policy("fr", attestations=[own]).check_url("http://192.168.1.7:8000/v1").allowed


def test_a_gateway_on_a_local_address_needs_all_of_it_attested() -> None:
    gateway = attested("127.0.0.1:4000", upstream="Azure OpenAI, resource r")
    verdict = policy(attestations=[gateway]).check_url("http://127.0.0.1:4000", "m")
    assert any("region" in reason for reason in verdict.reasons)
    whole = replace(gateway, region="eu", no_training=True, dpa=True, retention_days=0)
    assert policy(attestations=[whole]).check_url("http://127.0.0.1:4000", "m").allowed


def test_azure_shows_neither_region_nor_deployment() -> None:
    verdict = policy().check_url(AZURE, "d")
    assert any("region and type of deployment cannot be seen" in r for r in verdict.reasons)
    assert verdict.needs == tuple(
        ("r.openai.azure.com", term) for term in ("region", "deployment", "retention_days")
    )
    terms = {"region": "swedencentral", "retention_days": 0}
    host = "r.openai.azure.com"
    for deployment, regions, allowed in (
        ("regional", "eu", True),
        ("regional", "se", False),  # it may move within its geography
        ("data_zone", "eu", True),
        ("global", "eu", False),
        ("global", "global", True),
    ):
        given = attested(host, deployment=deployment, **terms)
        assert policy(regions, attestations=[given]).check_url(AZURE, "d").allowed is allowed
    uk = attested(host, deployment="data_zone", region="uksouth", retention_days=0)
    assert not policy("uk", attestations=[uk]).check_url(AZURE, "d").allowed
    with_port = attested("[::1]:1234", upstream="local")
    assert policy(attestations=[with_port]).check_url("http://[::1]:1234/v1", "m").allowed
    only_model = attested(host, deployment="regional", model="gpt-*", **terms)
    assert policy(attestations=[only_model]).check_url(AZURE, "gpt-4o").allowed
    assert not policy(attestations=[only_model]).check_url(AZURE, "other").allowed


def test_claude_in_foundry_is_not_microsofts() -> None:
    given = attested(
        "r.openai.azure.com", deployment="regional", region="swedencentral", retention_days=0
    )
    assert not policy(attestations=[given]).check_url(AZURE, "claude-sonnet-4-5").allowed


def test_anthropics_place_is_a_field_of_the_request() -> None:
    url = "https://api.anthropic.com"
    us = Endpoint(url, "claude-x", "anthropic", body_region="us")
    assert policy("us").check_endpoints([us]).allowed
    assert not policy("us").check_endpoints([Endpoint(url, "claude-x", "anthropic")]).allowed
    everywhere = Endpoint(url, "claude-x", "anthropic", body_region="global")
    assert not policy("us").check_endpoints([everywhere]).allowed


def test_vertex_counts_host_and_location() -> None:
    host = "https://europe-west4-aiplatform.googleapis.com"
    assert bare().check_endpoints([Endpoint(host, "g", region="europe-west4")]).allowed
    assert not bare().check_endpoints([Endpoint(host, "g", region="global")]).allowed
    assert not bare().check_endpoints([Endpoint(host, "g", region="nowhere")]).allowed


@pytest.mark.parametrize(
    ("url", "needs"),
    [
        ("https://api.cohere.com", "no_training"),
        ("https://api.deepseek.com", "no_training"),
        ("https://api.groq.com", "dpa"),
        ("https://api.together.xyz", "retention_days"),
    ],
)
def test_what_trains_or_is_not_known_is_denied_unless_attested(url: str, needs: str) -> None:
    host = url.partition("//")[2]
    terms: dict[str, Any] = {"no_training": True, "dpa": True, "retention_days": 30}
    whole = attested(host, **terms)
    assert policy("any", attestations=[whole]).check_url(url, "m").allowed
    del terms[needs]
    verdict = policy("any", attestations=[attested(host, **terms)]).check_url(url, "m")
    assert not verdict.allowed
    assert all(needs in reason for reason in verdict.reasons)


def test_a_hidden_plan_counts_as_the_worse_one() -> None:
    url = "https://api.us.mistral.ai"
    verdict = policy("us").check_url(url, "m")
    assert [r for r in verdict.reasons if "the plan is hidden" in r]
    paid = attested("api.us.mistral.ai", tier="paid")
    verdict = policy("us", attestations=[paid]).check_url(url, "m")
    assert verdict.allowed
    assert verdict.relied_on == (paid.name,)
    signed = Contract("mistral_paid", "order 7", date(2026, 1, 1))
    assert policy("us", contracts=[signed]).check_url(url, "m").allowed
    free = attested("api.us.mistral.ai", tier="free")
    assert not policy("us", attestations=[free]).check_url(url, "m").allowed


def test_days_of_retention_and_the_exceptional_ones() -> None:
    url = "https://us.api.openai.com"
    assert policy("us", max_retention_days=30).check_url(url).allowed
    short = policy("us", max_retention_days=29).check_url(url)
    assert any("keeps data for 30 days, and allowed is 29" in r for r in short.reasons)
    us = Endpoint("https://api.anthropic.com", "claude-x", "anthropic", body_region="us")
    verdict = policy("us").check_endpoints([us])
    assert verdict.allowed
    assert any("up to 730 days" in w for w in verdict.warnings)


def test_some_models_keep_data_whatever_the_contract_says() -> None:
    zero = Contract("anthropic", "ZDR", date(2026, 1, 1), zero_retention=True)
    rules = policy("us", contracts=[zero], max_retention_days=0)
    for model, allowed in (("claude-sonnet-4-5", True), ("claude-mythos-5", False)):
        endpoint = Endpoint("https://api.anthropic.com", model, "anthropic", body_region="us")
        assert rules.check_endpoints([endpoint]).allowed is allowed


def test_an_agreement_for_health_data_when_it_is_required() -> None:
    url = "https://us.api.openai.com"
    assert policy("us", require_baa=True).check_url(url).allowed
    none = Contract("openai", "MSA", date(2026, 1, 1), baa=False)
    verdict = policy("us", require_baa=True, contracts=[none]).check_url(url)
    assert any("there is no business associate agreement" in r for r in verdict.reasons)


def test_attestations_and_contracts_end() -> None:
    clock = Clock()
    given = Attestation(
        "r.openai.azure.com",
        "A. Officer",
        date(2026, 11, 1),
        date(2026, 11, 26),
        region="eu",
        deployment="data_zone",
        retention_days=0,
    )
    rules = policy(attestations=[given], clock=clock)
    assert rules.check_url(AZURE, "d").allowed
    clock.now += DAY
    assert rules.check_url(AZURE, "d").allowed
    clock.now += DAY
    verdict = rules.check_url(AZURE, "d")
    assert not verdict.allowed
    assert any("one ended on 2026-11-26" in reason for reason in verdict.reasons)
    clock = Clock()
    signed = Contract("groq", "x", date(2026, 1, 1), until=date(2026, 11, 25), dpa=True)
    rules = policy("any", contracts=[signed], clock=clock)
    assert rules.check_url("https://api.groq.com").allowed
    clock.now += DAY
    assert not rules.check_url("https://api.groq.com").allowed


def test_a_contract_may_promise_a_region() -> None:
    signed = Contract("mistral_paid", "order 7", date(2026, 1, 1), regions=("eu",))
    verdict = policy(contracts=[signed]).check_url("https://api.eu.mistral.ai", "m")
    assert verdict.allowed
    wider = replace(signed, regions=("eu", "uk"))
    assert not policy(contracts=[wider]).check_url("https://api.eu.mistral.ai", "m").allowed
    azure = Contract("azure_openai", "EA", date(2026, 1, 1), regions=("eu",), retention_days=0)
    assert policy(contracts=[azure]).check_url(AZURE, "d").allowed


def test_a_contract_does_not_hide_what_is_seen() -> None:
    """It says where the provider may process; a profile that runs anywhere breaks it."""
    signed = Contract("bedrock", "EA", date(2026, 1, 1), regions=("eu",), dpa=True)
    assert policy(contracts=[signed]).check_url(BEDROCK, "eu.anthropic.claude-x").allowed
    assert not policy(contracts=[signed]).check_url(BEDROCK, "global.anthropic.claude-x").allowed
    openai = Contract("openai", "EA", date(2026, 1, 1), regions=("eu",))
    assert not policy(contracts=[openai]).check_url("https://api.openai.com/v1").allowed


@pytest.mark.parametrize(
    ("on_stale", "allowed", "said"), [("warn", True, True), ("deny", False, False)]
)
def test_old_facts_and_those_without_a_date_are_said(
    on_stale: Any, allowed: bool, said: bool
) -> None:
    verdict = policy("us", on_stale=on_stale).check_url("https://us.api.openai.com")
    assert verdict.allowed is allowed
    texts = verdict.warnings if said else verdict.reasons
    assert any("older than 180 days" in text for text in texts)
    silent = policy("us", on_stale="ignore").check_url("https://us.api.openai.com")
    assert silent.allowed
    assert not any("180 days" in text for text in silent.warnings)


def test_new_facts_are_not_said() -> None:
    registry = Registry.load()
    facts = {
        name: replace(fact, sources=(replace(fact.sources[0], as_of=date(2026, 11, 1)),))
        for name, fact in registry.providers["openai"].facts.items()
    }
    fresh = replace(registry.providers["openai"], facts=facts)
    changed = replace(registry, providers={**registry.providers, "openai": fresh})
    verdict = policy("us", registry=changed).check_url("https://us.api.openai.com")
    assert not any("out of date" in text for text in verdict.warnings)
    later = Clock()
    later.now += 200 * DAY
    verdict = policy("us", registry=changed, clock=later).check_url("https://us.api.openai.com")
    assert any("older than 180 days" in text for text in verdict.warnings)


def test_a_refusal_says_why_and_a_warning_comes_once() -> None:
    rules = policy()
    with pytest.raises(ProviderPolicyError, match="computes in global") as caught:
        rules.insist(rules.check_url("https://api.openai.com/v1"))
    assert caught.value.provider == "openai"
    assert caught.value.__context__ is None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rules.insist(rules.check_url("https://eu.api.openai.com/v1"))
    assert {item.category for item in said} == {ProviderWarning}
    assert any("older than 180 days" in str(item.message) for item in said)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rules.insist(rules.check_url("https://eu.api.openai.com/v1"))


def test_the_verdict_has_the_facts_it_used_with_source_and_date() -> None:
    verdict = policy("us").check_url("https://us.api.openai.com")
    used = {item["name"]: item for item in verdict.to_dict()["facts"]}
    assert set(used) == {"trains_by_default", "dpa", "retention_days"}
    assert used["retention_days"]["value"] == 30
    assert used["retention_days"]["as_of"] == "2026-08-30"
    assert used["retention_days"]["sources"][0]["url"].startswith("https://")
    assert used["retention_days"]["provider"] == "openai"


def test_calls_without_tls_and_through_proxies() -> None:
    assert not bare().check_url("http://eu.api.openai.com/v1").allowed
    https = Endpoint("https://eu.api.openai.com/v1", proxies=("http://proxy:3128",))
    verdict = bare().check_endpoints([https])
    assert verdict.allowed
    assert any("the proxy http://proxy:3128, a further hop" in w for w in verdict.warnings)
    plain = Endpoint("http://127.0.0.1:8000/v1", "m", proxies=("http://proxy:3128",))
    assert not bare().check_endpoints([plain]).allowed


def test_all_endpoints_must_be_allowed_and_there_must_be_one() -> None:
    good = Endpoint("https://eu.api.openai.com/v1", "m")
    assert policy().check_endpoints([good]).allowed
    assert not policy().check_endpoints([good, Endpoint("https://api.groq.com", "m")]).allowed
    assert policy().check_endpoints([]).reasons == ("no model was found in what is called",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allowed_regions": "eu"}, "list of regions"),
        ({"allowed_regions": ["europe"]}, "'europe'"),
        ({"require_dpa": 1}, "require_dpa is true or false"),
        ({"max_retention_days": -1}, "max_retention_days"),
        ({"max_retention_days": True}, "max_retention_days"),
        ({"on_stale": "shout"}, "on_stale"),
        ({"models": "app:llm"}, "models"),
        ({"models": ["app.llm"]}, "models"),
        ({"attestations": ["yes"]}, "attestations"),
        ({"contracts": ["yes"]}, "contracts"),
    ],
)
def test_wrong_policies(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ProviderPolicy(**{"allowed_regions": ["eu"], **options})


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"by": " "}, "by is missing"),
        ({"until": date(2026, 1, 1)}, "ends before it begins"),
        ({"endpoint": "https://x.example/v1"}, "without scheme and path"),
        ({"deployment": "local"}, "deployment is one of"),
        ({"region": "any"}, "no region 'any'"),
        ({"region": "europe"}, "no region 'europe'"),
        ({"dpa": "yes"}, "dpa is true or false"),
        ({"retention_days": 1.5}, "retention_days"),
    ],
)
def test_wrong_attestations(terms: dict[str, Any], message: str) -> None:
    given = {
        "endpoint": "x.example",
        "by": "A. Officer",
        "on": date(2026, 11, 1),
        "until": date(2026, 12, 1),
    }
    with pytest.raises(ConfigurationError, match=message):
        Attestation(**{**given, **terms})


def test_the_policy_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text(
        f"""
[providers]
allowed_regions = ["eu"]
max_retention_days = 0
models = ["ourapp.models:llm"]

[providers.attestations.azure]
endpoint = "R.openai.azure.com"
by = "A. Officer"
on = {date.today() - timedelta(days=1)}
until = "{date.today() + timedelta(days=1)}"
region = "swedencentral"
deployment = "regional"

[providers.contracts.azure_openai]
agreement = "EA 4711"
signed = 2026-01-01
retention_days = 0
"""
    )
    rules = ProviderPolicy.from_file(path)
    assert rules.models == ["ourapp.models:llm"]
    assert rules.check_url(AZURE, "d").allowed
    assert not rules.check_url("https://eu.api.openai.com").allowed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[providers]\nrequire_dpa = true", "no allowed_regions"),
        ("[providers]\nallowed_region = ['eu']", "did you mean 'allowed_regions'"),
        ("[providers]\nallowed_regions = ['eu']\nattestations = 1", "table of tables"),
        (
            "[providers]\nallowed_regions = ['eu']\n[providers.attestations.a]\nhost = 'x'",
            "unknown key 'host'",
        ),
        (
            "[providers]\nallowed_regions = ['eu']\n[providers.attestations.a]\nendpoint = 'x'",
            "by is missing",
        ),
        (
            "[providers]\nallowed_regions = ['eu']\n[providers.contracts.openai]\ndpa = true",
            "agreement is missing",
        ),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        ProviderPolicy.from_file(path)
