"""Tracers: what the environment switches on, what is registered, what a call is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from piirag.governance.providers.asked import Asked, holder_of
from piirag.governance.providers.clients import unread
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.hops import environment_hops

_LANGSMITH = "https://api.smith.langchain.com"
_LANGFUSE = "https://cloud.langfuse.com"

# Handlers of the frameworks and of piirag that send nothing.
_SILENT = ("langchain_core", "langchain_piirag", "llama_index.core", "llama_index_piirag", "piirag")


def tracing_endpoints(
    callbacks: Any = None, environment: Mapping[str, str] | None = None
) -> tuple[Endpoint, ...]:
    """Where traces go.

    Args:
        callbacks: Handlers, or a manager of them, as a model or a config has them.
        environment: Variables; those of the process if None.
    """
    given = os.environ if environment is None else environment
    found = [*_langsmith(given), *_langfuse(given), *_otlp(given), *_registered()]
    for handler in handlers_of(callbacks):
        found.extend(_handler(handler))
    return tuple(dict.fromkeys(found))


def _langsmith(given: Mapping[str, str]) -> Iterable[Endpoint]:
    url = given.get("LANGSMITH_ENDPOINT") or given.get("LANGCHAIN_ENDPOINT") or _LANGSMITH
    client = None
    if given is os.environ and "langsmith.run_helpers" in sys.modules:
        # As LangSmith itself sees it: contexts and its own settings override the environment.
        on = sys.modules["langsmith.utils"].tracing_is_enabled() is True
        client = sys.modules["langsmith.run_helpers"].get_tracing_context().get("client")
    else:
        names = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2")
        on = any(given.get(name, "").lower() == "true" for name in names)
    if on:
        for address in _written_to(client) or (url,):
            yield _at(address, "langsmith")
        if given.get("LANGSMITH_RUNS_ENDPOINTS"):
            yield unread(Asked(), "LANGSMITH_RUNS_ENDPOINTS sends traces to several addresses")


def _written_to(client: Any) -> tuple[str, ...]:
    """Every address that a client of LangSmith sends runs to."""
    url = getattr(client, "api_url", None)
    if not isinstance(url, str):
        return ()
    several = getattr(client, "_write_api_urls", None)
    more = [each for each in several if isinstance(each, str)] if isinstance(several, dict) else []
    return tuple(dict.fromkeys([url, *more]))


def _langfuse(given: Mapping[str, str]) -> Iterable[Endpoint]:
    if given.get("LANGFUSE_PUBLIC_KEY") and "langfuse" in sys.modules:
        url = given.get("LANGFUSE_BASE_URL") or given.get("LANGFUSE_HOST") or _LANGFUSE
        if given.get("LANGFUSE_TRACING_ENABLED", "true").lower() != "false":
            yield _at(url, "langfuse")


def _otlp(given: Mapping[str, str]) -> Iterable[Endpoint]:
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if given.get(name):
            yield _at(given[name], "otlp")
            return


def _registered() -> Iterable[Endpoint]:
    """The exporters of OpenTelemetry's global tracer provider, if there is one."""
    module = sys.modules.get("opentelemetry.trace")
    provider = getattr(module, "_TRACER_PROVIDER", None)
    active = getattr(provider, "_active_span_processor", None)
    pending = [active] if active is not None else []
    while pending:
        processor = pending.pop()
        pending.extend(getattr(processor, "_span_processors", ()))
        batch = getattr(processor, "_batch_processor", None)
        exporter = getattr(processor, "span_exporter", None) or getattr(batch, "_exporter", None)
        if exporter is not None:
            yield from _exporter(exporter)


def _exporter(exporter: Any) -> Iterable[Endpoint]:
    module = type(exporter).__module__
    if module.startswith("piirag."):  # one that scrubs, around another
        yield from _exporter(exporter._exporter)
    elif isinstance(address := getattr(exporter, "_endpoint", None), str) and address:
        if "://" not in address:
            address = f"http{'' if getattr(exporter, '_insecure', False) else 's'}://{address}"
        yield _at(address, "otlp", holder_of(exporter))
    elif not module.startswith("opentelemetry.sdk.trace.export"):  # those print, or keep
        yield unread(Asked(holder_of(exporter)), "piirag cannot read where this exporter sends to")


def handlers_of(callbacks: Any) -> list[Any]:
    """The handlers that a list, or a manager, has."""
    if callbacks is None:
        return []
    if isinstance(callbacks, list | tuple):
        return list(callbacks)
    held = list(getattr(callbacks, "handlers", None) or ())
    held += getattr(callbacks, "inheritable_handlers", None) or ()
    return list({id(item): item for item in held}.values())


def _handler(handler: Any) -> Iterable[Endpoint]:
    module = type(handler).__module__
    client = getattr(handler, "client", None)
    if addresses := _written_to(client):  # LangSmith's tracer
        for address in addresses:
            yield _at(address, "langsmith", holder_of(handler))
        return
    if module.partition(".")[0] == "langfuse":
        given = os.environ
        base = getattr(getattr(handler, "_langfuse_client", None), "_base_url", None)
        url = base or given.get("LANGFUSE_BASE_URL") or given.get("LANGFUSE_HOST") or _LANGFUSE
        yield _at(str(url), "langfuse", holder_of(handler))
    elif not module.startswith(_SILENT):
        yield Endpoint(sdk="callback", holder=holder_of(handler))


def _at(url: str, sdk: str, holder: str = "") -> Endpoint:
    return Endpoint(url, None, sdk, holder, proxies=environment_hops(url)[0])
