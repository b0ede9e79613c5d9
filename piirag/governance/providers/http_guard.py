"""The last check: an HTTP client that asks the policy about every request it is to send.

Models that tools and libraries build by themselves, redirects, and clients that other code has
changed pass here too.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from piirag.errors import ConfigurationError, MissingDependencyError
from piirag.governance.providers.requests import endpoints_of

if TYPE_CHECKING:
    from piirag.governance.providers.policy import ProviderPolicy


def guard_http_client(client: Any, policy: ProviderPolicy) -> Any:
    """Make an httpx client ask the policy about every request, redirects included.

    The request as it is about to be sent counts: its URL, and the model in its body and in its
    path. An SDK's client is guarded as well: ``guard_http_client(openai_client, policy)``. It then
    has a view of its own of the HTTP client that it held, which others may share, unguarded. A
    client that is guarded twice asks both policies.

    Args:
        client: A sync or async httpx client, or an SDK's client that holds one in ``_client``.
        policy: The policy.

    Returns:
        The same client, for ``http_client=``.

    Raises:
        ConfigurationError: It is no such client.
        MissingDependencyError: httpx is not installed.
    """
    held = None if hasattr(client, "_transport_for_url") else getattr(client, "_client", None)
    http = client if held is None else held
    if not hasattr(http, "_transport_for_url"):
        raise ConfigurationError(f"a {type(client).__name__} is no HTTP client that can be guarded")
    try:
        import httpx
    except ImportError:
        httpx = None  # type: ignore[assignment]
    if httpx is None:
        raise MissingDependencyError("httpx", "all")
    if held is not None:
        http = client._client = _view(held)
    guards = _Guards(policy)
    http._transport = guards.over(http._transport)
    http._mounts = {
        pattern: None if transport is None else guards.over(transport)
        for pattern, transport in http._mounts.items()
    }
    return client


def _view(http: Any) -> Any:
    """A client over the same connections, with guards and hooks of its own.

    The SDKs' own classes close their connections when they are collected; a view must not, as
    others use them. So it is of the class of httpx that they derive from.
    """
    view = copy(http)
    library = ("httpx", "httpx2", "httpx_aiohttp")
    kind = next(k for k in type(http).__mro__ if k.__module__.partition(".")[0] in library)
    view.__class__ = kind
    view._event_hooks = {name: list(hooks) for name, hooks in http._event_hooks.items()}
    view.piirag_viewed = http  # or it would be collected, and closed
    return view


class _Guards:
    def __init__(self, policy: ProviderPolicy) -> None:
        self._policy = policy

    def over(self, transport: Any) -> Any:
        inner = transport
        while isinstance(inner, _Guard):
            if inner.policy is self._policy:
                return transport
            inner = inner.piirag_inner
        return _Guard(transport, self._policy)


class _Guard:
    """A transport that sends what the policy allows."""

    def __init__(self, inner: Any, policy: ProviderPolicy) -> None:
        self.piirag_inner = inner
        self.policy = policy

    def handle_request(self, request: Any) -> Any:
        self._check(request, request.read)
        return self.piirag_inner.handle_request(request)

    async def handle_async_request(self, request: Any) -> Any:
        body = await request.aread()
        self._check(request, lambda: body)
        return await self.piirag_inner.handle_async_request(request)

    def _check(self, request: Any, read: Any) -> None:
        endpoints = endpoints_of(request, request.url, read(), self.piirag_inner)
        self.policy.insist(self.policy.check_endpoints(endpoints))

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
