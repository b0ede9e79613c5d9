"""The accuracy benchmark: its metric, its loaders, its generated text."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.accuracy import __main__ as command
from benchmarks.accuracy import conll, crm, numbers, page, records, split, technical
from benchmarks.accuracy.families import family
from benchmarks.accuracy.locales import LATIN, OTHER_SCRIPTS
from benchmarks.accuracy.metrics import Mask, evaluate_spans, is_letter, score
from benchmarks.accuracy.people import SLOTS
from benchmarks.accuracy.sample import DIRECT, Label, Sample

ROOT = Path(__file__).parents[2]

# The metric


def sample(marked: str, kind: str = "PERSON") -> Sample:
    """A sample of a text in which values stand in square brackets."""
    text, labels = "", []
    for piece in re.split(r"(\[[^\]]*\])", marked):
        plain = piece.strip("[]") if piece.startswith("[") else piece
        if piece.startswith("["):
            labels.append(Label(len(text), len(text) + len(plain), kind))
        text += plain
    return Sample(text, tuple(labels))


def share(one: Sample, *spans: tuple[int, int, str]) -> float | None:
    return score([one], lambda _: spans).share({"PERSON"})


def test_one_letter_left_is_not_hidden():
    one = sample("ask [Jane Roe] now")
    assert share(one, (4, 12, "PERSON")) == 1
    assert share(one, (4, 11, "PERSON")) == 0
    assert share(one, (5, 12, "PERSON")) == 0
    assert share(one) == 0


def test_spans_of_any_type_hide_together_and_gaps_of_punctuation_do_not_count():
    one = sample("[Roe, Jane]")
    assert share(one, (0, 3, "LOCATION"), (5, 9, "PERSON")) == 1
    assert share(one, (0, 3, "LOCATION"), (6, 9, "PERSON")) == 0


def test_vowel_signs_are_letters():
    assert is_letter("ी") and is_letter("é") and is_letter("7")
    assert not any(map(is_letter, " .,-@'#"))
    assert share(sample("[मी]"), (0, 1, "PERSON")) == 0


def test_no_value_no_share():
    assert share(sample("nobody")) is None


spans_of = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda p: (min(p), max(p))), max_size=6
)


@given(st.text("ab1 .é", min_size=30, max_size=30), spans_of, spans_of)
def test_hidden_means_every_letter_lies_in_a_span(text, found, values):
    mask = Mask(text, found)
    for i in range(30):
        assert mask.covers(i) == any(a <= i < b for a, b in found)
    for start, end in values:
        letters = [i for i in range(start, end) if is_letter(text[i])]
        expected = all(any(a <= i < b for a, b in found) for i in letters)
        assert mask.hides(start, end) == expected


def test_over_redaction_is_the_share_of_masked_letters_without_a_value():
    one = sample("abc [Jane] xyz12")
    counted = score([one], lambda _: [(0, 3, "ORGANIZATION"), (4, 8, "PERSON"), (9, 10, "X")])
    assert counted.over_redaction == pytest.approx(4 / 8)
    assert counted.plain_masked == pytest.approx(4 / 8)


def test_what_a_corpus_cannot_judge_is_neither_right_nor_wrong():
    one = sample("[Jane] 555-1234")
    spans = [(0, 4, "PERSON"), (5, 13, "PHONE_NUMBER")]
    assert score([one], lambda _: spans).over_redaction > 0
    judged = score([one], lambda _: spans, judged={"PERSON"})
    assert judged.over_redaction == 0
    assert set(judged.spans) == {"PERSON"}


def test_f1_exact_and_overlapping():
    one = sample("[Jane Roe] and [Max] and so")
    figures = evaluate_spans(
        [one], lambda _: [(0, 4, "PERSON"), (13, 16, "PERSON"), (21, 23, "PERSON")], {"PERSON"}
    )
    assert figures["values"] == 2 and figures["hidden"] == 1 and figures["share"] == 0.5
    assert figures["exact_precision"] == pytest.approx(1 / 3)
    assert figures["exact_recall"] == pytest.approx(1 / 2)
    assert figures["exact_f1"] == pytest.approx(2 / 5)
    assert figures["overlap_precision"] == pytest.approx(2 / 3)
    assert figures["overlap_recall"] == 1


def test_direct_identifiers_by_default():
    both = Sample("Jane Roe in Ulm", (Label(0, 8, "PERSON"), Label(12, 15, "LOCATION")))
    assert evaluate_spans([both], lambda _: [(0, 8, "PERSON")])["values"] == 1
    assert evaluate_spans([both], lambda _: [])["share"] == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("US_PASSPORT", "PASSPORT"),
        ("LOCATION", "STREET_ADDRESS"),
        ("UK_NINO", "PL_PESEL"),
        ("UK_DRIVING_LICENCE", "DRIVER_LICENSE"),
        ("MEDICAL_RECORD_NUMBER", "MEDICAL_RECORD"),
        ("API_KEY", "SECRET"),
    ],
)
def test_families(one, other):
    assert family(one) == family(other)


def test_families_keep_apart_what_differs():
    kinds = ["PERSON", "LOCATION", "PASSPORT", "US_SSN", "PHONE_NUMBER", "IP_ADDRESS", "SECRET"]
    assert len({family(kind) for kind in kinds}) == len(kinds)


def test_D14_case_views_keep_the_offsets():
    one = sample("Herr [Weiß], [İpek]")
    for view in (one.lower, one.upper):
        assert len(view.text) == len(one.text) and view.labels == one.labels
    assert one.upper.text.startswith("HERR WEI")
    assert one.lower.text.startswith("herr weiß")


# The files of others


def values(one: Sample) -> list[tuple[str, str]]:
    return [(one.text[a:b], kind) for a, b, kind in one.labels]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-PER I-PER O B-LOC", [("Ana Lima", "PERSON"), ("Faro", "LOCATION")]),
        ("I-PER I-PER O I-LOC", [("Ana Lima", "PERSON"), ("Faro", "LOCATION")]),
        ("B-PER B-PER O O", [("Ana", "PERSON"), ("Lima", "PERSON")]),
        ("B-person I-person O B-geo-loc", [("Ana Lima", "PERSON"), ("Faro", "LOCATION")]),
        ("I-PER I-LOC O I-LOC", [("Ana", "PERSON"), ("Lima", "LOCATION"), ("Faro", "LOCATION")]),
    ],
)
def test_tags_of_both_schemes(tags, expected):
    rows = list(zip(["Ana", "Lima", "left", "Faro"], tags.split(), strict=True))
    assert values(conll.sample_from(rows)) == expected


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Hello , Ana !", "Hello, Ana!"),
        ("I do n't ( yet ) .", "I don't (yet)."),
        ('Ana \'s " big " day', 'Ana\'s "big" day'),
        ("He ' s here", "He's here"),
        ("and / or 5 %", "and/or 5%"),
        ("@ana @ ana # ulm", "@ana @ana #ulm"),
        ("were n ' t", "weren't"),
    ],
)
def test_tokens_are_joined_as_people_write(tokens, text):
    assert conll.joined([(token, "O") for token in tokens.split()])[0] == text


@given(st.lists(st.sampled_from("Ana ' s , . ( ) \" / - @ x 5 % n't n t […".split()), max_size=12))
def test_every_token_stands_where_its_offsets_say(tokens):
    text, offsets = conll.joined([(token, "O") for token in tokens])
    assert [text[a:b] for a, b in offsets] == tokens
    assert "  " not in text
    assert conll.aligned(text, [(token, "O") for token in tokens]) == offsets


def test_a_sign_that_is_annotated_alone_joins_its_name():
    rows = [("hi", "O"), ("@", "B-PER"), ("ana", "B-PER"), ("#", "B-LOC")]
    assert values(conll.sample_from(rows)) == [("@ana", "PERSON")]


IOB2 = """# newdoc id = x
# sent_id = x-1
# text = Don't ask Ana Lima.
1\tDo\tO\t-\t-
2\tn't\tO\t-\t-
3\task\tO\t-\t-
4\tAna\tB-PER\t-\ta
5\tLima\tI-PER\t-\ta
6\t.\tO\t-\t-

