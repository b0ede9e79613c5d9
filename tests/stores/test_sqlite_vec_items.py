"""Single rows of sqlite-vec's tables, which `SQLiteVec` itself wrote."""

from __future__ import annotations

import struct
from pathlib import Path

from langchain_community.vectorstores import SQLiteVec

from lexical_langchain import LexicalEmbeddings
from piirag.erasure import StoredItem
from piirag.erasure.targets.sqlite_vec import SQLiteVecTarget
from support.sqlite_vec_db import connect


def test_single_rows_that_the_wrapper_wrote_have_ids_and_an_index(tmp_path: Path) -> None:
    store = SQLiteVec("docs", connect(tmp_path / "vec.db"), LexicalEmbeddings())
    store.add_texts(["one text", "another text"], [{"user_id": "alice", "n": i} for i in (0, 1)])
    target = SQLiteVecTarget(store._connection, "docs")
    first, second = target.items("alice")
    length = len(next(iter(target.vectors("alice"))))
    new = [float(place) for place in range(length)]
    target.replace_items([StoredItem(first.id, "changed", {"user_id": "alice"})], [new])
    assert [(i.id, i.text) for i in target.items("alice")] == [
        (first.id, "changed"),
        (second.id, "another text"),
    ]
    indexed = store._connection.execute("SELECT text_embedding FROM docs_vec ORDER BY rowid")
    assert [bytes(row[0]) for row in indexed] == [
        struct.pack(f"<{length}f", *vector) for vector in target.vectors("alice")
    ]
    assert next(iter(target.vectors("alice"))) == new
    target.delete_items([second.id])
    assert [i.id for i in target.items("alice")] == [first.id]
    [[left]] = store._connection.execute("SELECT count(*) FROM docs_vec")
    assert left == 1
