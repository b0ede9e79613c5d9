"""Every provider of the registry, with real client objects, dummy keys and no network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from langchain_piirag import RedactedChatModel, RedactedModel, guard_model
from piirag.errors import ConfigurationError
from piirag.governance.providers import Attestation, ProviderPolicy, Registry, read_model
from support.langchain_clients import TABLE, Row, azure, bedrock, chat, made
from support.witness import without_proxies

EU = {"eu"}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def only_place(*regions: str, **options: Any) -> ProviderPolicy:
    """A policy that asks for nothing but the place."""
    return ProviderPolicy(
        regions or EU,
        require_no_training=False,
        require_dpa=False,
        max_retention_days=None,
        **options,
    )


@pytest.mark.parametrize("name", TABLE)
def test_every_provider_is_recognised_by_its_live_client(name: str) -> None:
    make, url, providers, allowed = TABLE[name]
    model = make()
    verdict = only_place().check(model)
    assert {destination.endpoint.url for destination in verdict.destinations} == {url}
    found = {p.id for destination in verdict.destinations for p in destination.candidates}
    assert found == providers
    assert verdict.allowed is allowed, verdict.reasons
    # The same object gives the same verdict, by way of what was kept.
    assert only_place().check(model).decision == verdict.decision


def test_the_table_has_every_provider_of_the_registry() -> None:
    """By rows, too, that need no package but those that are always there."""
    optional = ("langchain_google", "langchain_openrouter", "langchain_huggingface")
    always = [row for row in TABLE.values() if not any(name in _source(row) for name in optional)]
    named = set().union(*(row[2] for row in always))
    assert named == {p.id for p in Registry.load() if p.kind != "tracing"}


def _source(row: Row) -> str:
    code = row[0].__code__  # type: ignore[attr-defined]
    named = " ".join(map(str, code.co_consts + code.co_names))
    return named.replace("vertex", "langchain_google")


def test_a_signed_and_attested_azure_passes_the_whole_policy() -> None:
    given = Attestation(
        "r.openai.azure.com",
        "A. Officer",
        date(2026, 1, 1),
        date(2099, 1, 1),
        region="swedencentral",
        deployment="data_zone",
        retention_days=0,
    )
    rules = ProviderPolicy(EU, attestations=[given], on_stale="ignore")
    assert rules.check(azure()).allowed
    assert not ProviderPolicy(EU).check(azure()).allowed


# The environment and gateways redirect clients whose fields stay as they were.


@pytest.mark.parametrize(
    ("variables", "make"),
    [
        ({"OPENAI_BASE_URL": "https://r.example/v1"}, chat),
        ({"OPENAI_API_BASE": "https://r.example/v1"}, chat),
        (
            {"GROQ_BASE_URL": "https://r.example"},
            lambda: made("langchain_groq", "ChatGroq", api_key="x", model="g"),
        ),
        (
            {"ANTHROPIC_BASE_URL": "https://r.example"},
            lambda: made("langchain_anthropic", "ChatAnthropic", api_key="x", model="c"),
        ),
        (
            {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://r.example"},
            lambda: bedrock("amazon.nova-pro-v1:0"),
        ),
        (
            {"MISTRAL_BASE_URL": "https://r.example"},
            lambda: made("langchain_mistralai", "ChatMistralAI", api_key="x"),
        ),
        (
            {"OLLAMA_HOST": "https://r.example"},
            lambda: made("langchain_ollama", "ChatOllama", model="llama3"),
        ),
        (
            {"GOOGLE_GEMINI_BASE_URL": "https://r.example"},
            lambda: made(
                "langchain_google_genai", "ChatGoogleGenerativeAI", model="g", api_key="x"
            ),
        ),
    ],
)
def test_redirects_by_the_environment_are_seen(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], make: Callable[[], Any]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    verdict = only_place().check(make())
    assert {destination.endpoint.host for destination in verdict.destinations} == {"r.example"}
    assert not verdict.allowed


def test_the_langsmith_gateway_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "x")
    model = ChatOpenAI(model="m")
    assert read_model(model)[0].host == "gateway.smith.langchain.com"
    assert any("who answers behind" in r for r in only_place("any").check(model).reasons)


def test_proxies_are_a_further_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ChatOpenAI(api_key="x", openai_proxy="http://user:secret@proxy.example:3128")
    assert read_model(given)[0].proxies == ("http://proxy.example:3128",)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    verdict = only_place().check(chat("https://eu.api.openai.com/v1"))
    assert verdict.allowed
    assert any("proxy.example:3128, a further hop" in w for w in verdict.warnings)


def test_anthropics_place_is_read_where_it_is_set() -> None:
    rules = only_place("us")
    plain = made("langchain_anthropic", "ChatAnthropic", api_key="x", model="claude-x")
    assert not rules.check(plain).allowed
    pinned = made(
        "langchain_anthropic", "ChatAnthropic", api_key="x", model="claude-x", inference_geo="us"
    )
    assert rules.check(pinned).allowed
    assert not rules.check(pinned, options={"inference_geo": "global"}).allowed
    assert rules.check(plain.bind(inference_geo="us")).allowed


# What models are wrapped in.


class Answer(BaseModel):
    """An answer."""

    text: str


GOOD, BAD = "https://eu.api.openai.com/v1", "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: model.bind(stop=["x"]),
        lambda model: model.with_retry(),
        lambda model: model.with_config(tags=["t"]),
        lambda model: chat(GOOD).with_fallbacks([model]),
        lambda model: model.with_fallbacks([chat(GOOD)]),
        lambda model: model.bind_tools([]),
        lambda model: model.with_structured_output(
            {"title": "t", "type": "object", "properties": {}}
        ),
        lambda model: RunnableLambda(str) | model | RunnableLambda(str),
        lambda model: {"a": chat(GOOD), "b": model} | RunnableLambda(str),
        lambda model: RunnableLambda(lambda text: model.invoke(text)),
        RedactedModel,
        RedactedChatModel,
        lambda model: RedactedModel(chat(GOOD)).with_fallbacks([model]),
        lambda model: guard_model(model, ProviderPolicy(EU)),
        lambda model: guard_model(model.with_retry(), ProviderPolicy(EU)),
    ],
)
def test_models_are_found_inside_what_is_around_them(wrap: Callable[[Any], Any]) -> None:
    assert not only_place().check(wrap(chat(BAD))).allowed
    assert only_place().check(wrap(chat(GOOD))).allowed


def test_alternatives_count_as_the_config_chooses() -> None:
    model = chat(GOOD).configurable_alternatives(
        ConfigurableField(id="which"), other=chat(BAD), lazy=lambda: chat(BAD)
    )
    rules = only_place()
    assert not rules.check(model).allowed  # without a config, all of them
    for which, allowed in (("default", True), ("other", False), ("lazy", False)):
        config = {"configurable": {"which": which}}
        assert rules.check(model, config=config).allowed is allowed
        assert rules.check(model.with_config(config)).allowed is allowed


def test_fields_count_as_the_config_sets_them() -> None:
    ollama = made("langchain_ollama", "ChatOllama", model="llama3")
    model = ollama.configurable_fields(model=ConfigurableField(id="name"))
    assert only_place().check(model).allowed
    config = {"configurable": {"name": "gpt-oss:120b-cloud"}}
    assert not only_place().check(model, config=config).allowed
    # Such a field of ChatOpenAI leads nowhere: the client that was made before is kept.
    model = chat(GOOD).configurable_fields(openai_api_base=ConfigurableField(id="url"))
    config = {"configurable": {"url": BAD}}
    assert str(model.prepare(config)[0].root_client.base_url).startswith(GOOD)
    assert only_place().check(model, config=config).allowed


def test_a_model_that_is_made_from_the_config() -> None:
    init = pytest.importorskip("langchain.chat_models").init_chat_model
    model = init(
        "openai:m", api_key="x", base_url=GOOD, configurable_fields=("base_url",), config_prefix="c"
    )
    assert only_place().check(model).allowed
    assert not only_place().check(model, config={"configurable": {"c_base_url": BAD}}).allowed


def test_the_embeddings_of_a_store_in_a_chain_count() -> None:
    stores = pytest.importorskip("langchain_core.vectorstores")
    store = stores.InMemoryVectorStore(OpenAIEmbeddings(api_key="x", base_url=BAD))
    chain = store.as_retriever() | RunnableLambda(str) | chat(GOOD)
    assert not only_place().check(chain).allowed


def test_what_holds_no_model_that_is_known_is_refused() -> None:
    class Own(FakeListChatModel):
        pass

    rules = only_place("any")
    assert rules.check(RunnableLambda(str)).reasons == ("no model was found in what is called",)
    assert rules.check(FakeListChatModel(responses=["x"])).allowed
    assert rules.check(Own(responses=["x"])).allowed

    from langchain_core.language_models import BaseChatModel

    class Foreign(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "foreign"

        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    verdict = rules.check(Foreign())
    assert not verdict.allowed
    holder = verdict.destinations[0].endpoint.holder
    assert f"class:{holder}" in verdict.reasons[0]
    vouched = Attestation(
        f"class:{holder}", "A. Officer", date(2026, 1, 1), date(2099, 1, 1), region="eu"
    )
    assert only_place("eu", attestations=[vouched]).check(Foreign()).allowed
    assert not only_place("us", attestations=[vouched]).check(Foreign()).allowed


def test_a_client_of_ones_own_in_its_place_is_not_overlooked() -> None:
    class Proxy:
        def create(self, **options: Any) -> Any:
            raise AssertionError("nothing is sent")

    model = chat(GOOD)
    assert only_place().check(model).allowed
    model.client = Proxy()
    verdict = only_place().check(model)
    assert not verdict.allowed
    assert "cannot read its client, a " in verdict.reasons[0]


def test_only_a_policy_is_a_policy() -> None:
    for kind in (RedactedModel, RedactedChatModel):
        with pytest.raises(ConfigurationError, match="providers is a ProviderPolicy"):
            kind(chat(), providers="eu")
    with pytest.raises(ConfigurationError, match="ProviderPolicy"):
        guard_model(chat(), None)  # type: ignore[arg-type]
