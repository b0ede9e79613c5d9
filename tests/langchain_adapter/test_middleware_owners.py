"""PIIRedactionMiddleware and whose values come back, in both modes: threat P4."""

from __future__ import annotations

import asyncio
from typing import Any, NotRequired

import pytest
from langchain.agents import AgentState, create_agent
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.tools import create_retriever_tool, tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_piirag import PIIRedactionMiddleware
from piirag import Redactor, Scrubber
from support.agents import ALICE, ANY_TOKEN, Context, kit
from support.langchain_fakes import FixedRetriever

MINE, THEIRS = "mine@example.com", "theirs@example.com"
ASK = {"messages": [("user", "What do we know?")]}
MODES = pytest.mark.parametrize("mode", ["wire", "state"])


def _search(*documents: Document) -> Any:
    return create_retriever_tool(
        FixedRetriever(docs=list(documents)),
        "search",
        "Search.",
        response_format="content_and_artifact",
    )


def _doc(text: str, tag: Any = None) -> Document:
    return Document(text, metadata={} if tag is None else {"user_id": tag})


def _repeat(body: Any) -> str:
    return "It says: " + str([m["content"] for m in body["messages"] if m["role"] == "tool"][-1])


def _agent(mode: str, tools: list[Any], **options: Any) -> Any:
    return kit(
        mode,
        tools,
        reply=_repeat,
        calls=lambda body: [("search", {"query": "x"})],
        options=options,
        checkpointer=InMemorySaver(),
    )


def _thread(name: str = "1") -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


def _answers(k: Any) -> dict[str, str]:
    """What alice reads in the end, by the way she asks."""

    async def asynchronous() -> dict[str, str]:
        whole = await k.users.ainvoke(ASK, _thread("a"), context=ALICE)
        parts = k.users.astream(ASK, _thread("b"), context=ALICE, stream_mode="messages")
        events = k.users.astream_events(ASK, _thread("c"), context=ALICE, version="v2")
        return {
            "ainvoke": whole["messages"][-1].text,
            "astream": "".join([c.text for c, m in [p async for p in parts] if _is_ai(c)]),
            "events": "".join(
                [
                    e["data"]["chunk"].text
                    for e in [e async for e in events]
                    if e["event"] == "on_chat_model_stream"
                ]
            ),
        }

    whole = k.users.invoke(ASK, _thread("d"), context=ALICE)
    parts = list(k.users.stream(ASK, _thread("e"), context=ALICE, stream_mode="messages"))
    return {
        "invoke": whole["messages"][-1].text,
        "stream": "".join(c.text for c, _ in parts if _is_ai(c)),
        **asyncio.run(asynchronous()),
    }


def _is_ai(message: Any) -> bool:
    return message.type in {"ai", "AIMessageChunk"}


@MODES
def test_P4_what_a_tool_found_in_documents_of_others_is_not_restored(mode: str) -> None:
    for tag in ("bob", "shared"):
        with _agent(mode, [_search(_doc(f"Write to {THEIRS}.", tag))]) as k:
            for way, text in _answers(k).items():
                assert THEIRS not in text, way
                assert text.startswith("It says: Write to [EMAIL_ADDRESS"), way
            assert THEIRS.encode() not in k.wire


@MODES
@pytest.mark.parametrize("tag", ["alice", None])
def test_P4_what_a_tool_found_in_the_users_own_is_restored(mode: str, tag: Any) -> None:
    with _agent(mode, [_search(_doc(f"Write to {MINE}.", tag))]) as k:
        assert set(_answers(k).values()) == {f"It says: Write to {MINE}."}
        assert MINE.encode() not in k.wire


@MODES
def test_P4_of_a_mixed_result_the_users_own_documents_are_restored(mode: str) -> None:
    found = _search(_doc(f"Write to {THEIRS}.", "bob"), _doc(f"Or to {MINE}.", "alice"))
    with _agent(mode, [found]) as k:
        for way, text in _answers(k).items():
            assert THEIRS not in text and MINE in text, way


@MODES
def test_P4_what_the_user_says_too_is_restored(mode: str) -> None:
    with _agent(mode, [_search(_doc(f"Write to {THEIRS}.", "bob"))]) as k:
        ask = {"messages": [("user", f"Who is {THEIRS}?")]}
        out = k.users.invoke(ask, _thread(), context=ALICE)
        assert out["messages"][-1].text == f"It says: Write to {THEIRS}."


@MODES
def test_P4_in_later_turns_either(mode: str) -> None:
    with _agent(mode, [_search(_doc(f"Write to {THEIRS}.", "bob"))]) as k:
        for _ in range(2):
            out = k.users.invoke(ASK, _thread(), context=ALICE)
            assert all(THEIRS not in m.text for m in out["messages"] if _is_ai(m))


@MODES
def test_P4_tools_over_shared_data_can_be_named(mode: str) -> None:
    @tool
    def search(query: str) -> str:
        """Search."""
        return f"Write to {THEIRS}."

    with _agent(mode, [search], shared_tools=["search"]) as k:
        assert all(THEIRS not in text for text in _answers(k).values())
    with _agent(mode, [search]) as k:
        assert set(_answers(k).values()) == {f"It says: Write to {THEIRS}."}


