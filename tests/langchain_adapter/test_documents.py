"""PIIDocumentScrubber: invariant 9, threats D5, L7, L9, and LangChain's indexing API."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_text_splitters import CharacterTextSplitter, RecursiveCharacterTextSplitter

from langchain_piirag import PIIDocumentScrubber, PIITextSplitter
from piirag import Scrubber
from piirag.errors import InvalidInputError, InvalidUserIdError
from support.canary import Canaries
from support.langchain_fakes import tenant_store

MAIL = "jane.roe@example.com"
CANARIES = Canaries([MAIL, "Jane Roe", "4111111111111111"])


def _doc() -> Document:
    return Document(
        page_content=f"Jane Roe <{MAIL}> paid",
        metadata={"customer": "Jane Roe", "mails": [MAIL], "card": 4111111111111111, "page": 3},
        id="Jane Roe/3",
    )


def _scrubber(**kwargs) -> PIIDocumentScrubber:
    kwargs.setdefault("known_from", {"PERSON": ["customer"]})
    return PIIDocumentScrubber(kwargs.pop("scrubber", Scrubber()), user_id="alice", **kwargs)


def test_L9_every_part_of_a_document_is_scrubbed() -> None:
    [clean] = _scrubber().transform_documents([_doc()])
    assert CANARIES.scan_text(repr(clean)) == []
    assert clean.metadata["page"] == 3
    assert clean.page_content.endswith(" paid")


def test_the_originals_are_not_changed() -> None:
    docs = [_doc()]
    _scrubber().transform_documents(docs)
    assert docs == [_doc()]


def test_it_works_async_and_on_nothing() -> None:
    scrubber = _scrubber()
    [clean] = asyncio.run(scrubber.atransform_documents([_doc()]))
    assert [clean] == scrubber.transform_documents([_doc()])
    assert scrubber.transform_documents([]) == []


def test_known_values_may_come_from_a_function_or_a_mapping() -> None:
    per_document = _scrubber(known_from=None, known=lambda d: {"PERSON": [d.metadata["customer"]]})
    for_all = _scrubber(known_from=None, known={"PERSON": ["Jane Roe"]})
    for scrubber in (per_document, for_all):
        assert CANARIES.scan_text(repr(scrubber.transform_documents([_doc()]))) == []


def test_D5_scrubbing_before_splitting_leaves_no_half_value() -> None:
    text = f"{'x ' * 20}Jane Roe <{MAIL}>{' y' * 20}"
    splitter = CharacterTextSplitter(separator="", chunk_size=60, chunk_overlap=0)
    document = Document(text, metadata={"customer": "Jane Roe"})
    raw = splitter.split_documents([document])
    assert not any(MAIL in chunk.page_content for chunk in raw), "the splitter cuts the address"
    clean = splitter.split_documents(_scrubber().transform_documents([document]))
    joined = "".join(chunk.page_content for chunk in clean)
    assert "jane.roe" not in joined
    assert "example.com" not in joined


def test_invariant_9_the_indexing_api_skips_what_it_has_seen(tmp_path) -> None:
    tenants = tenant_store(tmp_path)
    user = tenants.for_user("alice")
    scrubber = _scrubber(scrubber=tenants._scrubber)
    manager = InMemoryRecordManager("alice")
    manager.create_schema()

    def ingest() -> dict:
        docs = scrubber.transform_documents([_doc(), Document("another", metadata={"page": 1})])
        return index(docs, manager, user, cleanup=None, key_encoder="sha256")

    assert ingest()["num_added"] == 2
    again = ingest()
    assert (again["num_added"], again["num_skipped"]) == (0, 2)
    assert CANARIES.scan_files(tmp_path) == []


@pytest.mark.parametrize("bad", [["text"], [None], [{"page_content": "x"}]])
def test_what_is_no_document_is_refused(bad) -> None:
    with pytest.raises(InvalidInputError):
        _scrubber().transform_documents(bad)


def test_wrong_set_ups_are_refused() -> None:
    for bad in (None, "", 3):
        with pytest.raises(InvalidUserIdError):
            PIIDocumentScrubber(Scrubber(), user_id=bad)
    with pytest.raises(InvalidInputError):
        _scrubber(known_from={"PERSON": "customer"})
    with pytest.raises(InvalidInputError):
        _scrubber().transform_documents([_doc()], language="en")


@pytest.mark.parametrize("size", [60, 100, 150, 300])
def test_pii_text_splitter_keeps_pseudonyms_whole_and_ids(size: int) -> None:
    text = " ".join(f"Jane Roe wrote on day {n} to {MAIL}." for n in range(20))
    scrubber = Scrubber()
    [clean] = _scrubber(scrubber=scrubber).transform_documents(
        [Document(text, metadata={"customer": "Jane Roe"}, id="doc-7")]
    )
    plain = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0)
    cut = [
        c
        for c in plain.split_documents([clean])
        if c.page_content.count("[") != c.page_content.count("]")
    ]
    assert cut or size > 200, "the splitter alone cuts pseudonyms"
    chunks = PIITextSplitter(plain).split_documents([clean])
    assert all(c.page_content.count("[") == c.page_content.count("]") for c in chunks)
    assert " ".join(c.page_content for c in chunks) == clean.page_content
    assert [c.id for c in chunks] == [f"doc-7-{n}" for n in range(len(chunks))]
    assert all(c.metadata == clean.metadata for c in chunks)
    assert scrubber.reveal(chunks[0].page_content, user_id="alice").startswith("Jane Roe wrote")


def test_pii_text_splitter_without_ids() -> None:
    splitter = PIITextSplitter(CharacterTextSplitter(separator=" ", chunk_size=5, chunk_overlap=0))
    chunks = splitter.transform_documents([Document("one two three")])
    assert [(c.page_content, c.id) for c in chunks] == [
        ("one", None),
        ("two", None),
        ("three", None),
    ]
