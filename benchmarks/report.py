"""Tables for the terminal: times and ratios of the workloads, costs of the two models, starts."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import variants
from benchmarks.rounds import Measurement, ratio

SUBJECT = variants.TRACED


def duration(seconds: float) -> str:
    """Seconds with three digits and a unit."""
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
    unit, size = next((pair for pair in units if seconds >= pair[1]), units[-1])
    value = seconds / size
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"


def quantity(value: float) -> str:
    """A count or a number of bytes in at most six characters: 950, 1.23 k, 45.6 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def factor(value: float | None) -> str:
    """A ratio, or a dash."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def table(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Rows as aligned columns, the first `left` of them to the left; the first row is the head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cell(measurement: Measurement | None) -> tuple[str, str]:
    """A measurement and its spread, or what became of it."""
    if measurement is None or measurement.status == "absent":
        return "-", ""
    if measurement.status != "ok":
        return measurement.status.upper(), ""
    mark = "*" if measurement.message else ""
    low, high = min(measurement.seconds), max(measurement.seconds)
    median = measurement.median
    spread = f"{100 * (low / median - 1):.0f}..{100 * (high / median - 1):+.0f}%"
    return mark + duration(median), spread


def head(names: Sequence[str], references: Sequence[str]) -> list[str]:
    """The head of the table of times."""
    return ["workload", *names, *(f"/{name}" for name in references)]


def times_table(
    results: Mapping[str, Mapping[str, Measurement]], names: Sequence[str], references: Sequence[str]
) -> str:
    """Median time per call of each variant, its spread below, and the traced one's speed in terms of each reference."""
    rows = [head(names, references)]
    for workload, measurements in results.items():
        cells = [_cell(measurements.get(name)) for name in names]
        subject = measurements.get(SUBJECT)
        factors = []
        for name in references:
            other = measurements.get(name)
            known = subject is not None and other is not None
            factors.append(factor(ratio(other, subject)) if known and subject and other else "-")
        rows.append([workload, *(cell for cell, _ in cells), *factors])
        rows.append(["", *(spread for _, spread in cells), *("" for _ in references)])
    return table(rows)


def faults(results: Mapping[str, Mapping[str, Measurement]]) -> list[str]:
    """A line for everything that is wrong, has failed, or was not compiled."""
    return [
        f"{workload}, {name}: {measurement.status}: {measurement.message}"
        for workload, measurements in results.items()
        for name, measurement in measurements.items()
        if measurement.status in ("wrong", "failed") or (measurement.status == "ok" and measurement.message)
    ]


def costs_table(costs: Mapping[str, Mapping[str, Any]]) -> str:
    """The counts of both models, a workload a row: dynamic -> static."""
    columns = (
        ("operations -> steps", "operations", ("kernels", "native_steps", "host_steps")),
        ("Python calls", "python_calls", ("python_calls",)),
        ("C calls", "c_calls", ("c_calls",)),
        ("bytes moved", "moved", ("moved",)),
        ("arrays", "allocations", ("allocations",)),
        ("bytes allocated", "allocated_bytes", ("allocated_bytes",)),
        ("arena", "", ("arena_bytes",)),
        ("time", "seconds", ("seconds",)),
    )
    rows = [["workload", "verdict", *(title for title, _, _ in columns)]]
    for workload, both in costs.items():
        if "dynamic" not in both:
            rows.append([workload, "failed", *("-" for _ in columns)])
            continue
        dynamic, static = _with_moved(both["dynamic"]), _with_moved(both["static"])
        row = [workload, static["verdict"]]
        for _, key, keys in columns:
            show = duration if key == "seconds" else quantity
            before = show(dynamic[key]) if key else ""
            after = "+".join(show(static[k]) for k in keys) if all(k in static for k in keys) else "-"
            row.append(f"{before} -> {after}" if before else after)
        rows.append(row)
    return table(rows, left=2)


def cost_faults(costs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for every workload whose costs are unknown, or that was not compiled: why."""
    lines = []
    for workload, both in costs.items():
        if "static" not in both:
            lines.append(f"{workload}, costs: {both['message']}")
        elif both["static"]["verdict"] != "static":
            static = both["static"]
            lines.append(f"{workload} is {static['verdict']}, because it {', '.join(static['reasons'])}")
    return lines


def _with_moved(counts: Mapping[str, Any]) -> dict[str, Any]:
    moved = {"moved": counts["bytes_read"] + counts["bytes_written"]} if "bytes_read" in counts else {}
    return {**counts, **moved}


def starts_table(starts: Mapping[str, Mapping[str, Any]]) -> str:
    """Seconds of cold and warm starts, with the parts of each."""
    parts = ("total", "build", "first_call", "second_call")
    rows = [["start", "caches", *(part.replace("_", " ") for part in parts)]]
    for name, found in starts.items():
        for kind in ("cold", "warm"):
            known = found["status"] == "ok"
            cells = [duration(found[kind][part]) if known else "failed" for part in parts]
            rows.append([name, kind, *cells])
    return table(rows, left=2)
