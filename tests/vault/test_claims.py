"""Tokens that do not derive from their values: found again, and never two for one value."""

from __future__ import annotations

import threading

import pytest

from piirag.errors import UserErasedError, VaultKeyError
from piirag.vault import Claim, MasterKey, Vault
from piirag.vault.memory import MemoryBackend
from piirag.vault.protocol import Entry

VALUE = {"t": "PERSON", "v": "Jane Roe", "o": "random"}
NAME = "random|PERSON|jane roe"


@pytest.fixture
def user(store, key):
    return store.vault(key).open("u")


def test_P15_an_index_is_a_keyed_hash_of_its_user(store, key) -> None:
    one, two = store.vault(key).open("u"), store.vault(key).open("v")
    assert one.index(NAME) == store.vault(key).open("u").index(NAME)
    assert len(one.index(NAME)) == 32
    assert len({one.index(NAME), two.index(NAME), one.index(NAME + "x")}) == 3
    # Under a key of its own: it is none of the hashes that pseudonyms are made of.
    from piirag.vault.keys import keyed_hash

    assert one.index(NAME) != keyed_hash(one.hash_key, NAME)


def test_the_first_token_of_a_value_stays(store, key, user) -> None:
    index = user.index(NAME)
    assert user.find([index]) == {}
    assert user.claim([Claim(index, "[PERSON a]", VALUE)]) == {index: ("[PERSON a]", VALUE)}
    later = store.vault(key).open("u")
    assert later.claim([Claim(index, "[PERSON b]", VALUE)]) == {index: ("[PERSON a]", VALUE)}
    assert later.find([index, later.index("other")]) == {index: ("[PERSON a]", VALUE)}
    assert later.get(["[PERSON a]", "[PERSON b]"]) == {"[PERSON a]": VALUE}
    assert later.values() == [("[PERSON a]", VALUE)]


def test_P14_a_token_that_is_taken_is_not_given_to_a_second_value(user) -> None:
    one, two, plain = user.index("one"), user.index("two"), ("[PERSON k]", VALUE, False)
    user.put([plain])
    user.claim([Claim(one, "[PERSON a]", VALUE)])
    other = {**VALUE, "v": "Bob"}
    claims = [Claim(two, "[PERSON a]", other), Claim(user.index("three"), "[PERSON c]", other)]
    assert set(user.claim(claims)) == {user.index("three")}
    assert user.claim([Claim(two, "[PERSON k]", other)]) == {}
    assert user.get(["[PERSON a]", "[PERSON k]"]) == {"[PERSON a]": VALUE, "[PERSON k]": VALUE}
    assert user.claim([Claim(two, "[PERSON b]", other)]) == {two: ("[PERSON b]", other)}


def test_known_values_are_listed(store, key, user) -> None:
    index = user.index(NAME)
    user.claim([Claim(index, "a", VALUE)])
    assert user.values(known_since=0) == []
    user.claim([Claim(index, "b", VALUE, known=True)])
    assert user.values(known_since=0) == [("a", VALUE)]
    assert store.vault(key).open("u").version == 1


def test_nothing_to_claim(user) -> None:
    assert user.claim([]) == {}
    assert user.find([]) == {}


def test_P20_claims_end_with_the_user(store, key, user) -> None:
    index = user.index(NAME)
    user.claim([Claim(index, "a", VALUE)])
    vault = store.vault(key)
    vault.forget("u")
    with pytest.raises(UserErasedError):
        user.claim([Claim(index, "b", VALUE)])
    vault.reinstate("u")
    again = vault.open("u")
    assert again.index(NAME) != index
    assert again.find([again.index(NAME), index]) == {}


def test_entries_whose_indexes_were_exchanged_are_refused(key) -> None:
    """Whoever can write to the store cannot have one person's token issued for another."""
    backend = MemoryBackend()
    user = Vault(backend, key).open("u")
    one, two = user.index("one"), user.index("two")
    user.claim([Claim(one, "a", VALUE), Claim(two, "b", VALUE)])
    kept = backend._kept[user.tag]
    kept.by_index = {one: "b", two: "a"}
    for token, index in (("a", two), ("b", one)):
        kept.entries[token] = Entry(token, kept.entries[token].blob, index=index)
    with pytest.raises(VaultKeyError):
        user.find([one])
    with pytest.raises(VaultKeyError):
        user.claim([Claim(two, "c", VALUE)])


def test_nothing_of_a_claim_is_shown(user) -> None:
    claim = Claim(user.index(NAME), "a", VALUE)
    assert "Jane" not in repr(claim)
    assert repr(user.index(NAME)) not in repr(claim)


def test_P21_many_threads_end_with_one_token(store, key) -> None:
    vault = store.vault(key)
    vault.open("u")
    seen: list[tuple[int, str]] = []

    def work(me: int) -> None:
        user = vault.open("u")
        for n in range(20):
            index = user.index(f"value {n}")
            seen.append((n, user.claim([Claim(index, f"{me}-{n}", VALUE)])[index][0]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 80
    assert len(set(seen)) == 20
    assert vault.count("u") == 20


def test_the_index_survives_a_rotation_of_the_master_key(store, key, user) -> None:
    from piirag.vault import KeyRing

    index = user.index(NAME)
    user.claim([Claim(index, "a", VALUE)])
    new = MasterKey.generate()
    store.vault(KeyRing(new, key)).rotate()
    assert store.vault(new).open("u").find([index]) == {index: ("a", VALUE)}
