"""Code of the application's own inside a client: what it does cannot be seen, so it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from piirag.governance.providers import ProviderPolicy, read_model
from support.witness import without_proxies

pytestmark = pytest.mark.filterwarnings("ignore::piirag.governance.providers.ProviderWarning")

EU = "https://eu.api.openai.com/v1"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def _openai(**options: Any) -> Any:
    given = {"base_url": EU, **options}
    return pytest.importorskip("openai").OpenAI(api_key="x", max_retries=0, **given)


def _boto(**options: Any) -> Any:
    return pytest.importorskip("boto3").client(
        "bedrock-runtime",
        region_name="eu-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        **options,
    )


def _moved(*args: Any, **options: Any) -> None:
    raise AssertionError("nothing is sent")


class _Auth(httpx.Auth):
    pass


class _Client(httpx.Client):
    def send(self, *args: Any, **options: Any) -> Any:
        raise AssertionError("nothing is sent")


def _subclass() -> Any:
    openai = pytest.importorskip("openai")

    class Moved(openai.OpenAI):  # type: ignore[misc, name-defined]
        def _prepare_url(self, url: str) -> Any:
            return httpx.URL("https://elsewhere.example")

    return Moved(api_key="x", base_url=EU)


def _patched(client: Any, path: str, name: str) -> Any:
    held = client
    for part in path.split(".") if path else ():
        held = getattr(held, part)
    setattr(held, name, _moved)
    return client


def _with_network(client: Any) -> Any:
    import httpcore

    class Network(httpcore.SyncBackend if hasattr(httpcore, "SyncBackend") else object):  # type: ignore[misc]
        pass

    client._client._transport._pool._network_backend = Network()
    return client


def _with_handler(event: str) -> Any:
    client = _boto()
    client.meta.events.register(event, _moved)
    return client


OWN: dict[str, Callable[[], Any]] = {
    "a request hook": lambda: _openai(
        http_client=httpx.Client(event_hooks={"request": [_moved]}),
    ),
    "a response hook": lambda: _openai(
        http_client=httpx.Client(event_hooks={"response": [_moved]}),
    ),
    "auth": lambda: _openai(http_client=httpx.Client(auth=_Auth())),
    "auth by a function": lambda: _openai(http_client=httpx.Client(auth=lambda request: request)),
    "a client of its own class": lambda: _openai(http_client=_Client()),
    "an SDK's client of its own class": _subclass,
    "a patched SDK's client": lambda: _patched(_openai(), "", "_prepare_url"),
    "a patched resource": lambda: (
        _patched(_openai(), "chat.completions", "create").chat.completions
    ),
    "a patched HTTP client": lambda: _patched(_openai(), "_client", "send"),
    "a patched transport": lambda: _patched(_openai(), "_client._transport", "handle_request"),
    "a patched pool": lambda: _patched(_openai(), "_client._transport._pool", "handle_request"),
    "a network of its own": lambda: _with_network(_openai()),
    "a handler of boto": lambda: _with_handler("before-send.*"),
    "a late handler of boto": lambda: _with_handler("request-created.bedrock-runtime.Converse"),
    "a patched boto client": lambda: _patched(_boto(), "", "_make_api_call"),
    "a patched session": lambda: _patched(_boto(), "_endpoint.http_session", "send"),
}


@pytest.mark.parametrize("name", OWN)
def test_code_of_ones_own_in_a_client_is_refused(name: str) -> None:
    rules = ProviderPolicy(["any"], require_no_training=False, require_dpa=False)
    verdict = rules.check(OWN[name](), options={"model": "amazon.nova-pro-v1:0"})
    assert not verdict.allowed
    assert [d.kind for d in verdict.destinations] == ["unread"]


ORDINARY: dict[str, Callable[[], Any]] = {
    "a login": lambda: _openai(http_client=httpx.Client(auth=("user", "word"))),
    "an asynchronous client": lambda: pytest.importorskip("openai").AsyncOpenAI(
        api_key="x", base_url=EU, http_client=httpx.AsyncClient(follow_redirects=False)
    ),
    "limits and timeouts": lambda: _openai(
        http_client=httpx.Client(limits=httpx.Limits(max_connections=2), timeout=3, http2=False)
    ),
    "the SDK's own client": lambda: _openai(
        http_client=pytest.importorskip("openai").DefaultHttpxClient(timeout=3)
    ),
    "a copy with options": lambda: _openai().with_options(timeout=3),
    "after it was used": lambda: _used(_openai()),
    "bedrock": _boto,
    "cohere": lambda: pytest.importorskip("cohere").Client("x"),
}


def _used(client: Any) -> Any:
    assert client.chat.completions.create
    assert client.with_raw_response.embeddings.create
    return client


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_clients_are_read(name: str) -> None:
    assert not any(e.unread for e in read_model(ORDINARY[name](), {"model": "m"}))


def test_headers_of_any_kind_are_looked_through_for_another_host() -> None:
    rules = ProviderPolicy(["any"], require_no_training=False, require_dpa=False)
    for headers in (
        {"Host": "elsewhere.example"},
        httpx.Headers({"Host": "elsewhere.example"}),
        [("host", "elsewhere.example")],
        {b"HOST": b"elsewhere.example"},
    ):
        assert not rules.check(_openai(), options={"extra_headers": headers}).allowed
    client = _openai()
    client._custom_headers = httpx.Headers({"Host": "elsewhere.example"})
    assert not rules.check(client).allowed