@pytest.mark.parametrize("artifacts", ["scrub", "drop"])
def test_P4_a_redacted_state_shows_no_documents_of_others(artifacts: str) -> None:
    """The state's tokens are the user's; of others' documents they are shown as they are."""

    @tool(response_format="content_and_artifact")
    def search(query: str) -> Any:
        """Search."""
        found = _doc(f"Write to {THEIRS}.", "bob")
        return found.page_content, [found]

    with _agent("state", [search], artifacts=artifacts) as k:
        seen = [k.users.invoke(ASK, _thread(), context=ALICE)]
        for stream_mode in ("values", "updates", "messages", "tasks", "debug"):
            seen += k.users.stream(ASK, _thread(), context=ALICE, stream_mode=stream_mode)
        seen.append(k.users.get_state(_thread(), context=ALICE))
        seen += k.users.get_state_history(_thread(), context=ALICE)

        async def events() -> list[Any]:
            made = k.users.astream_events(ASK, _thread("2"), context=ALICE, version="v2")
            return [event async for event in made]

        seen += asyncio.run(events())
        assert THEIRS not in repr(seen)
        message = next(m for m in seen[0]["messages"] if isinstance(m, ToolMessage))
        assert ANY_TOKEN.search(message.text)
        if artifacts == "scrub":
            assert message.artifact[0].metadata == {"user_id": "bob"}


@pytest.mark.parametrize("artifacts", ["scrub", "drop"])
def test_a_redacted_state_shows_the_users_own_documents(artifacts: str) -> None:
    with _agent("state", [_search(_doc(f"Write to {MINE}.", "alice"))], artifacts=artifacts) as k:
        out = k.users.invoke(ASK, _thread(), context=ALICE)
        message = next(m for m in out["messages"] if isinstance(m, ToolMessage))
        assert message.text == f"Write to {MINE}."
        if artifacts == "drop":
            assert message.artifact is None


def test_P4_of_a_mixed_result_a_redacted_state_shows_the_users_own() -> None:
    found = _search(_doc(f"Write to {THEIRS}.", "bob"), _doc(f"Or to {MINE}.", "alice"))
    with _agent("state", [found]) as k:
        out = k.users.invoke(ASK, _thread(), context=ALICE)
        message = next(m for m in out["messages"] if isinstance(m, ToolMessage))
        assert message.text.endswith(f".\n\nOr to {MINE}.")
        assert THEIRS not in repr(message)


def test_P4_documents_in_a_redacted_state_are_shown_to_whom_they_belong() -> None:
    class State(AgentState[Any]):
        context: NotRequired[list[Document]]

    with kit("state", reply=lambda b: "fine", state_schema=State) as k:
        found = [_doc(THEIRS, "bob"), _doc(MINE, "alice"), _doc("any@example.com")]
        out = k.users.invoke({**ASK, "context": found}, context=ALICE)
        shown = [document.page_content for document in out["context"]]
        assert ANY_TOKEN.fullmatch(shown[0])
        assert shown[1:] == [MINE, "any@example.com"]


def test_P4_a_tag_that_a_redacted_state_holds_as_a_token_still_names_its_user() -> None:
    for tag, shown in (("jane.roe@example.com", True), ("bob@example.com", False)):
        with _agent("state", [_search(_doc(f"Write to {MINE}.", tag))]) as k:
            out = k.users.invoke(ASK, _thread(), context=Context("jane.roe@example.com"))
            assert (MINE in out["messages"][-1].text) is shown


def test_P4_without_a_vault_the_context_names_the_reader() -> None:
    for tag, shown in (("alice", True), ("bob", False)):
        with kit(calls=lambda body: [("search", {"query": "x"})], reply=_repeat) as k:
            middleware = PIIRedactionMiddleware(Redactor())
            found = _search(_doc(f"Write to {MINE}.", tag))
            agent = create_agent(_model(k), [found], middleware=[middleware])
            out = agent.invoke(ASK, context={"user_id": "alice"})
            assert (MINE in out["messages"][-1].text) is shown
            nobody = agent.invoke(ASK)["messages"][-1].text
            assert MINE not in nobody


def _model(k: Any) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(base_url=k.server.url, api_key="x", model="m", max_retries=0)


def test_P4_a_tool_that_is_allowed_values_gets_none_of_others() -> None:
    got: list[str] = []

    @tool
    def send(to: str) -> str:
        """Send."""
        got.append(to)
        return "sent"

    def calls(body: Any) -> list[tuple[str, Any]]:
        return [("search", {"query": "x"})]

    def next_calls(body: Any) -> list[tuple[str, Any]]:
        return [("send", {"to": "[EMAIL_ADDRESS_1]"}), ("send", {"to": "[EMAIL_ADDRESS_2]"})]

    found = _search(_doc(f"Write to {THEIRS}.", "bob"))
    for mode in ("wire", "state"):
        with _agent(mode, [found, send], restore_tool_args=["send"]) as k:
            k.users.invoke(ASK, _thread(), context=ALICE)
            k.server.tool_reply = next_calls
            got.clear()
            ask = {"messages": [("user", f"Also {MINE}")]}
            k.users.invoke(ask, _thread(), context=ALICE)
            assert sorted(got)[1] == MINE
            assert THEIRS not in got


def test_what_says_whose_it_is_is_checked() -> None:
    from piirag.errors import ConfigurationError

    for wrong in ({"tenant_key": "user id"}, {"shared_tools": "search"}):
        with pytest.raises(ConfigurationError):
            PIIRedactionMiddleware(scrubber=Scrubber(), **wrong)
