"""Changing dtype and copying: `to`, `clone`, `contiguous`, `copy_`, and the methods `float`, `long` and the like."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.device import DEVICE_TYPES, Device, check_device
from tracegraph.runtime.errors import ArgumentTypeError, GradientError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import TensorLike, public
from .pointwise import Pointwise
from .spec import DTYPES, DType, Spec, as_dtype, bool_, float16, float32, float64, int8, int16, int32, int64, uint8

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["clone", "fill", "to"]


@operation
class Cast(Operation):
    """The same values in another dtype, as C converts them (floats to integers truncate)."""

    dtype: DType
    name = "cast"
    kind = Kind.POINTWISE
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        return Spec(operands[0].shape, self.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].astype(self.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: to(g, a.dtype),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        values = np.array([[0.0, 1.0, 2.7], [3.2, 100.5, 7.0]])
        for source in DTYPES:
            for target in DTYPES:
                yield Sample(cls(target), (values.astype(source),))


_CASTS = {dtype: Cast(dtype) for dtype in DTYPES}


@operation
class Copy(Pointwise):
    """The same values in new memory; the compiler removes it."""

    name = "copy"
    expression = "{0}"
    differentiable = True
    inlines = True
    idempotent = True
    sample_dtypes = ("float32", "int64")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.array(operands[0], order="C", copy=True)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (g,)


COPY = Copy()


@public()
def clone(input: "Tensor", *, memory_format: Any = None) -> "Tensor":
    """A copy in new memory, through which gradients flow. All copies are in row-major order: formats are ignored.

    >>> tracegraph.clone(tracegraph.tensor([1, 2]))
    tensor([1, 2])
    """
    return dispatch.apply(COPY, input)  # type: ignore[no-any-return]


@public()
def to(
    input: "Tensor",
    *targets: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> "Tensor":
    """The tensor in another dtype, on a device, or after the model of another tensor: itself where nothing changes.

    Positional: `to(dtype)`, `to(device, dtype)` or `to(other)`, then `non_blocking` (ignored) and `copy`.

    Raises:
        ArgumentTypeError: for a device that is not there.
        DTypeError: for something that is no dtype.

    >>> tracegraph.to(tracegraph.tensor([1.7, -1.7]), tracegraph.int64)
    tensor([ 1, -1])
    """
    if len(targets) == 1 and type(targets[0]) is not bool and targets[0] in _CASTS and not copy:
        return input if targets[0] is input.dtype else dispatch.apply(_CASTS[targets[0]], input)
    flags = 0
    for target in targets:
        if type(target) is bool:
            flags += 1
            copy = target if flags == 2 else copy
        elif hasattr(target, "_data"):
            dtype = target.dtype
        elif isinstance(target, Device) or (isinstance(target, str) and target.partition(":")[0] in DEVICE_TYPES):
            device = target
        elif target is not None:
            dtype = target
    if flags > 2 or (flags and type(targets[0]) is bool):
        raise ArgumentTypeError(f"to: takes a dtype, a device or a tensor, then non_blocking and copy; got {targets}")
    check_device("to", device)
    target_dtype = input.dtype if dtype is None else as_dtype(dtype)
    if input.dtype == target_dtype:
        return clone(input) if copy else input
    return dispatch.apply(_CASTS[target_dtype], input)  # type: ignore[no-any-return]


def _dtype_method(name: str, dtype: DType) -> Callable[["Tensor"], "Tensor"]:
    """The method `name`: the tensor in `dtype`, itself where it has that dtype."""

    def method(input: "Tensor", memory_format: Any = None) -> "Tensor":
        return input if input.dtype is dtype else to(input, dtype)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"""The tensor as {dtype.name}; itself where it is already.

    >>> tracegraph.tensor([1, 0]).{name}().dtype
    dtype('{dtype.name}')
    """
    return public()(method)


_DTYPE_METHODS: dict[str, DType] = {
    "float": float32, "double": float64, "half": float16, "long": int64, "int": int32, "short": int16, "char": int8,
    "byte": uint8, "bool": bool_,
}  # fmt: skip
"""Methods of Tensor only: at top level these names are dtypes."""

for _name, _dtype in _DTYPE_METHODS.items():
    _dtype_method(_name, _dtype)


@public()
def type_as(input: "Tensor", other: "Tensor") -> "Tensor":
    """The tensor in the dtype of another; itself where it has that dtype.

    >>> tracegraph.tensor([1, 2]).type_as(tracegraph.tensor(0.5))
    tensor([1., 2.])
    """
    return to(input, other.dtype)


@public()
def contiguous(input: "Tensor", memory_format: Any = None) -> "Tensor":
    """The tensor itself if its elements lie in row-major order without gaps, else a copy of which that is true.

    There is no other memory format: it is ignored.

    >>> tracegraph.tensor([[1, 2], [3, 4]]).permute(1, 0).contiguous().is_contiguous()
    True
    """
    return input if input.is_contiguous() else clone(input)


@public()
def copy_(input: "Tensor", source: TensorLike, non_blocking: bool = False) -> "Tensor":
    """Write `source` into the tensor's memory: broadcast to its shape and cast to its dtype. Gradients flow to it.

    >>> tracegraph.tensor([[1, 2], [3, 4]]).copy_(tracegraph.tensor([5.7, 6.1]))
    tensor([[5, 6],
            [5, 6]])
    """
    value = dispatch.as_tensor(source)
    if value.dtype != input.dtype:
        value = to(value, input.dtype)
    if value.shape != input.shape:
        value = value.expand(input.shape)
    elif value.is_leaf and value.requires_grad:
        value = clone(value)  # in-place results take over the value's place in the tape, and a leaf has none
    return input.assign(value)


@public()
def fill_(input: "Tensor", value: TensorLike) -> "Tensor":
    """Set all elements to a number, or to the value of a 0-d tensor.

    >>> tracegraph.tensor([1.0, 2.0]).fill_(3)
    tensor([3., 3.])
    """
    scalar: Any = value if hasattr(value, "_data") else dispatch.constant(value, input.dtype)
    if scalar.ndim:
        raise ArgumentTypeError(f"fill_: takes a number or a 0-d tensor, not a tensor of shape {scalar.shape}")
    return copy_(input, scalar)


@public(method=False)
def fill(input: "Tensor", value: TensorLike) -> "Tensor":
    """A tensor of the same shape and dtype with all elements set to a number, or to the value of a 0-d tensor.

    >>> tracegraph.fill(tracegraph.tensor([1.0, 2.0]), 3)
    tensor([3., 3.])
    """
    return fill_(clone(input), value)


@public()
def zero_(input: "Tensor") -> "Tensor":
    """Set all elements to 0.

    >>> tracegraph.tensor([1.0, 2.0]).zero_()
    tensor([0., 0.])
    """
    return fill_(input, 0)


@public()
def detach_(input: "Tensor") -> "Tensor":
    """Cut the tensor off from what it was computed from: it becomes a leaf without gradient.

    Raises:
        GradientError: for a view, whose base would still be differentiated.

    >>> x = tracegraph.tensor([1.0], requires_grad=True)
    >>> (x * 2).detach_().requires_grad
    False
    """
    if input._base is not None:
        raise GradientError("detach_: a view cannot be detached in place; use detach()")
    input._node = None
    return input.requires_grad_(False)
