"""A Postgres for the journal, and processes for the crash tests."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _missing(what: str) -> None:
    """Skip, or fail where the services have to be there."""
    if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a Postgres server of our own."""
    for package in ("pgserver", "psycopg"):
        if importlib.util.find_spec(package) is None:
            _missing(f"the package {package}")
    import pgserver

    # Not pytest's own folder: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    # Starting has a limit of ten seconds, which is short on a busy machine; it can be resumed.
    for attempt in range(4):
        try:
            server = pgserver.get_server(folder / "postgres")
            break
        except (subprocess.SubprocessError, AssertionError):
            if attempt == 3:
                raise
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def forks() -> Any:
    """Starts processes, forked from a server that has imported what `crash` needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chromadb", "llama_index_piirag.erasure"])
    return context


@pytest.fixture(scope="session")
def filled(forks: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stores of three users, to be copied."""
    sys.path.append(str(Path(__file__).parent))
    import crash

    folder = tmp_path_factory.mktemp("filled")
    process = forks.Process(target=crash.fill, args=(str(folder),))
    process.start()
    process.join(300)
    assert process.exitcode == 0
    return folder
