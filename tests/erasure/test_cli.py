"""`piirag delete-user`, `resume-erasures`, `verify-erasure`, `verify-receipt`, `suppression`."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from piirag import MasterKey, SQLiteVault
from piirag.cli import app
from piirag.config_stores import StoresConfig, UnreachableTarget
from piirag.erasure import ErasureTarget
from piirag.errors import ConfigurationError
from support.erasure import RowsTarget

GONE = "alice_the_erased"
RUN = CliRunner()


class Place:
    """A folder with a vault, a store that a function of a module opens, and a `piirag.toml`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        key = MasterKey.generate()
        key.to_file(folder / "master.key")
        self.vault = SQLiteVault(folder / "vault.db", key)
        self.rows = RowsTarget(folder / "rows")
        self.toml = folder / "piirag.toml"
        self.write('[[stores]]\nkind = "python"\ntarget = "our_store:targets"\n')
        for user in (GONE, "bob"):
            self.vault.open(user).put([("t", {"v": user}, False)])
            self.rows.fill(user)

    def write(self, stores: str, erasure: str = 'signing_key = "signing.key"\n') -> None:
        self.toml.write_text(
            f'[vault]\npath = "vault.db"\nkey_file = "master.key"\n[erasure]\n{erasure}{stores}'
        )

    def run(self, *arguments: str, stdin: str | None = None) -> Any:
        return RUN.invoke(app, [*arguments, "--config", str(self.toml)], input=stdin)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    module = type(sys)("our_store")
    module.targets = lambda: place.rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "our_store", module)
    return place


def test_a_user_is_erased_and_the_receipt_is_checked(place: Place) -> None:
    (place.folder / "receipts").mkdir()
    receipts = str(place.folder / "receipts")
    done = place.run("delete-user", GONE, "--physical", "--receipts", receipts)
    assert done.exit_code == 0, done.output
    assert "erasure complete: 6 items deleted" in done.output
    assert GONE not in done.output
    [file] = Path(receipts).glob("*.json")
    [page] = Path(receipts).glob("*.html")
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(page.stat().st_mode) == 0o600
    assert stat.S_IMODE((place.folder / "signing.key").stat().st_mode) == 0o600
    public = place.run("public-key").output.strip()
    checked = RUN.invoke(app, ["verify-receipt", str(file), "--public-key", public])
    assert checked.exit_code == 0
    assert "the signature is good" in checked.output
    (place.folder / "key.pem").write_text(place.run("public-key", "--pem").output)
    by_pem = ["verify-receipt", str(file), "--public-key", str(place.folder / "key.pem")]
    assert RUN.invoke(app, by_pem).exit_code == 0
    data = json.loads(file.read_text())
    data["targets"][0]["remaining"] = 1
    file.write_text(json.dumps(data))
    forged = RUN.invoke(app, ["verify-receipt", str(file), "--public-key", public])
    assert forged.exit_code == 1
    assert "good" not in forged.output
    again = place.run("delete-user", GONE, "--json")
    assert json.loads(again.stdout)["status"] == "complete"
    assert len(place.rows.read("bob")) == 5


def test_exit_codes(place: Place) -> None:
    assert place.run("delete-user", "nobody_at_all").exit_code == 4
    for wrong in (["delete-user"], ["delete-user", ""], ["delete-user", " x"]):
        done = place.run(*wrong)
        assert done.exit_code == 2, wrong
        assert "Traceback" not in done.output
    assert place.run("delete-user", GONE, "--users-from", "x").exit_code == 2
    assert place.run("resume-erasures").exit_code == 4
    for command in (["delete-user", GONE], ["verify-erasure", GONE], ["resume-erasures"]):
        none = [*command, "--config", str(place.folder / "none.toml")]
        assert RUN.invoke(app, none).exit_code == 2
    assert RUN.invoke(app, ["verify-receipt", "none", "--public-key", "x"]).exit_code == 2
    assert len(place.rows.read(GONE)) == 5


