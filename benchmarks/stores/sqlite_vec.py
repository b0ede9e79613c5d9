"""sqlite-vec in a file. Python's own SQLite may have been built without extensions."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stores.base import (
    Embedder,
    Kind,
    Opened,
    first_target,
    is_there,
    langchain_driver,
)


def _module() -> Any:
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    return importlib.import_module("pysqlite3.dbapi2") if is_there("pysqlite3") else None


def _why_not() -> str:
    if _module() is not None:
        return ""
    return "Python's sqlite3 loads no extensions, and pysqlite3-binary is missing"


@contextmanager
def _langchain(folder: Path) -> Iterator[Opened]:
    import sqlite_vec
    from langchain_community.vectorstores import SQLiteVec

    embed, module = Embedder(), _module()
    connection = module.connect(str(folder / "vec.db"), check_same_thread=False)
    connection.row_factory = module.Row
    connection.enable_load_extension(True)
    sqlite_vec.load(connection)
    connection.enable_load_extension(False)
    # Some builds of SQLite overwrite what is deleted; most do not.
    connection.execute("PRAGMA secure_delete = OFF")
    driver = langchain_driver(SQLiteVec("docs", connection, embed.langchain()))
    mine = "SELECT rowid FROM docs WHERE json_extract(metadata, '$.user_id') = ?"

    def bare(user: str) -> None:
        connection.execute(f"DELETE FROM docs_vec WHERE rowid IN ({mine})", [user])
        connection.execute(f"DELETE FROM docs WHERE rowid IN ({mine})", [user])
        connection.commit()

    try:
        yield Opened(driver, first_target(driver), embed, bare, folders=[folder])
    finally:
        connection.close()


KINDS = [
    Kind(
        "sqlite-vec",
        "sqlite-vec",
        "LangChain",
        "SQLiteVec",
        ("sqlite_vec", "langchain_community"),
        _langchain,
        timed=True,
        missing=_why_not,
    )
]
