"""`piirag demo`: a walk through the main job."""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from piirag.errors import ConfigurationError, MissingDependencyError

# What the demo needs beyond the core, and the extras that bring it.
_DEMO_NEEDS = frozenset(
    {"chromadb", "langchain_chroma", "langchain_core", "langchain_text_splitters", "langsmith"}
)
_DEMO_EXTRAS = "langchain,chroma"


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to work, and what to keep. A temporary folder if left out."),
    ] = None,
    documents: Annotated[int, typer.Option(min=1, help="How many documents to make.")] = 300,
    users: Annotated[int, typer.Option(min=2, help="How many users they belong to.")] = 20,
) -> None:
    """Walk through the main job: ingest, ask, ask as another user, erase.

    Needs LangChain and Chroma: pip install 'piirag[langchain,chroma]'. The model is a local
    stand-in, unless OPENAI_BASE_URL, OPENAI_API_KEY or OLLAMA_HOST is set.
    """
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        # The corpus has names in many alphabets; not every terminal can show them.
        sys.stdout.reconfigure(errors="replace")
    load_demo().run(Console(), folder=folder, documents=documents, users=users)


def load_demo() -> Any:
    """Import the demo from the examples, which lie in the wheel or beside the source.

    Raises:
        MissingDependencyError: LangChain or Chroma is not installed.
        ConfigurationError: The examples are not there.
    """
    package = Path(__file__).resolve().parent.parent
    places = (package / "_examples", package.parent / "examples")
    folder = next((place for place in places if (place / "demo.py").is_file()), None)
    if folder is None:
        raise ConfigurationError("the examples are not installed with this piirag")
    sys.path.insert(0, str(folder))
    missing = ""
    try:
        return importlib.import_module("demo")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _DEMO_NEEDS:
            raise
    raise MissingDependencyError(missing.replace("_", "-"), _DEMO_EXTRAS)
