"""`tracegraph inspect`: an HTML report about a function: its graph before and after, kernels, memory, time."""

import argparse
import pathlib
import re

from tracegraph.cli.console import CommandError, say
from tracegraph.cli.target import load_target
from tracegraph.report import write_report
from tracegraph.report.markup import in_bytes, in_time
from tracegraph.trace.remedies import clause

DESCRIPTION = """\
Calls a function behind @trace and writes one HTML file that shows what became of it: verdict and guards, the graph as
recorded and as scheduled, every pass, the generated kernels, the memory plan, and the time of a call, plain and traced.
The file holds everything and loads nothing."""
EPILOG = """\
examples:
  tracegraph inspect model.py:step                      arguments from example_inputs() in model.py
  tracegraph inspect package.model:step -o step.html
  tracegraph inspect maths.py:f --inputs "rand(64, 3), 0.5, axis=1"

The arguments are Python text in which all names of tracegraph are known. A function that is not traced yet is traced
for the report. It is called for real and many times: what it writes to changes (--seconds 0 calls it twice only)."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "inspect", help="write an HTML report about a function", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("target", metavar="module:function", help="the function, or path/to/file.py:function")
    parser.add_argument("--inputs", metavar="TEXT", help="arguments of the call (else the module's example_inputs())")
    parser.add_argument("-o", "--output", metavar="FILE", type=pathlib.Path, help="the report (else FUNCTION.html)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure (default: 2; 0: not at all)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Write the report and say the main things."""
    if options.seconds < 0:
        raise CommandError(f"--seconds must not be negative, got {options.seconds:g}")
    target = load_target(options.target, options.inputs)
    told_name = re.sub(r"\W+", "_", options.target.rpartition(":")[2])
    output = options.output or pathlib.Path(f"{told_name}.html")
    if output.is_dir():
        output /= f"{told_name}.html"
    output.parent.mkdir(parents=True, exist_ok=True)
    timings = write_report(
        target.traced, output, arguments=target.arguments, keywords=target.keywords, seconds=options.seconds
    )
    told = target.traced.explain()
    say(f"{told.name}: {told.verdict}")
    for reason in told.reasons:
        say(f"  because {clause(reason)}")
    if told.traces:
        say(
            f"  {told.operations} operations became {told.kernels} native kernels "
            f"and {len(told.host_steps)} calls of NumPy"
        )
        say(f"  {in_bytes(told.arena_bytes)} of intermediates, {in_bytes(told.unshared_bytes)} without reuse")
    if timings is not None:
        say(
            f"  a call takes {in_time(timings.eager.seconds)} plain, {in_time(timings.traced.seconds)} traced: "
            f"{timings.ratio:.2f}×"
        )
    say(f"report: {output}")
    return 0
