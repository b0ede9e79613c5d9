"""A folder to work in, something to ask about, and a search through bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crm_corpus import Record
from piirag.errors import ConfigurationError

# Chroma's files, the vault, and the key that opens it: in real life on three different machines.
PARTS = ("chroma", "vault", "key")
_MARK = "PIIRAG-DEMO.txt"
# Shorter values turn up by chance in binary files.
_SHORTEST = 6


@contextmanager
def workspace(folder: Path | None) -> Iterator[Path]:
    """An empty folder with an empty folder for each of `PARTS` in it.

    Args:
        folder: Where; what an earlier demo left there is removed first. If None, a temporary
            folder, which is removed in the end.

    Raises:
        ConfigurationError: The folder holds anything else, or cannot be written.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="piirag-demo-") as made:
            yield _laid_out(Path(made))
        return
    problem = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            problem = "it holds something else; name an empty folder or a new one"
        else:
            (folder / _MARK).write_text("Made by the piirag demo, which starts by emptying it.\n")
            for part in PARTS:
                if (folder / part).exists():
                    shutil.rmtree(folder / part)
            _laid_out(folder)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise ConfigurationError(f"cannot use the folder {folder}: {problem}")
    yield folder


def _laid_out(folder: Path) -> Path:
    for part in PARTS:
        (folder / part).mkdir(mode=0o700)
    return folder


def choose(records: Sequence[Record]) -> tuple[Record, str]:
    """Choose what to ask about.

    Args:
        records: The corpus.

    Returns:
        A note or ticket full of personal data, and a user who has nothing like it.

    Raises:
        ConfigurationError: The corpus is too small.
    """
    notes = [record for record in records if record.kind in {"note", "ticket"}]
    # Best is one whose id, a file name, holds a name too.
    notes.sort(key=lambda r: (not r.doc_id.endswith(".pdf"), -len({kind for kind, _ in r.planted})))
    for record in notes:
        product = str(record.metadata["product"])
        has_it = {other.user_id for other in records if product in other.text}
        strangers = sorted({other.user_id for other in records} - has_it)
        if strangers:
            topic = record.metadata["topic"]
            alike = Counter(r.user_id for r in records if r.metadata["topic"] == topic)
            return record, min(strangers, key=lambda user_id: alike[user_id])
    raise ConfigurationError("too small a corpus: take more documents, and at least two users")


def planted_values(records: Iterable[Record]) -> set[str]:
    """Every personal value of the corpus that is long enough to be looked for."""
    return {value for record in records for _, value in record.planted if len(value) >= _SHORTEST}


def found_in_files(folder: Path, values: Iterable[str]) -> set[str]:
    """Which of the values stand in the bytes of any file below a folder."""
    wanted = [(value, value.encode()) for value in values]
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {value for value, data in wanted if any(data in content for content in contents)}
