"""Whose values come back: threat P4, by what nodes, tool outputs and messages tell."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitableBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.base.response.schema import PydanticResponse, Response
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import Document, NodeWithScore, TextNode
from llama_index.core.tools import ToolOutput
from pydantic import BaseModel

from llama_index_piirag import RedactedLLM, ScrubbedMemory
from llama_index_piirag.owners import NOBODY, Owners, answering
from piirag import Policy, Redactor, Scrubber
from piirag.errors import ConfigurationError
from support.llama_fakes import FakeChatLLM

MINE, THEIRS = "mine@example.com", "theirs@example.com"
HIDDEN = "[EMAIL_ADDRESS_1]"
SCRUBBER = Scrubber(Policy(replies="allow"))
ASK = ChatMessage("What do we know?")
CALL = ChatMessage(
    role="assistant", blocks=[ToolCallBlock(tool_call_id="1", tool_name="search", tool_kwargs={})]
)


class Echo(FakeChatLLM):
    """Repeats all messages it gets."""

    def _said(self, messages: Any) -> str:
        return " | ".join(message.content or "" for message in messages)

    def chat(self, messages: Any, **kwargs: Any) -> Any:
        return super().chat([ChatMessage(self._said(messages))], **kwargs)

    def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return super().stream_chat([ChatMessage(self._said(messages))], **kwargs)


def _node(text: str, **metadata: Any) -> TextNode:
    return TextNode(text=text, metadata=metadata)


def _result(content: Any, /, **kwargs: Any) -> ChatMessage:
    blocks = content if isinstance(content, list) else [TextBlock(text=content)]
    return ChatMessage(
        role="tool", blocks=blocks, additional_kwargs={"tool_call_id": "1", **kwargs}
    )


def _quoting(*nodes: Any, **kwargs: Any) -> ChatMessage:
    """A tool's result that names its sources."""
    return _result("\n\n".join(n.get_content() for n in nodes), sources=list(nodes), **kwargs)


def _said(messages: list[ChatMessage], inner: Any = None, **options: Any) -> str:
    """What alice is shown by a model that repeats what it was told."""
    viewer = options.pop("viewer", None)
    llm = RedactedLLM(inner or Echo(), scrubber=SCRUBBER, **options)
    reply = llm.for_user("alice", viewer=viewer).chat([ASK, CALL, *messages])
    return str(reply.message.content)


@pytest.mark.parametrize("tag", ["bob", "shared", "Alice", "", None, 7, ["alice"], {"$ne": "x"}])
def test_P4_a_node_of_somebody_else_or_of_all_is_not_restored(tag: Any) -> None:
    inner = Echo()
    llm = RedactedLLM(inner, scrubber=SCRUBBER).for_user("alice")
    reply = llm.chat([ASK, CALL, _quoting(_node(f"Write to {THEIRS}", user_id=tag))])
    assert THEIRS not in repr(inner.messages)
    assert str(reply.message.content).endswith(f"Write to {HIDDEN}")
    assert reply.additional_kwargs["piirag"]["refused"] == 1
    # What tells whose text it is, is not sent.
    assert "sources" not in inner.messages[0][-1].additional_kwargs


@pytest.mark.parametrize(
    "tag", ["alice", SCRUBBER.vault.tenant_tag("alice")], ids=["clear", "keyed"]
)
def test_P4_the_users_own_node_is_restored(tag: str) -> None:
    assert _said([_quoting(_node(MINE, user_id=tag))]).endswith(MINE)


def test_a_result_without_a_tag_counts_as_the_users_own() -> None:
    assert _said([_quoting(_node(MINE, page=3))]).endswith(MINE)
    assert _said([_result(MINE)]).endswith(MINE)


def test_P4_of_a_mixed_result_the_users_own_nodes_are_restored() -> None:
    for other in ({}, {"user_id": "bob"}):
        mixed = _quoting(_node(f"first {THEIRS}", **other), _node(f"then {MINE}", user_id="alice"))
        said = _said([mixed])
        assert f"then {MINE}" in said and THEIRS not in said


