"""The whole checklist."""

from __future__ import annotations

from pathlib import Path

from piirag import __version__
from piirag.config_file import read_toml
from piirag.governance.check.code import code_lines, look
from piirag.governance.check.config import CheckConfig, Loaded, load
from piirag.governance.check.erasure import erasure_lines
from piirag.governance.check.files import file_lines
from piirag.governance.check.lines import Line, Report
from piirag.governance.check.live import selftest
from piirag.governance.check.live_parts import Parts
from piirag.governance.check.parts import audit_lines, log_line, provider_lines, retention_lines
from piirag.governance.check.policy import policy_line
from piirag.policy import Policy


def check(
    path: str | Path, *, loaded: Loaded | None = None, live: bool = True, parts: Parts | None = None
) -> Report:
    """Read a configuration and the objects it names, and answer the checklist.

    Code of the application is imported to look into its objects; nothing of it is called but
    functions without arguments that give an object. Nothing is sent, and nothing is changed.

    Args:
        path: `piirag.toml`.
        loaded: Objects of the application; those that the file names if None.
        live: Whether to run the self-test.
        parts: What the self-test is made of; piirag's own parts with the file's policy if None.

    Raises:
        ConfigurationError: The file cannot be read, or something in it is wrong.
    """
    path = Path(path)
    data = read_toml(path)
    folder = path.resolve().parent
    if loaded is None:
        loaded = load(CheckConfig.from_file(path).objects, folder)
    seen = look(loaded)
    tested: list[Line] = []
    if live:
        if parts is None:
            parts = Parts(Policy.from_file(path) if "policy" in data else Policy())
        tested = selftest(parts)
    lines = [
        *code_lines(loaded, seen),
        policy_line(data, path),
        *provider_lines(data, path, seen, sorted(loaded.failed)),
        *retention_lines(data, path),
        *erasure_lines(data, path),
        *file_lines(data, folder),
        *audit_lines(data, path, seen),
        log_line(tested),
        *tested,
    ]
    return Report(tuple(lines), __version__)
