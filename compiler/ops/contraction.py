"""Contractions: `matmul` in all its ranks and what is made of it: `mm`, `bmm`, `dot`, `outer`, `addmm`, `linear`."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import TensorLike, public
from .movement import Permute, permuted
from .spec import Spec, broadcast_shapes

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bilinear",
    "bmm",
    "dot",
    "ger",
    "matmul",
    "mm",
    "mv",
    "outer",
    "vdot",
]


@operation
class Matmul(Operation):
    """Matrix product of the last two dimensions, (..., m, k) by (..., k, n); leading dimensions broadcast.

    A vector on the left is a row (1, k), one on the right a column (k, 1); the dimension so added is dropped from the
    result.
    """

    name = "matmul"
    kind = Kind.CONTRACTION
    differentiable = True
    saves = (0, 1)

    def infer(self, *operands: Spec) -> Spec:
        a, b = operands
        _check_dtypes(a.dtype, b.dtype)
        if a.ndim == 0 or b.ndim == 0:
            raise ShapeError(f"matmul: operands need at least one dimension, got shapes {a.shape} and {b.shape}")
        if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            raise ShapeError(f"matmul: shapes {a.shape} and {b.shape} do not fit (inner sizes must be equal)")
        batch = broadcast_shapes("matmul", a.shape[:-2], b.shape[:-2])
        return Spec(batch + a.shape[-2:-1] + (b.shape[-1:] if b.ndim > 1 else ()), a.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, b = operands
        dtype = a.dtype
        if dtype is not b.dtype or dtype.char in "?e":
            _check_dtypes(dtype, b.dtype)
            if dtype.char == "e":  # no BLAS for half floats; PyTorch too sums in single precision
                return self.evaluate(xp, a.astype(np.float32), b.astype(np.float32)).astype(dtype)
        if a.ndim > 2 and b.ndim == 2 and a.shape[-1] == b.shape[0]:
            rows = math.prod(a.shape[:-1])
            return xp.matmul(a.reshape(rows, a.shape[-1]), b).reshape((*a.shape[:-1], b.shape[1]))
        return xp.matmul(a, b)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        if a.ndim > 1 and b.ndim > 1:
            return lambda: g @ _swap(b), lambda: _gradient_of_right(g, a, b)
        if a.ndim > 1:
            return lambda: _column(g) * b, lambda: g.reshape((g.numel(),)) @ _flat_rows(a)
        if b.ndim > 1:
            return lambda: _drop_column(b @ _column(g)) if b.ndim > 2 else b @ g, lambda: _column(a) * _row(g)
        return lambda: g * b, lambda: g * a

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        shapes = (
            ((2, 3), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 1, 2, 3), (4, 3, 1)),
            ((2, 0), (0, 3)),
            ((0, 2), (2, 2)),
            ((2, 3), (4, 3, 2)),
            ((3,), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
            ((3,), (4, 3, 2)),
            ((4, 2, 3), (3,)),
            ((0,), (0,)),
            ((0, 2, 3), (3, 4)),
        )
        for dtype in ("float32", "float64", "int64"):
            for a, b in shapes:
                yield Sample(cls(), tuple((rng.random(shape) * 6 - 3).astype(dtype) for shape in (a, b)))
        transposed, reversed_ = rng.random((3, 2)).astype(np.float32).T, rng.random((3, 4)).astype(np.float32)[::-1]
        yield Sample(cls(), (transposed, reversed_))


MATMUL = Matmul()


def _check_dtypes(a: Any, b: Any) -> None:
    if a != b:
        raise DTypeError(f"matmul: operands must have one dtype, got {a} and {b}; cast one with .to(dtype)")
    if a.kind == "b":
        raise DTypeError("matmul: not defined for bool tensors; cast them first")


@lru_cache(maxsize=64)
def _swap_operation(ndim: int) -> Permute:
    return Permute((*range(ndim - 2), ndim - 1, ndim - 2))


def _swap(x: "Tensor") -> "Tensor":
    """The transposed matrices."""
    return permuted(x, _swap_operation(x.ndim))


def _column(x: "Tensor") -> "Tensor":
    return x.reshape((*x.shape, 1))  # type: ignore[no-any-return]


def _row(x: "Tensor") -> "Tensor":
    return x.reshape((*x.shape[:-1], 1, x.shape[-1]))  # type: ignore[no-any-return]


def _drop_column(x: "Tensor") -> "Tensor":
    return x.reshape(x.shape[:-1])  # type: ignore[no-any-return]


def _flat_rows(x: "Tensor") -> "Tensor":
    """All rows of all matrices as one matrix."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1])) if x.ndim > 2 else x


