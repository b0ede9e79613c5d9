"""Keys, tokens, passwords: found where they are, and not where code only talks about them."""

from __future__ import annotations

import base64
import json
import random
import string

import pytest

from piirag.detection.recognizers.randomness import looks_random

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

# Prefix, alphabet, length of the rest, entity type.
ISSUED = [
    ("AKIA", string.ascii_uppercase + "234567", 16, "API_KEY"),
    ("ASIA", string.ascii_uppercase + "234567", 16, "API_KEY"),
    ("ghp_", ALNUM, 36, "AUTH_TOKEN"),
    ("gho_", ALNUM, 36, "AUTH_TOKEN"),
    ("ghs_", ALNUM, 36, "AUTH_TOKEN"),
    ("github_pat_", ALNUM + "_", 82, "AUTH_TOKEN"),
    ("glpat-", ALNUM + "_-", 20, "AUTH_TOKEN"),
    ("xoxb-123456789012-1234567890123-", ALNUM, 24, "AUTH_TOKEN"),
    ("xapp-1-A0123456789-1234567890123-", HEX, 64, "AUTH_TOKEN"),
    ("sk_live_", ALNUM, 24, "API_KEY"),
    ("rk_live_", ALNUM, 99, "API_KEY"),
    ("whsec_", ALNUM, 32, "API_KEY"),
    ("AIza", ALNUM + "_-", 35, "API_KEY"),
    ("GOCSPX-", ALNUM + "_-", 28, "API_KEY"),
    ("sk-", ALNUM, 48, "API_KEY"),
    ("sk-proj-", ALNUM + "_-", 120, "API_KEY"),
    ("sk-ant-api03-", ALNUM + "_-", 93, "API_KEY"),
    ("hf_", string.ascii_letters, 34, "API_KEY"),
    ("hf_", ALNUM, 34, "API_KEY"),
    ("gsk_", ALNUM, 52, "API_KEY"),
    ("npm_", ALNUM, 36, "API_KEY"),
    ("pypi-AgEIcHlwaS5vcmc", ALNUM + "_-", 150, "API_KEY"),
    ("dckr_pat_", ALNUM + "_-", 27, "API_KEY"),
    ("xkeysib-", HEX, 64, ""),
    ("dop_v1_", HEX, 64, "API_KEY"),
    ("shpat_", HEX, 32, "API_KEY"),
    ("dapi", HEX, 32, "API_KEY"),
    ("hvs.", ALNUM, 95, "AUTH_TOKEN"),
    ("glsa_", ALNUM, 32, "API_KEY"),
    ("lin_api_", ALNUM, 40, "API_KEY"),
    ("sq0atp-", ALNUM, 22, "API_KEY"),
    ("123456789:AA", ALNUM + "_-", 33, "AUTH_TOKEN"),
]


def drawn(alphabet: str, length: int, seed: object) -> str:
    rng = random.Random(str(seed))
    return "".join(rng.choices(alphabet, k=length - 1)) + rng.choice(
        ALNUM if "_" in alphabet else alphabet
    )


def kinds(found):
    return {(kind, value) for kind, value, _ in found}


@pytest.mark.parametrize(("prefix", "alphabet", "length", "kind"), ISSUED)
def test_keys_by_their_prefix(prefix, alphabet, length, kind, find):
    for seed in range(10):
        key = prefix + drawn(alphabet, length, (prefix, seed))
        if prefix == "xkeysib-":
            key, kind = f"{key}-{drawn(ALNUM, 16, seed)}", "API_KEY"
        for text in (f"use {key} here", f'key="{key}"', f"https://x.test/?k={key}&a=1", f"{key}\n"):
            assert (kind, key) in kinds(find(text)), text


@pytest.mark.parametrize(("prefix", "alphabet", "length", "kind"), ISSUED)
def test_placeholders_and_parts_of_words_are_no_keys(prefix, alphabet, length, kind, find):
    assert not find(f"use {prefix}{'x' * length} here")
    assert not find(f"use {prefix}... here")
    if prefix[0].isalpha():
        key = prefix + drawn(alphabet, length, prefix)
        assert not [v for _, v in kinds(find(f"useZ{key}")) if v.startswith(prefix)]


def test_sendgrid_slack_hooks_discord(find):
    sendgrid = f"SG.{drawn(ALNUM, 22, 1)}.{drawn(ALNUM, 43, 2)}"
    assert ("API_KEY", sendgrid) in kinds(find(f"export KEY={sendgrid}"))
    hook = f"T01234567/B01234567/{drawn(ALNUM, 24, 3)}"
    assert ("API_KEY", hook) in kinds(find(f"https://hooks.slack.com/services/{hook}"))
    hook = f"123456789012345678/{drawn(ALNUM, 68, 4)}"
    assert ("API_KEY", hook) in kinds(find(f"https://discord.com/api/webhooks/{hook}"))


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_json_web_tokens(find):
    rng = random.Random(1)
    for _ in range(20):
        header = encoded({"alg": "HS256", "typ": "JWT"})
        token = f"{header}.{encoded({'sub': rng.random()})}.{encoded(rng.randbytes(32))}"
        assert ("AUTH_TOKEN", token, 1.0) in find(f"got {token} back")
    for header in ({"a": 1}, ["alg"], "alg"):
        token = f"{encoded(header)}.{encoded({'sub': 1})}.{encoded(rng.randbytes(32))}"
        assert not find(f"got {token} back")
    assert not find("eyJub3QianNvbg.eyJzdWIiOjF9.c2lnbmF0dXJl")


