"""What a model says in a record: tokens stay, values in the clear do not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from langchain_piirag import PIICallbackHandler, RedactedChatModel, RedactedModel
from piirag import Policy, Redactor, Scrubber
from piirag.governance.audit import AuditLog
from support.audit_records import audit_log, records
from support.langchain_fakes import EchoChat

# Names are looked for by the model, too.
MODEL = True
KINDS = {"runnable": RedactedModel, "chat_model": RedactedChatModel}
WAYS = {
    "invoke": lambda m, x: m.invoke(x),
    "ainvoke": lambda m, x: asyncio.run(m.ainvoke(x)),
    "stream": lambda m, x: list(m.stream(x)),
    "batch": lambda m, x: m.batch([x]),
}
ASKED = "does Jane Roe of Acme Widgets GmbH (jane.roe@example.com) pay?"


@pytest.fixture
def log(tmp_path) -> Iterator[AuditLog]:
    with audit_log(tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "said",
    [
        "Jane Roe is here",
        "Jane is here",
        "jane roe is here",
        "jane was here",
        "Acme Widgets GmbH pays",
        "the login is jane.roe",
        "JANE.ROE@EXAMPLE.COM it is",
    ],
)
def test_what_the_model_repeats_of_the_prompt_is_not_recorded(kind, way, said, log) -> None:
    inner = FakeListChatModel(responses=[f"[PERSON_1]: {said}"])
    WAYS[way](KINDS[kind](inner, Redactor(), audit=log), ASKED)
    [record] = records(log)
    assert record["reply"].startswith("ai: [PERSON_1]: ")
    for value in ("jane", "roe", "acme"):
        assert value not in record["reply"].casefold()
    assert record["decisions"][-1]["reason"] == "values in the clear marked in the record"


@pytest.mark.parametrize("replies", ["allow", "redact"])
@pytest.mark.parametrize("said", ["zorbax-7 said hi", "Jane Roe said hi"])
def test_values_that_the_application_knows_are_not_recorded(said, replies, log) -> None:
    inner = FakeListChatModel(responses=[said])
    scrubber = Scrubber(Policy(replies=replies))
    known = {"PERSON": ["zorbax-7", "Jane Roe"]}
    RedactedModel(inner, scrubber=scrubber, user_id="a", known=known, audit=log).invoke(
        "does zorbax-7 know Jane Roe?"
    )
    [record] = records(log)
    assert record["reply"] == "ai: [PERSON] said hi"


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_and_names_of_tool_calls_are_not_recorded_in_the_clear(kind, log) -> None:
    call = {"name": "Jane_Roe", "args": {"q": "Jane Roe", "of": "[PERSON_1]"}, "id": "1"}
    inner = GenericFakeChatModel(messages=iter([AIMessage("", tool_calls=[call])]))
    KINDS[kind](inner, Redactor(), audit=log).invoke("who is Jane Roe?")
    [record] = records(log)
    assert "[PERSON_1]" in record["reply"]
    assert "roe" not in record["reply"].casefold()


def test_a_reply_of_tokens_is_searched_once(log, monkeypatch) -> None:
    """What has been looked at when it was restored is not looked at again for the record."""
    searched: list[str] = []
    redactor = Redactor()
    find = type(redactor.detector).detect

    def counted(self: Any, text: str, **options: Any) -> Any:
        searched.append(text)
        return find(self, text, **options)

    monkeypatch.setattr(type(redactor.detector), "detect", counted)
    model = RedactedModel(EchoChat(seen=[]), redactor, audit=log)
    model.invoke("write to Jane Roe today")
    with_log = len(searched)
    searched.clear()
    RedactedModel(EchoChat(seen=[]), redactor).invoke("write to Jane Roe today")
    assert len(searched) == with_log > 0
    [record] = records(log)
    assert record["reply"] == "ai: write to [PERSON_1] today"


def test_a_handler_beside_the_wrapper_records_no_more(log) -> None:
    model = RedactedModel(FakeListChatModel(responses=["Jane Roe"]), Redactor())
    model.invoke("who is Jane Roe?", {"callbacks": [PIICallbackHandler(audit=log)]})
    [record] = records(log)
    assert record["reply"] == "ai: [PERSON]"
