"""The impact assessment and the records of processing."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.accuracy import shipped
from piirag.cli import app
from piirag.errors import ConfigurationError
from piirag.governance.assessment import (
    AssessmentConfig,
    assessment,
    gather,
    question_keys,
    records_csv,
    to_html,
    to_markdown,
)
from piirag.governance.assessment.figures import measured
from piirag.governance.assessment.records import HEAD, safe_cell
from piirag.governance.assessment.risks import proposed
from piirag.governance.assessment.scan_report import _is_type
from piirag.governance.scan import Files, scan

DAY = "2026-11-25"
DENIED = "Zebulon Quatermain"
TOML = f"""
[policy]
model = "none"
quasi_identifiers = "generalize"
operators = {{ CREDIT_CARD = {{ type = "mask", chars_to_mask = 12 }} }}
[policy.deny]
PERSON = ["{DENIED}"]
[vault]
path = "vault.db"
key_file = "keys/master.key"
[erasure]
not_covered = ["files at the model's provider"]
[[stores]]
kind = "chroma"
path = "chroma"
collection = "crm"
keyed = true
[audit]
path = "audit.jsonl"
key_file = "keys/audit.key"
prompts = "hash"
[assessment]
system = "Support assistant"
controller = "Example GmbH, Exampletown"
purposes = ["answer questions", "=HYPERLINK(1)"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "piirag.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of a scan, with examples, of a file that is named after a person."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    text = "Mail bo.kahn@example.com, card 4111111111111111. "
    text += "The patient was diagnosed with diabetes."
    (folder / "ottoline_vance.txt").write_text(text)
    found = scan(Files([folder]), show_values=True)
    path = tmp_path / "report.json"
    path.write_text(found.to_json())
    assert "bo.kahn" in path.read_text() and "ottoline_vance" in path.read_text()
    return path


def test_the_same_facts_give_the_same_document(config: Path, report: Path) -> None:
    first, second = (assessment(gather(config, scan=report), date=DAY) for _ in range(2))
    assert to_markdown(first) == to_markdown(second)
    assert to_html(first) == to_html(second)
    assert DAY in to_markdown(first)


def test_no_value_of_a_scan_or_a_list_gets_into_the_document(config: Path, report: Path) -> None:
    facts = gather(config, scan=report)
    document = assessment(facts, date=DAY)
    for text in (to_markdown(document), to_html(document), records_csv(facts, date=DAY)):
        for value in ("bo.kahn", "4111", "ottoline", "Zebulon", "Quatermain"):
            assert value not in text


def test_what_a_scan_found_stands_in_the_document(config: Path, report: Path) -> None:
    text = to_markdown(assessment(gather(config, scan=report), date=DAY))
    assert re.search(r"\| EMAIL\\_ADDRESS \| 1 \|", text)
    assert re.search(r"\| HEALTH \| 1 \|", text)
    assert "special categories or criminal records in the corpus: HEALTH" in text
    without = to_markdown(assessment(gather(config), date=DAY))
    assert "No scan of the corpus was passed" in without and "EMAIL\\_ADDRESS | 1 |" not in without


def test_special_categories_raise_the_severity(config: Path, report: Path) -> None:
    worse, plain = proposed(gather(config, scan=report)), proposed(gather(config))
    assert max(risk.severity for risk in worse) == 4
    assert max(risk.severity for risk in plain) == 3


def test_the_configuration_stands_in_the_document(config: Path) -> None:
    text = to_markdown(assessment(gather(config), date=DAY))
    assert "| crm | chroma |" in text
    assert "pseudonym; CREDIT\\_CARD: mask" in text
    assert "prompt: hash, reply: redact" in text
    assert "made coarser where they combine" in text
    assert "files at the model's provider" in text
    assert "There is no \\[retention\\] table" in text
    for command in ("export-user", "delete-user", "find-subject", "suppression reapply"):
        assert f"`piirag {command}" in text


def test_tokenised_text_is_never_called_anonymous(config: Path, report: Path) -> None:
    document = assessment(gather(config, scan=report), date=DAY)
    assert "anonym" not in (to_markdown(document) + to_html(document)).lower()
    assert "stays personal data" in to_markdown(document)


def test_points_for_a_person_are_marked(config: Path) -> None:
    document = assessment(gather(config), date=DAY)
    text = to_markdown(document)
    assert text.count("TO BE FILLED IN") == len(document.open) == len(document.humans) > 15
    assert to_html(document).count('class="todo"') == len(document.open)
    keys = [point.key for point in document.humans]
    assert "sign-residual" in keys and "sign-dpo" in keys
    assert "processing-purposes" not in keys, "the configuration says it"
    assert "processing-purposes" in question_keys(gather(config))


def test_measured_recall_is_that_of_the_benchmark(config: Path) -> None:
    read = (json.loads((shipped.FIGURES / f"{n}.json").read_text()) for n in _FIGURES)
    assert json.loads(shipped.SHIPPED.read_text()) == shipped.extract(*read)
    text = to_markdown(assessment(gather(config), date=DAY))
    worst = measured(model=False).corpora[0]
    assert f"| {worst.what} | {worst.values:,} | {worst.hidden:.1%} |" in text
    assert "python -m benchmarks.accuracy" in text


_FIGURES = ("accuracy", "tenancy", "erasure")


def test_the_figures_follow_the_model_of_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text("[assessment]\n")
    assert gather(path).figures == measured(model=True) != measured(model=False)
    path.write_text('[policy]\nmodel = "none"\n')
    assert gather(path).figures == measured(model=False)
    assert proposed(gather(path))[0].likelihood == 4


def test_the_records_are_csv_with_a_row_for_each_purpose(config: Path, report: Path) -> None:
    rows = list(csv.reader(io.StringIO(records_csv(gather(config, scan=report), date=DAY))))
    assert rows[0] == list(HEAD)
    assert len(rows) == 3 and all(len(row) == len(HEAD) for row in rows)
    first = dict(zip(HEAD, rows[1], strict=True))
    assert first["controller"] == "Example GmbH, Exampletown"
    assert "EMAIL_ADDRESS" in first["categories of personal data"]
    assert first["special categories"] == "HEALTH"
    assert first["data protection officer"] == "TO BE FILLED IN"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "  =", "\r=", "\n=", "＝", "＋"])
