"""The demo, run as a user runs it."""

import os
import subprocess
import sys

import pytest
from rich.console import Console

import demo_model
import demo_view
from crm_corpus import generate, question_for
from demo_support import choose, found_in_files, planted_values, workspace
from piirag.errors import ConfigurationError
from support.canary import Canaries
from support.openai_server import OpenAIServer

DOCUMENTS, USERS = 40, 5
RECORDS = generate(documents=DOCUMENTS, users=USERS)
RECORD, STRANGER = choose(RECORDS)
PLANTED = Canaries(planted_values(RECORDS))
SETTINGS = (
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "OLLAMA_HOST",
    "PIIRAG_DEMO_MODEL",
    "PIIRAG_DEMO_MODEL_URL",
    "PIIRAG_DEMO_OLLAMA_MODEL",
)
CAME, STORED = "The document that came in", "The chunk that was stored"
SENT, ANSWER = "What was sent to the model", "What the user got, streamed"


def run_demo(*arguments, columns=2000, **env):
    """Run the demo; on a screen so wide that no value is broken over two lines."""
    inherited = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    size = ("--documents", str(DOCUMENTS), "--users", str(USERS))
    return subprocess.run(
        [sys.executable, "-P", "-m", "piirag.cli", "demo", *size, *map(str, arguments)],
        capture_output=True,
        env={**inherited, "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8", **env},
        encoding="utf-8",
        timeout=120,
    )


def panels(output):
    """Title -> text of the four columns."""
    rows = [line.strip("│").split("│") for line in output.splitlines() if line.startswith("│")]
    columns = list(zip(*(row for row in rows if len(row) == 4), strict=True))
    return {column[0].strip(): "\n".join(cell.strip() for cell in column[1:]) for column in columns}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two runs into one folder."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    return folder, [run_demo("--folder", folder) for _ in range(2)]


@pytest.mark.parametrize("turn", [0, 1])
def test_the_demo_runs_and_runs_again(done, turn):
    run = done[1][turn]
    assert (run.returncode, run.stderr) == (0, "")
    shown = panels(run.stdout)
    assert list(shown) == [CAME, STORED, SENT, ANSWER]
    assert RECORD.text.splitlines()[0] in shown[CAME]
    assert RECORD.doc_id in shown[CAME]
    for title in (STORED, SENT):
        assert RECORD.answer in shown[title]
        assert PLANTED.scan_text(shown[title]) == []
    assert "[PERSON_1]" in shown[SENT]
    assert RECORD.customers[0] in shown[ANSWER]
    assert RECORD.answer in shown[ANSWER]


def test_another_user_finds_nothing(done):
    out = done[1][0].stdout
    part = out[out.index(f"2. {STRANGER} asks the same") : out.index("\n3. ")]
    assert f"Chunks of {RECORD.user_id} found" in part
    assert " 0 of " in part
    assert "I cannot find that in the context." in part
    assert RECORD.answer not in part
    assert PLANTED.scan_text(part) == []


def test_the_receipt_says_what_is_gone_and_what_is_not(done):
    out = done[1][0].stdout
    part = out[out.index(f"3. {RECORD.user_id} is erased") : out.index("\n4. ")]
    assert "Erasure: complete." in part
    assert "chroma.sqlite3: " in part
    assert "0 chunks found" in part
    assert "refused" in part


def test_planted_values_are_nowhere(done):
    folder, runs = done
    assert len(runs[0].stdout.split("Found again:")[1].split(" 0 found")) == 4
    assert PLANTED.scan_files(folder) == []
    assert (folder / "vault" / "vault.db").is_file()
    assert (folder / "chroma" / "chroma.sqlite3").is_file()


