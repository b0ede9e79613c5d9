"""Tenancy in the core: invariant 6, threats T3, T4, T5, T7, T8, T14, L9."""

from __future__ import annotations

import inspect
import pkgutil
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import piirag
from piirag import MemoryVault, Scrubber
from piirag.errors import ConfigurationError, InvalidInputError, InvalidUserIdError, TenancyError
from piirag.tenancy import (
    SHARED,
    Chunk,
    ChunkScrubber,
    Space,
    TenantBinding,
    TenantTags,
    check_plain_user_id,
)

HOSTILE = [
    None,
    "",
    " ",
    "\t",
    0,
    1,
    True,
    1.5,
    b"alice",
    ["alice"],
    ("alice",),
    {"$ne": ""},
    {"$in": ["a"]},
    "1",
    "007",
    "7.0",
    "70e-1",
    "0x1F",
    "1_000",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "alice'",
    'alice"',
    "u1' OR '1'='1",
    'zz"] or doc_id not in ["q',
    "alice bob",
    "alice:1",
    "alice\x00",
    "alice\n",
    "*",
    "%",
    "ａlice",
    "alicé",
    "al\u200bice",
    "alice/..",
    "$ne",
    "-alice",
    ".alice",
    "a" * 129,
]


@pytest.mark.parametrize("user_id", HOSTILE, ids=repr)
def test_T3_T4_T8_hostile_user_ids_are_refused(user_id) -> None:
    with pytest.raises(InvalidUserIdError) as caught:
        check_plain_user_id(user_id)
    if isinstance(user_id, str) and len(user_id) > 3:
        assert user_id not in str(caught.value)


class Sneaky(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


def test_T7_only_exact_strings_are_user_ids() -> None:
    with pytest.raises(InvalidUserIdError):
        check_plain_user_id(Sneaky("alice"))


@settings(max_examples=300)
@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{2,20}", fullmatch=True))
def test_ordinary_user_ids_are_accepted_or_parse_as_numbers(user_id: str) -> None:
    try:
        number = float(user_id) is not None
    except ValueError:
        number = False
    if number:
        with pytest.raises(InvalidUserIdError):
            check_plain_user_id(user_id)
    else:
        assert check_plain_user_id(user_id) == user_id


def test_T8_no_two_user_ids_share_a_tag() -> None:
    vault = MemoryVault()
    for tags in (TenantTags(), TenantTags(vault=vault, keyed=True)):
        names = ["alice", "ALICE", "Alice", "alice-", "alice.", "alice_1", "alice1"]
        assert len({tags.tag(name) for name in names}) == len(names)


@pytest.mark.parametrize("user_id", ["jane@example.com", "7", "7.0", "Zoë Ünal", "a b", "1' OR 1"])
def test_keyed_mode_takes_any_string_and_stores_none(user_id: str) -> None:
    tag = TenantTags(vault=MemoryVault(), keyed=True).tag(user_id)
    assert tag != user_id
    assert len(user_id) < 4 or user_id not in tag
    assert check_plain_user_id(tag) == tag


@pytest.mark.parametrize("user_id", [None, "", " ", 7, {"$ne": ""}, "a\x00", "a\ud800", " a"])
def test_keyed_mode_still_needs_a_usable_string(user_id) -> None:
    with pytest.raises(InvalidUserIdError):
        TenantTags(vault=MemoryVault(), keyed=True).tag(user_id)


def test_keyed_mode_needs_a_vault() -> None:
    with pytest.raises(ConfigurationError):
        TenantTags(keyed=True)
    with pytest.raises(ConfigurationError):
        TenantTags(key="no good")


@pytest.fixture
def binding() -> TenantBinding:
    return TenantBinding(Scrubber(), "alice", TenantTags())


@pytest.mark.parametrize(
    "clause",
    [
        {"user_id": "bob"},
        {"user_id": {"$ne": ""}},
        {"$or": [{"a": 1}, {"user_id": "bob"}]},
        {"$and": [{"$or": [{"user_id": {"$in": ["bob"]}}]}]},
        {"a": {"user_id": "x"}},
    ],
)
def test_T4_T5_a_filter_may_not_name_the_tenant_key(binding, clause) -> None:
    with pytest.raises(TenancyError):
        binding.where(clause)


def test_T5_the_tenant_clause_is_outermost(binding) -> None:
    mine = {"user_id": {"$eq": "alice"}}
    assert binding.where(None) == mine
    assert binding.where({}) == mine
    a, b = {"a": {"$eq": 1}}, {"b": {"$eq": 2}}
    assert binding.where({"$or": [{"a": 1}, {"b": 2}]}) == {"$and": [mine, {"$or": [a, b]}]}
    assert binding.where({"a": 1, "b": 2}) == {"$and": [mine, a, b]}
    for odd in ([], "x", 7, {1: 2}):
        with pytest.raises(InvalidInputError):
            binding.where(odd)


def test_filter_values_are_scrubbed_like_metadata() -> None:
    scrubber = Scrubber()
    binding = TenantBinding(scrubber, "alice", TenantTags(), {"PERSON": ["customer"]})
    [chunk] = binding.inward([Chunk("x", {"customer": "Jane Roe", "n": 3}, "1")])
    stored = chunk.metadata["customer"]
    assert stored != "Jane Roe"
    clause = binding.where({"customer": {"$in": ["jane roe", "JANE ROE"]}})
    assert clause["$and"][1] == {"customer": {"$in": [stored, stored]}}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"user_id": "bob"}, {"user_id": ["alice"]}, {"user_id": Sneaky("alice")}, None],
)
def test_every_item_that_comes_back_is_checked(binding, metadata) -> None:
    with pytest.raises(TenancyError):
        binding.outward("alice:1", metadata or {})
    assert binding.outward("alice:1", {"user_id": "alice", "a": 1}) == ("1", {"a": 1})


