"""`piirag check` over a whole deployment: configuration, code, files, log, journal."""

from __future__ import annotations

import functools
import json
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("langchain_openai")

from piirag import MasterKey, SQLiteVault
from piirag.cli import app
from piirag.governance.check import Parts
from piirag.vault.key_file import create_private
from support.erasure import RowsTarget

MODULE = "the_application_of_this_test"
APP = """
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI

from langchain_piirag import PIICallbackHandler, RedactedChatModel, TenantVectorStore
from piirag import Policy, Scrubber
from piirag.governance.audit import AuditConfig
from piirag.governance.providers import ProviderPolicy
from support.erasure import RowsTarget

scrubber = Scrubber(Policy(model="none"))
policy = ProviderPolicy.from_file("TOML")
store = TenantVectorStore(
    InMemoryVectorStore(DeterministicFakeEmbedding(size=8)), scrubber=scrubber
)
llm = ChatOpenAI(base_url="http://127.0.0.1:9/v1", api_key="x", model="local")
audit = AuditConfig.from_file("TOML").open()
watch = PIICallbackHandler(audit=audit)


def joined(documents):
    return "\\n".join(d.page_content for d in documents)


def chain():
    model = RedactedChatModel(llm, scrubber=scrubber, providers=policy, callbacks=[watch])
    context = store.for_user("u").as_retriever() | joined
    steps = {"context": context, "question": RunnablePassthrough()}
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    return steps | prompt | model | StrOutputParser()


def raw():
    return llm


def rows():
    return RowsTarget(__import__("pathlib").Path("FOLDER") / "rows")
"""
TOML = f"""
[policy]
model = "bundled"
[vault]
path = "data/vault.db"
key_file = "keys/master.key"
[erasure]
journal = "journal/erasure.db"
signing_key = "keys/signing.key"
[[stores]]
kind = "python"
target = "{MODULE}:rows"
[audit]
path = "audit/audit.jsonl"
key_file = "keys/audit.key"
[retention]
chunks_days = "forever"
[providers]
allowed_regions = ["eu"]
models = ["{MODULE}:llm"]
[check]
objects = ["{MODULE}:chain"]
[assessment]
system = "Support assistant"
"""
TRACERS = ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "OTEL_EXPORTER_OTLP_ENDPOINT")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("data", "keys", "journal", "audit", "rows"):
        (tmp_path / name).mkdir(mode=0o700)
    key = MasterKey.generate()
    key.to_file(tmp_path / "keys/master.key")
    create_private(tmp_path / "keys/audit.key", urlsafe_b64encode(secrets.token_bytes(32)).decode())
    SQLiteVault(tmp_path / "data/vault.db", key).close()
    path = tmp_path / "piirag.toml"
    path.write_text(TOML)
    code = APP.replace("TOML", str(path)).replace("FOLDER", str(tmp_path))
    (tmp_path / f"{MODULE}.py").write_text(code)
    for name in TRACERS:
        monkeypatch.delenv(name, raising=False)
    # As where the application is installed: commands import it for stores too.
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    loaded = sys.modules.pop(MODULE, None)
    if loaded is not None:
        loaded.audit.close()


