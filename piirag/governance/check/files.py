"""Files of vault, keys and journal: who may read them, and whether keys lie apart from data."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from piirag.governance.check.lines import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Line

_SIDE_FILES = ("", "-wal", "-shm", "-journal")


def file_lines(data: Mapping[str, Any], folder: Path) -> list[Line]:
    """The lines about files.

    Args:
        data: What the configuration holds.
        folder: The folder that its paths are relative to.
    """
    return [_apart(data, folder), _modes(data, folder)]


def _apart(data: Mapping[str, Any], folder: Path) -> Line:
    """A key that lies in a folder with data goes into every copy of that folder."""
    id, question = "vault.key-apart", "do keys lie apart from the data they open"
    vault = _table(data, "vault")
    if not vault:
        return Line(id, question, NOT_APPLICABLE, ("there is no [vault] table",))
    held = list(_data_paths(data, folder))
    told: list[str] = []
    bad: list[str] = []
    missing: list[str] = []
    for table, name in (("vault", "key_file"), ("audit", "key_file"), ("erasure", "signing_key")):
        value = _table(data, table).get(name)
        if not isinstance(value, str):
            continue
        key = (folder / value).resolve()
        beside = sorted(
            {what for what, path in held if key.parent == path.parent or path in key.parents}
        )
        if beside:
            bad.append(f"{table}.{name} lies beside: {', '.join(beside)}")
        elif key.is_file():
            told.append(f"{table}.{name} lies apart")
        else:
            missing.append(f"{table}.{name} is not there")
    if bad:
        return Line(id, question, FAIL, tuple(bad))
    if missing:
        return Line(id, question, UNKNOWN, tuple(missing))
    where = vault.get("key_env")
    if "key_file" not in vault:
        named = where if isinstance(where, str) else "PIIRAG_MASTER_KEY"
        told.append(f"the master key comes from the environment variable {named}")
        if named not in os.environ:
            told.append("which is not set here")
            return Line(id, question, UNKNOWN, tuple(told))
    return Line(id, question, PASS, tuple(told))


def _modes(data: Mapping[str, Any], folder: Path) -> Line:
    """Files that hold values or keys are for their owner only."""
    id, question = "vault.modes", "can only their owner read vault, keys and journals"
    if os.name != "posix":
        return Line(id, question, UNKNOWN, ("this system has no file modes",))
    paths = list(_private_files(data, folder))
    if not paths:
        return Line(id, question, NOT_APPLICABLE, ("no such file is named",))
    bad, missing, good = [], [], []
    for what, path in paths:
        found = [p for end in _SIDE_FILES if (p := path.with_name(path.name + end)).is_file()]
        if not found:
            missing.append(f"{what} is not there")
            continue
        modes = {stat.S_IMODE(p.stat().st_mode) for p in found}
        loose = sorted(f"{mode:04o}" for mode in modes if mode & 0o077)
        if loose:
            bad.append(f"{what} has mode {', '.join(loose)}")
        else:
            good.append(what)
    if bad:
        return Line(id, question, FAIL, tuple(bad))
    if missing:
        return Line(id, question, UNKNOWN, tuple(missing))
    return Line(id, question, PASS, (f"mode 0600 or stricter: {', '.join(good)}",))


def _data_paths(data: Mapping[str, Any], folder: Path) -> Iterable[tuple[str, Path]]:
    """Paths of data, and what they are called."""
    for table, name in (("vault", "path"), ("audit", "path")):
        value = _table(data, table).get(name)
        if isinstance(value, str):
            yield table, (folder / value).resolve()
    erasure = _table(data, "erasure")
    if "vault" in data and "journal_url_env" not in erasure:
        yield "journal", (folder / str(erasure.get("journal", "erasure.db"))).resolve()
    stores = data.get("stores", [])
    for number, store in enumerate(stores if isinstance(stores, list) else [], 1):
        if isinstance(store, dict) and isinstance(store.get("path"), str):
            yield f"store {number}", (folder / store["path"]).resolve()


def _private_files(data: Mapping[str, Any], folder: Path) -> Iterable[tuple[str, Path]]:
    for what, path in _data_paths(data, folder):
        if not what.startswith("store"):
            yield what, path
    for table, name in (("vault", "key_file"), ("audit", "key_file"), ("erasure", "signing_key")):
        value = _table(data, table).get(name)
        if isinstance(value, str):
            yield f"{table}.{name}", folder / value


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name, {})
    return table if isinstance(table, Mapping) else {}
