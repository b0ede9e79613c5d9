"""Audit log, retention, provider policy, tracing, and what is logged."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.errors import PiiragError
from piirag.governance.check.lines import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Line
from piirag.governance.check.seen import MODEL, Seen

if TYPE_CHECKING:
    from piirag.governance.audit import AuditConfig
    from piirag.governance.audit.sinks.base import StoringSink
    from piirag.governance.providers import ProviderPolicy

_TRACERS = (
    "LANGSMITH_TRACING",
    "LANGCHAIN_TRACING_V2",
    "LANGFUSE_PUBLIC_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
)
_ON = "is there an audit log, and does it have a key"
# How far the clocks of two machines may be apart.
_AHEAD = timedelta(minutes=10)
_CHAIN = "does the chain of the audit log hold"


def audit_lines(data: Mapping[str, Any], path: Path, seen: Sequence[Seen]) -> list[Line]:
    """Whether there is an audit log, and whether its chain holds.

    Args:
        data: What the configuration holds.
        path: The configuration.
        seen: What was seen in the code.
    """
    if "audit" not in data:
        told: tuple[str, ...] = ("there is no [audit] table",)
        return [Line("audit.on", _ON, FAIL, told), Line("audit.chain", _CHAIN, UNKNOWN, told)]
    from piirag.governance.audit import AuditConfig

    config = AuditConfig.from_file(path)
    keyed = "key_file" in config.table or "key_env" in config.table
    writers = sorted({s.path for s in seen if s.audited})
    told = ("chained under a key" if keyed else "no key: who can write it can forge it",)
    told += (f"written by: {', '.join(writers)}" if writers else "nothing seen writes to it",)
    on = Line("audit.on", _ON, UNKNOWN if keyed and not writers else PASS if keyed else FAIL, told)
    return [on, _chain(config)]


def _chain(config: AuditConfig) -> Line:
    from piirag.governance.audit.sinks.sql import SQLSink

    problem = ""
    try:
        begun = _has_begun(config)
        if not _has_files(config):
            told = "records were written, and the log is gone" if begun else "nothing is in it yet"
            return Line("audit.chain", _CHAIN, FAIL if begun else UNKNOWN, (told,))
        sink = _sink(config)
        try:
            if isinstance(sink, SQLSink) and not sink.exists() and not begun:
                return Line("audit.chain", _CHAIN, UNKNOWN, ("nothing is in it yet",))
            found = sink.verify()
        finally:
            sink.close()
        told = f"{found.records} records, {found.expired} deleted by age"
        if not found.ok:
            return Line("audit.chain", _CHAIN, FAIL, (told, *map(str, found.problems[:5])))
        if found.records or found.expired:
            return Line("audit.chain", _CHAIN, PASS, (told,))
        # Whole because it is empty says nothing.
        told = "records were written, and none is left" if begun else "nothing is in it yet"
        return Line("audit.chain", _CHAIN, FAIL if begun else UNKNOWN, (told,))
    except PiiragError as error:
        problem = f"it cannot be read: {type(error).__name__}"
    return Line("audit.chain", _CHAIN, FAIL, (problem,))


def _has_files(config: AuditConfig) -> bool:
    """Whether anything of the log itself is there: records, or what is noted beside them."""
    if "url_env" in config.table:
        return True
    from piirag.governance.audit.sinks.jsonl_files import Paths

    paths = Paths(config.folder / str(config.table.get("path", "")))
    return paths.current.parent.is_dir() and (paths.head.exists() or not paths.are_new())


def _has_begun(config: AuditConfig) -> bool:
    """Whether the mark beside the tags' secrets says that records were written once."""
    from piirag.governance.audit.sinks.base import mark_of, mark_of_file

    file = config.folder / f"{config.table.get('path', '')}.tags"
    if "url_env" not in config.table and not file.is_file():
        return False
    tags = config.tags()
    try:
        if "url_env" not in config.table:
            return tags.has_begun(mark_of_file(config.folder / str(config.table.get("path", ""))))
        sink = config.sink()
        try:
            return tags.has_begun(mark_of(sink))
        finally:
            sink.close()
    finally:
        tags.close()


def _sink(config: AuditConfig) -> StoringSink:
    """The log to read from; unlike an open log it repairs nothing and writes nothing."""
    from piirag.governance.audit import Chain

    sink = config.sink()
    sink.bind(Chain(config.key()))
    return sink


