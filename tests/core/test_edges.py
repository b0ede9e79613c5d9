"""A finding is the value: not the escape, key, quote or column that stands beside it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import MemoryVault, Redactor, Scrubber
from piirag.detection.disguise.whole import outside_escapes, whole
from piirag.detection.exact import address_alone, in_columns
from piirag.detection.finding import Finding

ADDRESS = "jane@example.com"
SECRETS = {
    "hunter2": "password: hunter2",
    "Tr0ub4dor": "DB_PASSWORD=Tr0ub4dor",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "C01X00T47": "passport C01X00T47",
    "536-90-4399": "ssn 536-90-4399",
    "Jane Roe": "Jane Roe",
    ADDRESS: ADDRESS,
}
BEFORE = ["Hi,\n", "key\t", "see\r\n", '"', "a\n\n", "a\x0b", "\u00fc ", "x\u2028"]
KNOWN = {"PERSON": ["Jane Roe"]}


def redacted(text: str) -> str:
    return Redactor().session(known=KNOWN).redact(text).text


def quoted(text: str, times: int, **options: bool) -> str:
    for _ in range(times):
        text = json.dumps({"body": text} if times == 1 else text, **options)
    return text


@pytest.mark.parametrize("value", SECRETS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_D4_an_escape_hides_no_value_behind_it(value: str, before: str, times: int) -> None:
    text = quoted(before + SECRETS[value], times)
    for whole_text in (text, f"log line: {text}", f"{text}\n{text}"):
        clean = redacted(whole_text)
        assert value not in clean


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("value", SECRETS)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_D15_an_escape_is_no_part_of_the_value(value: str, before: str, ascii_only: bool) -> None:
    text = quoted(f"{before}{SECRETS[value]}\nend", 1, ensure_ascii=ascii_only)
    session = Redactor().session(known=KNOWN)
    clean = session.redact(text).text
    body = json.loads(clean)["body"]
    assert body.startswith(before)
    assert body.endswith("\nend")
    assert value not in body
    assert session.reply().text(clean) == text
    stored = Scrubber(vault=MemoryVault()).scrub(text, user_id="u", known=KNOWN).text
    assert json.loads(stored)["body"].startswith(before)


def test_D15_a_tool_gets_the_address_without_the_letter_of_an_escape() -> None:
    session = Redactor().session()
    clean = session.redact(json.dumps({"body": f"Hi,\n{ADDRESS}"})).text
    assert "\\n[EMAIL_ADDRESS_1]" in clean
    assert session.reply().value({"to": "[EMAIL_ADDRESS_1]"}) == {"to": ADDRESS}


def test_D15_letters_written_as_escapes_are_taken_whole() -> None:
    text = json.dumps({"to": "Liebe Gr\u00fc\u00dfe\n\u00dcmit \u00c9mile Roe\n"})
    start = text.index("00dcmit")
    end = text.index(" Roe") + 4
    assert outside_escapes(text, start, end) == (start - 2, end)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"C:\temp\notes.txt", "notes"),
        (r'{"p": "C:\\Users\\tom\\notes.txt"}', "notes"),
        (r"CORP\rjones said", "rjones"),
        (r"\\files\new\tom", "tom"),
        (r"100%25 of 5%2345678", "2345678"),
    ],
)
def test_D15_a_path_holds_no_escapes(text: str, value: str) -> None:
    start = text.index(value)
    assert outside_escapes(text, start, start + len(value)) == (start, start + len(value))


@settings(max_examples=60)
@given(
    st.text(alphabet='abn\\\\"/ rtu0dc9%4@.\n', max_size=40),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_D15_every_edge_lies_in_the_text(text: str, low: int, length: int) -> None:
    start, end = min(low, len(text)), min(low + length, len(text))
    new_start, new_end = outside_escapes(text, start, end)
    assert 0 <= new_start <= new_end <= len(text)
    again = outside_escapes(text, new_start, new_end)
    assert new_start == new_end or again[0] <= again[1]


# Addresses


@pytest.mark.parametrize(
    "text",
    [
        f"email={ADDRESS}",
        f"email='{ADDRESS}'",
        f'email="{ADDRESS}"',
        f"_{ADDRESS}_",
        f"*{ADDRESS}*",
        f"__{ADDRESS}__",
        f"`{ADDRESS}`",
        f"page_content='{ADDRESS}' metadata={{}}",
        f"plan=pro xyz={ADDRESS}",
        f"https://example.org/signup?contact={ADDRESS}&plan=pro",
        f"userEmail={ADDRESS}",
        f"PRIMARY_EMAIL={ADDRESS}",
        f"7|Roe|{ADDRESS}|x",
        f"mailto:{ADDRESS}",
        f"Contact(email='{ADDRESS}', id=3)",
        f"{{{ADDRESS}}}",
        f"body=Hi%0A{ADDRESS}",
    ],
)
def test_P21_every_spelling_of_an_address_has_one_pseudonym(text: str) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    token = scrubber.scrub(ADDRESS, user_id="u").text
    assert scrubber.scrub(text, user_id="u").text == text.replace(ADDRESS, token)


@pytest.mark.parametrize(
    "text",
    [
        "a=b@example.com",
        "jane=roe@example.com",
        "bounce+jane=gmail.com@example.org",
        "o'brien@example.com",
        "_jane@example.com",
        "jane_@example.com",
        "jane+news=x@example.com",
        "tom&ann@example.com",
    ],
)
def test_P21_an_odd_local_part_stays_whole(text: str) -> None:
    assert address_alone(text, 0, len(text)) == (0, len(text))
    assert redacted(text) == "[EMAIL_ADDRESS_1]"


# Columns


@pytest.mark.parametrize("gap", ["\t", "  ", "\t\t", "   ", " \t ", "\\t"])
def test_D15_a_mention_does_not_go_over_columns(gap: str) -> None:
    text = f"1{gap}Jane Roe{gap}Paris"
    start = text.index("Jane")
    pieces = in_columns(text, Finding("PERSON", start, len(text), 0.9, "m"))
    assert [text[f.start : f.end] for f in pieces] == ["Jane Roe", "Paris"]


def test_D15_a_known_name_is_replaced_in_each_column() -> None:
    text = "first\tlast\tmail\nJane\tRoe\tjane@example.com\n"
    session = Redactor().session(known=KNOWN)
    clean = session.redact(text).text
    assert clean.count("\t") == text.count("\t")
    assert "Jane" not in clean
    assert "Roe" not in clean
    assert session.reply().text(clean) == text


NOTATIONS = {
    "curl -u admin:{} https://x.com": "qMgLj2olXC9",
    "curl -sS --user 'admin:{}' https://x.com": "hunter2",
    "mysql -u root -p{}": "OLaQan8ePs",
    "sshpass -p {} ssh root@host": "OLaQan8ePs",
    "PGPASSWORD={} psql": "BRlEaZUZrw",
    "Password:\n{}": "dGTA4veCaQ",
    "Password:\n  {}\nThank you": "hunter2",
    "Password\t{}": "MNfZZdURvM",
    "| password | {} |": "ZKRwKmEfIu",
    "CVV {}": "123",
    "order card{}exp1227": "4111111111111111",
    "pay {}exp1227": "4111111111111111",
    "card {}": "4111,1111,1111,1111",
    "IBAN{}": "DE89370400440532013000",
    "to {} today": "DE 89 3704 0044 0532 0130 00",
    "mail {} please": "xqz77 @ example . com",
    "write to {}": "jane @ example . com",
}


@pytest.mark.parametrize("form", NOTATIONS)
def test_D4_plausible_notations_are_read(form: str) -> None:
    value = NOTATIONS[form]
    text = form.format(value)
    clean = redacted(text)
    before, after = form.split("{}")
    assert clean.startswith(before + "[")
    assert clean.endswith("]" + after)


@pytest.mark.parametrize(
    "text",
    [
        "docker run -u 1000:1000 -p8080:80 nginx",
        'curl -u "$USER:$PASS" https://x.com',
        "curl -u user:password https://x.com",
        "curl -u api:YOUR_API_KEY https://x.com",
        "mysql -u root -p mydb",
        'mysql -u root -p"$MYSQL_PASSWORD" mydb',
        "mysqldump -P3306 mydb | ssh -p2222 host",
        "Password:\nrequired",
        "Password:\n  sha256\n",
        "password:\n  type: string\n  minLength: 8\n",
        "Password\tRequired\tNo",
        "Password\tSHA-256",
        "| password | string |",
        "| password | varchar(255) | not null |",
        "| password | The new password |",
        "CVV 3 digits",
        "4111,1111,1111,1111\n4112,1112,1113,1114",
        "card1234567890123456",
        "meet @ noon . In the hall",
        "meet @ example.com",
        "x = a @ b . T",
        r"grep '\npattern\t' C:\new\table.txt",
    ],
)
def test_D12_such_notations_are_not_seen_everywhere(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "unit", ["\\", "\\n", "\\n\\u00dc", "a=", "a='", "\t", "%20", "|a@b.co", "C:\\n"]
)
def test_D8_edges_of_a_hostile_text(unit: str) -> None:
    text = unit * (200_000 // len(unit))  # squared, this would take hours
    finding = Finding("PERSON", 0, len(text), 0.5, "m")
    assert address_alone(f"{text}@b.co", 0, len(text) + 5)[1] == len(text) + 5
    assert all(f.end <= len(text) for f in whole(text, [finding]))
    assert all(f.end <= len(text) for f in in_columns(text, finding))
