"""LangChain's own suites for chat models, against `RedactedChatModel` over a real `ChatOpenAI`.

The class under test builds the `ChatOpenAI` from the parameters that the suite passes, and wraps
it. The server on loopback answers as a model does that follows schemas.

Skipped, by the suite itself, are the serialisation of models (a wrapper holds a redactor, and with
it the way to a key, and is not serialisable), initialisation from environment variables (those are
the wrapped model's), and the timing over recorded cassettes. The details of usage (audio, caches,
reasoning) are not asked for, because the server on loopback reports none.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.integration_tests import chat_models as integration
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_piirag import RedactedChatModel
from support.openai_server import OpenAIServer, prompt_text

_SAID = {"unicode_customer": ["你好啊集团", "こんにちは株式会社"]}


def _filled(schema: Any, name: str, body: Any) -> Any:
    """Data that fits a schema."""
    if "properties" in schema:
        wanted = schema.get("required", schema["properties"])
        return {key: _filled(schema["properties"][key], key, body) for key in wanted}
    if "anyOf" in schema:
        return _filled(schema["anyOf"][0], name, body)
    said = [word for words in _SAID.values() for word in words if word in prompt_text(body)]
    text = said[-1] if said and name == "customer_name" else "a cat"
    return {"integer": 3, "number": 3.0, "boolean": True}.get(schema.get("type"), text)


def _calls(body: Any) -> list[tuple[str, Any]]:
    functions = {tool["function"]["name"]: tool["function"] for tool in body["tools"]}
    choice = body.get("tool_choice")
    chosen = choice["function"]["name"] if isinstance(choice, dict) else next(iter(functions))
    parameters = functions[chosen].get("parameters") or {}
    return [(chosen, _filled(parameters, "", body) if parameters.get("properties") else {})]


def _reply(body: Any) -> str:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return json.dumps(_filled(wanted["json_schema"]["schema"], "", body))
    if wanted.get("type") == "json_object":
        return json.dumps({"setup": "a cat", "punchline": "a dog"})
    return "It is sunny, and a cat sat there."


class Wrapped(RedactedChatModel):
    """Takes what a `ChatOpenAI` takes."""

    def __init__(self, **params: Any) -> None:
        super().__init__(ChatOpenAI(**params), allow_media=True)


class _Common:
    @pytest.fixture(autouse=True)
    def _server(self, monkeypatch):
        class Downloaded:
            content = b"%PDF-1.4 or a picture, or a sound"

        monkeypatch.setattr(integration.httpx, "get", lambda *args, **kwargs: Downloaded())
        with OpenAIServer(_reply, tool_reply=_calls) as self.server:
            yield

    @property
    def chat_model_class(self) -> Any:
        return Wrapped

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "gpt-4o-mini",
            "base_url": self.server.url,
            "api_key": "x",
            "stream_usage": True,
        }

    has_tool_calling = True
    has_tool_choice = True
    has_structured_output = True
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_anthropic_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    model_override_value = "gpt-4o"


class TestUnit(_Common, ChatModelUnitTests):
    pass


class TestIntegration(_Common, ChatModelIntegrationTests):
    pass


class TestIntegrationByTools(_Common, ChatModelIntegrationTests):
    structured_output_kwargs = {"method": "function_calling"}  # noqa: RUF012
