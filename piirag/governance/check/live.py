"""A live run with planted values: scrub, store, retrieve, ask a model, audit, erase.

It works in a temporary folder, with a user, a vault and a store of its own; nothing of the
application is touched. No line of it holds a value, and the values are gone with it.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from piirag.governance.check.canaries import Canaries
from piirag.governance.check.lines import FAIL, PASS, UNKNOWN, Line
from piirag.governance.check.live_parts import Parts, RecordingModel, Store
from piirag.redaction import Redactor
from piirag.tenancy import Chunk, TenantBinding, TenantTags
from piirag.vault import MasterKey, SQLiteVault, Vault

USER, OTHER_USER = "selftest-user", "selftest-other"

_STEPS = (
    ("scrub", "does a scrubbed chunk hold none of the planted values"),
    ("store", "do the files of store and vault hold none of them"),
    ("retrieve", "does a user get the own chunks, clean, and nobody else's"),
    ("model", "does the model get none of them, and the reader all of them"),
    ("audit", "does the audit log hold none of them, and does its chain hold"),
    ("erase", "is nothing of the user left after an erasure"),
    ("logs", "do logs and representations of the run hold none of them"),
)


def selftest(parts: Parts | None = None) -> list[Line]:
    """Run it.

    Args:
        parts: What it is made of; the parts of piirag if None.

    Returns:
        A line for each step. A step that could not be run because one before it failed is
        unknown.
    """
    parts = parts if parts is not None else Parts()
    canaries = Canaries.plant(parts.policy)
    if not canaries.values:
        told = "the policy acts on none of the types that are planted"
        return [Line(f"selftest.{n}", q, UNKNOWN, (told,)) for n, q in _STEPS]
    with tempfile.TemporaryDirectory(prefix="piirag-selftest-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _logged() as records:
            run = _Run(parts, canaries, folder)
            try:
                lines = [run.line(step, question) for step, question in _STEPS[:-1]]
            finally:
                run.close()
        lines.append(run.line(*_STEPS[-1], records=records))
    return lines


class _Failed(Exception):
    """A step went wrong; the text is evidence, and holds no value."""


class _Run:
    """One run, step by step."""

    def __init__(self, parts: Parts, canaries: Canaries, folder: Path) -> None:
        self._parts = parts
        self._canaries = canaries
        self._folder = folder
        self._vault: Vault | None = None
        self._store: Store | None = None
        self._stopped = ""
        self._shown: list[str] = []
        self._retrieved = ""
        self._sent = self._reply = ""

    def line(self, step: str, question: str, **given: Any) -> Line:
        """Run one step; its line."""
        id = f"selftest.{step}"
        if self._stopped and step != "logs":
            return Line(id, question, UNKNOWN, (f"not run: {self._stopped} failed",))
        problem = ""
        try:
            method: Callable[..., str] = getattr(self, f"_step_{step}")
            return Line(id, question, PASS, (method(**given),))
        except _Failed as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a part raises is a failure of the step
            problem = f"stopped with {type(error).__name__}"
            self._stopped = step
        return Line(id, question, FAIL, (problem,))

    def close(self) -> None:
        """Close vault and store."""
        if self._store is not None:
            self._store.close()
        if self._vault is not None:
            self._vault.close()

    def _binding(self, user: str = USER) -> TenantBinding:
        assert self._vault is not None
        return TenantBinding(self._scrubber, user, self._tags)

    def _step_scrub(self) -> str:
        vault = SQLiteVault(self._folder / "vault.db", MasterKey.generate())
        self._vault = vault
        self._scrubber = self._parts.scrubber(self._parts.policy, vault)
        self._tags = TenantTags(vault=vault, keyed=True)
        values = self._canaries.values
        metadata = {"contact": values.get("EMAIL_ADDRESS", ""), "topic": "callback"}
        chunk = Chunk(self._canaries.text, metadata, "note-1")
        self._chunks = self._binding().inward([chunk], self._canaries.known)
        for clean in self._chunks:
            self._none_in(f"{clean.text}\n{dict(clean.metadata)}\n{clean.id}", "the chunk")
        left = self._canaries.left_out
        told = f"{len(values)} types planted: {', '.join(values)}"
        return told + (f"; left out by the policy: {', '.join(left)}" if left else "")

    def _store_(self) -> Store:
        if self._store is None:
            self._store = self._parts.store(self._folder / "store")
        return self._store

    def _step_store(self) -> str:
        store = self._store_()
        store.add(self._chunks)
        found = self._canaries.in_files(self._folder)
        if found:
            raise _Failed(f"in the files: {', '.join(found)}")
        return f"{store.name}; the vault is a SQLite file"

    def _step_retrieve(self) -> str:
        store = self._store_()
        binding = self._binding()
        question = binding.chunks.question(self._question)
        self._none_in(question, "the question that is embedded")
        found = store.query(question, binding)
        if not found:
            raise _Failed("the user's own chunk was not found")
        for chunk in found:
            binding.outward(chunk.id, chunk.metadata)
            self._none_in(f"{chunk.text}\n{dict(chunk.metadata)}", "a retrieved chunk")
        other = self._binding(OTHER_USER)
        if store.query(question, other):
            raise _Failed("the store gave a chunk to a user who has none")
        self._retrieved = "\n".join(chunk.text for chunk in found)
        return f"{len(found)} chunk for its owner, none for another user"

    @property
    def _question(self) -> str:
        name = self._canaries.values.get("PERSON", "")
        mail = self._canaries.values.get("EMAIL_ADDRESS", "")
        return f"What did {name} {mail} ask for?"

    def _step_model(self) -> str:
        model = RecordingModel()
        redactor = Redactor(self._parts.policy, scrubber=self._scrubber)
        session = redactor.session(user_id=USER, known=self._canaries.known)
        prompt = f"{self._question}\n\n{self._retrieved}"
        self._sent = self._parts.redact(session, prompt)
        reply = model(self._sent)
        self._none_in("\n".join(model.sent), "what the model got")
        restored = session.reply().text(reply)
        self._reply = reply
        self._shown += [repr(session.mapping), repr(session), repr(self._scrubber)]
        self._shown += [repr(self._vault), repr(redactor)]
        session.close()
        missing = [k for k, v in self._canaries.values.items() if v not in restored]
        if missing:
            raise _Failed(f"not put back for the reader: {', '.join(missing)}")
        return f"{len(self._canaries.values)} values went as placeholders and came back"

    def _step_audit(self) -> str:
        from piirag.governance.audit import AuditLog

        folder = self._folder / "audit"
        folder.mkdir(mode=0o700)
        with AuditLog(folder / "audit.jsonl", key=secrets.token_bytes(32)) as log:
            log.write(self._parts.record(log, USER, self._sent, self._reply, self._question))
            log.write({"event": "decision", "outcome": "ok"})
            checked = log.verify()
            replaced = sum(log.replaced.values())
        found = self._canaries.in_files(folder)
        if found:
            raise _Failed(f"in the audit log: {', '.join(found)}")
        if not checked.ok or checked.records != 2:
            raise _Failed("the chain of the audit log does not hold")
        if replaced:
            raise _Failed("the record held values, which the log's second look replaced")
        return "2 records, chained under a key"

    def _step_erase(self) -> str:
        from piirag.erasure import ErasureService

        store, vault = self._store_(), self._vault
        assert vault is not None
        service = ErasureService(
            [store.target(self._tags)], vault=vault, journal=self._folder / "erasure.db"
        )
        try:
            receipt = self._parts.erase(service, USER)
            found = service.verify(USER)
        finally:
            service.journal.close()
        if not found.absent:
            raise _Failed(f"after the erasure the user is: {found.status}{_where(found)}")
        if not getattr(receipt, "complete", False):
            raise _Failed("the receipt says that the erasure is not complete")
        self._none_in(receipt.to_json(), "the receipt")
        if self._question and self._canaries.found(self._revealed()):
            raise _Failed("a pseudonym is turned back after the erasure")
        return f"{receipt.deleted} items deleted and read back, {len(receipt.targets)} targets"

    def _revealed(self) -> str:
        from piirag.errors import PiiragError

        try:
            return self._scrubber.reveal(self._retrieved, user_id=USER)
        except PiiragError:
            return ""

    def _step_logs(self, records: list[str]) -> str:
        self._none_in("\n".join([*records, *self._shown]), "logs or representations")
        return f"{len(records)} log records of every logger at DEBUG"

    def _none_in(self, text: str, where: str) -> None:
        found = self._canaries.found(text)
        if found:
            raise _Failed(f"in {where}: {', '.join(sorted(found))}")


def _where(found: Any) -> str:
    places = [
        f"{count} {kind} in {file} of {target.name}"
        for target in found.targets
        for file, kinds in (target.residue or {}).items()
        for kind, count in kinds.items()
    ]
    return f" ({', '.join(sorted(places))})" if places else ""


@contextmanager
def _logged() -> Iterator[list[str]]:
    """All that is logged meanwhile, by any logger, at any level."""
    records: list[str] = []
    formatter = logging.Formatter("%(name)s %(message)s")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            extra = {k: str(v) for k, v in vars(record).items() if k not in _OWN}
            records.append(f"{formatter.format(record)} {extra or ''}")

    root = logging.getLogger()
    handler, level = Keep(logging.DEBUG), root.level
    handlers = root.handlers[:]
    # What the application's own handlers would print of the run is of no use to anybody.
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}