def test_P4_what_the_user_says_too_is_restored() -> None:
    shared = _quoting(_node(THEIRS, user_id="bob"))
    assert _said([shared, ChatMessage(f"is it {THEIRS}?")]).count(THEIRS) == 2


class _Answer(BaseModel):
    text: str


SOURCES: dict[str, Any] = {
    "a node": lambda n: n,
    "a document": lambda n: Document(text=n.text, metadata=n.metadata),
    "with score": lambda n: NodeWithScore(node=n, score=0.5),
    "a document with score": lambda n: NodeWithScore(
        node=Document(text=n.text, metadata=n.metadata)
    ),
    "several": lambda n: [NodeWithScore(node=n)],
    "an answer": lambda n: Response(response="x", source_nodes=[NodeWithScore(node=n)]),
    "an object": lambda n: PydanticResponse(
        response=_Answer(text="x"), source_nodes=[NodeWithScore(node=n)]
    ),
    "a chat's answer": lambda n: AgentChatResponse(
        response="x", source_nodes=[NodeWithScore(node=n)]
    ),
    "an output": lambda n: ToolOutput(tool_name="t", content="x", raw_input={}, raw_output=[n]),
    "an answer in an output": lambda n: ToolOutput(
        tool_name="t",
        content="x",
        raw_input={},
        raw_output=Response(response="x", source_nodes=[NodeWithScore(node=n)]),
    ),
    "an output in an answer": lambda n: AgentChatResponse(
        response="x", sources=[ToolOutput(tool_name="t", content="x", raw_input={}, raw_output=[n])]
    ),
}


@pytest.mark.parametrize("shape", SOURCES)
def test_P4_nodes_are_found_in_every_shape_of_source(shape: str) -> None:
    for tag, shown in (("bob", HIDDEN), ("alice", THEIRS)):
        source = SOURCES[shape](_node(THEIRS, user_id=tag))
        assert _said([_result(THEIRS, source=source)]).endswith(shown)
        # The same in the raw output of a tool.
        owners = Owners("alice", scrubber=SCRUBBER, tenant="alice")
        output = ToolOutput(tool_name="search", content="x", raw_input={}, raw_output=source)
        owner, own = owners.of_output(output, "search")
        assert (owner is None) is (tag == "alice")
        assert own == ([THEIRS] if tag == "alice" else [])


def test_P4_arguments_of_a_tool_are_no_tags_and_its_data_are() -> None:
    owners = Owners("alice", scrubber=SCRUBBER, tenant="alice")
    data = {"user_id": "7781", "mail": MINE}
    output = ToolOutput(tool_name="crm", content=MINE, raw_input=data, raw_output=MINE)
    assert owners.of_output(output, "crm") == (None, [])
    nested = ToolOutput(tool_name="crm", content=MINE, raw_input={}, raw_output=[output])
    assert owners.of_output(nested, "crm") == (None, [])
    output = ToolOutput(tool_name="crm", content=str(data), raw_input={}, raw_output=data)
    assert owners.of_output(output, "crm") == (NOBODY, [])


def test_P4_a_source_that_fails_when_asked_is_nobodys() -> None:
    class Broken(TextNode):
        def get_content(self, *args: Any, **kwargs: Any) -> str:
            raise OSError

    broken = Broken(text="x", metadata={"user_id": "alice"})
    assert _said([_result(THEIRS, source=broken)]).endswith(HIDDEN)


CONTENTS: dict[str, Any] = {
    "json": lambda t, m: json.dumps([{"text": t, "metadata": m}]),
    "repr": lambda t, m: str([NodeWithScore(node=TextNode(text=t, metadata=m))]),
}


@pytest.mark.parametrize("shape", CONTENTS)
def test_P4_nodes_are_found_in_the_content(shape: str) -> None:
    for tag, shown in (("bob", False), ("alice", True)):
        content = CONTENTS[shape](THEIRS, {"page": 1, "user_id": tag, "part": 2})
        assert (THEIRS in _said([_result(content)])) is shown


class _Tagged(TextBlock):
    metadata: dict[str, Any]


