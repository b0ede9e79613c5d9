"""What stands between an HTTP client and the host it calls: proxies, sockets, other transports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from piirag.governance.providers.own_code import own_code_below, own_code_in

_HTTPX = ("httpx", "httpx2")
_AIOHTTP = ("httpx_aiohttp.transport", "AiohttpTransport")
_DIRECT = ("ConnectionPool", "AsyncConnectionPool")
_PROXIED = ("HTTPProxy", "AsyncHTTPProxy", "SOCKSProxy", "AsyncSOCKSProxy")

_urls: dict[tuple[type, str], Any] = {}

Seen = list[tuple[Any, str]]
"""HTTP clients, each with where it calls."""

_seen: ContextVar[Seen | None] = ContextVar("piirag_http_clients", default=None)

Hops = tuple[tuple[str, ...], str]
"""The proxies on the way, and why the way cannot be told; empty where it can."""


@contextmanager
def http_clients_read() -> Iterator[Seen]:
    """The HTTP clients that are looked at meanwhile."""
    found: Seen = []
    token = _seen.set(found)
    try:
        yield found
    finally:
        _seen.reset(token)


def hops_of(client: Any, url: str, sdk: str = "") -> Hops:
    """The way of an httpx client to a URL.

    Args:
        client: A sync or async client of httpx, or what an SDK has made of one.
        url: Where it calls.
        sdk: The package of the SDK that holds it.
    """
    choose = getattr(client, "_transport_for_url", None)
    if choose is None:
        return (), f"its HTTP client is a {type(client).__name__}"
    why = own_code_in(client, sdk)
    if why:
        return (), why
    seen = _seen.get()
    if seen is not None:
        seen.append((client, url))
    if "host" in client.headers:
        return (), "its HTTP client names another host in a header"
    transport = choose(_as_url(type(client.base_url), url)) if client._mounts else client._transport
    return transport_hops(transport, url)


def transport_hops(transport: Any, url: str) -> Hops:
    """The way of a transport of httpx to a URL."""
    while (inner := vars(transport).get("piirag_inner")) is not None:
        transport = inner
    kind = type(transport)
    if (kind.__module__, kind.__name__) == _AIOHTTP:
        return _aiohttp(transport, url)
    pool = getattr(transport, "_pool", None)
    if pool is None or kind.__module__.partition(".")[0] not in _HTTPX:
        return (), f"its HTTP client sends through a {kind.__module__}.{kind.__qualname__}"
    why = own_code_below(transport)
    if why:
        return (), why
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
    return any(_text(key).strip().lower() == "host" for key in _keys(headers))


def _keys(headers: Any) -> Iterable[Any]:
    if hasattr(headers, "keys"):
        return headers.keys()  # type: ignore[no-any-return]
    if isinstance(headers, list | tuple):
        return [pair[0] for pair in headers if isinstance(pair, list | tuple) and pair]
    return ()


def _text(key: Any) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)


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
