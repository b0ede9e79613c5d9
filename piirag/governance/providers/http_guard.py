"""The last check: an HTTP client that asks the policy about every request it is to send.

Models that tools and libraries build by themselves, redirects, and clients that other code has
changed pass here too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from piirag.errors import ConfigurationError, MissingDependencyError
from piirag.governance.providers.asked import Asked
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.hops import hops_of

if TYPE_CHECKING:
    from piirag.governance.providers.policy import ProviderPolicy

_LONGEST = 64 * 1024 * 1024


def guard_http_client(client: Any, policy: ProviderPolicy) -> Any:
    """Make an httpx client ask the policy about every request, redirects included.

    The request as it is about to be sent counts: its URL, and the model in its body or path. The
    connections of a client that an SDK already holds are guarded as well:
    ``guard_http_client(openai_client, policy)``.

    Args:
        client: A sync or async httpx client, or an SDK's client that holds one in ``_client``.
        policy: The policy.

    Returns:
        The same client, for ``http_client=``.

    Raises:
        ConfigurationError: It is no such client.
        MissingDependencyError: httpx is not installed.
    """
    http = client if hasattr(client, "_transport_for_url") else getattr(client, "_client", None)
    if http is None or not hasattr(http, "_transport_for_url"):
        raise ConfigurationError(f"a {type(client).__name__} is no HTTP client that can be guarded")
    try:
        import httpx
    except ImportError:
        httpx = None  # type: ignore[assignment]
    if httpx is None:
        raise MissingDependencyError("httpx", "all")
    guards = _Guards(policy)
    http._transport = guards.over(http._transport)
    http._mounts = {
        pattern: None if transport is None else guards.over(transport)
        for pattern, transport in http._mounts.items()
    }
    return client


class _Guards:
    def __init__(self, policy: ProviderPolicy) -> None:
        self._policy = policy

    def over(self, transport: Any) -> Any:
        if hasattr(transport, "piirag_inner"):
            return transport
        return _Guard(transport, self._policy)


class _Guard:
    """A transport that sends what the policy allows."""

    def __init__(self, inner: Any, policy: ProviderPolicy) -> None:
        self.piirag_inner = inner
        self._policy = policy

    def handle_request(self, request: Any) -> Any:
        self._check(request, request.read)
        return self.piirag_inner.handle_request(request)

    async def handle_async_request(self, request: Any) -> Any:
        body = await request.aread()
        self._check(request, lambda: body)
        return await self.piirag_inner.handle_async_request(request)

    def _check(self, request: Any, read: Any) -> None:
        endpoint = _endpoint(request, read(), self.piirag_inner)
        self._policy.insist(self._policy.check_endpoints((endpoint,)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.piirag_inner, name)

    def __enter__(self) -> Any:
        self.piirag_inner.__enter__()
        return self

    def __exit__(self, *args: Any) -> None:
        self.piirag_inner.__exit__(*args)

    async def __aenter__(self) -> Any:
        await self.piirag_inner.__aenter__()
        return self

    async def __aexit__(self, *args: Any) -> None:
        await self.piirag_inner.__aexit__(*args)


def _endpoint(request: Any, body: bytes, transport: Any) -> Endpoint:
    url = request.url
    # Path and query stay out: they may hold data, and are no part of where it goes.
    base = str(url.copy_with(raw_path=b"/", username=None, password=None))
    host = str(request.headers.get("host", ""))
    if host.rpartition(":")[0] not in ("", url.host) and host != url.host:
        return Endpoint(unread="the request names another host in a header")
    proxies, why = hops_of(_Choosing(url, transport), base)
    asked = Asked().and_options(_named(body))
    return Endpoint(base, asked.model, "httpx", "", None, asked.body_region, proxies, why)


class _Choosing:
    """A client with one transport, for `hops_of`."""

    def __init__(self, url: Any, transport: Any) -> None:
        self.headers: dict[str, str] = {}
        self.base_url = url
        self._transport = transport
        self._mounts: dict[Any, Any] = {}

    def _transport_for_url(self, url: Any) -> Any:
        return self._transport


def _named(body: bytes) -> dict[str, Any]:
    if not body or len(body) > _LONGEST:
        return {}
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    keys = ("model", "inference_geo")
    return {key: data[key] for key in keys if key in data} if isinstance(data, dict) else {}
