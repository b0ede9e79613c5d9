"""LangChain chat histories. Threats L7, P18, P22, L15, T14, E10."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from langchain_piirag import (
    ChatHistories,
    DynamoDBHistoryStore,
    MemoryHistoryStore,
    RedactedModel,
    RedisHistoryStore,
    ScrubbedChatMessageHistory,
    SQLHistoryStore,
    WrappedHistoryStore,
    delete_user,
)
from piirag import MasterKey, Scrubber, SQLiteVault
from piirag.conversations import RetentionSweeper, SQLiteSessionRegister
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
from support.dynamodb import dynamodb, table_name
from support.langchain_fakes import EchoChat

MAIL = "ottoline@brightmail.com"
CARD = "4111 1111 1111 1111"
# LangChain points to LangGraph instead; it is what many have.
pytestmark = pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
KNOWN = {"PERSON": ["Ottoline Quenneville"]}
CANARIES = Canaries([MAIL, CARD, "4111111111111111", "Ottoline", "Quenneville"])
DAY = 86_400.0


def _missing(what: str) -> None:
    if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


class FileHistory(BaseChatMessageHistory):
    """Somebody else's history: a JSON file per session id."""

    def __init__(self, folder: Path, session_id: str) -> None:
        self.path = folder / str(uuid.UUID(session_id))

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        return messages_from_dict(json.loads(self.path.read_text())) if self.path.exists() else []

    def add_messages(self, messages: Any) -> None:
        both = [*self.messages, *messages]
        self.path.write_text(json.dumps([message_to_dict(message) for message in both]))

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)


class ListHistory(BaseChatMessageHistory):
    """A history in memory."""

    def __init__(self) -> None:
        self.messages = []

    def add_messages(self, messages: Any) -> None:
        self.messages += messages

    def clear(self) -> None:
        self.messages.clear()


@pytest.fixture(scope="session")
def redis_client() -> Iterator[Any]:
    redis = pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        _missing("redis-server")
    # Not pytest's own: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    socket = folder / "r.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""]
    process = subprocess.Popen([*command, "--dir", str(folder), "--logfile", str(folder / "log")])
    client = redis.Redis.from_url(f"unix://{socket}")
    for _ in range(600):
        try:
            client.ping()
            break
        except (redis.exceptions.RedisError, OSError):
            time.sleep(0.1)
    yield client
    client.close()
    process.terminate()
    process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dynamodb_client() -> Iterator[Any]:
    with dynamodb() as client:
        yield client


@pytest.fixture
def clock() -> list[float]:
    return [1_700_000_000.0]


