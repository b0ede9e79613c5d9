"""What a call asks for beside its text: a model, a place, another address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from piirag.governance.providers.hops import named_host

MODEL_KEYS = ("model", "model_id", "modelId", "model_name", "engine", "deployment_name")

# Options of a call under which some client takes another address, or another client.
_REDIRECTS = frozenset(
    """
    base_url api_base openai_api_base azure_endpoint endpoint_url api_url api_endpoint
    anthropic_api_url http_options http_client http_async_client client_options server_url
    client async_client azure_deployment openai_proxy proxy
    """.split()
)
_PLACE = "inference_geo"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model object and the options of a call ask for.

    Attributes:
        holder: The class of the model object.
        model: The model.
        body_region: The place named in the request.
        more_models: Further models that may answer.
        unread: What in the options cannot be followed.
    """

    holder: str = ""
    model: str | None = None
    body_region: str | None = None
    more_models: tuple[str, ...] = ()
    unread: str = ""

    def and_options(self, options: Mapping[str, Any]) -> Asked:
        """The same with the options of a call, which count more."""
        if not options:
            return self
        model, place, unread, more = self.model, self.body_region, self.unread, self.more_models
        for key, value in options.items():
            if value is None:
                place = None if key == _PLACE else place  # the request goes without it
                continue
            if key in MODEL_KEYS:
                model = str(value)
            elif key == _PLACE:
                place = str(value) or None
            elif key in _REDIRECTS:
                unread = f"an option of the call, {key}, changes where it goes"
            elif key in ("extra_headers", "headers", "default_headers") and named_host(value):
                unread = f"an option of the call, {key}, names another host"
        for key in ("model_kwargs", "additional_kwargs", "extra_body"):  # the body counts most
            inside = options.get(key)
            if isinstance(inside, Mapping) and inside:
                model = _first(inside, MODEL_KEYS, model)
                place = _first(inside, (_PLACE,), place)
                more = (*more, *_texts(inside.get("models")), *_texts(inside.get("fallbacks")))
                within = inside.get("extra_body")
                if isinstance(within, Mapping):
                    model = _first(within, MODEL_KEYS, model)
                    place = _first(within, (_PLACE,), place)
                    more = (*more, *_texts(within.get("models")))
        return Asked(self.holder, model, place, more, unread)

    def each(self) -> tuple[Asked, ...]:
        """One for each model that may answer."""
        if not self.more_models:
            return (self,)
        models = dict.fromkeys([self.model, *self.more_models])
        return tuple(
            Asked(self.holder, model, self.body_region, (), self.unread) for model in models
        )


def holder_of(item: Any) -> str:
    """The class of an object, as it is told and attested."""
    kind = type(item)
    return f"{kind.__module__}.{kind.__qualname__}"


def _first(data: Mapping[str, Any], keys: tuple[str, ...], otherwise: str | None) -> str | None:
    """What is named; None where it is named and empty, which takes what was there before away."""
    given = [data[key] for key in keys if key in data]
    if not given:
        return otherwise
    return next((str(value) for value in given if value), None)


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else ()
    return tuple(item for item in items if isinstance(item, str))
