"""A policy over checkpoints, long-term memory and LlamaIndex's chat stores, which have no limit."""

from __future__ import annotations

from typing import Any

import pytest

from piirag import MemoryVault, Scrubber
from piirag.governance.retention import RetentionPolicy, RetentionRunner

pytest.importorskip("langgraph")
pytest.importorskip("llama_index.core")

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from llama_index.core.llms import ChatMessage
from llama_index.core.storage.chat_store import SimpleChatStore

from langchain_piirag import TenantCheckpointer, TenantStore
from llama_index_piirag import TenantChatStore

DAY = 86_400.0
NOW = 1_700_000_000.0
LIMIT = NOW - 30 * DAY
# Just over, at the limit itself, and young.
TIMES = [LIMIT - 40 * DAY, LIMIT - 0.001, LIMIT, NOW - 1]


class _Checkpoints:
    def __init__(self, **options: Any) -> None:
        self.target = TenantCheckpointer(InMemorySaver(), **options)

    def write(self, name: str) -> None:
        config: Any = {"configurable": {"thread_id": name, "checkpoint_ns": ""}}
        metadata: Any = {"source": "input", "step": 1, "parents": {}}
        self.target.for_user("alice").put(config, empty_checkpoint(), metadata, {})

    def left(self) -> set[str]:
        found = self.target.for_user("alice").list(None)
        return {tuple_.config["configurable"]["thread_id"] for tuple_ in found}


class _Items:
    def __init__(self, **options: Any) -> None:
        self.target = TenantStore(InMemoryStore(), **options)

    def write(self, name: str) -> None:
        self.target.for_user("alice").put(("notes",), name, {"text": "hello"})

    def left(self) -> set[str]:
        return {item.key for item in self.target.for_user("alice").search(("notes",))}


class _Chats:
    def __init__(self, **options: Any) -> None:
        self.target = TenantChatStore(SimpleChatStore(), **options)

    def write(self, name: str) -> None:
        self.target.for_user("alice").add_message("s", ChatMessage(name))

    def left(self) -> set[str]:
        return {str(m.content) for m in self.target.for_user("alice").get_messages("s")}


@pytest.mark.parametrize("kind", [_Checkpoints, _Items, _Chats])
def test_a_policy_is_the_limit_where_the_store_has_none(kind: Any) -> None:
    now = [0.0]
    store = kind(scrubber=Scrubber(vault=MemoryVault()), clock=lambda: now[0])
    for number, at in enumerate(TIMES):
        now[0] = at
        store.write(f"entry {number}")
    now[0] = NOW
    forever = RetentionPolicy(conversations_days=None)
    assert RetentionRunner([store.target], policy=forever, clock=lambda: NOW).run().deleted == 0
    runner = RetentionRunner([store.target], clock=lambda: NOW)
    assert runner.run(dry_run=True).targets[0].over == 2
    assert store.left() == {f"entry {number}" for number in range(4)}
    assert runner.run().deleted == 2
    assert store.left() == {"entry 2", "entry 3"}
    assert runner.run().deleted == 0


@pytest.mark.parametrize("kind", [_Checkpoints, _Items, _Chats])
def test_the_stricter_limit_of_a_store_holds(kind: Any) -> None:
    now = [NOW - 8 * DAY]
    scrubber = Scrubber(vault=MemoryVault())
    store = kind(scrubber=scrubber, clock=lambda: now[0], retention_days=7)
    store.write("old")
    now[0] = NOW
    store.write("new")
    assert RetentionRunner([store.target], clock=lambda: NOW).run().deleted == 1
    assert store.left() == {"new"}