def test_a_chunk_that_names_another_user_is_refused(binding) -> None:
    with pytest.raises(TenancyError):
        binding.inward([Chunk("x", {"user_id": "bob"}, "1")])
    [own] = binding.inward([Chunk("x", {"user_id": "alice"}, "1")])
    assert own.metadata == {"user_id": "alice"}


def test_L9_metadata_ids_and_keys_are_scrubbed() -> None:
    chunks = ChunkScrubber(Scrubber(), "u", {"PERSON": ["customer"]})
    chunk = Chunk(
        "x",
        {
            "customer": "Jane Roe",
            "source": "/files/jane_roe.pdf",
            "mail": ["jane@example.com", 3],
            "nested": {"ip": "203.0.113.7", "deep": [{"card": 4111111111111111}]},
            "passport": "912803456",
            "jane@example.com": True,
            "phone": 4155552671,
            "created": "2026-01-02",
            "count": 12,
            "ratio": 0.5,
            "none": None,
        },
        "jane_roe.pdf",
    )
    [clean] = chunks.scrub([chunk])
    shown = repr(dict(clean.metadata)) + str(clean.id)
    for value in ("Jane", "jane", "203.0.113.7", "4111111111111111", "912803456", "4155552671"):
        assert value not in shown
    for key in ("created", "count", "ratio", "none"):
        assert clean.metadata[key] == chunk.metadata[key]
    assert clean.id is not None
    assert clean.id.startswith("id-")
    assert chunks.scrub([chunk])[0].id == clean.id
    assert chunks.id(clean.id) == clean.id


@pytest.mark.parametrize("id", ["1", "foo", "doc-12", "2f1c3c9e-7d4e-4b62-9d0c-0a8f5c9b1e77"])
def test_ordinary_ids_are_left_alone(id: str) -> None:
    assert ChunkScrubber(Scrubber(), "u").id(id) == id


def test_the_callers_metadata_is_not_changed() -> None:
    metadata = {"mail": "a@b.co", "list": ["a@b.co"]}
    ChunkScrubber(Scrubber(), "u").scrub([Chunk("a@b.co", metadata)])
    assert metadata == {"mail": "a@b.co", "list": ["a@b.co"]}


@pytest.mark.parametrize("bad", [Chunk(None), Chunk("x", None), Chunk("x", {}, 7)])  # type: ignore[arg-type]
def test_bad_chunks_are_refused(bad: Chunk) -> None:
    with pytest.raises(InvalidInputError):
        ChunkScrubber(Scrubber(), "u").scrub([bad])


