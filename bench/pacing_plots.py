"""The plots of docs/pacing.md, from the rows of bench.pacing. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

COLOURS = {5: "#b8b8b8", 20: "#7fb3d5", 50: "#1f6fb2", 200: "#0b2545"}
WAYS = {
    "predictive": ("#1f6fb2", "predictive"),
    "naive": ("#c0392b", "naive ratio (negative control)"),
    "progressive": ("#7f8c8d", "progressive"),
}
BARS = (3.0, 4.2)  # R18
Rows = Sequence[dict[str, Any]]


def draw(rows: Rows, folder: Path) -> None:
    """Four files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    mpl.rcParams.update({"font.size": 10, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "axes.axisbelow": True})
    _gain(rows, "connects_over_manual", folder / "over-manual.png")
    _gain(rows, "talk_over_progressive", folder / "over-progressive.png")
    _ceiling(rows, folder / "abandoned.png")
    _sensitivity(rows, folder / "by-hand.png")


def _line(axes: Axes, rows: Rows, name: str, colour: str, label: str) -> None:
    x = [row["live_rate"] for row in rows]
    found = [row[name] for row in rows]
    axes.plot(
        x, [f["mean"] for f in found], color=colour, label=label, marker="o", ms=4
    )
    low, high = [f["low"] for f in found], [f["high"] for f in found]
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def _hollow(rows: Rows, axes: Axes, colour: str) -> None:
    """Where the interval reaches below three times."""
    x = [row["live_rate"] for row in rows]
    y = [row["connects_over_manual"]["mean"] for row in rows]
    axes.plot(x, y, "o", color=colour, mfc="white", ms=5, linestyle="none")


def _axes(rows: Rows, title: str, label: str) -> Axes:
    figure, axes = plt.subplots(figsize=(7.2, 4.4), dpi=110)
    figure.subplots_adjust(left=0.1, right=0.97, top=0.9, bottom=0.12)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(label)
    axes.set_xlabel("live rate: share of calls that a person answers (simulated)")
    axes.set_xscale("log")
    rates = sorted({row["live_rate"] for row in rows})
    axes.xaxis.set_major_locator(FixedLocator(rates))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{rate:.2f}" for rate in rates])
    axes.grid(color="#e6e6e6")
    return axes


def _save(axes: Axes, path: Path) -> None:
    axes.legend(frameon=False, fontsize=9)
    plt.savefig(path, metadata={"Software": None})
    plt.close("all")


def _of(rows: Rows, way: str, agents: int) -> Rows:
    return [r for r in rows if r["way"] == way and r["agents"] == agents]


def _gain(rows: Rows, name: str, path: Path) -> None:
    manual = name == "connects_over_manual"
    what = "connects, times those by hand" if manual else "talk, times progressive"
    other = "dialing by hand" if manual else "progressive"
    title = f"Predictive against {other}, mean of the seeds and 95 % interval"
    axes = _axes(rows, title, what)
    for agents, colour in COLOURS.items():
        label, found = f"{agents} agents", _of(rows, "predictive", agents)
        _line(axes, found, name, colour, label)
        if manual:
            _hollow([row for row in found if row[name]["low"] < BARS[0]], axes, colour)
    if manual:
        axes.plot([], [], "o", color="black", mfc="white", ms=5, label="not surely 3x")
        for bar, colour in zip(BARS, ("#2e8b57", "#d35400"), strict=True):
            axes.axhline(bar, color=colour, linestyle="--", linewidth=1)
            axes.annotate(f"{bar:g}x", (0.5, bar + 0.05), color=colour, ha="right")
    axes.axhline(1.0, color="black", linewidth=0.8)
    _save(axes, path)


def _ceiling(rows: Rows, path: Path) -> None:
    agents = 50
    title = "Abandoned calls, 50 agents; bars to the worst of the seeds"
    axes = _axes(rows, title, "abandoned, of live answers")
    for way, (colour, label) in WAYS.items():
        found = _of(rows, way, agents)
        _line(axes, found, "abandoned_rate", colour, label)
        x = [row["live_rate"] for row in found]
        means = [row["abandoned_rate"]["mean"] for row in found]
        worst = [row["abandoned_rate_of_worst_seed"] for row in found]
        axes.vlines(x, means, worst, color=colour, alpha=0.6)
    axes.axhline(0.03, color="black", linestyle="--", linewidth=1)
    axes.annotate("ceiling, 3 %", (0.5, 0.0315), ha="right")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _save(axes, path)


def _sensitivity(rows: Rows, path: Path) -> None:
    title = "Predictive against hands twice as quick and twice as slow, 50 agents"
    axes = _axes(rows, title, "connects, times those by hand")
    found = _of(rows, "predictive", 50)
    for name, colour, label in (
        ("connects_over_manual_twice", "#d35400", "steps by hand take twice as long"),
        ("connects_over_manual", "#1f6fb2", "steps as published"),
        ("connects_over_manual_half", "#2e8b57", "steps by hand take half as long"),
    ):
        _line(axes, found, name, colour, label)
    for bar in BARS:
        axes.axhline(bar, color="#888888", linestyle="--", linewidth=1)
        axes.annotate(f"{bar:g}x", (0.5, bar + 0.05), color="#555555", ha="right")
    _save(axes, path)
