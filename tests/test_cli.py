"""The `piirag` command, but for the demo itself and for erasures (tests/erasure/test_cli.py)."""

import subprocess
import sys

import pytest

import piirag
from piirag import cli
from piirag.cli import demo
from piirag.errors import PiiragError


def run(*arguments):
    command = [sys.executable, "-P", "-m", "piirag.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def loaded_after(statement):
    script = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in out.stdout.split()}


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"piirag {piirag.__version__}\n")


def test_without_a_command_it_shows_help():
    done = run()
    assert "demo" in done.stdout + done.stderr
    for name in ("delete-user", "resume-erasures", "verify-erasure", "verify-receipt"):
        assert name in done.stdout + done.stderr


def test_help_of_the_demo_names_the_extras():
    # Markup would swallow what stands in brackets.
    assert "pip install 'piirag[langchain,chroma]'" in run("demo", "--help").stdout


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["demo", "--users", "1"], ["demo", "--documents", "0"]]
)
def test_wrong_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_package_does_not_load_the_command_line():
    assert not {"typer", "rich"} & loaded_after("import piirag")


def test_the_command_line_loads_no_framework():
    loaded = loaded_after("import piirag.cli")
    assert not {"langchain_core", "llama_index", "chromadb", "spacy", "presidio_analyzer"} & loaded
    assert not {"psycopg", "redis", "cryptography"} & loaded, "what --help needs is little"


def test_an_error_is_one_line_and_exit_code_1(monkeypatch, capsys):
    def fail():
        raise PiiragError("first line\nsecond line")

    monkeypatch.setattr(sys.modules[demo.__module__], "load_demo", fail)
    monkeypatch.setattr(sys, "argv", ["piirag", "demo"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "piirag: first line second line\n"


@pytest.mark.parametrize(
    "missing", ["langchain_core", "langchain_chroma", "langchain_text_splitters", "chromadb"]
)
def test_a_missing_library_is_named_with_the_extra_to_install(missing):
    script = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['piirag', 'demo']; "
        "from piirag.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"piirag: {missing.replace('_', '-')} is not installed; "
        "install it with: pip install 'piirag[langchain,chroma]'\n"
    )
