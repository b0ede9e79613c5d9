"""The figures that piirag's impact assessment ships, out of what this benchmark wrote.

`python -m benchmarks.accuracy.shipped` writes them anew; a test holds the two files together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs/figures"
SHIPPED = ROOT / "piirag/governance/assessment/figures.json"
SYSTEMS = ("piirag", "piirag, patterns only")


def extract(
    measured: dict[str, Any], tenancy: dict[str, Any], erasure: dict[str, Any]
) -> dict[str, Any]:
    """What the assessment tells of the figures that runs of the benchmarks gave.

    Args:
        measured: What ``docs/figures/accuracy.json`` holds.
        tenancy: The same of ``tenancy.json``.
        erasure: The same of ``erasure.json``.
    """
    kept = [name for name, found in measured["results"].items() if "hidden" in found["piirag"]]
    return {
        "command": "python -m benchmarks.accuracy",
        "source": "docs/figures/accuracy.json",
        "corpora": {name: {"what": measured["corpora"][name]["what"]} for name in kept},
        "results": {
            system: {name: _of(measured["results"][name][system]) for name in kept}
            for system in SYSTEMS
        },
        "tenancy": _isolation(tenancy["tenancy"]),
        "erasure": _leftovers(erasure["matrix"]),
    }


def _isolation(runs: dict[str, Any]) -> dict[str, Any]:
    threats = [threat for run in runs.values() for threat in run["threats"].values()]
    return {
        "command": "python -m benchmarks.tenancy",
        "stores": len({run["store"] for run in runs.values()}),
        "asked": sum(threat.get("asked", 0) for threat in threats),
        "foreign": sum(threat.get("foreign", 0) for threat in threats),
    }


def _leftovers(runs: dict[str, Any]) -> dict[str, Any]:
    def left(when: str) -> int:
        return sum(sum(run[when].values()) for run in runs.values() if run.get(when))

    return {
        "command": "python -m benchmarks.erasure --matrix",
        "stores": len({run["store"] for run in runs.values()}),
        "after_delete": left("after_delete"),
        "after_physical": left("after_physical"),
        "left_in": sorted(
            {run["store"] for run in runs.values() if sum((run["after_physical"] or {}).values())}
        ),
    }


def _of(found: dict[str, Any]) -> dict[str, Any]:
    types = {
        kind: {"values": of["values"], "hidden": of["hidden"]}
        for kind, of in found["types"].items()
    }
    return {**{k: found[k] for k in ("values", "hidden", "persons_hidden")}, "types": types}


def main() -> None:
    """Write the shipped file anew."""
    read = (FIGURES / f"{name}.json" for name in ("accuracy", "tenancy", "erasure"))
    made = extract(*(json.loads(path.read_text("utf-8")) for path in read))
    SHIPPED.write_text(json.dumps(made, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
