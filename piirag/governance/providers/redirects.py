"""Redirects: a client follows them by itself, after the policy was asked.

The HTTP client of a model that a policy has let pass is watched from then on: a redirect from
where that model calls is followed only where the policy allows its target as well. The watch is
an event hook of httpx. A client that several models share keeps the policies of all of them, each
for the addresses of its own models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, ref

from piirag.errors import ProviderPolicyError
from piirag.governance.providers.requests import endpoints_of

if TYPE_CHECKING:
    from piirag.governance.providers.policy import ProviderPolicy

_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int | None]


def watch(http: Any, url: str, policy: ProviderPolicy) -> None:
    """Have the redirects from an address looked at.

    Args:
        http: The httpx client that calls it.
        url: The address.
        policy: What the targets have to satisfy.
    """
    hooks = http._event_hooks["response"]
    for hook in hooks:
        if isinstance(hook, _Watch):
            hook.add(policy, url)
            return
    is_async = hasattr(http, "__aenter__")
    made = _AsyncWatch(http) if is_async else _Watch(http)
    made.add(policy, url)
    hooks.append(made)


class _Watch:
    """A hook that httpx calls with each response, before it follows a redirect."""

    def __init__(self, http: Any) -> None:
        self._http = ref(http)
        self._urls: WeakKeyDictionary[ProviderPolicy, set[str]] = WeakKeyDictionary()
        self._origins: WeakKeyDictionary[ProviderPolicy, set[Origin]] = WeakKeyDictionary()

    def add(self, policy: ProviderPolicy, url: str) -> None:
        known = self._urls.get(policy)
        if known is not None and url in known:
            return
        self._urls.setdefault(policy, set()).add(url)
        self._origins.setdefault(policy, set()).add(_origin(url))

    def __call__(self, response: Any) -> Any:
        if response.has_redirect_location:
            self._look(response)

    def _look(self, response: Any) -> None:
        request, http = response.request, self._http()
        came = _origin(str(request.url))
        policies = [p for p, origins in list(self._origins.items()) if came in origins]
        if not policies:
            return
        if http is None:
            raise ProviderPolicyError(["a redirect cannot be followed to where it leads"])
        target = http._redirect_url(request, response)
        if _origin(str(target)) == came:
            return
        transport = http._transport_for_url(target)
        endpoints = endpoints_of(request, target, _body(request), transport)
        for policy in policies:
            policy.insist(policy.check_endpoints(endpoints))
            self._origins[policy].add(_origin(str(target)))


class _AsyncWatch(_Watch):
    async def __call__(self, response: Any) -> None:
        if response.has_redirect_location:
            self._look(response)


def _body(request: Any) -> bytes:
    # One that is sent as a stream is not kept.
    return getattr(request, "_content", b"")


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
