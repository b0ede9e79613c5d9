"""LlamaIndex chat stores and memories. Threats L7, P18, T9, T14, E10, P22."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.chat_store.base_db import MessageStatus
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore

from llama_index_piirag import TenantChatStore, delete_user
from piirag import MasterKey, Scrubber, SQLiteVault
from piirag.erasure import COMPLETE
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    UserErasedError,
)
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from support.canary import Canaries

MAIL = "ottoline@brightmail.com"
KNOWN = {"PERSON": ["Ottoline Quenneville"]}
CANARIES = Canaries([MAIL, "4111111111111111", "Ottoline", "Quenneville"])
DAY = 86_400.0


@pytest.fixture
def clock() -> list[float]:
    return [1_700_000_000.0]


@pytest.fixture
def scrubber(tmp_path: Path) -> Iterator[Scrubber]:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    yield Scrubber(vault=vault)
    vault.close()


@pytest.fixture
def store() -> SimpleChatStore:
    return SimpleChatStore()


@pytest.fixture
def tenants(store: SimpleChatStore, scrubber: Scrubber, clock: list[float]) -> TenantChatStore:
    return TenantChatStore(
        store, scrubber=scrubber, known=KNOWN, retention_days=30, clock=lambda: clock[0]
    )


def _messages() -> list[ChatMessage]:
    call = ToolCallBlock(
        tool_name="pay", tool_call_id="1", tool_kwargs={"to": MAIL, "card": 4111111111111111}
    )
    return [
        ChatMessage(f"You help {MAIL}", role=MessageRole.SYSTEM),
        ChatMessage(
            role="user",
            blocks=[TextBlock(text="I am Ottoline Quenneville"), TextBlock(text=MAIL)],
            additional_kwargs={"meta": {MAIL: ["Quenneville"]}},
        ),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage("Ask barnabus@trelawny.org", role="assistant"),
    ]


def _raw(store: SimpleChatStore) -> bytes:
    """What it holds. Its own `persist` fails on any message with this version of pydantic."""
    held = {key: [m.model_dump(mode="json") for m in found] for key, found in store.store.items()}
    return json.dumps(held).encode()


def _said(messages: list[ChatMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def test_L7_P18_nothing_raw_is_stored(tenants: TenantChatStore, store: SimpleChatStore) -> None:
    alice = tenants.for_user("alice")
    alice.set_messages("chat of Quenneville", _messages()[:2])
    for message in _messages()[2:]:
        alice.add_message("chat of Quenneville", message)
    raw = _raw(store)
    assert b"PERSON" in raw
    assert not CANARIES.scan_bytes(raw)
    assert not Canaries(["barnabus@trelawny.org", "alice"]).scan_bytes(raw)
    found = alice.get_messages("chat of Quenneville")
    assert [m.role.value for m in found] == ["system", "user", "assistant", "assistant"]
    assert found[2].blocks[0].tool_name == "pay"
    assert "piirag" not in json.dumps([m.additional_kwargs for m in found])
    assert not CANARIES.scan_object([m.model_dump() for m in found])
    assert alice.get_keys() == ["chat of Quenneville"]


def test_values_come_back_on_request(store: SimpleChatStore, scrubber: Scrubber) -> None:
    alice = TenantChatStore(store, scrubber=scrubber, known=KNOWN, reveal=True).for_user("alice")
    alice.set_messages("s", _messages())
    found = alice.get_messages("s")
    assert _said(found)[:2] == _said(_messages())[:2]
    assert found[2].blocks[0].tool_kwargs["to"] == MAIL


def test_T9_T14_nobody_elses_session_is_readable(
    tenants: TenantChatStore, store: SimpleChatStore
) -> None:
    for user in ("alice", "bob"):
        tenants.for_user(user).add_message("same", ChatMessage(f"{user} here"))
    for user in ("alice", "bob"):
        mine = tenants.for_user(user)
        assert _said(mine.get_messages("same")) == [f"{user} here"]
        assert mine.get_keys() == ["same"]
    carol = tenants.for_user("carol")
    assert carol.get_messages("same") == []
    assert carol.get_keys() == []
    assert carol.delete_messages("same") is None
    for hidden in list(store.store):
        assert tenants.for_user("bob").get_messages(hidden) == []
    tenants.for_user("bob").delete_messages("same")
    assert _said(tenants.for_user("alice").get_messages("same")) == ["alice here"]
    for user in (None, "", 7, ["bob"]):
        with pytest.raises(InvalidUserIdError):
            tenants.for_user(user)  # type: ignore[arg-type]
    for session in (None, "", "x" * 513):
        with pytest.raises(InvalidInputError):
            tenants.for_user("alice").get_messages(session)


def test_single_messages_can_be_deleted(tenants: TenantChatStore, clock: list[float]) -> None:
    alice = tenants.for_user("alice")
    alice.add_message("s", ChatMessage("over"))
    clock[0] += 31 * DAY
    for text in "abc":
        alice.add_message("s", ChatMessage(text))
    gone = alice.delete_message("s", 1)
    assert str(gone.content) == "b"
    assert str(alice.delete_last_message("s").content) == "c"
    assert _said(alice.get_messages("s")) == ["a"]
    assert alice.delete_message("s", 9) is None
    assert alice.delete_last_message("none") is None
    assert _said(alice.delete_messages("s")) == ["a"]


def test_with_a_chat_memory_buffer(tenants: TenantChatStore, store: SimpleChatStore) -> None:
    def memory(user: str) -> ChatMemoryBuffer:
        return ChatMemoryBuffer.from_defaults(
            chat_store=tenants.for_user(user), chat_store_key="s", tokenizer_fn=str.split
        )

    memory("alice").put(ChatMessage(f"I am Ottoline Quenneville, {MAIL}"))
    memory("alice").put(ChatMessage("hello", role="assistant"))
    assert len(memory("alice").get()) == 2
    assert memory("bob").get() == []
    assert not CANARIES.scan_bytes(_raw(store))
    assert not CANARIES.scan_text(str(memory("alice").get_all()))
    memory("alice").reset()
    assert memory("alice").get_all() == []


def test_what_is_over_is_never_returned_and_swept(
    tenants: TenantChatStore, store: SimpleChatStore, clock: list[float]
) -> None:
    alice = tenants.for_user("alice")
    alice.add_message("s", ChatMessage(f"first {MAIL}"))
    store.add_message("another application's", ChatMessage("stays"))
    clock[0] += 20 * DAY
    alice.add_message("s", ChatMessage("second"))
    # A memory writes back what it read; that does not make it younger.
    alice.set_messages("s", alice.get_messages("s"))
    clock[0] += 11 * DAY
    assert _said(alice.get_messages("s")) == ["second"]
    assert tenants.sweep() == 1
    assert tenants.sweep(now=clock[0] + 60 * DAY) == 1
    assert list(store.store) == ["another application's"]


def test_E10_a_user_is_erased_from_it(tenants: TenantChatStore, store: SimpleChatStore) -> None:
    for user in ("alice", "bob"):
        for session in ("1", "2"):
            tenants.for_user(user).set_messages(session, _messages())
    receipt = delete_user("alice", targets=[tenants])
    assert receipt.status == COMPLETE
    assert (receipt.targets[0].kind, receipt.targets[0].deleted) == ("chat store", 8)
    assert tenants.for_user("alice").get_messages("1") == []
    assert len(tenants.for_user("bob").get_messages("1")) == 4
    with pytest.raises(UserErasedError):
        tenants.for_user("alice").add_message("1", ChatMessage("again"))


def test_E10_an_erasure_during_a_write_leaves_nothing(scrubber: Scrubber) -> None:
    class Slow(SimpleChatStore):
        def add_message(self, key: str, message: ChatMessage, idx: int | None = None) -> None:
            super().add_message(key, message)
            scrubber.vault.forget("alice")

    store = Slow()
    with pytest.raises(UserErasedError):
        TenantChatStore(store, scrubber=scrubber).for_user("alice").add_message(
            "s", ChatMessage("hello")
        )
    assert store.store == {}


def test_fail_closed_what_cannot_be_searched_is_not_stored(
    tenants: TenantChatStore, store: SimpleChatStore, scrubber: Scrubber
) -> None:
    alice = tenants.for_user("alice")
    image = ChatMessage(role="user", blocks=[ImageBlock(image=b"aGVsbG8gd29ybGQgaGVsbG8=")])
    for bad in (image, ChatMessage("x", additional_kwargs={"o": object()}), "text"):
        with pytest.raises(InvalidInputError):
            alice.set_messages("s", [ChatMessage("fine"), bad])
    allowed = TenantChatStore(store, scrubber=scrubber, allow_media=True).for_user("alice")
    allowed.add_message("media", image)
    assert allowed.get_messages("media")[0].blocks[0].image == image.blocks[0].image
    assert alice.get_messages("s") == []

    class Fails:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    failing = TenantChatStore(store, scrubber=Scrubber(vault=scrubber.vault, detector=Fails()))
    with pytest.raises(DetectionError) as caught:
        failing.for_user("alice").add_message("s", ChatMessage(MAIL))
    assert not CANARIES.scan_exception(caught.value)
    assert alice.get_messages("s") == []
    with pytest.raises(ConfigurationError):
        TenantChatStore(object(), scrubber=scrubber)  # type: ignore[arg-type]


async def test_async_methods_of_a_plain_store(tenants: TenantChatStore) -> None:
    alice = tenants.for_user("alice")
    await alice.aset_messages("s", _messages())
    await alice.async_add_message("s", ChatMessage("more"))
    assert len(await alice.aget_messages("s")) == 5
    assert await alice.aget_keys() == ["s"]
    assert not CANARIES.scan_object([m.model_dump() for m in await alice.aget_messages("s")])
    await alice.adelete_messages("s")
    assert await alice.aget_messages("s") == []


@pytest.fixture
def db_store(tmp_path: Path) -> SQLAlchemyChatStore:
    return SQLAlchemyChatStore(
        table_name="chats", async_database_uri=f"sqlite+aiosqlite:///{tmp_path}/chats.db"
    )


async def test_L7_memory_over_a_database(
    db_store: SQLAlchemyChatStore, scrubber: Scrubber, tmp_path: Path, clock: list[float]
) -> None:
    tenants = TenantChatStore(
        db_store, scrubber=scrubber, known=KNOWN, retention_days=30, clock=lambda: clock[0]
    )

    def memory(user: str) -> Memory:
        return Memory.from_defaults(
            session_id="s",
            chat_store=tenants.for_user(user),
            tokenizer_fn=str.split,
            token_limit=40,
            token_flush_size=10,
        )

    for message in _messages():
        await memory("alice").aput(message)
    for n in range(20):
        await memory("alice").aput(ChatMessage(f"message {n} of {MAIL}"))
    assert not CANARIES.scan_bytes((tmp_path / "chats.db").read_bytes())
    kept = await memory("alice").aget_all()
    archived = await memory("alice").aget_all(status=MessageStatus.ARCHIVED)
    assert kept
    assert archived
    assert not CANARIES.scan_text(str([*kept, *archived]))
    assert await memory("bob").aget_all() == []
    store = tenants.for_user("alice")
    assert await store.get_keys() == ["s"]
    assert await store.count_messages("s", None) == 24
    assert len(await store.get_messages("s", None, limit=3, offset=2)) == 3
    clock[0] += 20 * DAY
    await memory("alice").aput(ChatMessage("young"))
    clock[0] += 11 * DAY
    assert _said(await store.get_messages("s", None)) == ["young"]
    assert await store.delete_oldest_messages("none", 1) == []
    assert await asyncio.to_thread(tenants.sweep) == 24
    assert _said(await db_store.get_messages((await db_store.get_keys())[0], None)) == ["young"]
    await tenants.for_user("bob").add_messages("s", [ChatMessage("bob here")])
    receipt = await asyncio.to_thread(delete_user, "alice", [tenants])
    assert receipt.status == COMPLETE
    assert len(await db_store.get_keys()) == 1
    assert await store.get_messages("s") == []
    with pytest.raises(UserErasedError):
        await store.add_message("s", ChatMessage("again"))


async def test_a_database_store_in_full(db_store: SQLAlchemyChatStore, scrubber: Scrubber) -> None:
    tenants = TenantChatStore(db_store, scrubber=scrubber, reveal=True)
    alice, bob = tenants.for_user("alice"), tenants.for_user("bob")
    await bob.add_message("s", ChatMessage("bob here"))
    await alice.set_messages("s", [ChatMessage(f"{n} {MAIL}") for n in range(4)])
    assert _said(await alice.archive_oldest_messages("s", 1)) == [f"0 {MAIL}"]
    assert _said(await alice.delete_oldest_messages("s", 1)) == [f"1 {MAIL}"]
    assert _said(await alice.get_messages("s")) == [f"2 {MAIL}", f"3 {MAIL}"]
    # Ids of rows are the store's, so another user's may be guessed; it opens nothing.
    assert await alice.delete_message("s", 1) is None
    assert _said(await bob.get_messages("s")) == ["bob here"]
    await alice.delete_messages("s", MessageStatus.ACTIVE)
    assert await alice.count_messages("s", None) == 1


class TestErasure(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tenants: TenantChatStore) -> TargetUnderTest:
        def write(user: str) -> None:
            tenants.for_user(user).set_messages("s", [ChatMessage("a"), ChatMessage("b")])

        def read(user: str) -> Any:
            return _said(tenants.for_user(user).get_messages("s"))

        return TargetUnderTest(tenants.erasure_targets()[0], write, read)
