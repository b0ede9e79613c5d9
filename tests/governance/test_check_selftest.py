"""The live self-test: sound parts pass, and a broken part in any place makes it fail."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from piirag import Policy, Scrubber
from piirag.governance.check import FAIL, PASS, UNKNOWN, Parts, selftest
from piirag.governance.check.canaries import Canaries, forms
from piirag.governance.check.live_parts import MemoryStore, default_store, record_of
from piirag.redaction import RedactionSession
from piirag.tenancy import Chunk, TenantBinding
from support.canary import forms_of

QUICK = Policy(model="none")
SOUND = Parts(policy=QUICK, store=MemoryStore)


def told(parts: Parts) -> dict[str, str]:
    return {line.id.removeprefix("selftest."): line.status for line in selftest(parts)}


def test_sound_parts_pass_in_memory() -> None:
    assert set(told(SOUND).values()) == {PASS}


def test_sound_parts_pass_in_a_real_store() -> None:
    pytest.importorskip("chromadb")
    lines = selftest(Parts(policy=QUICK))
    assert {line.status for line in lines} == {PASS}, [str(line) for line in lines]
    assert "Chroma, embedded" in str(lines[1])


def test_a_policy_that_keeps_values_fails_from_the_first_step() -> None:
    keeps = Policy(model="none", operators={"EMAIL_ADDRESS": "keep"})
    found = told(dataclasses.replace(SOUND, policy=keeps))
    assert found["scrub"] == FAIL


def test_types_that_the_policy_leaves_are_told() -> None:
    some = Policy(model="none", entities=["EMAIL_ADDRESS"])
    lines = selftest(dataclasses.replace(SOUND, policy=some))
    assert "left out by the policy: PERSON, PHONE_NUMBER" in str(lines[0])
    none = Policy(model="none", entities=["US_ITIN"])
    assert set(told(dataclasses.replace(SOUND, policy=none)).values()) == {UNKNOWN}


class Forgetful(MemoryStore):
    """A store that ignores whose chunks these are."""

    def query(self, text: str, binding: TenantBinding) -> list[Chunk]:
        return list(self._rows)


class Leaky(MemoryStore):
    """A store that keeps a copy of what it was given before it was scrubbed, in a file."""

    kept: Any = None

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir()
        self._folder = folder

    def add(self, chunks: Sequence[Chunk]) -> None:
        super().add(chunks)
        (self._folder / "copy").write_text(Leaky.kept.text)


def test_a_store_that_ignores_the_tenant_fails() -> None:
    found = told(dataclasses.replace(SOUND, store=Forgetful))
    assert found["retrieve"] == FAIL


def test_a_store_that_keeps_raw_text_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Canaries.plant

    def watched(policy: Policy) -> Canaries:
        Leaky.kept = plant(policy)
        return Leaky.kept

    monkeypatch.setattr(Canaries, "plant", watched)
    found = told(dataclasses.replace(SOUND, store=Leaky))
    assert found["store"] == FAIL


def test_a_redactor_that_sends_what_it_gets_fails() -> None:
    def raw(session: RedactionSession, text: str) -> str:
        session.redact(text)
        return text

    assert told(dataclasses.replace(SOUND, redact=raw))["model"] == FAIL


def test_a_redactor_that_loses_values_fails() -> None:
    found = told(dataclasses.replace(SOUND, redact=lambda session, text: "nothing"))
    assert found["model"] == FAIL


def test_an_audit_record_with_the_question_in_it_fails() -> None:
    def raw(log: Any, user: str, sent: str, reply: str, question: str) -> dict[str, Any]:
        return {**record_of(log, user, sent, reply, question), "prompt": question}

    assert told(dataclasses.replace(SOUND, record=raw))["audit"] == FAIL


def test_an_erasure_that_does_nothing_fails() -> None:
    class Receipt:
        complete = True
        deleted = 1
        targets = ()

        def to_json(self) -> str:
            return "{}"

    found = told(dataclasses.replace(SOUND, erase=lambda service, user: Receipt()))
    assert found["erase"] == FAIL


def test_a_value_in_a_log_fails() -> None:
    def logs(session: RedactionSession, text: str) -> str:
        logging.getLogger("app.rag").debug("asked: %s", text)
        return session.redact(text).text

    found = told(dataclasses.replace(SOUND, redact=logs))
    assert found["logs"] == FAIL and found["model"] == PASS


def test_a_part_that_raises_fails_and_what_comes_after_is_unknown() -> None:
    def broken(policy: Policy, vault: Any) -> Scrubber:
        raise RuntimeError("Ottoline Vance")

    lines = selftest(dataclasses.replace(SOUND, scrubber=broken))
    states = {line.id: line.status for line in lines}
    assert states["selftest.scrub"] == FAIL
    assert states["selftest.store"] == states["selftest.erase"] == UNKNOWN
    assert "Ottoline" not in " ".join(map(str, lines))
    assert "RuntimeError" in str(lines[0])


def test_no_line_holds_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    planted: list[Canaries] = []
    plant = Canaries.plant
    monkeypatch.setattr(
        Canaries, "plant", lambda policy: planted.append(plant(policy)) or planted[-1]
    )
    keeps = Policy(model="none", operators={"DEFAULT": "keep"})
    for policy in (QUICK, keeps):
        text = " ".join(map(str, selftest(dataclasses.replace(SOUND, policy=policy))))
        assert planted[-1].found(text) == []
    assert "Canaries(PERSON" in repr(planted[0]) and not planted[0].found(repr(planted[0]))


def test_logging_is_as_it_was_afterwards() -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    selftest(SOUND)
    assert (root.level, root.handlers[:]) == before


def test_every_run_plants_other_values() -> None:
    first, second = Canaries.plant(QUICK), Canaries.plant(QUICK)
    assert (
        set(first.values)
        == set(second.values)
        == {
            "PERSON",
            "EMAIL_ADDRESS",
            "PHONE_NUMBER",
            "CREDIT_CARD",
            "IBAN_CODE",
        }
    )
    assert not set(first.values.values()) & set(second.values.values())


def test_planted_values_are_found_in_every_form() -> None:
    """The forms that the tests of piirag look for, but for those of one encoding in another."""
    canaries = Canaries.plant(QUICK)
    for kind, value in canaries.values.items():
        assert canaries.found(f"x {value.upper()} y") == [kind]
        assert canaries.found(value.encode("utf-16-le")) == [kind]
        assert all(kind in canaries.found(b"x" + form + b"y") for form in forms(value))
        wanted = forms_of(value)
        for name in ("raw", "base64", "percent"):
            for form in wanted.get(name, ()):
                assert kind in canaries.found(form), name
    assert canaries.found("nothing of the kind") == []


def test_the_default_store_is_there_without_chroma(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(default_store(Path("nowhere")), MemoryStore)
