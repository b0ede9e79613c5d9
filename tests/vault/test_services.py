"""Redis and Postgres as services: addresses, errors, names, times to live."""

from __future__ import annotations

import importlib.util

import pytest

from piirag import MasterKey, Scrubber
from piirag.errors import ConfigurationError, MissingDependencyError, VaultError, VaultKeyError
from piirag.testing.vault_sessions import NOW, SOON, A
from piirag.vault.postgres import PostgresBackend, PostgresVault
from piirag.vault.protocol import Entry
from piirag.vault.redis import RedisBackend, RedisVault
from support.canary import Canaries

MAIL = "jane.roe@example.com"
SECRET = "hunter2hunter2"


def _no_secret(error: BaseException) -> bool:
    shown = repr(error) + str(error) + repr(vars(error))
    return SECRET not in shown and error.__context__ is None and error.__cause__ is None


# -- Redis --


def test_redis_a_vault_from_end_to_end(redis_url, key) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIIRAG_MASTER_KEY", key.export())
        vault = RedisVault(redis_url)
    token = Scrubber(vault=vault).scrub(MAIL, user_id="u").text
    vault.close()
    again = RedisVault(redis_url, key)
    assert Scrubber(vault=again).reveal(token, user_id="u") == MAIL
    with pytest.raises(VaultKeyError):
        RedisVault(redis_url, MasterKey.generate())
    again.close()


def test_redis_P19_keys_and_values_hold_nothing_in_the_clear(redis_url, key) -> None:
    from redis import Redis

    vault = RedisVault(redis_url, key, prefix="app:pii")
    scrubber = Scrubber(vault=vault)
    scrubber.scrub(f"Jane Roe {MAIL}", user_id="alice", known={"PERSON": ["Jane Roe"]})
    client = Redis.from_url(redis_url)
    names = list(client.scan_iter())
    dumped = b"".join([*names, *(client.dump(name) or b"" for name in names)])
    assert names and all(name.startswith(b"app:pii:") for name in names)
    assert Canaries([MAIL, "Jane Roe", "alice"]).scan_bytes(dumped) == []
    assert MAIL not in repr(vault)


def test_redis_two_prefixes_are_two_vaults(redis_url, key) -> None:
    one, two = RedisVault(redis_url, key, prefix="a"), RedisVault(redis_url, key, prefix="a:b")
    one.open("u")
    assert not two.has_user("u")
    assert list(two.backend.tags()) == []
    assert len(list(one.backend.tags())) == 1


def test_redis_values_expire_together_and_tombstones_never(redis_url) -> None:
    from redis import Redis

    backend = RedisBackend(redis_url, ttl=3600)
    client = Redis.from_url(redis_url)

    def left() -> set[int]:
        names = [n for n in client.scan_iter() if b"{" in n and b":x" not in n and b":s:" not in n]
        return {client.pttl(name) for name in names}

    backend.create_user(A, b"k")
    assert all(0 < ms <= 3_600_000 for ms in left())
    backend.put(A, b"k", [Entry("t", b"1", True, b"i")])
    for name in client.scan_iter():
        client.pexpire(name, 1_000)
    backend.put(A, b"k", [Entry("s", b"1")])
    assert all(3_000_000 < ms <= 3_600_000 for ms in left())
    for name in client.scan_iter():
        client.pexpire(name, 1_000)
    backend.put_session(A, b"k", "s", b"1", expires_at=SOON, now=NOW)
    assert all(3_000_000 < ms <= 3_600_000 for ms in left())
    backend.tombstone(A, 1.0)
    assert left() == {-1}
    backend.reinstate(A)
    assert all(0 < ms <= 3_600_000 for ms in left())
    backend.erase(A, 1.0)
    assert left() == {-1}


def test_redis_without_a_time_to_live_nothing_but_sessions_expires(redis_url) -> None:
    from redis import Redis

    backend = RedisBackend(redis_url)
    client = Redis.from_url(redis_url)
    backend.create_user(A, b"k")
    backend.put(A, b"k", [Entry("t", b"1", True, b"i")])
    backend.put_session(A, b"k", "s", b"1", expires_at=SOON, now=NOW)
    backend.put_session(A, b"k", "long", b"1", expires_at=SOON + 100, now=NOW)
    backend.put_session(A, b"k", "s2", b"1", expires_at=SOON, now=NOW)
    times = {name.decode().rsplit("}:")[1]: client.pttl(name) for name in client.scan_iter()}
    assert {times[part] for part in "ueik"} == {-1}
    assert 0 < times["s:s"] <= 3_600_000
    # The list of sessions lives as long as the longest.
    assert times["x"] > times["s:s"]
    assert abs(times["x"] - times["s:long"]) < 10_000