# sent_id = x-2
# text = Faro
1\tFaro\tB-LOC\t-\ta
"""


def test_universal_ner_keeps_the_text(tmp_path):
    path = tmp_path / "uner-ewt-dev.iob2"
    path.write_text(IOB2)
    first, second = conll.load(path, held_out_only=False)
    assert first.text == "Don't ask Ana Lima." and values(first) == [("Ana Lima", "PERSON")]
    assert values(second) == [("Faro", "LOCATION")]


def test_tokens_of_another_text_are_an_error():
    with pytest.raises(ValueError):
        conll.aligned("Ana", [("Max", "O")])


def test_held_out_sentences_and_no_others(tmp_path):
    words = [f"word{i}" for i in range(60)]
    path = tmp_path / "wnut17-dev.conll"
    path.write_text("".join(f"{word}\tO\nhere\tO\n\n" for word in words))
    kept = [one.text for one in conll.load(path)]
    assert kept == [f"{w} here" for w in words if split.held_out(f"{w} here", 2)]
    assert 0 < len(kept) < 60
    assert len(conll.load(path, held_out_only=False)) == 60


def test_nothing_is_held_out_of_a_file_that_training_uses_whole(tmp_path):
    path = tmp_path / "btc-a.conll"
    path.write_text("Ana\tB-PER\n")
    with pytest.raises(ValueError):
        conll.load(path)
    assert len(conll.load(path, held_out_only=False)) == 1


# Generated text


# Faker takes a while to load a locale.
FEW = ("en_US", "en_GB", "de_DE", "es_ES", "hu_HU", "vi_VN", "en_KE", "az_AZ")


@pytest.fixture(scope="module")
def generated() -> list[Sample]:
    return records.generate(each=1, locales=FEW)


def test_templates_ask_for_what_there_is():
    assert len(records.templates()) >= 150
    for template in records.templates():
        assert set(re.findall(r"\{\{", template.text)) <= {"{{"}
        assert template.text.count("{{") >= len(template.slots()) > 0, template.name
        for slot in template.slots():
            assert slot.rstrip("0123456789") in SLOTS, template.name
        assert set(template.locales) <= set(LATIN), template.name


def test_records_are_filled_and_labelled(generated):
    assert len(generated) == len(records.templates())
    for one in generated:
        assert "{{" not in one.text and "[[" not in one.text.replace("[[x", ""), one.source
        last = 0
        for start, end, _ in one.labels:
            assert last <= start < end <= len(one.text), one.source
            assert one.text[start:end] == one.text[start:end].strip(), one.source
            last = end
    assert {kind for one in generated for _, _, kind in one.labels} >= DIRECT


def test_the_same_seed_gives_the_same_records(generated):
    assert records.generate(each=1, locales=FEW) == generated
    assert records.generate(each=1, seed=split.FIRST_SEED + 1, locales=FEW) != generated


def test_people_of_many_countries_and_of_other_scripts():
    assert len(LATIN) >= 40 and len(OTHER_SCRIPTS) >= 10
    assert set(LATIN) >= split.HELD_BACK_LOCALES
    others = records.generate(each=1, locales=("ru_RU", "ja_JP", "ar_DZ"))
    persons = [value for one in others for value, kind in values(one) if kind == "PERSON"]
    assert sum(not name.isascii() for name in persons) > 0.9 * len(persons)


def _valid(recogniser: str, number: str) -> bool | None:
    from presidio_analyzer import predefined_recognizers

    made = getattr(predefined_recognizers, recogniser)()
    return made.validate_result(number)


@pytest.mark.parametrize(
    ("locale", "recogniser"),
    [
        ("pl_PL", "PlPeselRecognizer"),
        ("es_ES", "EsNifRecognizer"),
        ("en_AU", "AuTfnRecognizer"),
        ("en_IN", "InAadhaarRecognizer"),
        ("de_DE", "DeTaxIdRecognizer"),
    ],
)
def test_national_numbers_have_valid_checksums(locale, recogniser):
    rng = random.Random(1)
    for _ in range(20):
        number = numbers.NATIONAL[locale][1](rng)
        assert _valid(recogniser, re.sub(r"[ -]", "", number)) is not False


def test_cards_bank_numbers_and_wallets_have_valid_checksums():
    rng = random.Random(2)
    for _ in range(40):
        for country in ("DE", "GB", "FR", "BR", "AZ", "US"):
            assert _valid("IbanRecognizer", numbers.iban(rng, country))
        assert _valid("CreditCardRecognizer", numbers.card(rng))
        assert _valid("CryptoRecognizer", numbers.bitcoin(rng))
        assert _valid("AbaRoutingRecognizer", numbers.routing(rng))


def test_technical_text_holds_no_address_of_anyone():
    clean = technical.generate()
    assert technical.lines_of(clean) >= 600
    assert len({one.text for one in clean}) == len(clean)
    for one in clean:
        assert not one.labels and one.text.strip()
        assert not re.search(r"\w@(?!\d)\w+\.\w", one.text), one.source


def test_planted_values_are_located():
    text = 'Jane Roe <jane@example.com>; "jane roe", Janet, Jane'
    planted = [
        ("PERSON", "Jane"),
        ("PERSON", "Jane Roe"),
        ("PERSON", "jane roe"),
        ("EMAIL_ADDRESS", "jane@example.com"),
    ]
    one = Sample(text, tuple(crm.locate(text, planted)))
    found = ["Jane Roe", "jane@example.com", "jane roe", "Jane"]
    assert [value for value, _ in values(one)] == found


def test_crm_records_have_all_their_kinds():
    made = crm.generate(documents=60)
    kinds = {kind for one in made for _, _, kind in one.labels}
    assert {"PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "STREET_ADDRESS"} <= kinds
    assert made == crm.generate(documents=60)


# The command


def test_corpora_and_metric_need_nothing_but_faker():
    code = (
        "import sys; from benchmarks.accuracy import corpora, metrics, split;"
        "heavy = {'presidio_analyzer', 'piirag', 'numpy', 'rich', 'spacy', 'matplotlib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_the_command_writes_figures(monkeypatch, tmp_path, capsys):
    def find(text: str) -> list[tuple[int, int, str]]:
        return [(m.start(), m.end(), "EMAIL_ADDRESS") for m in re.finditer(r"[^\s<>]+@\S+", text)]

    monkeypatch.setattr("benchmarks.accuracy.systems.systems", lambda: {"at signs": lambda: find})
    written = tmp_path / "new" / "figures.json"
    target = tmp_path / "page.md"
    target.write_text("<!-- figures: headline -->\nold\n<!-- end -->\nrest\n")
    command.main(["--corpus", "crm", "technical", "--json", str(written), "--page", str(target)])
    figures = json.loads(written.read_text())["results"]
    assert figures["crm"]["at signs"]["types"]["EMAIL_ADDRESS"]["hidden"] > 0.5
    assert figures["crm"]["at signs"]["persons_hidden"] == 0
    assert figures["technical"]["at signs"]["lines"] >= 600
    assert "old" not in target.read_text() and target.read_text().endswith("rest\n")
    assert "at signs" in capsys.readouterr().out


def test_an_unknown_system_is_named(monkeypatch):
    monkeypatch.setattr("benchmarks.accuracy.systems.systems", dict)
    with pytest.raises(SystemExit, match="magic"):
        command.main(["--corpus", "technical", "--system", "magic"])


def test_a_page_keeps_what_a_run_has_no_figures_for():
    text = "<!-- figures: locales -->\nas before\n<!-- end -->\n"
    assert page.fill(text, {}, {"technical": {}}) == text


def test_the_page_of_the_docs_has_all_tables():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    assert set(re.findall(r"<!-- figures: (\w+) -->", text)) == set(page._TABLES)
    assert text.count("<!-- end -->") == len(page._TABLES)
