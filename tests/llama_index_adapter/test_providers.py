"""LlamaIndex's model objects, with dummy keys, and a witness for what is forbidden."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from llama_index_piirag import RedactedLLM, guard_model
from piirag import Scrubber
from piirag.errors import ConfigurationError, ProviderPolicyError
from piirag.governance.providers import Attestation, ProviderPolicy, read_model
from support.llama_server import model_over
from support.witness import Witness, answers_for_all, without_proxies

pytestmark = pytest.mark.filterwarnings("ignore::piirag.governance.providers.ProviderWarning")

_AWS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def made(package: str, name: str, **options: Any) -> Any:
    return getattr(pytest.importorskip(f"llama_index.{package}"), name)(**options)


def like(url: str | None = None, **options: Any) -> OpenAILike:
    return OpenAILike(model="m", api_base=url, api_key="x", is_chat_model=True, **options)


def bedrock(model: str, **options: Any) -> Any:
    given = {"model": model, "region_name": "eu-central-1", **_AWS, **options}
    return made("llms.bedrock_converse", "BedrockConverse", **given)


CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/q"

Row = tuple[Callable[[], Any], str, set[str], bool]
TABLE: dict[str, Row] = {
    "openai": (lambda: OpenAI(api_key="x"), "https://api.openai.com/v1/", {"openai"}, False),
    "openai, eu": (
        lambda: OpenAI(api_key="x", api_base="https://eu.api.openai.com/v1"),
        "https://eu.api.openai.com/v1/",
        {"openai"},
        True,
    ),
    "openai, responses": (
        lambda: made("llms.openai", "OpenAIResponses", api_key="x"),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "openai, embeddings": (
        lambda: made("embeddings.openai", "OpenAIEmbedding", api_key="x"),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "openai-like, without an address": (like, "https://api.openai.com/v1/", {"openai"}, False),
    "azure": (
        lambda: made(
            "llms.azure_openai",
            "AzureOpenAI",
            api_key="x",
            engine="d",
            model="gpt-4o",
            azure_endpoint="https://r.openai.azure.com",
            api_version="2024-06-01",
        ),
        "https://r.openai.azure.com/openai/",
        {"azure_openai"},
        False,
    ),
    "bedrock": (
        lambda: bedrock(f"eu.{CLAUDE}"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "bedrock, global profile": (
        lambda: bedrock(f"global.{CLAUDE}"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        False,
    ),
    "bedrock, a profile that hides where": (
        lambda: bedrock(f"eu.{CLAUDE}", application_inference_profile_arn=PROFILE),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        False,
    ),
    "anthropic": (
        lambda: made("llms.anthropic", "Anthropic", api_key="x"),
        "https://api.anthropic.com",
        {"anthropic"},
        False,
    ),
    "anthropic on bedrock": (
        lambda: made("llms.anthropic", "Anthropic", model=f"eu.{CLAUDE}", aws_region="eu-west-1"),
        "https://bedrock-runtime.eu-west-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "vertex, by its OpenAI path": (
        lambda: like("https://europe-west4-aiplatform.googleapis.com/v1"),
        "https://europe-west4-aiplatform.googleapis.com/v1/",
        {"vertex_gemini"},
        True,
    ),
    "gemini, by its OpenAI path": (
        lambda: like("https://generativelanguage.googleapis.com/v1beta/openai"),
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        {"gemini_developer_free", "gemini_developer_paid"},
        False,
    ),
    "mistral": (
        lambda: made("llms.mistralai", "MistralAI", api_key="x"),
        "https://api.mistral.ai",
        {"mistral_free", "mistral_paid"},
        False,
    ),
    "cohere": (
        lambda: made("llms.cohere", "Cohere", api_key="x"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "groq": (
        lambda: made("llms.groq", "Groq", api_key="x", model="g"),
        "https://api.groq.com/openai/v1/",
        {"groq"},
        False,
    ),
    "together": (
        lambda: made("llms.together", "TogetherLLM", api_key="x", model="t"),
        "https://api.together.xyz/v1/",
        {"together"},
        False,
    ),
    "deepseek": (
        lambda: made("llms.deepseek", "DeepSeek", api_key="x", model="deepseek-chat"),
        "https://api.deepseek.com",
        {"deepseek"},
        False,
    ),
    "hugging face": (
        lambda: made("llms.huggingface_api", "HuggingFaceInferenceAPI", model="a/b", token="hf_x"),
        "https://router.huggingface.co/auto",
        {"hf_inference_providers"},
        False,
    ),
    "ollama": (
        lambda: made("llms.ollama", "Ollama", model="llama3"),
        "http://localhost:11434",
        {"ollama_local"},
        True,
    ),
    "ollama, a cloud model": (
        lambda: made("llms.ollama", "Ollama", model="gpt-oss:120b-cloud"),
        "http://localhost:11434",
        {"ollama_cloud"},
        False,
    ),
    "lm studio": (
        lambda: made("llms.lmstudio", "LMStudio", model_name="m"),
        "http://localhost:1234/v1",
        {"lm_studio"},
        False,
    ),
    "lm studio, another port": (
        lambda: made(
            "llms.lmstudio", "LMStudio", model_name="m", base_url="http://localhost:9999/v1"
        ),
        "http://localhost:9999/v1",
        {"lm_studio"},
        False,
    ),
    "vllm": (
        lambda: like("http://127.0.0.1:8000/v1"),
        "http://127.0.0.1:8000/v1/",
        {"self_hosted_openai_compatible"},
        True,
    ),
}


def only_place(*regions: str, **options: Any) -> ProviderPolicy:
    return ProviderPolicy(
        regions or {"eu"},
        require_no_training=False,
        require_dpa=False,
        max_retention_days=None,
        **options,
    )


def eu(**options: Any) -> ProviderPolicy:
    return ProviderPolicy(["eu"], on_stale="ignore", **options)


@pytest.mark.parametrize("name", TABLE)
def test_every_provider_is_recognised_by_its_live_client(name: str) -> None:
    make, url, providers, allowed = TABLE[name]
    verdict = only_place().check(make())
    assert {destination.endpoint.url for destination in verdict.destinations} == {url}
    found = {p.id for destination in verdict.destinations for p in destination.candidates}
    assert found == providers
    assert verdict.allowed is allowed, verdict.reasons


def test_a_model_of_google_is_read_where_it_can_be_made() -> None:
    """Its class asks Google about the model while it is made, so that its client is read."""
    genai = pytest.importorskip("google.genai")
    credentials = pytest.importorskip("google.auth.credentials").AnonymousCredentials()
    client = genai.Client(vertexai=True, project="p", location="eu", credentials=credentials)
    verdict = only_place().check(client, options={"model": "gemini-x"})
    assert verdict.allowed
    assert verdict.provider == "vertex_gemini"


@pytest.mark.parametrize(
    ("variables", "make"),
    [
        ({"OPENAI_API_BASE": "https://r.example/v1"}, lambda: OpenAI(api_key="x")),
        ({"OPENAI_API_BASE": "https://r.example/v1"}, like),
        (
            {"ANTHROPIC_BASE_URL": "https://r.example"},
            lambda: made("llms.anthropic", "Anthropic", api_key="x"),
        ),
        (
            {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://r.example"},
            lambda: bedrock(f"eu.{CLAUDE}"),
        ),
        (
            {"MISTRAL_ENDPOINT": "https://r.example"},
            lambda: made("llms.mistralai", "MistralAI", api_key="x"),
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


class Answer(BaseModel):
    """An answer."""

    text: str


GOOD, BAD = "https://eu.api.openai.com/v1", "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda llm: llm,
        RedactedLLM,
        lambda llm: llm.as_structured_llm(Answer),
        lambda llm: RedactedLLM(llm).as_structured_llm(Answer),
        lambda llm: guard_model(llm, eu()),
        lambda llm: RedactedLLM(guard_model(llm, eu())),
    ],
)
def test_models_are_found_inside_what_is_around_them(wrap: Callable[[Any], Any]) -> None:
    assert not only_place().check(wrap(like(BAD))).allowed
    assert only_place().check(wrap(like(GOOD))).allowed


def test_a_client_that_is_not_kept_is_read_anew() -> None:
    """Its redirects cannot be watched; who attests to that does not attest to another address."""
    llm = like(GOOD, reuse_client=False)
    assert not only_place().check(llm).allowed
    holder = f"class:{type(llm).__module__}.{type(llm).__qualname__}"
    given = Attestation(holder, "A. Officer", date(2026, 1, 1), date(2099, 1, 1), region="de")
    rules = only_place(attestations=[given])
    assert rules.check(llm).allowed
    llm.api_base = BAD
    assert not rules.check(llm).allowed


def test_a_client_that_cannot_be_made_is_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any) -> Any:
        raise ValueError("no key for jane@example.com")

    monkeypatch.setattr(OpenAI, "_get_client", fails)
    verdict = only_place().check(like(GOOD))
    assert not verdict.allowed
    assert "could not be read (ValueError)" in verdict.reasons[0]
    assert "jane" not in str(verdict.to_dict())


def test_a_model_in_the_process_sends_nothing() -> None:
    assert only_place().check(MockLLM()).allowed
    assert not only_place(self_hosted_ok=False).check(MockLLM()).allowed


def test_a_model_that_is_not_known_is_refused() -> None:
    custom = pytest.importorskip("llama_index.core.llms").CustomLLM

    class Foreign(custom):  # type: ignore[misc, valid-type]
        @property
        def metadata(self) -> Any:
            raise NotImplementedError

        def complete(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def stream_complete(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    verdict = only_place("any").check(Foreign())
    assert not verdict.allowed
    assert "attest" in verdict.reasons[0]


# Calls, with a witness.

MESSAGES = [ChatMessage(role="user", content="hello")]
TOOL = FunctionTool.from_defaults(lambda what: what, name="look", description="Look.")


def _chat(llm: Any, **kwargs: Any) -> None:
    llm.chat(MESSAGES, **kwargs)


async def _achat(llm: Any, **kwargs: Any) -> None:
    await llm.achat(MESSAGES, **kwargs)


async def _astream(llm: Any, **kwargs: Any) -> None:
    [chunk async for chunk in await llm.astream_chat(MESSAGES, **kwargs)]


async def _acomplete(llm: Any, **kwargs: Any) -> None:
    await llm.acomplete("hello", **kwargs)


async def _atools(llm: Any, **kwargs: Any) -> None:
    await llm.achat_with_tools([TOOL], "hello", **kwargs)


async def _agent(llm: Any, **kwargs: Any) -> None:
    from llama_index.core.agent.workflow import FunctionAgent

    await FunctionAgent(tools=[TOOL], llm=llm, streaming=False).run("hello")


WAYS: dict[str, Callable[..., Any]] = {
    "chat": _chat,
    "achat": _achat,
    "stream_chat": lambda llm, **kwargs: list(llm.stream_chat(MESSAGES, **kwargs)),
    "astream_chat": _astream,
    "complete": lambda llm, **kwargs: llm.complete("hello", **kwargs),
    "acomplete": _acomplete,
    "stream_complete": lambda llm, **kwargs: list(llm.stream_complete("hello", **kwargs)),
    "chat_with_tools": lambda llm, **kwargs: llm.chat_with_tools([TOOL], "hello", **kwargs),
    "achat_with_tools": _atools,
    "agent": _agent,
}
WRAPPERS: dict[str, Callable[[Any, ProviderPolicy], Any]] = {
    "RedactedLLM": lambda llm, policy: RedactedLLM(llm, providers=policy),
    "of a user": lambda llm, policy: RedactedLLM(
        llm, scrubber=Scrubber(), providers=policy
    ).for_user("u1"),
    "guard": guard_model,
}


async def _run(way: str, llm: Any, **kwargs: Any) -> None:
    done = WAYS[way](llm, **kwargs)
    if asyncio.iscoroutine(done):
        await done


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_forbidden_endpoint_gets_no_connection(
    monkeypatch: pytest.MonkeyPatch, kind: str, way: str
) -> None:
    answers_for_all(monkeypatch)
    with Witness() as witness:
        llm = model_over(witness)
        await _run(way, WRAPPERS[kind](llm, eu()))
        before = witness.accepted
        assert before, "what is allowed reaches the witness"
        llm = model_over(witness)
        llm.api_base = witness.named("api.openai.com")
        with pytest.raises(ProviderPolicyError, match="computes in global"):
            await _run(way, WRAPPERS[kind](llm, eu()))
        with pytest.raises(ProviderPolicyError, match="self-hosted"):
            await _run(way, WRAPPERS[kind](model_over(witness), eu(self_hosted_ok=False)))
        assert witness.accepted == before


@pytest.mark.parametrize("kind", WRAPPERS)
def test_what_a_call_asks_for_and_a_changed_client_count(kind: str) -> None:
    with Witness() as witness:
        inner = model_over(witness)
        llm = WRAPPERS[kind](inner, eu())
        llm.chat(MESSAGES)
        before = len(witness.requests)
        for options in (
            {"model": "gpt-oss:120b-cloud"},
            {"extra_body": {"model": "gpt-oss:120b-cloud"}},
            {"extra_headers": {"Host": "api.openai.com"}},
        ):
            with pytest.raises(ProviderPolicyError):
                llm.chat(MESSAGES, **options)
        inner._get_client().base_url = BAD
        with pytest.raises(ProviderPolicyError, match="computes in global"):
            llm.chat(MESSAGES)
        assert len(witness.requests) == before


@pytest.mark.parametrize("kind", ["RedactedLLM", "guard"])
async def test_redacted_agents_and_chats_keep_the_policy_of_their_model(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.chat_engine import SimpleChatEngine

    from llama_index_piirag import RedactedAgent, RedactedChatEngine

    answers_for_all(monkeypatch)
    with Witness() as witness:
        reached = 0
        for host in ("localhost", "api.openai.com"):
            inner = model_over(witness)
            inner.api_base = witness.named(host)
            llm = WRAPPERS[kind](inner, eu())
            agent = RedactedAgent(
                FunctionAgent(tools=[TOOL], llm=llm), scrubber=Scrubber(), user_id="u1"
            )
            engine = RedactedChatEngine(
                SimpleChatEngine.from_defaults(llm=llm), scrubber=Scrubber(), user_id="u1"
            )
            if host == "localhost":
                await agent.run("hello")
                engine.chat("hello")
                reached = witness.accepted
                assert reached
                continue
            with pytest.raises(ProviderPolicyError):
                await agent.run("hello")
            with pytest.raises(ProviderPolicyError):
                engine.chat("hello")
            assert witness.accepted == reached


def test_objects_and_structured_models_stay_behind_the_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers_for_all(monkeypatch)
    prompt = pytest.importorskip("llama_index.core.prompts").PromptTemplate("hello")
    with Witness() as witness:
        inner = model_over(witness)
        inner.api_base = witness.named("api.openai.com")
        for kind in WRAPPERS:
            llm = WRAPPERS[kind](inner, eu())
            for call in (
                lambda llm=llm: llm.structured_predict(Answer, prompt),
                lambda llm=llm: llm.as_structured_llm(Answer).chat(MESSAGES),
                lambda llm=llm: llm.predict(prompt),
                lambda llm=llm: llm.predict_and_call([TOOL], "hello"),
            ):
                with pytest.raises(ProviderPolicyError):
                    call()
        assert witness.accepted == 0


async def test_embeddings_are_egress_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answers_for_all(monkeypatch)
    kind = pytest.importorskip("llama_index.embeddings.openai").OpenAIEmbedding
    with Witness() as witness:
        options = {"api_key": "x", "max_retries": 0}
        fine = guard_model(kind(api_base=witness.url, **options), eu())
        assert fine.get_text_embedding_batch(["hello"])
        assert await fine.aget_query_embedding("hello")
        before = witness.accepted
        model = guard_model(kind(api_base=witness.named("api.openai.com"), **options), eu())
        for call in (model.get_query_embedding, model.get_text_embedding):
            with pytest.raises(ProviderPolicyError):
                call("hello")
        with pytest.raises(ProviderPolicyError):
            model.get_text_embedding_batch(["hello"])
        with pytest.raises(ProviderPolicyError):
            await model.aget_text_embedding("hello")
        assert witness.accepted == before


def test_a_tracer_among_the_callbacks_of_a_model_stops_the_call() -> None:
    callbacks = pytest.importorskip("llama_index.core.callbacks")
    base = pytest.importorskip("llama_index.core.callbacks.base_handler").BaseCallbackHandler

    class Traces(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__([], [])
            self.client = type("Client", (), {"api_url": "https://traces.example"})()

        def on_event_start(self, *args: Any, **kwargs: Any) -> str:
            return ""

        def on_event_end(self, *args: Any, **kwargs: Any) -> None:
            pass

        start_trace = end_trace = on_event_end

    with Witness() as witness:
        llm = model_over(witness, callbacks=callbacks.CallbackManager([Traces()]))
        for one in (RedactedLLM(llm, providers=eu()), guard_model(llm, eu())):
            with pytest.raises(ProviderPolicyError, match=r"traces\.example"):
                one.chat(MESSAGES)
        assert witness.accepted == 0
        guard_model(llm, eu(check_tracers=False)).chat(MESSAGES)


def test_a_tool_call_goes_through_a_guard_as_it_is() -> None:
    with Witness(tool_reply=lambda body: [("look", {"what": "x"})]) as witness:
        llm = guard_model(model_over(witness), eu())
        reply = llm.chat_with_tools([TOOL], "hello")
        calls = llm.get_tool_calls_from_response(reply)
        assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("look", {"what": "x"})]
        assert "tools" in witness.requests[0].json()


def test_only_a_policy_is_a_policy() -> None:
    with pytest.raises(ConfigurationError, match="ProviderPolicy"):
        RedactedLLM(MockLLM(), providers="eu")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="ProviderPolicy"):
        guard_model(MockLLM(), "eu")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="an LLM or an embedding model"):
        guard_model("gpt", eu())
    assert read_model(MockLLM())[0].sdk == "in-process"
