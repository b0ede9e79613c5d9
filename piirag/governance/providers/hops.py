"""What stands between an HTTP client and the host it calls: proxies, sockets, other transports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_HTTPX = ("httpx", "httpx2")
_AIOHTTP = ("httpx_aiohttp.transport", "AiohttpTransport")
_DIRECT = ("ConnectionPool", "AsyncConnectionPool")
_PROXIED = ("HTTPProxy", "AsyncHTTPProxy", "SOCKSProxy", "AsyncSOCKSProxy")

_urls: dict[tuple[type, str], Any] = {}

Hops = tuple[tuple[str, ...], str]
"""The proxies on the way, and why the way cannot be told; empty where it can."""


def hops_of(client: Any, url: str) -> Hops:
    """The way of an httpx client to a URL.

    Args:
        client: A sync or async client of httpx, or what an SDK has made of one.
        url: Where it calls.
    """
    choose = getattr(client, "_transport_for_url", None)
    if choose is None:
        return (), f"its HTTP client is a {type(client).__name__}"
    if "host" in client.headers:
        return (), "its HTTP client names another host in a header"
    transport = choose(_as_url(type(client.base_url), url)) if client._mounts else client._transport
    transport = getattr(transport, "piirag_inner", transport)
    kind = type(transport)
    if (kind.__module__, kind.__name__) == _AIOHTTP:
        return _aiohttp(transport, url)
    pool = getattr(transport, "_pool", None)
    if pool is None or kind.__module__.partition(".")[0] not in _HTTPX:
        return (), f"its HTTP client sends through a {kind.__module__}.{kind.__qualname__}"
    name = type(pool).__name__
    if name in _PROXIED:
        return (_without_login(pool._proxy_url),), ""
    if name not in _DIRECT or getattr(pool, "_uds", None) is not None:
        return (), "its HTTP client sends through a socket of its own"
    return (), ""


def _aiohttp(transport: Any, url: str) -> Hops:
    """The transport with which some SDKs have aiohttp send for httpx."""
    if transport.uds:
        return (), "its HTTP client sends through a socket of its own"
    if transport.proxy is not None:
        return (shown_proxy(str(transport.proxy.url)),), ""
    return environment_hops(url)


def environment_hops(url: str) -> Hops:
    """The way to a URL of a client that goes by the environment's proxies."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme) or getproxies().get("all")
    if not proxy or (parts.hostname and proxy_bypass(parts.hostname)):
        return (), ""
    return (shown_proxy(proxy),), ""


def named_host(headers: Any) -> bool:
    """Whether headers name another host than the URL does."""
    keys: Iterable[Any] = headers if isinstance(headers, dict) else ()
    return any(str(key).lower() == "host" for key in keys)


def shown_proxy(proxy: str) -> str:
    """A proxy's URL without user and password."""
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _as_url(kind: type, url: str) -> Any:
    try:
        return _urls[kind, url]
    except KeyError:
        if len(_urls) > 256:
            _urls.clear()
        made = _urls[kind, url] = kind(url)
        return made


def _without_login(url: Any) -> str:
    # httpcore keeps user and password elsewhere.
    scheme, host = url.scheme.decode("ascii"), url.host.decode("ascii")
    return f"{scheme}://{host}" + (f":{url.port}" if url.port else "")