def _gradient_of_right(g: "Tensor", a: "Tensor", b: "Tensor") -> "Tensor":
    """Cotangent of the right operand; where one matrix served a whole batch, one product sums over the batch."""
    if b.ndim == 2 and a.ndim > 2:
        return _swap(_flat_rows(a)) @ _flat_rows(g)
    return _swap(a) @ g


def _rank_error(name: str, expected: str, *operands: "Tensor") -> ShapeError:
    shapes = " and ".join(str(operand.shape) for operand in operands)
    return ShapeError(f"{name}: expected {expected}, got shapes {shapes}")


@public()
def matmul(input: "Tensor", other: "Tensor") -> "Tensor":
    """Matrix product with PyTorch's rules: vectors are rows or columns, leading dimensions broadcast.

    Raises:
        ShapeError: when the inner sizes differ or an operand is 0-d.
        DTypeError: when the dtypes differ.

    >>> tracegraph.matmul(tracegraph.tensor([[1.0, 2.0]]), tracegraph.tensor([3.0, 4.0]))
    tensor([11.])
    """
    if not (hasattr(input, "_data") and hasattr(other, "_data")):
        input, other = dispatch.as_tensor(input), dispatch.as_tensor(other)
    return dispatch.apply(MATMUL, input, other)  # type: ignore[no-any-return]


@public()
def mm(input: "Tensor", mat2: "Tensor") -> "Tensor":
    """Product of two matrices, (m, k) by (k, n).

    >>> tracegraph.mm(tracegraph.tensor([[1, 2]]), tracegraph.tensor([[3], [4]]))
    tensor([[11]])
    """
    if input._data.ndim != 2 or mat2._data.ndim != 2:
        raise _rank_error("mm", "two matrices", input, mat2)
    return dispatch.apply(MATMUL, input, mat2)  # type: ignore[no-any-return]


@public()
def bmm(input: "Tensor", mat2: "Tensor") -> "Tensor":
    """Products of two batches of matrices, (b, m, k) by (b, k, n), without broadcasting.

    >>> tracegraph.bmm(tracegraph.tensor([[[2.0]], [[3.0]]]), tracegraph.tensor([[[5.0]], [[7.0]]])).tolist()
    [[[10.0]], [[21.0]]]
    """
    if input._data.ndim != 3 or mat2._data.ndim != 3:
        raise _rank_error("bmm", "two batches of matrices (3-d)", input, mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: shapes {input.shape} and {mat2.shape} have different batch sizes; matmul broadcasts them"
        )
    return dispatch.apply(MATMUL, input, mat2)  # type: ignore[no-any-return]


@public()
def mv(input: "Tensor", vec: "Tensor") -> "Tensor":
    """Product of a matrix and a vector, (m, k) by (k).

    >>> tracegraph.mv(tracegraph.tensor([[1, 2], [3, 4]]), tracegraph.tensor([1, 1]))
    tensor([3, 7])
    """
    if input._data.ndim != 2 or vec._data.ndim != 1:
        raise _rank_error("mv", "a matrix and a vector", input, vec)
    return dispatch.apply(MATMUL, input, vec)  # type: ignore[no-any-return]


