"""LangSmith: every field of a run scrubbed before it leaves, the ones its own hooks miss too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from piirag.errors import ConfigurationError
from piirag.observe import WITHHELD, TextGuard

# Fields of a run that LangSmith's anonymizer gets already, and those that hold ids and times.
_DONE = frozenset({"inputs", "outputs", "error"})
_STRUCTURE = frozenset(
    """
    id trace_id parent_run_id dotted_order start_time end_time run_type session_id session_name
    reference_example_id address execution_order child_execution_order
    """.split()
)


def langsmith_options(
    guard: TextGuard | None = None,
    *,
    batch: int = 1,
    attachments: bool = False,
    runtime: bool = False,
) -> dict[str, Any]:
    """Keyword arguments for ``langsmith.Client(...)``, with which nothing raw leaves.

    LangSmith's ``anonymizer`` gets inputs, outputs, metadata and errors. Names of runs, tags,
    events and serialised models do not pass through it (nor through ``hide_inputs`` and its
    like), so a second function goes over the whole run right before it is sent. Whatever cannot
    be searched is replaced by ``[WITHHELD]``. Project names and ids are sent as they are.

    Args:
        guard: Does the work; one with the default policy if None.
        batch: How many runs wait before they are sent. With more than 1, call ``client.flush()``
            before the process ends.
        attachments: Send attachments of runs, into which nobody can look.
        runtime: Send what LangSmith collects about the machine: its platform, versions, and the
            names of some environment variables.

    Raises:
        ConfigurationError: A batch below 1.
    """
    if batch < 1:
        raise ConfigurationError("batch is at least 1")
    chosen = guard if guard is not None else TextGuard()
    return {
        "anonymizer": _anonymizer(chosen),
        "process_buffered_run_ops": _rest(chosen, attachments),
        "run_ops_buffer_size": batch,
        "omit_traced_runtime_info": not runtime,
    }


def _anonymizer(guard: TextGuard) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def anonymize(data: dict[str, Any]) -> dict[str, Any]:
        clean = guard.value(data)
        if isinstance(clean, dict):
            return clean
        # LangSmith sends an error as it is where the key is missing from what comes back.
        return dict.fromkeys(("error",) if "error" in data else ("piirag",), WITHHELD)

    return anonymize


def _rest(
    guard: TextGuard, attachments: bool
) -> Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]]:
    def process(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_run(run, guard, attachments) for run in runs]

    return process


def _run(run: dict[str, Any], guard: TextGuard, attachments: bool) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for key, value in run.items():
        if key in _DONE or key in _STRUCTURE or value is None:
            clean[key] = value
        elif key == "attachments":
            clean[key] = value if attachments else {}
        elif key == "extra" and isinstance(value, dict):
            rest = {k: v for k, v in value.items() if k not in {"metadata", "runtime"}}
            kept = {k: v for k, v in value.items() if k in {"metadata", "runtime"}}
            searched = guard.value(rest)
            clean[key] = {**(searched if isinstance(searched, dict) else {}), **kept}
        elif key == "events" and isinstance(value, list):
            clean[key] = [_event(event, guard) for event in value]
        else:
            clean[key] = guard.value(value)
    return clean


def _event(event: Any, guard: TextGuard) -> Any:
    """An event keeps its time, by which LangSmith orders it."""
    searched = guard.value(event)
    if isinstance(event, dict) and isinstance(searched, dict) and "time" in event:
        searched["time"] = event["time"]
    return searched
