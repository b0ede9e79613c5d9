"""Whether piirag stands at every place of an application's code where data pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from piirag.governance.check.config import Loaded
from piirag.governance.check.lines import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Line
from piirag.governance.check.seen import (
    FUNCTION,
    INGESTION,
    MODEL,
    OTHER,
    RETRIEVER,
    TOOLS,
    Seen,
    look_into,
)

_NO_OBJECTS = 'no objects were named: objects = ["ourapp.rag:chain"] in [check]'
_MOST = 5


def look(loaded: Loaded) -> list[Seen]:
    """All that is in the objects of an application."""
    return [seen for name, item in loaded.objects.items() for seen in look_into(item, name)]


def models_in(objects: Mapping[str, Any]) -> list[Seen]:
    """The models within objects of an application."""
    return [seen for seen in look(Loaded(objects)) if seen.role == MODEL]


def code_lines(loaded: Loaded, seen: Sequence[Seen]) -> list[Line]:
    """Input, ingestion, retrieval, results of tools."""
    blind = [s for s in seen if s.role in (FUNCTION, OTHER) and s.protected is None]
    models = [s for s in seen if s.role == MODEL]
    return [
        _loaded(loaded),
        _place("code.input", "is what goes to models redacted", seen, MODEL, blind, loaded),
        _place("code.ingestion", "is what is stored scrubbed", seen, INGESTION, [], loaded),
        _place(
            "code.retrieval", "are questions and chunks scrubbed", seen, RETRIEVER, blind, loaded
        ),
        _tools([s for s in seen if s.role == TOOLS], models, blind, loaded),
    ]


def _loaded(loaded: Loaded) -> Line:
    question = "can the objects of the application be looked into"
    if loaded.failed:
        told = [f"{name}: {error}" for name, error in sorted(loaded.failed.items())]
        return Line("code.objects", question, FAIL, tuple(told))
    if not loaded.objects:
        return Line("code.objects", question, UNKNOWN, (_NO_OBJECTS,))
    return Line("code.objects", question, PASS, tuple(sorted(loaded.objects)))


def _place(
    id: str,
    question: str,
    seen: Sequence[Seen],
    role: str,
    blind: Sequence[Seen],
    loaded: Loaded,
) -> Line:
    """Fail where something is not protected, unknown where something cannot be seen."""
    here = [s for s in seen if s.role == role]
    open_ = [s for s in here if s.protected is False]
    hidden = [s for s in here if s.protected is None]
    if open_:
        return Line(id, question, FAIL, _told(open_))
    if not here and not blind:
        why = _NO_OBJECTS if not loaded.objects else f"no {role} is in the objects that were named"
        return Line(id, question, UNKNOWN, (why,))
    if hidden or blind:
        return Line(id, question, UNKNOWN, _told([*hidden, *blind]))
    return Line(id, question, PASS, _told(here))


def _tools(
    tools: Sequence[Seen], models: Sequence[Seen], blind: Sequence[Seen], loaded: Loaded
) -> Line:
    """Results of tools reach a model as messages: a model that redacts covers them."""
    id, question = "code.tools", "are results of tools redacted on their way to models"
    if not loaded.objects:
        return Line(id, question, UNKNOWN, (_NO_OBJECTS,))
    if not tools:
        if blind:
            return Line(id, question, UNKNOWN, _told(blind))
        return Line(id, question, NOT_APPLICABLE, ("no tools are in the objects",))
    raw = [s for s in models if s.protected is False]
    covered = bool(models) and all(s.protected for s in models)
    if all(s.protected for s in tools) or (covered and not blind):
        why = "every model that gets them redacts" if covered else "behind piirag"
        return Line(id, question, PASS, (why, *_told(tools)))
    if raw:
        return Line(id, question, FAIL, _told(raw))
    return Line(id, question, UNKNOWN, _told([*tools, *blind]))


def _told(seen: Sequence[Seen]) -> tuple[str, ...]:
    told = list(dict.fromkeys(map(str, seen)))
    left = len(told) - _MOST
    return (*told[:_MOST], f"and {left} more") if left > 0 else tuple(told)
