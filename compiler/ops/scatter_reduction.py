"""The primitive that reduces values into positions: `ScatterReduce`, behind `scatter_reduce` and `index_reduce`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .gather import Gather, Scatter, check_positions
from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []

_UFUNCS: Final = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


@operation
class ScatterReduce(Operation):
    """`a[i, index[i, j, k], k]` (for dim 1) reduced with the third operand's element [i, j, k]: "prod", "amax", "amin".

    Index and values have one shape. Equal extrema share the cotangent evenly. The second derivative of a product is
    that of its formula where no factor is zero.
    """

    dim: int
    reduce: str
    name = "scatter_reduce"
    kind = Kind.SCATTER
    differentiable = True
    saves = (-1,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        return Scatter(self.dim).infer(*operands)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, index, value = operands
        self.infer(*[Spec(array.shape, array.dtype) for array in operands])
        result = xp.array(a, order="C", copy=True)
        if not index.size:
            return result
        check_positions(xp, "scatter_reduce", index, a.shape[self.dim], self.dim, negative=False)
        grid = [
            index if dim == self.dim else xp.arange(n).reshape((-1,) + (1,) * (index.ndim - 1 - dim))
            for dim, n in enumerate(index.shape)
        ]
        getattr(xp, _UFUNCS[self.reduce]).at(result, tuple(grid), value)
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any, index: Any, value: Any) -> tuple[Cotangent, ...]:
        if self.reduce == "prod":
            return self._vjp_of_product(g, out, a, index, value)

        def shares() -> "tuple[Tensor, Tensor, Tensor]":
            own, other = (a == out).to(g.dtype), (value == self._read(out, index)).to(g.dtype)
            return own, other, g / dispatch.apply(Scatter(self.dim, "add"), own, index, other)

        def of_operand() -> "Tensor":
            own, _, share = shares()
            return own * share

        def of_value() -> "Tensor":
            _, other, share = shares()
            return other * self._read(share, index)

        return of_operand, None, of_value

    def _vjp_of_product(self, g: "Tensor", out: Any, a: Any, index: Any, value: Any) -> tuple[Cotangent, ...]:
        """The cotangent times the product of the other factors: of all that are not zero, if there is no other zero."""

        def parts() -> "tuple[Tensor, Tensor, Tensor, Tensor]":
            own, other = a == 0, value == 0
            ones = [dispatch.constant(1, g.dtype).where(zero, x) for zero, x in ((own, a), (other, value))]
            product = dispatch.apply(self, ones[0], index, ones[1])
            zeros = dispatch.apply(Scatter(self.dim, "add"), own.to(g.dtype), index, other.to(g.dtype))
            return g * product, zeros, ones[0], ones[1]

        def rest(product: "Tensor", zeros: "Tensor", factor: "Tensor", x: "Tensor") -> "Tensor":
            return (product / factor).where(zeros == (x == 0).to(g.dtype), dispatch.constant(0, g.dtype))  # type: ignore[no-any-return]

        def of_operand() -> "Tensor":
            product, zeros, factor, _ = parts()
            return rest(product, zeros, factor, a)

        def of_value() -> "Tensor":
            product, zeros, _, factor = parts()
            return rest(self._read(product, index), self._read(zeros, index), factor, value)

        return of_operand, None, of_value

    def _read(self, whole: "Tensor", index: "Tensor") -> "Tensor":
        return dispatch.apply(Gather(self.dim), whole, index)  # type: ignore[no-any-return]

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for reduce in _UFUNCS:
            for sample in Scatter.samples(rng):
                a, index, value = sample.operands
                made = cls(sample.operation.attributes()["dim"], reduce)
                yield Sample(made, (a + 0.25, index, value + 0.5))
                yield Sample(made, ((a * 9).astype(np.int64), index, (value * 9).astype(np.int64)))
