"""What people have filled in, in a file of its own, so that it outlives every new run."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from piirag.config_file import only_keys, read_toml
from piirag.errors import ConfigurationError
from piirag.governance.assessment.document import Human

_HEAD = """\
# What only a person can say, for `piirag pia --answers`. An empty answer stays marked as open in
# the assessment. New runs add questions at the end and change nothing that stands here.
"""


def read_answers(path: str | Path, keys: Sequence[str]) -> dict[str, str]:
    """The answers in a file.

    Args:
        path: A TOML file of ``key = "answer"``.
        keys: The questions there are.

    Raises:
        ConfigurationError: It cannot be read, is not TOML, or answers what nobody asks.
    """
    data = read_toml(path)
    only_keys(data, keys, str(Path(path).name))
    if not all(isinstance(value, str) for value in data.values()):
        raise ConfigurationError(f"{Path(path).name}: every answer must be a text")
    return {key: value.strip() for key, value in data.items()}


def add_questions(path: str | Path, points: Sequence[Human]) -> int:
    """Add the questions that a file does not have yet; what stands in it stays as it is.

    Args:
        path: The file; it is made, mode 0600, where there is none.
        points: The questions.

    Returns:
        How many were added.

    Raises:
        ConfigurationError: It cannot be read or written.
    """
    path = Path(path)
    held: Mapping[str, object] = read_toml(path) if path.exists() else {}
    new = [point for point in points if point.key not in held]
    if not new:
        return 0
    text = "" if path.exists() else _HEAD
    for point in new:
        text += f'\n# {" ".join(point.question.split())}\n# (by {point.by})\n{point.key} = ""\n'
    tomllib.loads(text)
    reason = ""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise ConfigurationError(f"the file of answers cannot be written: {reason}")
    return len(new)
