"""Settings of PyTorch that apply here, and those that are accepted because scripts set them: all results are
deterministic, and all products are computed in the precision of their dtype.
"""

from typing import Any, Final

from tracegraph.autograd.modes import GradMode
from tracegraph.runtime.device import CPU, Device, check_device
from tracegraph.runtime.errors import ArgumentError

_PRECISIONS: Final = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: operations are deterministic in any case."""


def are_deterministic_algorithms_enabled() -> bool:
    """Whether operations are deterministic: always."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: float32 products are computed in float32 in any case.

    Raises:
        ArgumentError: for none of "highest", "high" and "medium".
    """
    if precision not in _PRECISIONS:
        raise ArgumentError(f"set_float32_matmul_precision: {precision!r} is none of {', '.join(_PRECISIONS)}")


def get_float32_matmul_precision() -> str:
    """How precise float32 products are: "highest"."""
    return "highest"


def set_default_device(wanted: Any) -> None:
    """Accept the CPU, where all tensors are made.

    Raises:
        ArgumentTypeError: for another device.
    """
    check_device("set_default_device", wanted)


def get_default_device() -> Device:
    """The device on which tensors are made: the CPU."""
    return CPU


def inference_mode(mode: Any = True) -> Any:
    """Turn gradients off for a block or a function, as `no_grad` does; with False, on.

    What PyTorch forbids afterwards for tensors made in this mode is allowed here.

    >>> x = tracegraph.tensor(2.0, requires_grad=True)
    >>> with tracegraph.inference_mode():
    ...     (x * x).requires_grad
    False
    """
    return GradMode(False)(mode) if callable(mode) else GradMode(not mode)


__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_float32_matmul_precision",
    "inference_mode",
    "set_default_device",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]
