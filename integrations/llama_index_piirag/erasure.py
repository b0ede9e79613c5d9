"""LlamaIndex docstores as erasure targets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.storage.docstore.types import BaseDocumentStore

from piirag.erasure import (
    Capabilities,
    ErasureTarget,
    Residue,
    Traces,
    delete_user,
    register_resolver,
)
from piirag.errors import ErasureError
from piirag.tenancy import TenantTags
from piirag.tenancy.binding import SEPARATOR

__all__ = ["DocstoreTarget", "delete_user"]

_NOT_PERSISTED = (
    "the docstore was changed in memory; a file it was persisted to holds the documents until it "
    "is persisted again (pass DocstoreTarget(docstore, persist_path=...))"
)


class DocstoreTarget:
    """Deletes a user's documents and nodes from a LlamaIndex docstore by the tag they bear.

    `PIIIngestionPipeline`, `PIINodeScrubber` and `TenantIndex` put the tag into metadata and
    before ids. A document that was stored without a tag is nobody's and stays. Not covered is the
    ingestion cache beside a docstore: its entries hold the nodes of a whole run.

    Args:
        docstore: Any LlamaIndex docstore.
        tags: How documents name their user; metadata key ``user_id`` if None.
        persist_path: The file that a `SimpleDocumentStore` is persisted to. It is counted along,
            and replaced, at once, after a deletion.
    """

    kind = "docstore"

    def __init__(
        self,
        docstore: BaseDocumentStore,
        tags: TenantTags | None = None,
        *,
        persist_path: str | Path | None = None,
    ) -> None:
        self._docstore = docstore
        self._tags = tags if tags is not None else TenantTags()
        self._file = None if persist_path is None else Path(persist_path)
        self.name = f"docstore:{type(docstore).__name__}"
        tags_of = (self._tags.key, self._tags.keyed)
        self.identity = ("docstore", id(docstore), *tags_of, str(self._file or ""))
        in_memory = isinstance(docstore, SimpleDocumentStore) and self._file is None
        self.capabilities = Capabilities(why_not=_NOT_PERSISTED if in_memory else "")

    def count(self, user_id: str) -> int:
        """Documents, nodes and records about them, in memory and in the file."""
        ids = _ids_of(self._docstore, self._tags, user_id)
        if self._file is not None and self._file.exists():
            stored = SimpleDocumentStore.from_persist_path(str(self._file))
            ids |= _ids_of(stored, self._tags, user_id)
        return len(ids)

    def delete(self, user_id: str) -> None:
        """Delete every document and node of the user, and what is recorded about them.

        Raises:
            ErasureError: A record of a document lists other users' nodes too.
        """
        # Hashes are listed by hash: of two documents with one hash only one comes up at a time.
        while ids := _ids_of(self._docstore, self._tags, user_id):
            for id in sorted(ids):
                self._docstore.delete_document(id, raise_error=False)
            self._delete_records(user_id)
            if _ids_of(self._docstore, self._tags, user_id) >= ids:
                raise ErasureError("documents are still there after they were deleted")
        if self._file is not None:
            self._persist(self._file)

    def traces(self, user_id: str) -> Traces:
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        return {}

    def reclaim(self, user_id: str) -> None:
        raise NotImplementedError

    def _delete_records(self, user_id: str) -> None:
        """Delete what is left about documents; `delete_ref_doc` would take all nodes with it."""
        tag = self._tags.tag(user_id)
        records = self._docstore.get_all_ref_doc_info() or {}
        for id, info in records.items():
            if not _is_of(tag, self._tags.key, id, info.metadata):
                continue
            nodes = [self._docstore.get_document(n, raise_error=False) for n in info.node_ids]
            if any(n is not None and n.metadata.get(self._tags.key) != tag for n in nodes):
                raise ErasureError("a record of a document lists other users' nodes")
            self._docstore.delete_ref_doc(id, raise_error=False)

    def _persist(self, path: Path) -> None:
        """Write the file anew beside the old one, then replace it: never half a file."""
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        try:
            self._docstore.persist(name)
            if path.exists():
                os.chmod(name, path.stat().st_mode & 0o777)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _is_of(tag: str, key: str, id: str, metadata: Any) -> bool:
    found = metadata.get(key) if isinstance(metadata, dict) else None
    return found == tag if found is not None else id.startswith(tag + SEPARATOR)


def _ids_of(docstore: BaseDocumentStore, tags: TenantTags, user_id: str) -> set[str]:
    """Ids of all that a docstore holds of a user: documents, nodes, hashes, references."""
    tag = tags.tag(user_id)
    ids = {
        id for id, node in docstore.docs.items() if _is_of(tag, tags.key, id, dict(node.metadata))
    }
    records = docstore.get_all_ref_doc_info() or {}
    ids.update(id for id, info in records.items() if _is_of(tag, tags.key, id, info.metadata))
    hashed = docstore.get_all_document_hashes().values()
    ids.update(id for id in hashed if id.startswith(tag + SEPARATOR))
    return ids


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [DocstoreTarget(item)] if isinstance(item, BaseDocumentStore) else None


register_resolver(_resolve)
