"""Which chat model the demo asks: one that an environment variable names, else a local stand-in."""

from __future__ import annotations

import importlib
import os
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel

from extractive_chat_model import ExtractiveChatModel
from piirag.errors import ConfigurationError

_OPENAI_MODEL = "gpt-4o-mini"
_OLLAMA_MODEL = "llama3.2"
_TIMEOUT = 60.0  # seconds


def choose_model() -> tuple[BaseChatModel, str]:
    """Choose a chat model from the environment.

    The first of these that is set decides:

    - ``PIIRAG_DEMO_MODEL=extractive``: the local stand-in, whatever else is set.
    - ``PIIRAG_DEMO_MODEL_URL``, ``OPENAI_BASE_URL`` or ``OPENAI_API_KEY``: an OpenAI-compatible
      endpoint; ``PIIRAG_DEMO_MODEL`` names the model.
    - ``PIIRAG_DEMO_OLLAMA_MODEL`` or ``OLLAMA_HOST``: an Ollama server.
    - None: the local stand-in, which quotes its context and sends nothing anywhere.

    Returns:
        The model, and a line that tells what it is and where the prompts go.

    Raises:
        ConfigurationError: The LangChain package for the chosen endpoint is not installed.
    """
    env = os.environ
    name = env.get("PIIRAG_DEMO_MODEL")
    url = env.get("PIIRAG_DEMO_MODEL_URL") or env.get("OPENAI_BASE_URL")
    if name != "extractive" and (url or env.get("OPENAI_API_KEY")):
        name = name or _OPENAI_MODEL
        # Servers on one's own machine mostly want no key, but the client insists on one.
        options = {"base_url": url, "api_key": env.get("OPENAI_API_KEY") or "none"}
        model = _load("langchain_openai", "ChatOpenAI")(model=name, timeout=_TIMEOUT, **options)
        return model, f"{name} at {_host(url or 'https://api.openai.com')}; prompts are sent there"
    ollama, host = env.get("PIIRAG_DEMO_OLLAMA_MODEL"), env.get("OLLAMA_HOST")
    if name != "extractive" and (ollama or host):
        model = _load("langchain_ollama", "ChatOllama")(model=ollama or _OLLAMA_MODEL)
        where = _host(host) if host else "the Ollama server of this machine"
        return model, f"{ollama or _OLLAMA_MODEL} at {where}; prompts are sent there"
    return ExtractiveChatModel(), (
        "a local stand-in that quotes its context; nothing is sent anywhere "
        "(set OPENAI_BASE_URL or OLLAMA_HOST for a real one)"
    )


def _host(url: str) -> str:
    """The host of a URL, without the credentials that may stand in it."""
    return urlsplit(url if "//" in url else f"//{url}").netloc.rpartition("@")[2]


def _load(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        package = module.replace("_", "-")
    raise ConfigurationError(
        f"the environment names a model endpoint, but {package} is not installed: "
        f"pip install {package}, or set PIIRAG_DEMO_MODEL=extractive to use the local stand-in"
    )