def test_P4_each_block_counts_for_itself() -> None:
    inner = Echo()
    blocks: list[Any] = [
        _Tagged(text=THEIRS, metadata={"user_id": "bob"}),
        _Tagged(text=MINE, metadata={"user_id": "alice"}),
        CitableBlock(
            title="x",
            source="y",
            content=[_Tagged(text="cited@example.com", metadata={"user_id": "bob"})],
        ),
        ThinkingBlock(
            content="thought@example.com",
            additional_information={"metadata": {"user_id": "bob"}},
        ),
        TextBlock(text="plain@example.com"),
    ]
    said = _said([_result(blocks)], inner)
    assert THEIRS not in said and MINE in said and "plain@example.com" in said
    assert "example.com" not in repr(inner.messages)


@pytest.mark.parametrize("role", ["user", "system", "assistant", "tool"])
def test_P4_a_message_may_say_whose_nodes_it_quotes(role: str) -> None:
    for tag, shown in (("bob", False), ("alice", True)):
        for told in ({"metadata": {"user_id": tag}}, {"user_id": tag}):
            message = ChatMessage(THEIRS, role=role, additional_kwargs=told)
            assert (THEIRS in _said([message])) is shown


def test_P4_the_key_of_the_tag_can_be_named() -> None:
    theirs = _quoting(_node(THEIRS, account="bob", user_id="alice"))
    assert _said([theirs], tenant_key="account").endswith(HIDDEN)
    assert _said([theirs]).endswith(THEIRS)


def _function(name: str) -> Any:
    return SimpleNamespace(id="2", function=SimpleNamespace(name=name, arguments="{}"))


def _calling(*calls: Any) -> ChatMessage:
    return ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": list(calls)})


def test_P4_results_of_tools_over_shared_data_are_not_restored() -> None:
    options = {"shared_tools": ["search"]}
    assert _said([_result(THEIRS)], **options).endswith(HIDDEN)
    assert _said([_result(THEIRS, tool_call_id="other", name="search")], **options).endswith(HIDDEN)
    assert _said([_result(THEIRS, tool_call_id="other")], **options).endswith(THEIRS)
    assert _said([_result(THEIRS, name="mailbox")], **options).endswith(THEIRS)
    assert _said([_quoting(_node(MINE, user_id="alice"))], **options).endswith(MINE)


def test_who_answers_is_told_by_calls_of_every_form() -> None:
    raw = {"id": "3", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        CALL,
        _calling(_function("find"), raw, {"id": "4", "name": "grep"}, 5),
        *(_result("x", tool_call_id=id) for id in ("1", "2", "3", "4", "5")),
        _result("x", tool_call_id=["1"]),
        ChatMessage("x", additional_kwargs={"tool_call_id": "1"}),
    ]
    tools = answering(messages)
    assert tools == [None, None, "search", "find", "look", "grep", None, None, None]


def test_P4_an_observation_is_what_a_tool_says() -> None:
    """A ReAct agent without `RedactedAgent` writes results in the role of the user."""
    step = ChatMessage("Thought: hm\nAction: search\nAction Input: {}", role="assistant")
    seen = ChatMessage(f"Observation: {THEIRS}")
    assert _said([step, seen], shared_tools=["search"]).endswith(f"Observation: {HIDDEN}")
    assert _said([step, seen]).endswith(THEIRS)
    assert _said([step, seen], viewer="bob").endswith(f"Observation: {HIDDEN}")
    # Nobody called a tool: a person may write so.
    assert _said([seen], viewer="bob", shared_tools=["search"]).endswith(THEIRS)


def test_P4_another_viewer_gets_nothing_that_tools_or_instructions_say() -> None:
    messages = [ChatMessage("sys@example.com", role="system"), _result(THEIRS)]
    said = _said([*messages, ChatMessage(MINE)], viewer="bob")
    assert said.endswith(f"[EMAIL_ADDRESS_1] | [EMAIL_ADDRESS_2] | {MINE}")
    assert _said([_quoting(_node(THEIRS, user_id="bob"))], viewer="bob").endswith(THEIRS)
    assert _said([_quoting(_node(THEIRS, user_id="alice"))], viewer="bob").endswith(HIDDEN)


