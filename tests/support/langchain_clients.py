"""LangChain's models of every provider, with dummy keys: what they are, and whether they pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAI, OpenAIEmbeddings

_AWS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}


def chat(base_url: str | None = None, model: str = "m") -> ChatOpenAI:
    return ChatOpenAI(base_url=base_url, api_key="x", model=model)


def azure(**options: Any) -> AzureChatOpenAI:
    return AzureChatOpenAI(
        api_key="x",
        azure_endpoint="https://r.openai.azure.com",
        azure_deployment="d",
        api_version="2024-06-01",
        **options,
    )


def made(module: str, name: str, **options: Any) -> Any:
    return getattr(pytest.importorskip(module), name)(**options)


def bedrock(model: str, region: str = "eu-central-1") -> Any:
    return made("langchain_aws", "ChatBedrockConverse", model=model, region_name=region, **_AWS)


def vertex(location: str | None) -> Any:
    credentials = pytest.importorskip("google.auth.credentials").AnonymousCredentials()
    return made(
        "langchain_google_genai",
        "ChatGoogleGenerativeAI",
        model="gemini-x",
        vertexai=True,
        project="p",
        location=location,
        credentials=credentials,
    )


def chat_vertex(**options: Any) -> Any:
    credentials = pytest.importorskip("google.auth.credentials").AnonymousCredentials()
    return made(
        "langchain_google_vertexai",
        "ChatVertexAI",
        model="gemini-x",
        project="p",
        credentials=credentials,
        **options,
    )


Row = tuple[Callable[[], Any], str, set[str], bool]
# What is made, its providers, and whether a policy that asks for nothing but the EU lets it pass.
TABLE: dict[str, Row] = {
    "openai": (chat, "https://api.openai.com/v1/", {"openai"}, False),
    "openai, eu": (
        lambda: chat("https://eu.api.openai.com/v1"),
        "https://eu.api.openai.com/v1/",
        {"openai"},
        True,
    ),
    "openai, data_residency": (
        lambda: ChatOpenAI(api_key="x", model="m", model_kwargs={"data_residency": "eu"}),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "openai, completions": (
        lambda: OpenAI(api_key="x"),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "openai, embeddings": (
        lambda: OpenAIEmbeddings(api_key="x"),
        "https://api.openai.com/v1/",
        {"openai"},
        False,
    ),
    "azure": (
        azure,
        "https://r.openai.azure.com/openai/deployments/d/",
        {"azure_openai"},
        False,
    ),
    "azure, by ChatOpenAI": (
        lambda: chat("https://r.openai.azure.com/openai/v1/"),
        "https://r.openai.azure.com/openai/v1/",
        {"azure_openai"},
        False,
    ),
    "bedrock, one region": (
        lambda: bedrock("amazon.nova-pro-v1:0"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "bedrock, eu profile": (
        lambda: bedrock("eu.amazon.nova-pro-v1:0"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "bedrock, us profile": (
        lambda: bedrock("us.amazon.nova-pro-v1:0", "us-east-1"),
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        {"bedrock"},
        False,
    ),
    "bedrock, global profile": (
        lambda: bedrock("global.amazon.nova-pro-v1:0"),
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        {"bedrock"},
        False,
    ),
    "bedrock, embeddings": (
        lambda: made(
            "langchain_aws",
            "BedrockEmbeddings",
            model_id="amazon.titan-embed-text-v2:0",
            region_name="eu-west-1",
            **_AWS,
        ),
        "https://bedrock-runtime.eu-west-1.amazonaws.com",
        {"bedrock"},
        True,
    ),
    "anthropic": (
        lambda: made("langchain_anthropic", "ChatAnthropic", api_key="x", model="claude-x"),
        "https://api.anthropic.com",
        {"anthropic"},
        False,
    ),
    "vertex, by its OpenAI path": (
        lambda: chat("https://europe-west4-aiplatform.googleapis.com/v1/projects/p/endpoints/o"),
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/endpoints/o/",
        {"vertex_gemini"},
        True,
    ),
    "vertex, one region": (
        lambda: vertex("europe-west4"),
        "https://europe-west4-aiplatform.googleapis.com/",
        {"vertex_gemini"},
        True,
    ),
    "vertex, eu": (
        lambda: vertex("eu"),
        "https://aiplatform.eu.rep.googleapis.com/",
        {"vertex_gemini"},
        True,
    ),
    "vertex, no location": (
        lambda: vertex(None),
        "https://aiplatform.googleapis.com/",
        {"vertex_gemini"},
        False,
    ),
    "ChatVertexAI": (
        lambda: chat_vertex(location="europe-west4"),
        "https://europe-west4-aiplatform.googleapis.com",
        {"vertex_gemini"},
        True,
    ),
    "ChatVertexAI, eu": (
        lambda: chat_vertex(location="eu"),
        "https://eu-aiplatform.googleapis.com",
        set(),
        False,
    ),
    "gemini": (
        lambda: made(
            "langchain_google_genai", "ChatGoogleGenerativeAI", model="gemini-x", api_key="x"
        ),
        "https://generativelanguage.googleapis.com/",
        {"gemini_developer_free", "gemini_developer_paid"},
        False,
    ),
    "gemini, by its OpenAI path": (
        lambda: chat("https://generativelanguage.googleapis.com/v1beta/openai/"),
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        {"gemini_developer_free", "gemini_developer_paid"},
        False,
    ),
    "mistral": (
        lambda: made("langchain_mistralai", "ChatMistralAI", api_key="x"),
        "https://api.mistral.ai/v1/",
        {"mistral_free", "mistral_paid"},
        False,
    ),
    "mistral, eu": (
        lambda: made(
            "langchain_mistralai",
            "ChatMistralAI",
            api_key="x",
            base_url="https://api.eu.mistral.ai/v1",
        ),
        "https://api.eu.mistral.ai/v1/",
        {"mistral_free", "mistral_paid"},
        False,  # the EU or EFTA
    ),
    "cohere": (
        lambda: made("langchain_cohere", "ChatCohere", cohere_api_key="x", model="c"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "cohere, embeddings": (
        lambda: made("langchain_cohere", "CohereEmbeddings", cohere_api_key="x", model="c"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "cohere, reranking": (
        lambda: made("langchain_cohere", "CohereRerank", cohere_api_key="x", model="c"),
        "https://api.cohere.com",
        {"cohere"},
        False,
    ),
    "groq": (
        lambda: made("langchain_groq", "ChatGroq", api_key="x", model="g"),
        "https://api.groq.com",
        {"groq"},
        False,
    ),
    "together": (
        lambda: made("langchain_together", "ChatTogether", api_key="x", model="t"),
        "https://api.together.xyz/v1/",
        {"together"},
        False,
    ),
    "fireworks": (
        lambda: made("langchain_fireworks", "ChatFireworks", api_key="x", model="f"),
        "https://api.fireworks.ai",
        {"fireworks"},
        False,
    ),
    "fireworks, by ChatOpenAI": (
        lambda: chat("https://api.fireworks.ai/inference/v1"),
        "https://api.fireworks.ai/inference/v1/",
        {"fireworks"},
        False,
    ),
    "deepseek": (
        lambda: made("langchain_deepseek", "ChatDeepSeek", api_key="x", model="d"),
        "https://api.deepseek.com/v1/",
        {"deepseek"},
        False,
    ),
    "openrouter": (
        lambda: made("langchain_openrouter", "ChatOpenRouter", api_key="x", model="o"),
        "https://openrouter.ai/api/v1",
        {"openrouter"},
        False,
    ),
    "openrouter, by ChatOpenAI": (
        lambda: chat("https://openrouter.ai/api/v1"),
        "https://openrouter.ai/api/v1/",
        {"openrouter"},
        False,
    ),
    "hugging face, router": (
        lambda: made(
            "langchain_huggingface",
            "HuggingFaceEndpoint",
            repo_id="a/b",
            huggingfacehub_api_token="hf_x",
            provider="auto",
        ),
        "https://router.huggingface.co/auto",
        {"hf_inference_providers"},
        False,
    ),
    "hugging face, router, by ChatOpenAI": (
        lambda: chat("https://router.huggingface.co/v1"),
        "https://router.huggingface.co/v1/",
        {"hf_inference_providers"},
        False,
    ),
    "hugging face, endpoint": (
        lambda: chat("https://x1.eu-west-1.aws.endpoints.huggingface.cloud/v1"),
        "https://x1.eu-west-1.aws.endpoints.huggingface.cloud/v1/",
        {"hf_inference_endpoints"},
        True,
    ),
    "ollama": (
        lambda: made("langchain_ollama", "ChatOllama", model="llama3"),
        "http://127.0.0.1:11434",
        {"ollama_local"},
        True,
    ),
    "ollama, embeddings": (
        lambda: made("langchain_ollama", "OllamaEmbeddings", model="llama3"),
        "http://127.0.0.1:11434",
        {"ollama_local"},
        True,
    ),
    "ollama, a cloud model": (
        lambda: made("langchain_ollama", "ChatOllama", model="gpt-oss:120b-cloud"),
        "http://127.0.0.1:11434",
        {"ollama_cloud"},
        False,
    ),
    "ollama cloud": (
        lambda: made(
            "langchain_ollama", "ChatOllama", model="llama3", base_url="https://ollama.com"
        ),
        "https://ollama.com",
        {"ollama_cloud"},
        False,
    ),
    "lm studio": (
        lambda: chat("http://localhost:1234/v1"),
        "http://localhost:1234/v1/",
        {"lm_studio"},
        False,
    ),
    "vllm": (
        lambda: chat("http://127.0.0.1:8000/v1"),
        "http://127.0.0.1:8000/v1/",
        {"self_hosted_openai_compatible"},
        True,
    ),
    "vllm, next door": (
        lambda: chat("http://10.0.0.8:8000/v1"),
        "http://10.0.0.8:8000/v1/",
        {"self_hosted_openai_compatible"},
        False,
    ),
    "litellm": (
        lambda: chat("http://127.0.0.1:4000"),
        "http://127.0.0.1:4000",
        {"litellm_proxy"},
        False,
    ),
    "langsmith gateway": (
        lambda: chat("https://gateway.smith.langchain.com/openai/v1"),
        "https://gateway.smith.langchain.com/openai/v1/",
        {"langsmith_gateway"},
        False,
    ),
    "nobody knows": (
        lambda: chat("https://llm.example/v1"),
        "https://llm.example/v1/",
        set(),
        False,
    ),
}
