"""The policy for providers, asked before a call of a LangChain model leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables.config import RunnableConfig, ensure_config
from langchain_core.tracers.context import _configure_hooks, tracing_v2_callback_var

from piirag.errors import ConfigurationError
from piirag.governance.providers.policy import ProviderPolicy


def enforce(
    policy: ProviderPolicy,
    model: Any,
    options: Mapping[str, Any],
    config: RunnableConfig | None = None,
) -> None:
    """Refuse a call that the policy forbids: for its endpoints, or for its tracers.

    Args:
        policy: The policy.
        model: A model, or what it is wrapped in.
        options: The options of the call.
        config: Its config; that of the run it is part of counts too.

    Raises:
        ProviderPolicyError: It is forbidden; nothing was sent.
    """
    full = ensure_config(config)
    policy.enforce(model, options=options, config=full, callbacks=full.get("callbacks"))
    if policy.check_tracers:
        # It knows the wrappers, which know this module.
        from langchain_piirag.providers import callbacks_in

        held = [*_of_the_context(), *callbacks_in(model)]
        if held:
            policy.enforce_tracing(held)


def _of_the_context() -> list[Any]:
    """Handlers that a context manager has switched on, such as `tracing_v2_enabled`."""
    given = [tracing_v2_callback_var.get(), *(hook[0].get() for hook in _configure_hooks)]
    return [handler for handler in given if handler is not None]


def check_policy(policy: Any) -> None:
    """Refuse what is no policy.

    Raises:
        ConfigurationError: It is none.
    """
    if policy is not None and not isinstance(policy, ProviderPolicy):
        raise ConfigurationError(f"providers is a ProviderPolicy, not a {type(policy).__name__}")
