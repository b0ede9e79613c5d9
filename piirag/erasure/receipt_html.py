"""A receipt as a page for people. It loads nothing from anywhere and runs nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from piirag.erasure.receipt import COMPLETE, PARTIAL, ErasureReceipt, TargetReceipt

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.status { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; color: #fff; }
.complete { background: #18794e; } .partial { background: #b42318; } .nothing { background: #555; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid var(--line); } th { background: var(--soft); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.note { opacity: .75; font-size: .875rem; } code { font-size: .85rem; overflow-wrap: anywhere; }
@media print { body { margin: 0; } .status { border: 1px solid; color: inherit; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
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
    facts = [
        ("Erasure", f"<code>{escape(receipt.id)}</code>"),
        ("Person", _subject(receipt)),
        ("Begun", _time(receipt.started)),
        ("Finished", _time(receipt.finished)),
        ("Runs", str(receipt.runs)),
        ("Items deleted", str(receipt.deleted)),
        ("Versions", escape(", ".join(f"{k} {v}" for k, v in sorted(receipt.versions.items())))),
        ("Signature", _signature(receipt)),
    ]
    rows = "\n".join(_row(target) for target in receipt.targets)
    left = "\n".join(f"<li>{escape(text)}</li>" for text in receipt.not_covered)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Receipt of an erasure</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Receipt of an erasure</h1>
<p><span class="status {kind}">{escape(receipt.status)}</span>
{_MEANING.get(receipt.status, _NOTHING)}</p>
<dl>
{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)}
</dl>
<h2>What was done</h2>
<div class="wide"><table>
<thead><tr><th>Target</th><th>Found</th><th>Deleted</th><th>Read back</th>
<th>Bytes removed from files</th><th>Still in files</th></tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<h2>What this erasure does not reach</h2>
<ul>
{left}
</ul>
<p class="note">This page is for reading. What is signed is the JSON receipt;
<code>piirag verify-receipt</code> checks it.</p>
</body>
</html>
"""


def _row(target: TargetReceipt) -> str:
    if target.verified_absent:
        state = f"nothing left<br><span class='note'>{_time(target.verified_at)}</span>"
    elif target.error is not None:
        state = f"failed: <code>{escape(target.error)}</code>"
    else:
        state = f"{target.remaining} still there"
    title = f"<strong>{escape(target.name)}</strong>"
    about = escape(", ".join(part for part in (target.kind, target.version) if part))
    note = f"<br><span class='note'>{escape(target.note)}</span>" if target.note else ""
    found = "unknown" if target.found is None else str(target.found)
    reclaimed = escape(_RECLAIMED.get(target.reclaimed, target.reclaimed))
    return (
        f"<tr><td>{title}<br><span class='note'>{about}</span></td>"
        f"<td class='number'>{found}</td><td class='number'>{target.deleted}</td>"
        f"<td>{state}</td><td>{reclaimed}{note}</td><td>{_residue(target)}</td></tr>"
    )


def _residue(target: TargetReceipt) -> str:
    if target.residue is None:
        return "not searched"
    if not target.residue:
        return "nothing found"
    lines = []
    for file, kinds in sorted(target.residue.items()):
        counts = ", ".join(f"{count} {escape(kind)}" for kind, count in sorted(kinds.items()))
        lines.append(f"<code>{escape(file)}</code>: {counts}")
    return "<br>".join(lines)


def _subject(receipt: ErasureReceipt) -> str:
    if receipt.subject is None:
        return "not named: no vault whose key could hash the id"
    return f"keyed hash <code>{escape(receipt.subject)}</code>"


def _signature(receipt: ErasureReceipt) -> str:
    if receipt.signature is None:
        return "none"
    algorithm, key = (receipt.signature.get(name, "") for name in ("algorithm", "key_id"))
    return f"{escape(algorithm)}, key <code>{escape(key)}</code>; not checked by this page"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
