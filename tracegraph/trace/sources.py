"""Where a graph input's array comes from on each call: an argument, a captured tensor,
its gradient, or a number in a container.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class ArgumentSource:
    """A tensor or array among the call's arguments;
    `path` is the Python expression that reaches it from `args`, `kwargs`.
    """

    path: str
    value: Any

    def describe(self) -> str:
        """For people."""
        return f"argument {self.path}"


@dataclass(frozen=True, eq=False)
class CapturedSource:
    """A tensor that existed before the call and was reached from elsewhere:
    a parameter, a global, a closure variable.
    """

    tensor: Tensor

    def describe(self) -> str:
        """For people."""
        return f"captured tensor of shape {self.tensor.shape}"


@dataclass(frozen=True, eq=False)
class GradSource:
    """The `.grad` of a tensor that existed before the call; `tensor` is what it was in the recording run."""

    owner: Tensor
    tensor: Tensor

    def describe(self) -> str:
        """For people."""
        return f"gradient of a tensor of shape {self.owner.shape}"


@dataclass(frozen=True, eq=False)
class ScalarSource:
    """A number that may change between calls without a new trace, such as a learning rate."""

    get: Callable[[], Any]
    dtype: np.dtype[Any]
    label: str

    def describe(self) -> str:
        """For people."""
        return f"number {self.label}"


@dataclass(frozen=True, eq=False)
class FrameSource:
    """A value that a branch of a decision tree left for those below, by its number in the frame."""

    number: int

    def describe(self) -> str:
        """For people."""
        return f"value {self.number} from above"


Source = ArgumentSource | CapturedSource | GradSource | ScalarSource | FrameSource