@pytest.fixture(params=["memory", "sqlite", "redis", "dynamodb", "wrapped"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: list[float]) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryHistoryStore()
    elif request.param == "sqlite":
        made = SQLHistoryStore(f"sqlite:///{tmp_path}/chats.db")
        yield made
        made.close()
    elif request.param == "redis":
        client = request.getfixturevalue("redis_client")
        client.flushall()
        yield RedisHistoryStore(client)
    elif request.param == "dynamodb":
        client = request.getfixturevalue("dynamodb_client")
        yield DynamoDBHistoryStore(client, table=table_name(), clock=lambda: clock[0])
    else:
        folder = tmp_path / "files"
        folder.mkdir()
        register = SQLiteSessionRegister(tmp_path / "register.db")
        yield WrappedHistoryStore(lambda key: FileHistory(folder, key), register=register)
        register.close()


@pytest.fixture
def scrubber(tmp_path: Path) -> Iterator[Scrubber]:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    yield Scrubber(vault=vault)
    vault.close()


@pytest.fixture
def histories(store: Any, scrubber: Scrubber, clock: list[float]) -> ChatHistories:
    return ChatHistories(
        store, scrubber=scrubber, retention_days=30, known=KNOWN, clock=lambda: clock[0]
    )


def _conversation() -> list[BaseMessage]:
    """Values in every part that a message has."""
    return [
        SystemMessage(f"You help {MAIL}."),
        HumanMessage(
            [{"type": "text", "text": f"I am Ottoline Quenneville, {MAIL}"}, "card " + CARD],
            name="Ottoline",
            additional_kwargs={"meta": {MAIL: ["Quenneville"]}},
        ),
        AIMessage(
            "",
            tool_calls=[
                {"name": "pay", "args": {"to": MAIL, "card": 4111111111111111}, "id": "call_1"}
            ],
            additional_kwargs={
                "function_call": {"arguments": f'{{"to": "{MAIL}"}}'.replace("@", "\\u0040")}
            },
            response_metadata={"headers": {"x-user": MAIL}},
        ),
        ToolMessage(f"paid by {MAIL}", tool_call_id="call_1", artifact={"who": "Quenneville"}),
        AIMessage("Done. Ask barnabus@trelawny.org too, Ottoline.", id=f"run-{MAIL}"),
    ]


def _raw(store: Any, tmp_path: Path) -> bytes:
    """Every byte that a store holds."""
    parts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    if isinstance(store, RedisHistoryStore):
        client = store._redis
        for key in client.scan_iter():
            ordered = client.type(key) == b"zset"
            read = client.zrange if ordered else client.lrange
            parts += [key, *read(key, 0, -1)]
    if isinstance(store, DynamoDBHistoryStore):
        parts.append(repr(store._client.scan(TableName=store._table)["Items"]).encode())
    if isinstance(store, MemoryHistoryStore):
        parts.append(repr(store._rows).encode())
    return b"\n".join(parts)


def test_L7_P18_nothing_raw_is_stored(histories: ChatHistories, store: Any, tmp_path: Path) -> None:
    history = histories.get_session_history("alice", "s1")
    history.add_messages(_conversation())
    raw = _raw(store, tmp_path)
    assert b"PERSON" in raw
    assert not CANARIES.scan_bytes(raw)
    # What only the assistant said is no exception.
    assert not Canaries(["barnabus@trelawny.org"]).scan_bytes(raw)
    # Neither are the ids of the session and of its user there to be read.
    assert b"alice" not in raw.replace(b"vault", b"")
    found = history.messages
    assert [message.type for message in found] == ["system", "human", "ai", "tool", "ai"]
    assert not CANARIES.scan_object([message_to_dict(message) for message in found])
    assert found[2].tool_calls[0]["name"] == "pay"  # type: ignore[attr-defined]
    assert found[2].tool_calls[0]["id"] == "call_1"  # type: ignore[attr-defined]
    assert "piirag" not in found[0].additional_kwargs


def test_values_come_back_on_request(store: Any, scrubber: Scrubber) -> None:
    histories = ChatHistories(store, scrubber=scrubber, known=KNOWN, reveal=True)
    history = histories.get_session_history("alice", "s1")
    history.add_messages(_conversation())
    found = history.messages
    assert found[0].content == f"You help {MAIL}."
    text, card = found[1].content
    assert text == {"type": "text", "text": f"I am Ottoline Quenneville, {MAIL}"}
    # The spelling first seen comes back; the exact one is what a redactor promises.
    assert str(card).replace(" ", "") == "card4111111111111111"
    # A last name alone has the pseudonym of the full name.
    assert found[1].additional_kwargs == {"meta": {MAIL: ["Ottoline Quenneville"]}}
    assert found[2].tool_calls[0]["args"]["to"] == MAIL  # type: ignore[attr-defined]


def test_T14_nobody_elses_session_is_readable(
    histories: ChatHistories, store: Any, tmp_path: Path
) -> None:
    for user in ("alice", "bob"):
        history = histories.get_session_history(user, "the same id")
        history.add_messages([HumanMessage(f"{user} says hello")])
    for user, other in (("alice", "bob"), ("bob", "alice")):
        [message] = histories.get_session_history(user, "the same id").messages
        assert message.content == f"{user} says hello"
        assert other not in str(message.content)
        assert histories.sessions(user) == ["the same id"]
    assert histories.sessions("carol") == []
    histories.delete_session("alice", "the same id")
    assert histories.sessions("bob") == ["the same id"]


@pytest.mark.parametrize("user_id", [None, "", " ", 7, ["bob"], {"$ne": ""}])
def test_T14_there_is_no_default_user(histories: ChatHistories, user_id: Any) -> None:
    with pytest.raises(InvalidUserIdError):
        histories.get_session_history(user_id, "s")


@pytest.mark.parametrize("session", [None, "", True, b"s", ["s"], "x" * 513, "\ud800"])
def test_a_session_needs_a_usable_id(histories: ChatHistories, session: Any) -> None:
    with pytest.raises(InvalidInputError):
        histories.get_session_history("alice", session)


def test_what_is_over_is_never_returned_and_swept(
    histories: ChatHistories, store: Any, clock: list[float]
) -> None:
    history = histories.get_session_history("alice", "s")
    history.add_messages([HumanMessage("first")])
    clock[0] += 20 * DAY
    history.add_messages([HumanMessage("second")])
    other = histories.get_session_history("bob", "s")
    other.add_messages([HumanMessage("third")])
    clock[0] += 11 * DAY
    assert [m.content for m in history.messages] == ["second"]
    assert store.count(_owner(histories, "alice")) == 2  # it is still there
    assert histories.sweep() == 1
    assert store.count(_owner(histories, "alice")) == 1
    assert [m.content for m in history.messages] == ["second"]
    assert histories.sweep(now=clock[0] + 90 * DAY) == 2
    assert histories.sessions("alice") == [] or isinstance(store, WrappedHistoryStore)


def _owner(histories: ChatHistories, user_id: str) -> str:
    return histories._scrubber.vault.tenant_tag(user_id)


def test_a_sweeper_deletes_by_itself(scrubber: Scrubber) -> None:
    now = [0.0]
    store = MemoryHistoryStore()
    histories = ChatHistories(store, scrubber=scrubber, retention_days=1, clock=lambda: now[0])
    histories.get_session_history("alice", "s").add_messages([HumanMessage("hello")])
    now[0] = 2 * DAY
    with RetentionSweeper([histories], every=0.01):
        for _ in range(500):
            if not store.count(_owner(histories, "alice")):
                break
            time.sleep(0.01)
    assert store.count(_owner(histories, "alice")) == 0

    class Broken:
        def sweep(self, now: float | None = None) -> int:
            raise RuntimeError(MAIL)

    sweeper = RetentionSweeper([Broken(), histories])
    assert sweeper.sweep_now() == 0
    assert sweeper.failures == 1
    with pytest.raises(ConfigurationError):
        RetentionSweeper([object()])  # type: ignore[list-item]


@pytest.mark.parametrize("days", [0, -1, True, "30", float("nan"), float("inf")])
def test_an_unusable_retention_is_refused(scrubber: Scrubber, days: Any) -> None:
    with pytest.raises(ConfigurationError):
        ChatHistories(scrubber=scrubber, retention_days=days)


def test_E10_a_user_is_erased_from_it(
    histories: ChatHistories, store: Any, scrubber: Scrubber, tmp_path: Path
) -> None:
    for user in ("alice", "bob"):
        histories.get_session_history(user, "s").add_messages(_conversation())
    receipt = delete_user("alice", targets=[histories])
    assert receipt.status == COMPLETE
    assert [(t.kind, t.remaining) for t in receipt.targets] == [("chat history", 0), ("vault", 0)]
    assert receipt.targets[0].deleted == 5
    assert histories.sessions("alice") == []
    with pytest.raises(UserErasedError):
        histories.get_session_history("alice", "s")
    assert len(histories.get_session_history("bob", "s").messages) == 5


def test_E10_a_history_that_was_open_before_the_erasure_is_dead(
    histories: ChatHistories, scrubber: Scrubber
) -> None:
    history = histories.get_session_history("alice", "s")
    history.add_messages([HumanMessage("hello")])
    delete_user("alice", targets=[histories])
    with pytest.raises(UserErasedError):
        history.add_messages([HumanMessage("again")])
    assert history.messages == []


def test_E10_an_erasure_during_a_write_leaves_nothing(scrubber: Scrubber) -> None:
    class Slow(ListHistory):
        def add_messages(self, messages: Any) -> None:
            super().add_messages(messages)
            scrubber.vault.forget("alice")

    inner = Slow()
    history = ScrubbedChatMessageHistory(inner, scrubber=scrubber, user_id="alice")
    with pytest.raises(UserErasedError):
        history.add_messages([HumanMessage("hello")])
    assert inner.messages == []


def test_fail_closed_what_cannot_be_searched_is_not_stored(
    histories: ChatHistories, store: Any, scrubber: Scrubber
) -> None:
    history = histories.get_session_history("alice", "s")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    bad = [
        HumanMessage([image]),
        ToolMessage("x", tool_call_id="1", artifact=object()),
        ToolMessage("x", tool_call_id="1", artifact=b"bytes"),
        "no message",
    ]
    for message in bad:
        with pytest.raises(InvalidInputError) as caught:
            history.add_messages([HumanMessage("fine"), message])  # type: ignore[list-item]
        assert not CANARIES.scan_exception(caught.value)
    assert history.messages == []

    class Fails:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    failing = Scrubber(vault=scrubber.vault, detector=Fails())
    broken = ChatHistories(store, scrubber=failing).get_session_history("alice", "s")
    with pytest.raises(DetectionError) as failed:
        broken.add_messages([HumanMessage(MAIL)])
    assert not CANARIES.scan_exception(failed.value)
    assert history.messages == []


def test_media_are_stored_where_allowed(store: Any, scrubber: Scrubber) -> None:
    histories = ChatHistories(store, scrubber=scrubber, allow_media=True)
    history = histories.get_session_history("alice", "s")
    image = {"type": "image", "base64": "iVBORw0KGgoAAAANSUhEUg==", "mime_type": "image/png"}
    history.add_messages([HumanMessage([image])])
    assert history.messages[0].content == [image]


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_with_runnable_with_message_history(
    store: Any, scrubber: Scrubber, tmp_path: Path, way: str
) -> None:
    """A name told in the first question comes back in the answer to the second."""
    histories = ChatHistories(store, scrubber=scrubber, known=KNOWN)
    model = EchoChat(seen=[])
    prompt = ChatPromptTemplate.from_messages(
        [MessagesPlaceholder("history"), ("human", "{question}")]
    )

    def chain(user: str) -> RunnableWithMessageHistory:
        return RunnableWithMessageHistory(
            prompt | RedactedModel(model, scrubber=scrubber, known=KNOWN).for_user(user),
            histories.get_session_history,
            input_messages_key="question",
            history_messages_key="history",
            history_factory_config=histories.config_specs,
        )

    async def ask(user: str, question: str) -> str:
        config: Any = {"configurable": {"user_id": user, "session_id": "s"}}
        runnable = chain(user)
        if way == "async":
            return str((await runnable.ainvoke({"question": question}, config)).content)
        return str(
            (await asyncio.to_thread(runnable.invoke, {"question": question}, config)).content
        )

    await ask("alice", f"I am Ottoline Quenneville, {MAIL}")
    answer = await ask("alice", "Who am I?")
    assert "Ottoline Quenneville" in answer
    assert MAIL in answer
    assert "Ottoline" not in await ask("bob", "Who am I?")
    assert not CANARIES.scan_text(str(model.seen))
    assert not CANARIES.scan_bytes(_raw(store, tmp_path))
    assert len(histories.get_session_history("alice", "s").messages) == 4
    with pytest.raises(ValueError, match="user_id"):
        chain("alice").invoke({"question": "x"}, {"configurable": {"session_id": "s"}})


async def test_async_and_sync_are_the_same(histories: ChatHistories) -> None:
    history = histories.get_session_history("alice", "s")
    await history.aadd_messages(_conversation())
    assert await history.aget_messages() == history.messages
    assert not CANARIES.scan_object(history.messages)
    await history.aclear()
    assert history.messages == []


def test_P22_concurrent_users_never_see_each_other(store: Any, scrubber: Scrubber) -> None:
    histories = ChatHistories(store, scrubber=scrubber, reveal=True)
    failed: list[str] = []

    def work(n: int) -> None:
        user = f"user{n}"
        try:
            history = histories.get_session_history(user, "s")
            for i in range(3):
                history.add_messages([HumanMessage(f"{i} me{n}@example.com")])
            found = [str(m.content) for m in histories.get_session_history(user, "s").messages]
            if found != [f"{i} me{n}@example.com" for i in range(3)]:
                failed.append(user)
        except Exception as error:
            failed.append(f"{user}: {type(error).__name__}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_nothing_is_shown_by_repr(histories: ChatHistories) -> None:
    history = histories.get_session_history("alice", "s")
    history.add_messages(_conversation())
    shown = f"{history} {history!r} {histories!r} {histories._store!r}"
    assert not Canaries([MAIL, "Quenneville", "alice"]).scan_text(shown)


def test_one_history_of_another_library_by_itself(scrubber: Scrubber) -> None:
    now = [0.0]
    inner = ListHistory()
    history = ScrubbedChatMessageHistory(
        inner, scrubber=scrubber, user_id="alice", retention_days=1, clock=lambda: now[0]
    )
    history.add_user_message(f"mail {MAIL}")
    now[0] = 0.9 * DAY
    history.add_ai_message("yes")
    assert not CANARIES.scan_object(inner.messages)
    now[0] = 1.5 * DAY
    assert [m.content for m in history.messages] == ["yes"]
    assert history.sweep() == 1
    assert history.sweep() == 0
    assert len(inner.messages) == 1


class TestErasure(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, histories: ChatHistories) -> TargetUnderTest:
        def write(user: str) -> None:
            for session in ("1", "2"):
                history = histories.get_session_history(user, session)
                history.add_messages([HumanMessage(f"I am me@{user.lower()}.org"), AIMessage("ok")])

        def read(user: str) -> Any:
            return [
                histories.get_session_history(user, session).messages
                for session in histories.sessions(user)
            ]

        return TargetUnderTest(histories.erasure_targets()[0], write, read)


def test_a_redis_deletes_by_itself(redis_client: Any, scrubber: Scrubber) -> None:
    redis_client.flushall()
    store = RedisHistoryStore(redis_client, ttl_seconds=60)
    ChatHistories(store, scrubber=scrubber).get_session_history("alice", "s").add_messages(
        [HumanMessage("hello")]
    )
    [key] = list(redis_client.scan_iter(match="piirag:chat:*"))
    assert 0 < redis_client.ttl(key) <= 60
    with pytest.raises(ConfigurationError):
        RedisHistoryStore(redis_client, prefix="chat*")


def test_postgres_through_sqlalchemy(scrubber: Scrubber, tmp_path: Path) -> None:
    try:
        import pgserver
    except ImportError:
        _missing("pgserver")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    server = pgserver.get_server(folder / "pg")
    try:
        store = SQLHistoryStore(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        histories = ChatHistories(store, scrubber=scrubber, known=KNOWN, reveal=True)
        histories.get_session_history("alice", "s").add_messages(_conversation())
        assert histories.get_session_history("alice", "s").messages[0].content.endswith(f"{MAIL}.")
        assert histories.sessions("alice") == ["s"]
        assert delete_user("alice", targets=[histories]).status == COMPLETE
        store.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def test_E6_an_async_write_is_taken_back_the_async_way() -> None:
    """A history over an async connection has no other way."""
    scrubber = Scrubber()

    class AsyncOnly(InMemoryChatMessageHistory):
        async def aadd_messages(self, messages: Any) -> None:
            self.messages.extend(messages)
            scrubber.vault.forget("u")

        async def aclear(self) -> None:
            self.messages = []

        def clear(self) -> None:
            raise AssertionError("async only")

    inner = AsyncOnly()
    history = ScrubbedChatMessageHistory(inner, scrubber=scrubber, user_id="u")
    with pytest.raises(UserErasedError):
        await history.aadd_messages([HumanMessage("hello")])
    assert inner.messages == []