def retention_lines(data: Mapping[str, Any], path: Path) -> list[Line]:
    """Whether periods are set, and when what is over was deleted last."""
    set_, swept = "is a period set for each kind of data", "was what is over deleted lately"
    if "retention" not in data:
        told: tuple[str, ...] = ("there is no [retention] table",)
        return [
            Line("retention.set", set_, FAIL, told),
            Line("retention.sweep", swept, UNKNOWN, told),
        ]
    from piirag.governance.assessment.readers import periods
    from piirag.governance.retention import RetentionPolicy

    policy = RetentionPolicy.from_file(path)
    told = tuple(f"{kind}: {period}" for kind, period in periods(policy).items())
    unsaid = _unsaid(policy, data["retention"])
    if unsaid:
        told += (f'nothing is said of: {", ".join(unsaid)} ("forever" where that is meant)',)
    state = UNKNOWN if unsaid else PASS
    return [Line("retention.set", set_, state, told), _swept(swept, data, path)]


def _unsaid(policy: Any, table: Mapping[str, Any]) -> list[str]:
    """Kinds without a period of which the file does not say that this is meant."""
    return [
        field.name
        for field in dataclasses.fields(policy)
        if getattr(policy, field.name) is None and field.name not in table
    ]


def _swept(question: str, data: Mapping[str, Any], path: Path) -> Line:
    """The audit log says when: a sweep leaves a record."""
    id = "retention.sweep"
    why = "a sweep leaves a record in the audit log, and there is none"
    if "audit" not in data:
        return Line(id, question, UNKNOWN, (why,))
    from piirag.governance.audit import AuditConfig
    from piirag.governance.audit.sinks.base import Query

    config = AuditConfig.from_file(path)
    file = config.folder / str(config.table.get("path", ""))
    if "url_env" not in config.table and not file.is_file():
        return Line(id, question, UNKNOWN, (why,))
    problem = ""
    try:
        sink = _sink(config)
        try:
            found = sink.read(Query(event="retention"))
            times = [str(r.get("time", "")) for r in found if r.get("outcome") == "ok"]
        finally:
            sink.close()
        return _lately(id, question, times)
    except PiiragError as error:
        problem = f"the audit log cannot be read: {type(error).__name__}"
    return Line(id, question, FAIL, (problem,))


def _lately(id: str, question: str, times: Sequence[str]) -> Line:
    if not times:
        told = ("no record of a sweep is in the audit log: piirag retention run",)
        return Line(id, question, UNKNOWN, told)
    now = datetime.now(UTC)
    at = [when for when in map(_when, times) if when is not None]
    if len(at) < len(times) or max(at) > now + _AHEAD:
        told = ("a record of a sweep has no time, or one that is still to come",)
        return Line(id, question, FAIL, told)
    days = (now - max(at)).days
    told = (f"last sweep {max(at):%Y-%m-%d}, {max(days, 0)} days ago",)
    return Line(id, question, PASS if days <= 7 else FAIL, told)


