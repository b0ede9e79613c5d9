"""Conversations in an export: histories, checkpoints, stores and chat stores, whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store import SimpleChatStore

from langchain_piirag import ChatHistories, TenantCheckpointer, TenantStore
from llama_index_piirag import TenantChatStore
from piirag import MemoryVault, Scrubber
from piirag.erasure import delete_user, export_user, find_subject

Fill = Callable[[Any, str, str], None]


def _history(made: Any, user: str, text: str) -> None:
    history = made.get_session_history(user, f"talk of {user}")
    history.add_messages([HumanMessage(text), AIMessage([{"type": "text", "text": text}])])


def _checkpoint(made: Any, user: str, text: str) -> None:
    config = {"configurable": {"thread_id": f"talk of {user}", "checkpoint_ns": ""}}
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"messages": [HumanMessage(text)]}
    checkpoint["channel_versions"] = {"messages": 1}
    made.for_user(user).put(config, checkpoint, {"step": 1}, {"messages": 1})


def _store(made: Any, user: str, text: str) -> None:
    made.for_user(user).put(("facts", f"talk of {user}"), "one", {"text": text})


def _chat(made: Any, user: str, text: str) -> None:
    made.for_user(user).add_message(f"talk of {user}", ChatMessage(role="user", content=text))


CASES = {
    "chat history": (lambda s: ChatHistories(scrubber=s), _history, 2),
    "checkpointer": (lambda s: TenantCheckpointer(InMemorySaver(), scrubber=s), _checkpoint, 1),
    "store": (lambda s: TenantStore(InMemoryStore(), scrubber=s), _store, 1),
    "chat store": (lambda s: TenantChatStore(SimpleChatStore(), scrubber=s), _chat, 1),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_users_conversations_and_nobody_elses(kind: str) -> None:
    make, fill, count = CASES[kind]
    scrubber = Scrubber(vault=MemoryVault())
    made = make(scrubber)
    mails = {user: f"{user}.roe@example.org" for user in ("alice", "bob")}
    for user, mail in mails.items():
        fill(made, user, f"I am {mail}")
    for user, mail in mails.items():
        export = list(export_user(user, [made]).records())
        items = [r for r in export if r["record"] == "item"]
        assert len(items) == count
        told = json.dumps(items, ensure_ascii=False)
        assert told.count(f"I am {mail}") >= count
        assert f"talk of {user}" in told
        [other] = set(mails) - {user}
        assert other not in json.dumps(export)
        [target] = [r for r in export if r["record"] == "target" and r["kind"] == kind]
        assert (target["items"], target["complete"]) == (count, True)
        stored = json.dumps(list(export_user(user, [made], reveal=False).records()))
        assert f"I am {mail}" not in stored
        found = find_subject(mail, [made], tenants=["alice", "bob"])
        assert len(found.mentions) == count
        assert found.targets[0].editable == (kind in {"store", "chat store"})
    delete_user("alice", targets=[made])
    for user, left in (("alice", 0), ("bob", count)):
        export = list(export_user(user, [made]).records())
        assert len([r for r in export if r["record"] == "item" and r["kind"] == kind]) == left