# What HTTP clients a check of the provider policy comes by, within that check.
_NO_USERS = {"piirag_http_clients"}


def test_T14_the_user_is_always_an_argument() -> None:
    """No module keeps a current user in a context variable or a thread-local."""
    import contextvars
    import importlib
    import threading

    for module in pkgutil.walk_packages(piirag.__path__, "piirag."):
        if ".cli" in module.name or "_examples" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            if isinstance(value, contextvars.ContextVar) and value.name in _NO_USERS:
                continue
            assert not isinstance(value, contextvars.ContextVar | threading.local), name
    for name in ("scrub", "scrub_batch", "reveal"):
        parameter = inspect.signature(getattr(Scrubber, name)).parameters["user_id"]
        assert parameter.default is inspect.Parameter.empty


def test_invariant_9_a_key_that_is_part_of_a_name_stays_and_is_not_multiplied() -> None:
    scrubber = Scrubber()
    chunks = ChunkScrubber(scrubber, "u", {"PERSON": ["customer"]})
    chunks.scrub([Chunk("x", {"customer": "Will Page"})])
    metadata = {"Page": "intro", "Page count": 3, "Will": "yes", "Page owner": "Will Page"}
    [once] = chunks.scrub([Chunk("x", metadata)])
    assert once.metadata["Page"] == "intro"
    assert once.metadata["Will"] == "yes"
    [twice] = chunks.scrub([once])
    [fresh] = ChunkScrubber(Scrubber(vault=scrubber.vault), "u").again([once])
    assert dict(twice.metadata) == dict(fresh.metadata) == dict(once.metadata)
    assert "Will Page" not in once.metadata.values()


def test_T5_a_filter_is_copied_before_it_is_checked(binding) -> None:
    """One that changes between two looks cannot smuggle anything in."""

    class Changing(dict):
        looks = 0

        def items(self):
            Changing.looks += 1
            return ({"a": 1} if Changing.looks == 1 else {"user_id": "bob"}).items()

    assert binding.where(Changing()) == {"$and": [{"user_id": {"$eq": "alice"}}, {"a": {"$eq": 1}}]}


def test_spaces_are_nobodys_user_id() -> None:
    vault = MemoryVault()
    for tags in (TenantTags(), TenantTags(vault=vault, keyed=True)):
        named = [tags.space(SHARED), tags.space(Space.of("team")), tags.space(Space.of("team2"))]
        assert len(set(named)) == 3
        for tag in named:
            with pytest.raises(InvalidUserIdError):
                check_plain_user_id(tag)
        for reserved in (SHARED.vault_id, Space.of("team").vault_id):
            with pytest.raises(InvalidUserIdError):
                tags.tag(reserved)
    for bad in (None, "", "7", "a b", ["team"], "a'b"):
        with pytest.raises(InvalidUserIdError):
            Space.of(bad)


def test_the_time_of_expiry_stays_a_number(binding) -> None:
    moment = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    [chunk] = binding.inward([Chunk("x", {"expires_at": moment}, "1")])
    assert chunk.metadata["expires_at"] == moment.timestamp()
    assert binding.is_live(chunk.metadata)
    [again] = binding.again([chunk])
    assert again.metadata["expires_at"] == moment.timestamp()
    for nonsense in ("soon", [1], float("nan"), True, 1):
        assert not binding.is_live({"expires_at": nonsense})
    with pytest.raises(InvalidInputError):
        binding.inward([Chunk("x", {"expires_at": datetime(2031, 1, 2)}, "1")])


@pytest.mark.parametrize("stored", ["4111111111111111", "+14155552671"])
def test_L9_text_in_place_of_a_time_of_expiry_is_searched(stored: str) -> None:
    binding = TenantBinding(Scrubber(), "alice", TenantTags())
    [chunk, number] = binding.again(
        [Chunk("x", {"expires_at": stored}), Chunk("x", {"expires_at": 4102444800.0})]
    )
    assert stored not in str(chunk.metadata["expires_at"])
    assert number.metadata["expires_at"] == 4102444800.0
