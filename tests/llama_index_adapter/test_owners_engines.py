"""Whose values come back (threat P4) from nodes that engines, synthesizers and tools are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.base.response.schema import Response
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import CustomQueryEngine, RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import Document, NodeRelationship, NodeWithScore, QueryBundle, TextNode
from llama_index.core.tools import FunctionTool, QueryEngineTool, RetrieverTool

from llama_index_piirag import (
    PIINodePostprocessor,
    RedactedAgent,
    RedactedChatEngine,
    RedactedLLM,
)
from piirag import MemoryVault, Policy, Scrubber
from piirag.errors import ConfigurationError, TenancyError
from support.llama_fakes import FakeChatLLM
from support.llama_server import model_over
from support.openai_server import Json, OpenAIServer

MODEL = True  # what a name's token looks like is what a model of names may stumble over
MINE, THEIRS, OURS = "Marta Kowalczyk", "Ottoline Quenneville", "joe@plumbers.com"
KNOWN = {"PERSON": [MINE, THEIRS]}
QUIET = Policy(replies="allow", quasi_identifiers="off", special_categories="off")


@pytest.fixture
def scrubber() -> Scrubber:
    return Scrubber(QUIET, vault=MemoryVault())


def found(**more: Any) -> list[NodeWithScore]:
    """The user's own node, somebody else's, and one of all, under a key."""
    key = more.get("key", "user_id")
    nodes = [
        TextNode(id_="n1", text=f"The kettle is from {MINE}.", metadata={key: "u1"}),
        TextNode(id_=f"of-{THEIRS}", text=f"The parcel is for {THEIRS}.", metadata={key: "u2"}),
        Document(id_="n3", text=f"The plumber is {OURS}.", metadata={key: "shared"}),
    ]
    return [NodeWithScore(node=node, score=0.5) for node in nodes]


class Finds(BaseRetriever):
    """Finds the same whatever is asked."""

    def __init__(self, nodes: list[NodeWithScore] | None = None) -> None:
        super().__init__()
        self._nodes = found() if nodes is None else nodes

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._nodes


def only_mine(shown: str) -> None:
    """The values of the user's own node are there, and no other."""
    assert MINE in shown
    assert THEIRS not in shown and "Quenneville" not in shown and OURS not in shown
    assert "[PERSON " in shown and "[EMAIL_ADDRESS " in shown and "[[" not in shown


# The postprocessor, query engines, synthesizers


def test_T11_nodes_of_others_are_refused_unless_they_are_to_be_hidden(scrubber: Scrubber) -> None:
    with pytest.raises(TenancyError):
        PIINodePostprocessor(scrubber, user_id="u1").postprocess_nodes(found())
    with pytest.raises(ConfigurationError):
        PIINodePostprocessor(scrubber, user_id="u1", others="show")  # type: ignore[arg-type]


def test_P4_values_of_others_become_tokens_that_nobody_turns_back(scrubber: Scrubber) -> None:
    nodes = found()
    nodes[1].node.relationships[NodeRelationship.SOURCE] = nodes[0].node.as_related_node_info()
    nodes[1].node.embedding = [0.5]
    before = [n.to_dict() for n in nodes]
    post = PIINodePostprocessor(scrubber, user_id="u1", others="hide")
    own, theirs, ours = post.postprocess_nodes(nodes)
    assert [n.to_dict() for n in nodes] == before
    for node in (own, theirs, ours):
        for value in (MINE, THEIRS, OURS):
            assert value not in json.dumps(node.to_dict())
    assert MINE in scrubber.reveal(own.get_content(), user_id="u1")
    for node in (theirs, ours):
        assert scrubber.reveal(node.get_content(), user_id="u1") == node.get_content()
        assert "user_id" not in node.node.get_content(metadata_mode="llm")
        assert node.metadata["user_id"] not in ("u1", None) and node.node.relationships == {}
    assert theirs.node.embedding is None and theirs.score == 0.5
    # The same tokens every time, and the user's own words make them the user's.
    again = post.postprocess_nodes(found())
    assert [n.get_content() for n in again] == [n.get_content() for n in (own, theirs, ours)]
    scrubber.scrub(f"Is it {OURS}?", user_id="u1")
    assert OURS in scrubber.reveal(ours.get_content(), user_id="u1")