def test_no_cell_begins_a_formula(begin: str) -> None:
    assert safe_cell(f"{begin}1+1").startswith("'")
    assert safe_cell("plain = text") == "plain = text"


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", "\u00ad", "\u2060", "\x00", "\u200b \u2060"])
def test_marks_that_nobody_sees_hide_no_formula(mark: str) -> None:
    assert safe_cell(f"{mark}=1+1") == "'=1+1"


def test_no_formula_begins_after_a_semicolon() -> None:
    assert safe_cell("a;=1+1") == "a;'=1+1"
    assert safe_cell("a; b; -c") == "a; b; '-c"
    assert safe_cell("=a;=b").startswith("'=") and ";=" not in safe_cell("=a;=b")
    assert safe_cell("mail; a = b; c-d") == "mail; a = b; c-d"


def test_no_number_of_an_account_is_taken_for_a_type() -> None:
    found = {"DE89370400440532013000": 3, "EMAIL_ADDRESS": 2, "CUSTOMER_ID": 1, "A4111111": 1}
    counts = {kind: n for kind, n in found.items() if _is_type(kind)}
    assert counts == {"EMAIL_ADDRESS": 2, "CUSTOMER_ID": 1}


def test_no_cell_of_the_records_begins_a_formula(config: Path) -> None:
    cells = [
        c for row in csv.reader(io.StringIO(records_csv(gather(config), date=DAY))) for c in row
    ]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]


