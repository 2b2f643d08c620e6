"""What scripts ask about CUDA before they choose a device: there is none in this build."""

from typing import Any


def is_available() -> bool:
    """Whether tensors can live on a CUDA device: they cannot.

    >>> tracegraph.device("cuda" if tracegraph.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """The number of CUDA devices."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the generator of the current CUDA device; without one nothing happens."""


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all CUDA devices; without one nothing happens."""


def empty_cache() -> None:
    """Free what is cached on CUDA devices; without one nothing happens."""


def synchronize(device: Any = None) -> None:
    """Wait for a CUDA device; without one nothing happens."""
