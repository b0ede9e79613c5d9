"""Import rules and invariant 10: no network of our own. Threat L16."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import piirag

CORE = Path(piirag.__file__).parent
FRAMEWORKS = {"langchain", "langchain_core", "langchain_chroma", "langgraph", "llama_index"}
OPTIONAL = {"chromadb", "qdrant_client", "lancedb", "faiss", "redis", "psycopg", "torch", "ray"}
HEAVY = {"spacy", "presidio_analyzer", "chromadb", "faker", "numpy", "typer", "rich"} | FRAMEWORKS


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _loaded_by(statement: str) -> set[str]:
    listing = "print(json.dumps([m.split('.')[0] for m in sys.modules]))"
    return set(json.loads(_python(f"import sys, json\n{statement}\n{listing}").splitlines()[-1]))


def test_import_piirag_loads_nothing_heavy() -> None:
    assert not _loaded_by("import piirag") & HEAVY


def test_the_core_in_full_loads_no_framework_and_no_store() -> None:
    statement = """
import importlib, pkgutil, piirag
for module in pkgutil.walk_packages(piirag.__path__, "piirag."):
    if "_examples" not in module.name and "__main__" not in module.name:
        importlib.import_module(module.name)
for name in piirag.__all__:
    getattr(piirag, name)
"""
    assert not _loaded_by(statement) & (FRAMEWORKS | OPTIONAL)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found


def _sources(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*.py") if "_examples" not in p.parts]


def test_no_module_of_the_core_names_a_framework() -> None:
    sources = _sources(CORE)
    assert len(sources) > 30
    for path in sources:
        assert not _imports(path) & (FRAMEWORKS | {"langchain_piirag", "llama_index_piirag"}), path


@pytest.mark.parametrize(
    ("package", "other"),
    [
        ("langchain_piirag", {"llama_index", "llama_index_piirag"}),
        ("llama_index_piirag", {"langchain", "langchain_core", "langchain_piirag"}),
    ],
)
def test_the_adapters_never_import_each_other(package: str, other: set[str]) -> None:
    module = pytest.importorskip(package)
    sources = _sources(Path(module.__file__).parent)
    assert sources
    for path in sources:
        assert not _imports(path) & other, path


@pytest.mark.parametrize(
    ("package", "framework", "extra"),
    [
        ("langchain_piirag", "langchain_core", "langchain"),
        ("llama_index_piirag", "llama_index", "llama-index"),
    ],
)
def test_a_missing_framework_names_the_extra(package: str, framework: str, extra: str) -> None:
    code = f"""
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda n: None if n.split(".")[0] == {framework!r} else real(n)
try:
    import {package}
except ImportError as error:
    print(type(error).__name__, error)
"""
    out = _python(code)
    assert "MissingDependencyError" in out
    assert f"piirag[{extra}]" in out


def test_invariant_10_L16_import_and_use_open_no_socket() -> None:
    """Presidio's own e-mail recogniser fetches a public-suffix list on first use."""
    code = """
import socket
def refuse(*a, **k):
    raise SystemExit("a socket was opened")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
socket.create_connection = refuse
import tempfile, os
os.environ["HOME"] = tempfile.mkdtemp()
os.environ["XDG_CACHE_HOME"] = os.environ["HOME"]
from piirag import Redactor, Scrubber
redaction = Redactor().redact("mail jane@example.co.uk or x@nonsense.invalidtld, +1 415-555-2671")
print(redaction.text)
print(Scrubber().scrub("jane@example.com", user_id="u").text)
print(os.listdir(os.environ["HOME"]))
"""
    lines = _python(code).splitlines()
    assert lines[0].startswith("mail [EMAIL_ADDRESS_1] or ")
    assert lines[-1] == "[]"


def test_the_installed_package_is_the_wheel_in_continuous_integration() -> None:
    if not os.environ.get("PIIRAG_CI"):
        pytest.skip("only continuous integration tests the wheel")
    assert "site-packages" in str(CORE)
