"""The report of a scan as a page, and as the output of a notebook cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from piirag.detection.special import ARTICLE_10
from piirag.display import markup
from piirag.governance.scan.masking import Example
from piirag.governance.scan.report import ScanReport, SourceReport
from piirag.html_page import Html, bar_chart, bullets, esc, facts, join, mark, page, swatch, table

_MOST_SOURCES = 200
_MOST_SKIPPED = 100
_MASKED = (
    "Values are masked: • stands for a letter, # for a digit. Around them stand everyday words and "
    "names of fields; other words are masked too, in case the detector missed something."
)
_RAW = "This page holds personal data: its values were asked for. Keep it as you keep the texts."


def report_html(report: ScanReport, *, lang: str = "en") -> str:
    """A report as one self-contained page."""
    title = "Personal data in a corpus"
    body = join(
        [
            Html(f"<h1>{esc(title)}</h1>\n"),
            _summary(report),
            _types(report),
            _special(report),
            _quasi(report),
            _sources(report),
            _examples(report.examples, report.shows_values),
            _unread(report),
            _how(report),
        ]
    )
    return page(title, body, lang=lang)


def report_cell(report: ScanReport) -> str:
    """A report for a notebook: what was found, and the examples."""
    rows = [
        (mark(kind, kind, label=False), f"{n:,}", f"{report.texts_by_type.get(kind, 0):,}")
        for kind, n in {**report.findings, **report.special}.items()
    ]
    shown = join(_example(example) for example in report.examples[:12])
    return join(
        [
            Html(f"<p><strong>{esc(report.headline)}</strong></p>"),
            table(("Type", "Findings", "Texts"), rows, numeric={1, 2}, empty="Nothing was found."),
            shown,
        ]
    )


def _summary(report: ScanReport) -> Html:
    found = report.total or report.texts_with_findings
    state = "poor" if found else "good" if report.complete and report.texts else "fair"
    pairs: list[tuple[object, object]] = [
        ("Texts", f"{report.texts:,} ({report.characters:,} characters)"),
        ("With personal data", f"{report.texts_with_findings:,} ({report.share:.1%})"),
        ("Findings", f"{report.total:,}"),
        ("Replaced already", f"{report.pseudonyms:,} pseudonyms"),
        ("Scanned", f"{report.started}, in {report.seconds:,.1f} s"),
    ]
    if report.sample is not None:
        told = f"{report.sample.read:,} of {report.sample.seen:,} texts; counts are those of it"
        pairs.append(("Sample", told))
    warning = Html(f'<p class="bad">{esc(_RAW)}</p>\n') if report.shows_values else Html("")
    return join(
        [
            Html(
                f'<p><span class="status {state}">{report.share:.1%}</span> '
                f"of the texts hold personal data{esc(report.beside_texts)}.</p>\n"
            ),
            warning,
            facts(pairs),
        ]
    )


def _types(report: ScanReport) -> Html:
    rows = [
        (swatch(kind), f"{n:,}", f"{report.texts_by_type.get(kind, 0):,}")
        for kind, n in report.findings.items()
    ]
    chart = Html("")
    if report.findings:
        chart = bar_chart([*report.findings.items()], title="Findings by type", colours=True)
    head = ("Type", "Findings", "Texts")
    return join(
        [
            Html("<h2>What was found</h2>\n"),
            chart,
            table(head, rows, numeric={1, 2}, empty="Nothing that the policy looks for."),
        ]
    )


def _special(report: ScanReport) -> Html:
    rows = [
        (
            swatch(kind),
            "10" if kind in ARTICLE_10 else "9",
            f"{n:,}",
            f"{report.texts_by_type.get(kind, 0):,}",
        )
        for kind, n in report.special.items()
    ]
    head = ("Category", "GDPR Article", "Findings", "Texts")
    return join(
        [
            Html("<h2>Special categories</h2>\n"),
            table(head, rows, numeric={2, 3}, empty="None was found."),
        ]
    )


def _quasi(report: ScanReport) -> Html:
    rows = [(" + ".join(kinds), f"{n:,}") for kinds, n in report.combinations.items()]
    found = table(
        ("Quasi-identifier", "Findings"),
        [(swatch(kind), f"{n:,}") for kind, n in report.quasi.items()],
        numeric={1},
        empty="No quasi-identifier was found.",
    )
    return join(
        [
            Html("<h2>What singles people out in combination</h2>\n"),
            table(
                ("What stands together", "Texts"),
                rows,
                numeric={1},
                empty="No text combines enough details to single a person out.",
            ),
            Html("<h3>Quasi-identifiers by themselves</h3>\n"),
            found,
        ]
    )


def _sources(report: ScanReport) -> Html:
    listed = report.sources[:_MOST_SOURCES]
    with_some = [(s.name, s.texts_with_findings) for s in listed if s.texts_with_findings]
    by_texts = sorted(with_some, key=lambda item: -item[1])
    chart = Html("")
    if len(by_texts) > 1:
        chart = bar_chart(by_texts, title="Texts with personal data by source", most=15)
    head = ("Source", "Texts", "Hits", "What")
    rows = [(_named(s), f"{s.texts:,}", f"{s.texts_with_findings:,}", _what(s)) for s in listed]
    more = len(report.sources) - len(listed)
    note = f"{more:,} more sources are in the JSON report." if more else ""
    parts = [
        Html("<h2>Where it stands</h2>\n"),
        chart,
        table(head, rows, numeric={1, 2}, empty="Nothing was read.", stack=True),
        Html(f'<p class="note">{esc(note)}</p>\n') if note else Html(""),
    ]
    fields = [
        (source.name, name or "(text)", _counts(counts))
        for source in listed
        for name, counts in source.fields.items()
    ]
    if fields:
        parts.append(Html("<h3>By field, column or key</h3>\n"))
        parts.append(table(("Source", "Field", "Findings"), fields[:_MOST_SOURCES], stack=True))
    return join(parts)


def _named(source: SourceReport) -> Html:
    notes = join(Html(f'<br><span class="note">{esc(note)}</span>') for note in source.notes)
    return Html(f'{esc(source.name)}<br><span class="note">{esc(source.kind)}</span>{notes}')


def _what(source: SourceReport) -> Html:
    combined = source.combined
    noun = "text combines" if combined == 1 else "texts combine"
    parts = [_counts({**source.findings, **source.special})]
    if combined:
        parts.append(Html(f'<br><span class="note">{combined:,} {noun} details</span>'))
    return join(parts)


def _counts(counts: Mapping[str, int]) -> Html:
    return join((swatch(kind, f"{n:,}") for kind, n in counts.items()), " ")


def _examples(examples: Iterable[Example], raw: bool) -> Html:
    shown = [_example(example) for example in examples]
    if not shown:
        return Html("")
    note = _RAW if raw else _MASKED
    return join(
        [Html(f'<h2>Examples</h2>\n<p class="note">{esc(note)}</p>\n'), *shown],
    )


def _example(example: Example) -> Html:
    text = markup(example.segments, label=example.entity_type)
    place = example.source + (f", {example.field}" if example.field else "")
    return Html(f'<article><p class="text">{text}</p><p class="note">{esc(place)}</p></article>\n')


def _unread(report: ScanReport) -> Html:
    reasons = {**report.skipped_by_reason}
    for kind, n in report.unread.items():
        reasons[f"the detector failed ({kind})"] = n
    if not reasons:
        return Html("")
    listed = report.skipped[:_MOST_SKIPPED]
    rows = [(reason, f"{n:,}") for reason, n in reasons.items()]
    return join(
        [
            Html("<h2>What was not read</h2>\n"),
            table(("Why", "How many"), rows, numeric={1}),
            table(("Source", "Why"), listed, stack=True) if listed else Html(""),
        ]
    )


def _how(report: ScanReport) -> Html:
    from piirag import __version__

    policy = report.policy
    entities = policy.get("entities")
    pairs = [
        ("Detector", report.detector),
        ("Entity types", "all it reports" if entities is None else ", ".join(entities)),
        ("Names found by", policy.get("model", "")),
        ("Languages", ", ".join(policy.get("languages", ()))),
        ("Countries", ", ".join(policy.get("countries", ())) or "none beside the common ones"),
        ("Allow list", f"{policy.get('allow', 0)} entries"),
        ("Deny list", f"{sum(policy.get('deny', {}).values())} values"),
        ("piirag", __version__),
    ]
    left = (
        "A detector misses some of what is there, and takes some for personal data that is none: "
        "these are counts of findings, not of people or facts.",
        "Special categories and quasi-identifiers are found in English text.",
        "Pictures, archives and what is listed under “What was not read” were not looked at.",
    )
    return join([Html("<h2>How this was measured</h2>\n"), facts(pairs), bullets(left)])
