"""A Postgres of our own with pgvector, on a Unix socket."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest


def url_of_server(*packages: str) -> str:
    """The URL of a server that all tests of this process share; it ends with the process.

    Skips, or fails where the services have to be there, if one of the packages is missing.
    """
    for package in ("pgserver", "psycopg", *packages):
        if not _is_there(package):
            if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
                pytest.fail(f"the package {package} is missing")
            pytest.skip(f"the package {package} is missing")
    return _server()


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@cache
def _server() -> str:
    import pgserver
    import psycopg

    # Not pytest's own folder: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Starting has a limit of ten seconds, which is short on a busy machine; it can be resumed.
    for attempt in range(4):
        try:
            server = pgserver.get_server(folder / "postgres")
            break
        except (subprocess.SubprocessError, AssertionError):
            if attempt == 3:
                raise
    atexit.register(server.cleanup)
    url: str = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    return url


def driver_url(url: str, driver: str) -> str:
    """The URL for SQLAlchemy with a driver; asyncpg takes the folder of the socket for a host."""
    return "postgresql+" + driver + url[len(urlsplit(url).scheme) :]
