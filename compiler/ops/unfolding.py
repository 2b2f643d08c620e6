"""Overlapping parts along a dimension as a view: `Tensor.unfold`."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Operation, Sample, operation
from .creation import full_operation
from .dispatch import public
from .gather import IndexPut
from .movement import Movement
from .spec import Spec, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@operation
class Unfold(Movement):
    """Parts of `size` elements along `dim`, one every `step` elements: their number takes the place of the dimension,
    their elements are a new last one.
    """

    dim: int
    size: int
    step: int
    name = "unfold"

    def _count(self, length: int) -> int:
        return (length - self.size) // self.step + 1

    def infer(self, *operands: Spec) -> Spec:
        shape = operands[0].shape
        if self.size > shape[self.dim]:
            raise ShapeError(f"unfold: parts of {self.size} elements of dimension {self.dim} of shape {shape}")
        count = self._count(shape[self.dim])
        return Spec((*shape[: self.dim], count, *shape[self.dim + 1 :], self.size), operands[0].dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The element of the operand."""
        position = index[self.dim] * self.step + index[-1]
        return build.read(0, (*index[: self.dim], position, *index[self.dim + 1 : -1]))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        shape = self.infer(Spec(a.shape, a.dtype)).shape
        strides = list(a.strides)
        strides[self.dim] *= self.step
        whole = a if a.base is None else a.base
        # An array made by `as_strided` does not say whose memory it is; this one does.
        if xp is np and isinstance(whole, np.ndarray) and whole.flags.c_contiguous and a.size and self.size:
            offset = a.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
            view = np.ndarray(shape, a.dtype, whole, offset, (*strides, a.strides[self.dim]))
            view.flags.writeable = a.flags.writeable
            return view
        windows = (
            xp.lib.stride_tricks.sliding_window_view(a, self.size, self.dim) if self.size else xp.empty(shape, a.dtype)
        )
        return windows[(slice(None),) * self.dim + (slice(None, None, self.step),)].copy() if self.size else windows

    def _positions(self, length: int) -> "Tensor":
        starts = np.arange(self._count(length)).reshape(-1, 1) * self.step
        return dispatch.as_tensor(starts + np.arange(self.size), literal=True)  # type: ignore[no-any-return]

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        def cotangent() -> "Tensor":
            zeros = dispatch.apply(full_operation(a.shape, 0, g.dtype))
            put: Operation = IndexPut(self.dim, True)
            return dispatch.apply(put, zeros, g.movedim(-1, self.dim + 1), self._positions(a.shape[self.dim]))  # type: ignore[no-any-return]

        return (cotangent,)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        raise ArgumentError("in-place: parts made by unfold() may share memory; clone() them first")

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, dim, size, step in (
            ((7,), 0, 3, 2),
            ((2, 5, 3), 1, 2, 1),
            ((4, 3), 0, 2, 3),
            ((3,), 0, 3, 1),
            ((0, 3), 1, 2, 1),
        ):
            yield Sample(cls(dim, size, step), (rng.random(shape).astype(np.float32),))
        yield Sample(cls(0, 2, 1), (np.arange(12).reshape(4, 3).T,))


@public()
def unfold(input: "Tensor", dimension: int, size: int, step: int) -> "Tensor":
    """A view of parts of `size` elements of a dimension, one every `step` elements, as a new last dimension.

    Raises:
        ShapeError: when the dimension has fewer than `size` elements.
        ArgumentError: when `step` is below 1.

    >>> tracegraph.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    for value in (size, step):
        if not hasattr(value, "__index__"):
            raise ArgumentTypeError(f"unfold: size and step must be ints, got {value!r}")
    if step < 1 or size < 0:
        raise ArgumentError(f"unfold: step must be above 0 and size not negative, got step {step} and size {size}")
    place = normalize_dim("unfold", dimension, input.ndim)
    made = Unfold(place, int(size), int(step))
    whole = input if input.ndim else input.reshape((1,))
    result = dispatch.apply(made, whole)
    return result if input.ndim else result.reshape((made.size,))  # type: ignore[no-any-return]