def run(place: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--config", str(place / "piirag.toml")])


def lines(done: Any) -> dict[str, dict[str, Any]]:
    return {line["id"]: line for line in json.loads(done.stdout)["lines"]}


def prepare(place: Path) -> None:
    """What an operator does before the check: an erasure, and a sweep."""
    RowsTarget(place / "rows").fill("the_user_of_the_test")
    assert run(place, "delete-user", "the_user_of_the_test").exit_code == 0
    assert run(place, "retention", "run").exit_code in (0, 4)


def test_a_whole_deployment_passes_the_strict_check(place: Path) -> None:
    prepare(place)
    done = run(place, "check", "--json", "--strict")
    found = lines(done)
    told = {id: line for id, line in found.items() if line["status"] not in ("pass",)}
    assert set(told) <= {"code.tools", "tracing.egress"}, told
    assert done.exit_code == 0
    assert found["audit.chain"]["evidence"][0].startswith("1 records")
    assert "ChatOpenAI" in str(found) or "RedactedChatModel" in str(found)
    assert "127.0.0.1" in " ".join(found["providers.policy"]["evidence"])


def test_what_was_not_tried_yet_is_unknown_and_fails_the_strict_check_only(place: Path) -> None:
    done = run(place, "check", "--json", "--no-live")
    found = lines(done)
    unknown = {id for id, line in found.items() if line["status"] == "unknown"}
    assert {"erasure.tested", "retention.sweep", "mapping.not-logged"} <= unknown
    assert not [id for id, line in found.items() if line["status"] == "fail"]
    assert done.exit_code == 0
    assert run(place, "check", "--no-live", "--strict").exit_code == 3


def test_a_raw_model_fails_the_check(place: Path) -> None:
    path = place / "piirag.toml"
    path.write_text(path.read_text().replace(f"{MODULE}:chain", f"{MODULE}:raw"))
    done = run(place, "check", "--no-live")
    assert done.exit_code == 3
    assert "FAIL           code.input" in done.stdout


def test_a_forbidden_endpoint_fails_the_check(place: Path) -> None:
    path = place / "piirag.toml"
    path.write_text(path.read_text().replace("models = [", "self_hosted_ok = false\nmodels = ["))
    found = lines(run(place, "check", "--no-live", "--json"))
    assert found["providers.policy"]["status"] == "fail"


def test_a_tracer_that_is_switched_on_fails_where_it_may_not_be(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "x")
    found = lines(run(place, "check", "--no-live", "--json"))
    assert found["tracing.egress"]["status"] == "fail", found["tracing.egress"]


def test_an_application_that_cannot_be_imported_fails_the_check(place: Path) -> None:
    (place / f"{MODULE}.py").write_text("raise ValueError('Ottoline Vance')\n")
    path = place / "piirag.toml"
    path.write_text(path.read_text().replace(f'models = ["{MODULE}:llm"]', ""))
    done = run(place, "check", "--no-live")
    assert done.exit_code == 3 and "Ottoline" not in done.output
    assert f"{MODULE}:chain: ValueError" in done.stdout


def test_a_broken_part_fails_the_command(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(place)
    done = run(place, "check")
    assert done.exit_code == 0, done.output
    broken = functools.partial(Parts, redact=lambda session, text: text)
    monkeypatch.setattr("piirag.governance.check.run.Parts", broken)
    done = run(place, "check", "--json")
    assert done.exit_code == 3
    failed = {id for id, line in lines(done).items() if line["status"] == "fail"}
    assert "selftest.model" in failed
    assert "selftest.scrub" not in failed and "selftest.erase" not in failed


def test_a_wrong_configuration_is_wrong_usage(place: Path) -> None:
    (place / "piirag.toml").write_text("[check]\nobject = []\n")
    assert run(place, "check").exit_code == 2
    assert CliRunner().invoke(app, ["check", "--config", "no.toml"]).exit_code == 2


def test_nothing_is_written_by_the_check(place: Path) -> None:
    prepare(place)
    watched = [place / "journal/erasure.db", place / "data/vault.db", place / "rows/rows.db"]
    before = [path.read_bytes() for path in watched]
    log = (place / "audit/audit.jsonl").read_bytes()
    run(place, "check", "--no-live")
    assert [path.read_bytes() for path in watched] == before
    assert (place / "audit/audit.jsonl").read_bytes() == log


def test_the_assessment_of_the_deployment(place: Path) -> None:
    done = run(place, "pia", "--date", "2026-11-25")
    assert done.exit_code == 0, done.output
    text = done.stdout.replace("\\", "")
    assert f"| {MODULE}:llm |" in text and "127.0.0.1" in text
    assert "| conversations | 30 days |" in text and "| chunks | no limit |" in text
    assert "**regions:** eu" in text and "**no training:** yes" in text
    assert "prompt: redact, reply: redact" in text
    assert "every part of the configuration was read" not in text, "there is no [logging] table"
