"""Every kind of input of a scan, with counts that are those of the detector."""

from __future__ import annotations

import json
import sqlite3
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from piirag import Policy, Redactor, Scrubber
from piirag.errors import ConfigurationError
from piirag.governance.scan import Files, Record, Skipped, Stores, Tables, Texts, scan
from piirag.governance.scan.record import LONGEST, joined
from support.erasure import RowsTarget
from support.postgres import driver_url, url_of_server

NAME, MAIL, PHONE = "Kelda Zorvane", "kelda.zorvane@example.org", "+1 415 555 2671"
TEXT = f"{NAME} wrote from {MAIL}, phone {PHONE}. She was diagnosed with asthma."
FOUND = {"PERSON": 1, "EMAIL_ADDRESS": 1, "PHONE_NUMBER": 1}
POLICY = Policy(deny={"PERSON": [NAME]}, model="none")


def counts(*sources: Any, **options: Any) -> dict[str, int]:
    return dict(scan(*sources, policy=POLICY, **options).findings)


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"{NAME} <{MAIL}>"
    message["To"] = "desk@example.com"
    message["Subject"] = "Call me"
    message["DKIM-Signature"] = "v=1; b=4111111111111111"
    message.set_content(f"My phone is {PHONE}.")
    message.add_alternative(f"<p>My <b>phone</b> is {PHONE}.</p>", subtype="html")
    message.add_attachment(f"{NAME}\n", filename="notes.txt")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="face.png")
    return message


