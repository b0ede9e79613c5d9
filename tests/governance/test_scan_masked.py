"""No report of a scan shows a value: not raw, not escaped, not encoded, not in names of files."""

from __future__ import annotations

import io
import itertools
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from piirag import Policy, Redactor, Scrubber
from piirag.detection.finding import Finding
from piirag.detection.ner.everyday import EVERYDAY
from piirag.display import _FIELDS, apart, plain, shape, show
from piirag.governance.scan import Files, ScanReport, Tables, scan
from support.canary import Canaries

PEOPLE = ["Kelda Zorvane", "Bétina Øksendal", "Thrudvang O'Quill"]
MAILS = ["kelda.zorvane@example.org", "b.oksendal@example.net"]
PHONE, CARD, IBAN = "+1 415 555 2671", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"
ILLNESS = "asthma"
UNDETECTED = ["Xylqwort", "zanzibarine", "Quorvexia-77"]
CANARIES = Canaries([*PEOPLE, *MAILS, PHONE, CARD, IBAN, ILLNESS, *UNDETECTED, "Zorvane"])
POLICY = Policy(deny={"PERSON": PEOPLE}, model="none", allow=[MAILS[1]])
ROW = f"{PEOPLE[0]};{MAILS[0]};{PHONE};{CARD}"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Values in texts, fields, keys, columns, names of files and of folders."""
    folder = tmp_path / "corpus"
    person = folder / "Kelda Zorvane"
    person.mkdir(parents=True)
    text = (
        f"{PEOPLE[0]} ({MAILS[0]}) met {PEOPLE[1]} and {UNDETECTED[0]}; she was diagnosed with "
        f"{ILLNESS}. Card {CARD}, iban {IBAN}, phone {PHONE}. The {UNDETECTED[1]} {UNDETECTED[2]}."
    )
    (person / f"{MAILS[0]}.txt").write_text(text)
    (folder / "letter_kelda_zorvane.md").write_text(text.lower() + f"<script>{PEOPLE[2]}</script>")
    (folder / "zorvane-photo.png").write_bytes(b"\x89PNG")
    (folder / f"{PHONE}.zip").write_bytes(b"PK\3\4")
    (folder / "rows.csv").write_text(f"name;{MAILS[0]};c;d\n{ROW}\n{ROW}\n")
    (folder / "keys.json").write_text(json.dumps({MAILS[0]: {"Kelda Zorvane": ROW}, "a": [text]}))
    with sqlite3.connect(folder / "crm.db") as db:
        db.execute(f'CREATE TABLE "of {MAILS[0]}" ("{PEOPLE[0]}" TEXT, b TEXT)')
        db.execute(f'INSERT INTO "of {MAILS[0]}" VALUES (?, ?)', (text, text))
    db.close()
    return folder


def shown(report: ScanReport) -> dict[str, str]:
    """Everything that a report shows anywhere."""
    terminal = io.StringIO()
    Console(file=terminal, width=300).print(report)
    return {
        "json": report.to_json(),
        "html": report.to_html(),
        "notebook": report._repr_html_(),
        "terminal": terminal.getvalue(),
        "str": str(report),
        "repr": repr(report) + repr(report.examples) + repr(report.sample),
    }


def test_no_value_is_in_any_report(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    report = scan(Files([corpus]), Tables(corpus / "crm.db"), policy=POLICY)
    assert report.findings["PERSON"] >= 10
    assert len(report.examples) >= 15
    for form, text in shown(report).items():
        assert not CANARIES.scan_bytes(text.encode(), form)
    assert not CANARIES.scan_bytes(caplog.text.encode(), "log")
    names = {source.name for source in report.sources}
    assert "[PERSON]/[EMAIL_ADDRESS].txt" in names
    assert "letter_[PERSON].md" in names
    again = ScanReport.from_json(report.to_json())
    assert again.to_json() == report.to_json()
    assert again.to_html() == report.to_html()


def test_values_are_there_when_asked_for(corpus: Path) -> None:
    report = scan(Files([corpus]), policy=POLICY, show_values=True)
    for form in ("json", "html", "notebook"):
        found = {hit.index for hit in CANARIES.scan_bytes(shown(report)[form].encode(), form)}
        assert {0, 3, 5} <= found
    assert "This page holds personal data" in report.to_html()
    assert "<script>" not in report.to_html()


def test_a_policy_is_told_without_its_lists() -> None:
    report = scan(policy=POLICY)
    assert report.policy["deny"] == {"PERSON": 3}
    assert report.policy["allow"] == 1
    assert not CANARIES.scan_bytes(report.to_json().encode())


def test_a_notebook_shows_tokens_and_no_text() -> None:
    text = f"Dear {PEOPLE[0]}, the {UNDETECTED[0]} is for you at {MAILS[0]}. [PERSON_9]"
    redaction = Redactor(POLICY).redact(text)
    result = Scrubber(POLICY).scrub(text, user_id="alice")
    for cell in (redaction._repr_html_(), result._repr_html_()):
        assert not CANARIES.scan_bytes(cell.encode())
        assert "is for you at" in cell
    assert "[PERSON_1]" in redaction._repr_html_()
    assert "[EMAIL_ADDRESS " in result._repr_html_()
    findings = show(text, redaction.findings)
    assert not CANARIES.scan_bytes((str(findings) + findings._repr_html_()).encode())
    assert repr(findings) == f"Shown({len(redaction.findings)} findings)"
    raw = show(text, redaction.findings, values=True)
    assert f"[PERSON {PEOPLE[0]}]" in str(raw)
    colours = {part.split('"')[0] for part in raw._repr_html_().split('style="background:')[1:]}
    assert len(colours) == 2


@given(st.text(max_size=60))
def test_shapes_hold_no_letter_and_no_digit(value: str) -> None:
    assert not any(c.isalnum() for c in shape(value))


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from("the The Rose of_the I Email x".split())).map(" ".join)
)
def test_what_is_not_everyday_is_not_shown(text: str) -> None:
    for word in re.findall(r"[^\W_]+", plain(text)):
        assert word in EVERYDAY or word == "I" or word.lower() in _FIELDS


def test_a_word_that_a_finding_cuts_is_not_shown() -> None:
    # "her" is an everyday word, and a part of a name.
    assert str(show("herbert", [Finding("PERSON", 3, 7, 1.0, "x")])) == "•••[PERSON ••••]"
    assert plain("the and of", 2, 6) == "• ••"


_SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda s: (s[0], s[0] + s[1], "A")),
    max_size=8,
)


@settings(max_examples=300)
@given(_SPANS, st.none() | st.just((10, 20, "B")))
def test_stretches_are_apart_and_cover_everything(spans: list[Any], first: Any) -> None:
    made = apart(spans, first)
    assert all(end <= start for (_, end, _), (start, _, _) in itertools.pairwise(made))
    every = [*spans, first] if first else spans
    covered = {at for start, end, _ in every for at in range(start, end)}
    assert {at for start, end, _ in made for at in range(start, end)} == covered
    assert first is None or first in made


_SECRETS = ["HIV", "alcoholic", "uorvexia", "ottoline", "5550132"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", '"Called today. Is HIV positive and an alcoholic; wants us to write",5\nx,6\n'),
        ("b.csv", "1985,HIV positive,quorvexia\n1999,alcoholic,x\n"),
        (
            "a.json",
            '{"HIV positive since 2019": "a@example.org", "is HIV positive": "b@example.org"}',
        ),
        ("b.json", '{"Called today, is HIV positive": {"He is an alcoholic": "a@example.org"}}'),
        ("c.json", json.dumps({"x" * 182 + " ottoline.quorvexia@example.org": "a@example.org"})),
        ("d.json", json.dumps({"y" * 190: {"call +1 415 5550132": "a@example.org"}})),
        ("e.json", json.dumps({"x" * 182 + " ottoline@example.org": "a@example.org " * 3000})),
        ("f.json", json.dumps({"wants quorvexia and to be called back": "a@example.org"})),
        ("g.json", json.dumps({"Quorvexia" * 9: "a@example.org"})),
        ("HIV positive.txt", "a@example.org"),
        ("HIV positive.png", ""),
    ],
)
def test_names_are_masked_as_texts_are(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    report = scan(Files([tmp_path]), policy=POLICY)
    for form, text in shown(report).items():
        for secret in _SECRETS:
            assert secret not in text, form


def test_names_of_columns_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer_ref,E-mail address (work),q1_2\n7,a@example.org,b\n")
    (tmp_path / "a.json").write_text('{"customer": {"contact": {"email": "a@example.org"}}}')
    found = {s.name: set(s.fields) for s in scan(Files([tmp_path]), policy=POLICY).sources}
    assert found == {"a.csv": {"E-mail address (work)"}, "a.json": {"customer.contact.email"}}


def test_the_head_of_a_report_tells_of_findings_in_names(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({MAILS[0]: None}))
    report = scan(Files([tmp_path]), policy=POLICY)
    assert (report.texts, report.total, report.findings_in_names) == (0, 1, 1)
    for form in ("html", "notebook", "terminal", "str"):
        assert "1 finding in names of columns and keys" in shown(report)[form], form
    assert "status good" not in report.to_html()
    again = ScanReport.from_json(report.to_json())
    assert again.to_html() == report.to_html()
    # Nor is a scan green that could not read everything.
    (tmp_path / "a.json").unlink()
    (tmp_path / "a.docx").write_bytes(b"x")
    assert "status good" not in scan(Files([tmp_path]), policy=POLICY).to_html()
    (tmp_path / "a.docx").unlink()
    (tmp_path / "a.txt").write_text("nothing")
    assert "status good" in scan(Files([tmp_path]), policy=POLICY).to_html()
