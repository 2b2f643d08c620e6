"""`main()`: the command `tracegraph`."""

import argparse
import os
import sys
from collections.abc import Sequence

from tracegraph._version import __version__
from tracegraph.cli import bench, cache, demo, info, inspect
from tracegraph.cli.console import CommandError, complain
from tracegraph.runtime.errors import TracegraphError

EPILOG = """\
examples:
  tracegraph demo                        a network learns digits, eagerly and traced
  tracegraph inspect model.py:step       an HTML report about a function
  tracegraph cache show
  tracegraph info

Exit codes: 0 done; 1 the work failed or was refused; 2 wrong use; 130 interrupted."""
_INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="tracegraph", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Tensors that run eagerly, and @trace, which turns what they did into a compiled graph. "
        "These commands look into it.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"tracegraph {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in (demo, inspect, bench, cache, info):
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Args:
        arguments: What stands on the command line after the program's name; the process's own when left out.
    """
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 2
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read our output has gone; what Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if options.debug:
            raise
        complain(_one_line(error))
        return 2 if isinstance(error, CommandError | ValueError) else 1


def _one_line(error: Exception) -> str:
    """The error as one line; an error of the library or of the user's code keeps its kind."""
    text = " ".join(str(error).split("\n  at ")[0].split())
    if isinstance(error, CommandError | TracegraphError):
        return text
    return f"{type(error).__name__}: {text} (--debug shows where)"
