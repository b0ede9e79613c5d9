"""Special categories: recall on sentences about people, silence on everything technical."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag import Finding, Policy, Redactor, Scrubber
from piirag.detection.quasi.words import flatten
from piirag.detection.special import SPECIAL_TYPES, special_categories
from piirag.detection.special.find import TERMS
from support.technical_lines import LINES

ABOUT_PEOPLE: dict[str, list[str]] = {
    "HEALTH": """
        She was diagnosed with type 2 diabetes in 2019.
        My father had a stroke last year.
        He takes metformin and lisinopril every morning.
        I have been on antidepressants since the divorce.
        Our son has asthma and needs an inhaler.
        The patient suffers from severe depression.
        He is allergic to penicillin.
        Anna is pregnant and will be on leave from May.
        She is HIV positive.
        My colleague is in hospital after a heart attack.
        He has been in a wheelchair since the accident.
        She had a hip replacement in March.
        diagnosis: multiple sclerosis
        "allergies": "peanuts, latex"
        The applicant is severely disabled (GdB 70).
        Mr Roe was prescribed oxycodone for his back pain.
        Her cancer is in remission.
        I was hospitalised with pneumonia.
        My daughter has an eating disorder.
        He attempted suicide twice. The suicide attempt was in 2012.
        She is deaf and uses a hearing aid.
        My mum has Alzheimer's and my dad has Parkinson's disease.
        Jo is autistic.
        He went to rehab for his alcoholism.
    """,
    "RELIGION": """
        She is a practising Muslim.
        He converted to Judaism before the wedding.
        My neighbours are Jehovah's Witnesses.
        religion: Roman Catholic
        I go to mass with my wife, who is Catholic.
        He was raised Hindu.
        She wears a headscarf at work.
        The employee asked for time off for Ramadan because he is fasting.
        Her family is Jewish.
        He is an atheist.
        My son was baptised in May.
        The customer asked for kosher meals for her stay.
    """,
    "SEXUAL_ORIENTATION": """
        He is gay and lives with his partner.
        She came out as bisexual last year.
        His husband picked him up.
        My sister is a lesbian.
        "sexual_orientation": "heterosexual"
        The applicant is a transgender woman.
        They are in a same-sex marriage.
        She had questions about her sex life.
    """,
    "POLITICAL_OPINION": """
        He is a member of the Labour Party.
        I voted for Brexit and would do so again.
        She is a registered Democrat.
        political affiliation: Green Party
        My uncle is a lifelong Republican.
        He campaigned for the Conservative Party in 2019.
        She describes herself as a Marxist.
        My boss voted for the AfD.
    """,
    "TRADE_UNION": """
        She is a shop steward at the plant.
        He joined the union last month.
        My colleague is a member of IG Metall.
        union membership: Unison
        The employee is a trade union representative.
        She pays her union dues monthly.
    """,
    "ETHNIC_ORIGIN": """
        She is of Turkish descent.
        He is African American.
        ethnicity: Hispanic
        The suspect is a black man in his thirties.
        Her family is Kurdish.
        He comes from a Roma family.
        My grandmother was Cherokee.
        She is mixed race.
    """,
    "GENETIC": """
        She carries a BRCA1 mutation.
        His genetic test showed that he is a carrier for cystic fibrosis.
        The paternity test named him as the father.
        My daughter has trisomy 21.
        She sent her DNA sample to 23andMe.
        He has a family history of Huntington's.
    """,
    "BIOMETRIC": """
        His fingerprints were taken at the border.
        We store an iris scan of each visitor.
        The gate compares her face with the face template on file.
        Her voiceprint unlocks the account.
        The employee refused to give biometric data.
    """,
    "CRIMINAL_RECORD": """
        He has a criminal record.
        She was convicted of fraud in 2015.
        My brother spent two years in prison.
        He was arrested for drunk driving.
        The tenant is a registered sex offender.
        She pleaded guilty to shoplifting.
        previous convictions: theft
        The applicant is on parole.
    """,
}
SENTENCES = [
    (kind, line.strip())
    for kind, block in ABOUT_PEOPLE.items()
    for line in str(block).strip().splitlines()
]


class Nothing:
    """A detector that finds nothing."""

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        return []

    def detect_batch(self, texts, *, language: str = "en") -> list[list[Finding]]:
        return [[] for _ in texts]


def kinds(text: str) -> set[str]:
    return {f.entity_type for f in special_categories(text)}


def test_recall_on_sentences_about_people() -> None:
    missed = [line for kind, line in SENTENCES if kind not in kinds(line)]
    recall = 1 - len(missed) / len(SENTENCES)
    assert recall >= 0.95, missed


def test_every_category_is_found_most_of_the_time() -> None:
    for kind in SPECIAL_TYPES:
        lines = [line for k, line in SENTENCES if k == kind]
        assert sum(kind in kinds(line) for line in lines) >= 0.75 * len(lines) > 3, kind


@pytest.mark.parametrize("text", LINES)
def test_D12_clean_technical_lines_hold_none(text: str) -> None:
    assert special_categories(text) == []


def test_a_word_with_other_uses_counts_in_a_sentence_about_somebody_only() -> None:
    assert kinds("Cancer is studied at the institute.") == set()
    assert kinds("She has cancer.") == {"HEALTH"}
    assert kinds("Peter Gay wrote it. He met Jo Gay.") == set()
    assert kinds("He is gay.") == {"SEXUAL_ORIENTATION"}
    assert kinds("Islam Makhachev told him so.") == set()


def test_a_name_found_by_the_detector_makes_a_sentence_one_about_somebody() -> None:
    text = "Roe: cancer, remission"
    assert special_categories(text) == []
    found = special_categories(text, [Finding("PERSON", 0, 3, 0.9, "m")])
    assert {f.entity_type for f in found} == {"HEALTH"}


def test_a_name_of_another_sentence_does_not() -> None:
    text = "Roe called. Cancer is studied at the institute."
    assert special_categories(text, [Finding("PERSON", 0, 3, 0.9, "m")]) == []


def test_the_value_of_a_field_is_found_and_not_its_name() -> None:
    text = 'religion: Sikh; "blood_type": "0 negative"; sexual orientation: gay'
    found = special_categories(text)
    assert [text[f.start : f.end] for f in found] == ["Sikh", "0 negative", "gay"]


def test_what_an_opening_says_belongs_to_it() -> None:
    text = "He was diagnosed with Kawasaki syndrome and left."
    (finding,) = special_categories(text)
    assert text[finding.start : finding.end] == "diagnosed with Kawasaki syndrome"


def test_lists_hold_nothing_that_is_never_found() -> None:
    for phrase in TERMS.words:
        assert " ".join(flatten(phrase).split()) == phrase
    assert sum(map(len, TERMS._by_word.values())) > 1200


@given(st.text())
def test_every_finding_lies_in_the_text_and_none_overlap(text: str) -> None:
    last = 0
    for finding in special_categories(text):
        assert last <= finding.start < finding.end <= len(text)
        assert finding.entity_type in SPECIAL_TYPES
        last = finding.end


def test_a_long_text_is_looked_at_to_its_end() -> None:
    text = "lorem ipsum " * 3000 + "She is HIV positive. " + "lorem ipsum " * 3000
    (finding,) = special_categories(text)
    assert text[finding.start : finding.end] == "HIV positive"


# --- what the policy makes of it --------------------------------------------------------------

TEXT = "My neighbour has asthma and is a Catholic."


def test_by_default_they_are_flagged_and_stay() -> None:
    for result in (
        Scrubber(detector=Nothing()).scrub(TEXT, user_id="u"),
        Redactor(detector=Nothing()).redact(TEXT),
    ):
        assert result.text == TEXT
        assert [f.entity_type for f in result.insight.special] == ["HEALTH", "RELIGION"]
        assert "asthma" not in repr(result) + repr(result.insight)


def test_redact_replaces_them() -> None:
    redactor = Redactor(Policy(special_categories="redact"), Nothing())
    redaction = redactor.redact(TEXT)
    assert redaction.text == "My neighbour has [HEALTH_1] and is a [RELIGION_1]."
    assert redactor.rehydrate(redaction.text, redaction.mapping) == TEXT
    scrubber = Scrubber(Policy(special_categories="redact"), Nothing())
    once = scrubber.scrub(TEXT, user_id="u").text
    assert "asthma" not in once and "Catholic" not in once
    assert scrubber.scrub(once, user_id="u").text == once
    assert scrubber.reveal(once, user_id="u") == TEXT


def test_entities_pick_which_of_them_are_replaced() -> None:
    policy = Policy(special_categories="redact", entities=["HEALTH"])
    text = Redactor(policy, Nothing()).redact(TEXT).text
    assert text == "My neighbour has [HEALTH_1] and is a Catholic."


@pytest.mark.parametrize(
    "unit",
    [
        "he has cancer ",
        "diagnosed with a b c ",
        "religion: a b c d e f ",
        "convicted of of ",
        "muslim ",
        "she is ",
        "diagnosis: ",
        "Gay gay ",
        "of african descent ",
    ],
)
def test_D8_hostile_text_takes_linear_time(unit: str) -> None:
    """Four times the text takes about four times as long; sixteen times would be quadratic."""
    from time import process_time

    def cost(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        best = 9e9
        for _ in range(3):
            began = process_time()
            special_categories(text)
            best = min(best, process_time() - began)
        return best

    assert cost(60_000) < 11 * cost(15_000) + 0.01
