"""Files that are broken, huge, binary, linked in circles or not to be read; flat in memory."""

from __future__ import annotations

import csv
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from piirag import Policy
from piirag.detection.finding import Finding
from piirag.errors import ConfigurationError
from piirag.governance.scan import Files, ScanReport, Texts, scan

MAIL = "kelda.zorvane@example.org"
POLICY = Policy(model="none")


def scanned(*paths: Path, largest: int = 1 << 30) -> ScanReport:
    return scan(Files(paths, largest=largest), policy=POLICY)


def notes(report: ScanReport) -> dict[str, tuple[str, ...]]:
    return {source.name: source.notes for source in report.sources if source.notes}


def test_links_lead_nowhere(tmp_path: Path) -> None:
    inside = tmp_path / "in" / "deep"
    inside.mkdir(parents=True)
    (tmp_path / "secret.txt").write_text(MAIL)
    (inside / "a.txt").write_text(MAIL)
    (inside / "up").symlink_to(tmp_path / "in")
    (inside / "self").symlink_to(inside / "self")
    (inside / "out.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "gone.txt").symlink_to(tmp_path / "none")
    report = scanned(tmp_path / "in")
    assert dict(report.findings) == {"EMAIL_ADDRESS": 1}
    assert report.skipped_by_reason == {"a link": 4}
    assert not report.failures
    # A path that is named is read, though it is a link.
    assert scanned(inside / "out.txt").total == scanned(inside / "up").total == 1


def test_a_file_that_two_paths_lead_to_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(MAIL)
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    assert scanned(tmp_path, tmp_path / "a.txt", tmp_path).total == 1


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(MAIL)
    (tmp_path / "a.zip").write_bytes(b"PK\3\4")
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "control").write_bytes(b"\1\2\3\4" * 100)
    (tmp_path / "empty.json").write_bytes(b"")
    report = scanned(tmp_path)
    assert report.texts == 0
    assert dict(report.skipped) == {
        "pipe": "no regular file",
        ".git": "a folder of tools",
        "a.zip": "an archive; it is not unpacked",
        "a.png": "a picture",
        "a.bin": "no text",
        "control": "no text",
    }


def test_what_cannot_be_read_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text(MAIL)
    (tmp_path / "b.txt").write_text(MAIL)
    (tmp_path / "closed").mkdir()
    true_open = Path.open

    def gone(path: Path, *args: object, **options: object) -> object:
        if path.name == "a.txt":
            raise FileNotFoundError(2, "No such file or directory", MAIL)
        return true_open(path, *args, **options)  # type: ignore[call-overload]

    true_scandir = os.scandir

    def closed(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", MAIL)
        return true_scandir(path)

    monkeypatch.setattr(Path, "open", gone)
    monkeypatch.setattr(os, "scandir", closed)
    report = scanned(tmp_path)
    assert report.skipped == (
        ("a.txt", "cannot be read: No such file or directory"),
        ("closed", "cannot be read: Permission denied"),
    )
    assert (report.failures, report.total) == (2, 1)


def test_a_huge_file_is_read_as_far_as_was_said(tmp_path: Path) -> None:
    with (tmp_path / "huge.txt").open("wb") as file:
        file.write(f"{MAIL}\n".encode())
        file.truncate(1 << 40)  # a sparse file: nothing is on the disk
    (tmp_path / "huge.txt").open("r+b").write(b" " * 300_000)
    report = scanned(tmp_path, largest=200_000)
    assert (report.texts, report.failures) == (0, 1)
    assert notes(report) == {"huge.txt": ("too large: its beginning was read",)}


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("deep.json", "[" * 100_000 + f'"{MAIL}"' + "]" * 100_000, "no JSON: it was read as text"),
        ("deep.jsonl", '{"a":' * 9_000 + f'"{MAIL}"' + "}" * 9_000 + "\n", "1 lines are no JSON"),
        ("wide.csv", f"a,b\n{'x' * 200_000} {MAIL},y\n", "a row that is no CSV"),
        ("latin.txt", b"caf\xe9 " + MAIL.encode(), "not UTF-8: it was read as Windows-1252"),
    ],
)
def test_broken_forms_are_read_as_text(
    tmp_path: Path, name: str, content: str | bytes, note: str
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    report = scanned(tmp_path)
    assert dict(report.findings) == {"EMAIL_ADDRESS": 1}
    [told] = notes(report)[name]
    assert told.startswith(note)


def test_rows_of_other_lengths_and_quotes_that_never_end(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["a", "b"], [MAIL], ["1", "2", f"x {MAIL}"], []])
    (tmp_path / "b.csv").write_text(f'a,b\n"never ends,{MAIL}\n1,2\n')
    found = {source.name: dict(source.fields) for source in scanned(tmp_path).sources}
    mail = {"EMAIL_ADDRESS": 1}
    assert found == {"a.csv": {"a": mail, "column 3": mail}, "b.csv": {"a": mail}}


def test_a_mail_that_is_no_mail(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"\xff\xfe\0garbage" * 50)
    (tmp_path / "b.eml").write_bytes(
        b"From: =?nope?x?=?= <" + MAIL.encode() + b">\nContent-Type: text/plain; charset=nope\n"
        b"Content-Transfer-Encoding: base64\n\n!!!!not base64\n"
    )
    (tmp_path / "c.mbox").write_bytes(b"no mailbox " + MAIL.encode())
    report = scanned(tmp_path)
    assert report.findings["EMAIL_ADDRESS"] == 2
    assert not report.unread


def test_a_path_that_is_not_there_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="path number 2 is not there") as told:
        Files([tmp_path, tmp_path / MAIL])
    assert MAIL not in str(told.value)


def test_names_that_no_encoding_knows(tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.txt")
    with open(odd, "w") as file:
        file.write(MAIL)
    report = scanned(tmp_path)
    assert report.total == 1
    report.to_json().encode()
    report.to_html().encode()


def test_memory_stays_flat() -> None:
    class Nothing:
        def detect(self, text: str, *, language: str = "en") -> list[Finding]:
            return []

        def detect_batch(self, texts: list[str], *, language: str = "en") -> list[list[Finding]]:
            return [[] for _ in texts]

    def texts(many: int) -> Iterator[str]:
        return (f"a text of number {i} " * 20 for i in range(many))

    def peak(many: int) -> int:
        tracemalloc.start()
        scan(Texts(texts(many)), policy=POLICY, detector=Nothing(), sample=20)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    few, many = peak(2_000), peak(40_000)
    # Twenty times as much would be 8 MB more.
    assert many < few + 500_000
