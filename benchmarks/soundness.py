"""`python -m benchmarks soundness`: which tracer does what the plain program does, on every program of the corpus."""

import argparse
import collections
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import machine, report, tracers
from benchmarks.processes import environment
from tests.soundness.corpus import VERDICTS, Program, load
from tests.soundness.runner import RAISED, RIGHT, WARNED, WRONG

CRASHED, TIMED_OUT = "crashed", "timed out"
STATUSES = {
    RIGHT: "right",
    WRONG: "wrong in silence",
    WARNED: "wrong, warned",
    RAISED: "raises an error",
    CRASHED: "crashes",
    TIMED_OUT: "times out",
}
FORMAT = 1


def arguments_parser() -> argparse.ArgumentParser:
    """The options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks soundness",
        description="Run the programs of tests/soundness plain and traced, by each tracer, and tell who is right.",
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", default=None, help="families or programs")
    parser.add_argument("--tracers", nargs="+", metavar="NAME", default=None, choices=tracers.TRACERS)
    parser.add_argument("--backend", default="eager", help="of torch.compile (default eager: no code is generated)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for a program (default 60)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="run nothing: print a file written by --json")
    parser.add_argument("--list", action="store_true", help="list the programs and end")
    return parser


class Judge:
    """A process that judges programs with one tracer, and is started anew when it crashes or hangs."""

    def __init__(self, tracer: str, backend: str) -> None:
        self.tracer, self.backend = tracer, backend
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def ask(self, name: str, timeout: float) -> dict[str, Any]:
        """What became of a program."""
        if self._process is None:
            self._start()
            timeout += 60  # the library is imported first
        assert self._connection is not None
        self._connection.send(name)
        try:
            if self._connection.poll(timeout):
                answer: dict[str, Any] = self._connection.recv()
                return answer
        except (EOFError, ConnectionResetError):
            return {"status": CRASHED, "why": f"the process ended with status {self.close()}"}
        self.close(kill=True)
        return {"status": TIMED_OUT, "why": f"no answer in {timeout:.0f} s"}

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=tracers.serve, args=(self.tracer, self.backend, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def close(self, *, kill: bool = False) -> int | None:
        """End the process, if there is one, and tell its status."""
        process, self._process = self._process, None
        if process is None or self._connection is None:
            return None
        self._connection.close()
        if kill:
            process.kill()
        process.join()
        return process.exitcode


def run(options: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    """Judge what the options ask for; the answer is what `--json` writes."""
    os.environ.update(environment(1))
    names = [name for name in options.tracers or tracers.TRACERS if tracers.is_installed(name)]
    programs = {each.name: each for each in load().values() if chosen(each, options.only)}
    found: dict[str, Any] = {
        "format": FORMAT,
        "machine": machine.describe(),
        "settings": {"tracers": names, "backend": options.backend, "timeout": options.timeout},
        "programs": {
            each.name: {"family": each.family, "title": each.title, "verdict": each.verdict, "torch": each.torch}
            for each in programs.values()
        },
        "results": {},
    }
    for tracer in names:
        judge, results = Judge(tracer, options.backend), {}
        for number, each in enumerate(programs.values(), start=1):
            if each.torch or tracer == tracers.TRACE:
                tell(f"{tracer}: {number} of {len(programs)}, {each.family}, {each.name}")
                results[each.name] = judge.ask(each.name, options.timeout)
        judge.close()
        found["results"][tracer] = results
    return found


def chosen(program: Program, only: Sequence[str] | None) -> bool:
    """Whether a program is one that the options name."""
    return only is None or program.name in only or program.family in only


def text(found: Mapping[str, Any]) -> str:
    """All tables of a run."""
    versions = ", ".join(f"{name} {version}" for name, version in found["machine"]["versions"].items() if version)
    parts = [
        f"{len(found['programs'])} programs, each run plain and traced on one library. {versions}",
        totals_table(found),
        "By family: right, and wrong in silence or with a warning (-w)",
        families_table(found),
    ]
    if tracers.TRACE in found["results"]:
        parts.append(verdicts_table(found))
    parts += ["\n".join(faults(found, tracer)) for tracer in found["results"] if faults(found, tracer)]
    return "\n\n".join(parts)


def totals_table(found: Mapping[str, Any]) -> str:
    """How many programs each tracer gets right, wrong, and so on."""
    rows = [["tracer", "programs", *STATUSES.values()]]
    for tracer, results in found["results"].items():
        counts = collections.Counter(record["status"] for record in results.values())
        rows.append([tracer, str(len(results)), *(str(counts[status]) for status in STATUSES)])
    return report.table(rows)


def families_table(found: Mapping[str, Any]) -> str:
    """The programs that each tracer gets right and wrong in each family."""
    families = dict.fromkeys(each["family"] for each in found["programs"].values())
    rows = [["family", "programs", *(name for tracer in found["results"] for name in (tracer, "-w"))]]
    for family in families:
        members = [name for name, each in found["programs"].items() if each["family"] == family]
        row = [family, str(len(members))]
        for results in found["results"].values():
            counts = collections.Counter(results[name]["status"] for name in members if name in results)
            row += [str(counts[RIGHT]), str(counts[WRONG] + counts[WARNED])]
        rows.append(row)
    return report.table(rows)


def verdicts_table(found: Mapping[str, Any]) -> str:
    """Which verdicts the programs must reach, and which tracegraph reached."""
    results = found["results"][tracers.TRACE]
    reached = collections.Counter(
        (found["programs"][name]["verdict"], record.get("verdict", record["status"]))
        for name, record in results.items()
    )
    columns = [*VERDICTS, *sorted({verdict for _, verdict in reached} - set(VERDICTS))]
    rows = [["verdict stated -> reached", *columns]]
    rows += [[stated, *(str(reached[stated, verdict]) for verdict in columns)] for stated in VERDICTS]
    return report.table(rows)


def faults(found: Mapping[str, Any], tracer: str) -> list[str]:
    """A line for every program that a tracer does not get right."""
    return [
        f"{tracer}, {found['programs'][name]['family']}.{name} {STATUSES[record['status']]}: {shortened(record['why'])}"
        for status in STATUSES
        for name, record in found["results"][tracer].items()
        if record["status"] == status != RIGHT
    ]


def shortened(why: str, limit: int = 200) -> str:
    """The beginning of a long explanation."""
    return why if len(why) <= limit else why[: limit - 3] + "..."


def main(arguments: Sequence[str], tell: Callable[[str], None]) -> int:
    """Run the command; the status is 1 if tracegraph got a program wrong."""
    parser = arguments_parser()
    options = parser.parse_args(arguments)
    known = {name for each in load().values() for name in (each.name, each.family)}
    unknown = [name for name in options.only or [] if name not in known]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; see --list")
    if options.list:
        rows = [["family", "program", "verdict", "what it shows"]]
        rows += [[each.family, each.name, each.verdict, each.title] for each in load().values()]
        print(report.table(rows, left=4))
        return 0
    found = json.loads(options.from_json.read_text(encoding="utf-8")) if options.from_json else run(options, tell)
    tell("")
    print(text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    ours = found["results"].get(tracers.TRACE, {})
    return int(any(record["status"] != RIGHT for record in ours.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], lambda text: None))
