"""How variables vary together: the covariance matrix `cov` and the matrix of correlation coefficients `corrcoef`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import DTypeError, ShapeError

from .dispatch import public
from .requirement import ensured

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["corrcoef", "cov"]


def _weights(name: str, weights: "Tensor | None", kinds: str, wanted: str, count: int) -> "Tensor | None":
    """The weights of the observations, none of them negative."""
    if weights is None:
        return None
    if weights.dtype.kind not in kinds:
        raise DTypeError(f"cov: {name} must be {wanted}, not {weights.dtype}")
    if weights.ndim > 1 or weights.numel() != count:
        raise ShapeError(f"cov: {name} of shape {weights.shape} for {count} observations")
    return ensured(weights, weights >= 0, f"cov: {name} must not be negative")


@public()
def cov(
    input: "Tensor", *, correction: int = 1, fweights: "Tensor | None" = None, aweights: "Tensor | None" = None
) -> "Tensor":
    """The covariances of variables, one in each row, whose observations are the columns.

    Args:
        input: a matrix, or a vector of observations of one variable, whose variance is given.
        correction: the sums are divided by the number of observations less this.
        fweights: how often each observation counts, a vector of integers.
        aweights: how much each observation weighs, a vector of floats.

    Raises:
        ArgumentError: for negative weights, or when they sum to 0.
        DTypeError: for bool tensors, or other dtypes of the weights.
        ShapeError: for more than two dimensions, or weights that do not fit.

    >>> tracegraph.cov(tracegraph.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ShapeError(f"cov: takes at most two dimensions, got shape {input.shape}")
    if input.dtype.kind == "b":
        raise DTypeError("cov: not defined for bool tensors; cast them first")
    rows = input.reshape((1, -1)) if input.ndim < 2 else input
    count = rows.shape[1]
    times = _weights("fweights", fweights, "iu", "integers", count)
    shares = _weights("aweights", aweights, "f", "floats", count)
    given = [part for part in (times, shares) if part is not None]
    if not given:
        centred = rows - rows.sum(1, True) / count if count else rows
        return _divided(centred, centred, float(max(count - correction, 0)))
    weights = given[0] if len(given) == 1 else given[0] * given[1]
    total = weights.sum()
    total = ensured(total, total > 0, "cov: the weights must not sum to 0")
    centred = rows - (rows * weights).sum(1, True) / total
    freedom: Any = total - correction
    if shares is not None and correction:
        freedom = total - (weights * shares).sum() / total * correction
    return _divided(centred, centred * weights, freedom.clamp(min=0))


def _divided(left: "Tensor", right: "Tensor", freedom: Any) -> "Tensor":
    return left.matmul(right.mT).div(freedom).squeeze()  # type: ignore[no-any-return]


@public()
def corrcoef(input: "Tensor") -> "Tensor":
    """The correlation coefficients of variables, one in each row: their covariances by their standard deviations.

    >>> tracegraph.corrcoef(tracegraph.tensor([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    covariances = cov(input)
    if not covariances.ndim:
        return covariances / covariances
    deviations = covariances.diagonal().sqrt()
    return covariances.div(deviations.unsqueeze(1)).div(deviations)  # type: ignore[no-any-return]
