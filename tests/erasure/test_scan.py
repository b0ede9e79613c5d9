"""An erasure that does not look into files, where nobody asked for it."""

from __future__ import annotations

import pytest

from piirag.erasure import COMPLETE, delete_user
from piirag.errors import ConfigurationError
from support.erasure import GONE, service


def test_files_are_not_searched_where_that_is_not_wanted(
    rows, vault, journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(rows, "traces", lambda user: read.append("traces"))
    monkeypatch.setattr(rows, "residue", lambda traces: read.append("residue"))
    counted: list[int] = []
    count = rows.count
    monkeypatch.setattr(rows, "count", lambda user: counted.append(1) or count(user))
    receipt = service([rows], vault, journal).delete_user(GONE, scan=False)
    [entry, _] = receipt.targets
    assert receipt.status == COMPLETE
    assert (entry.deleted, entry.remaining, entry.verified_absent) == (5, 0, True)
    assert entry.residue is None
    assert "not searched" in entry.note and "interrupted" not in entry.note
    assert read == []
    assert len(counted) == 2  # before and afterwards


def test_files_are_searched_where_bytes_are_to_be_gone(rows, vault, journal) -> None:
    receipt = service([rows], vault, journal).delete_user(GONE, scan=False, physical=True)
    assert receipt.targets[0].residue == {}
    assert receipt.targets[0].reclaimed == "yes"


def test_of_many_users_and_without_a_service(rows, vault, journal) -> None:
    done = service([rows], vault, journal).delete_users([GONE, "bob"], scan=False)
    assert [receipt.targets[0].residue for receipt in done] == [None, None]
    assert delete_user(GONE, targets=[rows], scan=False).status != COMPLETE  # nothing is found
    with pytest.raises(ConfigurationError):
        delete_user(GONE, targets=[rows], scan=None)  # type: ignore[arg-type]
