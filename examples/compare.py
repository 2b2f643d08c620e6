"""`python -m examples.compare [PROGRAM ...]`: the programs of this folder with eager and with traced training steps.

Trains each program both ways for a few steps, compares the losses, and times the two training steps in turns.
"""

import argparse
import importlib
import inspect
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import tracegraph as torch

PROGRAMS = {
    "linear_regression": "--epochs 10",
    "logistic_regression": "--epochs 10",
    "mnist_mlp": "--epochs 1 --train-size 640",
    "mnist_cnn": "--epochs 1 --train-size 256",
    "cifar_cnn": "--epochs 1",
    "recommender": "--epochs 1 --ratings 2560",
    "character_lstm": "--epochs 1 --characters 2000 --sample 2",
    "transformer": "--epochs 1 --steps 5",
    "gan": "--epochs 1 --steps 10",
    "multi_task": "--epochs 1 --rows 1024",
    "transfer_learning": "--epochs 1 --pretraining-epochs 1 --examples 100 --pretraining-examples 100",
    "rate_search": "--epochs 2 --rates 0.1 --points 400",
}
"""The programs, with options that end them after a few steps. Batches are as large as without the options."""


class Watched:
    """A function of a program, eager or traced, that remembers what it was called with and how large its results were.

    Args:
        function: the function.
        traced: whether it is called as it is or traced.
    """

    def __init__(self, function: Callable[..., Any], traced: bool) -> None:
        self.function = function
        self.run: Any = torch.trace(function) if traced else function
        self.inputs: list[tuple[Any, ...]] = []
        self.losses: list[float] = []

    def __call__(self, *args: Any) -> Any:
        result = self.run(*args)
        first = result[0] if isinstance(result, tuple) else result
        self.inputs.append(args)
        self.losses.append(first.item() if first.ndim == 0 else 0.0)
        return result

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    def again(self) -> Any:
        """Call it as it was called first."""
        return self.run(*self.inputs[0])

    def train(self) -> None:
        """Have the modules that the function names train; a program that ends with a test has told them to evaluate."""
        for value in inspect.getclosurevars(self.function).nonlocals.values():
            if isinstance(value, torch.nn.Module):
                value.train()

    @property
    def kinds(self) -> set[Any]:
        """The shapes that it was called with."""
        return {tuple(tensor.shape for tensor in args) for args in self.inputs}


class Run:
    """One training of a program.

    Args:
        name: of the program.
        options: for its command line.
        traced: whether its steps are traced.

    Attributes:
        functions: those that the program puts under `trace`.
        history: what its `train` returns.
    """

    def __init__(self, name: str, options: Sequence[str], traced: bool) -> None:
        program = importlib.import_module(f"examples.{name}")
        self.traced = traced
        self.functions: list[Watched] = []
        self.history: list[float] = program.train(program.arguments().parse_args(options), self.watch)

    def watch(self, function: Callable[..., Any]) -> Watched:
        """What a program puts in place of `trace`."""
        self.functions.append(Watched(function, self.traced))
        return self.functions[-1]

    @property
    def step(self) -> Watched:
        """The last training step that the program made."""
        return [function for function in self.functions if function.name == "train_step"][-1]


def seconds_of(calls: Sequence[Callable[[], Any]], rounds: int, least: float) -> list[float]:
    """Median seconds of a call of each function, measured in turns of at least `least` seconds."""
    counts: list[int] = []
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
        started = time.perf_counter()
        call()
        counts.append(max(1, round(least / (time.perf_counter() - started))))
    for number in range(rounds):
        for place in range(len(calls)) if number % 2 else reversed(range(len(calls))):
            started = time.perf_counter()
            for _ in range(counts[place]):
                calls[place]()
            times[place].append((time.perf_counter() - started) / counts[place])
    return [statistics.median(measured) for measured in times]


def main() -> None:
    """Print a row of the table for each program."""
    parser = argparse.ArgumentParser(prog="python -m examples.compare", description=__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"default: all of {', '.join(PROGRAMS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--turn", type=float, default=0.02, help="least seconds of a turn")
    options = parser.parse_args()
    rows = []
    for name in options.programs or PROGRAMS:
        eager, traced = (Run(name, PROGRAMS[name].split(), mode) for mode in (False, True))
        difference = max(
            abs(a - b) / max(abs(a), 1e-9) for a, b in zip(eager.step.losses, traced.step.losses, strict=True)
        )
        for run in (eager, traced):
            run.step.train()
        slow, fast = seconds_of([eager.step.again, traced.step.again], options.rounds, options.turn)
        rows.append(
            f"| {name} | {1e3 * slow:.3g} ms | {1e3 * fast:.3g} ms | {slow / fast:.1f} | "
            f"{traced.step.run.explain().verdict} | {difference:.0e} |"
        )
    print("| program | eager step | traced step | times as fast | verdict | largest relative difference of a loss |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
