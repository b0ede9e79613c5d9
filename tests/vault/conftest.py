"""Real services for the back ends: a Redis, a Redis cluster of one node, a Postgres."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from piirag import MasterKey
from support.vaults import Store


def _missing(what: str) -> None:
    """Skip, or fail where the services have to be there."""
    if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture
def key() -> MasterKey:
    return MasterKey.generate()


@pytest.fixture(scope="session")
def _folder() -> Iterator[Path]:
    # Not pytest's own: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class RedisServer:
    """A Redis server of our own, without files, on a Unix socket or a free loopback port."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir()
        self.socket = folder / "r.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket)]
        files = ["--save", "", "--dir", str(folder), "--logfile", str(folder / "log")]
        self.process = subprocess.Popen([*command, *files, *options])
        self.url = f"unix://{self.socket}"

    def wait(self) -> None:
        from redis import Redis
        from redis.exceptions import RedisError

        client = Redis.from_url(self.url)
        for _ in range(600):
            try:
                client.ping()
            except (RedisError, OSError):
                time.sleep(0.1)
            else:
                client.close()
                return
        pytest.fail("redis-server does not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def _redis(folder: Path, *options: str) -> RedisServer:
    if shutil.which("redis-server") is None:
        _missing("redis-server")
    if importlib.util.find_spec("redis") is None:
        _missing("the package redis")
    server = RedisServer(folder, *options)
    server.wait()
    return server


@pytest.fixture(scope="session")
def redis_server(_folder: Path) -> Iterator[str]:
    """The URL of a Redis server."""
    server = _redis(_folder / "redis")
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def redis_cluster(_folder: Path) -> Iterator[int]:
    """The loopback port of a cluster of one node, which refuses what crosses slots."""
    port = _free_port()
    options = ("--bind", "127.0.0.1", "--port", str(port), "--cluster-enabled", "yes")
    server = _redis(_folder / "cluster", *options, "--cluster-port", str(_free_port()))
    from redis import Redis

    with Redis.from_url(server.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        for _ in range(600):
            if b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"):
                break
            time.sleep(0.1)
    yield port
    server.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis."""
    from redis import Redis

    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def postgres_server(_folder: Path) -> Iterator[str]:
    """The URL of a Postgres server."""
    for package in ("pgserver", "psycopg", "psycopg_pool"):
        if importlib.util.find_spec(package) is None:
            _missing(f"the package {package}")
    import pgserver

    # Starting has a limit of ten seconds, which is short on a busy machine; it can be resumed.
    for attempt in range(4):
        try:
            server = pgserver.get_server(_folder / "postgres")
            break
        except (subprocess.SubprocessError, AssertionError):
            if attempt == 3:
                raise
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def schema() -> str:
    """A schema of its own for one test."""
    return f"s{uuid.uuid4().hex}"


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A place for vaults, empty, one of each kind."""
    if request.param == "redis":
        address = request.getfixturevalue("redis_url")
    elif request.param == "postgres":
        url, schema = (request.getfixturevalue(n) for n in ("postgres_server", "schema"))
        address = f"{url}|{schema}"
    else:
        address = str(tmp_path / "vault.db")
    store = Store(request.param, address)
    yield store
    store.close()
