"""Stamps of chunks: sealed, without personal data, and the same every time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from piirag import Scrubber
from piirag.errors import ConfigurationError, InvalidInputError
from piirag.governance.labels import LABELS, above, check_label, highest
from piirag.governance.seen import SeenTexts
from piirag.governance.stamps import (
    INGESTED_AT,
    LABEL,
    SEAL,
    SOURCE,
    STAMP_KEYS,
    WRITER,
    Stamp,
    check_stamp,
    stamps_of,
)
from piirag.tenancy import Chunk, ChunkScrubber

PATH = "/home/marguerite-oyelaran/notes.txt"


def _scrub(scrubber: Scrubber, stamp: Stamp | None, metadata: dict, **options) -> dict:
    chunks = ChunkScrubber(scrubber, "alice", stamp=stamp)
    return dict(chunks.scrub([Chunk("some text", metadata)], **options)[0].metadata)


def test_a_chunk_gets_source_writer_and_label_and_in_a_store_the_time() -> None:
    scrubber = Scrubber()
    stamp = Stamp("nightly", label="confidential", source="crm-export")
    before = _scrub(scrubber, stamp, {"a": 1})
    assert stamps_of(before) == {
        "source": "crm-export",
        "writer": "nightly",
        "label": "confidential",
    }
    stored = _scrub(scrubber, stamp, {"a": 1}, stored=True)
    assert abs(stored[INGESTED_AT] - datetime.now(UTC).timestamp()) < 60


def test_nothing_is_written_unless_asked_for() -> None:
    assert _scrub(Scrubber(), None, {"a": 1}, stored=True) == {"a": 1}


def test_the_same_chunk_gets_the_same_stamp_at_every_stage() -> None:
    scrubber = Scrubber()
    stamp = Stamp("nightly")
    once = _scrub(scrubber, stamp, {"source": PATH})
    assert _scrub(scrubber, stamp, {"source": PATH}) == once
    assert _scrub(scrubber, stamp, once) == once
    assert _scrub(scrubber, None, once) == once


def test_a_path_is_hashed_for_each_tenant() -> None:
    scrubber = Scrubber()
    stamp = Stamp("nightly")
    mine = ChunkScrubber(scrubber, "alice", stamp=stamp)
    theirs = ChunkScrubber(scrubber, "bob", stamp=stamp)
    [one], [two] = (c.scrub([Chunk("x", {"source": PATH})]) for c in (mine, theirs))
    assert "marguerite" not in str(one.metadata[SOURCE])
    assert one.metadata[SOURCE] != two.metadata[SOURCE]


@pytest.mark.parametrize(
    "forged",
    [
        {LABEL: "public"},
        {WRITER: "Jane Roe", LABEL: "public"},
        {LABEL: "public", SEAL: "a" * 26},
        {SOURCE: "jane.roe@example.com", WRITER: "w", LABEL: "public", SEAL: "x"},
        {INGESTED_AT: 4111111111111111, LABEL: "internal", SEAL: 7},
    ],
)
def test_a_callers_metadata_sets_no_stamp(forged: dict) -> None:
    scrubber = Scrubber()
    kept = _scrub(scrubber, None, {"a": 1, **forged})
    assert kept == {"a": 1}
    stamped = _scrub(scrubber, Stamp("nightly", label="restricted"), {"a": 1, **forged})
    assert stamps_of(stamped) == {"writer": "nightly", "label": "restricted"}


@pytest.mark.parametrize("key", [SOURCE, WRITER, INGESTED_AT, LABEL])
def test_an_altered_stamp_is_dropped_as_a_whole(key: str) -> None:
    scrubber = Scrubber()
    stamp = Stamp("nightly", source="crm", at=1_700_000_000, label="restricted")
    good = _scrub(scrubber, stamp, {})
    other = {SOURCE: "erp", WRITER: "daily", INGESTED_AT: 1, LABEL: "public"}
    assert _scrub(scrubber, None, {**good, key: other[key]}) == {}
    assert _scrub(Scrubber(), None, good) == {}, "sealed under another vault's key"


def test_a_read_chunk_keeps_its_stamp_and_stays_unsearched_in_it() -> None:
    scrubber = Scrubber()
    good = _scrub(scrubber, Stamp("nightly"), {}, stored=True)
    chunks = ChunkScrubber(scrubber, "alice")
    [again] = chunks.again([Chunk("text", {**good, "b": 2})])
    assert again.metadata == {**good, "b": 2}
    # As stores return it: numbers as floats, missing columns as None.
    loose = {**good, INGESTED_AT: float(good[INGESTED_AT]), SOURCE: None}
    assert chunks.again([Chunk("text", loose)])[0].metadata == good


def test_a_label_may_depend_on_the_metadata_and_only_rises_later() -> None:
    scrubber = Scrubber()
    stamp = Stamp("w", label=lambda m: "restricted" if m.get("dept") == "hr" else "public")
    high = _scrub(scrubber, stamp, {"dept": "hr"})
    low = _scrub(scrubber, stamp, {"dept": "it"})
    assert (high[LABEL], low[LABEL]) == ("restricted", "public")
    assert _scrub(scrubber, Stamp("w", label="internal"), high)[LABEL] == "restricted"
    assert _scrub(scrubber, Stamp("w", label="internal"), low)[LABEL] == "internal"


def test_a_function_that_labels_badly_stops_the_write_without_its_message() -> None:
    def raises(metadata):
        raise KeyError(f"no such key beside {metadata}")

    with pytest.raises(InvalidInputError) as caught:
        _scrub(Scrubber(), Stamp("w", label=raises), {"who": "Jane Roe"})
    assert "Jane" not in str(caught.value)
    assert caught.value.__context__ is None
    with pytest.raises(InvalidInputError):
        _scrub(Scrubber(), Stamp("w", label=lambda m: "secret"), {})


@pytest.mark.parametrize(
    "arguments",
    [
        {"writer": "Jane Roe"},
        {"writer": ""},
        {"writer": "w", "label": "secret"},
        {"writer": "w", "source": "jane roe.txt"},
        {"writer": "w", "at": float("nan")},
        {"writer": "w", "at": datetime(2020, 1, 1)},
        {"writer": "", "keyed_writer": True},
    ],
)
def test_wrong_stamps_are_refused(arguments: dict) -> None:
    with pytest.raises(ConfigurationError):
        Stamp(**arguments)


def test_names_with_personal_data_are_refused_and_a_writer_can_be_hashed() -> None:
    scrubber = Scrubber()
    with pytest.raises(ConfigurationError) as caught:
        check_stamp(Stamp("192.0.2.44"), scrubber)
    assert "192" not in str(caught.value)
    keyed = Stamp("jane.roe@example.com", keyed_writer=True)
    assert check_stamp(keyed, scrubber) is keyed
    assert _scrub(scrubber, keyed, {})[WRITER].startswith("wr-")
    assert "jane" not in repr(keyed)


@pytest.mark.parametrize("name", ["cv_jane_roe.pdf", "mail/jane.eml", "Jane-Roe.DOCX"])
def test_the_name_of_a_file_is_no_name_of_a_source(name: str) -> None:
    for arguments in ({"writer": "nightly", "source": name}, {"writer": name}):
        with pytest.raises(ConfigurationError, match="files") as caught:
            Stamp(**arguments)
        assert "roe" not in str(caught.value).lower()
    Stamp("nightly.job", source="crm.export")
    Stamp(name, keyed_writer=True)


def test_labels_are_ordered() -> None:
    assert highest(["internal", "restricted", None, "secret", "public"]) == "restricted"
    assert highest([None, 3]) is None
    assert above("confidential", "internal")
    assert not above("internal", "internal")
    assert not above(None, "public")
    assert [check_label(label) for label in LABELS] == list(LABELS)
    with pytest.raises(InvalidInputError):
        check_label("secret")


def test_chunks_are_found_again_in_prompts_by_either_end() -> None:
    seen: SeenTexts[str] = SeenTexts()
    text = "It began in spring. " * 10 + "And so it ended there."
    seen.note("alice", text, "x")
    seen.note("alice", "tiny", "too short to know it by")
    assert seen.found_in("alice", [f"Context:\n  {text}\n\nQuestion: why?"]) == ["x"]
    assert seen.found_in("alice", ["Context: " + text[:100]]) == ["x"]
    assert seen.found_in("alice", ["... " + text[-100:]]) == ["x"]
    assert seen.found_in("alice", ["Something else, tiny."]) == []
    assert seen.found_in("bob", [text]) == []
    seen.drop("alice")
    assert not seen.knows("alice")


def test_only_so_many_chunks_are_remembered() -> None:
    seen: SeenTexts[int] = SeenTexts()
    for number in range(300):
        seen.note("alice", f"chunk number {number:06d} of many", number)
    assert seen.found_in("alice", ["chunk number 000000 of many"]) == []
    assert seen.found_in("alice", ["chunk number 000299 of many"]) == [299]


def test_a_stamp_of_another_kind_is_no_stamp() -> None:
    assert stamps_of({"piirag_label": "public"}) == {}
    assert stamps_of(None) == {}
    assert len(STAMP_KEYS) == 5
