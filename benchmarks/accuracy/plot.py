"""A chart of the results. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Results = dict[str, dict[str, Any]]  # corpus -> system -> figures

_LABELS = {
    "records": "records",
    "scripts": "records,\nother scripts",
    "crm": "CRM",
    "web": "web text,\npersons",
    "social": "social media,\npersons",
    "technical": "technical\ntext",
}
# What the project sets out to reach, percent hidden.
_GOALS = {"records": 97, "crm": 98, "web": 95, "social": 85}
_OURS = ("#14635f", "#8cc5bf", "#c9e3e0")
_OTHERS = ("#e08e45", "#b5651d", "#8c6bb1")
_INK = "#333333"


def draw(results: Results, path: Path) -> None:
    """Draw a group of bars for each corpus and a bar for each system.

    Args:
        results: Corpus -> system -> figures.
        path: The picture; its suffix decides the format.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    hidden = [name for name in _LABELS if _has(results, name, "hidden")]
    panels: list[tuple[str, list[str], str, float]] = [
        ("Hidden whole, % of values\n", hidden, "hidden", 100),
        ("Masked for nothing,\n% of masked letters", ["records", "crm"], "over_redaction", 100),
        ("False findings\nin 100 lines", ["technical"], "per_100_lines", 1),
    ]
    panels = [
        (title, there, figure, scale)
        for title, names, figure, scale in panels
        if (there := [name for name in names if _has(results, name, figure)])
    ]
    systems = [
        name
        for name in dict.fromkeys(s for by_system in results.values() for s in by_system)
        if name != "piirag, countries"  # the same bars, but for a few numbers
    ]
    colours = _colours(systems)
    picture, axes = plt.subplots(
        1,
        len(panels),
        figsize=(12.5, 4.4),
        width_ratios=[len(names) + 0.6 for _, names, _, _ in panels],
        layout="constrained",
        squeeze=False,
    )
    for place, (title, names, figure, scale) in zip(axes[0], panels, strict=True):
        _bars(place, results, names, colours, figure, scale)
        place.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=_INK, pad=10)
        if figure == "hidden":
            place.set_ylim(0, 106)
            _goals(place, names)
    handles, labels = axes[0][0].get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i] == "goal")
    picture.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=9.5,
    )
    layout: Any = picture.get_layout_engine()
    layout.set(wspace=0.04)
    picture.savefig(path, dpi=150)
    plt.close(picture)


def _has(results: Results, corpus: str, figure: str) -> bool:
    return any(f.get(figure) is not None for f in results.get(corpus, {}).values())


def _colours(systems: list[str]) -> dict[str, str]:
    ours = [name for name in systems if name.startswith("piirag")]
    others = [name for name in systems if name not in ours]
    return {
        **{name: _OURS[i % len(_OURS)] for i, name in enumerate(ours)},
        **{name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(others)},
    }


def _bars(
    axes: Any,
    results: Results,
    corpora: list[str],
    colours: dict[str, str],
    figure: str,
    scale: float,
) -> None:
    width = 0.74 / len(colours)
    for number, (system, colour) in enumerate(colours.items()):
        places, heights = [], []
        for position, corpus in enumerate(corpora):
            share = results[corpus].get(system, {}).get(figure)
            if share is not None:
                places.append(position + (number - (len(colours) - 1) / 2) * width)
                heights.append(scale * share)
        bars = axes.bar(places, heights, width * 0.9, label=system, color=colour)
        texts = [f"{h:.0f}" if h in {0, 100} else f"{h:.1f}" for h in heights]
        axes.bar_label(bars, texts, fontsize=7.5, color=_INK, padding=2)
    axes.set_xticks(range(len(corpora)), [_LABELS[name] for name in corpora], fontsize=9)
    axes.set_xlim(-0.55, len(corpora) - 0.45)
    axes.margins(y=0.12)
    axes.tick_params(axis="x", length=0, labelcolor=_INK)
    axes.tick_params(axis="y", length=0, labelcolor="#777777", labelsize=8.5)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#999999")


def _goals(axes: Any, corpora: list[str]) -> None:
    """A dashed line over a group of bars, at what the project sets out to reach."""
    label: str | None = "goal"
    for position, corpus in enumerate(corpora):
        if corpus in _GOALS:
            axes.hlines(
                _GOALS[corpus],
                position - 0.44,
                position + 0.44,
                colors="#c0392b",
                linestyles=(0, (4, 2)),
                linewidth=1.1,
                label=label,
            )
            label = None
