"""The bytes of a table in Postgres: removing those of deleted rows, and looking for them.

Measured with PostgreSQL 16.2: `VACUUM` leaves the bytes of deleted rows in the pages it cleans;
`VACUUM FULL` writes table and indexes anew, but takes along rows that an older transaction may
still see, and passes over a table that the role does not own, with no error in either case. The
planner's statistics hold samples of every column, texts too, until the next `ANALYZE`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

from piirag.erasure.targets.pgvector_runner import Runner
from piirag.errors import ErasureError
from piirag.tenancy.languages.pgvector_sql import Sql, sql, value

_WAIT_SECONDS = 20.0
_PAUSE = 0.2
_BLOCK = 8 * 1024 * 1024
_SEGMENT = 1024 * 1024 * 1024
_STATISTICS = sql("pg_catalog.pg_statistic")


def analyze(runner: Runner, table: Sql) -> None:
    """Take the samples of deleted rows out of the planner's statistics, which anybody who may
    read the table may read."""
    analysed = sql("SELECT 1 FROM pg_statistic WHERE starelid = {} LIMIT 1", _oid(table))
    may_read = sql("SELECT has_table_privilege('pg_catalog.pg_statistic', 'SELECT')")
    if runner.rows(may_read) == [(True,)] and not runner.rows(analysed):
        return
    runner.outside(sql("ANALYZE {}", table))


def never_sampled(table: Sql) -> Sql:
    """Whether the planner's statistics hold nothing of a table, as far as the role can know.

    Of a table that the role may not read, or not all rows of, it is shown no statistics.
    """
    return sql(
        "SELECT has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid)"
        " AND NOT EXISTS (SELECT 1 FROM pg_stats s WHERE s.tablename = c.relname"
        " AND s.schemaname = n.nspname) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {}",
        _oid(table),
    )


def rewrite(runner: Runner, table: Sql) -> None:
    """Write a table, its indexes and the planner's statistics anew, without deleted rows.

    Nobody can use the table for the time this takes.

    Raises:
        ErasureError: Some transaction, prepared transaction or replication slot is so old that it
            may still see the deleted rows; or the role may not do this.
        StoreError: The table cannot be locked within 30 seconds, or something else failed.
    """
    _wait_for_older(runner)
    before = _files_of(runner, table)
    runner.outside(sql("VACUUM (FULL, ANALYZE) {}", table))
    if not before or before & _files_of(runner, table):
        raise ErasureError(
            "Postgres passed over the table: VACUUM FULL needs its owner, or the database's"
        )
    if owns_database(runner):
        before = _files_of(runner, _STATISTICS)
        runner.outside(sql("VACUUM FULL {}", _STATISTICS))
        if before & _files_of(runner, _STATISTICS):
            raise ErasureError("Postgres passed over the planner's statistics")
    if _may_checkpoint(runner):
        # Files that were replaced are removed at the next checkpoint.
        runner.outside(sql("CHECKPOINT"))


def owns_database(runner: Runner) -> bool:
    """Whether the role may write the planner's statistics anew: a superuser, or the owner of the
    database."""
    found = runner.rows(
        sql(
            "SELECT pg_has_role(d.datdba, 'MEMBER') OR r.rolsuper FROM pg_database d, pg_roles r"
            " WHERE d.datname = current_database() AND r.rolname = current_user"
        )
    )
    return found == [(True,)]


def owns_table(runner: Runner, table: Sql) -> bool:
    """Whether the role may analyse the table and write it anew."""
    owner = sql("SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = {}", _oid(table))
    return runner.rows(owner) == [(True,)] or owns_database(runner)


def may_read_files(runner: Runner) -> bool:
    """Whether the role may read the server's files."""
    may = "has_function_privilege('pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')"
    return runner.rows(sql(f"SELECT {may} AND pg_has_role('pg_read_server_files', 'MEMBER')")) == [
        (True,)
    ]


def size(runner: Runner, table: Sql) -> int:
    """The bytes of a table with its indexes."""
    found = runner.rows(
        sql("SELECT sum(pg_total_relation_size(t.oid)) FROM ({}) AS t", _tables(table))
    )
    return int(found[0][0] or 0)


