"""Scrubbing nodes: every part of them, deterministically, the originals untouched."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import (
    Document,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    RelatedNodeInfo,
    TextNode,
)

from llama_index_piirag import PIINodePostprocessor, PIINodeScrubber
from piirag import Scrubber
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    TenancyError,
    UserErasedError,
)
from support.canary import Canaries
from support.llama_fakes import HashedEmbedding, traced

from .conftest import KNOWN_FROM

NAME = "Ottoline Quenneville"


@pytest.fixture
def scrub(scrubber: Scrubber) -> PIINodeScrubber:
    return PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM)


def related_node() -> TextNode:
    return TextNode(
        id_=f"chunk {NAME} 1",
        text=f"{NAME} has a kettle.",
        metadata={"customer": NAME, f"note on {NAME}": "yes", "stars": 3},
        excluded_embed_metadata_keys=["customer", f"note on {NAME}"],
        excluded_llm_metadata_keys=["stars"],
        embedding=[1.0, 2.0],
        start_char_idx=4,
        end_char_idx=30,
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(
                node_id=f"doc {NAME}", metadata={"customer": NAME}, hash="raw"
            ),
            NodeRelationship.CHILD: [
                RelatedNodeInfo(node_id=f"child {NAME}", metadata={"by": NAME}),
                RelatedNodeInfo(node_id="child-2"),
            ],
        },
    )


def test_L9_every_part_of_a_node_is_scrubbed(scrub: PIINodeScrubber, canaries: Canaries) -> None:
    node = related_node()
    clean = scrub([node])[0]
    assert canaries.scan_object(clean.to_dict()) == []
    assert canaries.scan_text(clean.to_json()) == []
    for mode in MetadataMode:
        assert canaries.scan_text(clean.get_content(metadata_mode=mode)) == []
    assert isinstance(clean, TextNode)
    assert "has a kettle." in clean.text
    assert clean.metadata["stars"] == 3
    assert clean.metadata["customer"].startswith("[PERSON ")


def test_L9_documents_of_a_reader_are_scrubbed(
    scrub: PIINodeScrubber, documents: list[Document], canaries: Canaries
) -> None:
    clean = scrub(documents)
    for node in clean:
        assert isinstance(node, Document)
        assert canaries.scan_text(node.to_json()) == []
    assert "blue kettle" in clean[0].get_content()
    assert clean[0].metadata["topic"] == "delivery"
    assert clean[0].metadata["file_name"].endswith(".pdf")


def test_the_originals_are_not_changed(scrub: PIINodeScrubber, documents: list[Document]) -> None:
    nodes = [*documents, related_node()]
    before = copy.deepcopy([node.to_dict() for node in nodes])
    clean = scrub(nodes)
    assert [node.to_dict() for node in nodes] == before
    assert not any(a is b for a, b in zip(nodes, clean, strict=True))
    clean[2].metadata["stars"] = 0
    assert nodes[2].metadata["stars"] == 3


def test_relationships_still_meet(scrub: PIINodeScrubber, documents: list[Document]) -> None:
    chunks = SentenceSplitter(chunk_size=60, chunk_overlap=0).get_nodes_from_documents(documents)
    assert len(chunks) > 2
    docs = scrub(documents)
    clean = scrub(chunks)
    by_id = {node.node_id: node for node in clean}
    assert {node.ref_doc_id for node in clean} == {doc.node_id for doc in docs}
    for raw, node in zip(chunks, clean, strict=True):
        if raw.next_node is not None:
            assert node.next_node is not None
            assert node.next_node.node_id in by_id
            assert node.next_node.hash is None


def test_excluded_keys_stay_excluded(scrub: PIINodeScrubber) -> None:
    clean = scrub([related_node()])[0]
    seen = clean.get_content(metadata_mode=MetadataMode.EMBED)
    assert "note on" not in seen
    assert "customer" not in seen
    assert "user_id" not in seen
    assert "user_id" not in clean.get_content(metadata_mode=MetadataMode.LLM)
    assert "stars" in seen
    assert "stars" not in clean.get_content(metadata_mode=MetadataMode.LLM)


def test_an_embedding_of_raw_text_is_dropped(scrub: PIINodeScrubber) -> None:
    raw = related_node()
    assert scrub([raw])[0].embedding is None
    harmless = TextNode(text="a kettle", embedding=[1.0, 2.0], start_char_idx=1, end_char_idx=9)
    clean = scrub([harmless])[0]
    assert clean.embedding == [1.0, 2.0]
    assert isinstance(clean, TextNode)
    assert clean.start_char_idx == 1
    # The length of what stood there before.
    dropped = scrub([raw])[0]
    assert isinstance(dropped, TextNode)
    assert dropped.end_char_idx is None


def test_same_document_same_result(scrubber: Scrubber, documents: list[Document]) -> None:
    results = []
    for _ in range(2):
        scrub = PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM)
        results.append(scrub(copy.deepcopy(documents)))
    first, second = results
    assert [n.to_dict() for n in first] == [n.to_dict() for n in second]
    assert [n.hash for n in first] == [n.hash for n in second]
    # Scrubbing what is scrubbed changes nothing.
    assert [n.to_dict() for n in scrub(first)] == [n.to_dict() for n in first]


def test_scrubbing_twice_remembers_no_token(scrubber: Scrubber) -> None:
    """A scrubbed record names its customer by a pseudonym, which is nobody's name."""
    scrub = PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM)
    node = TextNode(text=f"{NAME}, a person.", metadata={"customer": NAME})
    once = scrub([node])
    for _ in range(3):
        once = scrub(once)
    later = scrub([TextNode(text="Any Person, any PERSON.")])
    assert later[0].get_content() == "Any Person, any PERSON."
    assert once[0].get_content().endswith("], a person.")
    assert scrubber.vault.count("u1") == 1


