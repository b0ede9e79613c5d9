"""The files that a FAISS store is saved to: read without running them, replaced as a whole."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from piirag.erasure.target import StoredItem
from piirag.erasure.targets.llama_nodes import RELATED
from piirag.errors import ErasureError

_READY = ".piirag-save"
_PART = ".piirag-part-"


class _Inert:
    """Stands for whatever a pickle names: holds the state it is given and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        """Take an item of a list and forget it."""

    def __setitem__(self, key: Any, item: Any) -> None:
        """Take an item of a mapping and forget it."""


class _InertUnpickler(pickle.Unpickler):
    """Reads a pickle without importing or calling anything that it names."""

    def find_class(self, module: str, name: str) -> type[_Inert]:
        """The class that does nothing, whatever is asked for."""
        return _Inert

    def persistent_load(self, pid: Any) -> None:
        """Nothing."""


def read_pickle(path: Path) -> list[StoredItem]:
    """The documents in the pickle that LangChain's `save_local` writes.

    Raises:
        ErasureError: It is not as expected.
    """
    try:
        store, places = _InertUnpickler(io.BytesIO(path.read_bytes())).load()
        held = store.state["_dict"]
        return [_document(str(id), held.get(id)) for id in dict.fromkeys([*places.values(), *held])]
    except Exception:  # noqa: BLE001 - a pickle may fail in any way, and its message may quote
        raise ErasureError("the saved docstore of a FAISS store cannot be read") from None


def _document(id: str, document: Any) -> StoredItem:
    fields = {} if document is None else document.state["__dict__"]
    return StoredItem(id, fields.get("page_content"), dict(fields.get("metadata") or {}))


def read_docstore(path: Path) -> list[StoredItem]:
    """The nodes in the file that a LlamaIndex `SimpleDocumentStore` is persisted to.

    Raises:
        ErasureError: It is not as expected.
    """
    try:
        with path.open(encoding="utf-8") as file:
            data = json.load(file).get("docstore/data", {})
        return [_node(id, entry["__data__"]) for id, entry in data.items()]
    except Exception:  # noqa: BLE001 - the message of a JSON error quotes what it read
        raise ErasureError("the saved docstore of a FAISS store cannot be read") from None


def _node(id: str, fields: Any) -> StoredItem:
    text = fields.get("text") or (fields.get("text_resource") or {}).get("text")
    metadata = dict(fields.get("metadata") or {})
    related: dict[str, Any] = {}
    for kind, found in (fields.get("relationships") or {}).items():
        infos = found if isinstance(found, list) else [found]
        held = [dict(info.get("metadata") or {}) for info in infos]
        related.update({kind: held} if any(held) else ())
    return StoredItem(id, text, {**metadata, RELATED: related} if related else metadata)


def replace_files(folder: Path, write: Callable[[Path], None]) -> None:
    """Replace files of a folder by new ones; all of them, even if this is interrupted.

    Args:
        folder: Where they are.
        write: Writes the new ones, under the same names, to a folder that it is given.
    """
    part = Path(tempfile.mkdtemp(prefix=_PART, dir=folder))
    try:
        write(part)
        for path in part.iterdir():
            if (folder / path.name).exists():
                os.chmod(path, (folder / path.name).stat().st_mode & 0o777)
            _to_disk(path)
        os.rename(part, folder / _READY)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _put_in_place(folder)


def finish(folder: Path) -> bool:
    """Finish a replacement that was interrupted; return whether there was one to finish."""
    for part in folder.glob(f"{_PART}*"):
        shutil.rmtree(part, ignore_errors=True)
    if not (folder / _READY).is_dir():
        return False
    _put_in_place(folder)
    return True


def _put_in_place(folder: Path) -> None:
    ready = folder / _READY
    for path in sorted(ready.iterdir()):
        os.replace(path, folder / path.name)
    ready.rmdir()
    _to_disk(folder)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
