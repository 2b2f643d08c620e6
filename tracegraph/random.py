"""Control of randomness: `manual_seed`, `Generator`, `get_rng_state`, `fork_rng`; and the functions that draw."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.random import *  # noqa: F403
from tracegraph.runtime.device import CPU, check_device
from tracegraph.runtime.errors import ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor, wrap

_MASK = 0xFFFFFFFFFFFFFFFF


def _signed(value: int) -> int:
    """A number below 2**64 as the int64 of the same bits."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


class Generator:
    """A source of random numbers: a seed and how many Philox blocks were used, in an int64 tensor `[seed, offset]`.

    Drawing advances the offset with an in-place operation on that tensor, so a traced function carries it on like any
    buffer.

    >>> generator = tracegraph.Generator().manual_seed(1)
    >>> first = tracegraph.rand(2, generator=generator)
    >>> again = tracegraph.rand(2, generator=generator.manual_seed(1))
    >>> bool((first == again).all())
    True
    """

    def __init__(self, device: Any = None) -> None:
        check_device("Generator", device)
        self.device = CPU
        self._lock = threading.Lock()
        self._state = wrap(np.array([_DEFAULT_SEED, 0], np.int64))

    def manual_seed(self, seed: int) -> "Generator":
        """Start anew from a seed (taken modulo 2**64).

        Raises:
            ArgumentTypeError: for anything but an int.
        """
        if not hasattr(seed, "__index__"):
            raise ArgumentTypeError(f"manual_seed: the seed must be an int, got {type(seed).__name__}")
        fresh = np.array([_signed(int(seed.__index__())), 0], np.int64)
        self._state.assign(dispatch.as_tensor(fresh, literal=True))
        return self

    def seed(self) -> int:
        """Start anew from a seed given by the operating system, and return it."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed it was last started from."""
        return int(self._state.select(0, 0).item()) & _MASK

    def get_state(self) -> Tensor:
        """A copy of the state, an int64 tensor [seed, offset]."""
        return self._state.clone()  # type: ignore[no-any-return]

    def set_state(self, state: Tensor) -> None:
        """Go back to a state from `get_state`.

        Raises:
            ShapeError: for a tensor that is no state.
        """
        if state.shape != (2,) or state.dtype != np.int64:
            raise ShapeError("set_state: a state is an int64 tensor of shape (2,), as get_state() gives it")
        self._state.assign(state)

    def draw(self, operation: Operation, blocks: int) -> Tensor:
        """Apply an operation to the state, then advance the offset by a number of blocks."""
        with self._lock:
            result = dispatch.apply(operation, self._state)
            if blocks:
                self._state.assign(self._state.add(_advance(blocks)))
        return result  # type: ignore[no-any-return]

    def __getstate__(self) -> Tensor:
        return self.get_state()

    def __setstate__(self, state: Tensor) -> None:
        self.__init__()  # type: ignore[misc]
        self.set_state(state)

    def __repr__(self) -> str:
        return f"<tracegraph.Generator seed={self.initial_seed()} offset={int(self._state.select(0, 1).item())}>"


_DEFAULT_SEED = 67280421310721
"""The seed of a new generator, as in PyTorch."""


def _advance(blocks: int) -> Tensor:
    return dispatch.as_tensor(np.array([0, blocks], np.int64), literal=True)  # type: ignore[no-any-return]


default_generator = Generator()


def _draw(operation: Operation, blocks: int, generator: Generator | None) -> Tensor:
    source = default_generator if generator is None else generator
    if not isinstance(source, Generator):
        raise ArgumentTypeError(f"generator must be a tracegraph.Generator or None, not {type(source).__name__}")
    return source.draw(operation, blocks)


dispatch.install(draw=_draw)


def manual_seed(seed: int) -> Generator:
    """Start the default generator anew from a seed, and return it.

    >>> _ = tracegraph.manual_seed(0)
    >>> x = tracegraph.rand(2)
    >>> _ = tracegraph.manual_seed(0)
    >>> bool((x == tracegraph.rand(2)).all())
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator anew from a seed given by the operating system, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator was last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """A copy of the default generator's state."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Bring the default generator back to a state from `get_rng_state`."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(enabled: bool = True) -> Iterator[None]:
    """What is drawn inside leaves the default generator as it was.

    >>> before = tracegraph.get_rng_state()
    >>> with tracegraph.random.fork_rng():
    ...     _ = tracegraph.rand(3)
    >>> bool((before == tracegraph.get_rng_state()).all())
    True
    """
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)
