"""Tracing endpoints are egress too: what the environment, the process and a call switch on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from piirag.errors import ProviderPolicyError
from piirag.governance.providers import Attestation, ProviderPolicy
from piirag.governance.providers.tracing import tracing_endpoints
from support.witness import without_proxies

_NAMES = """
LANGSMITH_TRACING LANGSMITH_TRACING_V2 LANGCHAIN_TRACING_V2 LANGSMITH_ENDPOINT LANGCHAIN_ENDPOINT
LANGFUSE_PUBLIC_KEY LANGFUSE_HOST LANGFUSE_BASE_URL OTEL_EXPORTER_OTLP_ENDPOINT
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT LANGSMITH_RUNS_ENDPOINTS
""".split()


@pytest.fixture(autouse=True)
def _no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)


def _eu(**options: Any) -> ProviderPolicy:
    return ProviderPolicy(["eu"], on_stale="ignore", **options)


@pytest.mark.parametrize(
    ("environment", "urls"),
    [
        ({}, []),
        ({"LANGSMITH_TRACING": "false"}, []),
        ({"LANGSMITH_TRACING": "true"}, ["https://api.smith.langchain.com"]),
        ({"LANGCHAIN_TRACING_V2": "true"}, ["https://api.smith.langchain.com"]),
        (
            {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": "https://own.example"},
            ["https://own.example"],
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, ["http://collector:4317"]),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces.example",
            },
            ["https://traces.example"],
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_SDK_DISABLED": "true"},
            [],
        ),
    ],
)
def test_what_the_environment_switches_on(environment: dict[str, str], urls: list[str]) -> None:
    assert [endpoint.url for endpoint in tracing_endpoints(None, environment)] == urls


def test_langsmith_is_refused_until_somebody_answers_for_it() -> None:
    langsmith = pytest.importorskip("langsmith")
    pytest.importorskip("langsmith.run_helpers")
    with langsmith.tracing_context(enabled=True):
        verdict = _eu().check_tracing()
        assert not verdict.allowed
        assert any("it computes in us" in reason for reason in verdict.reasons)
        with pytest.raises(ProviderPolicyError, match=r"api\.smith\.langchain\.com"):
            _eu().enforce_tracing()
    with langsmith.tracing_context(enabled=False):
        assert _eu().check_tracing().allowed


def test_the_client_of_a_context_counts_and_not_the_environment() -> None:
    langsmith = pytest.importorskip("langsmith")
    pytest.importorskip("langsmith.run_helpers")
    client = langsmith.Client(api_url="https://eu.api.smith.langchain.com", api_key="x")
    with langsmith.tracing_context(enabled=True, client=client):
        endpoints = tracing_endpoints()
        assert [endpoint.url for endpoint in endpoints] == ["https://eu.api.smith.langchain.com"]
        given = Attestation(
            "eu.api.smith.langchain.com",
            "A. Officer",
            date(2026, 1, 1),
            date(2099, 1, 1),
            no_training=True,
            dpa=True,
            retention_days=14,
        )
        assert _eu(attestations=[given]).check_tracing().allowed
        assert not _eu().check_tracing().allowed


def test_exporters_of_opentelemetry_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")

    class Sends(export.SpanExporter):  # type: ignore[misc, name-defined]
        def __init__(self, endpoint: str | None = None) -> None:
            self._endpoint = endpoint

        def export(self, spans: Any) -> Any:
            return export.SpanExportResult.SUCCESS

    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(Sends("https://traces.example/v1")))
    provider.add_span_processor(export.BatchSpanProcessor(Sends("collector:4317")))
    provider.add_span_processor(export.SimpleSpanProcessor(export.ConsoleSpanExporter()))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    assert {e.url for e in tracing_endpoints()} == {
        "https://traces.example/v1",
        "https://collector:4317",
    }
    assert not _eu().check_tracing().allowed
    other = sdk.TracerProvider()
    other.add_span_processor(export.SimpleSpanProcessor(Sends()))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", other)
    verdict = _eu().check_tracing()
    assert any("cannot read where this exporter sends to" in r for r in verdict.reasons)
    provider.shutdown()


def test_an_exporter_that_scrubs_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    grpc = pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    from piirag.observe.otel import ScrubbingSpanExporter

    inner = grpc.OTLPSpanExporter(endpoint="http://127.0.0.1:4317", insecure=True)
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(ScrubbingSpanExporter(inner)))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    assert [endpoint.url for endpoint in tracing_endpoints()] == ["http://127.0.0.1:4317"]
    assert _eu().check_tracing().allowed
    assert not _eu(self_hosted_ok=False).check_tracing().allowed


def test_tracers_among_the_callbacks() -> None:
    tracers = pytest.importorskip("langchain_core.tracers")
    langsmith = pytest.importorskip("langsmith")
    client = langsmith.Client(api_url="https://api.smith.langchain.com", api_key="x")
    tracer = tracers.LangChainTracer(client=client)
    verdict = _eu().check_tracing([tracer])
    assert not verdict.allowed
    manager = pytest.importorskip("langchain_core.callbacks").CallbackManager([tracer])
    assert not _eu().check_tracing(manager).allowed
    silent = pytest.importorskip("langchain_core.callbacks").StdOutCallbackHandler()
    assert _eu().check_tracing([silent]).allowed


def test_callbacks_of_the_application_are_said_and_not_refused() -> None:
    core = pytest.importorskip("langchain_core.callbacks")
    own = type("Own", (core.BaseCallbackHandler,), {})()
    verdict = _eu().check_tracing([own])
    assert verdict.allowed
    assert any("cannot be seen whether this callback sends" in w for w in verdict.warnings)
