"""Files made to end a scan, to hang it, or to hide something from it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from piirag import Policy
from piirag.governance.scan import Files, ScanReport, files, formats, scan
from piirag.governance.scan.html_text import HtmlText
from piirag.governance.scan.record import MOST_FIELDS_OF_A_RECORD, of_row

MAIL = "kelda.zorvane@example.org"
POLICY = Policy(model="none")


def scanned(*paths: Path) -> ScanReport:
    return scan(Files(paths), policy=POLICY)


def mails(tmp_path: Path, name: str, content: str | bytes) -> int:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    return scanned(tmp_path / name).findings.get("EMAIL_ADDRESS", 0)


def test_what_a_reader_raises_is_a_failure_of_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.html").write_text("<p>x</p>")
    (tmp_path / "b.txt").write_text(MAIL)

    def odd(source: str, text: object) -> object:
        raise AssertionError(MAIL)

    monkeypatch.setitem(files._TEXTS, ".html", odd)
    report = scanned(tmp_path)
    assert (report.failures, report.findings) == (1, {"EMAIL_ADDRESS": 1})
    [a] = [source for source in report.sources if source.name == "a.html"]
    assert a.notes == ("reading stopped (AssertionError)",)
    assert MAIL not in report.to_json()


@pytest.mark.parametrize("name", ["a.html", "a.eml", "a.mbox"])
def test_odd_markup_is_read(tmp_path: Path, name: str) -> None:
    head = "From x y\n" if name == "a.mbox" else ""
    head += "" if name == "a.html" else "Content-Type: text/html\n\n"
    odd = f"{head}<![{MAIL} 1 <p>x&#{'1' * 5000};</p> <!-- {MAIL} <a {MAIL} <b"
    assert mails(tmp_path, name, odd) == 3
    assert scanned(tmp_path / name).failures == 0


def test_attributes_that_hold_text(tmp_path: Path) -> None:
    page = f'<p aria-label="{MAIL}" data-owner=\'{MAIL}\' class="{MAIL}"><{MAIL}>'
    assert mails(tmp_path, "a.html", page) == 3


@pytest.mark.parametrize(
    "unit", ["<a", "<a ", "<!--", '<a "', "<a x='", "<a b=\"'", "&#1", "<script>", "</", "<!["]
)
def test_each_character_of_a_page_is_looked_at_a_few_times(unit: str) -> None:
    def steps(many: int) -> int:
        page = HtmlText()
        page.feed(unit * many)
        page.close()
        return page.steps

    few, many = steps(500), steps(5_000)
    assert many <= 11 * few + 100


def test_a_page_does_not_depend_on_where_it_is_cut() -> None:
    text = f'<p title="{MAIL}">a&amp;b <script>if (a<b && "{MAIL}") {{}}</script>é' * 4_000
    whole, cut = HtmlText(), HtmlText()
    whole.feed(text)
    for at in range(0, len(text), 70_001):
        cut.feed(text[at : at + 70_001])
    for page in (whole, cut):
        page.close()
    assert whole.taken() == cut.taken()


def test_the_form_of_a_csv_file_is_told_from_counts() -> None:
    assert formats.delimiter_of(',"' * 30_000) == ","
    assert formats.delimiter_of('a;b\n"x,y,z";c\n1;2\n') == ";"
    assert formats.delimiter_of("a\tb, c\n1\t2\n") == "\t"
    assert formats.delimiter_of("word") == ","


def test_a_row_with_very_many_fields_is_several_records() -> None:
    made = [*of_row("s", "JSON", [(f"k{i}", "v") for i in range(90_000)])]
    assert max(len(record.fields) for record in made) == MOST_FIELDS_OF_A_RECORD
    assert sum(len(record.fields) for record in made) == 90_000


@pytest.mark.parametrize(
    "head",
    [
        "To: " + '"' * 50_000,
        "Content-Type: " + "a;" * 20_000,
        "Content-Disposition: " + "a;" * 20_000,
        "Subject: " + "=?x?q?" * 20_000,
    ],
)
def test_headers_of_any_length_are_read_as_text(tmp_path: Path, head: str) -> None:
    assert mails(tmp_path, "a.eml", f"{head} {MAIL}\n\n{MAIL}\n") == 2


@pytest.mark.parametrize(
    "unit",
    ["Content-Type: message/rfc822\n\n", "Content-Type: multipart/mixed; boundary=b{}\n\n--b{}\n"],
)
def test_mails_in_mails_without_end(tmp_path: Path, unit: str) -> None:
    nested = "".join(unit.replace("{}", str(i)) for i in range(1_500))
    assert mails(tmp_path, "a.eml", f"{nested}Subject: hi\n\n{MAIL}\n") == 1
    report = scanned(tmp_path / "a.eml")
    assert report.sources[0].notes == ("nested too deeply: it was read as text",)
    assert report.failures == 1


def test_everything_in_a_mail_is_read(tmp_path: Path) -> None:
    message = """Subject: =?utf-8?q?kelda=2Ezorvane?= =?utf-8?b?QGV4YW1wbGUub3Jn?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