PEM = "\n".join(
    [
        "-----BEGIN RSA PRIVATE KEY-----",
        *[drawn(ALNUM + "+/", 64, n) for n in range(24)],
        "-----END RSA PRIVATE KEY-----",
    ]
)


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA ", ""])
def test_private_keys_as_a_whole(kind, find):
    block = PEM.replace("RSA ", kind)
    assert ("PRIVATE_KEY", block, 1.0) in find(f"before\n{block}\nafter")


def test_private_keys_in_json_cut_off_and_in_prose(find):
    escaped = PEM.replace("\n", "\\n")
    assert ("PRIVATE_KEY", escaped, 1.0) in find(json.dumps({"key": PEM}))
    cut = PEM[:700]
    ((kind, value, _),) = find(f"{cut}")
    assert (kind, value) == ("PRIVATE_KEY", cut)
    two = f"{cut}\n{PEM}"
    assert [k for k, _, _ in find(two)] == ["PRIVATE_KEY", "PRIVATE_KEY"]
    assert not find("It starts with -----BEGIN RSA PRIVATE KEY----- and so on.")
    pgp = PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
    assert ("PRIVATE_KEY", pgp, 1.0) in find(pgp)
    putty = "Private-Lines: 2\n" + drawn(ALNUM, 64, 1) + "\n" + drawn(ALNUM, 44, 2) + "\n"
    assert [k for k, _, _ in find(f"PuTTY-User-Key-File-3: ssh-rsa\n{putty}")] == ["PRIVATE_KEY"]


def test_recovery_phrases(find):
    words = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    assert ("PRIVATE_KEY", words) in kinds(find(f"seed phrase: {words}"))
    assert not find("The recovery phrase is a list of twelve words, keep it in a safe place please")


def test_headers(find):
    token = drawn(ALNUM, 40, 1)
    assert ("AUTH_TOKEN", token) in kinds(find(f"Authorization: Bearer {token}"))
    assert ("AUTH_TOKEN", token) in kinds(find(f'-H "Authorization: bearer {token}"'))
    assert ("AUTH_TOKEN", token) in kinds(find(f"Authorization: Token {token}"))
    assert ("API_KEY", token) in kinds(find(f"X-API-Key: {token}"))
    basic = base64.b64encode(b"jane:hunter2").decode()
    assert ("AUTH_TOKEN", basic, 1.0) in find(f"Authorization: Basic {basic}")
    assert not find("Bearer authentication is described in section 4.")
    assert not find("Basic authentication, Basic usage and basic training")


def test_cookies(find):
    value = drawn(ALNUM, 32, 2)
    for name in ("sessionid", "PHPSESSID", "JSESSIONID", "connect.sid", "csrftoken"):
        text = f"Cookie: lang=en; {name}={value}; theme=dark"
        assert ("AUTH_TOKEN", value) in kinds(find(text)), name


@pytest.mark.parametrize(
    "form",
    [
        "client_secret={}",
        '"clientSecret": "{}"',
        "api_key: {}",
        "API-KEY = '{}'",
        "SECRET_KEY={}",
        "aws_secret_access_key = {}",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};EndpointSuffix=core",
        "Endpoint=sb://x.test/;SharedAccessKey={}",
        "x-api-key: {}",
        "webhook_secret: {}",
        "<apiKey>{}</apiKey>",
    ],
)
def test_secrets_behind_their_keys(form, find):
    for seed in range(10):
        for value in (drawn(ALNUM, 40, seed), drawn(ALNUM + "+/", 40, seed), drawn(HEX, 32, seed)):
            assert ("API_KEY", value) in kinds(find(form.format(value))), (form, value)


@pytest.mark.parametrize(
    "text",
    [
        "secret: my-application-secret-2024",
        "api_key = settings.api_key_from_environment",
        "token: next_sentence_token_index",
        "secret_key: SecretKeyFactoryBeanPostProcessor",
        "token=%(token)s",
        "client_secret={{ client_secret_value_here }}",
        "pageToken: Ck9DTkNvYVl3NHdPZkNnZ0l4Y1NQ",
        "secretRef: V1LocalObjectReference2",
        "access key: see the documentation of the provider",
    ],
)
def test_code_about_secrets(text, find):
    assert not find(text)


def test_passwords_in_urls(find):
    found = find("postgres://alice:s3cretpw@db.example.com:5432/app")
    assert ("PASSWORD", "s3cretpw") in kinds(found)
    for text in (
        "postgres://user:password@localhost/db",
        "https://example.com:8080/path@2",
        "redis://:${REDIS_PASSWORD}@redis:6379",
        "http://user:***@host/",
        "amqp://guest:guest@localhost",
    ):
        assert not find(text), text


def test_faker_passwords_behind_a_key(find):
    from faker import Faker

    fake = Faker()
    fake.seed_instance(3)
    for form in ("password: {}", '"password": "{}"', "Password: {}\nnext", "pwd={}"):
        whole = 0
        for _ in range(100):
            value = fake.password(length=12)
            found = find(form.format(value))
            whole += any(v in value and len(v) >= len(value) - 1 for _, v in kinds(found))
        assert whole >= 97, form


def test_randomness():
    rng = random.Random(0)
    for length in (16, 24, 32, 64):
        for alphabet in (HEX, ALNUM, ALNUM + "-_"):
            drawn_ones = ["".join(rng.choices(alphabet, k=length)) for _ in range(200)]
            assert sum(looks_random(value, 2.8) for value in drawn_ones) >= 180, (length, alphabet)
    for words in (
        "sk-toggleable__content-arrow",
        "get_user_by_session_id",
        "thisIsAVeryLongCamelCaseIdentifier2024",
        "2024-01-17-release-candidate",
        "xxxxxxxxxxxxxxxxxxxxxxxx",
        "aaaaaaaaaaaaaaaaaaaaaaaa1",
        "application-production-2",
    ):
        assert not looks_random(words, 2.8), words
