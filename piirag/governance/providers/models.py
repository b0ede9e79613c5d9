"""Reading a model object of a framework: the clients it holds, and what it asks them for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

from piirag.governance.providers.asked import MODEL_KEYS, Asked, holder_of
from piirag.governance.providers.clients import is_client, read_client, unread, whole
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.hops import environment_hops
from piirag.governance.providers.own_code import is_patched, overridden

_PACKAGES = {
    "langchain": "langchain_piirag.providers",
    "langgraph": "langchain_piirag.providers",
    "llama_index": "llama_index_piirag.providers",
}

_packages: dict[type, str | None] = {}
# Where model objects hold their clients: what stands there is what is called.
_CLIENTS = """
client async_client root_client root_async_client _client _async_client _aclient _sdk_client
_async_sdk_client _sync_client
""".split()
_NEW = "with reuse_client=False it makes clients whose redirects cannot be watched"
_INSIDE = ("model_kwargs", "additional_kwargs", "extra_body", "default_headers")


@dataclass(frozen=True)
class Family:
    """How the model objects of one package are read.

    Attributes:
        touch: Attributes that make a client when they are first looked at.
        make: Methods that make a client, or return the one there is.
        model: Attributes that name the model; the first that is set counts.
        url: The attribute that is the address, where there is no lasting client.
        sdk: The kind of client, where the class says more than the client does.
        in_process: Whether nothing is sent: the model runs in this process.
    """

    touch: tuple[str, ...] = ()
    make: tuple[str, ...] = ()
    model: tuple[str, ...] = MODEL_KEYS
    url: str | None = None
    sdk: str = ""
    in_process: bool = False


def read_model(
    model: Any, options: Mapping[str, Any] | None = None, config: Any = None
) -> tuple[Endpoint, ...]:
    """Where a model sends to: every address it may call with these options.

    Args:
        model: A model object of LangChain or LlamaIndex, an embedding model or a reranker, what
            they are wrapped in, or an SDK's client.
        options: The options of the call.
        config: A LangChain config, which may choose among models.
    """
    options = options or {}
    if is_client(model):
        return tuple(
            endpoint
            for asked in Asked(holder_of(model)).and_options(options).each()
            for endpoint in read_client(model, asked)
        )
    package = _package_of(type(model))
    if package is None:
        asked = Asked(holder_of(model))
        return (unread(asked, f"piirag does not know where a {type(model).__qualname__} calls"),)
    read: Callable[..., tuple[Endpoint, ...]] = _reader_in(package)
    try:
        return read(model, options, config)
    except Exception as error:  # noqa: BLE001 - an SDK may raise anything while it makes a client
        reason = f"it could not be read ({type(error).__name__})"
    return (unread(Asked(holder_of(model)), reason),)


def read_held(model: Any, family: Family, options: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """The endpoints of a single model object.

    Args:
        model: The object.
        family: How it is read.
        options: The options of the call.
    """
    name = overridden(type(model))
    if name or is_patched(model):
        what = f"its {name} is of the application's own" if name else "a method of it was replaced"
        return (unread(Asked(holder_of(model)), what),)
    for name in family.touch:
        getattr(model, name, None)
    held = attributes(model)
    asked = _own(model, held, family)
    if options:
        asked = asked.and_options(options)
    if family.in_process:
        return (Endpoint(sdk="in-process", model=asked.model, holder=asked.holder),)
    if asked.unread:
        return (Endpoint(unread=asked.unread),)
    if family.url is not None:
        url = str(getattr(model, family.url, None) or "")
        proxies, why = environment_hops(url)
        return tuple(
            Endpoint(url, one.model, family.sdk, one.holder, None, None, proxies, why)
            for one in asked.each()
        )
    strange = next((name for name in _CLIENTS if _is_strange(held.get(name))), None)
    if strange is not None:
        kind = type(held[strange]).__qualname__
        return (unread(asked, f"piirag cannot read its {strange}, a {kind}"),)
    each = asked.each()
    kept = held.get("reuse_client") is not False
    found: dict[Endpoint, None] = {}
    for client in _clients(model, held, family):
        for one in each:
            for endpoint in read_client(client, one):
                found[endpoint if kept or endpoint.unread else replace(endpoint, unread=_NEW)] = (
                    None
                )
    if not found:
        return (unread(asked, f"no client was found in a {type(model).__qualname__}"),)
    return tuple(found)


def family_of(kind: type, families: Mapping[str, Family]) -> Family | None:
    """The family of a class: by its own package, or that of a class it derives from.

    Args:
        kind: The class.
        families: By the name of a package, or of a class with its module.
    """
    for base in kind.__mro__:
        module = base.__module__
        found = families.get(f"{module}.{base.__qualname__}")
        while found is None and module:
            found = families.get(module)
            module = module.rpartition(".")[0]
        if found is not None:
            return found
    return None


def attributes(item: Any) -> dict[str, Any]:
    """What an object holds, pydantic's private attributes among it."""
    held = dict(getattr(item, "__dict__", None) or {})
    held.update(getattr(item, "__pydantic_private__", None) or {})
    return held


def _clients(model: Any, held: Mapping[str, Any], family: Family) -> list[Any]:
    clients = {}
    for name in family.make:
        if hasattr(model, name):
            made = whole(getattr(model, name)())
            clients[id(made)] = made
    for name, value in held.items():
        # The HTTP clients that the application brought are read with the client they are in.
        if is_client(value) and "http" not in name:
            client = value if is_patched(value) else whole(value)
            clients[id(client)] = client
    return list(clients.values())


def _is_strange(client: Any) -> bool:
    return client is not None and not is_client(client)


def _own(model: Any, held: Mapping[str, Any], family: Family) -> Asked:
    named = next((value for key in family.model if (value := held.get(key))), None)
    asked = Asked(
        holder_of(model),
        str(named) if named is not None else None,
        held.get("inference_geo"),
    )
    inside = {key: value for key in _INSIDE if (value := held.get(key))}
    return asked.and_options(inside) if inside else asked


def _package_of(kind: type) -> str | None:
    if kind not in _packages:
        _packages[kind] = _found_package(kind)
    return _packages[kind]


def _found_package(kind: type) -> str | None:
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        for known, package in _PACKAGES.items():
            if root == known or root.startswith(f"{known}_"):
                return package
    return None


@cache
def _reader_in(package: str) -> Any:
    return import_module(package).read
