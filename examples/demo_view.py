"""What the demo looks like: panels, tables and a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from piirag import ErasureReceipt
from piirag.erasure import Residue

_TOKEN = r"\[[A-Z][^\[\]\n]*\]"
_TOKEN_STYLE = "bold green"
_VALUE_STYLE = "bold red"
# The local stand-in answers at once; at this pace, one can watch the answer come. Seconds.
_PAUSE = 0.02
_CAME, _STORED = "The document that came in", "The chunk that was stored"
_SENT, _ANSWER = "What was sent to the model", "What the user got, streamed"
# From this width on, all four texts stand beside each other.
_FOUR_COLUMNS = 150
_SHOWN_METADATA = ("customer", "email", "phone", "source")


def opening(console: Console, documents: int, users: int, uses: Mapping[str, str]) -> None:
    """What is going to happen, and with what."""
    console.print(Text("piirag demo", style="bold"))
    about = f"{documents} CRM documents of {users} users, full of invented personal data, "
    console.print(Text(f"{about}go into one Chroma collection."))
    console.print()
    parts = {
        "  chroma": "the store",
        "  vault": "the vault: which pseudonym stands for which value, encrypted",
        "  key": "the vault's master key; in real life, keep it on another machine",
    }
    facts(console, {**uses, **parts})
    console.print()


@contextmanager
def progress(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; yields a function that moves it on."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def heading(console: Console, title: str) -> None:
    """The title of a step."""
    console.print()
    console.print(Text(title, style="bold cyan"))
    console.print()


def document(text: str, id: str | None, metadata: Mapping[str, Any]) -> str:
    """A document or chunk as text, with its id and the metadata that hold personal data."""
    lines = [f"{key}: {metadata[key]}" for key in _SHOWN_METADATA if key in metadata]
    return "\n".join([text, "", f"id: {id}", *lines])


def journey(
    console: Console,
    came: str,
    stored: str,
    sent: Callable[[], str],
    answer: Iterator[str],
    values: Collection[str],
) -> str:
    """Show side by side what became of a document on its way to the answer, as it comes.

    Args:
        console: Where.
        came: The document.
        stored: The chunk made of it.
        sent: Gives what left for the model; called once the answer has begun.
        answer: The pieces of the answer.
        values: Personal values, to be set off.

    Returns:
        The whole answer.
    """
    console.print(
        Text(
            "The store holds pseudonyms, always the same for the same person. The model gets "
            "placeholders, good for one call. Only the user sees the values again."
        )
    )
    if console.color_system:
        legend = "Personal data", "what stands in its place"
        console.print(Text.assemble((legend[0], _VALUE_STYLE), ", ", (legend[1], _TOKEN_STYLE)))
    before = {_CAME: came, _STORED: stored}
    if console.width < _FOUR_COLUMNS:
        console.print(_columns(before, values))
        before = {}
    text = ""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for piece in answer:
            text += piece
            now = {**before, _SENT: sent(), _ANSWER: text}
            live.update(_columns(now, values), refresh=True)
            time.sleep(_PAUSE if console.is_terminal else 0)
    # Once more in full: what is live is cut off at the height of the screen.
    now = {**before, _SENT: sent(), _ANSWER: text}
    console.print(_columns(now, values))
    return text


def facts(console: Console, rows: Mapping[str, str], values: Collection[str] = ()) -> None:
    """Names and values below each other."""
    table = Table.grid(padding=(0, 2))
    table.add_column(ratio=2)
    table.add_column(ratio=5)
    for name, value in rows.items():
        table.add_row(Text(name), _marked(value, values))
    console.print(table)


def receipt(console: Console, receipt: ErasureReceipt) -> None:
    """An erasure receipt as a table, with its small print."""
    table = Table(box=box.ROUNDED, expand=True, header_style="bold")
    table.add_column("Erased from")
    for name in ("Found", "Deleted", "Left"):
        table.add_column(name, justify="right")
    table.add_column("Still in the bytes of its files", ratio=1)
    for target in receipt.targets:
        counts = [_number(n) for n in (target.found, target.deleted, target.remaining)]
        table.add_row(target.name, *counts, _residue(target.residue))
    console.print(table)
    console.print(Text(f"Erasure: {receipt.status}.", style="bold"))
    console.print(
        Text("What is still in the bytes is scrubbed: pseudonyms, whose key is destroyed.")
    )
    notes = [f"{target.name}: {target.note}." for target in receipt.targets if target.note]
    for note in [*notes, f"Not reached: {'; '.join(receipt.not_covered)}."]:
        console.print(Text(note, style="dim"))
    console.print()


def _residue(residue: Residue | None) -> str:
    """What is left in the files, in words, a line for each file."""
    if residue is None:
        return "not searched, see below"
    lines = [
        f"{file}: {', '.join(_counted(count, kind) for kind, count in sorted(kinds.items()))}"
        for file, kinds in residue.items()
    ]
    return "\n".join(lines) or "nothing"


def _counted(count: int, kinds: str) -> str:
    return f"{count} {kinds[:-1] if count == 1 else kinds}"


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


def _columns(texts: Mapping[str, str], values: Collection[str]) -> Table:
    table = Table(box=box.ROUNDED, expand=True, header_style="bold")
    for title in texts:
        table.add_column(title, ratio=1)
    table.add_row(*(_marked(text, values) for text in texts.values()))
    return table


def _marked(text: str, values: Collection[str]) -> Text:
    """A text with its tokens and the personal values in it set off.

    Always a `Text`: in a string, rich would take what stands in brackets for markup.
    """
    marked = Text(text, overflow="fold")
    marked.highlight_regex(_TOKEN, _TOKEN_STYLE)
    marked.highlight_words(sorted(values, key=len, reverse=True), _VALUE_STYLE)
    return marked
