"""Random tensors: `rand`, `randn`, `randint`, `randperm`, `bernoulli`, `multinomial`, `normal`.

All are made of one primitive, `RandomUniform`, which draws from the state of a counter-based generator.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.runtime.philox import philox4x32

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .creation import finish
from .dispatch import public
from .joining import cat
from .movement import shape_argument
from .requirement import ensured, need_float
from .spec import FLOATS, DType, Spec, as_dtype, broadcast_shapes, float16, float32, float64, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm",
]  # fmt: skip


MOST_CATEGORIES = 2**24
"""Of `multinomial`, as in PyTorch."""


@operation
class RandomUniform(Operation):
    """Uniform numbers in [0, 1) from the state of a generator, an int64 tensor [seed, offset].

    The words are those of Philox4x32-10 (Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011) with
    key = (low, high half of seed); word w is output w % 4 of counter (low, high half of offset + w // 4, 0, 0).
    Element i in row-major order is
    - float32 and float16: (word i >> 8) * 2**-24 (float16: rounded towards 0 to a multiple of 2**-11);
    - float64: ((word 2i >> 5) * 2**26 + (word 2i+1 >> 6)) * 2**-53.
    `blocks` says by how much the offset of the state grows; the draw itself does not change the state.
    """

    shape: tuple[int, ...]
    dtype: DType
    name = "random_uniform"
    kind = Kind.RANDOM

    @property
    def words(self) -> int:
        """How many 32-bit words a draw takes."""
        return math.prod(self.shape) * (2 if self.dtype == float64 else 1)

    @property
    def blocks(self) -> int:
        """How many counters a draw uses up."""
        return -(-self.words // 4)

    def infer(self, *operands: Spec) -> Spec:
        (state,) = operands
        if state != Spec((2,), int64):
            raise ShapeError(f"random_uniform: the state of a generator is an int64[2], not a {state}")
        if self.dtype not in FLOATS:
            raise DTypeError(f"random_uniform: draws floats, not {self.dtype}")
        if min(self.shape, default=0) < 0:
            raise ShapeError(f"random_uniform: sizes cannot be negative, got {self.shape}")
        return Spec(self.shape, self.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The number of one element, from its own words."""
        state = [build.read(0, (build.position(place),)) for place in (0, 1)]
        number = build.number(build.flat(index, self.shape), int64)
        word = "philox_u32(uint64({{0}}), uint64({{1}}), {})"
        if self.dtype == float32:
            template = f"float32({word.format('{2}')} >> uint32(8)) * float32({2.0**-24!r})"
        else:
            high, low = word.format("{2} * 2"), word.format("{2} * 2 + 1")
            template = f"(float64({high} >> uint32(5)) * 67108864.0 + float64({low} >> uint32(6))) * {2.0**-53!r}"
        return build.apply(template, *state, number)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        seed, offset = operands[0].tolist()
        words = philox4x32(seed & _MASK, offset & _MASK, self.words)
        if self.dtype == float64:
            high, low = words[0::2] >> np.uint32(5), words[1::2] >> np.uint32(6)
            result = (high * 67108864.0 + low) * 2.0**-53
        elif self.dtype == float32:
            result = (words >> np.uint32(8)).astype(np.float32)
            result *= np.float32(2.0**-24)
        else:
            result = ((words >> np.uint32(21)).astype(np.float32) * np.float32(2.0**-11)).astype(float16)
        return xp.asarray(result.reshape(self.shape))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, dtype, state in (
            ((2, 3), float32, (0, 0)),
            ((5,), float64, (7, 2**40)),
            ((), float32, (-1, 3)),
            ((0,), float16, (1, 1)),
        ):
            yield Sample(cls(shape, dtype), (np.array(state, np.int64),))


_MASK = 0xFFFFFFFFFFFFFFFF
_uniform_operation = lru_cache(maxsize=256)(RandomUniform)


def uniform_numbers(shape: tuple[int, ...], dtype: DType, generator: Any) -> Any:
    made = _uniform_operation(shape, dtype)
    made.infer(_STATE)
    return dispatch.draw(made, made.blocks, generator)


_STATE = Spec((2,), int64)


def float_dtype(name: str, dtype: Any) -> DType:
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    if target.kind != "f":
        raise DTypeError(f"{name}: draws floats, not {target}")
    return target


def normal_numbers(shape: tuple[int, ...], dtype: DType, generator: Any) -> Any:
    """Standard normal numbers by Box and Muller ("A note on the generation of random normal deviates", 1958).

    From the rows u, v of one draw (2, ceil(n / 2)): sqrt(-2 ln(1 - u)) times cos(2 pi v), then times sin(2 pi v).
    """
    size = math.prod(shape)
    pairs = -(-size // 2)
    drawn = uniform_numbers((2, pairs), float32 if dtype == float16 else dtype, generator)
    radius = ((1 - drawn[0]).log() * -2).sqrt()
    angle = drawn[1] * (2 * math.pi)
    both = cat((radius * angle.cos(), radius * angle.sin()))
    values = (both[:size] if size != 2 * pairs else both).reshape(shape)
    return values if dtype != float16 else values.to(dtype)


@public(method=False)
def rand(
    *size: Any, generator: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> "Tensor":
    """Uniform numbers in [0, 1).

    >>> x = tracegraph.rand(100)
    >>> bool((x >= 0).all()), bool((x < 1).all())
    (True, True)
    """
    return finish(uniform_numbers(shape_argument(size), float_dtype("rand", dtype), generator), requires_grad, device)


@public(method=False)
def randn(
    *size: Any, generator: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> "Tensor":
    """Numbers of the standard normal distribution.

    >>> tracegraph.randn(2, 3).shape
    (2, 3)
    """
    return finish(normal_numbers(shape_argument(size), float_dtype("randn", dtype), generator), requires_grad, device)


@public(method=False)
def rand_like(input: "Tensor", *, generator: Any = None, dtype: Any = None, requires_grad: bool = False) -> "Tensor":
    """Uniform numbers in [0, 1) of a tensor's shape and dtype.

    >>> tracegraph.rand_like(tracegraph.zeros(2)).shape
    (2,)
    """
    return rand(
        input.shape, generator=generator, dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad
    )


@public(method=False)
def randn_like(input: "Tensor", *, generator: Any = None, dtype: Any = None, requires_grad: bool = False) -> "Tensor":
    """Standard normal numbers of a tensor's shape and dtype.

    >>> tracegraph.randn_like(tracegraph.zeros(2)).shape
    (2,)
    """
    return randn(
        input.shape, generator=generator, dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad
    )


def integer_numbers(low: int, high: int, shape: tuple[int, ...], dtype: DType, generator: Any) -> Any:
    """Integers of [low, high), each as likely as the others up to (high - low) * 2**-53."""
    low, high = int(low), int(high)
    if high <= low:
        raise ArgumentError(f"randint: low must be below high, got {low} and {high}")
    if high - low > 2**53:
        raise ArgumentError(f"randint: at most 2**53 different integers can be drawn, not {high - low}")
    drawn = (uniform_numbers(shape, float64, generator) * float(high - low)).to(int64)
    return (drawn + low if low else drawn).to(dtype)


@public(method=False)
def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = None,
    requires_grad: bool = False, device: Any = None,
) -> "Tensor":  # fmt: skip
    """Integers from `low` (0 unless given) to below `high`, in a shape.

    Called as `randint(high, size)` or `randint(low, high, size)`.

    Raises:
        ArgumentError: when there is no integer to draw, or there are more than 2**53.

    >>> x = tracegraph.randint(3, 5, (100,))
    >>> x.dtype, bool(((x == 3) | (x == 4)).all())
    (dtype('int64'), True)
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise ArgumentError("randint: needs a size")
    target = int64 if dtype is None else as_dtype(dtype)
    return finish(integer_numbers(low, high, shape_argument((size,)), target, generator), requires_grad, device)


@public(method=False)
def randint_like(
    input: "Tensor", low: int, high: int | None = None, *, generator: Any = None, dtype: Any = None
) -> "Tensor":
    """Integers from `low` (0 if only one number is given) to below `high`, of a tensor's shape and dtype.

    >>> tracegraph.randint_like(tracegraph.zeros(2), 5).dtype
    dtype('float32')
    """
    first, last = (0, low) if high is None else (low, high)
    return integer_numbers(first, last, input.shape, input.dtype if dtype is None else as_dtype(dtype), generator)  # type: ignore[no-any-return]


@public(method=False)
def randperm(n: int, *, generator: Any = None, dtype: Any = None, device: Any = None) -> "Tensor":
    """The integers from 0 to below `n` in random order.

    >>> sorted(tracegraph.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    if n < 0:
        raise ArgumentError(f"randperm: n cannot be negative, got {n}")
    order = uniform_numbers((int(n),), float64, generator).argsort(stable=True)
    return finish(order if dtype is None else order.to(as_dtype(dtype)), False, device)


@public()
def bernoulli(input: "Tensor", p: float | None = None, *, generator: Any = None) -> "Tensor":
    """One with the probability that each element says (or `p`, for every element), else zero, in the tensor's dtype.

    >>> tracegraph.bernoulli(tracegraph.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    if p is not None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli: p must be between 0 and 1, got {p}")
        return (uniform_numbers(input.shape, float32, generator) < float(p)).to(input.dtype)  # type: ignore[no-any-return]
    if input.dtype.kind != "f":
        raise DTypeError(f"bernoulli: probabilities must be floats, not {input.dtype}")
    chances = input.detach()
    chances = ensured(chances, (chances >= 0) & (chances <= 1), "bernoulli: probabilities must be between 0 and 1")
    drawn = uniform_numbers(input.shape, float64 if input.dtype == float64 else float32, generator)
    return (drawn < chances).to(input.dtype)  # type: ignore[no-any-return]


@public(method=False)
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None) -> "Tensor":
    """Numbers of normal distributions: `mean` and `std` are tensors, or numbers with a `size`.

    Args:
        mean: the means, float tensor or number.
        std: the standard deviations, not negative; the shapes broadcast, the dtype is that of the first tensor.
        size: the shape, if both are numbers.
        generator: the source of randomness.
        dtype: the dtype, if both are numbers.

    Raises:
        ArgumentError: for a negative `std`, or numbers without a `size`.
        DTypeError: for integer tensors.
        ShapeError: when the shapes do not broadcast.

    >>> tracegraph.normal(0.0, 1.0, (2,)).shape
    (2,)
    """
    tensors = [part for part in (mean, std) if hasattr(part, "_data")]
    if hasattr(std, "_data"):
        std = ensured(std, std >= 0, "normal: std must not be negative")
    elif not std >= 0:
        raise ArgumentError(f"normal: std must not be negative, got {std}")
    if size is not None:
        return normal_numbers(shape_argument((size,)), float_dtype("normal", dtype), generator) * std + mean  # type: ignore[no-any-return]
    if not tensors:
        raise ArgumentError("normal: mean and std are numbers, so a size is needed")
    for tensor in tensors:
        need_float("normal", tensor)
    shape = broadcast_shapes("normal", *[tensor.shape for tensor in tensors])
    drawn = normal_numbers(shape, tensors[0].dtype, generator)
    return (drawn * std + mean).to(drawn.dtype)  # type: ignore[no-any-return]


@public()
def multinomial(input: "Tensor", num_samples: int, replacement: bool = False, *, generator: Any = None) -> "Tensor":
    """Indices drawn with the weights of the last dimension of a vector or matrix, (..., num_samples).

    With replacement by inverting the distribution function; without, the `num_samples` smallest of exponential times
    divided by the weights (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).

    Raises:
        ArgumentError: when more are wanted than there are, without replacement.

    >>> tracegraph.multinomial(tracegraph.tensor([0.0, 1.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    if input.ndim not in (1, 2) or input.dtype.kind != "f":
        raise ShapeError(
            f"multinomial: weights must be a float vector or matrix, got {input.dtype.name}{list(input.shape)}"
        )
    if num_samples < 1 or (not replacement and num_samples > input.shape[-1]):
        raise ArgumentError(f"multinomial: {num_samples} samples cannot be drawn out of {input.shape[-1]} categories")
    if input.shape[-1] > MOST_CATEGORIES:
        raise ArgumentError(f"multinomial: at most {MOST_CATEGORIES} categories, got {input.shape[-1]}")
    weights = input.detach().to(float64)
    usable = weights.isfinite() & (weights >= 0)
    weights = ensured(weights, usable, "multinomial: weights must be finite and not negative")
    sums = weights.sum(-1, True)
    sums = ensured(sums, sums > 0, "multinomial: the weights of a row must not sum to 0")
    if not replacement:
        times = -(1 - uniform_numbers(input.shape, float64, generator)).log() / (weights / sums)
        return times.argsort(dim=-1, stable=True).narrow(-1, 0, num_samples).clone()  # type: ignore[no-any-return]
    total = (weights / sums).cumsum(-1)
    drawn = uniform_numbers((*input.shape[:-1], num_samples), float64, generator) * total[..., -1:]
    return (total.unsqueeze(-2) <= drawn.unsqueeze(-1)).sum(-1).clamp(max=input.shape[-1] - 1)  # type: ignore[no-any-return]
