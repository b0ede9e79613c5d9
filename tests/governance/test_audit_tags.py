"""Keyed tags, and what ends them (threat E12)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piirag.errors import AuditError, ConfigurationError, InvalidUserIdError
from piirag.governance.audit import MemoryTags, PostgresTags, SQLiteTags, UserTags
from piirag.testing.audit import KEY
from support.canary import Canaries

_DAY = 86_400.0
Make = Callable[..., UserTags]


class _Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: _Clock) -> Make:
    """Opens tags over the same store."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server")
        schema = request.getfixturevalue("schema")
        return lambda **o: PostgresTags(url, schema=schema, **{"key": KEY, "clock": clock, **o})
    if request.param == "sqlite":
        return lambda **o: SQLiteTags(tmp_path / "t", **{"key": KEY, "clock": clock, **o})
    one = MemoryTags(key=KEY, clock=clock)
    return lambda **o: one


def test_a_tag_is_the_same_until_the_generation_ends(make: Make, clock: _Clock) -> None:
    tags = make()
    first = tags.tagger("alice")
    again = make().tagger("alice")
    assert first.user() == again.user()
    assert first.session("s") == again.session("s")
    assert first.input("text") == again.input("text")
    clock.now += 31 * _DAY
    assert tags.tagger("alice").user() != first.user()
    # Both are the user's as long as there are secrets.
    assert set(tags.of_user("alice")) == {first.user(), tags.tagger("alice").user()}


def test_users_kinds_and_values_differ(make: Make) -> None:
    tags = make()
    made = [
        *(tags.tagger(user).user() for user in ("alice", "bob", "ALICE")),
        *(tags.tagger("alice").session(s) for s in ("1", "2")),
        *(tags.tagger("bob").session(s) for s in ("1", "2")),
        *(tags.tagger(None).session(s) for s in ("1", "2")),
        tags.tagger("alice").input("1"),
        tags.tagger("alice").keyed("1"),
    ]
    assert len(set(made)) == len(made)


def test_a_forgotten_user_cannot_be_found_and_others_can(make: Make) -> None:
    tags = make()
    old = tags.tagger("alice").user()
    bob = tags.tagger("bob").user()
    assert tags.forget("alice") == 1
    assert tags.of_user("alice") == []
    assert tags.forget("alice") == 0
    assert tags.of_user("bob") == [bob]
    # Who comes back is somebody else to the log.
    assert tags.tagger("alice").user() != old
    assert old not in tags.of_user("alice")


def test_E12_a_generation_ends_some_time_after_it_is_over(make: Make, clock: _Clock) -> None:
    tags = make(days=30, keep_days=90)
    old = tags.tagger("alice").user()
    clock.now += 90 * _DAY
    tags.expire()
    assert old in tags.of_user("alice")
    clock.now += 30 * _DAY
    assert tags.expire() == 1
    assert tags.of_user("alice") == []


def test_E12_a_generation_ends_even_where_nobody_sweeps(make: Make, clock: _Clock) -> None:
    tags = make()
    old = tags.tagger("alice").user()
    clock.now += 200 * _DAY
    tags.tagger("bob")
    assert old not in tags.of_user("alice")


def test_E12_the_file_holds_no_id_and_no_forgotten_secret(tmp_path: Path) -> None:
    path = tmp_path / "tags"
    tags = SQLiteTags(path, key=KEY)
    users = [f"jane.roeburn.{number}@example.com" for number in range(30)]
    for user in users:
        tags.tagger(user)
    secrets = tags._do(lambda execute: [row[0] for row in execute("SELECT secret FROM {secrets}")])
    assert Canaries(users).scan_files(tmp_path) == []

    def found() -> int:
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        return sum(secret in content for secret in secrets)

    assert found() == 30
    for user in users:
        tags.forget(user)
    assert found() == 0
    tags.close()


def test_without_the_key_nobody_is_found(tmp_path: Path) -> None:
    tags = SQLiteTags(tmp_path / "tags", key=KEY)
    tags.tagger("alice")
    other = SQLiteTags(tmp_path / "tags", key=bytes(32))
    assert other.of_user("alice") == []
    assert len(tags.of_user("alice")) == 1


@pytest.mark.parametrize("user_id", ["", " ", 7, ["alice"], "a\nb"])
def test_no_user_id_makes_no_tag(make: Make, user_id: Any) -> None:
    for act in (make().tagger, make().of_user, make().forget):
        with pytest.raises(InvalidUserIdError):
            act(user_id)


def test_what_cannot_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        SQLiteTags(tmp_path / "tags", days=0)
    with pytest.raises(ConfigurationError) as caught:
        SQLiteTags(tmp_path / "none" / "tags")
    assert caught.value.__context__ is None
    (tmp_path / "broken").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigurationError):
        SQLiteTags(tmp_path / "broken")
    tags = SQLiteTags(tmp_path / "tags")
    tags._db.execute("DROP TABLE audit_secrets")
    with pytest.raises(AuditError) as failed:
        tags.tagger("alice")
    assert failed.value.__context__ is None
