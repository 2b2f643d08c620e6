"""`python -m benchmarks [times|costs|starts] ...`: measure workloads, print tables, and write JSON and a chart.

`python -m benchmarks soundness ...` judges tracers instead; it has options of its own.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import chart, machine, report, rounds, soundness, starts, variants
from benchmarks.processes import Players, ProcessError
from benchmarks.workloads import WORKLOADS

SECTIONS = ("times", "costs", "starts")
SOUNDNESS = "soundness"
FORMAT = 1


class Progress:
    """One line on stderr that is written over, where stderr is a terminal; else nothing."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def tell(self, text: str) -> None:
        """Show what is going on."""
        if self._shown:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Remove the line."""
        self.tell("")


def arguments_parser() -> argparse.ArgumentParser:
    """The options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare traced functions with eager execution, NumPy and, where installed, PyTorch and JAX.",
        epilog="`python -m benchmarks soundness --help`: which tracer does what the plain program does.",
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"what to measure: {', '.join(SECTIONS)} (default: all)"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", default=None, help="workloads; see --list")
    parser.add_argument("--variants", nargs="+", metavar="NAME", default=None, choices=variants.VARIANTS)
    parser.add_argument(
        "--reference", nargs="+", metavar="NAME", default=None, choices=variants.VARIANTS, help="what ratios refer to"
    )
    parser.add_argument(
        "--compile", action="store_true", help="also torch.compile, which needs a C++ compiler and some 20 s each"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds of short turns")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the inputs, 1 being full size")
    parser.add_argument("--threads", type=int, default=2, help="threads of every library (default 2)")
    parser.add_argument("--isolate", action="store_true", help="a process for each variant, not only for each peer")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--chart", type=Path, metavar="FILE.png", help="needs matplotlib")
    parser.add_argument(
        "--from-json", type=Path, metavar="FILE", help="measure nothing: print and draw a file written by --json"
    )
    parser.add_argument("--list", action="store_true", help="list the workloads and end")
    return parser


def run(options: argparse.Namespace, tell: Any) -> dict[str, Any]:
    """Measure what the options ask for; the answer is what `--json` writes."""
    names = list(options.variants or [v for v in variants.VARIANTS if v != variants.TORCH_COMPILE or options.compile])
    sections = options.sections or list(SECTIONS)
    count = options.rounds or (5 if options.quick else 15)
    start_rounds = 1 if options.quick else 3
    turn = 0.005 if options.quick else 0.02
    found: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.describe(),
        "settings": {"threads": options.threads, "rounds": count, "start_rounds": start_rounds, "turn_seconds": turn,
                     "scale": options.scale, "isolated": options.isolate, "variants": names},
        "times": {},
        "costs": {},
        "starts": {},
    }  # fmt: skip
    workloads = [WORKLOADS[name] for name in options.only or WORKLOADS]
    with Players(names, threads=options.threads, turn=turn, isolate=options.isolate) as players:
        for workload in workloads:
            if "times" in sections:
                measured = rounds.measure(workload, names, players, scale=options.scale, rounds=count, tell=tell)
                found["times"][workload.name] = {name: each.record() for name, each in measured.items()}
            if "costs" in sections and variants.TRACED in players.of:
                tell(f"{workload.name}: costs")
                found["costs"][workload.name] = costs(players, workload.name, options.scale)
    if "starts" in sections:
        installed = [name for name in names if name != variants.NUMPY and variants.is_installed(name)]
        found["starts"] = starts.measure(installed, threads=options.threads, rounds=start_rounds, tell=tell)
    return found


def costs(players: Players, name: str, scale: float) -> dict[str, Any]:
    """The costs of one workload, or why there are none."""
    try:
        return players.of[variants.TRACED].ask(command="costs", workload=name, scale=scale)
    except ProcessError as error:
        return {"status": "failed", "message": str(error)}


def text(found: dict[str, Any], references: Sequence[str]) -> str:
    """All tables of a run."""
    settings, names = found["settings"], found["settings"]["variants"]
    times = {
        workload: {name: rounds.Measurement.of(record) for name, record in measured.items()}
        for workload, measured in found["times"].items()
    }
    parts = [
        f"{found['machine']['processor']}, {settings['threads']} threads, median of {settings['rounds']} rounds; "
        + ", ".join(f"{name} {version}" for name, version in found["machine"]["versions"].items() if version)
    ]
    load, cores = found["machine"]["load"], found["machine"]["cores"]
    if load is not None and load > cores / 2:
        parts.append(f"Other processes were running (load {load:.1f} on {cores} cores): expect wide spreads.")
    if times:
        parts.append(report.times_table(times, names, references))
        parts.append(
            "Under each time, how far the fastest and the slowest round lie from the median. "
            f"/name: how many times as fast as that the {report.SUBJECT} function is."
        )
        parts += ["\n".join(report.faults(times))] if report.faults(times) else []
    if found["costs"]:
        parts += ["Costs of one call, eager -> traced (steps: kernels + native routines + host steps)"]
        parts.append(report.costs_table(found["costs"]))
        parts += ["\n".join(report.cost_faults(found["costs"]))] if report.cost_faults(found["costs"]) else []
    if found["starts"]:
        parts += [f"Process start to the end of the second MLP training step, median of {settings['start_rounds']}"]
        parts += [report.starts_table(found["starts"])]
    return "\n\n".join(parts)


def default_references(found: dict[str, Any]) -> list[str]:
    """Every variant of the run but the traced one."""
    return [name for name in found["settings"]["variants"] if name != report.SUBJECT and was_timed(found, name)]


def was_timed(found: dict[str, Any], name: str) -> bool:
    """Whether a variant was timed at all."""
    return any(measured.get(name, {}).get("seconds") for measured in found["times"].values())


def main(arguments: Sequence[str]) -> int:
    """Run the command; the status is 1 if a result was wrong or something failed."""
    if arguments and arguments[0] == SOUNDNESS:
        progress = Progress()
        return soundness.main(arguments[1:], progress.tell)
    parser = arguments_parser()
    options = parser.parse_args(arguments)
    unknown = [name for name in options.only or [] if name not in WORKLOADS]
    unknown_sections = [name for name in options.sections if name not in SECTIONS]
    if unknown or unknown_sections:
        parser.error(f"unknown: {', '.join(unknown + unknown_sections)}; see --list and --help")
    if options.list:
        print(report.table([["name", "workload"], *([w.name, w.title] for w in WORKLOADS.values())], left=2))
        return 0
    if options.chart and not chart.is_possible():
        parser.error("--chart needs matplotlib: pip install 'tracegraph[bench]'")
    progress = Progress()
    if options.from_json:
        found = json.loads(options.from_json.read_text(encoding="utf-8"))
    else:
        found = run(options, progress.tell)
        progress.done()
    print(text(found, options.reference or default_references(found)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.chart:
        chart.draw(found, options.chart)
    return int(
        any(record["status"] in ("wrong", "failed") for each in found["times"].values() for record in each.values())
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
