"""Files at a provider with OpenAI's interface, and what was made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from piirag.erasure.target import Capabilities, Residue, StoredItem, Traces
from piirag.erasure.targets.openai_found import Found, Looking, is_gone, there
from piirag.errors import ConfigurationError, ErasureError
from piirag.user_id import check_user_id

Ids = Mapping[str, Iterable[str]] | Callable[[str], Iterable[str]]
"""User id -> ids at the provider: a mapping, or a function."""

_ID = re.compile(r"[A-Za-z0-9_.\-]{1,200}")
_PROVIDER = (
    "what the provider keeps after a deletion, and for how long, is in its terms; stored "
    "responses, conversations and logs at the provider are not covered"
)


class OpenAIFilesTarget:
    """Deletes a user's files at a provider: OpenAI, or a server with its interface.

    Which files are a user's, the application knows. With each go its places in vector stores,
    the outputs of batches and fine-tuning jobs that read it, and those jobs as far as they still
    run: they are cancelled. Jobs that have ended cannot be deleted by anybody; they name the ids
    of their files, and the receipt says how many there are.

    What the provider says of a deletion is not believed: everything is looked for again.

    Args:
        client: An `openai.OpenAI`. Its key must be allowed to list and delete.
        files: User id -> ids of files. It must go on naming them after the deletion, so that they
            can be looked for again; where it is a function, it is called with a checked user id.
        vector_stores: User id -> ids of vector stores that are this user's only, and are deleted
            whole. The files in them are deleted where `files` names them.
        search_vector_stores: Look for the files in all vector stores.
        jobs: Look for the files in fine-tuning jobs and batches. False for a server without.
        delete_models: Delete the models that were trained on the files. Others' data may be in
            them as well; while this is False, they stay and the receipt says so.
        name: What the receipt calls it.
        identity: Something hashable that two targets over one account share.

    Raises:
        ConfigurationError: No such client, or ids that are neither a mapping nor a function.
    """

    kind = "provider files"

    def __init__(
        self,
        client: Any,
        files: Ids,
        *,
        vector_stores: Ids | None = None,
        search_vector_stores: bool = True,
        jobs: bool = True,
        delete_models: bool = False,
        name: str = "files at the provider",
        identity: Hashable = None,
    ) -> None:
        if not hasattr(getattr(client, "files", None), "delete"):
            raise ConfigurationError("client must be an openai.OpenAI or speak like one")
        if type(client).__name__.startswith("Async"):
            raise ConfigurationError("an asynchronous client cannot be used here")
        for ids in (files, vector_stores or files):
            if not callable(ids) and not isinstance(ids, Mapping):
                raise ConfigurationError("files and vector_stores are mappings or functions")
        self.name = name
        self.identity = (self.kind, id(client) if identity is None else identity, id(files))
        self.capabilities = Capabilities(why_not=_PROVIDER, delete_by="ids", export=True)
        self.version = _version()
        self._client = client
        self._files = files
        self._stores = vector_stores
        self._look = Looking(client, search_vector_stores, jobs, delete_models)

    def count(self, user_id: str) -> int:
        """How many files, places in vector stores, running jobs and outputs there are now."""
        found = self._found(user_id)
        notes = [_PROVIDER]
        if found.ended:
            notes.append(f"{found.ended} jobs that have ended still name the user's files")
        if found.kept:
            notes.append(
                f"{found.kept} models that were trained on the user's files stay "
                "(delete_models=True deletes them)"
            )
        self.capabilities = Capabilities(why_not="; ".join(notes), delete_by="ids", export=True)
        return found.count

    def delete(self, user_id: str) -> None:
        """Cancel what runs, then delete; what is gone already is passed over."""
        found = self._found(user_id)
        client = self._client
        for job in found.running:
            there(client.fine_tuning.jobs.cancel, job)
        for batch in found.batches:
            there(client.batches.cancel, batch)
        for store, file in found.places:
            there(client.vector_stores.files.delete, file, vector_store_id=store)
        for store in found.stores:
            there(client.vector_stores.delete, store)
        for held in found.files:
            there(client.files.delete, held.id)
        for model in found.models:
            there(client.models.delete, model)

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """What would be deleted: files with their contents, as far as the provider gives them."""
        found = self._found(user_id)
        for file in found.files:
            known = {name: getattr(file, name, None) for name in ("filename", "purpose", "bytes")}
            yield StoredItem(file.id, self._content(file.id), known)
        yield from (StoredItem(name, None) for name in found.names())

    def traces(self, user_id: str) -> Traces:
        """Nothing: the provider's disks are not within reach."""
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        """Nothing: the provider's disks are not within reach."""
        return {}

    def reclaim(self, user_id: str) -> None:
        """Not possible here."""
        raise NotImplementedError

    def _found(self, user_id: str) -> Found:
        check_user_id(user_id)
        files = _ids(self._files, user_id)
        stores = [] if self._stores is None else _ids(self._stores, user_id)
        return self._look.find(files, stores)

    def _content(self, id: str) -> str | None:
        try:
            text: str = self._client.files.content(id).text
        except Exception as error:
            # Files of some purposes can be uploaded and not downloaded.
            if is_gone(error) or getattr(error, "status_code", None) == 400:
                return None
            raise
        return text

    def __repr__(self) -> str:
        return f"OpenAIFilesTarget({type(self._client).__name__})"


def _ids(source: Ids, user_id: str) -> list[str]:
    """A user's ids, each once.

    Raises:
        ErasureError: Something that is no list of ids, or one that is another user's, too.
    """
    found = source(user_id) if callable(source) else source.get(user_id, ())
    if isinstance(found, (str, bytes)) or not isinstance(found, Iterable):
        raise ErasureError("the ids of a user's files are no list")
    ids = list(found)
    if not all(isinstance(id, str) and _ID.fullmatch(id) for id in ids):
        raise ErasureError("an id of a user's files is no id")
    ids = list(dict.fromkeys(ids))
    if isinstance(source, Mapping):
        others = {id for user, theirs in source.items() if user != user_id for id in theirs}
        if others.intersection(ids):
            raise ErasureError("a file is said to be two users'; it was left alone")
    return ids


def _version() -> str:
    try:
        return f"openai {version('openai')}"
    except PackageNotFoundError:
        return ""
