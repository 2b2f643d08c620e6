"""The random numbers of the transforms: all from the library's default generator, so that a seed repeats them."""

from collections.abc import Sequence
from typing import Any

from tracegraph import random
from tracegraph.construct import tensor


def uniform(low: float, high: float) -> float:
    """A number of [low, high)."""
    return float(random.rand((), dtype="float64").item()) * (high - low) + low


def integer(low: int, high: int) -> int:
    """An int of [low, high)."""
    return int(random.randint(low, high, ()).item())


def chance(p: float) -> bool:
    """True with probability `p`."""
    return uniform(0, 1) < p


def order(count: int) -> list[int]:
    """The ints from 0 to below `count` in random order."""
    drawn: Any = random.randperm(count).tolist()
    return list(drawn)


def contents(value: Sequence[float] | None, channels: int, height: int, width: int, img: Any) -> Any:
    """What fills a rectangle: given numbers, one for all or one for each channel, or normal numbers."""
    if value is None:
        return random.randn(channels, height, width).to(img.dtype)
    return tensor(list(value)).reshape(-1, 1, 1).to(img.dtype)
