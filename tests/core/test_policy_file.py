"""A policy from a TOML or YAML file: every field, and errors that name the line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from piirag import Policy, Redactor
from piirag.errors import ConfigurationError
from piirag.yaml_lines import YamlPositions, YamlProblem
from support.canary import Canaries

NAME = "Annabel Winterbourne"

TOML = """
# Other tables belong to other parts.
[vault]
path = "vault.db"
allow = "anything"

[policy]
entities = ["PERSON", "TICKET", "PHONE_NUMBER"]
languages = ["en", "de"]
on_error = "raise"
countries = ["DE", "gb"]
quasi_identifiers = "generalize"
quasi_threshold = 4
special_categories = "off"
second_look = "block"
replies = "allow"
max_restored = 20
placeholders = "surrogate"
pseudonyms = "random"
seconds_per_kb = 0.5
allow = ["Acme # = ]", { regex = 'TCK-0000[0-9]{2}' }]
model = { nlp_engine_name = "slim", models = [
    { lang_code = "en", model_name = "a" },  # English
    { lang_code = "de", model_name = "b" },
] }

[policy.thresholds]
DEFAULT = 0.3
PHONE_NUMBER = 0.4

[policy.operators]
DEFAULT = "pseudonym"
CREDIT_CARD = { type = "mask", masking_char = "#", chars_to_mask = 12, from_end = false }

[policy.deny]
PERSON = ["Jane Roe", '''Max "Muster''']
CUSTOMER_ID = ["AC-1234"]

[[policy.recognizers]]
name = "Tickets"
supported_entity = "TICKET"
context = ["ticket"]

    [[policy.recognizers.patterns]]
    name = "ticket"
    regex = 'TCK-[0-9]{4}'
    score = 0.2
"""

YAML = """
vault:
  path: vault.db
policy:
  entities: [PERSON, TICKET, PHONE_NUMBER]
  languages: [en, de]
  on_error: raise
  countries: [DE, gb]
  quasi_identifiers: generalize
  quasi_threshold: 4
  special_categories: off
  second_look: block
  replies: allow
  max_restored: 20
  placeholders: surrogate
  pseudonyms: random
  seconds_per_kb: 0.5
  allow:
    - "Acme # = ]"
    - regex: TCK-0000[0-9]{2}
  model:
    nlp_engine_name: slim
    models:
      - {lang_code: en, model_name: a}
      - {lang_code: de, model_name: b}
  thresholds:
    DEFAULT: 0.3
    PHONE_NUMBER: 0.4
  operators:
    DEFAULT: pseudonym
    CREDIT_CARD: {type: mask, masking_char: "#", chars_to_mask: 12, from_end: false}
  deny:
    PERSON: [Jane Roe, 'Max "Muster']
    CUSTOMER_ID: [AC-1234]
  recognizers:
    - name: Tickets
      supported_entity: TICKET
      context: [ticket]
      patterns:
        - name: ticket
          regex: TCK-[0-9]{4}
          score: 0.2
