"""Values that a splitter cut in two are found where both halves are at hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Scrubber
from piirag.detection.known import KnownValues
from piirag.tenancy.chunks import Chunk, ChunkScrubber

MAIL = "jane.roe@example.com"
CARD = "4111 1111 1111 1111"
NAME = "Jane Roe"
FILLER = "the parcel came late and the box was wet again so we sent it back to the shop "
TEXT = f"{FILLER}{NAME} {FILLER}<{MAIL}> {FILLER}{CARD} {FILLER}"


def scrub(chunks: list[Chunk], again: bool = False) -> list[str]:
    chunker = ChunkScrubber(Scrubber(), "u", known={"PERSON": [NAME]})
    if again:
        chunker.scrubber.scrub("x", user_id="u", known={"PERSON": [NAME]})
        return [c.text for c in chunker.again(chunks)]
    return [c.text for c in chunker.scrub(chunks, {"PERSON": [NAME]})]


def cut(size: int, overlap: int, *, strip: bool, offsets: bool) -> list[Chunk]:
    chunks = []
    for start in range(0, len(TEXT), size - overlap):
        text = TEXT[start : start + size]
        at = start + (len(text) - len(text.lstrip())) * strip
        metadata = {"source": "a.txt", **({"start_index": at} if offsets else {})}
        chunks.append(Chunk(text.strip() if strip else text, metadata))
    return chunks


def halves(text: str) -> bool:
    """Whether a part of a value is left that tells something."""
    return any(part in text for part in ("jane.ro", "e@exampl", "@exa", "e.com", "4111", "1111 11"))


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 200), st.integers(0, 30), st.booleans(), st.booleans())
def test_D5_every_cut_value_is_found(size: int, overlap: int, strip: bool, again: bool) -> None:
    scrubbed = scrub(cut(size, overlap, strip=strip, offsets=True), again)
    assert not any(map(halves, scrubbed)), scrubbed


@pytest.mark.parametrize("size", range(70, 130, 7))
def test_D5_without_offsets_the_order_tells(size: int) -> None:
    scrubbed = scrub(cut(size, 0, strip=False, offsets=False))
    assert not any(map(halves, scrubbed))
    assert "".join(scrubbed).replace("\n", "").count("the parcel") == 4


@pytest.mark.parametrize("seed", range(4))
def test_D5_retrieved_in_any_order(seed: int) -> None:
    import random

    chunks = cut(90, 10, strip=True, offsets=True)
    random.Random(seed).shuffle(chunks)
    assert not any(map(halves, scrub(chunks, again=True)))


def test_D5_chunks_of_different_sources_are_no_neighbours() -> None:
    chunks = [Chunk("write to jane.roe@exam", {"source": "a"}), Chunk("ple.com", {"source": "b"})]
    assert scrub(chunks)[1] == "ple.com"


def test_D5_a_gap_between_two_chunks_is_no_border() -> None:
    chunks = [
        Chunk("write to jane.roe@exam", {"source": "a", "start_index": 0}),
        Chunk("ple.com", {"source": "a", "start_index": 500}),
    ]
    assert scrub(chunks)[1] == "ple.com"


def test_what_holds_no_cut_value_stays_as_it_is() -> None:
    texts = ["we sent it back to the", "shop near the river and", "waited there for a while"]
    chunks = [Chunk(text, {"source": "a"}) for text in texts]
    assert scrub(chunks) == texts


def test_known_values_are_indexed_once_for_all_borders_and_ids(monkeypatch) -> None:
    built = []
    init = KnownValues.__init__

    def counted(self: KnownValues, known: object = None, **options: object) -> None:
        built.append(known)
        init(self, known, **options)  # type: ignore[arg-type]

    def of(count: int) -> int:
        chunks = [Chunk("we saw it and", {"source": "a"}, f"report-{n}") for n in range(count)]
        built.clear()
        ChunkScrubber(Scrubber(), "u").scrub(chunks, {"PERSON": [NAME, "Omar Haddad"]})
        return sum(bool(known) and "Omar Haddad" in str(known) for known in built)

    monkeypatch.setattr(KnownValues, "__init__", counted)
    assert of(30) == of(3) > 0
