"""`piirag find-subject`, `erase-subject` and `export-user`, over a Chroma on disk."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from piirag import MasterKey, SQLiteVault
from piirag.cli import app
from piirag.erasure import verify_receipt
from piirag.tenancy import SHARED
from support.subjects import Place

SOMEONE = "someone@example.org"
RUN = CliRunner()


class Crm:
    """A folder with a vault, a Chroma that two users and the shared space have chunks in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        key = MasterKey.generate()
        key.to_file(folder / "master.key")
        vault = SQLiteVault(folder / "vault.db", key)
        self.place = Place("chroma", vault, folder / "chroma")
        for user in ("alice_the_user", "bob_the_user"):
            self.place.write(user, {"1": f"To {SOMEONE} by {user}", "2": f"only {user}"})
        self.place.write(SHARED, {"faq": f"Ask {SOMEONE}"})
        self.toml = folder / "piirag.toml"
        self.toml.write_text(
            '[vault]\npath = "vault.db"\nkey_file = "master.key"\n'
            '[erasure]\nsigning_key = "signing.key"\n'
            '[[stores]]\nkind = "chroma"\npath = "chroma"\ncollection = "crm"\n'
        )

    def run(self, *arguments: str, stdin: str | None = None) -> Any:
        return RUN.invoke(app, [*arguments, "--config", str(self.toml)], input=stdin)

    def ids(self) -> set[str]:
        return set(self.place.read())


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    return Crm(tmp_path)


def test_a_person_is_found_reviewed_and_erased(crm: Crm) -> None:
    file = crm.folder / "preview.json"
    found = crm.run("find-subject", "-", "--save", str(file), stdin=f"{SOMEONE}\n")
    assert found.exit_code == 0, found.output
    assert "3 items mention the person, 1 to review" in found.output
    assert "- chroma:crm: 2 to erase, 1 to review (5 searched)" in found.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in (SOMEONE, "_the_user"):
        assert secret not in found.output + file.read_text()
    before = crm.ids()
    assert crm.run("erase-subject", SOMEONE).exit_code == 1
    assert crm.run("erase-subject", "other@example.org", "--preview", str(file)).exit_code == 2
    assert crm.ids() == before
    (crm.folder / "receipts").mkdir()
    folder = str(crm.folder / "receipts")
    done = crm.run("erase-subject", SOMEONE, "--preview", str(file), "--receipts", folder)
    assert done.exit_code == 3, done.output
    assert "chroma:crm: 2 of 3 deleted, failed: 1 still there" in done.output
    assert crm.ids() == {"alice_the_user:2", "bob_the_user:2", ".shared:faq"}
    data = json.loads(file.read_text())
    for entry in data["mentions"]:
        entry["decision"] = "erase"
    file.write_text(json.dumps(data))
    done = crm.run("erase-subject", SOMEONE, "--preview", str(file), "--rescrub", "--json")
    assert done.exit_code == 0, done.output
    assert crm.place.read()[".shared:faq"][0] == "Ask [EMAIL_ADDRESS]"
    public = crm.run("public-key").output.strip()
    assert verify_receipt(done.stdout, public).complete
    assert SOMEONE not in done.output
    assert crm.run("find-subject", SOMEONE).exit_code == 4
    assert crm.run("erase-subject", SOMEONE, "--yes").exit_code == 4


def test_users_that_may_be_searched(crm: Crm) -> None:
    users = crm.folder / "users"
    users.write_text("alice_the_user\n")
    found = crm.run("find-subject", SOMEONE, "--tenants-from", str(users), "--json", "--show-ids")
    assert [m["id"] for m in json.loads(found.stdout)["mentions"]] == ["alice_the_user:1"]
    shared = crm.run("find-subject", SOMEONE, "--tenants-from", str(users), "--shared", "--json")
    assert len(json.loads(shared.stdout)["mentions"]) == 2
    done = crm.run("erase-subject", SOMEONE, "--yes", "--tenants-from", str(users))
    assert done.exit_code == 0, done.output
    assert crm.ids() >= {"bob_the_user:1", ".shared:faq"}
    assert "alice_the_user:1" not in crm.ids()


