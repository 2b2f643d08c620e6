"""Activation functions along a dimension: `glu`, `softmin`, `gumbel_softmax`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, ShapeError

from .activations import require_float
from .dispatch import public
from .normalisation import softmax
from .positions import one_hot
from .random import rand
from .spec import normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@public(method=False)
def glu(input: "Tensor", dim: int = -1) -> "Tensor":
    """The first half along `dim` times the sigmoid of the second (Dauphin and others, arXiv:1612.08083).

    Raises:
        ShapeError: when the dimension does not divide by 2, or there is none.

    >>> tracegraph.nn.functional.glu(tracegraph.tensor([2.0, 4.0, 0.0, 0.0]))
    tensor([1., 2.])
    """
    require_float("glu", input)
    if input.ndim == 0:
        raise ShapeError("glu: takes a tensor with dimensions, got a 0-d one")
    dim = normalize_dim("glu", dim, input.ndim)
    half, odd = divmod(input.shape[dim], 2)
    if odd:
        raise ShapeError(f"glu: dimension {dim} of shape {input.shape} does not divide by 2")
    return input.narrow(dim, 0, half) * input.narrow(dim, half, half).sigmoid()  # type: ignore[no-any-return]


@public(method=False)
def softmin(input: "Tensor", dim: int, dtype: Any = None) -> "Tensor":
    """`softmax(-input)`: positive numbers that sum to 1 along `dim`, the largest where the operand is smallest.

    >>> tracegraph.nn.functional.softmin(tracegraph.tensor([1.0, 1.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, dtype)


@public(method=False)
def gumbel_softmax(logits: "Tensor", tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> "Tensor":
    """A differentiable draw of one of the positions along `dim`, with probabilities softmax(logits).

    The logits plus Gumbel noise go through softmax at temperature `tau`; `hard` makes a one-hot vector of the result,
    with the gradient of the soft one. Jang and others, arXiv:1611.01144. `eps` has no effect.

    Raises:
        ArgumentError: for a temperature that is not positive.

    >>> tracegraph.nn.functional.gumbel_softmax(tracegraph.tensor([0.0, 1.0, 2.0]), hard=True).sum()
    tensor(1.)
    """
    require_float("gumbel_softmax", logits)
    if tau <= 0:
        raise ArgumentError(f"gumbel_softmax: tau must be positive, got {tau}")
    noise = -(-rand(logits.shape, dtype=logits.dtype).log()).log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    dim = normalize_dim("gumbel_softmax", dim, logits.ndim)
    chosen = one_hot(soft.argmax(dim), logits.shape[dim]).movedim(-1, dim).to(logits.dtype)
    return chosen - soft.detach() + soft  # type: ignore[no-any-return]
