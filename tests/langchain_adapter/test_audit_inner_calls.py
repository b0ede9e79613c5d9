"""Models that are called inside a wrapper's call: only what the wrapper sent counts as redacted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_piirag import PIICallbackHandler, RedactedChatModel, RedactedModel
from piirag import Redactor, Scrubber
from piirag.errors import PIIBlockedError
from piirag.governance.audit import AuditLog
from support.audit_records import audit_log, decisions, records
from support.canary import Canaries
from support.langchain_fakes import EchoChat

MAIL = "jane.roe@example.com"
CANARIES = Canaries([MAIL])
WAYS = {
    "invoke": lambda m, x, c=None: m.invoke(x, c),
    "ainvoke": lambda m, x, c=None: asyncio.run(m.ainvoke(x, c)),
    "stream": lambda m, x, c=None: list(m.stream(x, c)),
    "batch": lambda m, x, c=None: m.batch([x], c),
}


@pytest.fixture
def log(tmp_path) -> Iterator[AuditLog]:
    with audit_log(tmp_path) as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("llm", [FakeListChatModel, FakeListLLM])
def test_what_a_chain_inside_the_wrapper_adds_is_redacted_for_the_record(llm, way, log) -> None:
    add = RunnableLambda(lambda _: f"customer {MAIL} asks")
    model = RedactedModel(add | llm(responses=[f"ask {MAIL}"]), Redactor(), audit=log)
    WAYS[way](model, "hi")
    [record] = records(log)
    assert "customer [EMAIL_ADDRESS_1] asks" in record["prompt"]
    assert "ask [EMAIL_ADDRESS_1]" in record["reply"]
    assert decisions(record)[0] == ("let_through", "prompt", {"EMAIL_ADDRESS": 1})
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("way", WAYS)
def test_another_models_call_keeps_its_own_user(way: str, log) -> None:
    scrubber = Scrubber()
    of_bob = PIICallbackHandler(audit=log, prompts="audit", scrubber=scrubber, user_id="bob")
    plain = FakeListChatModel(responses=[f"it is {MAIL}"])

    def nested(_: Any) -> AIMessage:
        plain.invoke(f"bob asks about {MAIL}", {"callbacks": [of_bob]})
        return AIMessage("fine")

    model = RedactedModel(RunnableLambda(nested), scrubber=scrubber, audit=log).for_user("alice")
    WAYS[way](model, "hello")
    found = records(log)
    assert [record["user"] for record in found] == [log.user_tag("bob")] * len(found) != []
    assert found[0]["prompt"].startswith("human: bob asks about [")
    assert CANARIES.scan_files(log.path.parent) == []


def test_a_handler_that_blocks_blocks_inside_a_wrapper(log) -> None:
    add = RunnableLambda(lambda _: f"customer {MAIL} asks")
    model = RedactedModel(add | EchoChat(seen=[]), Redactor())
    with pytest.raises(PIIBlockedError):
        model.invoke("hi", {"callbacks": [PIICallbackHandler(audit=log)]})
    [record] = records(log)
    assert record["outcome"] == "blocked"


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
INPUTS: dict[str, Any] = {
    "text": f"write to {MAIL}",
    "messages": [SystemMessage("be brief"), HumanMessage(f"write to {MAIL}")],
    "tuples": [("system", "be brief"), ("human", f"write to {MAIL}")],
    "dicts": [{"role": "user", "content": f"write to {MAIL}"}],
    "prompt": ChatPromptTemplate.from_messages([("human", "write to {m}")]).invoke({"m": MAIL}),
    "blocks": [HumanMessage([{"type": "text", "text": f"write to {MAIL}"}, PICTURE])],
}


CASES = [(kind, "chat", given) for kind in (RedactedModel, RedactedChatModel) for given in INPUTS]
CASES += [(RedactedModel, "retry", given) for given in INPUTS]
# Such a model takes texts only.
CASES += [(RedactedModel, "text", given) for given in INPUTS if given != "blocks"]


@pytest.mark.parametrize(("kind", "llm", "given"), CASES)
def test_what_the_wrapper_sent_is_known_in_every_form(kind: Any, llm: str, given: str, log) -> None:
    inner: Any = FakeListLLM(responses=["ok"]) if llm == "text" else EchoChat(seen=[], reply="ok")
    model = kind(inner, scrubber=Scrubber(), audit=log, allow_media=True).for_user("alice")
    if llm == "retry":
        model = model.with_retry()
    for way in WAYS.values():
        way(model, INPUTS[given])
    found = records(log)
    assert len(found) == len(WAYS)
    for record in found:
        assert record["user"] == log.user_tag("alice")
        assert decisions(record)[0] == ("redacted", "prompt", {"EMAIL_ADDRESS": 1})
        assert "write to [EMAIL_ADDRESS_1]" in record["prompt"]
