"""A server that counts the connections it accepts, under any name one likes.

with Witness() as witness, answers_for_all(monkeypatch):
    ChatOpenAI(base_url=witness.named("api.openai.com"), api_key="x").invoke("hello")
    assert witness.accepted == 1
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.openai_server import OpenAIServer

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Witness(OpenAIServer):
    """A server that speaks OpenAI's protocol.

    Attributes:
        accepted: How many connections came in.
    """

    def __init__(self, **options: Any) -> None:
        """See `OpenAIServer`."""
        super().__init__(**options)
        self.accepted = 0
        accept = self._http.get_request

        def counted() -> Any:
            self.accepted += 1
            return accept()

        self._http.get_request = counted  # type: ignore[method-assign]

    @property
    def port(self) -> int:
        """Where it listens."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def named(self, host: str) -> str:
        """Its address under the name of a host; see `answers_for_all`."""
        return f"http://{host}:{self.port}/v1"


def answers_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads to this machine."""
    known = socket.getaddrinfo

    def here(host: Any, *args: Any, **kwargs: Any) -> Any:
        return known("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no proxy and no other address."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "LANGSMITH_GATEWAY", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
