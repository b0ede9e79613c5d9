"""Replacing the master key, on every back end. Threats P14, P20, E13."""

from __future__ import annotations

import pytest

from piirag import MasterKey, Scrubber
from piirag.errors import ConfigurationError, UserErasedError, VaultError, VaultKeyError
from piirag.vault import KeyRing, Rotation, Vault
from piirag.vault import user_vault as user_vault_module
from piirag.vault.keys import seal
from piirag.vault.memory import MemoryBackend

USERS = [f"user{n}" for n in range(7)]
MAIL = "jane.roe@example.com"


class _Dies(Exception):
    pass


def _filled(store, key) -> dict[str, str]:
    """A vault with a value for each user; user -> token."""
    scrubber = Scrubber(vault=store.vault(key))
    return {user: scrubber.scrub(MAIL, user_id=user).text for user in USERS}


def _reveals(vault: Vault, tokens: dict[str, str]) -> bool:
    scrubber = Scrubber(vault=vault)
    return all(scrubber.reveal(token, user_id=user) == MAIL for user, token in tokens.items())


def test_after_a_rotation_the_new_key_alone_opens_everything(store, key) -> None:
    tokens = _filled(store, key)
    new = MasterKey.generate()
    old_vault = store.vault(key)
    both = store.vault(KeyRing(new, key))
    assert _reveals(both, tokens)
    assert both.sealed_under() == {key.id: len(USERS)}
    assert both.rotate() == Rotation(rewrapped=len(USERS), already=0)
    assert both.rotate() == Rotation(rewrapped=0, already=len(USERS))
    assert both.sealed_under() == {new.id: len(USERS)}
    alone = store.vault(new)
    assert _reveals(alone, tokens)
    # Users are still known by the same tags, and the same value gets the same token.
    for user in USERS:
        assert alone.tag(user) == old_vault.tag(user)
        assert alone.tenant_tag(user) == old_vault.tenant_tag(user)
        assert alone.receipt_subject(user) == old_vault.receipt_subject(user)
        assert Scrubber(vault=alone).scrub(MAIL, user_id=user).text == tokens[user]
    # And the old one is worth nothing any more.
    with pytest.raises(VaultKeyError):
        Scrubber(vault=store.vault(key)).reveal(tokens["user0"], user_id="user0")


def test_several_rotations_one_after_another(store, key) -> None:
    tokens = _filled(store, key)
    for _ in range(3):
        new = MasterKey.generate()
        store.vault(KeyRing(new, key)).rotate()
        key = new
    assert _reveals(store.vault(key), tokens)


def test_new_users_are_sealed_under_the_newest_key(store, key) -> None:
    new = MasterKey.generate()
    _filled(store, key)
    vault = store.vault(KeyRing(new, key))
    vault.open("new user")
    assert vault.sealed_under() == {key.id: len(USERS), new.id: 1}
    assert store.vault(new).open("new user") is not None


@pytest.mark.parametrize("after", [0, 1, 3, len(USERS) - 1])
@pytest.mark.parametrize("done", [False, True])
def test_a_crash_in_the_middle_loses_nothing_and_is_resumed(store, key, after, done) -> None:
    tokens = _filled(store, key)
    new = MasterKey.generate()
    vault = store.vault(KeyRing(new, key))
    rewrap = vault.backend.rewrap
    calls = []

    def dies(*values):
        if len(calls) == after:
            if done:  # carried out, but the process did not live to see it
                rewrap(*values)
            raise _Dies
        calls.append(values)
        return rewrap(*values)

    vault.backend.rewrap = dies
    with pytest.raises(_Dies):
        vault.rotate()
    vault.backend.rewrap = rewrap
    assert _reveals(store.vault(KeyRing(new, key)), tokens)
    assert _reveals(store.vault(KeyRing(key, new)), tokens)
    again = store.vault(KeyRing(new, key)).rotate()
    assert again == Rotation(rewrapped=len(USERS) - after - done, already=after + done)
    assert _reveals(store.vault(new), tokens)


def test_a_rotation_opens_no_value(store, key, monkeypatch) -> None:
    tokens = _filled(store, key)
    new = MasterKey.generate()
    vault = store.vault(KeyRing(new, key))
    before = {u: list(vault.backend.entries(vault.tag(u))) for u in USERS}

    def refuse(*_):
        raise AssertionError("a value was opened or sealed")

    monkeypatch.setattr(user_vault_module, "unseal", refuse)
    monkeypatch.setattr(user_vault_module, "seal", refuse)
    for name in ("put", "get", "entries", "find", "take_session"):
        monkeypatch.setattr(vault.backend, name, refuse)
    vault.rotate()
    monkeypatch.undo()
    assert before == {u: list(vault.backend.entries(vault.tag(u))) for u in USERS}
    assert _reveals(vault, tokens)


def test_a_vault_that_is_in_use_goes_on_through_a_rotation(store, key) -> None:
    vault = store.vault(key)
    open_before = vault.open("u")
    epoch = vault.epoch("u")
    new = MasterKey.generate()
    both = store.vault(KeyRing(new, key))
    during = both.open("u")
    both.rotate()
    during.put([("t", {"v": 1}, False)])
    assert during.get(["t"]) == {"t": {"v": 1}}
    assert both.epoch("u") == epoch is not None
    # A process that has the old key only may finish nothing: it cannot tell what happened.
    with pytest.raises(VaultError):
        open_before.put([("s", {"v": 1}, False)])