def test_P4_where_others_bear_a_tag_a_node_without_one_is_shared(scrubber: Scrubber) -> None:
    post = PIINodePostprocessor(scrubber, user_id="u1", others="hide", tenant_key="account")
    nodes = [TextNode(text=f"ask {OURS}"), TextNode(text=f"ask {MINE}", metadata={"account": "u1"})]
    hidden, own = (
        n.get_content() for n in post.postprocess_nodes([NodeWithScore(node=n) for n in nodes])
    )
    assert OURS not in scrubber.reveal(hidden, user_id="u1")
    assert MINE in scrubber.reveal(own, user_id="u1")
    [alone] = post.postprocess_nodes([NodeWithScore(node=nodes[0])])
    assert OURS in scrubber.reveal(alone.get_content(), user_id="u1")


def test_a_tag_may_be_the_keyed_hash_of_the_user(scrubber: Scrubber) -> None:
    tag = scrubber.vault.tenant_tag("u1")
    node = NodeWithScore(node=TextNode(text=f"ask {MINE}", metadata={"user_id": tag}))
    post = PIINodePostprocessor(scrubber, user_id="u1", others="hide")
    [own] = post.postprocess_nodes([node])
    assert MINE in scrubber.reveal(own.get_content(), user_id="u1")


@pytest.mark.parametrize(
    "mode", [ResponseMode.COMPACT, ResponseMode.REFINE, ResponseMode.GENERATION]
)
async def test_P4_a_query_engine_shows_the_users_own_values(mode: Any, scrubber: Scrubber) -> None:
    inner = FakeChatLLM()
    llm = RedactedLLM(inner, scrubber=scrubber).for_user("u1")
    engine = RetrieverQueryEngine.from_args(
        Finds(),
        llm=llm,
        response_mode=mode,
        node_postprocessors=[PIINodePostprocessor(scrubber, user_id="u1", others="hide")],
    )
    for answer in (engine.query("Who?"), await engine.aquery("Who?")):
        for value in (MINE, THEIRS, OURS):
            assert value not in "".join(inner.prompts)
        assert THEIRS not in str(answer) and OURS not in str(answer)
        if mode == ResponseMode.COMPACT:
            only_mine(str(answer))


def test_P4_a_synthesizer_is_given_hidden_nodes(scrubber: Scrubber) -> None:
    llm = RedactedLLM(FakeChatLLM(), scrubber=scrubber).for_user("u1")
    nodes = PIINodePostprocessor(scrubber, user_id="u1", others="hide").postprocess_nodes(found())
    synthesizer = get_response_synthesizer(llm=llm)
    shown = str(synthesizer.synthesize("Who?", nodes=nodes))
    assert MINE in shown
    assert THEIRS not in shown and OURS not in shown
    only_mine(shown)


# Chat engines


@pytest.mark.parametrize("kind", [ContextChatEngine, CondensePlusContextChatEngine])
@pytest.mark.parametrize("key", ["user_id", "account"])
async def test_P4_a_chat_engine_shows_the_users_own_values(
    kind: Any, key: str, scrubber: Scrubber
) -> None:
    class Repeats(FakeChatLLM):
        def chat(self, messages: Any, **kwargs: Any) -> Any:
            text = " | ".join(m.content or "" for m in messages)
            return super().chat([ChatMessage(text)], **kwargs)

    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    made = kind.from_defaults(retriever=Finds(found(key=key)), llm=Repeats(), memory=memory)
    engine = RedactedChatEngine(made, scrubber=scrubber, user_id="u1", tenant_key=key)
    answer = engine.chat("Who?")
    only_mine(str(answer))
    assert [n.node.metadata.get(key) is None for n in answer.source_nodes] == [True, False, False]
    only_mine(str(await engine.achat("Who, again?")))
    shown = " ".join(str(m.content) for m in engine.chat_history)
    only_mine(shown)
    # Another process, the same vault and memory.
    made = kind.from_defaults(retriever=Finds(found(key=key)[:1]), llm=Repeats(), memory=memory)
    later = RedactedChatEngine(
        made, scrubber=Scrubber(QUIET, vault=scrubber.vault), user_id="u1", tenant_key=key
    )
    assert MINE in str(later.chat("And now?"))
    shown += " ".join(str(m.content) for m in later.chat_history)
    assert THEIRS not in shown and OURS not in shown
    # What the user says is the user's.
    assert OURS in str(later.chat(f"Is it {OURS}?"))


