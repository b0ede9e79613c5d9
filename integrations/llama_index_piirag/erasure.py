"""LlamaIndex docstores as erasure targets, and `delete_user`, which knows of them here."""

from __future__ import annotations

from llama_index_piirag.erasure_targets.docstores import DocstoreTarget
from piirag.erasure import delete_user

__all__ = ["DocstoreTarget", "delete_user"]