def test_what_people_say_cannot_become_markup(tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    said = "<script>alert(1)</script> | ![x](http://e/) `<b>` # heading"
    path.write_text(f"[assessment]\npurposes = ['{said}']\nlawful_basis = '{said}'\n")
    document = assessment(gather(path), date=DAY, answers={"need-aim": f"{said}\n\n{said}"})
    page, text = to_html(document), to_markdown(document)
    assert "<script" not in page and "<b>" not in page and "<img" not in page
    assert "<script" not in text and "![x](" not in text
    assert page.count("alert(1)") == text.count("alert(1)") == 4
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    "table", ['purposes = "one"', "controller = 1", 'decisions = "maybe"', 'purpose = ["x"]']
)
def test_a_wrong_table_is_refused(table: str, tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text(f"[assessment]\n{table}\n")
    with pytest.raises(ConfigurationError, match="assessment"):
        AssessmentConfig.from_file(path)


def test_decisions_about_persons_follow_what_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    told = {}
    for kind in ("none", "automated"):
        path.write_text(f'[assessment]\ndecisions = "{kind}"\n')
        document = assessment(gather(path), date=DAY)
        told[kind] = (to_markdown(document), [p.key for p in document.humans])
    assert "decide nothing about persons" in told["none"][0]
    assert "necessity-decisions" not in told["none"][1]
    assert "Article 22 demands" in told["automated"][0]
    assert "necessity-decisions" in told["automated"][1]


class TestCommand:
    """`piirag pia`."""

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["pia", "--date", DAY, *arguments])

    def test_it_writes_files_for_their_owner_only(self, config: Path, tmp_path: Path) -> None:
        names = {"--markdown": "d.md", "--html": "d.html", "--records": "r.csv"}
        paths = [x for option, name in names.items() for x in (option, str(tmp_path / name))]
        done = self.run("--config", str(config), *paths)
        assert done.exit_code == 0, done.output
        for name in names.values():
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert (tmp_path / "d.md").read_text().startswith("# Data protection impact assessment")
        assert done.stdout == ""

    def test_answers_outlive_every_run(self, config: Path, tmp_path: Path) -> None:
        answers, page = tmp_path / "answers.toml", tmp_path / "d.md"
        given = ("--config", str(config), "--answers", str(answers), "--markdown", str(page))
        assert self.run(*given).exit_code == 0
        assert stat.S_IMODE(answers.stat().st_mode) == 0o600
        text = answers.read_text()
        assert 'need-aim = ""' in text
        filled = text.replace('need-aim = ""', 'need-aim = "Quicker answers"  # by A.')
        filled = "\n".join(line for line in filled.splitlines() if "sign-dpo" not in line) + "\n"
        answers.write_text(filled)
        done = self.run(*given)
        assert done.exit_code == 0, done.output
        after = answers.read_text()
        assert after.startswith(filled), "what a person wrote is never changed"
        assert after.count('sign-dpo = ""') == 1, "a question that was missing is asked again"
        assert "> Quicker answers" in page.read_text()
        assert "`need-aim`): What does" not in page.read_text()

    def test_an_answer_stays_where_the_configuration_answers_later(
        self, config: Path, tmp_path: Path
    ) -> None:
        answers = tmp_path / "answers.toml"
        answers.write_text('processing-recipients = "The hosting company"\n')
        config.write_text(TOML + 'recipients = ["Tracing Ltd"]\n')
        done = self.run("--config", str(config), "--answers", str(answers))
        assert done.exit_code == 0, done.output
        assert "The hosting company" in done.stdout and "Tracing Ltd" in done.stdout

    def test_wrong_files_are_refused(self, config: Path, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong"
        wrong.write_text('nobody-asked = "x"\n')
        for arguments in (
            ("--answers", str(wrong)),
            ("--scan", str(wrong)),
            ("--scan", str(tmp_path / "none.json")),
        ):
            done = self.run("--config", str(config), *arguments)
            assert done.exit_code == 2, done.output
        done = CliRunner().invoke(app, ["pia", "--config", str(config), "--date", "tomorrow"])
        assert done.exit_code == 2