# Agents


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(reply=_repeats, tool_reply=lambda body: [("look", {"input": "who"})]) as made:
        yield made


def _repeats(body: Json) -> str:
    return " | ".join(
        str(m.get("content") or "") for m in body["messages"] if m["role"] != "system"
    )


class _Answers(CustomQueryEngine):
    """An answer with its sources."""

    def custom_query(self, query_str: str) -> Any:
        text = " ".join(n.node.get_content() for n in found())
        return Response(response=f"So: {text}", source_nodes=found())


def _tools(kind: str) -> Any:
    if kind == "retriever":
        return RetrieverTool.from_defaults(Finds(), name="look", description="Look.")
    if kind == "query engine":
        return QueryEngineTool.from_defaults(_Answers(), name="look", description="Look.")

    def look(input: str) -> list[NodeWithScore]:
        """Look."""
        return found()

    return FunctionTool.from_defaults(look)


@pytest.mark.parametrize("kind", ["retriever", "query engine", "function"])
async def test_P4_an_agent_shows_the_users_own_values(
    kind: str, server: OpenAIServer, scrubber: Scrubber
) -> None:
    made = FunctionAgent(llm=model_over(server), tools=[_tools(kind)])
    agent = RedactedAgent(made, scrubber=scrubber, user_id="u1")
    memory = ChatMemoryBuffer.from_defaults(token_limit=9000)
    run = agent.run("Who?", memory=memory)
    events = [event async for event in run.stream_events()]
    shown = str(await run)
    assert MINE in shown and THEIRS not in shown and OURS not in shown
    [done] = [e for e in events if isinstance(e, ToolCallResult)]
    for event in events:
        assert THEIRS not in repr(event) and OURS not in repr(event)
    assert MINE in done.tool_output.content
    wire = b"".join(request.wire for request in server.requests).decode()
    for value in (MINE, THEIRS, OURS):
        assert value not in wire
    # Nor later, out of the memory, in another process.
    later = RedactedAgent(made, scrubber=Scrubber(QUIET, vault=scrubber.vault), user_id="u1")
    server.tool_reply = None
    again = str(await later.run("And now?", memory=memory))
    assert MINE in again and THEIRS not in again and OURS not in again


async def test_P4_tools_over_shared_data_are_named(
    server: OpenAIServer, scrubber: Scrubber
) -> None:
    def look(input: str) -> str:
        """Look."""
        return f"The plumber is {OURS}."

    for kind in (FunctionAgent, ReActAgent):
        if kind is ReActAgent:
            server.tool_reply = None
            server.reply = lambda body: (
                f"Thought: x\nAnswer: {_repeats(body)}"
                if "Observation:" in _repeats(body)
                else 'Thought: x\nAction: look\nAction Input: {"input": "who"}'
            )
        made = kind(llm=model_over(server), tools=[FunctionTool.from_defaults(look)])
        agent = RedactedAgent(made, scrubber=scrubber, user_id="u1", shared_tools=["look"])
        shown = str(await agent.run("Who?"))
        assert "The plumber is [EMAIL_ADDRESS" in shown and OURS not in shown
        # What the user says, too, is the user's.
        assert str(await agent.run(f"Is it {OURS}?")).count(OURS) >= 1
        scrubber = Scrubber(QUIET, vault=MemoryVault())
        named = RedactedAgent(made, scrubber=Scrubber(QUIET), user_id="u1")
        assert OURS in str(await named.run("Who?"))


async def test_P4_another_viewer_reads_what_bears_their_tag(
    server: OpenAIServer, scrubber: Scrubber
) -> None:
    def look(input: str) -> list[NodeWithScore]:
        """Look."""
        return found()[1:2]

    made = FunctionAgent(llm=model_over(server), tools=[FunctionTool.from_defaults(look)])
    for viewer, seen in (("u2", True), ("u3", False)):
        agent = RedactedAgent(made, scrubber=scrubber, user_id="u1", viewer=viewer)
        assert (THEIRS in str(await agent.run("Who?"))) is seen


@pytest.mark.parametrize("wrong", [{"tenant_key": "user id"}, {"shared_tools": "look"}])
def test_what_says_whose_it_is_is_checked(wrong: dict[str, Any], scrubber: Scrubber) -> None:
    with pytest.raises(ConfigurationError):
        RedactedAgent(FunctionAgent(llm=FakeChatLLM()), scrubber=scrubber, user_id="u1", **wrong)
