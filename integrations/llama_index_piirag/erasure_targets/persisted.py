"""Files that LlamaIndex's simple stores are persisted to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from piirag.erasure import Capabilities
from piirag.errors import ErasureError


class Persisted:
    """A store and the file it was persisted to: both hold the user, and one may hold more.

    Args:
        store: The store in memory.
        path: The file; None where there is none.
        load: Makes a store of the same kind from a file.
    """

    def __init__(self, store: Any, path: str | Path | None, load: Callable[[str], Any]) -> None:
        self.store = store
        self.path = None if path is None else Path(path)
        self._load = load

    def all(self) -> list[Any]:
        """The store in memory, and the one in the file if it is there."""
        saved = self._saved()
        return [self.store] if saved is None else [self.store, saved]

    @contextmanager
    def changed(self) -> Iterator[list[Any]]:
        """As `all`; afterwards the file is replaced by what has become of its store.

        What was in the file and not in memory stays in the file, and the other way round.

        Raises:
            FileNotFoundError: The folder of the file is not there: nobody can know what was in it.
        """
        if self.path is not None and not self.path.parent.exists():
            raise FileNotFoundError
        saved = self._saved()
        yield [self.store] if saved is None else [self.store, saved]
        if saved is not None and self.path is not None:
            _replace(self.path, saved.persist)

    def files(self) -> list[Path]:
        """The file, if it is there."""
        return [self.path] if self.path is not None and self.path.exists() else []

    def capabilities(self, in_memory: type, not_persisted: str, elsewhere: str) -> Capabilities:
        """What a target over this can do; all, where the file is known.

        Args:
            in_memory: The class of LlamaIndex's own store in memory.
            not_persisted: Why not, where it is one of these.
            elsewhere: Why not, where it is another.
        """
        known = self.path is not None
        why_not = not_persisted if isinstance(self.store, in_memory) else elsewhere
        return Capabilities(
            reclaim=known,
            scan=known,
            why_not="" if known else why_not,
            delete_by="ids",
            export=True,
        )

    def _saved(self) -> Any:
        found = self.path is not None and self.path.exists()
        return self._load(str(self.path)) if found else None


class OfFile:
    """What targets over a `Persisted` have in common: what there is to say of its file."""

    _both: Persisted

    def files(self) -> list[Path]:
        """The file, if it is there."""
        return self._both.files()

    def reclaim(self, user_id: str) -> None:
        """Nothing is left to do: the file was written anew.

        Raises:
            ErasureError: There is no file that could have been.
        """
        if self._both.path is None:
            raise ErasureError("this store has no file within reach")


def _replace(path: Path, write: Callable[[str], None]) -> None:
    """Write a file anew beside the old one, then replace it: never half a file."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        write(name)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode & 0o777)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
