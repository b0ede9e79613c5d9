"""Mappings that wait for a reply in another process, on every back end. Threats P12, P19, P20."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag import Redactor
from piirag.errors import InvalidInputError, InvalidUserIdError, UserErasedError, VaultKeyError
from piirag.redaction.mapping import RedactionMapping
from piirag.vault import MemoryVault, SessionGoneError, SessionVault
from piirag.vault.mapping_codec import decode_mapping, encode_mapping

MAIL = "jane.roe@example.com"
IDS = {"user_id": "u", "session_id": "call 1"}


class Clock:
    """A clock that moves when it is told to; from now, for Redis has a clock of its own."""

    def __init__(self) -> None:
        import time

        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def _mapping(value: str = MAIL) -> RedactionMapping:
    mapping = RedactionMapping()
    mapping.add("[EMAIL_ADDRESS_1]", value, "EMAIL_ADDRESS")
    return mapping


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(store, key):
    return store.vault(key)


@pytest.fixture
def sessions(vault, clock):
    return SessionVault(vault, clock=clock)


def test_another_process_restores_the_reply(store, key, vault) -> None:
    redactor = Redactor()
    session = redactor.session()
    prompt = session.redact(f"Write to {MAIL} or +1 415-555-2671.").text
    assert MAIL not in prompt
    vault.sessions.put(session.mapping, **IDS, ttl=60)
    assert vault.sessions.count("u") == 1
    elsewhere = store.vault(key)
    mapping = elsewhere.sessions.take(**IDS)
    assert redactor.rehydrate(prompt, mapping) == f"Write to {MAIL} or +1 415-555-2671."
    assert mapping.counts == session.mapping.counts
    assert vault.sessions.count("u") == 0


def test_P20_a_session_is_handed_out_once(sessions) -> None:
    sessions.put(_mapping(), **IDS)
    sessions.take(**IDS)
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)


def test_P20_an_expired_session_is_refused(sessions, clock) -> None:
    sessions.put(_mapping(), **IDS, ttl=60)
    clock.now += 61
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)
    clock.now -= 61
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)


def test_P20_a_longer_life_written_into_the_store_does_not_count(sessions, clock, vault) -> None:
    sessions.put(_mapping(), **IDS, ttl=60)
    tag = vault.tag("u")
    user = vault.open("u")
    key = user_key(user)
    blob = vault.backend.take_session(tag, key, clock.now)
    wrapped = vault.backend.user(tag).wrapped_key
    vault.backend.put_session(tag, wrapped, key, blob, expires_at=clock.now + 9999, now=clock.now)
    clock.now += 61
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)


def user_key(user, session_id: str = "call 1") -> str:
    from piirag.vault.sessions import _key

    return _key(user, session_id)


def test_P20_forgetting_a_user_destroys_the_sessions(sessions, vault) -> None:
    sessions.put(_mapping(), **IDS)
    sessions.put(_mapping(), user_id="other", session_id="call 1")
    vault.forget("u")
    assert sessions.count("u") == 0
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)
    with pytest.raises(UserErasedError):
        sessions.put(_mapping(), **IDS)
    vault.reinstate("u")
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)
    assert sessions.take(user_id="other", session_id="call 1").lookup("[EMAIL_ADDRESS_1]") == MAIL


def test_P20_a_tombstone_is_enough(sessions, vault) -> None:
    sessions.put(_mapping(), **IDS)
    vault.tombstone("u")
    with pytest.raises(SessionGoneError):
        sessions.take(**IDS)


def test_P12_another_user_or_another_call_gets_nothing(sessions) -> None:
    sessions.put(_mapping(), **IDS)
    for ids in ({**IDS, "user_id": "v"}, {**IDS, "session_id": "call 2"}):
        with pytest.raises(SessionGoneError):
            sessions.take(**ids)
    assert sessions.take(**IDS).lookup("[EMAIL_ADDRESS_1]") == MAIL


@pytest.mark.parametrize("to", [("u", "call 2"), ("v", "call 1")])
def test_P12_a_session_moved_to_another_call_or_user_does_not_open(sessions, vault, clock, to):
    sessions.put(_mapping(), **IDS)
    user, other = vault.open("u"), vault.open(to[0])
    blob = vault.backend.take_session(user.tag, user_key(user), clock.now)
    wrapped = vault.backend.user(other.tag).wrapped_key
    key = user_key(other, to[1])
    times = {"expires_at": clock.now + 60, "now": clock.now}
    vault.backend.put_session(other.tag, wrapped, key, blob, **times)
    with pytest.raises(VaultKeyError):
        sessions.take(user_id=to[0], session_id=to[1])


def test_P14_a_second_call_of_the_same_id_does_not_change_the_first(sessions) -> None:
    sessions.put(_mapping(), **IDS)
    with pytest.raises(InvalidInputError):
        sessions.put(_mapping("bob@example.com"), **IDS)
    assert sessions.take(**IDS).lookup("[EMAIL_ADDRESS_1]") == MAIL
    sessions.put(_mapping("bob@example.com"), **IDS)
    assert sessions.destroy(**IDS) is True
    assert sessions.destroy(**IDS) is False


def test_expired_sessions_are_purged(sessions, clock, store) -> None:
    sessions.put(_mapping(), **IDS, ttl=60)
    sessions.put(_mapping(), user_id="u", session_id="long", ttl=600)
    clock.now += 61
    assert sessions.purge() == (0 if store.kind == "redis" else 1)
    assert sessions.purge() == 0
    assert sessions.count("u") == 1


def test_P19_nothing_of_a_session_stands_in_the_clear(store, sessions, clock, vault) -> None:
    sessions.put(_mapping(), **IDS)
    user = vault.open("u")
    blob = vault.backend.take_session(user.tag, user_key(user), clock.now)
    assert b"jane" not in blob and b"EMAIL" not in blob and b"call 1" not in blob
    assert MAIL not in repr(sessions)


@pytest.mark.parametrize("ttl", [0, -1, math.nan, math.inf, True, "60", None, 31 * 86_400])
def test_a_time_to_live_that_is_none_is_refused(ttl) -> None:
    vault = MemoryVault()
    with pytest.raises(InvalidInputError):
        vault.sessions.put(_mapping(), **IDS, ttl=ttl)
    assert vault.sessions.count("u") == 0


@pytest.mark.parametrize("session_id", ["", "  ", None, 7, "x" * 513, b"call"])
def test_a_session_id_that_is_none_is_refused(session_id) -> None:
    sessions = MemoryVault().sessions
    for call in (lambda **ids: sessions.put(_mapping(), **ids), sessions.take, sessions.destroy):
        with pytest.raises(InvalidInputError):
            call(user_id="u", session_id=session_id)


def test_what_is_no_user_or_no_mapping_is_refused() -> None:
    sessions = MemoryVault().sessions
    with pytest.raises(InvalidUserIdError):
        sessions.take(user_id="", session_id="s")
    with pytest.raises(InvalidInputError):
        sessions.put({"[PERSON_1]": MAIL}, **IDS)  # type: ignore[arg-type]
    closed = _mapping()
    closed.close()
    with pytest.raises(InvalidInputError):
        sessions.put(closed, **IDS)


def test_asking_for_a_session_makes_no_user() -> None:
    vault = MemoryVault()
    with pytest.raises(SessionGoneError):
        vault.sessions.take(**IDS)
    assert not vault.has_user("u")


# -- the form in bytes --

_TEXT = st.text(st.characters(codec=None), max_size=20)


@given(st.lists(st.tuples(_TEXT, _TEXT, st.booleans()), max_size=8), st.lists(_TEXT, max_size=4))
def test_every_mapping_comes_back_as_it_was(items, stand_ins) -> None:
    mapping = RedactionMapping()
    for n, (value, kind, foreign) in enumerate(items, 1):
        mapping.add(f"[PERSON_{n}]", value, kind, foreign=foreign)
    for text in stand_ins:
        mapping.add_stand_in(text, "[PERSON_1]", text[::-1])
    mapping.index()
    back = decode_mapping(encode_mapping(mapping, 100.0), 100.0)
    back.index()
    for name in RedactionMapping.__slots__:
        if name != "_pattern":
            assert getattr(back, name) == getattr(mapping, name), name
    assert back.stand_ins() == mapping.stand_ins()
    assert repr(back) == repr(mapping)
    with pytest.raises(TypeError):
        pickle.dumps(back)


def test_every_part_of_a_mapping_is_kept_or_built_again() -> None:
    """A new part of the mapping has to be thought of in `mapping_codec`."""
    kept = {"_values", "_kinds", "_foreign", "_stand_ins", "_ends"}
    built_again = {"_starts", "_indexed", "_keys", "_prefixes", "_pattern", "_own"}
    assert set(RedactionMapping.__slots__) == kept | built_again


def test_P20_a_mapping_that_ends_keeps_its_end() -> None:
    mapping = RedactionMapping(60)
    mapping.add("[PERSON_1]", "Jane Roe", "PERSON")
    plain = encode_mapping(mapping, 1000.0)
    assert decode_mapping(plain, 1050.0).lookup("[PERSON_1]") == "Jane Roe"
    assert decode_mapping(plain, 1061.0).lookup("[PERSON_1]") is None
    assert decode_mapping(plain, 1061.0).closed
