"""What a request of httpx that is about to be sent says about where it goes."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from piirag.governance.providers.asked import Asked
from piirag.governance.providers.endpoint import Endpoint
from piirag.governance.providers.hops import transport_hops

_LONGEST = 64 * 1024 * 1024
_KEYS = ("model", "inference_geo", "models", "fallbacks")

# /model/ID/converse (Bedrock), /models/ID:generateContent (Google), /deployments/ID/chat (Azure)
_IN_PATH = re.compile(r"/(model|models|deployments)/([^/?]+)")


def endpoints_of(request: Any, url: Any, body: bytes, transport: Any) -> tuple[Endpoint, ...]:
    """The endpoint of a request, once for each model that it names.

    Args:
        request: The request.
        url: Where it goes; the target of a redirect, where it is to be sent again.
        body: What is sent.
        transport: What sends it.
    """
    # Path and query stay out: they may hold data, and are no part of where it goes.
    base = str(url.copy_with(raw_path=b"/", username=None, password=None))
    if url is request.url and not _names(request.headers.get("host"), url):
        return (Endpoint(unread="the request names another host in a header"),)
    proxies, why = transport_hops(transport, base)
    asked = Asked().and_options({"extra_body": _named(body)})
    models = {one.model for one in asked.each()}
    in_path = _model_in(url)
    if in_path is not None:
        models = models - {None} | {in_path}
    place = asked.body_region
    return tuple(
        Endpoint(base, model, "httpx", "", None, place, proxies, why)
        for model in sorted(models, key=str)
    )


def _names(header: str | None, url: Any) -> bool:
    """Whether a Host header is that of the URL, with its port or without."""
    if header is None:
        return True
    netloc = url.netloc.decode("ascii")
    host = url.raw_host.decode("ascii")
    shown = f"[{host}]" if ":" in host else host
    usual = {f"{shown}:{port}" for port in (80, 443) if url.port in (None, port)}
    return header.strip().lower() in {netloc.lower(), shown.lower(), *usual}


def _model_in(url: Any) -> str | None:
    found = _IN_PATH.search(url.raw_path.decode("ascii", "replace").partition("?")[0])
    if found is None:
        return None
    name = unquote(found[2])
    return name.partition(":")[0] if found[1] == "models" else name


def _named(body: bytes) -> dict[str, Any]:
    if not body or len(body) > _LONGEST:
        return {}
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return {key: data[key] for key in _KEYS if key in data} if isinstance(data, dict) else {}