before a@example.org
--b
Content-Type: application/octet-stream; name=rows.csv
Content-Disposition: attachment; filename=rows.csv
Content-Transfer-Encoding: base64

bmFtZSxtYWlsCkssYkBleGFtcGxlLm9yZwo=
--b
Content-Type: text/plain; charset=punycode

c@example.org
--b--
after d@example.org
"""
    assert mails(tmp_path, "a.eml", message) == 5
    fields = scanned(tmp_path / "a.eml").sources[0].fields
    assert set(fields) == {"subject", "before the parts", "attachment", "body", "after the parts"}


def test_zeros_make_no_text_unreadable(tmp_path: Path) -> None:
    assert mails(tmp_path, "nul.log", f"a line\0\0 {MAIL}\n") == 1
    assert mails(tmp_path, "hole.log", b"\0" * 400_000 + MAIL.encode()) == 1
    cyrillic = f"Приветмирприветмирприветмир {MAIL}\n" + "Приветмирприветмир\n" * 90
    assert mails(tmp_path, "le.txt", cyrillic.encode("utf-16-le")) == 1
    assert mails(tmp_path, "be.txt", cyrillic.encode("utf-16-be")) == 1


def test_a_key_that_is_there_twice_counts_twice(tmp_path: Path) -> None:
    twice = f'{{"a": "{MAIL}", "a": "x@example.org"}}'
    assert mails(tmp_path, "a.json", twice) == 2
    assert mails(tmp_path, "a.jsonl", twice) == 2


def test_a_csv_line_without_end_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0

    def lines() -> object:
        nonlocal taken
        for _ in range(400):
            taken += 1
            yield "x" * (1 << 20)

    next(iter(formats._rest("s", lines())))  # type: ignore[arg-type]
    assert taken <= 2


def test_a_database_with_a_log_leaves_no_file_behind(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE a (x)")
        db.execute("INSERT INTO a VALUES (?)", (MAIL,))
    db.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]
    assert scanned(tmp_path).total == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]
    # What stands in a log only is read too, while somebody else has the database open.
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("INSERT INTO a VALUES (?)", ("x@example.org",))
    assert scanned(tmp_path / "a.db").total == 2
    other.close()


def test_rows_of_a_search_index_count_once(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as db:
        db.execute("CREATE VIRTUAL TABLE f USING fts5(note)")
        db.execute("INSERT INTO f VALUES (?)", (f"from {MAIL} on",))
        db.execute("CREATE TABLE t (note TEXT)")
        db.execute("INSERT INTO t VALUES ('x@example.org')")
        db.execute("CREATE VIRTUAL TABLE of_t USING fts5(note, content='t')")
    db.close()
    assert scanned(tmp_path).findings == {"EMAIL_ADDRESS": 2}


def test_names_of_columns_of_a_table_are_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as db:
        db.execute(f'CREATE TABLE t ("{MAIL}" TEXT)')
    db.close()
    report = scanned(tmp_path)
    assert (report.texts, report.total, report.findings_in_names) == (0, 1, 1)


def test_a_report_with_other_things_inside_is_none() -> None:
    from piirag.errors import ConfigurationError

    good = json.loads(scan(policy=POLICY).to_json())
    assert ScanReport.from_json(json.dumps(good)).texts == 0
    source = {"name": "a", "kind": "k", "texts": 1, "texts_with_findings": 0, "findings": {}}
    source |= {"special": {}, "combined": 0, "fields": {}, "notes": []}
    example = {"entity_type": "A", "source": "s", "field": "", "segments": [["a", None]]}
    assert ScanReport.from_json(json.dumps({**good, "sources": [source], "examples": [example]}))
    broken: list[dict[str, object]] = [
        {"texts": "1"},
        {"texts": True},
        {"findings": {"A": "x"}},
        {"findings": []},
        {"policy": []},
        {"seconds": "x"},
        {"started": 1},
        {"skipped": [{"name": 1, "reason": "x"}]},
        {"sources": [{**source, "fields": {"a": 1}}]},
        {"sources": [{**source, "notes": "abc"}]},
        {"sources": [{**source, "name": 1}]},
        {"examples": [{**example, "segments": [[1, None]]}]},
        {"sample": {"asked": "x", "seen": 1, "read": 1}},
    ]
    for wrong in broken:
        with pytest.raises(ConfigurationError, match="no report of a scan"):
            ScanReport.from_json(json.dumps({**good, **wrong}))
