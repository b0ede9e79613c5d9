"""A receipt as a page for people. It loads nothing from anywhere and runs nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from piirag.erasure.receipt import COMPLETE, PARTIAL, ErasureReceipt, TargetReceipt
from piirag.html_page import Html, bullets, esc, facts, join, page, table

_HEAD = ("Target", "Found", "Deleted", "Read back", "Bytes removed from files", "Still in files")
_MEANING = {
    COMPLETE: "Every target was read back and holds nothing of the person.",
    PARTIAL: "At least one target failed. The erasure has to be resumed.",
}
_NOTHING = "No target and no vault knew anything of the person. Nothing was changed."
_RECLAIMED = {
    "yes": "yes",
    "no": "no",
    "not asked": "not asked for",
    "not possible": "not possible",
}


def receipt_html(receipt: ErasureReceipt) -> str:
    """A receipt as one self-contained HTML page.

    The page is for reading. What is signed is the JSON.
    """
    kind = receipt.status if receipt.status in _MEANING else "nothing"
    title = "Receipt of an erasure"
    pairs = [
        ("Erasure", Html(f"<code>{esc(receipt.id)}</code>")),
        ("Person", _subject(receipt)),
        ("Begun", _time(receipt.started)),
        ("Finished", _time(receipt.finished)),
        ("Runs", receipt.runs),
        ("Items deleted", receipt.deleted),
        ("Versions", ", ".join(f"{k} {v}" for k, v in sorted(receipt.versions.items()))),
        ("Signature", _signature(receipt)),
    ]
    meaning = _MEANING.get(receipt.status, _NOTHING)
    body = join(
        [
            Html(f"<h1>{title}</h1>\n"),
            Html(f'<p><span class="status {kind}">{esc(receipt.status)}</span> {meaning}</p>\n'),
            facts(pairs),
            Html("<h2>What was done</h2>\n"),
            table(_HEAD, map(_row, receipt.targets), numeric={1, 2}, stack=True),
            Html("<h2>What this erasure does not reach</h2>\n"),
            bullets(receipt.not_covered),
            Html(
                '<p class="note">This page is for reading. What is signed is the JSON receipt; '
                "<code>piirag verify-receipt</code> checks it.</p>\n"
            ),
        ]
    )
    return page(title, body)


def _row(target: TargetReceipt) -> list[object]:
    if target.verified_absent:
        state = f"nothing left<br><span class='note'>{_time(target.verified_at)}</span>"
    elif target.error is not None:
        state = f"failed: <code>{esc(target.error)}</code>"
    else:
        state = f"{target.remaining} still there"
    title = f"<strong>{esc(target.name)}</strong>"
    about = esc(", ".join(part for part in (target.kind, target.version) if part))
    note = f"<br><span class='note'>{esc(target.note)}</span>" if target.note else ""
    found = "unknown" if target.found is None else str(target.found)
    reclaimed = esc(_RECLAIMED.get(target.reclaimed, target.reclaimed))
    return [
        Html(f"{title}<br><span class='note'>{about}</span>"),
        found,
        target.deleted,
        Html(state),
        Html(f"{reclaimed}{note}"),
        _residue(target),
    ]


def _residue(target: TargetReceipt) -> Html:
    if target.residue is None:
        return Html("not searched")
    if not target.residue:
        return Html("nothing found")
    lines = []
    for file, kinds in sorted(target.residue.items()):
        counts = ", ".join(f"{count} {esc(kind)}" for kind, count in sorted(kinds.items()))
        lines.append(f"<code>{esc(file)}</code>: {counts}")
    return Html("<br>".join(lines))


def _subject(receipt: ErasureReceipt) -> Html:
    if receipt.subject is None:
        return Html("not named: no vault whose key could hash the id")
    return Html(f"keyed hash <code>{esc(receipt.subject)}</code>")


def _signature(receipt: ErasureReceipt) -> Html:
    if receipt.signature is None:
        return Html("none")
    algorithm, key = (receipt.signature.get(name, "") for name in ("algorithm", "key_id"))
    told = f"{esc(algorithm)}, key <code>{esc(key)}</code>; not checked by this page"
    return Html(told)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
