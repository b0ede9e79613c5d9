"""The retention runner that a `piirag.toml` describes.

```toml
[retention]
conversations_days = 30
audit_days = 90
vault_sessions_minutes = 15
receipts_days = 3650
chunks_days = "forever"
targets = ["ourapp.retention:targets"]   # functions or objects: stores of conversations, ...
receipts = "receipts"                    # a folder for the receipts of runs
physical = false                         # also remove deleted bytes from files of vector stores

[retention.others_days]
search_history = 14
```

Besides, it covers what other tables name: the sessions of ``[vault]``, the journal of
``[erasure]``, the chunks in ``[[stores]]`` and the log of ``[audit]``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from piirag.config_file import read_toml, secret_from_env, text_of
from piirag.config_stores import StoresConfig, UnreachableTarget
from piirag.erasure.covering import Mask
from piirag.errors import ConfigurationError, MissingDependencyError, RetentionError, VaultKeyError
from piirag.governance.retention.locks import FileLock, PostgresLock, RunLock
from piirag.governance.retention.policy import (
    AUDIT,
    CONVERSATIONS,
    EXPIRED_CHUNKS,
    RECEIPTS,
    VAULT_SESSIONS,
    RetentionPolicy,
    read_table,
)
from piirag.governance.retention.runner import RetentionRunner
from piirag.governance.retention.target import RetentionTarget, as_retention_targets
from piirag.governance.retention.targets.chunks import chunk_targets
from piirag.governance.retention.targets.receipts import ReceiptFolder

_MISSING = object()
LOCK_FILE = "piirag-retention.lock"


class UnopenedTarget:
    """Something that could not be opened; expiring it fails, so that the receipt says so.

    Args:
        kind: The kind of data.
        name: What the receipt calls it.
        error: Type of the exception that opening it gave.
    """

    # It fails for a kind of data that is kept for ever, too.
    ends = True
    native = ""

    def __init__(self, kind: str, name: str, error: type[BaseException]) -> None:
        self.kind = kind
        self.name = name
        self.identity = ("unopened", kind, name)
        # Under its own name, so that the receipt tells what happened, but without its message.
        self._error = type(error.__name__, (RetentionError,), {"__module__": error.__module__})

    def expire(self, before: float) -> NoReturn:
        """Fails.

        Raises:
            RetentionError: Always.
        """
        raise self._error("it could not be opened")

    count = expire


def open_runner(path: str | Path, *, create: bool = True, **options: Any) -> RetentionRunner:
    """Open everything that a file names. What cannot be opened becomes a target that fails.

    Args:
        path: The file.
        create: Whether to make the signing key and the folder for receipts where there are none;
            false for a runner that only looks.
        **options: Further arguments of `RetentionRunner`.

    Raises:
        ConfigurationError: The file is wrong, or names nothing to expire.
    """
    opened = _Opened()
    try:
        return _runner(Path(path), opened, options, create)
    except BaseException:
        opened.close()
        raise


def _runner(path: Path, opened: _Opened, options: dict[str, Any], create: bool) -> RetentionRunner:
    data, table = read_toml(path), read_table(path)
    folder = path.resolve().parent
    targets: list[RetentionTarget] = []
    lock: RunLock | None = None
    if "vault" not in data and (left := [name for name in ("stores", "erasure") if name in data]):
        raise ConfigurationError(f"a [vault] table is needed beside {' and '.join(left)}")
    if "vault" in data:
        config = StoresConfig.from_file(path)
        targets += _of_stores(config, opened, physical=_flag(table, "physical"))
        options.setdefault("signing_key", config.signing_key(create=create))
        lock = _lock(config)
    if "audit" in data:
        log, found = opened.open(AUDIT, "audit log", lambda: _audit(path))
        targets += found
        options.setdefault("audit", log)
    targets += _named_targets(table)
    if "receipts" in table:
        receipts = folder / text_of(table, "receipts")
        if _there(receipts, create):
            targets.append(ReceiptFolder(receipts))
            options.setdefault("receipts", receipts)
    options.setdefault("lock", lock or FileLock(folder / LOCK_FILE))
    policy = RetentionPolicy.from_table(table)
    return RetentionRunner(targets, policy=policy, on_close=opened.close, **options)


def _there(folder: Path, create: bool) -> bool:
    """Whether the folder for receipts is there, or was made."""
    reason = ""
    try:
        if create:
            folder.mkdir(mode=0o700, exist_ok=True)
        there = folder.is_dir()
        if not there and (folder.exists() or not folder.parent.is_dir()):
            reason = "it is no folder, and cannot be made"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise ConfigurationError(f"retention: receipts: {reason}")
    return there


class _Opened:
    """What was opened, to be closed."""

    def __init__(self) -> None:
        self._opened: list[Any] = []

    def open(
        self, kind: str, name: str, open_it: Callable[[], Any]
    ) -> tuple[Any, list[RetentionTarget]]:
        """An object with its targets; none and one that fails, where it cannot be opened."""
        reason = ""
        try:
            found = open_it()
        except VaultKeyError as error:
            reason = str(error)
        except (ConfigurationError, MissingDependencyError):
            raise
        except Exception as error:  # noqa: BLE001 - one that is down makes a partial receipt
            return None, [UnopenedTarget(kind, name, type(error))]
        if reason:
            raise ConfigurationError(reason)
        self._opened.append(found)
        return found, as_retention_targets(found)

    def close(self) -> None:
        for item in reversed(self._opened):
            item.close()
        self._opened.clear()


def _of_stores(
    config: StoresConfig, opened: _Opened, *, physical: bool
) -> Iterator[RetentionTarget]:
    vault, found = opened.open(VAULT_SESSIONS, "vault sessions", config.open_vault)
    yield from found
    # A journal that nobody has used yet is not created for this.
    name = config.erasure.get("journal", "erasure.db")
    if "journal_url_env" in config.erasure or (config.folder / str(name)).exists():
        yield from opened.open(RECEIPTS, "journal of erasures", config.open_journal)[1]
    if vault is None:
        if config.stores:
            yield UnopenedTarget(EXPIRED_CHUNKS, "stores, which need the vault", RetentionError)
        return
    for target in config.open_targets(vault):
        if isinstance(target, UnreachableTarget):
            yield UnopenedTarget(EXPIRED_CHUNKS, _told(target.name, vault), target.error)
        else:
            target.name = _told(target.name, vault)
            yield from chunk_targets(target, physical=physical)


def _told(name: str, vault: Any) -> str:
    """The name of a store, without the ids of users of the vault; as receipts of erasures do."""
    parts = re.split(r"([\W_]+)", name)
    runs = {"".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1)}
    known = [run for run in runs if run.strip() and vault.backend.user(vault.tag(run)) is not None]
    return Mask(*known).text(name) if known else name


def _audit(path: Path) -> Any:
    from piirag.governance.audit import AuditConfig

    return AuditConfig.from_file(path).open()


def _named_targets(table: Mapping[str, Any]) -> Iterator[RetentionTarget]:
    """What ``targets`` names: objects, or functions that give one or several."""
    names = table.get("targets", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError('retention: targets is a list of "module:name"')
    for name in names:
        module, _, attribute = name.partition(":")
        if not module or not attribute:
            raise ConfigurationError('retention: targets is a list of "module:name"')
        yield from _loaded(name, module, attribute)


def _loaded(name: str, module: str, attribute: str) -> list[RetentionTarget]:
    try:
        try:
            found = getattr(importlib.import_module(module), attribute, _MISSING)
        except ModuleNotFoundError as error:
            # One that an application lacks in turn is no misspelt name.
            if not error.name or not f"{module}.".startswith(f"{error.name}."):
                raise
            found = _MISSING
        if found is _MISSING:
            raise ConfigurationError(f"retention: there is no target {name!r}")
        is_target = isinstance(found, RetentionTarget) or callable(getattr(found, "sweep", None))
        given = found() if callable(found) and not is_target else found
        items = given if isinstance(given, (list, tuple)) else [given]
        return [target for item in items for target in as_retention_targets(item)]
    except (ConfigurationError, MissingDependencyError):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - down: a partial receipt
        return [UnopenedTarget(CONVERSATIONS, name, type(error))]


def _lock(config: StoresConfig) -> RunLock | None:
    """By the database of the journal, where several hosts share one."""
    if "journal_url_env" in config.erasure:
        return PostgresLock(secret_from_env(text_of(config.erasure, "journal_url_env")))
    return None


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ConfigurationError(f"retention: {key} must be true or false")
    return value
