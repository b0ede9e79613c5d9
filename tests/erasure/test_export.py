"""Handing out what is held of a user: everything, nobody else's, flat in memory."""

from __future__ import annotations

import json
import re
import stat
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piirag import MasterKey, MemoryVault, Policy, Redactor, Scrubber, SQLiteVault, Vault
from piirag.erasure import (
    Capabilities,
    ErasureService,
    Residue,
    StoredItem,
    Traces,
    UserExport,
    delete_user,
    export_user,
)
from piirag.erasure.retry import NO_RETRY
from piirag.errors import ConfigurationError, ErasureError, InvalidUserIdError
from piirag.tenancy import SHARED, TenantTags
from support.erasure import RowsTarget
from support.subjects import KINDS, Place

MAILS = {"alice": "jane@example.org", "bob": "peter@example.com"}
BOTH = "both@example.net"


@pytest.fixture
def vault() -> Vault:
    return MemoryVault()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, vault: Vault, tmp_path: Path) -> Place:
    place = Place(request.param, vault, tmp_path / "store")
    for user, mail in MAILS.items():
        texts = {"1": f"From {mail} to {BOTH}", "2": f"{user} has <b>no</b> mail"}
        place.write(user, texts, {"year": 2020, "to": mail})
    place.write(SHARED, {"faq": f"{user} may read this"})
    return place


def records(export: UserExport, kind: str) -> list[dict[str, Any]]:
    return [record for record in export.records() if record["record"] == kind]


def test_everything_of_the_user_and_nothing_of_another(place: Place) -> None:
    export = export_user("alice", [place.target, place.vault])
    items = records(export, "item")
    assert {i["id"] for i in items} == {"alice:1", "alice:2"}
    [first] = [i for i in items if i["id"] == "alice:1"]
    assert first["text"] == f"From {MAILS['alice']} to {BOTH}"
    assert (first["metadata"]["to"], first["metadata"]["year"]) == (MAILS["alice"], 2020)
    values = {v["value"]: v["entity_type"] for v in records(export, "value")}
    assert values == {MAILS["alice"]: "EMAIL_ADDRESS", BOTH: "EMAIL_ADDRESS"}
    assert [(t["items"], t["complete"]) for t in records(export, "target")] == [(2, True)] * 2
    [head] = records(export, "export")
    [end] = records(export, "end")
    assert (head["user_id"], end["items"], end["complete"]) == ("alice", 4, True)
    assert "what stands in spaces that several users read" in end["not_exported"]
    whole = json.dumps(list(export.records()))
    assert not re.search(rf"\b(?:{re.escape(MAILS['bob'])}|bob|may read)\b", whole)
    assert repr(export) == "UserExport(...)"
    as_stored = json.dumps(records(export_user("alice", [place.target], reveal=False), "item"))
    assert MAILS["alice"] not in as_stored