def test_texts_are_counted_as_a_redactor_counts_them() -> None:
    texts = [TEXT, "nothing here", f"again {MAIL}", f"to {NAME} and {NAME}"]
    redactor = Redactor(POLICY)
    expected: dict[str, int] = {}
    for text in texts:
        for kind, count in redactor.redact(text).counts.items():
            expected[kind] = expected.get(kind, 0) + count
    report = scan(Texts(texts), policy=POLICY)
    assert dict(report.findings) == expected == {**FOUND, "PERSON": 3, "EMAIL_ADDRESS": 2}
    assert (report.texts, report.texts_with_findings, report.share) == (4, 3, 0.75)
    assert report.special == {"HEALTH": 1}
    assert report.texts_by_type["PERSON"] == 2
    assert report.complete


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", TEXT),
        ("a.md", f"# Note\n\n{TEXT}"),
        ("a.log", TEXT),
        ("noending", TEXT),
        ("a.html", f"<html><style>.x{{}}</style><body><p>{TEXT}</p></body></html>"),
        ("comment.html", f"<p>Hello</p><!-- {TEXT} -->"),
        ("a.json", json.dumps({"note": TEXT})),
        ("list.json", json.dumps([{"a": {"note": [TEXT]}}, {"n": None, "t": True}])),
        ("key.json", json.dumps({TEXT: 1})),
        ("broken.json", '{"note": ' + TEXT),
        ("a.jsonl", json.dumps({"note": TEXT}) + "\n\n" + json.dumps(["x"]) + "\n"),
        ("broken.jsonl", f"{{}}\n{TEXT}\n"),
        ("a.csv", f'id,note\n1,"{TEXT}"\n2,nothing\n'),
        ("a.tsv", f"id\tnote\n1\t{TEXT}\n2\tnothing\n"),
        ("head.csv", f'1,"{TEXT}"\n2,nothing\n3,more\n'),
        ("a.mbox", f"From x Sat Jan  3 01:05:34 1996\nSubject: hi\n\n{TEXT}\n\nFrom y z\n\nbye\n"),
    ],
)
def test_files_of_every_kind(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    report = scan(Files([tmp_path]), policy=POLICY)
    assert dict(report.findings) == FOUND
    assert report.special == {"HEALTH": 1}
    [source] = report.sources
    assert source.name == name
    assert dict(source.findings) == FOUND
    assert not report.skipped
    assert not report.failures


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes((TEXT + " Größe é" * 9).encode(encoding))
    assert counts(Files([tmp_path])) == FOUND


def test_mail_with_its_parts(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(bytes(mail()))
    (tmp_path / "b.mbox").write_bytes(b"From me\n" + bytes(mail()) + b"\nFrom me\n" + bytes(mail()))
    report = scan(Files([tmp_path]), policy=POLICY)
    one = {"PERSON": 2, "EMAIL_ADDRESS": 2, "PHONE_NUMBER": 2}
    found = {source.name: dict(source.findings) for source in report.sources}
    assert found == {"a.eml": one, "b.mbox": {kind: 2 * n for kind, n in one.items()}}
    assert [source.texts for source in report.sources] == [2, 1]
    for source in report.sources:
        assert source.notes == ("attachments that are no text were not read",)
        assert set(source.fields) == {"from", "to", "body", "attachment"}


def test_word_documents(tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.core_properties.author = NAME
    document.add_paragraph(f"Write to {MAIL}.")
    document.add_table(1, 2).rows[0].cells[1].text = PHONE
    document.sections[0].header.paragraphs[0].text = f"For {NAME}"
    document.save(str(tmp_path / "a.docx"))
    (tmp_path / "b.docx").write_bytes(b"PK not a document")
    report = scan(Files([tmp_path]), policy=POLICY)
    assert dict(report.findings) == {**FOUND, "PERSON": 2}
    assert [name for name, _ in report.skipped] == ["b.docx"]
    assert report.failures == 1


def test_pdf_documents(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pypdf = pytest.importorskip("pypdf")
    content = b"BT /F1 12 Tf 20 700 Td (Write to kelda.zorvane@example.org.) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
    ]
    body = b"%PDF-1.4\n"
    places = []
    for number, item in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    start = len(body)
    body += b"xref\n0 7\n0000000000 65535 f \n" + table
    body += b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start
    (tmp_path / "a.pdf").write_bytes(body)
    writer = pypdf.PdfWriter(clone_from=tmp_path / "a.pdf")
    writer.add_metadata({"/Author": NAME})
    writer.write(tmp_path / "author.pdf")
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    (tmp_path / "broken.pdf").write_bytes(body[:40])
    report = scan(Files([tmp_path]), policy=POLICY)
    assert dict(report.findings) == {"EMAIL_ADDRESS": 2, "PERSON": 1}
    assert dict(report.skipped)["locked.pdf"] == "encrypted"
    assert dict(report.skipped)["broken.pdf"].startswith("PDF that cannot be read")
    assert caplog.text == ""
    [a] = [source for source in report.sources if source.name == "a.pdf"]
    assert a.notes == ("1 pages without text; pictures are not read",)


def database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE people (name TEXT, contact TEXT, note BLOB)")
        db.execute('CREATE TABLE "odd "" name" (x)')
        db.executemany(
            "INSERT INTO people VALUES (?, ?, ?)",
            [(NAME, MAIL, PHONE.encode()), ("-", None, b"\xff\0"), ("Bob", "x", None)],
        )
    db.close()


def test_a_table_is_counted_column_by_column(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    database(tmp_path / "crm.db")
    before = (tmp_path / "crm.db").read_bytes()
    expected = {
        "name": {"PERSON": 1},
        "contact": {"EMAIL_ADDRESS": 1},
        "note": {"PHONE_NUMBER": 1},
    }
    for source, name in (
        (Tables(tmp_path / "crm.db"), "people"),
        (Tables(f"sqlite:///{tmp_path / 'crm.db'}"), "people"),
        (Tables(tmp_path / "crm.db", only=["people"]), "people"),
        (Files([tmp_path]), "crm.db: people"),
    ):
        report = scan(source, policy=POLICY)
        [table] = [s for s in report.sources if s.texts]
        assert (table.name, table.kind, table.texts) == (name, "table", 3)
        assert table.fields == expected
        assert table.notes == ("binary values were not read",)
    assert (tmp_path / "crm.db").read_bytes() == before
    assert counts(Tables(tmp_path / "crm.db", only=['odd " name'])) == {}
    with pytest.raises(ConfigurationError, match="not there"):
        Tables(tmp_path / "none.db")


def test_tables_of_postgres(tmp_path: Path) -> None:
    import psycopg

    url = url_of_server("sqlalchemy")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE SCHEMA scan_one")
        db.execute("CREATE TABLE scan_one.people (who text, mail text, n bigint, v float8[])")
        db.execute("CREATE TABLE scan_public (note text)")
        db.execute(
            "INSERT INTO scan_one.people SELECT %s, %s, 4155552673, array_fill(0.1, ARRAY[99]) "
            "FROM generate_series(1, 1200)",
            (NAME, MAIL),
        )
        db.execute("INSERT INTO scan_public VALUES (%s)", (PHONE,))
    try:
        only = ["scan_one.people", "scan_public"]
        report = scan(Tables(driver_url(url, "psycopg"), only=only), policy=POLICY)
        found = {source.name: source.fields for source in report.sources}
        assert found == {
            "scan_one.people": {"who": {"PERSON": 1200}, "mail": {"EMAIL_ADDRESS": 1200}},
            "scan_public": {"note": {"PHONE_NUMBER": 1}},
        }
    finally:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("DROP SCHEMA scan_one CASCADE")
            db.execute("DROP TABLE scan_public")


def test_numbers_and_vectors_are_no_personal_data_by_their_length(tmp_path: Path) -> None:
    vector = [0.4155552671] * 200
    data = [{"created": 4155552673, "vector": vector, "card": 4111111111111111, "t": f"{vector}"}]
    (tmp_path / "a.json").write_text(json.dumps(data))
    (tmp_path / "b.txt").write_text("4155552673")
    report = scan(Files([tmp_path]), policy=POLICY)
    found = {source.name: dict(source.fields) for source in report.sources}
    assert found["a.json"] == {"card": {"CREDIT_CARD": 1}}
    assert report.findings["PHONE_NUMBER"] == 1


def test_a_store_is_read_through_its_target(tmp_path: Path) -> None:
    chromadb = pytest.importorskip("chromadb")
    client = chromadb.EphemeralClient()
    held = client.get_or_create_collection("scan_kinds", embedding_function=None)
    held.add(
        ids=["1", MAIL],
        documents=[TEXT, "nothing"],
        metadatas=[{"owner": NAME, "n": 1}, {"owner": "-", "n": 2}],
        embeddings=[[0.0, 1.0], [1.0, 0.0]],
    )
    report = scan(Stores(held), policy=POLICY)
    [source] = report.sources
    assert dict(report.findings) == {"PERSON": 2, "EMAIL_ADDRESS": 2, "PHONE_NUMBER": 1}
    assert source.fields["owner"] == {"PERSON": 1}
    assert source.fields["id"] == {"EMAIL_ADDRESS": 1}
    assert set(source.fields[""]) == {*FOUND, "HEALTH"}
    assert (report.texts, report.texts_with_findings) == (2, 2)
    client.delete_collection("scan_kinds")


def test_a_store_that_is_down_is_told(tmp_path: Path) -> None:
    from piirag.config_stores import UnreachableTarget

    rows = RowsTarget(tmp_path / "rows")
    down = UnreachableTarget("crm", "chroma", ConnectionError)
    report = scan(Stores(down, rows), policy=POLICY)
    notes = {source.name: source.notes for source in report.sources}
    assert notes["crm"] == ("reading stopped (ConnectionError)",)
    assert report.failures == 1


def test_pseudonyms_are_no_findings() -> None:
    scrubbed = Scrubber(POLICY).scrub(TEXT, user_id="alice").text
    report = scan(Texts([scrubbed]), policy=POLICY)
    assert (dict(report.findings), report.pseudonyms) == ({}, 3)


def test_special_categories_and_combinations_are_looked_for_whatever_the_policy() -> None:
    text = "She is a 34 year old nurse from Leeds, and was diagnosed with asthma."
    off = Policy(model="none", quasi_identifiers="off", special_categories="off")
    for policy in (Policy(model="none"), off):
        report = scan(Texts([text, text, "nothing"]), policy=policy)
        assert report.special == {"HEALTH": 2}
        assert report.combinations == {("birth", "job", "place"): 2}
        assert report.quasi["AGE"] == 2


def test_the_fields_of_a_row_combine() -> None:
    row = Record("t", "table", (("job", "She is a nurse"), ("age", "34 years old"), ("x", "y")))
    text = joined(row)
    assert text.text == "job: She is a nurse\nage: 34 years old\nx: y\n"
    assert [text.text[low:high] for _, low, high in text.places] == [v for _, v in row.fields]
    assert text.field_of(0, 3) is None
    assert text.field_of(5, 8) == "job"


def test_a_sample_is_even_and_the_same_each_time() -> None:
    texts = [f"mail a{i}@example.org" for i in range(400)]
    few = [scan(Texts(texts), policy=POLICY, sample=50) for _ in range(2)]
    assert few[0].findings == few[1].findings == {"EMAIL_ADDRESS": 50}
    assert vars(few[0].sample) == {"asked": 50, "seen": 400, "read": 50}
    share = scan(Texts(texts), policy=POLICY, sample=0.25)
    assert share.sample is not None
    assert 60 < share.sample.read == share.texts < 140
    assert not share.complete
    for wrong in (0, -1, 1.5, True, "5"):
        with pytest.raises(ConfigurationError):
            scan(Texts(texts), policy=POLICY, sample=wrong)  # type: ignore[arg-type]


def test_a_long_text_is_cut_between_values(tmp_path: Path) -> None:
    line = f"{NAME} wrote from {MAIL} again.\n"
    many = 3 * LONGEST // len(line)
    (tmp_path / "long.txt").write_text(line * many)
    (tmp_path / "noline.txt").write_text(line.replace("\n", " ") * many)
    report = scan(Files([tmp_path]), policy=POLICY)
    assert dict(report.findings) == {"PERSON": 2 * many, "EMAIL_ADDRESS": 2 * many}
    assert report.texts > 4


def test_a_detector_that_fails_on_one_text_loses_that_one() -> None:
    class Fails:
        def detect(self, text: str, *, language: str = "en") -> list[Any]:
            if "poison" in text:
                raise RuntimeError(text)
            return []

        def detect_batch(self, texts: Any, *, language: str = "en") -> list[list[Any]]:
            return [self.detect(text) for text in texts]

    report = scan(Texts([TEXT, f"poison {MAIL}", "x"]), policy=POLICY, detector=Fails())
    assert report.unread == {"builtins.RuntimeError": 1}
    assert (report.texts, report.failures, report.complete) == (2, 1, False)
    assert MAIL not in report.to_json()


def test_what_is_no_text_is_told() -> None:
    report = scan(Texts([TEXT, None]), policy=POLICY)  # type: ignore[list-item]
    [source] = report.sources
    assert source.notes == ("no text",)
    assert repr(Skipped("x", "y")) == "Skipped('y')"