def test_it_says_what_it_uses_and_where(done):
    folder, runs = done
    assert "nothing is sent anywhere" in runs[0].stdout
    assert "Embeddings" in runs[0].stdout
    assert str(folder) in runs[0].stdout


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_screen_and_leaves_nothing_behind(tmp_path, columns):
    run = run_demo(columns=columns, TMPDIR=str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert max(map(len, run.stdout.splitlines())) <= columns
    assert "…" not in run.stdout
    assert all(title in run.stdout for title in (CAME, STORED, SENT, ANSWER))
    # A long temporary folder moves these words to the next line.
    assert "removed at the end" in " ".join(run.stdout.split())
    assert not list(tmp_path.glob("piirag-demo-*"))


def test_a_terminal_of_a_few_letters_will_do():
    run = run_demo(PYTHONIOENCODING="ascii")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("where", ["file", "file/below", "full"])
def test_a_folder_that_cannot_be_used(tmp_path, where):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    run = run_demo("--folder", tmp_path / where)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("piirag: cannot use the folder ")
    assert run.stderr.count("\n") == 1
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep me"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable(tmp_path):
    tmp_path.chmod(0o500)
    run = run_demo("--folder", tmp_path / "new")
    tmp_path.chmod(0o700)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1


def test_only_its_own_folders_are_emptied(tmp_path):
    with workspace(tmp_path):
        (tmp_path / "mine.txt").write_text("keep me")
        (tmp_path / "chroma" / "old").write_text("")
    with workspace(tmp_path):
        assert not list((tmp_path / "chroma").iterdir())
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_too_small_a_corpus(tmp_path):
    with pytest.raises(ConfigurationError, match="too small"):
        choose(RECORDS[:1])


def test_the_search_finds_what_is_there(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.bin").write_bytes(b"\0" + RECORD.customers[0].encode() + b"\0")
    assert found_in_files(tmp_path, planted_values(RECORDS)) >= {RECORD.customers[0]}


def test_the_answer_is_shown_as_it_comes():
    """Whatever has been yielded is on the screen before the next piece is asked for."""
    console = Console(force_terminal=True, width=100, height=50, record=True)
    screens = []

    def pieces():
        for piece in ("one ", "two ", "three"):
            screens.append(console.export_text(clear=False))
            yield piece

    answer = demo_view.journey(console, "came", "stored", lambda: "sent", pieces(), ())
    assert answer == "one two three"
    assert "one two" in screens[2]
    assert "three" not in screens[2]


# The model


@pytest.fixture
def no_settings(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_real_endpoint_gets_no_personal_data(tmp_path):
    with OpenAIServer() as server:
        run = run_demo(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="key-for-a-test")
        received = list(server.requests)
        port = server.url.split("/")[2]
    assert run.returncode == 0, run.stderr
    assert f"at {port}; prompts are sent there" in run.stdout
    assert len(received) == 2
    assert all(RECORD.answer.encode() in request.body for request in received[:1])
    for request in received:
        assert PLANTED.scan_bytes(request.wire) == []
    # The server says back what it was asked.
    assert question_for(RECORD) in panels(run.stdout)[ANSWER]


def test_an_endpoint_that_fails(tmp_path):
    with OpenAIServer() as server:
        server.fail_with(401)
        run = run_demo(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="key-for-a-test")
    assert run.returncode == 1
    assert run.stderr.startswith("piirag: the model call failed: ")
    assert run.stderr.count("\n") == 1
    assert PLANTED.scan_text(run.stderr) == []


def test_the_stand_in_is_the_default(no_settings):
    model, name = demo_model.choose_model()
    assert model._llm_type == "extractive"
    assert "nothing is sent" in name


def test_the_stand_in_can_be_demanded(no_settings):
    no_settings.setenv("OPENAI_API_KEY", "key-for-a-test")
    no_settings.setenv("OLLAMA_HOST", "127.0.0.1:1")
    no_settings.setenv("PIIRAG_DEMO_MODEL", "extractive")
    assert demo_model.choose_model()[0]._llm_type == "extractive"


def test_credentials_in_a_url_are_not_shown(no_settings):
    pytest.importorskip("langchain_openai")
    no_settings.setenv("PIIRAG_DEMO_MODEL_URL", "http://user:secret@127.0.0.1:1/v1")
    no_settings.setenv("PIIRAG_DEMO_MODEL", "some-model")
    model, name = demo_model.choose_model()
    assert name == "some-model at 127.0.0.1:1; prompts are sent there"
    assert model.model_name == "some-model"


def test_ollama(no_settings):
    pytest.importorskip("langchain_ollama")
    no_settings.setenv("PIIRAG_DEMO_OLLAMA_MODEL", "some-model")
    model, name = demo_model.choose_model()
    assert model.model == "some-model"
    assert name.startswith("some-model at ")


@pytest.mark.parametrize(
    ("variable", "package"),
    [("OPENAI_BASE_URL", "langchain_openai"), ("OLLAMA_HOST", "langchain_ollama")],
)
def test_a_missing_client_is_named(no_settings, variable, package):
    no_settings.setenv(variable, "http://127.0.0.1:1")
    no_settings.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=f"pip install {package.replace('_', '-')}"):
        demo_model.choose_model()
