"""One suite for every back end that is a service; memory and SQLite: `tests/core/test_vault.py`."""

from __future__ import annotations

import pytest

from piirag.testing.vault import VaultBackendSuite
from piirag.vault.postgres import PostgresBackend
from piirag.vault.redis import RedisBackend


class TestRedisBackend(VaultBackendSuite):
    @pytest.fixture(params=["kept", "with a time to live"])
    def options(self, request):
        return {} if request.param == "kept" else {"ttl": 3600}

    @pytest.fixture
    def backend(self, redis_url, options):
        backend = RedisBackend(redis_url, **options)
        yield backend
        backend.close()

    @pytest.fixture
    def other(self, redis_url, options):
        other = RedisBackend(redis_url, **options)
        yield other
        other.close()


class TestRedisCluster(VaultBackendSuite):
    """Every script stays in one slot: Redis refuses it otherwise, even with one node."""

    @pytest.fixture
    def client(self, redis_cluster):
        from redis.cluster import RedisCluster

        client = RedisCluster(host="127.0.0.1", port=redis_cluster)
        client.flushall()
        yield client
        client.close()

    @pytest.fixture
    def backend(self, client):
        return RedisBackend(client)

    @pytest.fixture
    def other(self, client):
        return RedisBackend(client)


class TestPostgresBackend(VaultBackendSuite):
    @pytest.fixture
    def backend(self, postgres_server, schema):
        backend = PostgresBackend(postgres_server, schema=schema)
        yield backend
        backend.close()

    @pytest.fixture
    def other(self, backend, postgres_server, schema):
        other = PostgresBackend(postgres_server, schema=schema)
        yield other
        other.close()