def server_files(runner: Runner, table: Sql) -> list[Path]:
    """The files of a table and its indexes, read through the server."""
    if _may_checkpoint(runner):
        # What was changed is in memory until then.
        runner.outside(sql("CHECKPOINT"))
    rows = runner.rows(
        sql(
            "SELECT pg_relation_filepath(f.oid), c.relname, pg_relation_size(f.oid) FROM ({}) AS f"
            " JOIN pg_class c ON c.oid = f.oid WHERE pg_relation_filepath(f.oid) IS NOT NULL",
            _relations(table),
        )
    )
    files = []
    for path, relation, bytes in rows:
        for segment in range(int(bytes) // _SEGMENT + 1):
            suffix = f".{segment}" if segment else ""
            files.append(ServerFile(runner, f"{path}{suffix}", f"{relation}{suffix}"))
    # They have what is needed of a path.
    return cast(list[Path], files)


class ServerFile:
    """A file on the server's machine, readable block by block.

    Args:
        runner: Runs statements.
        path: Below the server's data directory.
        name: The name of the relation it is of.
    """

    def __init__(self, runner: Runner, path: str, name: str) -> None:
        self._runner = runner
        self._path = path
        self._at = 0
        self.name = name

    def is_dir(self) -> bool:
        """False."""
        return False

    def open(self, mode: str = "rb") -> ServerFile:
        """From its beginning."""
        self._at = 0
        return self

    def __enter__(self) -> ServerFile:
        return self

    def __exit__(self, *failed: Any) -> None:
        return None

    def read(self, size: int = _BLOCK) -> bytes:
        """The next block; empty at the end, or where the file is gone."""
        rows = self._runner.rows(
            sql(
                "SELECT pg_read_binary_file({}, {}, {}, true)",
                value(self._path, "text"),
                value(self._at, "bigint"),
                value(min(size, _BLOCK), "bigint"),
            )
        )
        block = b"" if rows[0][0] is None else bytes(rows[0][0])
        self._at += len(block)
        return block


def _may_checkpoint(runner: Runner) -> bool:
    found = runner.rows(
        sql(
            "SELECT bool_or(pg_has_role(oid, 'MEMBER')) OR"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            " FROM pg_roles WHERE rolname = 'pg_checkpoint'"
        )
    )
    return found == [(True,)]


def _oid(table: Sql) -> Sql:
    return value(table.texts[0], "regclass")


def _tables(table: Sql) -> Sql:
    """A table, or the partitions it consists of."""
    return sql(
        "SELECT {} AS oid UNION SELECT p.relid FROM pg_partition_tree({}) AS p",
        sql("CAST({} AS oid)", _oid(table)),
        _oid(table),
    )


def _relations(table: Sql) -> Sql:
    """A table with its TOAST table, and the indexes of both."""
    heaps = _tables(table)
    whole = sql(
        "SELECT h.oid FROM ({}) AS h UNION SELECT c.reltoastrelid FROM ({}) AS h JOIN pg_class c"
        " ON c.oid = h.oid WHERE c.reltoastrelid <> 0",
        heaps,
        heaps,
    )
    return sql(
        "SELECT w.oid FROM ({}) AS w UNION SELECT i.indexrelid FROM ({}) AS w JOIN pg_index i"
        " ON i.indrelid = w.oid",
        whole,
        whole,
    )


def _files_of(runner: Runner, table: Sql) -> set[int]:
    rows = runner.rows(
        sql(
            "SELECT pg_relation_filenode(f.oid) FROM ({}) AS f"
            " WHERE pg_relation_filenode(f.oid) IS NOT NULL",
            _relations(table),
        )
    )
    return {int(node) for (node,) in rows}


_OLDER = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
          AND (datname = current_database() OR datname IS NULL)
          AND age(backend_xmin) > age(now.xid))
     + (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()
          AND age(transaction) > age(now.xid))
     + (SELECT count(*) FROM pg_replication_slots WHERE age(xmin) > age(now.xid))
  FROM (SELECT {} AS xid) AS now
"""


def _wait_for_older(runner: Runner) -> None:
    """Wait for transactions that began before now, which may still see deleted rows."""
    [(now,)] = runner.rows(sql("SELECT CAST(CAST(pg_current_xact_id() AS xid) AS text)"))
    older = sql(_OLDER, sql("CAST({} AS xid)", value(str(now), "text")))
    end = time.monotonic() + _WAIT_SECONDS
    while runner.rows(older) != [(0,)]:
        if time.monotonic() > end:
            raise ErasureError(
                "an older transaction or replication slot may still see the deleted rows; end it "
                "and call again"
            )
        time.sleep(_PAUSE)
