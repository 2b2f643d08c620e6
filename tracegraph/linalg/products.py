"""Products and powers of matrices and vectors."""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.diagonals import diagonal as any_diagonal
from tracegraph.compiler.ops.dispatch import public
from tracegraph.compiler.ops.joining import stack
from tracegraph.compiler.ops.matrices import check_matrices, identity
from tracegraph.compiler.ops.matrix_functions import MATRIX_EXPONENTIAL
from tracegraph.compiler.ops.numpy_names import accept_numpy_names
from tracegraph.compiler.ops.spec import broadcast_shapes, normalize_dim
from tracegraph.linalg.systems import inv
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor


@public()
def matrix_power(A: Tensor, n: int) -> Tensor:
    """Square matrices multiplied with themselves, `n` factors; of the inverses where n is negative.

    >>> tracegraph.linalg.matrix_power(tracegraph.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    check_matrices("linalg.matrix_power", A, square=True)
    if not isinstance(n, int):
        raise ArgumentTypeError(f"linalg.matrix_power: n must be an int, not {type(n).__name__}")
    if n == 0:
        unit = identity(A.shape[-1], A).expand(A.shape)
        return unit.where(unit >= 0, A)  # type: ignore[no-any-return]
    power = A if n > 0 else inv(A)
    result: Tensor | None = None
    for bit in reversed(f"{abs(n):b}"):
        if bit == "1":
            result = power if result is None else result @ power
        power = power @ power
    assert result is not None
    return result.clone() if n in (1, -1) else result


@public()
def matrix_exp(input: Tensor) -> Tensor:
    """The exponentials of square matrices (by scaling and squaring: Higham 2005).

    >>> tracegraph.linalg.matrix_exp(tracegraph.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    check_matrices("matrix_exp", input, square=True)
    return dispatch.apply(MATRIX_EXPONENTIAL, input)  # type: ignore[no-any-return]


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, in the order of least work; the first and the last may be vectors.

    Raises:
        ShapeError: for fewer than two, or shapes that do not fit.

    >>> rows, columns = tracegraph.ones(1, 2), tracegraph.ones(2, 1)
    >>> tracegraph.linalg.multi_dot([rows, columns, rows])
    tensor([[2., 2.]])
    """
    if len(tensors) < 2:
        raise ShapeError(f"linalg.multi_dot: takes at least two tensors, not {len(tensors)}")
    last = len(tensors) - 1
    for position, tensor in enumerate(tensors):
        allowed = (1, 2) if position in (0, last) else (2,)
        if tensor.ndim not in allowed:
            raise ShapeError(f"linalg.multi_dot: tensor {position} is no matrix, its shape is {tensor.shape}")
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    matrices = list(tensors)
    if row:
        matrices[0] = matrices[0].unsqueeze(0)
    if column:
        matrices[-1] = matrices[-1].unsqueeze(1)
    for left, right in pairwise(matrices):
        if left.shape[1] != right.shape[0]:
            raise ShapeError(f"linalg.multi_dot: matrices of shapes {left.shape} and {right.shape} do not fit")
    result = _product(matrices, _splits([*(m.shape[0] for m in matrices), matrices[-1].shape[1]]), 0, last)
    if row:
        result = result.squeeze(0)
    return result.squeeze(-1) if column else result


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Behind which matrix each stretch of a chain is best split: T. H. Cormen and others, "Introduction to Algorithms",
    section 14.2.
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    best = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            best[i, j] = min(options, key=options.__getitem__)
            cost[i, j] = options[best[i, j]]
    return best


def _product(matrices: list[Tensor], splits: dict[tuple[int, int], int], first: int, last: int) -> Tensor:
    if first == last:
        return matrices[first]
    middle = splits[first, last]
    return _product(matrices, splits, first, middle) @ _product(matrices, splits, middle + 1, last)


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, in the order of least work; `linalg.multi_dot` with separate arguments.

    >>> tracegraph.chain_matmul(tracegraph.ones(1, 2), tracegraph.ones(2, 1))
    tensor([[2.]])
    """
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


@accept_numpy_names
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The products of vectors along `dim`, of tensors that broadcast.

    >>> tracegraph.linalg.vecdot(tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return (x * y).sum(dim)  # type: ignore[no-any-return]


@accept_numpy_names
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross products of vectors of three elements along `dim`, of tensors that broadcast.

    Raises:
        ShapeError: for vectors of another size.

    >>> tracegraph.linalg.cross(tracegraph.tensor([1.0, 0.0, 0.0]), tracegraph.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    return _cross("linalg.cross", input, other, dim)


def _cross(name: str, input: Tensor, other: Tensor, dim: int) -> Tensor:
    if input.ndim != other.ndim:
        raise ShapeError(f"{name}: the tensors must have as many dimensions, not shapes {input.shape}, {other.shape}")
    position = normalize_dim(name, dim, input.ndim)
    if input.ndim == 0 or input.shape[position] != 3 or other.shape[position] != 3:
        raise ShapeError(f"{name}: dimension {dim} must have size 3, the shapes are {input.shape} and {other.shape}")
    shape = broadcast_shapes(name, input.shape, other.shape)
    (a, b, c), (x, y, z) = (value.expand(shape).unbind(position) for value in (input, other))
    return stack([b * z - c * y, c * x - a * z, a * y - b * x], position)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view: `diagonal` for the last two dimensions.

    >>> tracegraph.linalg.diagonal(tracegraph.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return any_diagonal(A, offset, dim1, dim2)


def trace(A: Tensor) -> Tensor:
    """The sums of the diagonals of matrices, (..., n, n) to (...).

    >>> tracegraph.linalg.trace(tracegraph.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    return diagonal(A).sum(-1)  # type: ignore[no-any-return]


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 of elements, in a new last dimension; N is by default the size of the last one.

    >>> tracegraph.linalg.vander(tracegraph.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if x.ndim == 0:
        raise ShapeError("linalg.vander: takes vectors, not a 0-d tensor")
    count = x.shape[-1] if N is None else N
    if count < 1:
        raise ArgumentError(f"linalg.vander: N must be at least 1, not {count}")
    if x.dtype.kind == "b":
        x = x.long()
    powers = reduce(lambda made, _: [*made, made[-1] * x], range(count - 1), [x.new_zeros(x.shape) + 1])
    return stack(powers, -1)


__all__ = [
    "chain_matmul",
    "cross",
    "diagonal",
    "matrix_exp",
    "matrix_power",
    "multi_dot",
    "trace",
    "vander",
    "vecdot",
]
