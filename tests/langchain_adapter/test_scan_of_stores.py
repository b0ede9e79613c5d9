"""A scan of a tenants' store: what went in through it holds nothing to be found."""

from __future__ import annotations

from pathlib import Path

from piirag import Policy
from piirag.governance.scan import Stores, scan
from support.canary import Canaries
from support.langchain_fakes import tenant_store

MAIL, PHONE = "kelda.zorvane@example.org", "+1 415 555 2671"
POLICY = Policy(model="none")


def test_what_was_scrubbed_is_counted_as_replaced(tmp_path: Path) -> None:
    tenants = tenant_store(tmp_path)
    tenants.for_user("alice").add_texts(
        [f"Write to {MAIL}.", "Nothing."], metadatas=[{"phone": PHONE}, {"page": 1}]
    )
    report = scan(Stores(tenants), policy=POLICY)
    assert (report.texts, dict(report.findings), report.pseudonyms) == (2, {}, 2)


def test_what_was_written_past_it_is_found(tmp_path: Path) -> None:
    tenants = tenant_store(tmp_path)
    tenants.for_user("alice").add_texts(["Nothing."])
    raw = tenants._store
    raw.add_texts([f"Write to {MAIL}."], metadatas=[{"user_id": "alice", "phone": PHONE}])
    report = scan(Stores(tenants), policy=POLICY)
    [source] = report.sources
    assert source.fields == {"": {"EMAIL_ADDRESS": 1}, "phone": {"PHONE_NUMBER": 1}}
    assert not Canaries([MAIL, PHONE]).scan_bytes((report.to_json() + report.to_html()).encode())
