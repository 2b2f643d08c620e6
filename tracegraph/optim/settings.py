"""What constructors of optimisers share: `checked` refuses settings out of range, `hints` takes PyTorch's hints."""

import math
from typing import Any

from tracegraph.runtime.errors import ArgumentError, GradientError, OptionError
from tracegraph.tensor import Tensor

_WORDS = {"lr": "Invalid learning rate: {}", "eps": "Invalid epsilon value: {}"}
_RANGES = {"rho": (0.0, 1.0)}


def checked(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    """The settings, when those named are in range: not negative, "betas" each in [0, 1), "lr" one number.

    Raises:
        ArgumentError: for one out of range.
    """
    lr = settings["lr"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ArgumentError("Tensor lr must be 1-element")
    for name in ("lr", *names):
        if name == "betas":
            for number, beta in enumerate(settings["betas"]):
                if not 0.0 <= beta < 1.0:
                    raise ArgumentError(f"Invalid beta parameter at index {number}: {beta}")
            continue
        low, high = _RANGES.get(name, (0.0, math.inf))
        if not low <= settings[name] <= high:
            raise ArgumentError(_WORDS.get(name, f"Invalid {name} value: {{}}").format(settings[name]))
    return settings


def hints(**given: bool | None) -> dict[str, Any]:
    """How PyTorch is told to carry out a step, as settings.

    `foreach`, `fused` and `capturable` change nothing here: a traced step is compiled as a whole.

    Raises:
        GradientError: for `differentiable=True`, because steps are not part of the tape.
        OptionError: for both `foreach` and `fused`.
    """
    if given.get("differentiable"):
        raise GradientError(
            "differentiable=True: steps of optimisers have no gradient; write the update with operations on tensors"
        )
    if given.get("foreach") and given.get("fused"):
        raise OptionError("`fused` and `foreach` cannot be `True` together.")
    return given


__all__ = ["checked", "hints"]