def test_redis_an_erasure_leaves_the_tombstone_only(redis_url) -> None:
    from redis import Redis

    backend = RedisBackend(redis_url)
    backend.create_user(A, b"k")
    backend.put(A, b"k", [Entry("t", b"1", True, b"i")])
    backend.put_session(A, b"k", "s", b"1", expires_at=SOON, now=NOW)
    backend.erase(A, 1.0)
    client = Redis.from_url(redis_url)
    (name,) = client.scan_iter()
    assert name.endswith(b":u")
    assert set(client.hgetall(name)) == {b"a", b"v"}


def test_redis_a_session_that_comes_in_during_an_erasure_is_erased_too(redis_url) -> None:
    """Between the look at the list of sessions and the script that deletes them."""
    backend = RedisBackend(redis_url)
    backend.create_user(A, b"k")
    run = backend._run
    late = []

    def put_first(name, keys, *values):
        if name == "ERASE" and not late:
            late.append(True)
            backend.put_session(A, b"k", "late", b"1", expires_at=SOON, now=NOW)
        return run(name, keys, *values)

    backend._run = put_first
    backend.erase(A, 1.0)
    assert backend.count_sessions(A, NOW) == 0
    assert backend._redis.exists(backend._key(A, "s:late")) == 0


def test_redis_scripts_come_back_after_a_restart(redis_url) -> None:
    backend = RedisBackend(redis_url)
    backend.create_user(A, b"k")
    backend._redis.script_flush()
    assert backend.put(A, b"k", [Entry("t", b"1")]) == {"t": Entry("t", b"1")}


@pytest.mark.parametrize(
    "url",
    [f"redis://:{SECRET}@127.0.0.1:1/0", f"unix:///nowhere/{SECRET}.sock"],
)
def test_redis_an_address_without_a_server_is_a_clear_error(url, key) -> None:
    with pytest.raises(VaultError) as caught:
        RedisVault(url, key)
    assert _no_secret(caught.value)


@pytest.mark.parametrize(
    ("redis", "options"),
    [
        (f"nonsense://{SECRET}", {}),
        ("", {}),
        (7, {}),
        ("redis://127.0.0.1", {"prefix": "a{b}"}),
        ("redis://127.0.0.1", {"prefix": ""}),
        ("redis://127.0.0.1", {"ttl": 0}),
        ("redis://127.0.0.1", {"ttl": True}),
        ("redis://127.0.0.1", {"ttl": "60"}),
        ("redis://127.0.0.1", {"ttl": float("nan")}),
    ],
)
def test_redis_what_cannot_work_is_refused(redis, options, key) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisVault(redis, key, **options)
    assert _no_secret(caught.value)


def test_redis_a_client_that_decodes_is_refused_and_ours_is_left_open(redis_url, key) -> None:
    from redis import Redis

    with pytest.raises(ConfigurationError):
        RedisVault(Redis.from_url(redis_url, decode_responses=True), key)
    client = Redis.from_url(redis_url)
    RedisVault(client, key).close()
    assert client.ping()


def test_redis_text_that_cannot_be_encoded_is_an_error_without_the_text(redis_url) -> None:
    backend = RedisBackend(redis_url)
    backend.create_user(A, b"k")
    with pytest.raises(VaultError) as caught:
        backend.put(A, b"k", [Entry(SECRET + "\ud800", b"1")])
    assert _no_secret(caught.value)


def test_redis_that_goes_away_is_our_error(redis_url) -> None:
    from redis import Redis

    backend = RedisBackend(redis_url)
    backend._redis = Redis.from_url(f"unix:///nowhere/{SECRET}.sock")
    with pytest.raises(VaultError) as caught:
        backend.user(A)
    assert _no_secret(caught.value)


# -- Postgres --


def test_postgres_a_vault_from_end_to_end(postgres_server, schema, key) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIIRAG_MASTER_KEY", key.export())
        vault = PostgresVault(postgres_server, schema=schema)
    token = Scrubber(vault=vault).scrub(MAIL, user_id="u").text
    vault.close()
    again = PostgresVault(postgres_server, key, schema=schema)
    assert Scrubber(vault=again).reveal(token, user_id="u") == MAIL
    with pytest.raises(VaultKeyError):
        PostgresVault(postgres_server, MasterKey.generate(), schema=schema)
    again.close()


def test_postgres_P19_tables_hold_nothing_in_the_clear(postgres_server, schema, key) -> None:
    import psycopg

    vault = PostgresVault(postgres_server, key, schema=schema)
    scrubber = Scrubber(vault=vault)
    scrubber.scrub(f"Jane Roe {MAIL}", user_id="alice", known={"PERSON": ["Jane Roe"]})
    vault.close()
    dumped = b""
    with psycopg.connect(postgres_server) as connection:
        for table in ("meta", "users", "entries", "sessions"):
            with connection.cursor().copy(f"COPY {schema}.vault_{table} TO STDOUT BINARY") as copy:
                dumped += b"".join(map(bytes, copy))
    assert len(dumped) > 500
    assert Canaries([MAIL, "Jane Roe", "alice"]).scan_bytes(dumped) == []
    assert MAIL not in repr(vault)