class Page(HTMLParser):
    """The text of a page, and whatever it would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.loads: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        names = {name for name, _ in attrs}
        if tag in {"script", "img", "link", "iframe", "b"} or names & {"src", "href", "onclick"}:
            self.loads.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_files(place: Place, tmp_path: Path) -> None:
    jsonl, document, page = (tmp_path / name for name in ("a.jsonl", "a.json", "a.html"))
    page.write_text("an older one")
    page.chmod(0o644)
    export = export_user("alice", [place.target, place.vault], not_covered=["the CRM of alice"])
    done = export.write(json_lines=jsonl, json=document, html=page)
    assert (done.complete, done.items) == (True, 4)
    assert "alice" not in str(done)
    assert "the CRM of (user)" in done.not_exported
    lines = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert json.loads(document.read_text()) == {"records": lines}
    assert [line["record"] for line in lines][:1] == ["export"]
    assert {stat.S_IMODE(f.stat().st_mode) for f in (jsonl, document, page)} == {0o600}
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "a.html",
        "a.json",
        "a.jsonl",
    ]
    shown = Page(page.read_text())
    assert not shown.loads
    assert not shown.open
    assert f"From {MAILS['alice']} to {BOTH}" in shown.text
    assert "alice has <b>no</b> mail" in shown.text
    assert "the CRM of alice" in shown.text
    # A word of its own: made-up words of pseudonyms may have it in them.
    for word in (MAILS["bob"], "bob", "may read"):
        assert not re.search(rf"\b{re.escape(word)}\b", page.read_text() + jsonl.read_text())


def test_values_that_hold_quotes_leave_json_within_metadata_whole(vault: Vault) -> None:
    place = Place("langchain", vault, Path())
    name = 'Jane "JR" <i>Roe</i>'
    [id] = place.write("alice", {"1": f"this is {name}"}, known={"PERSON": [name]})
    token = place.read()[id][0].removeprefix("this is ")
    node = json.dumps({"text": token, "deep": [{token: 1}]})
    place.put([("alice:n", "x", {"user_id": "alice", "_node_content": node, "l": [token, None]})])
    items = {i["id"]: i for i in records(export_user("alice", [place.target, vault]), "item")}
    assert items[id]["text"] == f"this is {name}"
    metadata = items["alice:n"]["metadata"]
    assert json.loads(metadata["_node_content"]) == {"text": name, "deep": [{name: 1}]}
    assert metadata["l"] == [name, None]


@pytest.mark.parametrize("random", ["keyed", "random"])
def test_surrogates_are_put_back_too(vault: Vault, random: str) -> None:
    policy = Policy(operators={"DEFAULT": "surrogate"}, pseudonyms=random)
    place = Place("langchain", vault, Path(), Scrubber(policy, vault=vault))
    place.write("alice", {"1": f"From {MAILS['alice']}."})
    assert MAILS["alice"] not in repr(place.read())
    [item] = records(export_user("alice", [place.target, vault]), "item")
    assert item["text"] == f"From {MAILS['alice']}."


def test_another_users_pseudonym_stays_one(vault: Vault) -> None:
    place = Place("langchain", vault, Path())
    token = place.scrubber.scrub(MAILS["bob"], user_id="bob").text
    place.put([("alice:1", f"pasted {token}", {"user_id": "alice"})])
    [item] = records(export_user("alice", [place.target, vault]), "item")
    assert item["text"] == f"pasted {token}"


class Listing:
    """A target whose items are what a function gives.

    Args:
        items: Gives them.
        count: What it says there are.
        tags: How items name their user.
    """

    kind = "listing"
    capabilities = Capabilities(export=True)

    def __init__(self, items: Any, count: int, tags: TenantTags | None = None) -> None:
        self.name = "listing"
        self._items = items
        self._count = count
        if tags is not None:
            self.tags = tags

    def count(self, user_id: str) -> int:
        return self._count

    def items(self, user_id: str) -> Iterator[StoredItem]:
        return iter(self._items())

    def delete(self, user_id: str) -> None:
        raise AssertionError

    def traces(self, user_id: str) -> Traces:
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        return {}

    reclaim = delete


def test_a_store_that_ignores_its_filter_hands_out_nobody_else(vault: Vault) -> None:
    def everybody() -> list[StoredItem]:
        users = ["alice", "bob", "ALICE", None, "alice2", 7, "alice"]
        return [StoredItem(str(n), f"of {u}", {"user_id": u}) for n, u in enumerate(users)]

    export = export_user("alice", [Listing(everybody, 7, TenantTags()), vault])
    assert [i["id"] for i in records(export, "item")] == ["0", "6"]
    [listing, _] = records(export, "target")
    assert not listing["complete"]
    assert "5 items that bore another user's tag were left out" in listing["note"]
    [end] = records(export, "end")
    assert end["not_exported"][0].startswith("listing: 5 items")


def test_what_cannot_be_exported_is_named(vault: Vault, tmp_path: Path) -> None:
    def breaks() -> Iterator[StoredItem]:
        for n in range(150):
            yield StoredItem(str(n), "text", {})
        raise OSError("the disk of jane@example.org is full")

    rows = RowsTarget(tmp_path / "rows")
    listing = Listing(breaks, 300)
    few = Listing(lambda: [StoredItem("1", "text")], 3)
    few.name = "few"
    export = ErasureService(
        [rows, listing, few, vault], retry=NO_RETRY, not_covered=["the CRM"]
    ).export_user("alice")
    told = {t["target"]: t for t in records(export, "target")}
    assert told["rows"]["note"] == "it cannot list what it holds"
    assert (told["listing"]["items"], told["listing"]["error"]) == (150, "builtins.OSError")
    assert told["few"]["note"] == "fewer items were listed than there are: 1 of 3"
    assert told["vault"]["complete"]
    [end] = records(export, "end")
    assert not end["complete"]
    assert {"rows", "listing", "few"} == {
        text.split(":")[0] for text in end["not_exported"] if text.split(":")[0] in told
    }
    assert "the CRM" in end["not_exported"]
    assert "jane" not in json.dumps(list(export.records()))
    done = export.write(html=tmp_path / "a.html")
    assert not done.complete
    assert "export incomplete: 151 items" in str(done)
    assert "builtins.OSError" in (tmp_path / "a.html").read_text()


def test_model_calls_that_wait_and_erasures_are_told(vault: Vault) -> None:
    place = Place("langchain", vault, Path())
    place.write("alice", {"1": MAILS["alice"]})
    session = Redactor().session()
    session.redact(MAILS["alice"])
    vault.sessions.put(session.mapping, user_id="alice", session_id="s")
    [end] = records(export_user("alice", [place.target, vault]), "end")
    assert any("1 model calls" in text for text in end["not_exported"])
    service = ErasureService([place.target, vault])
    service.delete_user("alice")
    export = service.export_user("alice")
    [item] = records(export, "item")
    assert (item["target"], item["metadata"]["status"]) == ("journal", "complete")
    assert not records(export, "value")


def test_a_vault_under_another_key_is_told(tmp_path: Path) -> None:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    place = Place("langchain", vault, tmp_path)
    place.write("alice", {"1": MAILS["alice"]})
    user = vault.open("alice")
    assert user is not None
    # As after a restore of an entry from another time.
    with vault.backend._transaction() as db:  # type: ignore[attr-defined]
        db.execute("UPDATE users SET wrapped_key = zeroblob(60)")
    export = export_user("alice", [place.target, vault])
    [item] = records(export, "item")
    assert MAILS["alice"] not in item["text"]
    told = {t["target"]: t for t in records(export, "target")}
    assert told["vault"]["error"] == "piirag.errors.VaultKeyError"
    [end] = records(export, "end")
    assert not end["complete"]


@pytest.mark.parametrize("user_id", [None, "", " ", 7, {"$ne": ""}])
def test_no_user_id(vault: Vault, user_id: Any) -> None:
    with pytest.raises(InvalidUserIdError):
        export_user(user_id, [vault])


def test_a_user_id_that_a_store_cannot_hold_leaves_no_file(place: Place, tmp_path: Path) -> None:
    export = export_user("jane@example.org", [place.target, place.vault])
    with pytest.raises(InvalidUserIdError):
        export.write(json=tmp_path / "a.json")
    assert not [p for p in tmp_path.iterdir() if p.is_file()]


def test_files_that_cannot_be_written(vault: Vault, tmp_path: Path) -> None:
    export = export_user("alice", [vault])
    with pytest.raises(ConfigurationError):
        export.write()
    with pytest.raises(ConfigurationError):
        export.write(json=tmp_path / "a", html=tmp_path / "a")
    with pytest.raises(ErasureError) as caught:
        export.write(json_lines=tmp_path / "a", html=tmp_path / "none" / "b")
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_flat(vault: Vault, tmp_path: Path) -> None:
    def many(count: int) -> Iterator[StoredItem]:
        for n in range(count):
            yield StoredItem(f"alice:{n}", f"{n} " * 200, {"user_id": "alice", "n": n})

    def peak(count: int) -> int:
        target = Listing(lambda: many(count), count, TenantTags())
        export = export_user("alice", [target, vault])
        tracemalloc.start()
        export.write(json_lines=tmp_path / "l", json=tmp_path / "j", html=tmp_path / "h")
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    little = peak(800)
    assert peak(8000) < 1.5 * little
    assert (tmp_path / "l").stat().st_size > 4_000_000


TEXTS = st.text(st.characters(codec=None), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(text=TEXTS, id=TEXTS, metadata=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_every_item_can_be_written(tmp_path: Path, text: str, id: str, metadata: Any) -> None:
    target = Listing(lambda: [StoredItem(id, text, metadata)], 1)
    export = export_user("alice", [target, MemoryVault()])
    paths = [tmp_path / name for name in ("l", "j", "h")]
    done = export.write(json_lines=paths[0], json=paths[1], html=paths[2])
    assert done.complete
    [line] = [
        record
        for record in map(json.loads, paths[0].read_bytes().decode().split("\n")[:-1])
        if record["record"] == "item"
    ]
    clean = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert line["text"] == clean
    assert line in json.loads(paths[1].read_bytes())["records"]
    page = Page(paths[2].read_bytes().decode())
    assert not page.loads
    assert not page.open


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    chunks=st.lists(
        st.tuples(st.sampled_from(["alice", "bob", "alice2"]), st.integers(0, 3)), max_size=10
    )
)
def test_every_chunk_of_the_user_and_none_of_another(chunks: Any) -> None:
    vault = MemoryVault()
    place = Place("langchain", vault, Path())
    written = {}
    for n, (user, mail) in enumerate(chunks):
        text = f"{user}: p{mail}@example.org"
        [id] = place.write(user, {str(n): text})
        written[id] = (user, text)
    for user in ("alice", "bob", "alice2"):
        items = records(export_user(user, [place.target, vault]), "item")
        own = {id: text for id, (of, text) in written.items() if of == user}
        assert {i["id"]: i["text"] for i in items} == own


def test_nothing_is_left_to_export_after_an_erasure(place: Place) -> None:
    targets = [place.target, place.vault]
    delete_user("alice", targets=targets)
    assert not records(export_user("alice", targets), "item")
    assert len(records(export_user("bob", targets), "item")) == 2
