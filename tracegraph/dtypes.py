"""What one can ask about dtypes: `finfo`, `iinfo`, promotion, casts, and which dtype new floats get."""

from typing import Any

import numpy as np

from tracegraph import _state, eager
from tracegraph.compiler.ops import spec
from tracegraph.compiler.ops.spec import FLOATS, DType, as_dtype, category
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError
from tracegraph.tensor import Tensor


class finfo:  # noqa: N801 - PyTorch's name
    """The limits of a float dtype (by default the default one), as Python numbers.

    Raises:
        DTypeError: for another dtype.

    >>> tracegraph.finfo(tracegraph.float32).bits
    32
    >>> tracegraph.finfo(tracegraph.float16).max
    65504.0
    """

    def __init__(self, dtype: Any = None) -> None:
        wanted = eager.default_dtype() if dtype is None else as_dtype(dtype)
        if wanted.kind != "f":
            raise DTypeError(f"finfo: {wanted} is no float dtype; use iinfo")
        limits = np.finfo(wanted)
        self.bits = int(limits.bits)
        self.dtype: str = wanted.name
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.resolution = 10.0 ** -int(limits.precision)
        self.smallest_normal = self.tiny = float(limits.tiny)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny", "dtype")
        return f"finfo({', '.join(f'{name}={getattr(self, name)}' for name in names)})"


class iinfo:  # noqa: N801 - PyTorch's name
    """The limits of an integer dtype, as Python numbers.

    Raises:
        DTypeError: for another dtype.

    >>> tracegraph.iinfo(tracegraph.int8).max
    127
    """

    def __init__(self, dtype: Any) -> None:
        wanted = as_dtype(dtype)
        if wanted.kind not in "iu":
            raise DTypeError(f"iinfo: {wanted} is no integer dtype")
        limits = np.iinfo(wanted)
        self.bits = int(limits.bits)
        self.dtype: str = wanted.name
        self.max = int(limits.max)
        self.min = int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def promote_types(type1: Any, type2: Any) -> DType:
    """The dtype that tensors with dimensions of two dtypes are promoted to.

    >>> tracegraph.promote_types(tracegraph.int32, tracegraph.float16)
    dtype('float16')
    """
    return spec.promote_types(as_dtype(type1), as_dtype(type2))


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an operation on two tensors or numbers.

    >>> tracegraph.result_type(tracegraph.tensor([1, 2]), 1.0)
    dtype('float32')
    """
    return eager.result_type(tensor1, tensor2)  # type: ignore[no-any-return]


def can_cast(from_: Any, to: Any) -> bool:
    """Whether an in-place operation may write results of one dtype into a tensor of another.

    >>> tracegraph.can_cast(tracegraph.double, tracegraph.float), tracegraph.can_cast(tracegraph.float, tracegraph.int)
    (True, False)
    """
    return category(as_dtype(from_)) <= category(as_dtype(to))


def get_default_dtype() -> DType:
    """The dtype of tensors made from Python floats, and of `zeros`, `rand` and the like: float32 unless it was set."""
    return eager.default_dtype()  # type: ignore[no-any-return]


def set_default_dtype(d: Any) -> None:
    """Set the dtype of tensors made from Python floats, for all threads. Traced functions are recorded anew for it.

    Raises:
        DTypeError: for a dtype that is no float.

    >>> tracegraph.set_default_dtype(tracegraph.float64)
    >>> tracegraph.tensor(1.5).dtype
    dtype('float64')
    >>> tracegraph.set_default_dtype(tracegraph.float32)
    """
    wanted = as_dtype(d)
    if wanted not in FLOATS:
        raise DTypeError(f"set_default_dtype: the default must be a float dtype, not {wanted}")
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.unsupported("sets the default dtype")
    type(_state.local).default_dtype = None if wanted == np.float32 else wanted


def is_tensor(obj: object) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor has a float dtype."""
    return _tensor("is_floating_point", input).is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether a tensor has a complex dtype: never, there are none."""
    _tensor("is_complex", input)
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element of a tensor is not zero.

    Raises:
        ShapeError: for a tensor of more or fewer elements.
    """
    return bool(_tensor("is_nonzero", input))


def numel(input: Tensor) -> int:
    """The number of elements of a tensor."""
    return _tensor("numel", input).numel()


def _tensor(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"{name}: the argument must be a tensor, not {type(value).__name__}")
    return value


__all__ = [
    "can_cast",
    "finfo",
    "get_default_dtype",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_tensor",
    "numel",
    "promote_types",
    "result_type",
    "set_default_dtype",
]
