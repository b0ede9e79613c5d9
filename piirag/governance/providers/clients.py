"""Reading the SDKs' clients: where they send to, now, whatever they were configured with.

Nothing of an SDK is imported; its objects are known by the classes they derive from. A client
that is not known is not read, and what is not read may not be called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from piirag.governance.providers.asked import Asked
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.hops import (
    Hops,
    environment_hops,
    hops_of,
    named_host,
    shown_proxy,
)
from piirag.governance.providers.own_code import (
    is_library,
    is_patched,
    own_code_in_boto,
    root_of,
)

Reader = Callable[[Any, Asked], tuple[Endpoint, ...]]

_known: dict[type, Reader | None] = {}


def reader_of(kind: type) -> Reader | None:
    """What reads objects of a class; None where it is no client that is known."""
    try:
        return _known[kind]
    except KeyError:
        _known[kind] = found = _find(kind)
        return found


def is_client(item: Any) -> bool:
    """Whether an object is a client, or a part of one, that can be read."""
    kind = type(item)
    return (_known[kind] if kind in _known else reader_of(kind)) is not None


def whole(client: Any) -> Any:
    """The client that a part of one (``client.chat.completions``) belongs to."""
    while reader_of(type(client)) is _resource:
        client = client._client
    return client


def read_client(client: Any, asked: Asked | None = None) -> tuple[Endpoint, ...]:
    """Where a client sends to.

    Args:
        client: A client, or a part of one that knows it (``client.chat.completions``).
        asked: What is asked for.
    """
    reader = reader_of(type(client))
    asked = asked if asked is not None else Asked()
    if asked.unread:
        return (Endpoint(unread=asked.unread),)  # nobody can attest to what a call may change
    if reader is None:
        return (unread(asked, f"piirag cannot read a {type(client).__qualname__}"),)
    if is_patched(client):
        reason = f"a method of a {type(client).__qualname__} was replaced"
        return (unread(asked, reason),)
    try:
        return reader(client, asked)
    except Exception as error:  # noqa: BLE001 - an SDK whose insides have changed
        reason = f"a {type(client).__qualname__} is not as it is known ({type(error).__name__})"
    return (unread(asked, reason),)


def unread(asked: Asked, why: str, sdk: str = "") -> Endpoint:
    """An endpoint of which nothing is known but why."""
    return Endpoint(sdk=sdk, model=asked.model, holder=asked.holder, unread=why)


def _find(kind: type) -> Reader | None:
    """By the class it is or derives from; a class of somebody's own may do what it likes."""
    found = _base_of(kind)
    if found is None:
        return None
    reader, root = found
    return reader if root_of(kind) == root or is_library(root_of(kind)) else _own_class


def _base_of(kind: type) -> tuple[Reader, str] | None:
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        reader = _BY_CLASS.get((root, base.__name__))
        if reader is not None:
            return reader, root
        if base.__module__ == f"{root}._base_client" and base.__name__ == "BaseClient":
            return _stainless, root
        if base.__module__ == f"{root}._resource" and base.__name__.endswith("APIResource"):
            return _resource, root
    return None


def _own_class(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    return (unread(asked, f"piirag cannot read a {type(client).__qualname__}"),)


def _made(
    asked: Asked, sdk: str, url: str, hops: Hops = ((), ""), region: str | None = None
) -> Endpoint:
    place = asked.body_region
    return Endpoint(url, asked.model, sdk, asked.holder, region, place, *hops)


def _stainless(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    """OpenAI, Anthropic, Groq, Together, Fireworks and others whose SDK is made alike."""
    url = str(client.base_url)
    sdk = type(client).__module__.partition(".")[0]
    hops = hops_of(client._client, url, sdk)
    if client._custom_headers and named_host(client._custom_headers):
        hops = (hops[0], "its headers name another host")
    return (_made(asked, sdk, url, hops),)


def _resource(part: Any, asked: Asked) -> tuple[Endpoint, ...]:
    return read_client(part._client, asked)


def _httpx(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    url = str(client.base_url)
    return (_made(asked, "httpx", url, hops_of(client, url)),)


def _ollama(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    url = str(client._client.base_url)
    return (_made(asked, "ollama", url, hops_of(client._client, url)),)


def _speakeasy(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    """Mistral and OpenRouter, whose SDKs are made alike."""
    configuration = client.sdk_configuration
    url = str(configuration.get_server_details()[0])
    sdk = type(client).__module__.partition(".")[0]
    https = [configuration.client, configuration.async_client]
    found = [_made(asked, sdk, url, hops_of(http, url)) for http in https if http is not None]
    return tuple(dict.fromkeys(found)) or (_made(asked, sdk, url, environment_hops(url)),)


def _cohere(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    wrapper = client._client_wrapper
    url = str(wrapper.get_base_url())
    return (_made(asked, "cohere", url, hops_of(wrapper.httpx_client.httpx_client, url)),)


def _boto(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    if client.meta.service_model.service_name == "bedrock":
        return ()  # lists models and profiles; no text passes through it
    why = own_code_in_boto(client)
    session = getattr(client._endpoint, "http_session", None)
    found = []
    for url in dict.fromkeys([client.meta.endpoint_url, client._endpoint.host]):
        configured = getattr(session, "_proxy_config", None)
        proxy = configured.proxy_url_for(url) if configured is not None else None
        hops: Hops = ((shown_proxy(proxy),), why) if proxy else ((), why)
        found.append(_made(asked, "boto", url, hops, client.meta.region_name))
    return tuple(found)


def _genai(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    api = client._api_client
    url = str(api._http_options.base_url)
    region = (api.location or None) if api.vertexai else None
    found = [
        _made(asked, "google-genai", url, hops_of(http, url), region)
        for http in (api._httpx_client, api._async_httpx_client)
    ]
    return tuple(dict.fromkeys(found))


def _hugging_face(client: Any, asked: Asked) -> tuple[Endpoint, ...]:
    target = str(client.model or asked.model or "")
    provider = client.provider or "auto"
    if target.startswith(("http://", "https://")):
        return (_made(asked, "huggingface", target, _hub_hops(client, target)),)
    token = client.token if isinstance(client.token, str) else "hf_"
    if provider not in ("auto", "hf-inference") and not token.startswith("hf_"):
        return (unread(asked, f"with a key of its own, {provider} is called directly"),)
    url = f"https://router.huggingface.co/{provider}"
    return (_made(asked, "huggingface", url, _hub_hops(client, url)),)


def _hub_hops(client: Any, url: str) -> Hops:
    """The sync clients share one HTTP client; the async ones make theirs at the first call."""
    made = getattr(client, "_async_client", None)
    if made is None and not type(client).__name__.startswith("Async"):
        made = getattr(sys.modules.get("huggingface_hub"), "get_session", lambda: None)()
    return hops_of(made, url) if hasattr(made, "_transport_for_url") else environment_hops(url)


_BY_CLASS: dict[tuple[str, str], Reader] = {
    ("httpx", "BaseClient"): _httpx,
    ("httpx2", "BaseClient"): _httpx,
    ("ollama", "BaseClient"): _ollama,
    ("mistralai", "BaseSDK"): _speakeasy,
    ("openrouter", "BaseSDK"): _speakeasy,
    ("cohere", "BaseCohere"): _cohere,
    ("cohere", "AsyncBaseCohere"): _cohere,
    ("botocore", "BaseClient"): _boto,
    ("google", "Client"): _genai,
    ("huggingface_hub", "InferenceClient"): _hugging_face,
    ("huggingface_hub", "AsyncInferenceClient"): _hugging_face,
}