"""

PYTHON = Policy(
    entities=["PERSON", "TICKET", "PHONE_NUMBER"],
    languages=["en", "de"],
    countries=["de", "gb"],
    quasi_identifiers="generalize",
    quasi_threshold=4,
    special_categories="off",
    second_look="block",
    replies="allow",
    max_restored=20,
    placeholders="surrogate",
    pseudonyms="random",
    seconds_per_kb=0.5,
    allow=["Acme # = ]", {"regex": "TCK-0000[0-9]{2}"}],
    model={
        "nlp_engine_name": "slim",
        "models": [
            {"lang_code": "en", "model_name": "a"},
            {"lang_code": "de", "model_name": "b"},
        ],
    },
    thresholds={"DEFAULT": 0.3, "PHONE_NUMBER": 0.4},
    operators={
        "DEFAULT": "pseudonym",
        "CREDIT_CARD": (
            "mask",
            {"masking_char": "#", "chars_to_mask": 12, "from_end": False},
        ),
    },
    deny={"PERSON": ["Jane Roe", 'Max "Muster'], "CUSTOMER_ID": ["AC-1234"]},
    recognizers=[
        {
            "name": "Tickets",
            "supported_entity": "TICKET",
            "context": ["ticket"],
            "patterns": [{"name": "ticket", "regex": "TCK-[0-9]{4}", "score": 0.2}],
        }
    ],
)


def read(text: str, form: str) -> Policy:
    return Policy.from_toml(text) if form == "toml" else Policy.from_yaml(text)


@pytest.mark.parametrize(("text", "form"), [(TOML, "toml"), (YAML, "yaml")])
def test_every_field_can_be_set(text: str, form: str) -> None:
    policy = read(text, form)
    assert policy == PYTHON
    keys = set(tomllib.loads(TOML)["policy"])
    assert keys == set(Policy.__dataclass_fields__)


@pytest.mark.parametrize(("text", "suffix"), [(TOML, ".toml"), (YAML, ".yaml"), (YAML, ".yml")])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file(tmp_path: Path, text: str, suffix: str, ending: str, mark: str) -> None:
    path = tmp_path / f"piirag{suffix}"
    path.write_bytes((mark + text.replace("\n", ending)).encode())
    assert Policy.from_file(path) == PYTHON
    assert Policy.from_file(str(path)) == PYTHON
    wrong = text.replace("block", "blok")
    path.write_bytes((mark + wrong.replace("\n", ending)).encode())
    with pytest.raises(ConfigurationError) as caught:
        Policy.from_file(path)
    line = 1 + next(i for i, line in enumerate(wrong.splitlines()) if "blok" in line)
    column = 1 + wrong.splitlines()[line - 1].index("blok") - (suffix == ".toml")
    assert str(caught.value).startswith(f"{path}, line {line}, column {column}: second_look")


def test_a_policy_from_a_file_does_what_it_says() -> None:
    policy = Policy.from_toml(
        """
        [policy]
        model = "none"
        allow = ["info@acme.com"]
        deny.PERSON = ["Jane Roe"]
        recognizers = [{ name = "T", supported_entity = "TICKET", deny_list = ["TCK-1"] }]
        """
    )
    text = Redactor(policy).redact("JANE ROE, info@acme.com, bob@acme.com, TCK-1").text
    assert text == "[PERSON_1], info@acme.com, [EMAIL_ADDRESS_1], [TICKET_1]"


# Where it is wrong: the mark § stands where the error must point, and is taken out.
WRONG = [
    ("toml", '[policy]\n§treshold = 0.4\n', "did you mean 'thresholds'"),
    ("yaml", "policy:\n  §treshold: 0.4\n", "did you mean 'thresholds'"),
    ("toml", '[policy]\n§frobnicate = 1\n', "unknown key; one of"),
    ("toml", '[§polcy]\nmodel = "none"\n', "no policy table; did you mean this one"),
    ("yaml", "§polcy:\n  model: none\n", "no policy table; did you mean this one"),
    ("toml", '§allow = []\n', "allow belongs into a policy table"),
    ("toml", '§allow = []\n[policy]\n', "allow stands outside the policy table"),
    ("toml", '§something_else = 1\n', "no policy table"),
    ("toml", "§# nothing\n", "no policy table"),
    ("yaml", "§# nothing\n", "no policy table"),
    ("yaml", "§- policy\n", "no policy table"),
    ("toml", "policy = §3\n", "policy must be a table"),
    ("toml", '[policy]\nentities = §"PERSON"\n', "entities must be a list"),
    ("toml", '[policy]\nentities = ["PERSON", # a ]\n  §7]\n', "list of strings"),
    ("yaml", "policy:\n  entities:\n    - PERSON\n    - §7\n", "list of strings"),
    ("yaml", "policy:§\n", "policy must be a table"),
    ("yaml", "policy:\n  §entities:\n", "entities has no value"),
    ("toml", '[policy]\nentities = ["PERSON", §"EMAIL_ADRESS"]\n', "did you mean EMAIL_ADDRESS"),
    ("yaml", "policy:\n  entities: [PERSON, §email_address]\n", "did you mean EMAIL_ADDRESS"),
    ("toml", '[policy]\nentities = [§"somebody"]\n', "written in capitals"),
    ("toml", '[policy.thresholds]\n§"PHONE_NUMBR" = 0.4\n', "did you mean PHONE_NUMBER"),
    ("toml", '[policy.thresholds]\nPHONE_NUMBER = §1.4\n', "between 0 and 1"),
    ("toml", '[policy.thresholds]\nPHONE_NUMBER = §nan\n', "between 0 and 1"),
    ("toml", '[policy]\nthresholds.PHONE_NUMBER = §"0.4"\n', "between 0 and 1"),
    ("toml", '[policy]\nthresholds = { DEFAULT = 0.4, PERSON = §true }\n', "between 0 and 1"),
    ("yaml", "policy:\n  thresholds: {DEFAULT: 0.4, PERSON: §yes}\n", "between 0 and 1"),
    ("toml", '[policy]\nthresholds = §0.4\n', "table of entity types"),
    ("toml", '[policy.operators]\nPERSON = §"masc"\n', "did you mean 'mask'"),
    ("toml", '[policy.operators]\nPERSON = §{ type = "mask", chars_to_mask = "x" }\n',
     "parameters"),
    ("toml", '[policy.operators]\nPERSON = §{ masking_char = "x" }\n', "needs its name"),
    ("toml", '[policy.operators.PERSON]\ntype = "mask"\n§chars = 1\n',
     "it takes masking_char"),
    ("toml", '[policy.operators]\nPERSON = §7\n', "a name or a pair"),
    ("toml", '[policy]\ncountries = ["de",\n  "fr", §"xx"]\n', "country"),
    ("yaml", "policy:\n  countries: [de, §no]\n", "country"),
    ("toml", '[policy]\nlanguages = §[]\n', "at least one language"),
    ("toml", '[policy]\nquasi_identifiers = §"warm"\n', "did you mean 'warn'"),
    ("yaml", "policy:\n  second_look: §of\n", "did you mean 'off'"),
    ("toml", '[policy]\nquasi_threshold = §2.5\n', "whole number"),
    ("toml", '[policy]\nseconds_per_kb = §-1\n', "above 0"),
    ("toml", '[policy]\nmodel = §"spcy:en_core_web_sm"\n', "did you mean 'spacy'"),
    ("toml", '[policy.model]\nnlp_engine_name = §"spcy"\nmodels = []\n', "did you mean 'spacy'"),
    ("yaml", "policy:\n  model:\n    nlp_engine_name: spacy\n    models:\n    - §lang_code: en\n",
     "model_name"),
    ("toml", '[policy]\nallow = ["Acme", §"..."]\n', "regex"),
    ("toml", '[policy]\nallow = ["Acme", { regex = §".*" }]\n', "let through"),
    ("toml", '[policy]\nallow = ["Acme", { regex = §"(" }]\n', "regular expression"),
    ("yaml", "policy:\n  deny:\n    PERSON:\n      - Jane Roe\n      - §1815\n", "quote numbers"),
    ("yaml", "policy:\n  deny:\n    §person: [Jane Roe]\n", "in capitals"),
    ("yaml", "policy:\n  deny:\n    §1: [Jane Roe]\n", "must be text; quote it"),
    ("toml", '[policy]\nallow = [§"Jane Roe"]\ndeny.PERSON = ["Jane  ROE"]\n', "both"),
    ("toml", '[[policy.recognizers]]\nname = "A"\nsupported_entity = "A"\ndeny_list = ["x"]\n'
     '[[policy.recognizers]]\nname = "B"\nsupported_entity = "B"\n[[policy.recognizers.patterns]]\n'
     'name = "a"\nregex = "b"\nscore = 1\n[[policy.recognizers.patterns]]\nname = "c"\n'
     "regex = §'''\n(x'''\nscore = 1\n", "regular expression"),
    ("toml", '[[policy.recognizers]]\nname = "A"\nsupported_entity = "A"\n§denylist = ["x"]\n',
     "did you mean 'deny_list'"),
    ("yaml", "policy:\n  recognizers:\n  - name: A\n    supported_entity: A\n    patterns:\n"
     "    - name: a\n      regex: §'('\n      score: 0.5\n", "regular expression"),
    ("yaml", "policy:\n  recognizers:\n  - name: A\n    supported_entity: A\n    patterns:\n"
     "    - name: a\n      regex: x\n      score: §5\n", "between 0 and 1"),
    ("yaml", "policy:\n  model: none\n  §model: bundled\n", "the same key twice"),
    ("yaml", "policy:\n  deny: {PERSON: [a b], §PERSON: [c d]}\n", "the same key twice"),
    ("yaml", "policy:\n  allow: §&a [x]\n  entities: *a\n", "anchors"),
    ("yaml", "policy:\n  allow: §*nothing\n", "undefined alias"),
    ("yaml", "policy:\n  model: §!!python/object:os.system x\n", "not YAML"),
    ("yaml", "policy:\n  allow: [§}\n", "not YAML"),
    ("yaml", "policy: {}\n§---\npolicy: {}\n", "not YAML"),
    ("toml", '[policy]\nallow = ["a b" §"c d"]\n', "not TOML"),
    ("toml", "[policy]\nmodel = §none\n", "not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "marked", "message"), WRONG)
def test_an_error_names_the_line(form: str, marked: str, message: str) -> None:
    at = marked.index("§")
    text = marked.replace("§", "")
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    with pytest.raises(ConfigurationError) as caught:
        read(text, form)
    said = str(caught.value)
    assert message in said
    assert said.startswith(f"policy, line {line}, column {column}: ")
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        '[policy]\nmodel = "none"\nmodel = "bundled"\n',
        "[policy]\ndeny.PERSON = []\n[policy.deny]\nPERSON = []\n",
        "[policy]\n[policy]\n",
        "[policy]\ndeny = { PERSON = [], PERSON = [] }\n",
    ],
)
def test_equal_keys_in_toml_are_an_error_with_its_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"policy, line [234], .*the same key twice"):
        Policy.from_toml(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("toml", f'[policy]\nallow = "{NAME}"\n'),
        ("toml", f'[policy]\nallow = ["{NAME}", 7]\n'),
        ("toml", f'[policy]\nallow = ["{NAME}" "x"]\n'),
        ("toml", f'[policy]\nallow = ["{NAME}]\n'),
        ("toml", f"[policy]\nallow = [{NAME}]\n"),
        ("toml", f'[policy]\n"{NAME}" = ["PERSON"]\n'),
        ("toml", f'[policy]\n"{NAME}" = 1\n"{NAME}" = 2\n'),
        ("toml", f'[policy.deny]\n"{NAME}" = ["PERSON"]\n'),
        ("toml", f'[policy.deny."{NAME}"]\n[policy.deny."{NAME}"]\n'),
        ("toml", f'[policy]\ndeny = {{ PERSON = ["{NAME}"], PERSON = ["{NAME}"] }}\n'),
        ("toml", f'[policy]\ndeny.PERSON = ["{NAME}"]\nallow = ["{NAME.lower()}"]\n'),
        ("toml", f'[policy]\nmodel = "{NAME}"\n'),
        ("toml", f'[policy]\nsecond_look = "{NAME}"\n'),
        ("toml", f'[policy]\nentities = ["{NAME}"]\n'),
        ("toml", f'[policy.operators]\n"{NAME}" = "masc"\n'),
        ("toml", f'[policy.operators]\nPERSON = {{ type = "encrypt", key = "{NAME}" }}\n'),
        ("toml", f'[policy]\nallow = [{{ regex = "({NAME}" }}]\n'),
        ("yaml", f"policy:\n  allow: {NAME}\n"),
        ("yaml", f"policy:\n  allow: [{NAME}, 7]\n"),
        ("yaml", f"policy:\n  allow: [{NAME}\n"),
        ("yaml", f"policy:\n  allow: '{NAME}\n"),
        ("yaml", f"policy:\n  allow: &{NAME}\n  deny: *{NAME}\n"),
        ("yaml", f"policy:\n  {NAME}: x\n  {NAME}: y\n"),
        ("yaml", f"policy:\n  ? [{NAME}]\n  : x\n"),
        ("yaml", f"policy:\n  allow: !{NAME.replace(' ', '')} x\n"),
        ("yaml", f"policy:\n\t{NAME}: x\n"),
        ("yaml", f"policy:\n  recognizers: [{{name: A, supported_entity: {NAME}}}]\n"),
        ("yaml", f"policy:\n  recognizers: [{{name: A, {NAME}: A}}]\n"),
        ("yaml", f"%TAG ! {NAME}\n---\npolicy: x"),
    ],
)
def test_no_value_of_the_file_is_in_the_message(form: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"line \d") as caught:
        read(text, form)
    canaries = Canaries([NAME, "Annabel", "Winterbourne", NAME.replace(" ", "")])
    assert canaries.scan_exception(caught.value) == []
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.toml: No such file"):
        Policy.from_file(tmp_path / "nothing.toml")
    with pytest.raises(ConfigurationError, match=r"\.toml, \.yaml or \.yml"):
        Policy.from_file(tmp_path / "policy.json")
    (tmp_path / "a.toml").write_bytes(b"[policy]\nmodel = '\xff'")
    with pytest.raises(ConfigurationError, match="not UTF-8") as caught:
        Policy.from_file(tmp_path / "a.toml")
    assert caught.value.__context__ is None
    with pytest.raises(ConfigurationError, match="must be a string"):
        Policy.from_toml(b"[policy]")  # type: ignore[arg-type]


def test_yaml_booleans_and_dates_are_text_unless_they_are_true_or_false() -> None:
    policy = Policy.from_yaml(
        "policy:\n  quasi_identifiers: off\n  deny:\n    DATE_TIME: [1985-03-01, yes no]\n"
    )
    assert policy.quasi_identifiers == "off"
    assert policy.deny["DATE_TIME"] == ("1985-03-01", "yes no")
    assert YamlPositions("a: [true, false, no, on, 1, 1.5]").data == {
        "a": [True, False, "no", "on", 1, 1.5]
    }


def test_a_yaml_document_that_would_grow_is_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    with pytest.raises(YamlProblem, match="anchors"):
        YamlPositions(bomb)


@pytest.mark.parametrize("form", ["toml", "yaml"])
def test_deep_nesting_is_an_error_of_ours(form: str) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    text = f"[policy]\nallow = {deep}\n" if form == "toml" else f"policy:\n  allow: {deep}\n"
    with pytest.raises(ConfigurationError, match="line"):
        read(text, form)
