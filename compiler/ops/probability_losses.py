"""Losses of probabilities: `binary_cross_entropy`, `binary_cross_entropy_with_logits` and `kl_div`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .activations import logsigmoid
from .base import Array, Cotangent, operation
from .dispatch import public
from .pointwise import FloatFunction
from .reduced_loss import REDUCTIONS, reduced, reduction_named, same_shape
from .requirement import ensured

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@operation
class BinaryCrossEntropy(FloatFunction):
    """-(t log(p) + (1 - t) log(1 - p)) for probabilities p and targets t, with logarithms of at least -100."""

    name = "binary_cross_entropy"
    arity = 2
    expression = (
        "({1} - abs_{f}(1)) * maximum(log1p_{f}(-{0}), -abs_{f}(100)) - {1} * maximum(log_{f}({0}), -abs_{f}(100))"
    )
    saves = (0, 1)
    domain = (0.1, 0.9)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        p, t = operands
        return (t - 1) * xp.maximum(xp.log1p(-p), -100) - t * xp.maximum(xp.log(p), -100)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return (
            lambda: g * ((a - b) / (a * (1 - a)).clamp(min=1e-12)),
            lambda: g * ((-a).log1p() - a.log()),
        )


BINARY_CROSS_ENTROPY = BinaryCrossEntropy()


@public(method=False)
def binary_cross_entropy(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """`-(t * log(p) + (1 - t) * log(1 - p))` for probabilities p, `input`, and targets t from 0 to 1.

    Logarithms count as at least -100, and the gradient divides by at least 1e-12. Prefer
    `binary_cross_entropy_with_logits`, which is precise everywhere.

    Raises:
        ArgumentError: for a number that is no probability.
        ShapeError: when target and input have different shapes.

    >>> tracegraph.nn.functional.binary_cross_entropy(tracegraph.tensor([0.5]), tracegraph.tensor([1.0]))
    tensor(0.6931)
    """
    name = "binary_cross_entropy"
    reduction = reduction_named(name, reduction, size_average, reduce)
    same_shape(name, input, target)
    if input.dtype.kind != "f" or target.dtype != input.dtype:
        raise DTypeError(
            f"{name}: takes probabilities and targets of one float dtype, got {input.dtype} and {target.dtype}"
        )
    loss = dispatch.apply(BINARY_CROSS_ENTROPY, input, target)
    result = reduced(loss if weight is None else loss * weight, reduction)
    fixed = input.detach()
    return ensured(result, (fixed >= 0) & (fixed <= 1), f"{name}: all elements of input must be between 0 and 1", fixed)


@public(method=False)
def binary_cross_entropy_with_logits(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: "Tensor | None" = None,
) -> "Tensor":
    """`binary_cross_entropy(sigmoid(input), target)`, precise for all logits.

    `weight` multiplies the losses, `pos_weight` the part of the positive targets; both broadcast.

    >>> zero, one = tracegraph.tensor([0.0]), tracegraph.tensor([1.0])
    >>> tracegraph.nn.functional.binary_cross_entropy_with_logits(zero, one)
    tensor(0.6931)
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_named(name, reduction, size_average, reduce)
    same_shape(name, input, target)
    log_p = logsigmoid(input)
    if pos_weight is not None:
        log_p = log_p * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input - log_p
    return reduced(loss if weight is None else loss * weight, reduction)


@public(method=False)
def kl_div(
    input: "Tensor",
    target: "Tensor",
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> "Tensor":
    """The Kullback-Leibler divergence `t * (log(t) - input)` of log-probabilities `input` from probabilities t.

    With `log_target` the target too is given as log-probabilities. `reduction` may also be "batchmean": the sum
    divided by the size of the first dimension, which is the divergence by definition.

    >>> p = tracegraph.tensor([[0.5, 0.5]])
    >>> tracegraph.nn.functional.kl_div(p.log(), p, reduction="batchmean")
    tensor(0.)
    """
    reduction = reduction_named("kl_div", reduction, size_average, reduce, known=(*REDUCTIONS, "batchmean"))
    loss: Any = target.exp() * (target - input) if log_target else target.xlogy(target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss  # type: ignore[no-any-return]
    return reduced(loss, reduction)
