"""`tracegraph bench`: the benchmarks of the repository, which are not installed with the library."""

import argparse
import os
import subprocess
import sys

from tracegraph.cli.console import CommandError

EPILOG = """\
examples (in a checkout of the repository):
  tracegraph bench
  tracegraph bench -- --help            what the benchmarks accept

This is python -m benchmarks, run in the current folder; everything after -- is handed on."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "bench", help="run the benchmarks of the repository", epilog=EPILOG,
        description="Runs the benchmarks: eager against traced, and against other libraries that are installed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="-- ...", help="handed on to python -m benchmarks"
    )
    parser.set_defaults(command=run)


def has_benchmarks(folder: str) -> bool:
    """Whether a folder holds the package of benchmarks (and not another one of that name)."""
    return os.path.isfile(os.path.join(folder, "benchmarks", "__main__.py")) and os.path.isdir(
        os.path.join(folder, "tracegraph")
    )


def run(options: argparse.Namespace) -> int:
    """Run them and give their exit code."""
    if not has_benchmarks(os.getcwd()):
        raise CommandError(
            "the benchmarks are in the repository, not in the installed package: run this in a checkout of tracegraph"
        )
    handed = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    return subprocess.run([sys.executable, "-m", "benchmarks", *handed], check=False).returncode
