"""Draws the figures of docs/measurements.md and docs/costs.md from the JSON files that the measurements write.

`make figures` runs it. A file that is missing leaves its figure as it is. The background is transparent and the text is
of a middle grey, so that a figure reads well on a light page and on a dark one.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError:
    print("figures: matplotlib is missing; run `make figures`, which installs it and draws", file=sys.stderr)
    sys.exit(2)

ROOT = Path(__file__).resolve().parent.parent
MEASURED, DRAWN = ROOT / "build" / "benchmarks", ROOT / "docs" / "figures"
OURS, OTHERS = "#c8740f", "#3b6fd4"
_GREY, _FAINT = "#808890", "#80889050"
_STYLE = {
    # Text as text, ids that do not change, and the fonts of the reader.
    "svg.fonttype": "none",
    "svg.hashsalt": "figures",
    "font.family": "sans-serif",
    "font.size": 11,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _GREY),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _FAINT,
}


def cost(measured: dict[str, Any], axes: Axes) -> None:
    """CPU time of an event by system, on a scale by powers of ten."""
    rows = sorted(measured["results"], key=lambda row: -row["cpu_us_per_event"])
    names = [row["system"] for row in rows]
    values = [row["cpu_us_per_event"] for row in rows]
    bars = axes.barh(names, values, color=[OURS if name.startswith("job") else OTHERS for name in names])
    axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=4, color=_GREY)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("CPU time of an event in the steady state, µs")


def latency(measured: dict[str, Any], axes: Axes) -> None:
    """How many alerts took how long; those of the first ten seconds in another colour."""
    waits: list[list[int]] = measured["milliseconds"]
    first = min(arrived for arrived, _ in waits)
    early = [wait / 1000 for arrived, wait in waits if arrived < first + 10_000]
    late = [wait / 1000 for arrived, wait in waits if arrived >= first + 10_000]
    axes.hist([late, early], bins=30, stacked=True, color=[OTHERS, OURS], label=["later", "the first ten seconds"])
    axes.set_xlabel("from put_record to publish, s")
    axes.set_ylabel("alerts")
    axes.legend(frameon=False)


def memory(measured: dict[str, Any], axes: Axes) -> None:
    """Memory of each process in the soak, without those that keep all that was ever sent."""
    for name, values in measured["mebibytes"].items():
        if not name.startswith("holds all: "):
            axes.plot([number * measured["seconds"] / 60 for number in range(len(values))], values, label=name)
    axes.set_xlabel("minutes")
    axes.set_ylabel("MiB (of a JVM: heap in use)")
    axes.legend(frameon=False, fontsize=9)


def dollars(measured: dict[str, Any], axes: Axes) -> None:
    """What a month costs by events a second, both on a scale by powers of ten."""
    for (name, points), colour in zip(measured["series"].items(), (OTHERS, OURS), strict=True):
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(measured["x"])
    axes.set_ylabel(measured["y"])
    axes.legend(frameon=False)


FIGURES: dict[str, tuple[Callable[[dict[str, Any], Axes], None], str]] = {
    "cost": (cost, "throughput"),
    "latency": (latency, "latencies"),
    "memory": (memory, "memory"),
    "dollars": (dollars, "costs"),
}


def draw(name: str, measured: dict[str, Any], path: Path) -> None:
    """Draw a figure of `FIGURES` as an SVG; the same measurements give the same bytes."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="x" if name == "cost" else "y")
        axes.set_axisbelow(True)
        FIGURES[name][0](measured, axes)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def main() -> None:
    """Draw each figure whose measurements are there."""
    DRAWN.mkdir(exist_ok=True)
    for name, (_, source) in FIGURES.items():
        path = MEASURED / f"{source}.json"
        if path.exists():
            draw(name, json.loads(path.read_text()), DRAWN / f"{name}.svg")
            print(f"docs/figures/{name}.svg", file=sys.stderr)
        else:
            print(f"docs/figures/{name}.svg stays as it is: {path} is missing", file=sys.stderr)


if __name__ == "__main__":
    main()
