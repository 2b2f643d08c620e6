"""The command line: `tracegraph demo`, `inspect`, `bench`, `cache`, `info`."""

from tracegraph.cli.commands import main

__all__ = ["main"]