def test_wrong_usage_of_find_and_erase(crm: Crm) -> None:
    before = crm.ids()
    for wrong in (
        ["find-subject"],
        ["find-subject", ""],
        ["find-subject", SOMEONE, "--values-from", "x"],
        ["find-subject", SOMEONE, "--shared"],
        ["find-subject", SOMEONE, "--tenants-from", "none"],
        ["erase-subject", SOMEONE, "--preview", "none"],
        ["erase-subject", SOMEONE, "--preview", str(crm.toml)],
        ["erase-subject", SOMEONE, "--preview", "x", "--yes"],
    ):
        done = crm.run(*wrong)
        assert done.exit_code == 2, (wrong, done.output)
        assert "Traceback" not in done.output
    assert crm.ids() == before


def test_a_store_that_is_down_is_told(crm: Crm) -> None:
    down = '[[stores]]\nkind = "chroma"\nhost = "127.0.0.1"\nport = 1\ncollection = "down"\n'
    crm.toml.write_text(crm.toml.read_text() + down)
    found = crm.run("find-subject", SOMEONE)
    assert found.exit_code == 3
    assert "- chroma:down: none (failed: " in found.output
    done = crm.run("export-user", "bob_the_user", "--jsonl", str(crm.folder / "bob.jsonl"))
    assert done.exit_code == 3
    assert "- chroma:down: 0 items (" in done.output


def test_export(crm: Crm) -> None:
    files = {form: crm.folder / f"alice.{form}" for form in ("jsonl", "json", "html")}
    options = [part for form, path in files.items() for part in (f"--{form}", str(path))]
    done = crm.run("export-user", "-", *options, stdin="alice_the_user\n")
    assert done.exit_code == 0, done.output
    assert "export complete: 3 items\n- chroma:crm: 2 items\n- vault: 1 items" in done.output
    assert "alice" not in done.output
    for file in files.values():
        assert f"To {SOMEONE} by alice_the_user" in file.read_text()
        assert "bob" not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stored = crm.run("export-user", "alice_the_user", "--json", str(files["json"]), "--as-stored")
    assert stored.exit_code == 0
    items = [r for r in json.loads(files["json"].read_text())["records"] if r["record"] == "item"]
    assert SOMEONE not in json.dumps(items)
    assert crm.run("export-user", "nobody_at_all", "--html", str(files["html"])).exit_code == 4
    assert crm.run("export-user", "alice_the_user").exit_code == 2
    assert crm.run("export-user", " ", "--html", str(files["html"])).exit_code == 2


def test_what_a_person_is_known_by_may_have_space_around_it_and_a_mark_before_it(crm: Crm) -> None:
    crm.place.store.add(
        ids=[f"mail of {SOMEONE}"],
        documents=[crm.place.read()["alice_the_user:1"][0]],
        metadatas=[{"user_id": "alice_the_user"}],
        embeddings=[[1.0, 2.0, 3.0]],
    )
    file = crm.folder / "values"
    file.write_bytes(b"\xef\xbb\xbf " + SOMEONE.encode() + b" \r\n")
    found = crm.run("find-subject", "--values-from", str(file), "--json", "--show-ids")
    assert found.exit_code == 0, found.output
    assert "mail of (user)" in found.stdout
    assert SOMEONE not in found.output


def test_input_that_is_no_text_is_told_in_one_line(crm: Crm) -> None:
    for command in (["export-user", "-", "--json", "x"], ["find-subject", "-"]):
        done = crm.run(*command, stdin=b"al\xffice\n")  # type: ignore[arg-type]
        assert done.exit_code == 2, done.output
        assert done.output.count("\n") == 1
