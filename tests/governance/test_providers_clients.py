"""Real SDK clients, built with dummy keys and no network: what they say about where they call."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from piirag.errors import ConfigurationError, ProviderPolicyError
from piirag.governance.providers import ProviderPolicy, guard_http_client, read_model
from support.openai_server import OpenAIServer
from support.witness import Witness, answers_for_all, without_proxies

pytestmark = pytest.mark.filterwarnings("ignore::piirag.governance.providers.ProviderWarning")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def _openai(**options: Any) -> Any:
    return pytest.importorskip("openai").OpenAI(api_key="x", max_retries=0, **options)


def _eu(**options: Any) -> ProviderPolicy:
    return ProviderPolicy(["eu"], on_stale="ignore", **options)


def _boto(model: str = "", **options: Any) -> Any:
    return pytest.importorskip("boto3").client(
        "bedrock-runtime", aws_access_key_id="x", aws_secret_access_key="x", **options
    )


CLIENTS: dict[str, tuple[Callable[[], Any], str]] = {
    "openai": (_openai, "https://api.openai.com/v1/"),
    "openai async": (
        lambda: pytest.importorskip("openai").AsyncOpenAI(api_key="x"),
        "https://api.openai.com/v1/",
    ),
    "a resource of openai": (lambda: _openai().chat.completions, "https://api.openai.com/v1/"),
    "azure": (
        lambda: pytest.importorskip("openai").AzureOpenAI(
            api_key="x", azure_endpoint="https://r.openai.azure.com", api_version="2024-06-01"
        ),
        "https://r.openai.azure.com/openai/",
    ),
    "anthropic": (
        lambda: pytest.importorskip("anthropic").Anthropic(api_key="x"),
        "https://api.anthropic.com",
    ),
    "anthropic on bedrock": (
        lambda: pytest.importorskip("anthropic").AnthropicBedrock(
            aws_region="eu-west-1", aws_access_key="x", aws_secret_key="x"
        ),
        "https://bedrock-runtime.eu-west-1.amazonaws.com",
    ),
    "anthropic on vertex": (
        lambda: pytest.importorskip("anthropic").AnthropicVertex(
            region="europe-west4", project_id="p", access_token="x"
        ),
        "https://europe-west4-aiplatform.googleapis.com/v1/",
    ),
    "groq": (lambda: pytest.importorskip("groq").Groq(api_key="x"), "https://api.groq.com"),
    "mistral": (
        lambda: pytest.importorskip("mistralai.client").Mistral(api_key="x"),
        "https://api.mistral.ai",
    ),
    "cohere": (lambda: pytest.importorskip("cohere").Client("x"), "https://api.cohere.com"),
    "cohere v2": (
        lambda: pytest.importorskip("cohere").AsyncClientV2("x"),
        "https://api.cohere.com",
    ),
    "ollama": (
        lambda: pytest.importorskip("ollama").Client(host="http://127.0.0.1:11434"),
        "http://127.0.0.1:11434",
    ),
    "bedrock": (
        lambda: _boto(region_name="eu-central-1"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
    ),
    "gemini": (
        lambda: pytest.importorskip("google.genai").Client(api_key="x"),
        "https://generativelanguage.googleapis.com/",
    ),
    "hugging face": (
        lambda: pytest.importorskip("huggingface_hub").InferenceClient("a/b", token="hf_x"),
        "https://router.huggingface.co/auto",
    ),
    "httpx": (lambda: httpx.Client(base_url="https://x.example/v1"), "https://x.example/v1/"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_clients_are_read(name: str) -> None:
    make, url = CLIENTS[name]
    endpoints = read_model(make())
    assert {endpoint.url for endpoint in endpoints} == {url}
    assert not any(endpoint.unread for endpoint in endpoints)


def test_the_environment_is_seen_because_the_client_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://elsewhere.example")
    monkeypatch.setenv("OLLAMA_HOST", "https://ollama.com")
    made = [_openai(), _boto(region_name="eu-central-1"), pytest.importorskip("ollama").Client()]
    hosts = [endpoint.host for client in made for endpoint in read_model(client)]
    assert hosts == ["elsewhere.example", "elsewhere.example", "ollama.com"]


def test_a_client_that_is_changed_is_seen_changed() -> None:
    client, rules = _openai(base_url="https://eu.api.openai.com/v1"), _eu()
    assert rules.check(client).allowed
    client.base_url = "https://elsewhere.example/v1"
    assert not rules.check(client).allowed
    client.base_url = "https://eu.api.openai.com/v1"
    assert rules.check(client).allowed


def test_proxies_on_the_way_are_read_without_their_login(monkeypatch: pytest.MonkeyPatch) -> None:
    given = _openai(http_client=httpx.Client(proxy="http://user:secret@proxy.example:3128"))
    assert read_model(given)[0].proxies == ("http://proxy.example:3128",)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    for client in (_openai(), _boto(region_name="eu-central-1")):
        assert read_model(client)[0].proxies == ("http://proxy.example:3128",)
    assert "secret" not in str(_eu().check(_openai()).to_dict())
    monkeypatch.setenv("NO_PROXY", "api.openai.com")
    assert read_model(_openai())[0].proxies == ()


class _Elsewhere(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is sent")


@pytest.mark.parametrize(
    "make",
    [
        lambda: _openai(http_client=httpx.Client(transport=_Elsewhere())),
        lambda: _openai(
            http_client=httpx.Client(transport=httpx.HTTPTransport(uds="/tmp/gateway.sock"))
        ),
        lambda: _openai(http_client=httpx.Client(headers={"Host": "elsewhere.example"})),
        lambda: _openai(default_headers={"hOsT": "elsewhere.example"}),
        lambda: httpx.Client(),
        lambda: object(),
    ],
)
def test_what_cannot_be_read_is_refused(make: Callable[[], Any]) -> None:
    rules = ProviderPolicy(["any"], require_no_training=False, require_dpa=False)
    verdict = rules.check(make())
    assert not verdict.allowed
    assert [d.kind for d in verdict.destinations] == ["unread"]


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"model": "a"}, "a"),
        ({"extra_body": {"model": "b"}}, "b"),
        ({"model": "a", "extra_body": {"model": "b"}}, "b"),
        ({"model_kwargs": {"extra_body": {"model": "c"}}}, "c"),
    ],
)
def test_the_model_that_counts_is_the_one_that_is_sent(options: dict[str, Any], model: str) -> None:
    assert read_model(_openai(), options)[0].model == model


def test_every_model_that_may_answer_counts() -> None:
    endpoints = read_model(_openai(), {"model": "a", "extra_body": {"models": ["b", "c"]}})
    assert [endpoint.model for endpoint in endpoints] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://elsewhere.example"},
        {"http_options": {"base_url": "https://elsewhere.example"}},
        {"extra_headers": {"Host": "elsewhere.example"}},
        {"client": object()},
    ],
)
def test_options_that_lead_elsewhere_are_refused_for_good(options: dict[str, Any]) -> None:
    client = _openai(base_url="https://eu.api.openai.com/v1")
    verdict = _eu().check(client, options=options)
    assert not verdict.allowed
    assert "attest" not in verdict.reasons[0]


def test_a_verdict_is_looked_up_and_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rules, client = _eu(), _openai(base_url="https://eu.api.openai.com/v1")
    first = rules.check(client)
    monkeypatch.setattr(ProviderPolicy, "_judged", lambda *_: pytest.fail("judged again"))
    assert rules.check(client) is first


# The last check: in the HTTP client itself.


def test_a_guarded_client_connects_to_nothing_that_is_forbidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers_for_all(monkeypatch)
    with Witness() as witness:
        free = _openai(base_url=witness.named("api.openai.com"))
        said = free.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert said.choices[0].message.content == "You said: x"
        before = witness.accepted
        assert before == 1
        guarded = guard_http_client(_openai(base_url=witness.named("api.openai.com")), _eu())
        with pytest.raises(Exception) as caught:
            guarded.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert _has(caught.value, ProviderPolicyError)
        assert witness.accepted == before


async def test_a_guarded_async_client_connects_to_nothing_that_is_forbidden() -> None:
    openai = pytest.importorskip("openai")
    with Witness() as witness:
        rules = _eu(self_hosted_ok=False)
        http = guard_http_client(httpx.AsyncClient(), rules)
        client = openai.AsyncOpenAI(
            api_key="x", base_url=witness.url, http_client=http, max_retries=0
        )
        with pytest.raises(Exception) as caught:
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "x"}]
            )
        assert _has(caught.value, ProviderPolicyError)
        assert witness.accepted == 0


def test_a_guarded_client_sends_what_is_allowed_and_reads_the_model() -> None:
    with OpenAIServer() as server:
        client = guard_http_client(_openai(base_url=server.url), _eu())
        messages = [{"role": "user", "content": "x"}]
        said = client.chat.completions.create(model="m", messages=messages)
        assert said.choices[0].message.content == "You said: x"
        stream = client.chat.completions.create(model="m", messages=messages, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in stream) == "You said: x"
        before = len(server.requests)
        with pytest.raises(Exception) as caught:
            client.chat.completions.create(model="gpt-oss:120b-cloud", messages=messages)
        assert _has(caught.value, ProviderPolicyError)
        assert len(server.requests) == before
        # And what stands before it is read through it.
        assert not read_model(client)[0].unread


class _Redirects(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(307)
        self.send_header("Location", "https://elsewhere.example/v1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_redirect_to_elsewhere_is_not_followed() -> None:
    """The guard sits below what follows redirects."""
    server = HTTPServer(("127.0.0.1", 0), _Redirects)
    threading.Thread(target=server.handle_request, daemon=True).start()
    client = guard_http_client(httpx.Client(follow_redirects=True), _eu())
    with pytest.raises(ProviderPolicyError, match=r"elsewhere\.example"):
        client.get(f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.server_close()


def test_only_http_clients_are_guarded() -> None:
    with pytest.raises(ConfigurationError, match="no HTTP client"):
        guard_http_client(object(), _eu())


def _has(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error, or one that it wraps, is of a kind."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


# Guards of shared clients.


def test_a_client_that_is_guarded_twice_asks_both() -> None:
    with OpenAIServer() as server:
        client = guard_http_client(httpx.Client(), _eu())
        assert client.post(f"{server.url}/chat/completions", json={"model": "m"}).is_success
        guard_http_client(client, _eu(self_hosted_ok=False))
        before = len(server.requests)
        with pytest.raises(ProviderPolicyError, match="self-hosted"):
            client.post(f"{server.url}/chat/completions", json={"model": "m"})
        assert len(server.requests) == before
        assert not read_model(_openai(http_client=client))[0].unread


def test_a_guarded_sdk_leaves_the_client_that_it_shares_as_it_was() -> None:
    """langchain_openai has one HTTP client for all models of a process."""
    chat = pytest.importorskip("langchain_openai").ChatOpenAI
    with OpenAIServer() as server:

        def model() -> Any:
            return chat(base_url=server.url, api_key="x", model="m", max_retries=0)

        strict, other = model(), model()
        assert strict.root_client._client is other.root_client._client
        guard_http_client(strict.root_client, _eu(self_hosted_ok=False))
        with pytest.raises(Exception) as caught:
            strict.invoke("x")
        assert _has(caught.value, ProviderPolicyError)
        assert not server.requests
        assert other.invoke("x").content == "You said: x"
        del strict
        gc.collect()
        assert other.invoke("x").content == "You said: x", "its connections are still open"


@pytest.mark.parametrize("host", ["evil.test", "evil.test:80", "EVIL.test", "127.0.0.1:9"])
def test_a_host_header_that_is_not_the_urls_is_refused(host: str) -> None:
    with OpenAIServer() as server:
        client = guard_http_client(httpx.Client(), _eu())
        with pytest.raises(ProviderPolicyError, match="another host"):
            client.post(f"{server.url}/chat/completions", headers={"Host": host}, json={})
        assert not server.requests
        port = httpx.URL(server.url).port
        own = {"Host": f"127.0.0.1:{port}"}
        client.post(f"{server.url}/chat/completions", headers=own, json={"model": "m"})
        assert len(server.requests) == 1


def test_the_model_in_the_path_counts() -> None:
    with OpenAIServer() as server:
        client = guard_http_client(httpx.Client(), _eu())
        for path in ("deployments/gpt-oss-cloud/chat", "model/x%3Acloud/converse"):
            with pytest.raises(ProviderPolicyError):
                client.post(f"{server.url}/{path}", json={"model": "m"})
        assert not server.requests