def test_P4_a_tag_gives_nobody_the_values_of_anothers_vault() -> None:
    chunk = SCRUBBER.scrub(f"Write to {THEIRS}", user_id="alice").text
    for tag in ("alice", "bob"):
        assert THEIRS not in _said([_quoting(_node(chunk, user_id=tag))], viewer="bob")
    assert _said([_quoting(_node(chunk, user_id="alice"))]).endswith(THEIRS)
    assert THEIRS not in _said([_quoting(_node(chunk, user_id="bob"))])


def test_P4_a_model_that_is_nobodys_restores_no_tagged_node() -> None:
    llm = RedactedLLM(Echo(), Redactor(Policy(replies="allow")))
    tagged, untagged = _quoting(_node(THEIRS, user_id="alice")), _quoting(_node(MINE))
    said = str(llm.chat([ASK, CALL, tagged, untagged]).message.content)
    assert said.endswith(f"{HIDDEN} | {MINE}")


@pytest.mark.parametrize("way", ["chat", "achat", "stream", "astream"])
async def test_P4_streams_give_no_more_than_whole_replies(way: str) -> None:
    llm = RedactedLLM(Echo(), scrubber=SCRUBBER).for_user("alice")
    nodes = _node(f"first {THEIRS}", user_id="bob"), _node(f"then {MINE}", user_id="alice")
    messages = [ASK, CALL, _quoting(*nodes), ChatMessage("so?")]
    if way == "chat":
        said = str(llm.chat(messages).message.content)
    elif way == "achat":
        said = str((await llm.achat(messages)).message.content)
    elif way == "stream":
        said = "".join(str(chunk.delta) for chunk in llm.stream_chat(messages))
    else:
        chunks = await llm.astream_chat(messages)
        said = "".join([str(chunk.delta) async for chunk in chunks])
    assert THEIRS not in said and f"then {MINE}" in said


def test_P4_a_copy_for_a_user_keeps_what_tells() -> None:
    theirs = [ASK, CALL, _result(THEIRS), _quoting(_node(f"or {THEIRS}", account="bob"))]
    llm = RedactedLLM(Echo(), scrubber=SCRUBBER, tenant_key="account", shared_tools={"search"})
    for bound in (llm.for_user("alice"), llm.for_user("bob").for_user("alice")):
        assert THEIRS not in str(bound.chat(theirs).message.content)
    sealed = llm.for_user("alice").sealed(SCRUBBER, "alice")
    assert str(sealed.chat(theirs).message.content).endswith(f"{HIDDEN} | or {HIDDEN}")


@pytest.mark.parametrize(
    "wrong", [{"tenant_key": "user id"}, {"tenant_key": None}, {"shared_tools": "search"}]
)
def test_what_says_whose_it_is_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RedactedLLM(Echo(), **wrong)
    memory = ChatMemoryBuffer.from_defaults(token_limit=3000)
    with pytest.raises(ConfigurationError):
        ScrubbedMemory(memory, scrubber=SCRUBBER, user_id="alice", **wrong)


tags = st.sampled_from(["alice", "bob", "shared", None])


@given(st.lists(st.tuples(st.integers(0, 5), tags), max_size=6), st.sets(st.integers(0, 5)))
@settings(max_examples=40, deadline=None)
def test_P4_every_value_that_stands_in_a_text_of_the_users_comes_back_and_no_other(
    documents: list[tuple[int, str | None]], typed: set[int]
) -> None:
    """Values in nodes of several owners, in the user's words, in both, in any order."""
    values = [f"value{n}@example.com" for n in range(6)]
    nodes = [_node(f"<{values[n]}>", **({"user_id": tag} if tag else {})) for n, tag in documents]
    words = ChatMessage(" ".join(values[n] for n in typed))
    said = _said([*(_quoting(node) for node in nodes[:3]), _quoting(*nodes[3:]), words])
    single, joint = documents[:3], documents[3:]
    own = {n for n, tag in single if tag in ("alice", None)} | typed
    tagged = any(tag for _, tag in joint)
    own |= {n for n, tag in joint if tag == "alice" or not tagged}
    for n, value in enumerate(values):
        assert (value in said) is (n in own)
