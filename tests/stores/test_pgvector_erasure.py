"""pgvector: erasure, by any of the wrappers and by the native table, and the bytes it leaves."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets import pgvector_files
from piirag.erasure.targets.pgvector import PGVectorTarget
from piirag.erasure.targets.pgvector_table import PGTable
from piirag.errors import ConfigurationError, UnsupportedStoreError
from piirag.tenancy import TenantTags
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from support.pgvector_stores import PACKAGES, fresh_name, llama_index, pg_vector_store, pgvector
from support.postgres import url_of_server


@pytest.fixture(scope="module")
def server() -> str:
    return url_of_server(*PACKAGES)


@pytest.fixture
def db(server: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        yield connection


_USERS, _OF_ONE, _DIMENSION = 50, 300, 24
_VICTIM = "user-7-x"


class Filled:
    """A table with 300 items of one user among 50, and what to look for.

    It is of the shape of one of the wrappers', with an HNSW index, full-text tokens, statistics.
    """

    def __init__(self, db: Any) -> None:
        self.db = db
        self.name = fresh_name()
        db.execute(
            f"CREATE TABLE {self.name} (id text PRIMARY KEY, document text NOT NULL,"
            f" embedding vector({_DIMENSION}), cmetadata jsonb,"
            " tokens tsvector GENERATED ALWAYS AS (to_tsvector('english', document)) STORED)"
        )
        # Of its own in each table: statistics of all of them are in one place.
        word = random.Random(self.name)
        canary = lambda: "".join(word.choice("abcdefghijklmnop") for _ in range(24))  # noqa: E731
        self.numbers = np.random.default_rng(int(self.name[1:], 16))
        self.texts = [canary() for _ in range(_OF_ONE)]
        self.metadata = [canary() for _ in range(_OF_ONE)]
        self.vectors = self._vectors(_OF_ONE)
        with db.transaction():
            self._fill()
        db.execute(f"CREATE INDEX ON {self.name} USING hnsw (embedding vector_l2_ops)")
        db.execute(f"CREATE INDEX ON {self.name} USING gin (tokens)")
        db.execute(f"ANALYZE {self.name}")
        self.table = PGTable(db.info.dsn, self.name, text="document", metadata="cmetadata")

    def _fill(self) -> None:
        for part in range(0, _OF_ONE, 50):
            for i in range(part, part + 50):
                meta = f'{{"user_id": "{_VICTIM}", "note": "{self.metadata[i]}"}}'
                self._add(
                    f"{_VICTIM}:{self.name}:{i}",
                    f"text {self.texts[i]} ends",
                    meta,
                    self.vectors[i],
                )
            for user in range(part // 6, part // 6 + 8):
                for i, vector in enumerate(self._vectors(10)):
                    meta = f'{{"user_id": "other-{user}-x", "note": "{i}"}}'
                    self._add(f"other-{user}-x:{part}:{i}", f"text {i}", meta, vector)

    def _vectors(self, count: int) -> Any:
        return self.numbers.normal(size=(count, _DIMENSION)).astype("<f4")

    def _add(self, id: str, text: str, metadata: str, vector: Any) -> None:
        held = "[" + ",".join(repr(float(v)) for v in vector) + "]"
        insert = (
            f"INSERT INTO {self.name} (id, document, cmetadata, embedding) VALUES (%s,%s,%s,%s)"
        )
        self.db.execute(insert, [id, text, metadata, held])

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the files, by plain search, without piirag.

        All of the database but the write-ahead log.
        """
        self.db.execute("CHECKPOINT")
        where = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = %s"
        folder, number = self.db.execute(where, [self.db.info.dbname]).fetchone()
        folder = Path(folder) / "base" / str(number)
        pages = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
        data = b"".join(page for page in pages if len(page) % 8 == 0)
        runs = [run.decode() for run in re.findall(rb"[a-p]{24,}", data)]
        words = {run[at : at + 24] for run in runs for at in range(len(run) - 23)}
        # A vector is aligned to four bytes; its first eight are enough.
        even = data[: len(data) // 8 * 8 - 8]
        seen = np.union1d(*(np.frombuffer(d, "<u8") for d in (even, data[4 : len(even) + 4])))
        begin = np.ascontiguousarray(self.vectors[:, :2]).view("<u8").ravel()
        return {
            "texts": len(words & set(self.texts)),
            "metadata": len(words & set(self.metadata)),
            "vectors": int(np.isin(begin, seen).sum()),
        }

    def state(self) -> Any:
        """What others hold and find."""
        others = "WHERE NOT id LIKE %s"
        rows = self.db.execute(
            f"SELECT id, document, cmetadata::text, embedding::text, tokens::text FROM {self.name}"
            f" {others} ORDER BY id",
            [f"{_VICTIM}%"],
        ).fetchall()
        found = [
            self.table.nearest(vector, 10, self.table.language.translate(clause), distance="l2")
            for vector in np.random.default_rng(3).normal(size=(5, _DIMENSION))
            for clause in [{"user_id": {"$ne": _VICTIM}}]
        ]
        return rows, [[row.id for row in one] for one in found]


def test_E1_E2_E3_nothing_of_300_canaries_is_left(db: Any) -> None:
    store = Filled(db)
    before = store.state()
    target = PGVectorTarget(store.table)
    assert store.left() == {"texts": 300, "metadata": 300, "vectors": 300}
    traces = target.traces(_VICTIM)
    target.delete(_VICTIM)
    assert target.count(_VICTIM) == 0
    assert store.left()["vectors"] == 300
    residue = target.residue(traces)
    assert residue[store.name]["texts"] > 200
    target.reclaim(_VICTIM)
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert target.residue(traces) == {}
    assert store.state() == before


def test_E1_physical_through_the_service(db: Any) -> None:
    store = Filled(db)
    [entry] = delete_user(_VICTIM, targets=[store.table], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert "write-ahead log" in entry.note
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_E2_a_delete_takes_samples_out_of_the_statistics(db: Any) -> None:
    store = Filled(db)
    stats = "SELECT string_agg(histogram_bounds::text, '') FROM pg_stats WHERE tablename = %s"
    assert _VICTIM in db.execute(stats, [store.name]).fetchone()[0]
    PGVectorTarget(store.table).delete(_VICTIM)
    assert _VICTIM not in db.execute(stats, [store.name]).fetchone()[0]


def test_E1_rows_that_an_older_transaction_sees_are_not_called_gone(
    db: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    store = Filled(db)
    monkeypatch.setattr(pgvector_files, "_WAIT_SECONDS", 0.5)
    with psycopg.connect(server) as older:
        older.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        older.execute("SELECT 1 FROM pg_class LIMIT 1")
        [entry] = delete_user(_VICTIM, targets=[store.table], physical=True).targets
        assert (entry.reclaimed, entry.error) == ("no", "piirag.errors.ErasureError")
        # The control: such a VACUUM FULL succeeds, and takes the deleted rows along.
        db.execute(f"VACUUM FULL {store.name}")
        assert store.left()["texts"] == 300
        older.rollback()
    PGVectorTarget(store.table).reclaim(_VICTIM)
    assert store.left()["texts"] == 0


def test_E1_a_role_that_does_not_own_the_table_is_told(db: Any, server: str) -> None:
    store = Filled(db)
    db.execute(f"CREATE ROLE r{store.name} LOGIN")
    db.execute(f"GRANT SELECT, DELETE ON {store.name} TO r{store.name}")
    other = server.replace("postgres:@", f"r{store.name}:@")
    target = PGVectorTarget(PGTable(other, store.name, text="document", metadata="cmetadata"))
    assert not target.capabilities.scan
    assert "pg_statistic" in target.capabilities.why_not
    [entry] = delete_user(_VICTIM, targets=[target], physical=True).targets
    assert (entry.reclaimed, entry.error) == ("no", "piirag.errors.ErasureError")
    assert target.count(_VICTIM) == 0


def test_E1_a_table_in_parts_is_rewritten_whole(db: Any) -> None:
    store = Filled(db)
    whole = fresh_name()
    db.execute(
        f"CREATE TABLE {whole} (id text, document text, embedding vector({_DIMENSION}),"
        " cmetadata jsonb) PARTITION BY HASH (id)"
    )
    for part in range(2):
        values = f"WITH (MODULUS 2, REMAINDER {part})"
        db.execute(f"CREATE TABLE {whole}_{part} PARTITION OF {whole} FOR VALUES {values}")
    columns = "id, document, embedding, cmetadata"
    db.execute(f"INSERT INTO {whole} ({columns}) SELECT {columns} FROM {store.name}")
    db.execute(f"DROP TABLE {store.name}")
    assert store.left()["texts"] == 300
    table = PGTable(db.info.dsn, whole, text="document", metadata="cmetadata")
    [entry] = delete_user(_VICTIM, targets=[table], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_a_connection_of_the_application_is_left_as_it_was(db: Any, server: str) -> None:
    import psycopg

    store = Filled(db)
    with psycopg.connect(server) as own:
        own.execute("SET lock_timeout = '7s'")
        table = PGTable(own, store.name, text="document", metadata="cmetadata")
        with pytest.raises(ConfigurationError):
            PGVectorTarget(table).delete(_VICTIM)
        own.commit()
        [entry] = delete_user(_VICTIM, targets=[table], physical=True).targets
        assert entry.reclaimed == "yes"
        assert not own.autocommit
        assert own.execute("SHOW lock_timeout").fetchone() == ("7s",)
        own.rollback()


def test_no_database_is_an_error_in_the_receipt(tmp_path: Path) -> None:
    table = PGTable(f"host={tmp_path} dbname=none", "t")
    [entry] = delete_user(_VICTIM, targets=[table]).targets
    assert entry.error == "piirag.errors.StoreError"
    assert not entry.verified_absent


@pytest.mark.parametrize(
    "given", ["host=h password=my Geheim1", "postgresql://u:Geh eim1@h/d", "postgresql://u:%zz@h/d"]
)
def test_an_unusable_connection_string_is_not_quoted(given: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PGTable(given, "t")
    assert not any(part in str(caught.value) for part in ("eim1", "%zz"))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# Every wrapper


def _vector(text: str, size: int) -> list[float]:
    return [random.Random(f"{text}{at}").uniform(-1, 1) for at in range(size)]


def _write_langchain(store: Any, user: str) -> None:
    # Vectors of their own: those of bags of words have pieces in common.
    texts = [f"document {i} of {user}, long enough to look for" for i in range(5)]
    size = len(store.embeddings.embed_query("x"))
    store.add_embeddings(
        texts,
        [_vector(text, size) for text in texts],
        [{"user_id": user, "n": i} for i in range(5)],
        # An id is there once in a table, whatever the collection.
        ids=[f"{user}:{uuid.uuid4()}" for _ in range(5)],
    )


def _write_llama_index(store: Any, user: str) -> None:
    from llama_index.core.schema import TextNode

    nodes = []
    for i in range(5):
        text = f"document {i} of {user}, long enough to look for"
        vector = _vector(text, store.embed_dim)
        node = TextNode(id_=f"{user}:{i}", text=text, metadata={"user_id": user}, embedding=vector)
        nodes.append(node)
    store.add(nodes)


_KINDS = {
    "PGVector": (pgvector, _write_langchain),
    "PGVectorStore": (pg_vector_store, _write_langchain),
    "LlamaIndex": (llama_index, _write_llama_index),
}


class TestTarget(ErasureTargetSuite):
    """What the wrappers themselves wrote, erased through the objects themselves."""

    @pytest.fixture(params=sorted(_KINDS))
    def under_test(self, request: pytest.FixtureRequest, server: str) -> TargetUnderTest:
        make, write = _KINDS[request.param]
        store = make(server)
        [target] = as_targets(store)
        assert isinstance(target, PGVectorTarget)

        def read(user: str) -> Any:
            return [(item.id, item.text, item.metadata) for item in target.items(user)]

        return TargetUnderTest(target, lambda user: write(store, user), read)


class TestNative(ErasureTargetSuite):
    """A table that no framework made, in a pool of psycopg's, with keys that are no text."""

    @pytest.fixture
    def under_test(self, db: Any, server: str) -> Iterator[TargetUnderTest]:
        from psycopg_pool import ConnectionPool

        name = fresh_name()
        db.execute(f'CREATE SCHEMA "odd {name}"')
        whole = f'"odd {name}"."per%cent:""t"'
        db.execute(
            f"CREATE TABLE {whole} (k uuid PRIMARY KEY DEFAULT gen_random_uuid(), id text,"
            " body text, v vector(3), owner varchar)"
        )

        def write(user: str) -> None:
            for i in range(5):
                insert = f"INSERT INTO {whole} (id, body, v, owner) VALUES (%s, %s, %s, %s)"
                text = f"document {i} of {user}, long enough"
                row = [f"{user}:{i}", text, str(_vector(text, 3)), user]
                db.execute(insert.replace("per%", "per%%"), row)

        def read(user: str) -> Any:
            select = f"SELECT id, body, owner FROM {whole} WHERE owner = %s ORDER BY id"
            return db.execute(select.replace("per%", "per%%"), [user]).fetchall()

        with ConnectionPool(server, min_size=1, max_size=2) as pool:
            table = PGTable(
                pool,
                'per%cent:"t',
                schema=f"odd {name}",
                text="body",
                vector="v",
                metadata=None,
                columns=["owner"],
                key="k",
            )
            target = PGVectorTarget(table, TenantTags("owner"))
            yield TargetUnderTest(target, write, read, fixed_keys=True)


def test_one_collection_is_erased_and_the_others_in_its_table_are_not(server: str) -> None:
    one, other = pgvector(server), pgvector(server)
    for store, marks in ((one, "a"), (other, "b")):
        store.add_texts(
            ["text"] * 3, [{"user_id": "alice"}] * 3, ids=[f"alice:{marks}{i}" for i in range(3)]
        )
    receipt = delete_user("alice", targets=[one])
    assert receipt.deleted == 3
    assert as_targets(other)[0].count("alice") == 3
    assert len({target.identity for s in (one, one, other) for target in as_targets(s)}) == 2


def test_E2_what_another_collection_still_has_is_no_residue(server: str) -> None:
    one, other = pgvector(server), pgvector(server)
    text, metadata = "the same long text in both of them", {"user_id": "alice-of-two"}
    for store in (one, other):
        vector = _vector(text, len(store.embeddings.embed_query("x")))
        store.add_embeddings([text], [vector], [metadata], ids=[str(uuid.uuid4())])
    [entry] = delete_user("alice-of-two", targets=[one], physical=True).targets
    assert (entry.reclaimed, entry.residue) == ("yes", {})
    assert as_targets(other)[0].count("alice-of-two") == 1


def test_a_wrapper_of_one_event_loop_is_refused(server: str) -> None:
    from langchain_postgres import PGVector

    from lexical_langchain import LexicalEmbeddings
    from support.postgres import driver_url

    store = PGVector(LexicalEmbeddings(), connection=driver_url(server, "psycopg"), async_mode=True)
    with pytest.raises(UnsupportedStoreError, match="async"):
        as_targets(store)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        PGVectorTarget(object())
    with pytest.raises(ConfigurationError):
        PGTable(object(), "t")
