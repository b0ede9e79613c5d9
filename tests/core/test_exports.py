"""What `piirag` exports, and that every error of the project is in one tree."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import piirag
from piirag import errors

INTEGRATIONS = ("langchain_piirag", "llama_index_piirag")
# PolicyError says where in a policy something is wrong, for the reader of policy files, and is
# meant to be caught as a ConfigurationError. The others never leave the module that reads YAML,
# and the one that reads regular expressions.
INTERNAL = {"PolicyError", "YamlProblem", "Unsupported", "Unusual", "_Failed"}


def _errors(module: object) -> set[str]:
    found = {
        name
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, BaseException)
    }
    return {name for name in found if not name.startswith("_")}


def test_every_error_is_exported_and_derives_from_the_root() -> None:
    defined = _errors(errors)
    assert set(errors.__all__) == defined
    for name in defined:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.PiiragError)
        assert getattr(piirag, name) is kind
        assert name in piirag.__all__


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert errors.__doc__ is not None
    tree = errors.__doc__.split("```")[1]
    for name in errors.__all__:
        assert name in tree.replace("(", " ").split(), name


def _classes(package: str) -> list[tuple[str, list[str]]]:
    """Names and bases of the classes of a package but for the tree, read and not run."""
    home = importlib.util.find_spec(package)
    assert home is not None and home.submodule_search_locations is not None
    found = []
    for path in Path(home.submodule_search_locations[0]).rglob("*.py"):
        if path == Path(errors.__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).split(".")[-1] for base in node.bases]
                found.append((node.name, bases))
    return found


@pytest.mark.parametrize("package", ["piirag", *INTEGRATIONS])
def test_no_error_stands_outside_of_the_tree(package: str) -> None:
    kinds = {"Exception", "BaseException", "ValueError", "RuntimeError", "TypeError"}
    parents = kinds | set(errors.__all__)
    assert _classes(package)
    for name, bases in _classes(package):
        if name.endswith(("Error", "Exception")) or set(bases) & parents:
            assert name in INTERNAL, f"{name} belongs in piirag.errors"


def test_every_error_in_any_module_of_the_core_is_the_one_that_is_exported() -> None:
    for module in pkgutil.walk_packages(piirag.__path__, "piirag."):
        if "_examples" in module.name or "__main__" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        for name in set(errors.__all__) & set(vars(loaded)):
            assert vars(loaded)[name] is getattr(errors, name), module.name


def test_every_export_is_there_and_listed_once() -> None:
    assert sorted(set(piirag.__all__)) == sorted(piirag.__all__)
    assert dir(piirag) == sorted(piirag.__all__)
    for name in piirag.__all__:
        assert getattr(piirag, name) is not None
    with pytest.raises(AttributeError):
        _ = piirag.Nothing
    assert set(piirag._HOME) | {"__version__"} == set(piirag.__all__)


def test_what_the_pages_call_public_is_exported() -> None:
    names = (
        "Detector Finding KnownValues default_detector Policy Redactor Redaction RedactionMapping "
        "RedactionSession Reply ReplyCounts ReplyStream StreamRehydrator Scrubber ScrubResult "
        "Vault MemoryVault SQLiteVault PostgresVault RedisVault MasterKey KeyRing KeyWrapper "
        "Rotation SessionVault TextGuard RetentionSweeper ErasureReceipt delete_user"
    ).split()
    assert set(names) <= set(piirag.__all__)


def test_static_readers_see_the_exports_too() -> None:
    """A type checker reads the imports under TYPE_CHECKING, and they say what is loaded."""
    tree = ast.parse(Path(piirag.__file__).read_text())
    [block] = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    read = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name: f"piirag.{home}" for name, home in piirag._HOME.items()} == read
