"""What counts as personal data and what becomes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from piirag import policy_checks as checks

if TYPE_CHECKING:
    import os

    from piirag.detection.allow import AllowList
    from piirag.detection.known import KnownValues

# Presidio gives a phone number 0.4 and a checksum-free bank or passport number 0.01 to 0.3; a
# context word beside it ("passport") lifts the latter to at least 0.4. One global threshold of
# 0.5 would drop every phone number.
DEFAULT_THRESHOLD = 0.35

# Stock Presidio, patterns alone, takes about 0.02 s for a KB; hostile text takes it minutes.
DEFAULT_SECONDS_PER_KB = 1.0

# What a model names of these by itself is general knowledge: Paris, the UN, German.
GENERAL = frozenset({"LOCATION", "NRP", "ORGANIZATION"})

OperatorSpec = str | tuple[str, Mapping[str, Any]]
AllowEntry = str | Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Policy:
    """What to look for and what to put in its place.

    Args:
        entities: Presidio entity types to act on; None for everything the detector reports.
            Types passed as ``known=`` and those of `deny` are always acted on.
        thresholds: Least score per entity type; ``"DEFAULT"`` for the rest (0.35).
        operators: What a `Scrubber` puts in place of a finding, per entity type; ``"DEFAULT"``
            for the rest. One of ``"pseudonym"`` (the default), ``"surrogate"``, ``"replace"``,
            ``"mask"``, ``"hash"``, ``"encrypt"``, ``"redact"``, ``"keep"``, or a pair of such a
            name and its parameters: ``("mask", {"masking_char": "*", "chars_to_mask": 12,
            "from_end": False})``.
        languages: ISO 639-1 codes; the first is used where a call names none.
        on_error: ``"raise"``: a detector that fails stops the call. There is no other choice:
            text that was not looked at is never let through.
        countries: ISO 3166 alpha-2 codes, in any case (``"uk"`` counts as ``"gb"``), whose
            national numbers are looked for beside those that every policy has.
        model: What finds names: ``"bundled"``, ``"none"``, ``"spacy:NAME"``, ``"stanza:CODE"``,
            ``"transformers:NAME"``, ``"gliner:NAME"``, a mapping in the form of Presidio's NLP
            engine configuration, or a Presidio engine or recogniser. Nothing is downloaded.
        recognizers: Recognisers of your own: Presidio `EntityRecognizer` objects, or mappings in
            the form of Presidio's recogniser files.
        allow: Values that are no findings, such as your own support address. A finding is left
            out where the whole of it is such a value; upper and lower case, width and white
            space do not count. ``{"regex": "TCK-[0-9]{6}"}`` allows what a pattern matches
            whole. Values passed as ``known=`` and those of `deny` are found all the same.
        deny: Entity type -> values that are always findings, in any spelling.
        quasi_identifiers: What becomes of chunks whose details single a person out: ``"off"``,
            ``"warn"``, ``"generalize"`` or ``"redact"``.
        quasi_threshold: How many different quasi-identifiers in one chunk are enough for that.
        special_categories: What becomes of GDPR Article 9 and 10 data: ``"off"``, ``"flag"`` or
            ``"redact"``.
        second_look: What becomes of a leak that a check of the redacted text finds: ``"off"``,
            ``"redact"`` or ``"block"``.
        seconds_per_kb: Time that detection may take for a KB of text; after it the call stops.
        replies: What becomes of values that a model says by itself, which stood nowhere in the
            call's prompt: ``"redact"``, ``"allow"`` or ``"block"``. Looking for them holds a
            streamed reply back by a sentence or so; ``"allow"`` looks for none and holds back
            nothing but what may be part of a placeholder. Places, organisations and
            nationalities that a model names are general knowledge and stay, unless `entities`
            names their types.
        max_restored: How many different values one reply may have restored; None for any number.
        placeholders: What stands for a value on the wire to a model: ``"token"``, a placeholder
            as ``[PERSON_1]``, or ``"surrogate"``, a made-up value of the same kind, where there
            is one for the type.
        pseudonyms: How the tokens in stored text are made: ``"keyed"``, derived from the value
            under the tenant's key, or ``"random"``, drawn and kept in the vault.

    Raises:
        ConfigurationError: A value that cannot work. No value of `allow` or `deny` is in the
            message.
    """

    entities: Sequence[str] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    operators: Mapping[str, OperatorSpec] = field(default_factory=dict)
    languages: Sequence[str] = ("en",)
    on_error: str = "raise"
    countries: Sequence[str] = ()
    model: Any = "bundled"
    recognizers: Sequence[Any] = ()
    allow: Sequence[AllowEntry] = ()
    deny: Mapping[str, Sequence[str]] = field(default_factory=dict)
    quasi_identifiers: str = "warn"
    quasi_threshold: int = 3
    special_categories: str = "flag"
    second_look: str = "redact"
    seconds_per_kb: float = DEFAULT_SECONDS_PER_KB
    replies: str = "redact"
    max_restored: int | None = None
    placeholders: str = "token"
    pseudonyms: str = "keyed"

    def __post_init__(self) -> None:
        checks.check_basics(self)
        # Copies, so that what was checked is what is used.
        fixed = {
            "countries": checks.checked_countries(self.countries),
            "recognizers": checks.checked_recognizers(self.recognizers),
            "allow": checks.checked_allow(self.allow),
            "deny": checks.checked_deny(self.deny),
        }
        for name, value in fixed.items():
            object.__setattr__(self, name, value)
        checks.check_lists(self)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read a policy from the ``policy`` table of a TOML or YAML file.

        Args:
            path: A file whose name ends in ``.toml``, ``.yaml`` or ``.yml``.

        Raises:
            ConfigurationError: The file cannot be read, or something in it is wrong. The message
                names file, line and column.
        """
        from piirag.policy_file import policy_from_file

        return policy_from_file(cls, path)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a policy from the ``[policy]`` table of a TOML text. See `from_file`."""
        from piirag.policy_file import policy_from_text

        return policy_from_text(cls, text, "toml")

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read a policy from the ``policy:`` key of a YAML text. See `from_file`."""
        from piirag.policy_file import policy_from_text

        return policy_from_text(cls, text, "yaml")

    @property
    def language(self) -> str:
        """The language used where a call names none."""
        return self.languages[0]

    def wants(self, entity_type: str, score: float) -> bool:
        """Whether a finding of this type and score is acted on."""
        if self.entities is not None and entity_type not in self.entities:
            return False
        default = self.thresholds.get("DEFAULT", DEFAULT_THRESHOLD)
        return score >= self.thresholds.get(entity_type, default)

    def wants_in_reply(self, entity_type: str) -> bool:
        """Whether a type that is acted on is acted on in what a model says by itself too."""
        return entity_type not in GENERAL or (
            self.entities is not None and entity_type in self.entities
        )

    def operator(self, entity_type: str) -> OperatorSpec:
        """The operator for an entity type."""
        return self.operators.get(entity_type, self.operators.get("DEFAULT", "pseudonym"))

    def allows(self, entity_type: str, surface: str) -> bool:
        """Whether a finding with this text is one of the values of `allow`."""
        return bool(self.allow) and self._allowed.allows(entity_type, surface)

    @cached_property
    def _allowed(self) -> AllowList:
        from piirag.detection.allow import AllowList

        return AllowList(self.allow)

    @cached_property
    def denied(self) -> KnownValues:
        """The values of `deny`, ready to be looked for."""
        from piirag.detection.known import KnownValues

        return KnownValues(self.deny, bare_initials=False)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone; what was built from them is built anew where they arrive."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def __repr__(self) -> str:
        """Counts in place of values and of parameters, which may be keys."""
        shown = []
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name in {"allow", "recognizers"}:
                value = len(value)
            elif f.name == "deny":
                value = {kind: len(values) for kind, values in value.items()}
            elif f.name == "operators":
                value = {kind: checks.operator_name(spec) for kind, spec in value.items()}
            elif f.name == "model" and not isinstance(value, str):
                value = type(value).__name__
            shown.append(f"{f.name}={value!r}")
        return f"Policy({', '.join(shown)})"