def test_the_tag_is_set_once(scrubber: Scrubber, documents: list[Document]) -> None:
    scrub = PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM)
    twice = scrub(scrub(documents))
    assert twice[1].node_id == "u1:note-2"
    assert twice[1].metadata["user_id"] == "u1"
    assert twice[1].excluded_embed_metadata_keys == ["user_id"]
    bare = PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM, tag=False)(twice)
    assert bare[1].node_id == "note-2"
    assert "user_id" not in bare[1].metadata
    assert bare[1].excluded_embed_metadata_keys == []


def test_T5_a_node_of_another_user_is_refused(scrubber: Scrubber) -> None:
    mine = PIINodeScrubber(scrubber, user_id="u1")
    other = PIINodeScrubber(scrubber, user_id="u2")
    with pytest.raises(TenancyError):
        other(mine([TextNode(text="kettle")]))
    theirs = RelatedNodeInfo(node_id="x", metadata={"user_id": "u2"})
    with pytest.raises(TenancyError):
        mine([TextNode(text="kettle", relationships={NodeRelationship.SOURCE: theirs})])


@pytest.mark.parametrize("user_id", [None, "", " ", 1, True, {"$ne": ""}, ["u1"], "7", "a b"])
def test_T3_T4_T7_user_ids_are_checked_first(scrubber: Scrubber, user_id: Any) -> None:
    with pytest.raises(InvalidUserIdError):
        PIINodeScrubber(scrubber, user_id=user_id)
    with pytest.raises(InvalidUserIdError):
        PIINodePostprocessor(scrubber, user_id=user_id)


@pytest.mark.parametrize(
    "node",
    [
        ImageNode(text="a", image="QUJD"),
        IndexNode(text="a", index_id="i", obj=TextNode(text="b")),
        Document(image_resource=MediaResource(data=b"QUJD")),
        Document(text_resource=MediaResource(text="a", path="/home/jane_roe.txt")),
        "text",
        None,
    ],
)
def test_what_cannot_be_searched_is_refused(scrub: PIINodeScrubber, node: Any) -> None:
    with pytest.raises(InvalidInputError):
        scrub([node])


@pytest.mark.parametrize("nodes", [None, "text", 7, TextNode(text="a")])
def test_only_lists_of_nodes_are_taken(scrub: PIINodeScrubber, nodes: Any) -> None:
    with pytest.raises(InvalidInputError):
        scrub(nodes)


def test_odd_texts_have_a_defined_result(scrub: PIINodeScrubber) -> None:
    texts = ["", " ", "\x00", "a\ud800b", "kettle " * 20_000]
    clean = scrub([TextNode(text=text) for text in texts])
    assert [node.get_content() for node in clean] == ["", " ", "\x00", "a\ufffdb", texts[4]]
    assert scrub([]) == []
    assert scrub([Document()])[0].get_content() == ""


def test_D7_a_detector_that_fails_lets_nothing_through(canaries: Canaries) -> None:
    class Broken:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise ValueError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise ValueError(texts)

    scrub = PIINodeScrubber(Scrubber(detector=Broken()), user_id="u1")
    with pytest.raises(DetectionError) as failed:
        scrub([TextNode(text=f"{NAME} wrote")])
    assert canaries.scan_exception(failed.value) == []


def test_an_erased_user_is_refused(scrub: PIINodeScrubber, scrubber: Scrubber) -> None:
    scrub([TextNode(text=NAME)])
    scrubber.vault.forget("u1")
    with pytest.raises(UserErasedError):
        scrub([TextNode(text=NAME)])


def test_it_never_leaves_the_process(scrub: PIINodeScrubber) -> None:
    with pytest.raises(ConfigurationError):
        pickle.dumps(scrub)


