"""The pages that piirag writes, opened in Chromium: nothing fetched, nothing to scroll sideways."""

from __future__ import annotations

from pathlib import Path

import pytest

from piirag import MemoryVault, Policy
from piirag.erasure import delete_user, export_user
from piirag.governance.scan import Texts, scan
from support.chromium import DESK, PHONE, look_at
from support.erasure import ListedRows, RowsTarget

NAME = "Kelda Zorvane"
LONG = "a" * 300


def scan_page() -> str:
    policy = Policy(deny={"PERSON": [NAME]}, model="none")
    text = (
        f"{NAME} <script>alert(1)</script> {LONG}@example.org is 34 years old, a nurse from Leeds"
    )
    card = "card 4111 1111 1111 1111, iban DE89 3704 0044 0532 0130 00, +1 415 555 2671, asthma"
    sources = [Texts([f"{text}. {card}"], name=f"{n}/{LONG}<img src=x>.txt") for n in range(8)]
    return scan(*sources, policy=policy).to_html()


def receipt_page(folder: Path) -> str:
    rows = RowsTarget(folder / "rows")
    rows.fill("alice")
    return delete_user("alice", [rows, MemoryVault()]).to_html()


def export_page(folder: Path) -> str:
    rows = ListedRows(folder / "rows")
    rows.fill("alice")
    vault = MemoryVault()
    vault.open("alice").put([("[PERSON Kobaru Tesami Lovina]", {"t": "PERSON", "v": LONG}, False)])
    export_user("alice", [rows, vault]).write(html=folder / "export.html")
    return (folder / "export.html").read_text()


@pytest.mark.parametrize("kind", ["scan", "receipt", "export"])
@pytest.mark.parametrize(("width", "dark"), [(DESK, False), (PHONE, True)])
def test_a_page_stands_by_itself(kind: str, width: int, dark: bool, tmp_path: Path) -> None:
    made = {
        "scan": scan_page,
        "receipt": lambda: receipt_page(tmp_path),
        "export": lambda: export_page(tmp_path),
    }[kind]()
    page = tmp_path / "page.html"
    page.write_text(made, "utf-8")
    seen = look_at(page, width, tmp_path, dark=dark)
    assert not seen.fetched
    assert not seen.console
    assert 0 < seen.width <= width
    assert len(seen.text) > 200
    assert seen.pdf.startswith(b"%PDF")
    assert seen.picture.startswith(b"\x89PNG")


def test_the_witness_sees_what_a_page_does(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<meta name=viewport content='width=device-width'><img src='http://127.0.0.1:1/x.png'>"
        f"<script>console.log('said')</script><p>{LONG}"
    )
    seen = look_at(page, PHONE, tmp_path)
    assert seen.fetched == ["http://127.0.0.1:1/x.png"]
    assert any("said" in line for line in seen.console)
    assert seen.width > PHONE


def test_what_is_printed_can_be_read(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    page = tmp_path / "page.html"
    page.write_text(scan_page(), "utf-8")
    (tmp_path / "page.pdf").write_bytes(look_at(page, PHONE, tmp_path, dark=True).pdf)
    text = "\n".join(p.extract_text() for p in pypdf.PdfReader(tmp_path / "page.pdf").pages)
    for word in ("Personal data in a corpus", "EMAIL_ADDRESS", "CREDIT_CARD", "What was found"):
        assert word in text
    assert NAME not in text
