"""Whose values an agent run is about, and which tools may have them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from piirag.detection.known import Known
from piirag.errors import ConfigurationError, InvalidUserIdError
from piirag.user_id import check_user_id

UserSource = str | Callable[[Any], str]
"""The field of the run's context that names the user, or a function from the context."""

KnownSource = Known | Callable[[Any], Known | None] | None
"""Values the application knows, or a function from the run's context to them."""

AllowList = Collection[str] | Mapping[str, Collection[str] | bool]
"""Names of tools, or tool -> names of its arguments (True for all of them)."""


def user_of(context: Any, source: UserSource) -> str:
    """The user of a run, from the context that was passed to it and from nowhere else.

    Args:
        context: The run's context: a mapping, or an object with fields.
        source: Where in it the user stands.

    Raises:
        InvalidUserIdError: No context, no such field, or no usable user id.
    """
    value: Any = None
    failed = False
    if callable(source):
        try:
            value = source(context)
        except Exception:  # noqa: BLE001 - its message may hold anything
            failed = True
    elif isinstance(context, Mapping):
        value = context.get(source)
    else:
        value = getattr(context, source, None)
    if failed or value is None:
        name = source if isinstance(source, str) else "user"
        raise InvalidUserIdError(f"this run has no user: pass context= with {name!r} to the agent")
    return check_user_id(value)


def reader_of(context: Any, source: UserSource) -> str | None:
    """The user that a context names, where a run needs none."""
    with contextlib.suppress(InvalidUserIdError):
        return user_of(context, source)
    return None


def known_of(context: Any, source: KnownSource) -> Known | None:
    """The known values of a run.

    Raises:
        ConfigurationError: The function failed.
    """
    if not callable(source):
        return source
    failed = False
    known: Known | None = None
    try:
        known = source(context)
    except Exception:  # noqa: BLE001 - its message may hold anything
        failed = True
    if failed:
        raise ConfigurationError("the function that gives the known values failed")
    return known


class Allowed:
    """Which tools get real values, and in which of their arguments.

    Args:
        tools: The allow-list; empty for none.

    Raises:
        ConfigurationError: It is no list of names and no mapping of them.
    """

    def __init__(self, tools: AllowList = ()) -> None:
        if isinstance(tools, str):
            raise ConfigurationError("restore_tool_args is a list of tool names")
        self._tools: dict[str, frozenset[str] | None] = {}
        items: Mapping[str, Any] = (
            tools if isinstance(tools, Mapping) else dict.fromkeys(tools, True)
        )
        for name, arguments in items.items():
            if not isinstance(name, str) or isinstance(arguments, str):
                raise ConfigurationError("restore_tool_args maps tools to lists of arguments")
            if arguments is True:
                self._tools[name] = None
            elif arguments:
                self._tools[name] = frozenset(arguments)

    def whole(self, tool: str) -> bool:
        """Whether a tool gets real values in all its arguments."""
        return tool in self._tools and self._tools[tool] is None

    def some(self, tool: str) -> bool:
        """Whether a tool gets real values at all."""
        return tool in self._tools

    def argument(self, tool: str, name: str) -> bool:
        """Whether a tool gets real values in one argument."""
        names = self._tools.get(tool, frozenset())
        return names is None or name in names

    def __repr__(self) -> str:
        return f"Allowed({sorted(self._tools)})"
