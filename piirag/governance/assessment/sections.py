"""An assessment, section by section. The order follows the seven steps of the British authority,
with the life cycle and the feared events of the French one.
"""

from __future__ import annotations

from collections.abc import Mapping

from piirag import __version__
from piirag.governance.assessment.document import (
    Block,
    Bullets,
    Document,
    Human,
    Section,
    Table,
    Text,
)
from piirag.governance.assessment.document import Facts as Pairs
from piirag.governance.assessment.facts import Facts
from piirag.governance.assessment.flows import pictures
from piirag.governance.assessment.measures import measures, recall
from piirag.governance.assessment.rights import RIGHTS
from piirag.governance.assessment.risks import LEVELS, proposed
from piirag.governance.assessment.telling import (
    counted,
    minimised,
    not_covered,
    periods_kept,
    places_kept,
    processors_told,
    redacted_where,
    scan_told,
    triggers,
)

CONTROLLER, DPO, OWNER = "the controller", "the data protection officer", "the system's owner"

PSEUDONYMOUS = (
    "Text with pseudonyms stays personal data for whoever can reach the vault, and "
    "quasi-identifiers in it may still single a person out (Article 4(5))."
)


class Builder:
    """Builds the document.

    Args:
        facts: What is known.
        answers: What people have filled in, by key.
        date: Stands on the document.
    """

    def __init__(self, facts: Facts, answers: Mapping[str, str], date: str) -> None:
        self._facts = facts
        self._answers = answers
        self._date = date

    def build(self) -> Document:
        """The whole document."""
        config = self._facts.config
        sections = (
            *self._need(),
            *self._processing(),
            *self._consultation(),
            *self._necessity(),
            *self._risks(),
            *self._measures(),
            *self._sign_off(),
            *self._basis(),
        )
        name = config.system or "a retrieval-augmented generation system"
        title = f"Data protection impact assessment: {name}"
        done = Document(title, (Section("About this document", self._unknown()), *sections))
        return Document(title, (self._about(done), *sections))

    def _about(self, document: Document) -> Section:
        left, all_of = len(document.open), len(document.humans)
        pairs = (
            ("Date", self._date),
            ("Made by", f"piirag {__version__}, `piirag pia`"),
            *((name, told) for name, told, *_ in self._who() if told),
            ("State", f"draft: {left} of {all_of} points that only a person can fill in are open"),
        )
        note = Text(
            "What is told here was read from the configuration and from measurements. It is a "
            "draft and no legal advice: the controller decides (Article 35). Run it again when "
            "the configuration changes; answers are kept in a file of their own."
        )
        return Section("About this document", (Pairs(pairs), note, *self._unknown()))

    def _who(self) -> tuple[tuple[str, str, str, str], ...]:
        config = self._facts.config
        return (
            ("Controller", config.controller, "about-controller", "Name and address?"),
            ("Contact", config.contact, "about-contact", "Whom can a person write to?"),
            (
                "Data protection officer",
                config.dpo,
                "about-dpo",
                "Who is it, or why is there none?",
            ),
        )

    def _unknown(self) -> tuple[Block, ...]:
        return tuple(
            self._ask(key, f"{name}: {question}")
            for name, told, key, question in self._who()
            if not told or self._answers.get(key)
        )

    def _ask(self, key: str, question: str, by: str = CONTROLLER) -> Human:
        return Human(key, question, by, self._answers.get(key, ""))

    def _given(
        self, title: str, told: tuple[str, ...], key: str, question: str
    ) -> tuple[Section, ...]:
        """What the configuration tells, or else a point for a person; both where both are there."""
        point = self._ask(key, question)
        blocks: tuple[Block, ...] = (Bullets(told),) if told else ()
        return (Section(title, (*blocks, point) if point.answer or not told else blocks, 3),)

    def _need(self) -> tuple[Section, ...]:
        return (
            Section(
                "1. Why an assessment",
                (
                    self._ask("need-aim", "What does the project want to achieve, and for whom?"),
                    self._ask(
                        "need-trigger", "Which of the reasons below, or which others, apply?"
                    ),
                    Text("Suggested by what was read:"),
                    Bullets(triggers(self._facts)),
                ),
            ),
        )

    def _processing(self) -> tuple[Section, ...]:
        facts, config = self._facts, self._facts.config
        scan = facts.scan
        found: tuple[Block, ...] = (
            (
                Text(scan_told(facts)),
                Table(("Data category", "Found"), counted(scan.counts), "Nothing.", (1,)),
            )
            if scan
            else (Text(scan_told(facts)),)
        )
        combos: tuple[Block, ...] = (Text("No scan was passed."),)
        if scan:
            head = ("Special category (Articles 9, 10)", "Found")
            combos = (
                Table(head, counted(scan.special), "No special category was found.", (1,)),
                Table(
                    ("Quasi-identifier", "Found"),
                    counted(scan.quasi),
                    "No quasi-identifier was found.",
                    (1,),
                ),
                Table(
                    ("Stand together in one text", "Texts"),
                    counted(scan.combinations),
                    "No combination was found.",
                    (1,),
                ),
                Text("Detection misses some: a category that is not listed may still be there."),
            )
        return (
            Section(
                "2. The processing",
                (
                    Text(
                        "Documents are scrubbed, split, embedded and stored. A question is "
                        "scrubbed, the user's own chunks nearest to it are retrieved, a model "
                        "gets them with placeholders, and values are put back for the person who "
                        f"asked. {PSEUDONYMOUS}"
                    ),
                ),
            ),
            *self._given(
                "Purposes",
                config.purposes,
                "processing-purposes",
                "For which purposes are the data processed? One purpose a line.",
            ),
            *self._given(
                "Data subjects",
                config.data_subjects,
                "processing-subjects",
                "About whom are the documents and conversations, how many, any children?",
            ),
            Section("Data categories", found, 3),
            Section("Special categories and quasi-identifiers", combos, 3),
            Section("Where personal data go, and in which form", pictures(facts), 3),
            Section("Where data are kept", (places_kept(facts), *not_covered(facts)), 3),
            Section(
                "What is redacted where",
                (
                    Text(
                        "As the parts of piirag do it under this configuration. Whether the code "
                        "uses them at each place is for `piirag check` to say."
                    ),
                    redacted_where(facts),
                ),
                3,
            ),
            Section("Processors and regions", processors_told(facts), 3),
            *self._given(
                "Other recipients",
                config.recipients,
                "processing-recipients",
                "Who else gets data: hosting, support, tracing, group companies?",
            ),
            Section("How long data are kept", (periods_kept(facts),), 3),
        )

    def _consultation(self) -> tuple[Section, ...]:
        return (
            Section(
                "3. Consultation",
                (
                    self._ask("consult-subjects", "How were data subjects heard, or why not?"),
                    self._ask("consult-processors", "What did the processors say?", OWNER),
                    self._ask(
                        "consult-experts", "Which experts were asked: security, works council?"
                    ),
                ),
            ),
        )

    def _necessity(self) -> tuple[Section, ...]:
        facts, config = self._facts, self._facts.config
        basis = (config.lawful_basis,) if config.lawful_basis else ()
        question = "Which lawful basis (Article 6), and Article 9 where it applies, and why?"
        decides = {
            "": "",
            "none": "The configuration says that answers decide nothing about persons.",
            "assisted": "The configuration says that a person decides with the help of answers.",
            "automated": "The configuration says that answers decide without a person: Article 22 "
            "demands a review by a person, and reasons.",
        }[config.decisions]
        review: tuple[Block, ...] = (Text(decides),) if decides else ()
        if config.decisions != "none" or self._answers.get("necessity-decisions"):
            ask = "Do answers decide about persons, who reviews them, how can they be contested?"
            review = (*review, self._ask("necessity-decisions", ask))
        return (
            Section("4. Necessity and proportionality", ()),
            *self._given("Lawful basis", basis, "necessity-basis", question),
            Section(
                "Minimisation",
                (
                    Bullets(minimised(facts)),
                    self._ask("necessity-less", "Could the aim be reached with less data?"),
                ),
                3,
            ),
            Section(
                "Accuracy of data",
                (self._ask("necessity-quality", "Who keeps documents right and up to date?"),),
                3,
            ),
            *self._given(
                "Transfers to third countries",
                config.transfers,
                "necessity-transfers",
                "Which transfers, under which safeguard (Articles 44 to 49)?",
            ),
            Section(
                "Rights of data subjects",
                (Table(("Right", "Article", "Served by", "What to know"), RIGHTS),),
                3,
            ),
            Section("Decisions about persons (Article 22)", review, 3),
        )

    def _risks(self) -> tuple[Section, ...]:
        rows = tuple(
            (
                risk.event,
                risk.what,
                f"{risk.likelihood} {LEVELS[risk.likelihood - 1]}",
                f"{risk.severity} {LEVELS[risk.severity - 1]}",
                risk.level,
                risk.why,
            )
            for risk in proposed(self._facts)
        )
        head = ("Feared event", "What may happen", "Likelihood", "Severity", "Together", "Rests on")
        return (
            Section(
                "5. Risks for data subjects",
                (
                    Text(
                        "A proposal by rule from the configuration, on a scale of 1 to 4, before "
                        "measures that piirag cannot see. A person has to confirm or change it."
                    ),
                    Table(head, rows),
                    self._ask("risks-confirmed", "Are these the risks and levels? Which others?"),
                ),
            ),
            Section("What detection misses: measured", recall(self._facts), 3),
        )

    def _measures(self) -> tuple[Section, ...]:
        return (
            Section(
                "6. Measures",
                (
                    Table(("Risk", "Measure", "In this configuration"), measures(self._facts)),
                    self._ask("measures-plan", "What else is done, by whom, until when?", OWNER),
                    self._ask("measures-residual", "Which residual risk is accepted, and why?"),
                ),
            ),
        )

    def _sign_off(self) -> tuple[Section, ...]:
        asked = (
            self._ask("sign-measures", "Measures approved by (name, date)", OWNER),
            self._ask("sign-residual", "Residual risks approved by (name, date)"),
            self._ask("sign-dpo", "Advice of the data protection officer, and date", DPO),
            self._ask("sign-against", "Where that advice was not followed: why"),
            self._ask("sign-authority", "High risk left: was the authority asked (Article 36)?"),
            self._ask("sign-review", "Who reviews this assessment, and when next"),
        )
        return (Section("7. Sign-off", asked),)

    def _basis(self) -> tuple[Section, ...]:
        facts = self._facts
        missing = [
            f"no [{table}] table: {why}"
            for table, there, why in (
                ("policy", facts.has_policy, "piirag's default policy is described"),
                ("vault", bool(facts.places), "stores, vault and journal are not described"),
                ("audit", facts.audit is not None, "no audit log is described"),
                ("logging", facts.logging is not None, "the safe default holds"),
                ("retention", facts.retention is not None, "no period is described"),
                ("providers", facts.providers is not None, "no provider is described"),
            )
            if not there
        ]
        points = (*missing, *facts.unread) or ("every part of the configuration was read",)
        return (Section("What this document could not see", (Bullets(tuple(points)),)),)
