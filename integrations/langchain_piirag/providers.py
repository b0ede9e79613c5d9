"""Where LangChain's model objects send to: the SDKs' clients inside bindings, fallbacks, chains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase, RunnableLambda
from langchain_core.runnables.config import merge_configs
from langchain_core.runnables.configurable import (
    DynamicRunnable,
    RunnableConfigurableAlternatives,
)
from langchain_core.vectorstores import VectorStore

from langchain_piirag.running import ModelCalls
from piirag.governance.providers.asked import Asked, holder_of
from piirag.governance.providers.clients import is_client, unread
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.models import Family, attributes, family_of, read_held, read_model
from piirag.governance.providers.reach import is_own, is_own_code, reached
from piirag.governance.providers.tracing import handlers_of

_LOCAL = Family(in_process=True)
_PLAIN = Family()
_AZURE = Family(model=("deployment_name", "azure_deployment", "deployment", "model_name", "model"))

FAMILIES: Mapping[str, Family] = {
    "langchain_anthropic": Family(touch=("_client", "_async_client")),
    "langchain_aws": Family(
        touch=("_client", "_async_client"), model=("model_id", "model", "model_name")
    ),
    "langchain_cohere": _PLAIN,
    "langchain_community.chat_models.llamacpp": _LOCAL,
    "langchain_community.embeddings.fake": _LOCAL,
    "langchain_community.llms.llamacpp": _LOCAL,
    "langchain_core.embeddings.fake": _LOCAL,
    "langchain_core.language_models.fake": _LOCAL,
    "langchain_core.language_models.fake_chat_models": _LOCAL,
    "langchain_deepseek": _PLAIN,
    "langchain_fireworks": _PLAIN,
    "langchain_google_genai": _PLAIN,
    "langchain_google_vertexai": _PLAIN,
    "langchain_groq": _PLAIN,
    "langchain_huggingface": Family(model=("model", "repo_id")),
    "langchain_huggingface.embeddings.huggingface": _LOCAL,
    "langchain_huggingface.llms.huggingface_pipeline": _LOCAL,
    "langchain_mistralai": _PLAIN,
    "langchain_ollama": _PLAIN,
    "langchain_openai": _PLAIN,
    "langchain_openai.chat_models.azure": _AZURE,
    "langchain_openai.embeddings.azure": _AZURE,
    "langchain_openai.llms.azure": _AZURE,
    "langchain_openrouter": _PLAIN,
    "langchain_together": _PLAIN,
}

Config = RunnableConfig | None
_families: dict[type, Family | None] = {}


def read(item: Any, options: Mapping[str, Any], config: Config) -> tuple[Endpoint, ...]:
    """Every endpoint that a model object, or a chain, may call.

    Args:
        item: The object.
        options: The options of the call.
        config: Its config, which may choose among models; without one, all of them count.
    """
    family = _family(type(item))
    if family is not None:  # what is most often asked, and at every call
        return _leaf(item, family, options)
    found: dict[Endpoint, None] = {}
    _walk(item, options, config, found, set())
    return tuple(found)


def _walk(
    item: Any,
    options: Mapping[str, Any],
    config: Config,
    found: dict[Endpoint, None],
    seen: set[int],
) -> None:
    item = _inside(item)
    if isinstance(item, RunnableBindingBase):
        bound = {**item.kwargs, **options}
        if any(is_own_code(factory) for factory in item.config_factories):
            found[unread(Asked(holder_of(item)), "a config factory of its own may choose")] = None
        chosen = merge_configs(item.config, config) if item.config else config
        _walk(item.bound, bound, chosen, found, seen)
        return
    if id(item) in seen:
        return
    seen.add(id(item))
    if isinstance(item, DynamicRunnable):
        _dynamic(item, options, config, found, seen)
    elif type(item).__name__ == "_ConfigurableModel":  # `init_chat_model` with configurable fields
        _walk(item._model(config), options, config, found, seen)
    elif isinstance(item, RunnableWithFallbacks):
        for one in (item.runnable, *item.fallbacks):
            _walk(one, options, config, found, seen)
    elif (family := _family(type(item))) is not None:
        found.update(dict.fromkeys(_leaf(item, family, options)))
    elif is_client(item):
        found.update(dict.fromkeys(read_model(item, options)))
    else:
        children = list(_children(item))
        # Code of the application's own may choose another model than the config does.
        own = isinstance(item, RunnableLambda) or is_own(type(item))
        for child in children:
            _walk(child, options, None if own else config, found, seen)
        if not children and isinstance(item, BaseLanguageModel | Embeddings):
            why = f"piirag does not know where a {type(item).__qualname__} calls"
            found[unread(Asked(holder_of(item)), why)] = None


def callbacks_in(item: Any) -> list[Any]:
    """The handlers that a model, or what it is part of, brings with it."""
    found: list[Any] = []
    pending, seen = [item], set[int]()
    while pending:
        one = _inside(pending.pop())
        if id(one) in seen:
            continue
        seen.add(id(one))
        found += handlers_of(getattr(one, "callbacks", None))
        if isinstance(one, RunnableBindingBase):
            found += handlers_of((one.config or {}).get("callbacks"))
            pending.append(one.bound)
        elif isinstance(one, RunnableWithFallbacks):
            pending += [one.runnable, *one.fallbacks]
        elif isinstance(one, DynamicRunnable):
            pending.append(one.default)
            if isinstance(one, RunnableConfigurableAlternatives):
                pending += [a for a in one.alternatives.values() if isinstance(a, Runnable)]
        elif _family(type(one)) is None:
            pending += _children(one)
    return found


def _inside(item: Any) -> Any:
    """What one of our own wrappers stands around."""
    while True:
        if isinstance(item, ModelCalls):
            item = item.model
        elif (inner := getattr(item, "piirag_guarded", None)) is not None:
            item = inner
        elif "_piirag_model" in getattr(item, "__dict__", ()):
            item = item.__dict__["_piirag_model"]
        else:
            return item


def _leaf(item: Any, family: Family, options: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    nested = getattr(item, "llm", None)
    if isinstance(nested, BaseLanguageModel):  # ChatHuggingFace
        return read_model(nested, options)
    option = getattr(item, "client_options", None)
    if option is not None and getattr(option, "api_endpoint", None):
        return _vertex(item, str(option.api_endpoint), options)
    return read_held(item, family, options)


def _vertex(item: Any, host: str, options: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """`ChatVertexAI` makes its clients at the first call, from these fields."""
    asked = Asked(holder_of(item), getattr(item, "model_name", None)).and_options(options)
    if asked.unread:
        return (Endpoint(unread=asked.unread),)
    url = host if "://" in host else f"https://{host}"
    return (Endpoint(url, asked.model, "vertexai", asked.holder, getattr(item, "location", None)),)


def _dynamic(
    item: DynamicRunnable[Any, Any],
    options: Mapping[str, Any],
    config: Config,
    found: dict[Endpoint, None],
    seen: set[int],
) -> None:
    if config is not None or item.config:
        prepared, merged = item.prepare(config)
        # What is prepared is made for this and gone after it: its id may come again.
        _walk(prepared, options, merged, found, set())
        return
    _walk(item.default, options, config, found, seen)
    if isinstance(item, RunnableConfigurableAlternatives):
        for alternative in item.alternatives.values():
            made = alternative if isinstance(alternative, Runnable) else alternative()
            _walk(made, options, config, found, set())


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, RunnableLambda):
        yield from item.deps
    if isinstance(item, VectorStore):
        if isinstance(item.embeddings, Embeddings):
            yield item.embeddings
        return
    if isinstance(item, Runnable) and is_own(type(item)):
        yield from reached(item, _is_part)
        return
    for value in attributes(item).values():
        yield from _parts(value)


def _parts(value: Any) -> Iterable[Any]:
    if _is_part(value):
        yield value
    elif is_own_code(value):
        yield from reached(value, _is_model)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _parts(part)


def _is_model(value: Any) -> bool:
    return isinstance(value, Runnable | BaseLanguageModel | Embeddings)


def _is_part(value: Any) -> bool:
    if _is_model(value) or isinstance(value, VectorStore) or is_client(value):
        return True
    return _family(type(value)) is not None


def _family(kind: type) -> Family | None:
    if kind not in _families:
        _families[kind] = family_of(kind, FAMILIES)
    return _families[kind]
