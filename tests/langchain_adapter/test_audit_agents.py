"""The audit log under agents: model calls and tools, redacted by the middleware."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_piirag import PIICallbackHandler, TenantVectorStore
from piirag import Scrubber
from piirag.errors import PiiragError
from piirag.governance.stamps import Stamp
from support.agents import ALICE, CANARIES, TEXT, kit, tokens_in
from support.audit_records import audit_log, decisions, records


def send_mail(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


def _calls(body: dict[str, Any]) -> list[tuple[str, Any]]:
    return [("send_mail", {"to": tokens_in(body)[0]})]


@pytest.mark.parametrize("mode", ["wire", "state"])
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream"])
def test_every_call_of_an_agent_is_recorded(mode: str, way: str, tmp_path) -> None:
    log = audit_log(tmp_path)
    handler = PIICallbackHandler(audit=log, prompts="audit", queries="audit")
    config: Any = {"callbacks": [handler], "configurable": {"thread_id": "t-1"}}
    ask = {"messages": [("user", TEXT)]}
    options = {"restore_tool_args": ["send_mail"]}
    reply = lambda body: "done, " + " ".join(tokens_in(body))  # noqa: E731
    with kit(mode, [send_mail], calls=_calls, reply=reply, options=options) as agent:
        if way == "invoke":
            agent.users.invoke(ask, config, context=ALICE)
        elif way == "ainvoke":
            asyncio.run(agent.users.ainvoke(ask, config, context=ALICE))
        else:
            list(agent.users.stream(ask, config, context=ALICE, stream_mode="updates"))
    first, second = records(log, "model_call")
    for record in (first, second):
        assert record["outcome"] == "ok"
        assert record["user"] == log.user_tag("alice")
        assert record["session"].startswith("s_")
        assert decisions(record)[0][:2] == ("redacted", "prompt")
    assert decisions(second)[-1] == ("let_through", "reply", {"RESTORED": 1})
    [tool] = records(log, "decision")
    assert tool["gen_ai.operation.name"] == "execute_tool"
    assert tool["decisions"][0]["where"] == "tool send_mail"
    assert CANARIES.scan_files(log.path.parent) == []


@pytest.mark.parametrize("mode", ["wire", "state"])
def test_the_label_of_what_a_tool_read_stands_in_the_reply(mode: str) -> None:
    scrubber = Scrubber()
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    stamp = Stamp("importer", label="restricted")
    view = TenantVectorStore(inner, scrubber=scrubber, stamp=stamp).for_user("alice")
    view.add_documents([Document("The contract with the other company ends in May.")])

    def look_up(to: str) -> str:
        """Look something up."""
        return view.similarity_search("contract", k=1)[0].page_content

    calls = lambda body: [("look_up", {"to": "x"})]  # noqa: E731
    with kit(mode, [look_up], calls=calls, reply=lambda body: "May", scrubber=scrubber) as agent:
        out = agent.users.invoke({"messages": [("user", "when?")]}, context=ALICE)
    first, last = (m for m in out["messages"] if isinstance(m, AIMessage))
    assert "label" not in first.response_metadata["piirag"]
    assert last.response_metadata["piirag"]["label"] == "restricted"


def test_a_model_call_that_the_middleware_refuses_is_recorded(tmp_path) -> None:
    log = audit_log(tmp_path)
    config: Any = {"callbacks": [PIICallbackHandler(audit=log)]}
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    with kit("wire") as agent:
        with pytest.raises(PiiragError):
            agent.users.invoke(
                {"messages": [("user", [{"type": "text", "text": TEXT}, image])]},
                config,
                context=ALICE,
            )
        assert agent.server.requests == []
    [record] = records(log)
    assert (record["outcome"], record["user"]) == ("blocked", log.user_tag("alice"))
    assert CANARIES.scan_files(log.path.parent) == []


def test_a_tool_that_fails_is_recorded(tmp_path) -> None:
    def fails(to: str) -> str:
        """Send a mail."""
        raise ValueError(f"cannot send to {to}")

    log = audit_log(tmp_path)
    config: Any = {"callbacks": [PIICallbackHandler(audit=log)]}
    calls = lambda body: [("fails", {"to": tokens_in(body)[0]})]  # noqa: E731
    with kit("wire", [fails], calls=calls) as agent, pytest.raises(PiiragError):
        agent.users.invoke({"messages": [("user", TEXT)]}, config, context=ALICE)
    [tool] = records(log, "decision")
    assert (tool["outcome"], tool["error.type"]) == ("error", "builtins.ValueError")
    assert CANARIES.scan_files(log.path.parent) == []
