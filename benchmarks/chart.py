"""Draws a run as horizontal bars: how many times as fast as each reference the traced function is."""

import importlib
import importlib.util
import statistics
from pathlib import Path
from typing import Any

from benchmarks import variants

COLOURS = {
    variants.NUMPY: "#4c78a8",
    variants.EAGER: "#9d9da3",
    variants.TORCH: "#e45756",
    variants.TORCH_COMPILE: "#f2a541",
    variants.JAX: "#54a24b",
}
NAMES = {
    variants.EAGER: "tracegraph eager",
    variants.NUMPY: "NumPy",
    variants.TORCH: "PyTorch",
    variants.JAX: "JAX jit",
}
BAR, GAP = 0.17, 0.11
"""Inches: height of a bar, and space between the bars of two workloads."""


def is_possible() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def ratios(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """For each workload and reference, its time divided by the traced one: medians of the ratios within rounds."""
    result: dict[str, dict[str, float]] = {}
    for workload, measured in found["times"].items():
        ours = measured.get(variants.TRACED, {}).get("seconds")
        bars = {
            name: statistics.median(a / b for a, b in zip(record["seconds"], ours, strict=False))
            for name, record in measured.items()
            if ours and record["seconds"] and name != variants.TRACED
        }
        if bars:
            result[workload] = bars
    return result


def draw(found: dict[str, Any], path: Path) -> None:
    """Write the chart of a run's times to an image file; matplotlib is imported here, without a display."""
    figures = importlib.import_module("matplotlib.figure")
    tickers = importlib.import_module("matplotlib.ticker")
    data = ratios(found)
    series = [name for name in COLOURS if any(name in bars for bars in data.values())]
    inches = sum(len(bars) * BAR + GAP for bars in data.values())
    figure = figures.Figure(figsize=(9, inches + 1.5), layout="constrained", dpi=150)
    axes = figure.subplots()
    top, ticks = 0.0, []
    labelled: set[str] = set()
    for number, bars in enumerate(data.values()):
        names = [name for name in series if name in bars]
        height = len(names) * BAR
        if number % 2 == 0:
            axes.axhspan(top - GAP / 2, top + height + GAP / 2, color="#f4f4f6", zorder=0)
        for position, name in enumerate(names):
            label = NAMES.get(name, name) if name not in labelled else None
            labelled.add(name)
            centre = top + (position + 0.5) * BAR
            axes.barh(centre, bars[name] - 1, BAR * 0.86, left=1, color=COLOURS[name], label=label, zorder=2)
            _write(axes, centre, bars[name])
        ticks.append(top + height / 2)
        top += height + GAP
    axes.axvline(1, color="#222222", linewidth=1, zorder=3)
    axes.set_xscale("log")
    values = [value for bars in data.values() for value in bars.values()] or [1.0]
    axes.set_xlim(min(0.5, min(values) / 1.8), max(2.0, max(values) * 1.8))
    axes.set_ylim(top - GAP / 2, -GAP / 2)
    axes.set_yticks(ticks, list(data))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(tickers.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(tickers.FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_locator(tickers.NullLocator())
    axes.grid(axis="x", color="#d8d8dc", linewidth=0.6, zorder=1)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("slower  ←  speed of the traced function compared with each reference  →  faster")
    settings = found["settings"]
    axes.set_title(
        f"tracegraph @trace, float32, {settings['threads']} threads\n{found['machine']['processor']}",
        fontsize=10, loc="left",
    )  # fmt: skip
    figure.legend(
        loc="outside upper right", ncols=len(series), frameon=False, fontsize=8, title="compared with", title_fontsize=8
    )
    figure.savefig(path)


def _write(axes: Any, centre: float, value: float) -> None:
    """The number at the end of a bar."""
    inside = value < 1
    axes.annotate(
        f"{value:.2f}" if value < 10 else f"{value:.0f}", (value, centre),
        xytext=(-3 if inside else 3, 0), textcoords="offset points",
        ha="right" if inside else "left", va="center", fontsize=6.5, color="#333333", zorder=4,
    )  # fmt: skip
