"""Pseudonyms that the vault at hand does not know: of a question, of others, of an erased user."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from piirag import Policy, Redactor, Scrubber
from piirag.detection.finding import Finding
from piirag.detection.spans import Span
from piirag.redaction.strange_tokens import whole_tokens
from piirag.redaction.tokens import PSEUDONYM

MODEL = True
TEXT = "Write to joe@example.com or Jane Roe in Paris."


def _strange(user_id: str = "ann") -> tuple[Scrubber, str]:
    scrubber = Scrubber()
    scrubber.scrub("ann@example.com", user_id=user_id)
    return scrubber, scrubber.scrub(TEXT, user_id=user_id, remember=False).text


def test_a_session_replaces_a_strange_pseudonym_as_a_whole_and_puts_it_back() -> None:
    scrubber, text = _strange()
    session = Redactor(scrubber=scrubber).session(user_id="ann")
    sent = session.redact(text).text
    assert "[[" not in sent and "]]" not in sent and "_ADDRESS [" not in sent
    assert "[EMAIL_ADDRESS_1]" in sent and "[PERSON_1]" in sent
    assert session.reply().text(sent) == text


def test_scrubbed_by_another_process_it_is_one_token_again_and_reveals_as_it_was() -> None:
    scrubber, text = _strange()
    other = Scrubber(vault=scrubber.vault)
    again = other.scrub(text, user_id="ann").text
    assert again.count("[") == text.count("[") == again.count("]")
    assert other.reveal(again, user_id="ann") == text
    assert Scrubber(vault=scrubber.vault).scrub(again, user_id="ann").text == again


class _Names:
    """Finds one name wherever it stands."""

    entities = frozenset({"PERSON"})

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        start = text.find("Sabina")
        return [] if start < 0 else [Finding("PERSON", start, start + 6, 0.9, "names")]

    def detect_batch(self, texts: list[str], *, language: str = "en") -> list[list[Finding]]:
        return [self.detect(text, language=language) for text in texts]


def test_a_name_written_in_the_form_of_a_pseudonym_is_found_all_the_same() -> None:
    text = "so [CITY Sabina Tamara Romero], yes"
    redaction = Redactor(detector=_Names()).redact(text)
    assert redaction.text == "so [CITY_1], yes"
    assert [(f.start, f.end) for f in redaction.findings] == [(3, 30)]
    # What is written there does not decide whether it is replaced.
    for policy in (Policy(operators={"CITY": "keep"}), Policy(entities=["PERSON"])):
        assert Redactor(policy, _Names()).redact(text).text == "so [PERSON_1], yes"
    scrubbed = Scrubber(Policy(operators={"CITY": "keep"}), _Names()).scrub(text, user_id="u").text
    assert scrubbed.startswith("so [PERSON ") and "Sabina" not in scrubbed


_PARTS = st.sampled_from(
    ["[PERSON Kobaru Tesami Lovina]", "[CITY Sabina Tamara Romero]", "[", "]", "a", " ", "Sabina"]
)


@given(st.lists(_PARTS, max_size=9).map("".join), st.data())
def test_every_finding_is_covered_and_no_pseudonym_is_cut(text: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [
        Span(Finding("PERSON", a, b, 0.9, "x"), text[a:b])
        for a, b in zip(edges[::2], edges[1::2], strict=False)
    ]
    made = whole_tokens(text, spans, [], Policy())
    places = [(s.finding.start, s.finding.end) for s in made]
    assert places == sorted(places)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places))
    for span in spans:
        finding = span.finding
        assert any(a <= finding.start and finding.end <= b for a, b in places)
    for match in PSEUDONYM.finditer(text):
        for a, b in places:
            assert (
                b <= match.start() or match.end() <= a or (a <= match.start() <= match.end() <= b)
            )
