"""How commands speak: `say(line)` to stdout, `CommandError` for what the user can mend."""

import sys


class CommandError(Exception):
    """A command cannot do what was asked; shown as one line on stderr, with exit code 2."""


def say(text: str = "") -> None:
    """A line on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(f"tracegraph: {text}\n")


def confirm(question: str) -> bool:
    """Ask a question on the terminal; no terminal means no."""
    if not sys.stdin.isatty():
        return False
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
