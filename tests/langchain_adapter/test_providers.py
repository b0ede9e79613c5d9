"""Every provider of the registry, with real client objects, dummy keys and no network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAI, OpenAIEmbeddings

from langchain_piirag import RedactedChatModel, RedactedModel, guard_model
from piirag.errors import ConfigurationError
from piirag.governance.providers import Attestation, ProviderPolicy, Registry, read_model
from support.witness import without_proxies

EU = {"eu"}
_AWS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def chat(base_url: str | None = None, model: str = "m") -> ChatOpenAI:
    return ChatOpenAI(base_url=base_url, api_key="x", model=model)


def azure(**options: Any) -> AzureChatOpenAI:
    return AzureChatOpenAI(
        api_key="x",
        azure_endpoint="https://r.openai.azure.com",
        azure_deployment="d",
        api_version="2024-06-01",
        **options,
    )


def made(module: str, name: str, **options: Any) -> Any:
    return getattr(pytest.importorskip(module), name)(**options)


def bedrock(model: str, region: str = "eu-central-1") -> Any:
    return made("langchain_aws", "ChatBedrockConverse", model=model, region_name=region, **_AWS)


def vertex(location: str | None) -> Any:
    credentials = pytest.importorskip("google.auth.credentials").AnonymousCredentials()
    return made(
        "langchain_google_genai",
        "ChatGoogleGenerativeAI",
        model="gemini-x",
        vertexai=True,
        project="p",
        location=location,
        credentials=credentials,
    )


def chat_vertex(**options: Any) -> Any:
    credentials = pytest.importorskip("google.auth.credentials").AnonymousCredentials()
    return made(
        "langchain_google_vertexai",
        "ChatVertexAI",
        model="gemini-x",
        project="p",
        credentials=credentials,
        **options,
    )


Row = tuple[Callable[[], Any], str, set[str], bool]
# What is made, its providers, and whether a policy that asks for nothing but the EU lets it pass.
TABLE: dict[str, Row] = {
    "openai": (chat, "https://api.openai.com/v1/", {"openai"}, False),
    "openai, eu": (
        lambda: chat("https://eu.api.openai.com/v1"),
        "https://eu.api.openai.com/v1/",
        {"openai"},
        True,
    ),
    "openai, data_residency": (
        lambda: ChatOpenAI(api_key="x", model="m", model_kwargs={"data_residency": "eu"}),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "openai, completions": (
        lambda: OpenAI(api_key="x"),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "openai, embeddings": (
        lambda: OpenAIEmbeddings(api_key="x"),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "azure": (
        azure,
        "https://r.openai.azure.com/openai/deployments/d/",
        {"azure_openai"},
        False,
    ),
    "azure, by ChatOpenAI": (
        lambda: chat("https://r.openai.azure.com/openai/v1/"),
        "https://r.openai.azure.com/openai/v1/",
        {"azure_openai"},
        False,
    ),
    "bedrock, one region": (
        lambda: bedrock("amazon.nova-pro-v1:0"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "bedrock, eu profile": (
        lambda: bedrock("eu.amazon.nova-pro-v1:0"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "bedrock, us profile": (
        lambda: bedrock("us.amazon.nova-pro-v1:0", "us-east-1"),
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        {"bedrock"},
        False,
    ),
    "bedrock, global profile": (
        lambda: bedrock("global.amazon.nova-pro-v1:0"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        False,
    ),
    "bedrock, embeddings": (
        lambda: made(
            "langchain_aws",
            "BedrockEmbeddings",
            model_id="amazon.titan-embed-text-v2:0",
            region_name="eu-west-1",
            **_AWS,
        ),
        "https://bedrock-runtime.eu-west-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "anthropic": (
        lambda: made("langchain_anthropic", "ChatAnthropic", api_key="x", model="claude-x"),
        "https://api.anthropic.com",
        {"anthropic"},
        False,
    ),
    "vertex, by its OpenAI path": (
        lambda: chat("https://europe-west4-aiplatform.googleapis.com/v1/projects/p/endpoints/o"),
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/endpoints/o/",
        {"vertex_gemini"},
        True,
    ),
    "vertex, one region": (
        lambda: vertex("europe-west4"),
        "https://europe-west4-aiplatform.googleapis.com/",
        {"vertex_gemini"},
        True,
    ),
    "vertex, eu": (
        lambda: vertex("eu"),
        "https://aiplatform.eu.rep.googleapis.com/",
        {"vertex_gemini"},
        True,
    ),
    "vertex, no location": (
        lambda: vertex(None),
        "https://aiplatform.googleapis.com/",
        {"vertex_gemini"},
        False,
    ),
    "ChatVertexAI": (
        lambda: chat_vertex(location="europe-west4"),
        "https://europe-west4-aiplatform.googleapis.com",
        {"vertex_gemini"},
        True,
    ),
    "ChatVertexAI, eu": (
        lambda: chat_vertex(location="eu"),
        "https://eu-aiplatform.googleapis.com",
        set(),
        False,
    ),
    "gemini": (
        lambda: made(
            "langchain_google_genai", "ChatGoogleGenerativeAI", model="gemini-x", api_key="x"
        ),
        "https://generativelanguage.googleapis.com/",
        {"gemini_developer_free", "gemini_developer_paid"},
        False,
    ),
    "gemini, by its OpenAI path": (
        lambda: chat("https://generativelanguage.googleapis.com/v1beta/openai/"),
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        {"gemini_developer_free", "gemini_developer_paid"},
        False,
    ),
    "mistral": (
        lambda: made("langchain_mistralai", "ChatMistralAI", api_key="x"),
        "https://api.mistral.ai/v1/",
        {"mistral_free", "mistral_paid"},
        False,
    ),
    "mistral, eu": (
        lambda: made(
            "langchain_mistralai",
            "ChatMistralAI",
            api_key="x",
            base_url="https://api.eu.mistral.ai/v1",
        ),
        "https://api.eu.mistral.ai/v1/",
        {"mistral_free", "mistral_paid"},
        False,  # the EU or EFTA
    ),
    "cohere": (
        lambda: made("langchain_cohere", "ChatCohere", cohere_api_key="x", model="c"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "cohere, embeddings": (
        lambda: made("langchain_cohere", "CohereEmbeddings", cohere_api_key="x", model="c"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "cohere, reranking": (
        lambda: made("langchain_cohere", "CohereRerank", cohere_api_key="x", model="c"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "groq": (
        lambda: made("langchain_groq", "ChatGroq", api_key="x", model="g"),
        "https://api.groq.com",
        {"groq"},
        False,
    ),
    "together": (
        lambda: made("langchain_together", "ChatTogether", api_key="x", model="t"),
        "https://api.together.xyz/v1/",
        {"together"},
        False,
    ),
    "fireworks, by ChatOpenAI": (
        lambda: chat("https://api.fireworks.ai/inference/v1"),
        "https://api.fireworks.ai/inference/v1/",
        {"fireworks"},
        False,
    ),
    "deepseek": (
        lambda: made("langchain_deepseek", "ChatDeepSeek", api_key="x", model="d"),
        "https://api.deepseek.com/v1/",
        {"deepseek"},
        False,
    ),
    "openrouter": (
        lambda: made("langchain_openrouter", "ChatOpenRouter", api_key="x", model="o"),
        "https://openrouter.ai/api/v1",
        {"openrouter"},
        False,
    ),
    "openrouter, by ChatOpenAI": (
        lambda: chat("https://openrouter.ai/api/v1"),
        "https://openrouter.ai/api/v1/",
        {"openrouter"},
        False,
    ),
    "hugging face, router": (
        lambda: made(
            "langchain_huggingface",
            "HuggingFaceEndpoint",
            repo_id="a/b",
            huggingfacehub_api_token="hf_x",
            provider="auto",
        ),
        "https://router.huggingface.co/auto",
        {"hf_inference_providers"},
        False,
    ),
    "hugging face, router, by ChatOpenAI": (
        lambda: chat("https://router.huggingface.co/v1"),
        "https://router.huggingface.co/v1/",
        {"hf_inference_providers"},
        False,
    ),
    "hugging face, endpoint": (
        lambda: chat("https://x1.eu-west-1.aws.endpoints.huggingface.cloud/v1"),
        "https://x1.eu-west-1.aws.endpoints.huggingface.cloud/v1/",
        {"hf_inference_endpoints"},
        True,
    ),
    "ollama": (
        lambda: made("langchain_ollama", "ChatOllama", model="llama3"),
        "http://127.0.0.1:11434",
        {"ollama_local"},
        True,
    ),
    "ollama, embeddings": (
        lambda: made("langchain_ollama", "OllamaEmbeddings", model="llama3"),
        "http://127.0.0.1:11434",
        {"ollama_local"},
        True,
    ),
    "ollama, a cloud model": (
        lambda: made("langchain_ollama", "ChatOllama", model="gpt-oss:120b-cloud"),
        "http://127.0.0.1:11434",
        {"ollama_cloud"},
        False,
    ),
    "ollama cloud": (
        lambda: made(
            "langchain_ollama", "ChatOllama", model="llama3", base_url="https://ollama.com"
        ),
        "https://ollama.com",
        {"ollama_cloud"},
        False,
    ),
    "lm studio": (
        lambda: chat("http://localhost:1234/v1"),
        "http://localhost:1234/v1/",
        {"lm_studio"},
        False,
    ),
    "vllm": (
        lambda: chat("http://127.0.0.1:8000/v1"),
        "http://127.0.0.1:8000/v1/",
        {"self_hosted_openai_compatible"},
        True,
    ),
    "vllm, next door": (
        lambda: chat("http://10.0.0.8:8000/v1"),
        "http://10.0.0.8:8000/v1/",
        {"self_hosted_openai_compatible"},
        False,
    ),
    "litellm": (
        lambda: chat("http://127.0.0.1:4000"),
        "http://127.0.0.1:4000/",
        {"litellm_proxy"},
        False,
    ),
    "langsmith gateway": (
        lambda: chat("https://gateway.smith.langchain.com/openai/v1"),
        "https://gateway.smith.langchain.com/openai/v1/",
        {"langsmith_gateway"},
        False,
    ),
    "nobody knows": (
        lambda: chat("https://llm.example/v1"),
        "https://llm.example/v1/",
        set(),
        False,
    ),
}


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
        lambda model: model.with_structured_output({"title": "t", "type": "object", "properties": {}}),
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


def test_only_a_policy_is_a_policy() -> None:
    for kind in (RedactedModel, RedactedChatModel):
        with pytest.raises(ConfigurationError, match="providers is a ProviderPolicy"):
            kind(chat(), providers="eu")
    with pytest.raises(ConfigurationError, match="ProviderPolicy"):
        guard_model(chat(), None)  # type: ignore[arg-type]
