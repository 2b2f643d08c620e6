"""What the demo found, as rows of a table, as text, as a report in HTML, and as a picture of the losses."""

import importlib
import importlib.util
import pathlib
from typing import Any

from tracegraph.demo.demo import DemoResult
from tracegraph.report.charts import line_chart
from tracegraph.report.markup import Markup, count, element, in_bytes, in_time, joined
from tracegraph.report.report import html_report
from tracegraph.trace.looking import step_kind

Row = tuple[str, str, str, str]
REPORT, GRAPH, PLOT = "report.html", "step.dot", "loss.png"


def rows(result: DemoResult) -> list[Row]:
    """Each row: what was measured, eager, traced, and how they compare."""
    found: list[Row] = []
    timings, executable = result.timings, result.executable
    if timings is not None and executable is not None:
        eager, traced, lowered = timings.eager, timings.traced, executable.lowered
        kinds = [step_kind(step) for step in (*lowered.steps, *lowered.commits)]
        parts = [count(kinds.count("kernel"), "kernel"), count(kinds.count("routine"), "routine")]
        if kinds.count("host"):
            parts.append(f"{kinds.count('host')} by NumPy")
        recorded = result.traced.traced_step.explain().operations
        arena = lowered.memory.arena_bytes
        found += [
            ("time of a step (median)", in_time(eager.seconds), in_time(traced.seconds), f"{timings.ratio:.2f}×"),
            ("steps a step consists of", count(recorded, "operation"), count(len(kinds), "step"), " + ".join(parts)),
            ("functions Python calls", f"{eager.python_calls:,}", f"{traced.python_calls:,}",
             f"{eager.python_calls / max(traced.python_calls, 1):,.0f}×"),
            ("intermediate values", in_bytes(result.eager_bytes), in_bytes(arena),
             f"{result.eager_bytes / max(arena, 1):.1f}×"),
            ("most memory allocated in a step", in_bytes(eager.peak_bytes), in_bytes(traced.peak_bytes + arena),
             "arena included"),
            ("compiling, cold / from the disk cache", "–",
             f"{in_time(result.cold_seconds)} / {in_time(result.warm_seconds)}",
             f"{result.cold_seconds / result.warm_seconds:.0f}×"),
        ]  # fmt: skip
    found += [
        ("loss after the last step", f"{result.eager.losses[-1]:.6f}", f"{result.traced.losses[-1]:.6f}",
         f"largest difference {result.largest_difference:.1e}"),
        ("test accuracy", f"{result.eager_accuracy[-1]:.2%}", f"{result.traced_accuracy[-1]:.2%}",
         f"difference {abs(result.eager_accuracy[-1] - result.traced_accuracy[-1]):.2%}"),
    ]  # fmt: skip
    return found


def as_text(result: DemoResult) -> str:
    """The table for a terminal."""
    table = [("", "eager", "traced", ""), *rows(result)]
    first, second, third = (max(len(row[column]) for row in table) for column in range(3))
    return "\n".join(f"{a:{first}}  {b:>{second}}  {c:>{third}}  {d}".rstrip() for a, b, c, d in table)


def as_html(result: DemoResult) -> Markup:
    """The table and the losses, for the report."""
    options = result.options
    head = element(
        "tr",
        element("th", ""),
        element("th", "eager", class_="n"),
        element("th", "traced", class_="n"),
        element("th", ""),
    )
    body = [
        element(
            "tr",
            element("td", a),
            element("td", b, class_="n"),
            element("td", c, class_="n"),
            element("td", d, class_="soft"),
        )
        for a, b, c, d in rows(result)
    ]
    done = (
        f"A convolutional network on {count(len(result.eager.losses) * options.batch_size, 'handwritten digit')}: "
        f"{count(options.epochs, 'epoch')} of MNIST's digits, batches of {options.batch_size}, {options.optimiser}. "
        f"It was trained twice from seed {options.seed}, eagerly and traced in turns, on the same batches."
    )
    chart = line_chart(
        {"eager": result.eager.losses, "traced": result.traced.losses}, x_label="training step", y_label="loss"
    )
    return joined(
        element("p", done, class_="note"),
        element("h2", "Eager and traced"),
        element("div", element("table", head, body), class_="card", style="overflow-x:auto"),
        element("h2", "Loss"),
        element("p", f"Both curves; they differ by {result.largest_difference:.1e} at most.", class_="note"),
        element("div", chart, class_="card picture"),
    )


def write_results(result: DemoResult, folder: pathlib.Path) -> list[pathlib.Path]:
    """Write the report, the graph as DOT if the step was compiled, and the losses as PNG if matplotlib is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    step = result.traced.traced_step
    report = folder / REPORT
    report.write_text(html_report(step, timings=result.timings, introduction=[as_html(result)]), encoding="utf-8")
    written = [report]
    if step.entries:
        written.append(folder / GRAPH)
        written[-1].write_text(step.to_dot(), encoding="utf-8")
    # matplotlib is not needed, and must not be imported with the library.
    if importlib.util.find_spec("matplotlib") is not None:
        figures: Any = importlib.import_module("matplotlib.figure")
        written.append(folder / PLOT)
        _plot(figures.Figure(figsize=(8, 4), layout="constrained"), result, written[-1])
    return written


def _plot(figure: Any, result: DemoResult, path: pathlib.Path) -> None:
    axes = figure.subplots()
    axes.plot(result.eager.losses, color="tab:orange", linewidth=4, alpha=0.5, label="eager")
    axes.plot(result.traced.losses, color="tab:blue", linewidth=1.3, linestyle="--", label="traced")
    axes.set(xlabel="training step", ylabel="loss", title="The same training, eager and traced")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
