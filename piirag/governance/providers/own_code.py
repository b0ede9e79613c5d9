"""Whether the objects of a library are as the library made them, or hold code of somebody's own.

A subclass, a method set on an object, a hook or a custom login can send a request wherever it
likes. Such code is not read, so what holds it is not taken for what its class says.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, cached_property, partial
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

_LIBRARIES = frozenset(
    """
    anthropic boto3 botocore cohere fireworks google groq httpcore httpcore2 httpx httpx2
    httpx_aiohttp huggingface_hub mistralai ollama openai openrouter together
    """.split()
)
_FRAMEWORKS = ("langchain_", "llama_index", "langgraph")
_CALLED = ("__call__", "__getattr__", "__getattribute__")
_CODE = (FunctionType, classmethod, staticmethod, property, cached_property)
# Members that say what an object is, and are not part of a call.
_NAMES = frozenset(
    """
    _identifying_params _llm_type class_name get_lc_namespace is_lc_serializable lc_attributes
    lc_id lc_secrets metadata model_post_init
    """.split()
)
_overridden: WeakKeyDictionary[type, str] = WeakKeyDictionary()
_LOGINS = ("BasicAuth", "DigestAuth", "NetRCAuth")


def root_of(kind: Any) -> str:
    """The package of a class or a function."""
    return str(getattr(kind, "__module__", "") or "").partition(".")[0]


@cache
def is_library(root: str) -> bool:
    """Whether a package is an SDK, what it sends with, or a framework's integration."""
    return root in _LIBRARIES or root == "langchain" or root.startswith(_FRAMEWORKS)


def is_patched(item: Any) -> bool:
    """Whether a method was set on an object, in place of its class's."""
    held = getattr(item, "__dict__", None)
    if not held:
        return False
    kind: Any = type(item)
    methods = _methods(kind)
    if methods.isdisjoint(held):
        return False
    return any(not _is_theirs(held[name]) for name in methods.intersection(held))


def overridden(kind: type) -> str:
    """What a class of the application's own overrides in a library's class; empty if nothing.

    Fields, new methods and what only names the class are harmless. A method that replaces a
    library's may send anything anywhere.

    Args:
        kind: The class of a model object.
    """
    try:
        return _overridden[kind]
    except KeyError:
        found = _overridden[kind] = _overrides(kind)
        return found


def _overrides(kind: type) -> str:
    bases = kind.__mro__
    for index, base in enumerate(bases):
        if is_library(root_of(base)):
            return ""
        for name, value in vars(base).items():
            dunder = name.startswith("__") and name not in _CALLED
            if dunder or name in _NAMES or not isinstance(value, _CODE):
                continue
            if any(name in vars(other) for other in bases[index + 1 :]):
                return name
    return ""


def own_code_in(http: Any, sdk: str = "") -> str:
    """What in an httpx client is not its library's; empty where all is.

    Args:
        http: A sync or async client.
        sdk: The package of the SDK that holds it, which may have a class of its own for it.
    """
    kind = type(http)
    root = root_of(kind)
    if not is_library(root) and root != sdk:
        return f"its HTTP client is a {kind.__module__}.{kind.__qualname__}"
    if is_patched(http):
        return "a method of its HTTP client was replaced"
    hooks = http._event_hooks
    for hook in (*hooks.get("request", ()), *hooks.get("response", ())):
        if not _is_theirs(hook):
            return "its HTTP client has an event hook"
    login = http._auth
    login_kind: Any = type(login)
    if login is not None and not _is_login(login_kind):
        return "its HTTP client has a login of its own kind"
    return ""


def own_code_below(transport: Any) -> str:
    """The same for a transport of httpx and its pool of connections."""
    pool = transport._pool
    if is_patched(transport) or is_patched(pool) or not is_library(root_of(type(pool))):
        return "a method of its transport was replaced"
    network = getattr(pool, "_network_backend", None)
    if network is not None and (is_patched(network) or not is_library(root_of(type(network)))):
        return "its transport has a network of its own"
    return ""


def own_code_in_boto(client: Any) -> str:
    """The same for a client of boto: its handlers of events count too."""
    endpoint = client._endpoint
    session = getattr(endpoint, "http_session", None)
    for item in (client, endpoint, session):
        if root_of(type(item)) != "botocore" or is_patched(item):
            return "a part of its client was replaced"
    emitter = getattr(client.meta.events, "_emitter", client.meta.events)
    if any(not _is_theirs(handler) for handler in _handlers(emitter._handlers._root)):
        return "a handler of its events was added"
    return ""


def _handlers(node: Any) -> Iterable[Any]:
    pending = [node]
    while pending:
        node = pending.pop()
        values = node["values"]
        if values is not None:
            yield from values.first
            yield from values.middle
            yield from values.last
        pending.extend(node["children"].values())


def _is_theirs(code: Any) -> bool:
    """Whether a function is one of a library's, or of piirag's, by the module it was written in."""
    while isinstance(code, partial):
        code = code.func
    code = getattr(code, "__func__", code)
    if isinstance(code, FunctionType):
        # Not `__module__`, which `functools.wraps` copies.
        root = str(code.__globals__.get("__name__", "")).partition(".")[0]
    else:
        root = root_of(type(code))
    return root == "piirag" or is_library(root)


@cache
def _is_login(kind: Any) -> bool:
    return root_of(kind) in ("httpx", "httpx2") and kind.__name__ in _LOGINS


@cache
def _methods(kind: Any) -> frozenset[str]:
    found: dict[str, bool] = {}
    for base in kind.__mro__:
        for name, value in vars(base).items():
            plain = isinstance(value, FunctionType | classmethod | staticmethod)
            found.setdefault(name, plain)
    return frozenset(name for name, plain in found.items() if plain)