@public(aliases=("vdot",))
def dot(input: "Tensor", tensor: "Tensor") -> "Tensor":
    """Inner product of two vectors of one length.

    >>> tracegraph.dot(tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if input._data.ndim != 1 or tensor._data.ndim != 1:
        raise _rank_error("dot", "two vectors", input, tensor)
    return dispatch.apply(MATMUL, input, tensor)  # type: ignore[no-any-return]


@public(aliases=("ger",))
def outer(input: "Tensor", vec2: "Tensor") -> "Tensor":
    """Outer product of two vectors: element (i, j) is `input[i] * vec2[j]`.

    >>> tracegraph.outer(tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if input._data.ndim != 1 or vec2._data.ndim != 1:
        raise _rank_error("outer", "two vectors", input, vec2)
    return input.reshape((input.shape[0], 1)) * vec2  # type: ignore[no-any-return]


vdot = dot
ger = outer


def _scaled(name: str, base: TensorLike, product: "Tensor", beta: float, alpha: float) -> "Tensor":
    """`beta * base + alpha * product`; a zero beta ignores `base`, NaN and all."""
    tensor = dispatch.as_tensor(base)
    if tensor.dtype != product.dtype:
        raise DTypeError(f"{name}: operands must have one dtype, got {tensor.dtype} and {product.dtype}")
    if broadcast_shapes(name, tensor.shape, product.shape) != product.shape:
        raise ShapeError(f"{name}: shape {tensor.shape} does not expand to the product's shape {product.shape}")
    if product.dtype.kind != "f":  # as PyTorch, which takes the factors in the dtype of the operands
        alpha, beta = (bool(factor) if product.dtype.kind == "b" else int(factor) for factor in (alpha, beta))
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return scaled + (tensor if beta == 1 else tensor * beta)  # type: ignore[no-any-return]


@public(inplace=True)
def addmm(input: "Tensor", mat1: "Tensor", mat2: "Tensor", *, beta: float = 1, alpha: float = 1) -> "Tensor":
    """`beta * input + alpha * (mat1 @ mat2)` for matrices; `input` broadcasts.

    >>> tracegraph.addmm(tracegraph.tensor([1.0]), tracegraph.tensor([[2.0]]), tracegraph.tensor([[3.0]]))
    tensor([[7.]])
    """
    if mat1._data.ndim != 2 or mat2._data.ndim != 2:
        raise _rank_error("addmm", "two matrices", mat1, mat2)
    return _scaled("addmm", input, matmul(mat1, mat2), beta, alpha)


@public(inplace=True)
def addmv(input: "Tensor", mat: "Tensor", vec: "Tensor", *, beta: float = 1, alpha: float = 1) -> "Tensor":
    """`beta * input + alpha * (mat @ vec)` for a matrix and a vector.

    >>> tracegraph.addmv(tracegraph.tensor([1.0]), tracegraph.tensor([[2.0]]), tracegraph.tensor([3.0]))
    tensor([7.])
    """
    return _scaled("addmv", input, mv(mat, vec), beta, alpha)


@public(inplace=True)
def addr(input: "Tensor", vec1: "Tensor", vec2: "Tensor", *, beta: float = 1, alpha: float = 1) -> "Tensor":
    """`beta * input + alpha * outer(vec1, vec2)`.

    >>> tracegraph.addr(tracegraph.tensor([[1.0]]), tracegraph.tensor([2.0]), tracegraph.tensor([3.0]))
    tensor([[7.]])
    """
    return _scaled("addr", input, outer(vec1, vec2), beta, alpha)


@public(inplace=True)
def baddbmm(input: "Tensor", batch1: "Tensor", batch2: "Tensor", *, beta: float = 1, alpha: float = 1) -> "Tensor":
    """`beta * input + alpha * bmm(batch1, batch2)`; `input` broadcasts.

    >>> one = tracegraph.tensor([[[1.0]]])
    >>> tracegraph.baddbmm(one, one, one, alpha=2).item()
    3.0
    """
    return _scaled("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@public(inplace=True)
def addbmm(input: "Tensor", batch1: "Tensor", batch2: "Tensor", *, beta: float = 1, alpha: float = 1) -> "Tensor":
    """`beta * input + alpha * bmm(batch1, batch2).sum(0)`.

    >>> tracegraph.addbmm(tracegraph.tensor([[1.0]]), tracegraph.tensor([[[2.0]]]), tracegraph.tensor([[[3.0]]]))
    tensor([[7.]])
    """
    return _scaled("addbmm", input, bmm(batch1, batch2).sum(0), beta, alpha)


@public(method=False)
def linear(input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
    """`input @ weight.T + bias` for input (..., n), weight (m, n) and bias (m).

    >>> x, weight = tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([[3.0, 4.0]])
    >>> tracegraph.nn.functional.linear(x, weight, tracegraph.tensor([1.0]))
    tensor([12.])
    """
    if weight.ndim not in (1, 2) or input.ndim == 0 or input.shape[-1] != weight.shape[-1]:
        raise ShapeError(
            f"linear: input {input.shape} does not fit weight {weight.shape}; the last sizes must be equal"
        )
    product = dispatch.apply(MATMUL, input, _swap(weight) if weight.ndim == 2 else weight)
    return product if bias is None else product + bias  # type: ignore[no-any-return]


@public(method=False)
def bilinear(input1: "Tensor", input2: "Tensor", weight: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
    """`y[..., k] = sum_ij input1[..., i] * weight[k, i, j] * input2[..., j] + bias[k]`.

    >>> two = tracegraph.tensor([2.0])
    >>> tracegraph.bilinear(two, two, tracegraph.tensor([[[3.0]]]))
    tensor([12.])
    """
    if weight.ndim != 3 or input1.shape[-1:] != weight.shape[1:2] or input2.shape[-1:] != weight.shape[2:3]:
        raise ShapeError(f"bilinear: inputs {input1.shape} and {input2.shape} do not fit weight {weight.shape}")
    features, first, second = weight.shape
    turned = weight.permute((1, 0, 2)).reshape((first, features * second))
    mixed = matmul(input1, turned).reshape((*input1.shape[:-1], features, second))
    product = _drop_column(matmul(mixed, _column(input2)))
    return product if bias is None else product + bias