def test_P20_a_rotation_does_not_open_an_erasure(store, key) -> None:
    both = store.vault(KeyRing(MasterKey.generate(), key))
    before = both.open("u")
    old = both.backend.user(both.tag("u")).wrapped_key
    both.forget("u")
    both.rotate()
    assert both.backend.user(both.tag("u")).wrapped_key is None
    both.reinstate("u")
    both.open("u")
    both.rotate()
    with pytest.raises(UserErasedError):
        before.put([("t", {"v": 1}, False)])
    assert both.backend.rewrap(both.tag("u"), old, b"back") is False


def test_P20_an_erasure_while_a_rotation_is_at_this_user(store, key) -> None:
    tokens = _filled(store, key)
    new = MasterKey.generate()
    vault, other = store.vault(KeyRing(new, key)), store.vault(key)
    rewrap = vault.backend.rewrap

    def erase_first(tag, old, sealed):
        if tag == other.tag("user3"):
            other.forget("user3")
        return rewrap(tag, old, sealed)

    vault.backend.rewrap = erase_first
    assert vault.rotate() == Rotation(len(USERS) - 1, 0)
    vault.backend.rewrap = rewrap
    assert vault.is_erased("user3")
    assert vault.backend.user(vault.tag("user3")).wrapped_key is None
    del tokens["user3"]
    assert _reveals(store.vault(new), tokens)


def test_two_rotations_at_once(store, key) -> None:
    tokens = _filled(store, key)
    new = MasterKey.generate()
    one, two = store.vault(KeyRing(new, key)), store.vault(KeyRing(new, key))
    rewrap = one.backend.rewrap
    started, one_more = [], []

    def interleaved(*values):
        if not started:
            started.append(True)
            one_more.append(two.rotate())
        return rewrap(*values)

    one.backend.rewrap = interleaved
    done = one.rotate()
    one.backend.rewrap = rewrap
    assert one_more == [Rotation(len(USERS), 0)]
    assert done == Rotation(0, len(USERS))
    assert _reveals(store.vault(new), tokens)


def test_a_tombstoned_user_is_rotated_and_may_come_back(store, key) -> None:
    tokens = _filled(store, key)
    new = MasterKey.generate()
    vault = store.vault(KeyRing(new, key))
    vault.tombstone("user2")
    vault.rotate()
    alone = store.vault(new)
    assert alone.is_erased("user2")
    alone.reinstate("user2")
    assert _reveals(alone, tokens)


def test_a_data_key_under_a_key_that_is_missing_stops_no_other(store, key) -> None:
    _filled(store, key)
    middle, new = MasterKey.generate(), MasterKey.generate()
    store.vault(KeyRing(middle, key)).open("middle user")
    vault = store.vault(KeyRing(new, key))
    with pytest.raises(VaultKeyError, match=r"1 data keys .* 7 were sealed"):
        vault.rotate()
    with pytest.raises(VaultKeyError, match=middle.id):
        vault.open("middle user")
    assert store.vault(KeyRing(new, middle)).rotate() == Rotation(1, len(USERS))


def test_an_unrelated_key_is_refused_before_anything_is_written(store, key) -> None:
    _filled(store, key)
    stranger, other = MasterKey.generate(), MasterKey.generate()
    for ring in (stranger, KeyRing(stranger, other)):
        with pytest.raises(VaultKeyError):
            store.vault(ring)
    assert store.backend().read_meta(f"hash-keys/{stranger.id}") is None


def test_a_vault_from_before_there_were_key_ids_is_read_and_rotated(key) -> None:
    backend = MemoryBackend()
    vault = Vault(backend, key)
    tag = vault.tag("u")
    backend.create_user(tag, seal(key.derive("wrap"), b"d" * 32, tag))
    token = Scrubber(vault=vault).scrub(MAIL, user_id="u").text
    assert vault.sealed_under() == {"unmarked": 1}
    new = MasterKey.generate()
    both = Vault(backend, KeyRing(new, key))
    assert _reveals(both, {"u": token})
    assert both.rotate() == Rotation(1, 0)
    assert _reveals(Vault(backend, new), {"u": token})


def test_a_data_key_that_was_given_to_another_user_is_refused(store, key) -> None:
    vault = store.vault(key)
    vault.open("a")
    wrapped = vault.backend.user(vault.tag("a")).wrapped_key
    vault.backend.create_user(vault.tag("b"), wrapped)
    with pytest.raises(VaultKeyError):
        store.vault(key).open("b")


def test_a_key_ring_shows_ids_only_and_holds_each_key_once(key) -> None:
    ring = KeyRing(MasterKey.generate(), key)
    assert key.id in repr(ring)
    assert key.export() not in repr(ring)
    with pytest.raises(ConfigurationError):
        KeyRing(key, MasterKey.from_callable(lambda: key.export()))
    with pytest.raises(ConfigurationError):
        KeyRing(b"no key")  # type: ignore[arg-type]