def test_L11_its_own_traces_are_clean(
    scrub: PIINodeScrubber, scrubber: Scrubber, documents: list[Document], canaries: Canaries
) -> None:
    post = PIINodePostprocessor(scrubber, user_id="u1", known_from=KNOWN_FROM)
    with traced() as trace:
        scrub(documents)
        post.postprocess_nodes([NodeWithScore(node=d) for d in documents], query_str=NAME)
    assert canaries.scan_object(trace.kept) == []


def test_L13_the_cache_key_is_keyed_and_per_user(scrubber: Scrubber) -> None:
    scrubs = [
        PIINodeScrubber(scrubber, user_id=user, known={"PERSON": [NAME]})
        for user in ("u1", "u2", "u1")
    ]
    one, two, again = [scrub.to_dict() for scrub in scrubs]
    assert one == again != two
    assert NAME not in repr(one)
    assert NAME not in repr(scrubs[0])
    stricter = PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM)
    assert stricter.to_dict() != one


def test_a_plain_pipeline_does_not_mix_users_in_its_cache(
    scrubber: Scrubber, documents: list[Document]
) -> None:
    pipeline = IngestionPipeline(transformations=[])
    results = {}
    for user in ("u1", "u2", "u1"):
        pipeline.transformations = [
            PIINodeScrubber(scrubber, user_id=user, known_from=KNOWN_FROM),
            SentenceSplitter(),
        ]
        nodes = pipeline.run(documents=copy.deepcopy(documents))
        assert {node.metadata["user_id"] for node in nodes} == {user}
        results.setdefault(user, []).append([node.get_content() for node in nodes])
    assert results["u1"][0] == results["u1"][1]
    assert results["u1"][0] != results["u2"][0]


async def test_S8_sync_and_async_agree(
    scrub: PIINodeScrubber, scrubber: Scrubber, documents: list[Document]
) -> None:
    first = scrub(documents)
    second = await scrub.acall(documents)
    assert [n.to_dict() for n in first] == [n.to_dict() for n in second]
    post = PIINodePostprocessor(scrubber, user_id="u1", known_from=KNOWN_FROM)
    found = [NodeWithScore(node=document, score=0.5) for document in documents]
    one = post.postprocess_nodes(found)
    two = await post.apostprocess_nodes(found)
    assert [n.to_dict() for n in one] == [n.to_dict() for n in two]


def test_L9_retrieved_nodes_are_scrubbed_again(
    scrubber: Scrubber, documents: list[Document], canaries: Canaries
) -> None:
    post = PIINodePostprocessor(scrubber=scrubber, user_id="u1", known_from=KNOWN_FROM)
    found = [NodeWithScore(node=document, score=0.25) for document in documents]
    clean = post.postprocess_nodes(found, query_str="kettle")
    assert [n.score for n in clean] == [0.25, 0.25]
    assert canaries.scan_object([n.to_dict() for n in clean]) == []
    assert found[0].node.metadata["customer"] == NAME
    assert clean[1].node_id == "note-2"
    with pytest.raises(InvalidInputError):
        post.postprocess_nodes(documents)  # type: ignore[arg-type]


def test_T11_the_postprocessor_refuses_another_users_node(scrubber: Scrubber) -> None:
    tagged = PIINodeScrubber(scrubber, user_id="u2")([TextNode(id_="x", text="kettle")])
    post = PIINodePostprocessor(scrubber, user_id="u1")
    with pytest.raises(TenancyError):
        post.postprocess_nodes([NodeWithScore(node=tagged[0])])
    own = PIINodePostprocessor(scrubber, user_id="u2")
    assert own.postprocess_nodes([NodeWithScore(node=tagged[0])])[0].node_id == "x"


def test_L14_embedding_models_in_a_plain_pipeline_see_clean_text(
    scrub: PIINodeScrubber, documents: list[Document], canaries: Canaries
) -> None:
    embedding = HashedEmbedding()
    pipeline = IngestionPipeline(transformations=[scrub, SentenceSplitter(), embedding])
    nodes = pipeline.run(documents=documents)
    assert all(node.embedding for node in nodes)
    assert embedding.seen
    assert canaries.scan_text("\n".join(embedding.seen)) == []
    # Values of the cache too; its keys are named after the raw documents, see the docstring.
    assert canaries.scan_text(str(pipeline.cache.cache.get_all(pipeline.cache.collection))) == []


def test_D5_a_value_cut_between_two_nodes_of_a_document_is_found(scrubber: Scrubber) -> None:
    related = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="doc")}
    texts = ["and my card is 4111 1111", "1111 1111 as you know"]
    nodes = [TextNode(text=text, relationships=dict(related)) for text in texts]
    clean = PIINodeScrubber(scrubber, user_id="u")(nodes)
    assert not any("1111" in node.text for node in clean)