def test_postgres_prefixes_and_schemas_are_apart(postgres_server, schema, key) -> None:
    one = PostgresVault(postgres_server, key, schema=schema)
    two = PostgresVault(postgres_server, key, schema=schema, prefix="other_")
    none = PostgresVault(postgres_server, key, schema=schema, prefix="")
    one.open("u")
    assert not two.has_user("u") and not none.has_user("u")
    for vault in (one, two, none):
        vault.close()


@pytest.mark.parametrize(
    "options",
    [
        {"schema": 'a"; DROP TABLE x; --'},
        {"schema": ""},
        {"schema": "A"},
        {"prefix": "a b"},
        {"prefix": "1a"},
        {"prefix": "a" * 50},
    ],
)
def test_postgres_T18_names_that_would_need_quoting_are_refused(postgres_server, options) -> None:
    with pytest.raises(ConfigurationError):
        PostgresBackend(postgres_server, **options)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@127.0.0.1:1/db",
        f"host=/nowhere password={SECRET}",
        f"nonsense {SECRET}",
    ],
)
def test_postgres_an_address_without_a_server_is_a_clear_error(url, key) -> None:
    with pytest.raises(VaultError) as caught:
        PostgresVault(url, key)
    assert _no_secret(caught.value)


def test_postgres_what_is_no_database_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        PostgresBackend(7)


def test_postgres_a_pool_of_the_application_s_is_used_and_left_open(postgres_server, schema, key):
    """Whatever its connections are set to: dictionaries as rows, autocommit, isolation."""
    import psycopg
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool

    def configure(connection: psycopg.Connection) -> None:
        connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE

    options = {"autocommit": True, "row_factory": dict_row}
    with ConnectionPool(
        postgres_server, min_size=1, kwargs=options, configure=configure, open=True
    ) as pool:
        vault = PostgresVault(pool, key, schema=schema)
        token = Scrubber(vault=vault).scrub(MAIL, user_id="u").text
        assert Scrubber(vault=vault).reveal(token, user_id="u") == MAIL
        assert vault.forget("u") == 1
        vault.close()
        with pool.connection() as connection:
            assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_postgres_a_role_that_may_not_create_uses_what_is_there(postgres_server, schema) -> None:
    import psycopg
    from psycopg.conninfo import make_conninfo

    PostgresBackend(postgres_server, schema=schema).close()
    role = f"r{schema}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        tables = f"ALL TABLES IN SCHEMA {schema}"
        admin.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}")
    limited = make_conninfo(postgres_server, user=role)
    backend = PostgresBackend(limited, schema=schema)
    backend.create_user(A, b"k")
    assert backend.put(A, b"k", [Entry("t", b"1")]) == {"t": Entry("t", b"1")}
    backend.close()
    with pytest.raises(VaultError) as caught:
        PostgresBackend(limited, schema="elsewhere")
    assert _no_secret(caught.value)


@pytest.mark.parametrize("token", [SECRET + "\x00", SECRET + "\ud800"])
def test_postgres_text_that_cannot_be_stored_is_an_error_without_the_text(
    postgres_server, schema, token
) -> None:
    backend = PostgresBackend(postgres_server, schema=schema)
    backend.create_user(A, b"k")
    with pytest.raises(VaultError) as caught:
        backend.put(A, b"k", [Entry(token, b"1")])
    assert _no_secret(caught.value)
    assert backend.count(A) == 0
    backend.close()


def test_postgres_a_closed_vault_is_our_error(postgres_server, schema) -> None:
    backend = PostgresBackend(postgres_server, schema=schema)
    backend.close()
    with pytest.raises(VaultError) as caught:
        backend.user(A)
    assert _no_secret(caught.value)


# -- both --


@pytest.mark.parametrize(
    ("make", "library", "extra"),
    [
        (lambda: RedisBackend("redis://127.0.0.1"), "redis", "redis"),
        (lambda: PostgresBackend("host=127.0.0.1"), "psycopg", "postgres"),
        (lambda: PostgresBackend("host=127.0.0.1"), "psycopg_pool", "postgres"),
    ],
)
def test_a_missing_library_names_the_extra(make, library, extra, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == library else find(n))
    with pytest.raises(MissingDependencyError, match=rf"{library} .*piirag\[{extra}\]"):
        make()


@pytest.mark.parametrize("vault", [RedisVault, PostgresVault])
def test_without_a_master_key_nothing_is_opened(vault, monkeypatch) -> None:
    monkeypatch.delenv("PIIRAG_MASTER_KEY", raising=False)
    with pytest.raises(VaultKeyError):
        vault("nothing is asked of this address")
