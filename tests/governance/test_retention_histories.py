"""Nothing younger is lost and nothing older stays: conversations, on each back end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langchain_piirag import ChatHistories, RedisHistoryStore, delete_user
from langchain_piirag.history_stores import stamped
from piirag import MemoryVault, Scrubber
from piirag.conversations import Retention
from piirag.erasure import COMPLETE
from piirag.governance.retention import RetentionPolicy, RetentionRunner
from support.dynamodb import dynamodb
from support.postgres import driver_url, url_of_server
from support.retention import (
    DAY,
    NOW,
    clear_messages,
    history_store,
    left_messages,
    redis_client,
    write_messages,
)

KINDS = ["memory", "sqlite", "postgres", "redis", "dynamodb"]
LIMIT = 30 * DAY
# The limit itself, and moments on both sides of it that a float of this size can tell.
EDGES = [LIMIT, LIMIT + 1e-3, LIMIT - 1e-3, 0.0]
AGES = st.lists(
    st.one_of(st.floats(0, 60 * DAY, width=32), st.sampled_from(EDGES)), min_size=1, max_size=12
)
BUSY = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def services() -> Iterator[Callable[[str], Any]]:
    """Starts the service of a back end when it is first asked for."""
    import contextlib

    with contextlib.ExitStack() as stack:
        running: dict[str, Any] = {}

        def address(kind: str) -> Any:
            if kind not in running:
                if kind == "redis":
                    running[kind] = stack.enter_context(redis_client())
                elif kind == "dynamodb":
                    running[kind] = stack.enter_context(dynamodb())
                elif kind == "postgres":
                    running[kind] = driver_url(url_of_server(), "psycopg")
            return running.get(kind)

        yield address


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(kind: str, services: Callable[[str], Any], tmp_path: Path) -> Any:
    return services(kind) or tmp_path


@pytest.fixture
def store(kind: str, address: Any) -> Iterator[Any]:
    made = history_store(kind, address)
    yield made
    if hasattr(made, "close"):
        made.close()


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    return Scrubber(vault=MemoryVault())


@BUSY
@given(ages=AGES)
def test_nothing_younger_is_lost_and_nothing_older_stays(
    store: Any, scrubber: Scrubber, ages: list[float]
) -> None:
    runner = RetentionRunner([ChatHistories(store, scrubber=scrubber)], clock=lambda: NOW)
    times = write_messages(store, ages)
    kept = [at for at in times if at >= NOW - LIMIT]
    counted = runner.run(dry_run=True)
    assert counted.targets[0].over == len(times) - len(kept)
    assert left_messages(store) == times, "a dry run deletes nothing"
    receipt = runner.run()
    assert left_messages(store) == kept
    assert (receipt.deleted, receipt.status) == (len(times) - len(kept), "complete")
    assert runner.run().deleted == 0
    clear_messages(store)


def test_the_stricter_of_two_limits_holds(store: Any, scrubber: Scrubber) -> None:
    histories = ChatHistories(store, scrubber=scrubber, retention_days=7, clock=lambda: NOW)
    times = write_messages(store, [6 * DAY, 8 * DAY, 31 * DAY])
    assert RetentionRunner([histories], clock=lambda: NOW).run().deleted == 2
    assert left_messages(store) == times[-1:]
    wide = RetentionPolicy(conversations_days=5)
    assert RetentionRunner([histories], policy=wide, clock=lambda: NOW).run().deleted == 1
    forever = RetentionPolicy(conversations_days=None)
    write_messages(store, [300 * DAY])
    open_ended = ChatHistories(store, scrubber=scrubber)
    assert RetentionRunner([open_ended], policy=forever).run().deleted == 0


def test_two_at_once_delete_each_message_once(
    kind: str, address: Any, store: Any, scrubber: Scrubber
) -> None:
    if hasattr(store, "SWEPT_AT_ONCE"):
        store.SWEPT_AT_ONCE = 7  # several transactions, between which the other one works
    times = write_messages(store, [float(n) * DAY for n in range(60)])
    kept = [at for at in times if at >= NOW - LIMIT]
    # No lock in common: the stores themselves have to bear it.
    runners = [
        RetentionRunner([ChatHistories(store, scrubber=scrubber)], clock=lambda: NOW)
        for _ in range(2)
    ]
    begin, receipts = threading.Barrier(2), []

    def work(runner: RetentionRunner) -> None:
        begin.wait()
        receipts.append(runner.run())

    threads = [threading.Thread(target=work, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [receipt.status for receipt in receipts] == ["complete", "complete"]
    assert sum(receipt.deleted for receipt in receipts) == len(times) - len(kept)
    assert left_messages(store) == kept


def test_messages_of_one_moment_go_in_any_batch(store: Any, scrubber: Scrubber) -> None:
    if hasattr(store, "SWEPT_AT_ONCE"):
        store.SWEPT_AT_ONCE = 2
    times = write_messages(store, [40 * DAY] * 9 + [35 * DAY] * 4 + [LIMIT] * 5)
    receipt = RetentionRunner([ChatHistories(store, scrubber=scrubber)], clock=lambda: NOW).run()
    assert receipt.deleted == 13
    assert left_messages(store) == times[-5:]


def test_redis_is_told_of_the_retention(services: Callable[[str], Any], scrubber: Scrubber) -> None:
    client = services("redis")
    store: RedisHistoryStore = history_store("redis", client)
    histories = ChatHistories(store, scrubber=scrubber, retention_days=30)
    histories.get_session_history("alice", "s").add_messages([HumanMessage("hello")])
    [key] = client.scan_iter(match=f"{store._prefix}:*")
    assert LIMIT - 60 < client.ttl(key) <= LIMIT
    [planned] = RetentionRunner([histories]).plan()
    assert planned.native == "Redis, 2592000 s after a session's last message"
    # What was stricter stays so.
    ChatHistories(store, scrubber=scrubber, retention_days=90)
    assert store._ttl == LIMIT
    bare = ChatHistories(history_store("redis", client), scrubber=scrubber)
    assert RetentionRunner([bare]).plan()[0].native == ""


def test_dynamodb_hides_what_has_ended_until_it_deletes_it(
    services: Callable[[str], Any], scrubber: Scrubber
) -> None:
    client = services("dynamodb")
    store = history_store("dynamodb", client)
    now = [NOW]
    store._clock = lambda: now[0]
    ChatHistories(store, scrubber=scrubber, retention_days=30)
    history = store.open("owner", "s")
    history.add_messages([stamped(HumanMessage("old"), NOW)])
    [item] = client.scan(TableName=store._table)["Items"]
    # Whole seconds as a number: DynamoDB ignores anything else.
    assert item["expires_at"] == {"N": str(int(NOW + LIMIT))}
    live = client.describe_time_to_live(TableName=store._table)["TimeToLiveDescription"]
    assert live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    now[0] = NOW + LIMIT - 1
    assert len(history.messages) == 1
    now[0] = NOW + LIMIT
    # It is still there, and nobody sees it; an erasure does.
    assert (history.messages, store.sessions("owner"), store.count("owner")) == ([], [], 1)
    now[0] += 1
    assert store.sweep(float("-inf")) == 1
    assert store.count("owner") == 0


def test_a_user_is_erased_from_dynamodb(services: Callable[[str], Any], scrubber: Scrubber) -> None:
    store = history_store("dynamodb", services("dynamodb"))
    histories = ChatHistories(
        store, scrubber=Scrubber(vault=MemoryVault()), retention_days=30, clock=lambda: NOW
    )
    for user, session in itertools.product(("alice", "bob"), ("1", "2")):
        history = histories.get_session_history(user, session)
        history.add_messages([HumanMessage(f"message {n}") for n in range(30)])
    receipt = delete_user("alice", targets=[histories])
    assert receipt.status == COMPLETE
    assert receipt.targets[0].deleted == 60
    assert len(histories.get_session_history("bob", "2").messages) == 30


def test_messages_of_one_moment_keep_their_order(
    services: Callable[[str], Any],
) -> None:
    store = history_store("dynamodb", services("dynamodb"))
    history = store.open("owner", "s")
    for part in range(3):
        history.add_messages(
            [stamped(HumanMessage(f"{part}.{n}"), NOW) for n in range(105 if part else 3)]
        )
    expected = [f"{part}.{n}" for part in range(3) for n in range(105 if part else 3)]
    assert [m.content for m in history.messages] == expected


def test_a_limit_from_outside_is_never_laxer() -> None:
    own = Retention(30, clock=lambda: NOW)
    assert own.until(None) is own
    assert own.until(NOW - 60 * DAY).cutoff() == NOW - 30 * DAY
    assert own.until(NOW - 5 * DAY).cutoff() == NOW - 5 * DAY
    assert Retention().until(5.0).is_over(4.0)
    assert not Retention().is_over(4.0)
    assert Retention().until(5.0).is_over(None), "what bears no time is over"


def test_a_session_in_redis_goes_without_a_sweep(
    services: Callable[[str], Any],
) -> None:
    client = services("redis")
    store = history_store("redis", client)
    store.keep_for(0.4)  # Redis counts in whole seconds
    store.open("owner", "s").add_messages([stamped(HumanMessage("hello"), time.time())])
    for _ in range(100):
        if not store.count("owner"):
            break
        time.sleep(0.05)
    assert store.count("owner") == 0
