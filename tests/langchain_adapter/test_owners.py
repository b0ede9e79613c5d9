"""Whose values come back: threat P4, by what retrieved documents and tool results tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_piirag import RedactedChatModel, RedactedModel
from piirag import Policy, Redactor, Scrubber
from piirag.errors import ConfigurationError
from support.langchain_fakes import EchoChat

MINE, THEIRS = "mine@example.com", "theirs@example.com"
SCRUBBER = Scrubber(Policy(replies="allow"))
ASK = HumanMessage("What do we know?")
CALL = AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "1"}])

each_wrapper = pytest.mark.parametrize("wrapper", [RedactedModel, RedactedChatModel])


def _doc(text: str, **metadata: Any) -> Document:
    return Document(text, metadata=metadata)


def _result(*documents: Any, **kwargs: Any) -> ToolMessage:
    content = "\n\n".join(document.page_content for document in documents)
    return ToolMessage(content, tool_call_id="1", artifact=list(documents), **kwargs)


def _said(messages: list[BaseMessage], wrapper: Any = RedactedModel, **options: Any) -> str:
    """What alice is shown by a model that repeats what it was told."""
    viewer = options.pop("viewer", None)
    model = wrapper(EchoChat(seen=[]), scrubber=SCRUBBER, **options)
    reply = model.for_user("alice", viewer=viewer).invoke([ASK, CALL, *messages])
    return str(reply.content)


@each_wrapper
@pytest.mark.parametrize("tag", ["bob", "shared", "Alice", "", None, 7, ["alice"], {"$ne": "x"}])
def test_P4_a_document_of_somebody_else_or_of_all_is_not_restored(wrapper: Any, tag: Any) -> None:
    inner = EchoChat(seen=[])
    model = wrapper(inner, scrubber=SCRUBBER).for_user("alice")
    reply = model.invoke([ASK, CALL, _result(_doc(f"Write to {THEIRS}", user_id=tag))])
    assert THEIRS not in repr(inner.seen)
    assert reply.content.endswith("Write to [EMAIL_ADDRESS_1]")
    assert reply.response_metadata["piirag"]["refused"] == 1


@each_wrapper
@pytest.mark.parametrize(
    "tag", ["alice", SCRUBBER.vault.tenant_tag("alice")], ids=["clear", "keyed"]
)
def test_P4_the_users_own_document_is_restored(wrapper: Any, tag: str) -> None:
    assert _said([_result(_doc(MINE, user_id=tag))], wrapper).endswith(MINE)


def test_a_result_without_a_tag_counts_as_the_users_own() -> None:
    assert _said([_result(_doc(MINE, page=3))]).endswith(MINE)
    assert _said([ToolMessage(MINE, tool_call_id="1")]).endswith(MINE)


def test_P4_where_others_bear_a_tag_a_document_without_one_is_shared() -> None:
    mixed = _result(_doc(f"first {THEIRS}", page=1), _doc(f"then {MINE}", user_id="alice"))
    assert _said([mixed]).endswith(f"first [EMAIL_ADDRESS_1]\n\nthen {MINE}")


@each_wrapper
def test_P4_of_a_mixed_result_the_users_own_documents_are_restored(wrapper: Any) -> None:
    mixed = _result(_doc(f"first {THEIRS}", user_id="bob"), _doc(f"then {MINE}", user_id="alice"))
    assert _said([mixed], wrapper).endswith(f"first [EMAIL_ADDRESS_1]\n\nthen {MINE}")


def test_P4_what_the_user_says_too_is_restored() -> None:
    shared = _result(_doc(THEIRS, user_id="bob"))
    assert _said([shared, HumanMessage(f"is it {THEIRS}?")]).count(THEIRS) == 2


ARTIFACTS = {
    "a document": lambda d: d,
    "with scores": lambda d: [(d, 0.3)],
    "the result of a chain": lambda d: {"answer": "x", "context": [d]},
    "written out": lambda d: [{"page_content": d.page_content, "metadata": d.metadata}],
    "of another framework": lambda d: [type("Node", (), {"text": "x", "metadata": d.metadata})()],
    "in a loop": lambda d: _looped(d),
}


def _looped(document: Document) -> list[Any]:
    loop: list[Any] = [document]
    loop.append(loop)
    return loop


@pytest.mark.parametrize("shape", ARTIFACTS)
def test_P4_documents_are_found_in_every_shape_of_artifact(shape: str) -> None:
    for tag, shown in (("bob", "[EMAIL_ADDRESS_1]"), ("alice", THEIRS)):
        artifact = ARTIFACTS[shape](_doc(THEIRS, user_id=tag))
        message = ToolMessage(THEIRS, tool_call_id="1", artifact=artifact)
        assert _said([message]).endswith(shown)


def test_an_artifact_as_deep_as_can_be_is_searched() -> None:
    artifact: Any = _doc(THEIRS, user_id="bob")
    for _ in range(20_000):
        artifact = [artifact]
    message = ToolMessage(THEIRS, tool_call_id="1", artifact=artifact)
    assert _said([message]).endswith("[EMAIL_ADDRESS_1]")
    while isinstance(artifact, list):  # or freeing it would recurse
        artifact = artifact.pop()


def test_P4_an_artifact_that_fails_when_asked_is_nobodys() -> None:
    class Broken:
        @property
        def metadata(self) -> Any:
            raise OSError

    message = ToolMessage(THEIRS, tool_call_id="1", artifact=Broken())
    assert _said([message]).endswith("[EMAIL_ADDRESS_1]")


CONTENTS = {
    "blocks": lambda t, m: [{"type": "text", "text": t, "metadata": m}],
    "json": lambda t, m: json.dumps([{"page_content": t, "metadata": m}]),
    "repr": lambda t, m: str([Document(t, metadata=m)]),
}


@pytest.mark.parametrize("shape", CONTENTS)
def test_P4_documents_are_found_in_the_content(shape: str) -> None:
    for tag, shown in (("bob", False), ("alice", True)):
        content = CONTENTS[shape](THEIRS, {"page": 1, "user_id": tag, "part": 2})
        assert (THEIRS in _said([ToolMessage(content, tool_call_id="1")])) is shown


def test_P4_each_block_counts_for_itself() -> None:
    blocks: list[Any] = [
        {"type": "text", "text": THEIRS, "metadata": {"user_id": "bob"}},
        {"type": "text", "text": MINE, "metadata": {"user_id": "alice"}},
        {"type": "text", "text": "plain@example.com"},
    ]
    said = _said([ToolMessage(blocks, tool_call_id="1")])
    assert THEIRS not in said and MINE in said and "plain@example.com" in said


@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage, AIMessage])
def test_P4_a_message_may_say_whose_documents_it_quotes(kind: Any) -> None:
    for tag, shown in (("bob", False), ("alice", True)):
        by_kwargs = kind(THEIRS, additional_kwargs={"metadata": {"user_id": tag}})
        by_metadata = kind(THEIRS, response_metadata={"user_id": tag})
        by_field = kind(THEIRS, metadata={"user_id": tag})
        for message in (by_kwargs, by_metadata, by_field):
            assert (THEIRS in _said([message])) is shown


def test_P4_the_key_of_the_tag_can_be_named() -> None:
    theirs = _result(_doc(THEIRS, account="bob", user_id="alice"))
    assert _said([theirs], tenant_key="account").endswith("[EMAIL_ADDRESS_1]")
    assert _said([theirs]).endswith(THEIRS)


@each_wrapper
def test_P4_results_of_tools_over_shared_data_are_not_restored(wrapper: Any) -> None:
    options = {"shared_tools": ["search"]}
    hidden = "[EMAIL_ADDRESS_1]"
    untagged = ToolMessage(THEIRS, tool_call_id="1")
    assert _said([untagged], wrapper, **options).endswith(hidden)
    named = ToolMessage(THEIRS, tool_call_id="other", name="search")
    assert _said([named], wrapper, **options).endswith(hidden)
    assert _said([FunctionMessage(THEIRS, name="search")], wrapper, **options).endswith(hidden)
    other = ToolMessage(THEIRS, tool_call_id="other", name="mailbox")
    assert _said([other], wrapper, **options).endswith(THEIRS)
    assert _said([_result(_doc(MINE, user_id="alice"))], wrapper, **options).endswith(MINE)


def test_P4_another_viewer_gets_nothing_that_tools_or_instructions_say() -> None:
    messages = [SystemMessage("sys@example.com"), ToolMessage(THEIRS, tool_call_id="1")]
    said = _said([*messages, HumanMessage(MINE)], viewer="bob")
    assert said.endswith(f"[EMAIL_ADDRESS_1] | [EMAIL_ADDRESS_2] | {MINE}")
    bobs = _result(_doc(THEIRS, user_id="bob"))
    assert _said([bobs], viewer="bob").endswith(THEIRS)
    alices = _result(_doc(THEIRS, user_id="alice"))
    assert _said([alices], viewer="bob").endswith("[EMAIL_ADDRESS_1]")


def test_P4_a_tag_gives_nobody_the_values_of_anothers_vault() -> None:
    chunk = SCRUBBER.scrub(f"Write to {THEIRS}", user_id="alice").text
    assert "@" not in chunk
    for tag in ("alice", "bob"):
        assert THEIRS not in _said([_result(_doc(chunk, user_id=tag))], viewer="bob")
    assert _said([_result(_doc(chunk, user_id="alice"))]).endswith(THEIRS)
    assert THEIRS not in _said([_result(_doc(chunk, user_id="bob"))])


def test_P4_a_model_that_is_nobodys_restores_no_tagged_document() -> None:
    model = RedactedModel(EchoChat(seen=[]), Redactor(Policy(replies="allow")))
    tagged = _result(_doc(THEIRS, user_id="alice"))
    untagged = _result(_doc(MINE))
    reply = str(model.invoke([ASK, CALL, tagged, untagged]).content)
    assert reply.endswith(f"[EMAIL_ADDRESS_1] | {MINE}")
    named = RedactedModel(EchoChat(seen=[]), Redactor(Policy(replies="allow")), viewer="alice")
    assert str(named.invoke([ASK, CALL, tagged]).content).endswith(THEIRS)


def test_P4_arguments_of_an_allowed_tool_get_no_value_of_others_either() -> None:
    call = {"name": "mail", "args": {"to": "[EMAIL_ADDRESS_1]", "cc": "[EMAIL_ADDRESS_2]"}}

    class Calls(EchoChat):
        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            made = super()._generate(*args, **kwargs)
            made.generations[0].message.tool_calls = [{**call, "id": "2", "type": "tool_call"}]
            return made

    model = RedactedModel(Calls(seen=[]), scrubber=SCRUBBER, restore_tool_args=["mail"])
    theirs, mine = _doc(THEIRS, user_id="bob"), HumanMessage(MINE)
    reply = model.for_user("alice").invoke([ASK, CALL, _result(theirs), mine])
    assert reply.tool_calls[0]["args"] == {"to": "[EMAIL_ADDRESS_1]", "cc": MINE}


@each_wrapper
def test_P4_streams_give_no_more_than_whole_replies(wrapper: Any) -> None:
    model = wrapper(EchoChat(seen=[]), scrubber=SCRUBBER).for_user("alice")
    messages = [
        ASK,
        CALL,
        _result(_doc(THEIRS, user_id="bob"), _doc(MINE, user_id="alice")),
        HumanMessage("so?"),
    ]
    shown = "".join(chunk.content for chunk in model.stream(messages))
    assert shown == model.invoke(messages).content
    assert THEIRS not in shown and MINE in shown


@pytest.mark.parametrize(
    "wrong", [{"tenant_key": "user id"}, {"tenant_key": None}, {"shared_tools": "search"}]
)
@each_wrapper
def test_what_says_whose_it_is_is_checked(wrapper: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        wrapper(EchoChat(seen=[]), **wrong)


tags = st.sampled_from(["alice", "bob", "shared", None])


@given(st.lists(st.tuples(st.integers(0, 5), tags), max_size=6), st.sets(st.integers(0, 5)))
@settings(max_examples=40, deadline=None)
def test_P4_every_value_that_stands_in_a_text_of_the_users_comes_back_and_no_other(
    documents: list[tuple[int, str | None]], typed: set[int]
) -> None:
    """Values in documents of several owners, in the user's words, in both, in any order."""
    values = [f"value{n}@example.com" for n in range(6)]
    docs = [_doc(f"<{values[n]}>", **({"user_id": tag} if tag else {})) for n, tag in documents]
    words = HumanMessage(" ".join(values[n] for n in typed))
    said = _said([*(_result(doc) for doc in docs[:3]), _result(*docs[3:]), words])
    single, joint = documents[:3], documents[3:]
    own = {n for n, tag in single if tag in ("alice", None)} | typed
    tagged = any(tag for _, tag in joint)
    own |= {n for n, tag in joint if tag == "alice" or not tagged}
    for n, value in enumerate(values):
        assert (value in said) is (n in own)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_result", "content": [{"type": "text", "text": "ROWS"}]},
        {"type": "tool_result", "content": "ROWS"},
        {"type": "function_call_output", "output": [{"type": "text", "text": "ROWS"}]},
        {"type": "json", "json": {"user_id": "bob", "body": THEIRS}},
    ],
    ids=["blocks", "text", "output", "data"],
)
def test_P4_rows_of_others_within_a_block_are_not_restored(block: dict[str, Any]) -> None:
    rows = json.dumps([{"user_id": "bob", "body": THEIRS}])
    block = json.loads(json.dumps(block).replace('"ROWS"', json.dumps(rows)))
    assert THEIRS not in _said([ToolMessage([block], tool_call_id="1")])
