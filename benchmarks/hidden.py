"""Share of planted values that are hidden, by piirag and by its peers, on the same texts.

A value counts as hidden when it no longer stands in the output. The corpus is the
one of the demo (`examples/crm_corpus.py`), another seed. Names are hidden only where the
application passes them along, so piirag is shown with and without `known=`.

Run: python benchmarks/hidden.py
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "examples"))

from rich.console import Console
from rich.table import Table

from crm_corpus import Record, generate
from piirag import Redactor
from piirag.detection.tokens_nlp import TokenNlpEngine

Hide = Callable[[Record], str]


def piirag(known: bool) -> Hide:
    """`Redactor`, with or without the values that the application knows."""
    redactor = Redactor()
    return lambda r: redactor.redact(r.text, known=r.known if known else None).text


def presidio() -> Hide:
    """Presidio's analyzer and anonymizer as installed, without an NLP model."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_anonymizer import AnonymizerEngine

    analyzer = AnalyzerEngine(nlp_engine=TokenNlpEngine(["en"]))
    anonymizer = AnonymizerEngine()

    def hide(record: Record) -> str:
        found = analyzer.analyze(record.text, language="en")
        return anonymizer.anonymize(record.text, found).text

    return hide


def langchain_middleware() -> Hide:
    """LangChain's `PIIMiddleware`, one per type it has a detector for."""
    from langchain.agents.middleware import PIIMiddleware
    from langchain_core.messages import HumanMessage

    kinds = ["email", "credit_card", "ip", "mac_address", "url"]
    middlewares = [PIIMiddleware(kind, strategy="redact") for kind in kinds]

    def hide(record: Record) -> str:
        text = record.text
        for middleware in middlewares:
            state = {"messages": [HumanMessage(text)]}
            update = middleware.before_model(state, None)  # type: ignore[arg-type]
            if update:
                text = str(update["messages"][-1].content)
        return text

    return hide


def main() -> None:
    """Print the table."""
    records = generate(seed=2024, users=20, documents=300)
    columns = {
        "piirag, known=": piirag(known=True),
        "piirag": piirag(known=False),
        "Presidio, stock patterns": presidio(),
        "LangChain PIIMiddleware": langchain_middleware(),
    }
    total: Counter[str] = Counter()
    hidden: dict[str, Counter[str]] = {name: Counter() for name in columns}
    for record in records:
        outputs = {name: hide(record) for name, hide in columns.items()}
        for kind, value in record.planted:
            if value not in record.text:
                continue
            total[kind] += 1
            for name, output in outputs.items():
                hidden[name][kind] += value not in output
    table = Table(title="Planted values hidden, 300 CRM documents")
    table.add_column("entity type")
    table.add_column("planted", justify="right")
    for name in columns:
        table.add_column(name, justify="right")
    for kind in [*sorted(total), "all"]:
        count = total[kind] if kind != "all" else total.total()
        got = [h[kind] if kind != "all" else h.total() for h in hidden.values()]
        table.add_row(kind, str(count), *(f"{n / count:.0%}" for n in got))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