def _when(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def provider_lines(
    data: Mapping[str, Any], path: Path, seen: Sequence[Seen], failed: Sequence[str]
) -> list[Line]:
    """What the provider policy says of the models, and of tracers.

    Args:
        data: What the configuration holds.
        path: The configuration.
        seen: What was seen in the code.
        failed: Objects that could not be loaded.
    """
    question = "does the provider policy allow every model"
    if "providers" not in data:
        return [
            Line("providers.policy", question, FAIL, ("there is no [providers] table",)),
            _enforced(seen, None),
            _tracing(None),
        ]
    from piirag.governance.check.config import load
    from piirag.governance.providers import ProviderPolicy

    policy = ProviderPolicy.from_file(path)
    loaded = load(tuple(policy.models), path.resolve().parent)
    models = {s.path: s.inner for s in seen if s.role == MODEL and s.inner is not None}
    every = {**loaded.objects, **models}
    return [
        _verdicts(question, policy, every, [*failed, *loaded.failed]),
        _enforced(seen, policy),
        _tracing(policy),
    ]


def _enforced(seen: Sequence[Seen], policy: ProviderPolicy | None) -> Line:
    """A policy in a file stops nothing by itself: the model's wrapper has to ask it."""
    id, question = "providers.enforced", "is the provider policy asked before each call"
    models = [s for s in seen if s.role == MODEL]
    if not models:
        return Line(id, question, UNKNOWN, ("no model was seen",))
    bare = [s for s in models if not s.policy]
    why = "not by what stands around it; a guard of its HTTP client could not be seen"
    told = [f"{s.kind} at {s.path}: {why}" for s in bare]
    if policy is not None:
        other = [s for s in models if s.policy and not any(_same(policy, p) for p in s.policies)]
        told += [f"{s.kind} at {s.path}: another policy than that of the file" for s in other]
    if told:
        return Line(id, question, UNKNOWN, tuple(told[:5]))
    return Line(id, question, PASS, tuple(f"{s.kind} at {s.path}" for s in models[:5]))


def _same(policy: ProviderPolicy, other: object) -> bool:
    """Whether two policies ask the same; where the models are is no part of that."""
    if type(other) is not type(policy):
        return False
    names = [f.name for f in dataclasses.fields(policy) if not f.name.startswith("_")]
    return all(
        _plain(getattr(policy, name)) == _plain(getattr(other, name))
        for name in names
        if name not in ("models", "registry")
    ) and (policy.registry is other.registry or _plain(policy.registry) == _plain(other.registry))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return set(value) if isinstance(value, (set, frozenset)) else value


def _verdicts(
    question: str, policy: ProviderPolicy, models: Mapping[str, Any], failed: Sequence[str]
) -> Line:
    from piirag.governance.assessment.processors import asked

    found = [p for name, model in models.items() for p in asked(policy, name, model)]
    told = [
        f"{p.model}: {p.name or 'unknown'}"
        + (f" at {p.host}" if p.host else "")
        + (f": {'; '.join(p.reasons)}" if p.reasons else "")
        for p in found
    ]
    if any(p.allowed is False for p in found):
        return Line("providers.policy", question, FAIL, tuple(told))
    told += [f"{name} could not be loaded" for name in failed]
    if not found or failed or any(p.allowed is None for p in found):
        told = told or ["no model was seen: models in [providers], objects in [check]"]
        return Line("providers.policy", question, UNKNOWN, tuple(told))
    return Line("providers.policy", question, PASS, tuple(told))


def _tracing(policy: ProviderPolicy | None) -> Line:
    """Tracers send prompts and replies to their own endpoints."""
    id, question = "tracing.egress", "may tracers send where they send"
    on = [name for name in _TRACERS if os.environ.get(name, "").lower() not in ("", "false", "0")]
    if policy is None:
        if on:
            told = ("no provider policy says whether they may", *on)
            return Line(id, question, FAIL, told)
        told = ("no tracer is switched on in this environment",)
        return Line(id, question, UNKNOWN, (*told, "and no provider policy would say"))
    from piirag.governance.providers.tracing import tracing_endpoints

    # As this process has it, and as one that starts anew in this environment would.
    found = (*tracing_endpoints(), *tracing_endpoints(environment=dict(os.environ)))
    if not found and not on:
        told = ("no tracer is switched on in this environment",)
        return Line(id, question, NOT_APPLICABLE, told)
    if not found:
        return Line(id, question, UNKNOWN, ("where these send to cannot be told", *on))
    verdict = policy.check_endpoints(dict.fromkeys(found))
    if not verdict.allowed:
        return Line(id, question, FAIL, (*verdict.reasons, *on))
    return Line(id, question, PASS, tuple(where.said for where in verdict.destinations))


def log_line(selftest: Sequence[Line]) -> Line:
    """Whether mappings get into logs: by the live run, and by the filters of this process."""
    id, question = "mapping.not-logged", "do mappings and values stay out of what piirag logs"
    live = [line for line in selftest if line.id in ("selftest.logs", "selftest.audit")]
    handlers = [h for item in _loggers() for h in item.handlers]
    bare = [h for h in handlers if not any(map(_scrubs, h.filters))]
    filtered = f"{len(handlers) - len(bare)} of {len(handlers)} log handlers here"
    told = f"{filtered} have a filter for what the application itself logs"
    if any(line.status == FAIL for line in live):
        return Line(id, question, FAIL, ("the self-test found values in them",))
    if not live or any(line.status != PASS for line in live):
        return Line(id, question, UNKNOWN, ("the self-test was not run to its end", told))
    return Line(id, question, PASS, ("the self-test found none at any level", told))


def _scrubs(item: object) -> bool:
    return any(
        base.__module__.startswith("piirag.") and issubclass(base, logging.Filter)
        for base in type(item).__mro__
    )


def _loggers() -> list[logging.Logger]:
    root = logging.getLogger()
    made = root.manager.loggerDict.values()
    return [root, *(item for item in made if isinstance(item, logging.Logger))]
