"""The stores of a deployment, from a `piirag.toml`.

```toml
[vault]
path = "vault.db"             # or url_env = "VAULT_URL", a Postgres or Redis URL
key_file = "/run/secrets/piirag.key"    # or key_env; PIIRAG_MASTER_KEY if neither is there

[erasure]
journal = "erasure.db"        # or journal_url_env = "JOURNAL_URL", a Postgres URL
signing_key = "signing.key"   # made on first use; or signing_key_env
not_covered = ["files at the model's provider"]

[[stores]]
kind = "chroma"
path = "chroma"               # or host and port of a server
collection = "crm"
keyed = false                 # tags are keyed hashes, as in TenantTags
tenant_key = "user_id"

[[stores]]
kind = "python"               # anything else: a function that gives targets
target = "ourapp.erasure:targets"
```

Paths are relative to the file. Secrets do not stand in it: it names the files and environment
variables that hold them. Other tables belong to other parts.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from piirag.config_file import only_keys, read_toml, secret_from_env, table_of, text_of
from piirag.errors import ConfigurationError, ErasureError, MissingDependencyError

if TYPE_CHECKING:
    from piirag.erasure import ErasureService, ErasureTarget
    from piirag.erasure.journal import Journal
    from piirag.erasure.signing import SigningKey
    from piirag.tenancy.tags import TenantTags
    from piirag.vault import MasterKey, Vault

_TAG_KEYS = ("keyed", "tenant_key", "name")
_VAULT_KEYS = ("path", "url_env", "key_file", "key_env")
_ERASURE_KEYS = ("journal", "journal_url_env", "signing_key", "signing_key_env", "not_covered")


@dataclass(frozen=True)
class StoreEntry:
    """One store of the file, as its opener sees it.

    Args:
        options: The keys of its table that are its own.
        tags: How its items name their users.
        folder: The folder that paths are relative to.
    """

    options: Mapping[str, Any]
    tags: TenantTags
    folder: Path

    def path(self, key: str) -> str:
        """A path among the options.

        Raises:
            ConfigurationError: There is none.
        """
        return str(self.folder / self.text(key))

    def text(self, key: str) -> str:
        """A text among the options.

        Raises:
            ConfigurationError: There is none.
        """
        value = self.options.get(key)
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{key} must be a text")
        return value

    def secret(self, key: str) -> str:
        """What the environment variable holds that an option names.

        Raises:
            ConfigurationError: There is no such option, or no such variable.
        """
        return secret_from_env(self.text(key))


Opener = Callable[[StoreEntry], Iterable["ErasureTarget"]]
_openers: dict[str, tuple[tuple[str, ...], Opener]] = {}


def register_store(kind: str, keys: Iterable[str], opener: Opener) -> None:
    """Teach `piirag.toml` a kind of store.

    Args:
        kind: What its table calls it.
        keys: The keys its table may have, beside ``kind``, ``name``, ``keyed``, ``tenant_key``.
        opener: Opens it and gives its targets. Whatever it raises counts as a store that is
            down, except a `ConfigurationError`.
    """
    _openers[kind] = (tuple(keys), opener)


class UnreachableTarget:
    """A store that could not be opened. Every step fails, so that the receipt says so.

    Args:
        name: What the receipt calls it.
        kind: Its kind.
        error: Type of the exception that opening it gave.
    """

    def __init__(self, name: str, kind: str, error: type[Exception]) -> None:
        from piirag.erasure import Capabilities

        self.name = name
        self.kind = kind
        self.identity = ("unreachable", kind, name)
        self.error = error
        self.capabilities = Capabilities(why_not="the store could not be opened", export=True)
        # Under its own name, so that the receipt tells what happened, but without its message.
        self._error = type(error.__name__, (ErasureError,), {"__module__": error.__module__})

    def _fail(self, *_: object) -> NoReturn:
        raise self._error("the store could not be opened")

    count = delete = traces = residue = reclaim = items = all_items = _fail
    delete_items = replace_items = _fail


@dataclass(frozen=True)
class StoresConfig:
    """What a `piirag.toml` says of vault, journal and stores.

    Args:
        folder: The folder that paths are relative to.
        vault: The table of the vault.
        erasure: The table of erasures.
        stores: The tables of the stores.
    """

    folder: Path
    vault: Mapping[str, Any] = field(repr=False)
    erasure: Mapping[str, Any] = field(repr=False)
    stores: tuple[Mapping[str, Any], ...] = field(repr=False)

    @classmethod
    def from_file(cls, path: str | Path) -> StoresConfig:
        """Read a file; no store is opened.

        Raises:
            ConfigurationError: It cannot be read, is not TOML, or holds what nobody knows.
        """
        path = Path(path)
        data = read_toml(path)
        stores = data.get("stores", [])
        if not isinstance(stores, list) or not all(isinstance(s, dict) for s in stores):
            raise ConfigurationError("stores must be tables: [[stores]]")
        if "vault" not in data:
            raise ConfigurationError(f"{path}: a [vault] table is needed")
        config = cls(
            path.resolve().parent,
            table_of(data, "vault", _VAULT_KEYS),
            table_of(data, "erasure", _ERASURE_KEYS),
            tuple(stores),
        )
        for number, store in enumerate(config.stores, 1):
            _check_store(store, number)
        return config

    def open_vault(self) -> Vault:
        """The vault.

        Raises:
            ConfigurationError: The table is wrong.
            VaultError: It cannot be opened.
        """
        from piirag.vault import PostgresVault, RedisVault, SQLiteVault

        key = self._master_key()
        if "path" in self.vault:
            path = self.folder / text_of(self.vault, "path")
            if not path.exists():
                # A mistyped path must not make an empty vault that knows nobody.
                raise ConfigurationError("the vault file does not exist")
            return SQLiteVault(path, key)
        url = secret_from_env(text_of(self.vault, "url_env"))
        if url.startswith(("redis://", "rediss://", "unix://")):
            return RedisVault(url, key)
        return PostgresVault(url, key)

    def _master_key(self) -> MasterKey:
        from piirag.vault import MasterKey

        if "key_file" in self.vault:
            return MasterKey.from_file(self.folder / text_of(self.vault, "key_file"))
        if "key_env" in self.vault:
            return MasterKey.from_env(text_of(self.vault, "key_env"))
        return MasterKey.from_env()

    def open_journal(self) -> Journal:
        """The journal of erasures; `erasure.db` beside the file where nothing else is said."""
        from piirag.erasure.journal_postgres import PostgresJournal
        from piirag.erasure.journal_sqlite import SQLiteJournal

        if "journal_url_env" in self.erasure:
            return PostgresJournal(secret_from_env(text_of(self.erasure, "journal_url_env")))
        name = text_of(self.erasure, "journal") if "journal" in self.erasure else "erasure.db"
        return SQLiteJournal(self.folder / name)

    def signing_key(self, *, create: bool = True) -> SigningKey | None:
        """The key that signs receipts; None where none is named.

        Args:
            create: Whether to make one where the named file is not there; None otherwise.
        """
        from piirag.erasure.signing import SigningKey

        if "signing_key_env" in self.erasure:
            return SigningKey.from_env(text_of(self.erasure, "signing_key_env"))
        if "signing_key" in self.erasure:
            path = self.folder / text_of(self.erasure, "signing_key")
            return SigningKey.from_file(path, create=True) if create or path.exists() else None
        return None

    def open_targets(self, vault: Vault) -> list[ErasureTarget]:
        """The stores as erasure targets; one that cannot be opened as one that fails."""
        return [target for store in self.stores for target in self._open(store, vault)]

    def _open(self, store: Mapping[str, Any], vault: Vault) -> list[ErasureTarget]:
        from piirag.tenancy.tags import TENANT_KEY, TenantTags

        kind = str(store["kind"])
        tags = TenantTags(
            key=store.get("tenant_key", TENANT_KEY), vault=vault, keyed=store.get("keyed", False)
        )
        options = {key: store[key] for key in store if key not in (*_TAG_KEYS, "kind")}
        try:
            found = list(_openers[kind][1](StoreEntry(options, tags, self.folder)))
        except (ConfigurationError, MissingDependencyError):
            raise
        except Exception as error:  # noqa: BLE001 - a store that is down makes a partial receipt
            name = str(store.get("name") or _told(kind, options))
            return [UnreachableTarget(name, kind, type(error))]
        if "name" in store:
            for target in found:
                target.name = str(store["name"])
        return found

    def open_service(self, **options: Any) -> ErasureService:
        """The erasure service over all of it.

        Args:
            **options: Further arguments of `ErasureService`.

        Raises:
            ConfigurationError: The file is wrong.
            VaultError: The vault cannot be opened; nothing was done.
            JournalError: The journal cannot be opened; nothing was done.
        """
        from piirag.erasure import ErasureService

        vault = self.open_vault()
        not_covered = self.erasure.get("not_covered", [])
        if not isinstance(not_covered, list) or not all(isinstance(t, str) for t in not_covered):
            raise ConfigurationError("not_covered must be a list of texts")
        return ErasureService(
            self.open_targets(vault),
            journal=self.open_journal(),
            vault=vault,
            signing_key=self.signing_key(),
            not_covered=not_covered,
            **options,
        )


def _told(kind: str, options: Mapping[str, Any]) -> str:
    for key in ("collection", "table", "index"):
        if isinstance(options.get(key), str):
            return f"{kind}:{options[key]}"
    return kind


def _check_store(store: Mapping[str, Any], number: int) -> None:
    where = f"stores, number {number}"
    kind = store.get("kind")
    if not isinstance(kind, str) or kind not in _openers:
        raise ConfigurationError(f"{where}: kind must be one of {', '.join(sorted(_openers))}")
    only_keys(store, ("kind", *_TAG_KEYS, *_openers[kind][0]), where)
    if not isinstance(store.get("keyed", False), bool):
        raise ConfigurationError(f"{where}: keyed must be true or false")


def _open_chroma(entry: StoreEntry) -> Iterable[ErasureTarget]:
    try:
        import chromadb
    except ImportError:
        chromadb = None
    if chromadb is None:
        raise MissingDependencyError("chromadb", "chroma")
    from piirag.erasure.targets.chroma import ChromaTarget

    client: Any
    if "path" in entry.options:
        if not Path(entry.path("path")).is_dir():
            raise FileNotFoundError
        client = chromadb.PersistentClient(entry.path("path"))
    else:
        port = entry.options.get("port", 8000)
        if type(port) is not int:
            raise ConfigurationError("port must be a number")
        client = chromadb.HttpClient(entry.text("host"), port)
    collection = client.get_collection(entry.text("collection"), embedding_function=None)
    return [ChromaTarget(collection, entry.tags)]


def _open_python(entry: StoreEntry) -> Iterable[ErasureTarget]:
    from piirag.erasure import as_targets

    module, _, function = entry.text("target").partition(":")
    if not module or not function:
        raise ConfigurationError('target must be "module:function"')
    found = getattr(importlib.import_module(module), function)
    given = found() if callable(found) else found
    items = given if isinstance(given, (list, tuple)) else [given]
    return [target for item in items for target in as_targets(item)]


register_store("chroma", ("path", "host", "port", "collection"), _open_chroma)
register_store("python", ("target",), _open_python)
