"""A user's data to be erased, a Postgres for the journal, processes for the crash tests."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import pytest

from piirag import SQLiteVault
from piirag.erasure.journal_sqlite import SQLiteJournal
from support.erasure import GONE, KEY, RowsTarget
from support.postgres import url_of_server


@pytest.fixture
def vault(tmp_path: Path) -> SQLiteVault:
    """The vault of two users."""
    vault = SQLiteVault(tmp_path / "vault.db", KEY)
    for user in (GONE, "bob"):
        vault.open(user).put([("token", {"v": f"value of {user}"}, False)])
    return vault


@pytest.fixture
def rows(tmp_path: Path) -> RowsTarget:
    """A store of the same users."""
    rows = RowsTarget(tmp_path / "rows")
    rows.fill(GONE)
    rows.fill("bob")
    return rows


@pytest.fixture
def journal(tmp_path: Path) -> SQLiteJournal:
    return SQLiteJournal(tmp_path / "erasure.db")


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a Postgres server of our own."""
    return url_of_server()


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
