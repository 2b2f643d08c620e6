"""`tracegraph cache`: what the cache of compiled programs holds, and emptying it."""

import argparse

from tracegraph.cli.console import confirm, say
from tracegraph.report.markup import count, in_bytes
from tracegraph.runtime import cache_info, clear_cache

EPILOG = """\
examples:
  tracegraph cache show
  tracegraph cache clear --yes

The folder is TRACEGRAPH_CACHE_DIR, else tracegraph in the cache folder of the platform. TRACEGRAPH_CACHE_SIZE limits it
(300M, 2G; 0 turns it off). What is deleted is compiled again when it is needed."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "cache", help="show or empty the cache of compiled programs", epilog=EPILOG,
        description="Compiled programs are kept on disk, so that the next process starts warm.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(required=True, metavar="show|clear")
    shown = actions.add_parser("show", help="where it is and what it holds")
    shown.set_defaults(command=show)
    cleared = actions.add_parser("clear", help="delete all compiled programs")
    cleared.add_argument("-y", "--yes", action="store_true", help="do not ask")
    cleared.set_defaults(command=clear)


def show(options: argparse.Namespace) -> int:
    """Say where the cache is and how large."""
    info = cache_info()
    say(f"directory  {info.directory}")
    say(f"programs   {info.entries:,}")
    say(f"size       {in_bytes(info.bytes)}")
    return 0


def clear(options: argparse.Namespace) -> int:
    """Empty the cache, after asking."""
    info = cache_info()
    if not info.entries:
        say(f"{info.directory} holds no programs")
        return 0
    what = f"{count(info.entries, 'program')} ({in_bytes(info.bytes)}) in {info.directory}"
    if not options.yes and not confirm(f"delete {what}?"):
        say("nothing was deleted; --yes deletes without asking")
        return 1
    say(f"deleted {count(clear_cache(), 'file')} from {info.directory}")
    return 0
