"""LLMs of the application's own classes, and redirects that the clients follow by themselves."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from llama_index.core.llms import MockLLM
from llama_index.llms.openai import OpenAI

from llama_index_piirag import guard_model
from piirag.governance.providers import ProviderPolicy
from support.witness import Witness, answers_for_all, without_proxies

pytestmark = pytest.mark.filterwarnings("ignore::piirag.governance.providers.ProviderWarning")

GOOD = "https://eu.api.openai.com/v1"
RULES = ProviderPolicy(
    ["eu"], require_no_training=False, require_dpa=False, max_retention_days=None
)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)
    answers_for_all(monkeypatch)


class Mock(MockLLM):
    def complete(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("nothing is sent")


class Chats(OpenAI):
    def _chat(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("nothing is sent")


class Plain(OpenAI):
    pass


def openai(kind: type[OpenAI] = OpenAI, **options: Any) -> OpenAI:
    return kind(**{"model": "gpt-4o", "api_key": "x", "api_base": GOOD, **options})


def test_code_of_ones_own_is_refused() -> None:
    hooked = httpx.Client(event_hooks={"request": [lambda request: None]})
    for model in (Mock(), openai(Chats), openai(http_client=hooked)):
        assert not RULES.check(model).allowed
    for model in (MockLLM(), openai(Plain), openai(), openai(http_client=httpx.Client())):
        assert RULES.check(model).allowed


@pytest.mark.parametrize("reuse", [True, False])
def test_a_redirect_to_a_forbidden_host_is_not_followed(reuse: bool) -> None:
    with Witness() as witness:
        target = witness.named("api.openai.com")

        class Redirects(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(307)
                self.send_header("Location", f"{target}/chat/completions")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Redirects)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        llm = openai(api_base=url, max_retries=0, reuse_client=reuse)
        policy = ProviderPolicy(["eu"], on_stale="ignore")
        with pytest.raises(Exception, match=r"redirects cannot be watched|Connection error"):
            guard_model(llm, policy).complete("hello")
        assert witness.accepted == 0
        server.shutdown()
        server.server_close()
