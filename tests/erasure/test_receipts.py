"""Receipts: signed, checked, readable, and free of personal data. Threats E13-E17."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import MemoryVault
from piirag.erasure import ErasureReceipt, ErasureService, TargetReceipt
from piirag.erasure.receipt import verify_receipt
from piirag.erasure.retry import NO_RETRY
from piirag.erasure.signing import SigningKey, canonical
from piirag.errors import ConfigurationError, ReceiptError
from support.erasure import RowsTarget

GONE = "alice_the_erased"
KEY = SigningKey.generate()


@pytest.fixture
def receipt(tmp_path: Path) -> ErasureReceipt:
    rows = RowsTarget(tmp_path / f"of-{GONE}", name=f"rows of {GONE}")
    rows.fill(GONE)
    vault = MemoryVault()
    vault.open(GONE).put([("t", {"v": "a secret value"}, False)])
    service = ErasureService(
        [rows, vault], signing_key=KEY, not_covered=[f"the export for {GONE}"], retry=NO_RETRY
    )
    return service.delete_user(GONE)


def test_a_receipt_is_signed_and_can_be_checked(receipt: ErasureReceipt) -> None:
    text = receipt.to_json()
    checked = verify_receipt(text, KEY.public)
    assert checked == receipt
    assert checked.to_json() == text
    data = json.loads(text)
    assert verify_receipt(json.dumps(data, indent=8), KEY.public) == receipt, "layout is no content"
    for key in (KEY.public_pem, base64.urlsafe_b64decode(KEY.public), KEY.public + "\n"):
        assert verify_receipt(text.encode(), key) == receipt
    assert data["versions"]["piirag"]
    assert data["targets"][0]["version"] == "rows 1"
    assert data["targets"][1]["verified_at"] >= data["started"]


def test_the_signature_can_be_checked_without_piirag(receipt: ErasureReceipt) -> None:
    data = json.loads(receipt.to_json())
    signature = base64.urlsafe_b64decode(data.pop("signature")["value"])
    # RFC 8785: sorted keys, no spaces, whole numbers without a fraction.
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    text = re.sub(r"(\d)\.0(?=[,}])", r"\1", text)
    raw = base64.urlsafe_b64decode(KEY.public)
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, text.encode())


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list) and data:
        for k, value in enumerate(data):
            yield from leaves(value, (*path, k))
    else:
        yield path


def test_every_change_is_noticed(receipt: ErasureReceipt) -> None:
    original = json.loads(receipt.to_json())
    paths = list(leaves(original))
    assert len(paths) > 30
    for path in paths:
        for other in ("changed", 12345, None, True, [], {}):
            data = json.loads(receipt.to_json())
            place = data
            for key in path[:-1]:
                place = place[key]
            if place[path[-1]] == other and type(place[path[-1]]) is type(other):
                continue
            place[path[-1]] = other
            with pytest.raises(ReceiptError):
                verify_receipt(json.dumps(data), KEY.public)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("signature"),
        lambda d: d.update(extra="text"),
        lambda d: d["targets"].pop(),
        lambda d: d["signature"].update(more="x"),
        lambda d: d["signature"].update(algorithm="none"),
        lambda d: d["signature"].update(value=""),
        lambda d: d.update(signature=None),
        lambda d: d.clear(),
    ],
)
def test_what_is_not_signed_is_refused(receipt: ErasureReceipt, change: Any) -> None:
    data = json.loads(receipt.to_json())
    change(data)
    with pytest.raises(ReceiptError):
        verify_receipt(json.dumps(data), KEY.public)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 100_000, '{"status": NaN}', b"\xff\xfe", '"text"']
)
def test_what_is_no_receipt_is_refused(text: Any) -> None:
    with pytest.raises(ReceiptError):
        verify_receipt(text, KEY.public)
    with pytest.raises(ReceiptError):
        ErasureReceipt.from_json(text)


def test_a_key_twice_is_refused(receipt: ErasureReceipt) -> None:
    text = receipt.to_json().replace('"status":', '"status": "partial", "status":', 1)
    with pytest.raises(ReceiptError):
        verify_receipt(text, KEY.public)


def test_another_key_is_told(receipt: ErasureReceipt) -> None:
    with pytest.raises(ReceiptError, match="another key"):
        verify_receipt(receipt.to_json(), SigningKey.generate().public)
    forged = receipt.signed(SigningKey.generate())
    with pytest.raises(ReceiptError):
        verify_receipt(forged.to_json(), KEY.public)
    for wrong in ("", "no key", b"short", None, 7):
        with pytest.raises(ConfigurationError):
            verify_receipt(receipt.to_json(), wrong)


def test_E17_no_receipt_holds_the_id_or_a_text(receipt: ErasureReceipt) -> None:
    for form in (receipt.to_json(), receipt.to_html(), str(receipt), repr(receipt)):
        assert GONE not in form
        assert "the text number" not in form
        assert "a secret value" not in form
    assert receipt.targets[0].name == "rows of (user)"
    assert receipt.not_covered[0] == "the export for (user)"


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "srcset", "style")]
        self.links += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(receipt: ErasureReceipt) -> None:
    html = receipt.to_html()
    page = Page()
    page.feed(html)
    assert page.open == []
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "a", "form"} & set(page.tags)
    assert "url(" not in html and "@import" not in html
    assert "default-src 'none'" in html
    assert receipt.subject in html
    assert "5" in html and "complete" in html


def test_the_page_shows_what_a_hostile_receipt_says_as_text() -> None:
    attack = "<script>alert(1)</script>\"'&"
    target = TargetReceipt(
        attack, attack, None, None, attack, {attack: {attack: 1}}, attack, attack, attack
    )
    receipt = ErasureReceipt(
        attack,
        attack,
        0.0,
        0.0,
        (target,),
        (attack,),
        attack,
        1,
        {attack: attack},
        {attack: attack},
    )
    assert "<script" not in receipt.to_html()
    assert ErasureReceipt.from_json(receipt.to_json()) == receipt
    data = receipt.to_dict()
    data["targets"][0]["found"] = attack
    with pytest.raises(ReceiptError):
        ErasureReceipt.from_json(json.dumps(data))


def test_the_signing_key_is_kept_private(tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "signing.key"
    with pytest.raises(ConfigurationError, match="signing key"):
        SigningKey.from_file(file)
    key = SigningKey.from_file(file, create=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningKey.from_file(file, create=True).public == key.public
    assert key.export() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    os.chmod(file, 0o644)
    with pytest.raises(ConfigurationError, match="signing key file can be read by others"):
        SigningKey.from_file(file)
    monkeypatch.setenv("PIIRAG_SIGNING_KEY", key.export())
    assert SigningKey.from_env().public == key.public
    for wrong in ("", "x", key.export()[:-6]):
        monkeypatch.setenv("PIIRAG_SIGNING_KEY", wrong)
        with pytest.raises(ConfigurationError) as error:
            SigningKey.from_env()
        assert key.export()[:10] not in str(error.value)


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=5).filter(lambda k: k != "signature"), _JSON, max_size=4))
def test_the_canonical_form_survives_being_written_and_read(data: dict[str, Any]) -> None:
    signed = canonical(data)
    assert canonical(json.loads(json.dumps(data, indent=3))) == signed
    assert canonical({**data, "signature": 1}) == signed
