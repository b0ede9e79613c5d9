"""The impact assessment (GDPR Article 35) and the records of processing (Article 30).

- `config`: the `[assessment]` table; `facts` and `readers`: what a configuration says, and what was
  measured; `scan_report`: the counts of a scan; `figures`: measured recall.
- `sections` builds the document out of these, `risks`, `rights` and the other modules named like
  a section; `markdown` and `page` give it a form; `records` is the register as CSV.
- `answers`: what people have filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from piirag.governance.assessment.answers import add_questions, read_answers
from piirag.governance.assessment.config import AssessmentConfig
from piirag.governance.assessment.document import Document
from piirag.governance.assessment.facts import Facts, gather
from piirag.governance.assessment.markdown import to_markdown
from piirag.governance.assessment.page import to_html
from piirag.governance.assessment.records import records_csv
from piirag.governance.assessment.sections import Builder


def assessment(facts: Facts, *, date: str, answers: Mapping[str, str] | None = None) -> Document:
    """The impact assessment of a deployment, as a draft.

    The same facts, answers and date give the same document.

    Args:
        facts: What `gather` read.
        date: Stands on the document.
        answers: What people have filled in, by key; see `read_answers`.
    """
    return Builder(facts, answers or {}, date).build()


def question_keys(facts: Facts) -> list[str]:
    """The keys of all points that a person may fill in, whatever the configuration answers."""
    bare = replace(facts, config=AssessmentConfig())
    return [point.key for point in assessment(bare, date="").humans]


__all__ = [
    "AssessmentConfig",
    "Document",
    "Facts",
    "add_questions",
    "assessment",
    "gather",
    "question_keys",
    "read_answers",
    "records_csv",
    "to_html",
    "to_markdown",
]
