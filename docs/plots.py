# /// script
# dependencies = ["matplotlib>=3.10"]
# ///
"""Draws the plots of `docs/performance.md` from `docs/figures.json`: `pip install matplotlib`, then `python docs/plots.py`.

matplotlib is needed for nothing else, so it is no dependency of developers. A test holds the figures against the page.

Belongs here: what a plot looks like. Does not: figures (`make bench` measures them).
"""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
GOOD, MISSED, PEER = "#2a7f62", "#c8553d", "#b8bcc4"

mpl.rcParams.update({"svg.hashsalt": "imaging-assets", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9})


def main() -> None:
    """Both plots, as SVG that is the same each time."""
    figures = json.loads((HERE / "figures.json").read_text("utf-8"))
    goals(figures["goals"])
    gallery(figures["gallery"])


def used(row: dict[str, Any]) -> float:
    """Which share of its goal a figure uses; 1 is the goal, more is a miss."""
    sign, number = row["goal"].split()
    return row["ours"] / float(number) if sign == "<=" else float(number) / row["ours"]


def goals(rows: list[dict[str, Any]]) -> None:
    """A bar per figure, as a share of its goal."""
    figure, axes = plt.subplots(figsize=(8.4, 0.27 * len(rows) + 0.8))
    rows = rows[::-1]
    shares = [used(row) for row in rows]
    axes.barh([row["name"] for row in rows], shares, color=[GOOD if share <= 1 else MISSED for share in shares], height=0.66)
    axes.axvline(1, color="black", linewidth=0.8, zorder=1)
    for place, (row, share) in enumerate(zip(rows, shares, strict=True)):
        said = f"{row['ours']:g} {row['unit']}  ({row['goal'].replace('<=', '≤').replace('>=', '≥')})"
        axes.text(share + 0.015, place, said, va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    axes.set(xlim=(0, 1.45), xlabel="share of the goal that is used: left of the line it holds", xticks=[0, 0.25, 0.5, 0.75, 1])
    _save(figure, axes, "performance-goals")


def gallery(rows: list[dict[str, Any]]) -> None:
    """Two bars per question: the page, and the bare question."""
    figure, axes = plt.subplots(figsize=(8.4, 0.5 * len(rows) + 0.9))
    rows = rows[::-1]
    places = range(len(rows))
    for key, shift, colour, label in (("peer", -0.2, PEER, "SQL by hand, no page"), ("ours", 0.2, GOOD, "the whole page")):
        axes.barh([place + shift for place in places], [row[key] for row in rows], height=0.36, color=colour, label=label)
        for place, row in zip(places, rows, strict=True):
            axes.text(row[key] + 4, place + shift, f"{row[key]:g}", va="center")
    axes.set(yticks=list(places), yticklabels=[row["name"] for row in rows], xlabel="ms over 100,000 images")
    axes.legend(frameon=False, loc="lower right", reverse=True)
    _save(figure, axes, "performance-gallery")


def _save(figure: Any, axes: Any, name: str) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.tight_layout()
    figure.savefig(HERE / "images" / f"{name}.svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)


if __name__ == "__main__":
    main()
