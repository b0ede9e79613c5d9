"""What LangChain tells of a run: the host that is called, tokens, the model that answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from langchain_core.outputs import LLMResult

from piirag.governance.record_names import word

_MOST_TOKENS = 2**53
_ADDRESSES = ("openai_api_base", "base_url", "azure_endpoint", "api_base", "endpoint_url")


def host_of(serialized: Mapping[str, Any] | None) -> str | None:
    """The host that a client was told to call, as far as its serialised form tells."""
    told = (serialized or {}).get("kwargs")
    for name in _ADDRESSES if isinstance(told, Mapping) else ():
        address = told.get(name) if isinstance(told, Mapping) else None
        if isinstance(address, str):
            try:
                return word(urlsplit(address).hostname)
            except ValueError:
                return None
    return None


def usage_of(response: LLMResult) -> dict[str, Any]:
    """Tokens of the prompt and the reply, and the model that answered."""
    total: Counter[str] = Counter()
    model: str | None = None
    for batch in response.generations:
        for generation in batch:
            message = getattr(generation, "message", None)
            told = getattr(message, "response_metadata", None) or {}
            if isinstance(told, Mapping):
                model = model or word(told.get("model_name") or told.get("model"))
            for key in ("input_tokens", "output_tokens"):
                total[key] += _number(getattr(message, "usage_metadata", None), key)
    told = response.llm_output or {}
    told = told if isinstance(told, Mapping) else {}
    usage = told.get("token_usage")
    if not any(total.values()):
        total["input_tokens"] = _number(usage, "prompt_tokens")
        total["output_tokens"] = _number(usage, "completion_tokens")
    return {
        "response_model": model or word(told.get("model_name")),
        **{key: n for key, n in total.items() if n},
    }


def _number(usage: Any, key: str) -> int:
    """A number of tokens; what is none counts as not told."""
    number = usage.get(key) if isinstance(usage, Mapping) else None
    return number if type(number) is int and 0 < number < _MOST_TOKENS else 0
