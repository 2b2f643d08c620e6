"""Hunts for programs that trace wrongly: `python -m tests.soundness.hunt --seconds 300 --seed 1 --folder found`.

Each wrong program is made small and written as a file that runs by itself: once traced and, with `--plain`, once plain.
"""

import argparse
import contextlib
import faulthandler
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.soundness.execution import Difference, compare, execute
from tests.soundness.grammar import program
from tests.soundness.minimise import minimise

RUNNER = '''\
"""A program that gave other results traced than plain. Run it as it is, then with `--plain`, and compare.

{found}
"""
import sys

import tracegraph


def trace(function):
    """The decorator under test, or none."""
    return function if "--plain" in sys.argv else tracegraph.trace(function)


def step(text):
    """Run a step and print what it did."""
    try:
        exec(text, globals())
        print(text, "->", eval(text.split(" = ")[0], globals()) if " = " in text else "")
    except Exception as error:
        print(text, "-> raised", type(error).__name__, error)


'''
TIME_LIMIT = 60


class TooSlowError(Exception):
    """A program ran longer than any of them should."""


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Interrupt what runs longer."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def found_in(source: str) -> Difference | None:
    """The difference between a program run plain and traced, if there is one."""
    return compare(source)[0]


def is_like(difference: Difference, other: Difference | None) -> bool:
    """Whether two differences are of the same sort: results with results, exceptions with exceptions."""
    if other is None:
        return False
    sort, wanted = (text.text.split(":")[0].split("[")[0].split(".")[-1] for text in (other, difference))
    return (sort in ("(raised)", "raised CompileWarning")) == (wanted in ("(raised)", "raised CompileWarning")) and (
        (other.step in ("compiler", "explain()", "definitions"))
        == (difference.step in ("compiler", "explain()", "definitions"))
    )


def shrink(source: str, difference: Difference, seconds: float) -> tuple[str, Difference]:
    """A smaller program with a difference of the same sort, without new unbound names."""

    def fails(text: str) -> bool:
        try:
            plain = execute(text, lambda function: function)
            bad = {str(seen["(raised)"]) for _, seen in plain.steps if "NameError" in str(seen["(raised)"])}
            return bad <= allowed and is_like(difference, found_in(text))
        except Exception:  # noqa: BLE001 - a program that does not run is no candidate
            return False

    plain = execute(source, lambda function: function)
    allowed = {str(seen["(raised)"]) for _, seen in plain.steps if "NameError" in str(seen["(raised)"])}
    small = minimise(source, fails, seconds)
    return small, found_in(small) or difference


def hunt(seconds: float, seed: int, folder: Path, shrink_seconds: float) -> int:
    """Run programs of the seeds from `seed` on until the time is up; returns how many were wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    started, wrong, ran, unclear, replayed, replays = time.monotonic(), 0, 0, 0, 0, 0
    number = seed
    while time.monotonic() - started < seconds:
        source = program(random.Random(number))
        (folder / "current.py").write_text(source)
        difference, traced = None, None
        try:
            with time_limit(TIME_LIMIT):
                difference, traced = compare(source)
        except TooSlowError:
            difference = Difference(0, "program", f"ran longer than {TIME_LIMIT} s")
        except Exception as error:  # noqa: BLE001 - the hunt goes on
            print(f"seed {number}: the program itself does not run: {error!r}", flush=True)
        ran += 1
        unclear += difference is None and traced is None
        if traced is not None:
            replays += traced.replays
            replayed += traced.replays > 0
        if difference is not None:
            wrong += 1
            print(f"seed {number}: {difference}", flush=True)
            small, difference = shrink(source, difference, shrink_seconds)
            path = folder / f"seed_{number}.py"
            path.write_text(RUNNER.format(found=str(difference).replace("\\", "\\\\")) + small + "\n")
            print(f"  -> {path}: {difference}", flush=True)
        if ran % 50 == 0:
            rate = ran / (time.monotonic() - started)
            print(f"{ran} programs, {rate:.1f} a second, {wrong} wrong, {unclear} decided by rounding, "
                  f"{replayed} replayed ({replays} calls)", flush=True)  # fmt: skip
        number += 1
    print(
        f"{ran} programs from seed {seed}: {wrong} wrong, {unclear} decided by rounding, "
        f"{replayed} replayed ({replays} calls)"
    )
    return wrong


def main() -> None:
    """The command line."""
    faulthandler.enable()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shrink", type=float, default=45.0, help="seconds to make a failing program smaller")
    parser.add_argument(
        "--folder", type=Path, default=Path("wrong-programs"), help="where failing programs are written"
    )
    options = parser.parse_args()
    raise SystemExit(1 if hunt(options.seconds, options.seed, options.folder, options.shrink) else 0)


if __name__ == "__main__":
    main()
