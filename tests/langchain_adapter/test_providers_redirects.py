"""Clients follow redirects by themselves; the policy is asked about each target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from langchain_piirag import RedactedChatModel, RedactedModel, guard_model
from piirag.errors import ModelCallError, ProviderPolicyError
from piirag.governance.providers import ProviderPolicy
from support.witness import Witness, answers_for_all, without_proxies

pytestmark = pytest.mark.filterwarnings("ignore::piirag.governance.providers.ProviderWarning")


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)
    answers_for_all(monkeypatch)


@pytest.fixture
def redirect() -> Iterator[Callable[[str], str]]:
    """Makes a server that sends everything on to another host."""
    servers: list[ThreadingHTTPServer] = []

    def made(target: str) -> str:
        class Redirects(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(307)
                self.send_header("Location", target + self.path.removeprefix("/v1"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Redirects)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/v1"

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


def eu(**options: Any) -> ProviderPolicy:
    return ProviderPolicy(["eu"], on_stale="ignore", **options)


def chat(url: str, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(base_url=url, api_key="x", model="m", max_retries=0, **options)


WRAPPERS: dict[str, Callable[[Any, ProviderPolicy], Any]] = {
    "RedactedModel": lambda model, policy: RedactedModel(model, providers=policy),
    "RedactedChatModel": lambda model, policy: RedactedChatModel(model, providers=policy),
    "guard": guard_model,
}


def forbidden(error: BaseException | None) -> bool:
    """Whether it is the policy that stopped a call; redacted models withhold why one failed."""
    while error is not None:
        if isinstance(error, ProviderPolicyError | ModelCallError):
            return True
        error = error.__cause__ or error.__context__
    return False


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_a_redirect_to_a_forbidden_host_is_not_followed(
    kind: str, way: str, redirect: Callable[[str], str]
) -> None:
    async def called(model: Any) -> None:
        if way == "invoke":
            model.invoke("hello")
        elif way == "ainvoke":
            await model.ainvoke("hello")
        elif way == "stream":
            list(model.stream("hello"))
        else:
            [chunk async for chunk in model.astream("hello")]

    with Witness() as witness:
        url = redirect(witness.named("api.openai.com"))
        await called(chat(url))
        before = witness.accepted
        assert before, "a client that is not guarded follows it"
        with pytest.raises(Exception) as caught:
            await called(WRAPPERS[kind](chat(url), eu()))
        assert forbidden(caught.value)
        assert witness.accepted == before


def test_a_redirect_to_an_allowed_host_is_followed(redirect: Callable[[str], str]) -> None:
    with Witness() as witness:
        url = redirect(witness.url)
        guard_model(chat(url), eu()).invoke("hello")
        twice = redirect(url)
        guard_model(chat(twice), eu()).invoke("hello")
        assert len(witness.requests) == 2


def test_every_hop_counts(redirect: Callable[[str], str]) -> None:
    with Witness() as witness:
        twice = redirect(redirect(witness.named("api.openai.com")))
        with pytest.raises(Exception) as caught:
            guard_model(chat(twice), eu()).invoke("hello")
        assert forbidden(caught.value)
        assert witness.accepted == 0


def test_embeddings_and_clients_that_the_application_brought(
    redirect: Callable[[str], str],
) -> None:
    with Witness() as witness:
        url = redirect(witness.named("api.openai.com"))
        http = httpx.Client(follow_redirects=True)
        options: dict[str, Any] = {"api_key": "x", "check_embedding_ctx_length": False}
        model = OpenAIEmbeddings(base_url=url, max_retries=0, **options)
        for call in (
            lambda: guard_model(chat(url, http_client=http), eu()).invoke("hello"),
            lambda: guard_model(model, eu()).embed_query("hello"),
        ):
            with pytest.raises(Exception) as caught:
                call()
            assert forbidden(caught.value)
        assert witness.accepted == 0


def test_policies_of_models_that_share_a_client_hold_each_for_its_own(
    redirect: Callable[[str], str],
) -> None:
    with Witness() as witness:
        http = httpx.Client(follow_redirects=True)
        target = witness.named("api.openai.com")
        strict, other = (
            chat(redirect(target), http_client=http),
            chat(redirect(target), http_client=http),
        )
        loose = ProviderPolicy(
            ["any"],
            require_no_training=False,
            require_dpa=False,
            on_stale="ignore",
            max_retention_days=None,
        )
        for _ in range(2):
            with pytest.raises(Exception) as caught:
                guard_model(strict, eu()).invoke("hello")
            assert forbidden(caught.value)
        assert witness.accepted == 0
        other.invoke("hello")
        with pytest.raises(Exception) as caught:  # that policy refuses what goes without TLS
            guard_model(other, loose).invoke("hello")
        assert forbidden(caught.value)
        assert len(http.event_hooks["response"]) == 1, "one watch, however often it is called"