def test_E8_a_store_that_is_locked_makes_exit_code_3_and_resume_finishes(place: Place) -> None:
    lock = sqlite3.connect(place.rows.file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    done = place.run("delete-user", GONE)
    assert done.exit_code == 3
    assert "failed: sqlite3.OperationalError" in done.output
    assert place.run("verify-erasure", GONE).exit_code == 3
    assert place.run("resume-erasures").exit_code == 3
    lock.execute("ROLLBACK")
    assert place.run("resume-erasures").exit_code == 0
    found = place.run("verify-erasure", GONE, "--json")
    assert json.loads(found.stdout)["targets"][0]["found"] == 0


def test_E8_a_store_that_is_down_makes_exit_code_3(place: Place) -> None:
    pytest.importorskip("chromadb")
    both = '[[stores]]\nkind = "python"\ntarget = "our_store:targets"\n'
    # Nothing listens on port 1.
    down = '[[stores]]\nkind = "chroma"\nhost = "127.0.0.1"\nport = 1\ncollection = "crm"\n'
    place.write(both + down)
    done = place.run("delete-user", GONE)
    assert done.exit_code == 3
    assert "- rows: 5 of 5 deleted, verified absent" in done.output
    assert "- chroma:crm: 0 of None deleted, failed: " in done.output
    import chromadb

    client = chromadb.PersistentClient(str(place.folder / "chroma"))
    collection = client.create_collection("crm", embedding_function=None)
    collection.add(
        ids=["1", "2"],
        documents=["one", "two"],
        metadatas=[{"user_id": GONE}, {"user_id": "bob"}],
        embeddings=[[1.0, 2.0], [2.0, 1.0]],
    )
    place.write(both + '[[stores]]\nkind = "chroma"\npath = "chroma"\ncollection = "crm"\n')
    done = place.run("resume-erasures", "--json")
    assert done.exit_code == 0, done.output
    receipt = json.loads(done.stdout)
    assert [(t["name"], t["deleted"]) for t in receipt["targets"]] == [
        ("rows", 5),
        ("chroma:crm", 1),
        ("vault", 1),
    ]
    assert collection.get()["ids"] == ["2"]


def test_a_dry_run_changes_nothing(place: Place) -> None:
    done = place.run("delete-user", GONE, "--dry-run")
    assert done.exit_code == 0
    assert done.output == "user 1\n- rows: 5 items\n- vault: 1 items\n"
    assert place.run("delete-user", "nobody", "--dry-run").exit_code == 4
    assert len(place.rows.read(GONE)) == 5
    assert not place.vault.is_erased(GONE)


def test_ids_from_standard_input_and_from_a_file(place: Place) -> None:
    place.rows.fill("carol")
    done = place.run("delete-user", "-", stdin=f"{GONE}\n")
    assert done.exit_code == 0 and GONE not in done.output
    (place.folder / "users").write_text("carol\nnobody\n\ncarol\n")
    done = place.run("delete-user", "--users-from", str(place.folder / "users"), "--show-id")
    assert done.exit_code == 0
    assert "user carol\nerasure complete: 5 items deleted" in done.output
    assert "user nobody\nerasure nothing found" in done.output
    assert len(place.rows.read("bob")) == 5


def test_verify_erasure(place: Place) -> None:
    assert place.run("verify-erasure", "nobody_at_all").exit_code == 4
    assert place.run("verify-erasure", GONE).exit_code == 3
    place.run("delete-user", GONE, "--physical")
    done = place.run("verify-erasure", GONE)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("absent\n- rows: 0 items\n")
    assert "writes are refused" in done.output
    assert GONE not in done.output


def test_the_suppression_list(place: Place) -> None:
    place.run("delete-user", GONE)
    file = str(place.folder / "list")
    assert place.run("suppression", "export", file).output == "1 users\n"
    assert place.run("suppression", "reapply").exit_code == 4
    place.rows.fill(GONE)
    done = place.run("suppression", "reapply", "--import", file)
    assert done.exit_code == 0
    assert "1 erased again, 0 absent, 0 not looked for" in done.output
    assert not place.rows.read(GONE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml",
        "[vault]\n",
        "[vault]\npaht = 'v'\n",
        "[vault]\npath = 7\n",
        "[vault]\npath = 'mistyped.db'\nkey_file = 'master.key'\n",
        "[vault]\npath = 'vault.db'\nkey_env = 'NO_SUCH_VARIABLE'\n",
        "vault = 1\n",
        "[vault]\npath = 'vault.db'\n[[stores]]\n",
        "[vault]\npath = 'vault.db'\n[[stores]]\nkind = 'nosuch'\n",
        "[vault]\npath = 'vault.db'\n[[stores]]\nkind = 'chroma'\nwher = 'x'\n",
        "[vault]\npath = 'vault.db'\n[[stores]]\nkind = 'chroma'\nkeyed = 'yes'\n",
        "stores = 1\n[vault]\npath = 'vault.db'\n",
    ],
)
def test_a_configuration_that_is_wrong_deletes_nothing(place: Place, text: str) -> None:
    place.toml.write_text(text)
    done = place.run("delete-user", GONE)
    assert done.exit_code in (1, 2)
    if done.exit_code == 1:
        assert "VaultKeyError" in repr(done.exception)
    assert len(place.rows.read(GONE)) == 5
    assert not (place.folder / "mistyped.db").exists()


def test_a_configuration_of_a_function_that_is_not_there(place: Place) -> None:
    place.write('[[stores]]\nkind = "python"\ntarget = "no_such_module:targets"\nname = "mine"\n')
    [target] = StoresConfig.from_file(place.toml).open_targets(place.vault)
    assert isinstance(target, UnreachableTarget)
    assert isinstance(target, ErasureTarget)
    assert target.name == "mine"
    place.write('[[stores]]\nkind = "python"\ntarget = "no_colon"\n')
    with pytest.raises(ConfigurationError, match="module:function"):
        StoresConfig.from_file(place.toml).open_targets(place.vault)


def test_the_command_itself(place: Place) -> None:
    command = [sys.executable, "-P", "-m", "piirag.cli", "verify-erasure", "nobody_at_all"]
    place.write("")
    done = subprocess.run(
        [*command, "--config", str(place.toml)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr == ""


def test_files_are_written_as_utf_8_whatever_the_locale_is(tmp_path: Path) -> None:
    code = "import sys, pathlib; from piirag.cli.common import write_file; "
    code += "write_file(pathlib.Path(sys.argv[1]), chr(0x17c))"
    for locale in ("C", "C.UTF-8"):
        file = tmp_path / f"{locale}.html"
        subprocess.run(
            [sys.executable, "-c", code, str(file)],
            env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0"},
            check=True,
            timeout=120,
        )
        assert file.read_bytes() == "\u017c".encode()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 2


def test_a_port_that_is_no_number_is_a_mistake_not_a_store_that_is_down(place: Place) -> None:
    pytest.importorskip("chromadb")
    place.write('[[stores]]\nkind = "chroma"\nhost = "localhost"\nport = "x"\ncollection = "crm"\n')
    done = place.run("delete-user", GONE)
    assert done.exit_code == 2, done.output
    assert "port" in done.output
    assert place.rows.read(GONE)
