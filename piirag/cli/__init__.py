"""The `piirag` command."""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from piirag import __version__
from piirag.errors import ConfigurationError, MissingDependencyError, PiiragError

# What the demo needs beyond the core, and the extras that bring it.
_DEMO_NEEDS = frozenset(
    {"chromadb", "langchain_chroma", "langchain_core", "langchain_text_splitters", "langsmith"}
)
_DEMO_EXTRAS = "langchain,chroma"

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Retrieval-augmented generation that is safe with personal data.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"piirag {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
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
    _load_demo().run(Console(), folder=folder, documents=documents, users=users)


def _load_demo() -> Any:
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


def main() -> None:
    """Run the command line; an error of piirag ends it with one line and exit code 1."""
    try:
        app(prog_name="piirag")
    except PiiragError as error:
        print(f"piirag: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
