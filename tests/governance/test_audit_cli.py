"""`piirag audit verify` and `piirag audit show`."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from piirag.cli import app
from piirag.governance.audit import AuditLog
from piirag.testing.audit import KEY

_START = 1_700_000_000.0


def _run(*arguments: Any, **options: Any) -> Any:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], **options)


@pytest.fixture(params=["audit.jsonl", "audit.db"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A log with some records, and the key beside it."""
    path = tmp_path / request.param
    with AuditLog(path, key=KEY) as log:
        for number in range(5):
            log.write(
                {
                    "event": "retrieval" if number % 2 else "model_call",
                    "time": f"2023-11-14T22:1{number}:00.000Z",
                    "request_id": f"{number:032x}",
                    "user": "alice" if number < 2 else "bob",
                }
            )
    key = tmp_path / "audit.key"
    key.touch(0o600)
    key.write_text(base64.urlsafe_b64encode(KEY).decode())
    (tmp_path / "piirag.toml").write_text(
        f'[audit]\npath = "{request.param}"\nkey_file = "audit.key"\n'
    )
    return path


def test_a_whole_log(path: Path) -> None:
    for where in ([path, "--key-file", path.parent / "audit.key"], ["--config", _toml(path)]):
        result = _run("verify", *where)
        assert result.exit_code == 0, result.output
        assert result.output.startswith("whole: 5 records, under a key\nlast: 5:")
    found = json.loads(_run("verify", "--config", _toml(path), "--json").output)
    assert found["ok"]
    assert (found["records"], found["problems"]) == (5, [])


def _toml(path: Path) -> Path:
    return path.parent / "piirag.toml"


def test_the_altered_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with AuditLog(path, key=KEY) as log:
        for _ in range(4):
            log.write({"event": "model_call", "outcome": "ok"})
    _key(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"ok"', b'"OK"')
    path.write_bytes(b"".join([*lines[:2], lines[3]]))
    result = _run("verify", path, "--key-env", "AUDIT_KEY", env=_environment())
    assert result.exit_code == 1
    assert "audit.jsonl:2 altered record 2\n" in result.output
    assert "removed record 3\n" in result.output
    assert "NOT WHOLE: 3 records" in result.output


def _key(folder: Path) -> None:
    (folder / "audit.key").touch(0o600)
    (folder / "audit.key").write_text(base64.urlsafe_b64encode(KEY).decode())


def _environment() -> dict[str, str]:
    return {"AUDIT_KEY": base64.urlsafe_b64encode(KEY).decode()}


def test_another_key_shows(path: Path) -> None:
    result = _run("verify", path)
    assert result.exit_code == 1
    assert "NOT WHOLE" in result.output


def test_forged_records_are_shown_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with AuditLog(path, key=KEY) as log:
        log.write({"event": "model_call", "outcome": "ok"})
    with path.open("ab") as file:
        for end in (b"\n", b""):
            file.write(b'{"event":"model_call","hash":"x","prev":"y","seq":99}' + end)
    result = _run("show", path, "--key-env", "AUDIT_KEY", env=_environment())
    assert result.exit_code == 0
    assert [json.loads(line).get("fits") for line in result.stdout.splitlines()] == [
        None,
        False,
        False,
    ]
    assert result.stderr == "2 do not fit: altered, forged, or of another key\n"


def test_a_record_that_has_to_be_there(path: Path) -> None:
    last = _run("verify", "--config", _toml(path)).output.split("last: ")[1].strip()
    assert _run("verify", "--config", _toml(path), "--expect", last).exit_code == 0
    gone = f"9:{'0' * 64}"
    result = _run("verify", "--config", _toml(path), "--expect", gone)
    assert result.exit_code == 1
    assert "truncated records 6 to 9" in result.output


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([], [0, 1, 2, 3, 4]),
        (["--event", "retrieval"], [1, 3]),
        (["--request", f"{3:032x}"], [3]),
        (["--since", "2023-11-14T22:12", "--until", "2023-11-14T22:14:00+00:00"], [2, 3]),
        (["--user", "alice"], [0, 1]),
        (["--user", "bob", "--limit", "1"], [2]),
    ],
)
def test_records_are_shown(path: Path, options: list[str], numbers: list[int]) -> None:
    result = _run("show", "--config", _toml(path), *options)
    assert result.exit_code == 0, result.output
    found = [json.loads(line)["request_id"] for line in result.output.splitlines()]
    assert found == [f"{number:032x}" for number in numbers]


def test_the_user_comes_from_standard_input(path: Path) -> None:
    result = _run("show", "--config", _toml(path), "--user", "-", input="alice\n")
    assert len(result.output.splitlines()) == 2


def test_nothing_found_is_told_apart_from_no_log(path: Path) -> None:
    assert _run("show", "--config", _toml(path), "--event", "erasure").exit_code == 4
    for command in ("verify", "show"):
        result = _run(command, path.parent / "none.jsonl")
        assert result.exit_code == 4
        assert "no audit log" in result.output
    assert not (path.parent / "none.jsonl").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--expect", "7"],
        ["show", "--since", "yesterday"],
        ["verify", "--key-env", "AUDIT_KEY"],
        ["verify", "--config", "none.toml"],
    ],
)
def test_wrong_usage(path: Path, arguments: list[str]) -> None:
    where = [] if "--config" in arguments or "--key-env" in arguments else ["--config", _toml(path)]
    assert _run(*arguments, *where).exit_code == 2


def test_a_log_and_a_configuration_are_one_too_many(path: Path) -> None:
    assert _run("verify", path, "--config", _toml(path)).exit_code == 2


def test_a_configuration_without_a_log_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "piirag.toml").write_text("")
    assert _run("verify", "--config", tmp_path / "piirag.toml").exit_code == 2
