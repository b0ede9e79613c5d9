"""Where LlamaIndex's model objects send to: LLMs, embedding models, rerankers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.base import BaseLLM

from piirag.governance.providers.asked import Asked, holder_of
from piirag.governance.providers.clients import is_client, unread
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.models import Family, attributes, family_of, read_held, read_model

_LOCAL = Family(in_process=True)
_PLAIN = Family()
_MADE = Family(make=("_get_client", "_get_aclient"))
_TOUCHED = Family(touch=("client", "async_client"))

FAMILIES: Mapping[str, Family] = {
    "llama_index.core.embeddings.mock_embed_model": _LOCAL,
    "llama_index.core.llms.mock": _LOCAL,
    "llama_index.embeddings.azure_openai": _MADE,
    "llama_index.embeddings.cohere": _PLAIN,
    "llama_index.embeddings.huggingface": _LOCAL,
    "llama_index.embeddings.ollama": Family(model=("model_name",)),
    "llama_index.embeddings.openai": Family(
        make=("_get_client", "_get_aclient"), model=("model_name",)
    ),
    "llama_index.llms.anthropic": _PLAIN,
    "llama_index.llms.azure_openai": Family(
        make=("_get_client", "_get_aclient"), model=("engine", "azure_deployment", "model")
    ),
    "llama_index.llms.bedrock_converse": Family(
        model=("application_inference_profile_arn", "model")
    ),
    "llama_index.llms.cohere": _PLAIN,
    "llama_index.llms.google_genai": _PLAIN,
    "llama_index.llms.huggingface": _LOCAL,
    "llama_index.llms.huggingface_api": Family(model=("model", "model_name")),
    "llama_index.llms.llama_cpp": _LOCAL,
    "llama_index.llms.lmstudio": Family(url="base_url", sdk="lm_studio", model=("model_name",)),
    "llama_index.llms.mistralai": _PLAIN,
    "llama_index.llms.ollama": _TOUCHED,
    "llama_index.llms.openai": _MADE,
    "llama_index.postprocessor.cohere_rerank": _PLAIN,
}
"""Others of OpenAI's kind (openai-like, Groq, Together, DeepSeek ...) derive from its class."""

_families: dict[type, Family | None] = {}


def read(item: Any, options: Mapping[str, Any], config: Any = None) -> tuple[Endpoint, ...]:
    """Every endpoint that a model object, or an engine around one, may call.

    Args:
        item: The object.
        options: The options of the call.
        config: Not used here.
    """
    family = _family(type(item))
    if family is not None:
        return read_held(item, family, options)
    found: dict[Endpoint, None] = {}
    _walk(item, options, found, set())
    return tuple(found)


def _walk(
    item: Any, options: Mapping[str, Any], found: dict[Endpoint, None], seen: set[int]
) -> None:
    if id(item) in seen:
        return
    seen.add(id(item))
    family = _family(type(item))
    if family is not None:
        found.update(dict.fromkeys(read_held(item, family, options)))
        return
    if is_client(item) or type(item).__module__.startswith("langchain"):
        found.update(dict.fromkeys(read_model(item, options)))
        return
    inner = _inside(item)
    children = [inner] if inner is not None else list(_children(item))
    for child in children:
        _walk(child, options, found, seen)
    if not children and isinstance(item, BaseLLM | BaseEmbedding):
        why = f"piirag does not know where a {type(item).__qualname__} calls"
        found[unread(Asked(holder_of(item)), why)] = None


def _inside(item: Any) -> Any:
    """What one of our own wrappers, or a structured model, stands around."""
    from llama_index_piirag.llm import RedactedLLM

    if isinstance(item, RedactedLLM):
        return item._llm
    return getattr(item, "piirag_guarded", None)


def _children(item: Any) -> Iterable[Any]:
    for value in attributes(item).values():
        if _is_model(value):
            yield value
        elif isinstance(value, list | tuple):
            yield from (part for part in value if _is_model(part))
        elif isinstance(value, dict):
            yield from (part for part in value.values() if _is_model(part))


def _is_model(value: Any) -> bool:
    if isinstance(value, BaseLLM | BaseEmbedding) or is_client(value):
        return True
    return type(value).__module__.startswith(("langchain", "llama_index_piirag"))


def _family(kind: type) -> Family | None:
    if kind not in _families:
        _families[kind] = family_of(kind, FAMILIES)
    return _families[kind]
