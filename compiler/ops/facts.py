"""What a tensor is and where: `is_signed`, `is_nonzero`, `is_same_size`, `type`, `cpu`, `cuda`; names of layouts."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ShapeError

from .cast import to
from .dispatch import public
from .spec import DType, bool_, float16, float32, float64, int8, int16, int32, int64, uint8

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "channels_last", "channels_last_3d", "contiguous_format", "is_same_size", "is_signed", "preserve_format", "strided",
]  # fmt: skip

strided = "strided"
"""The layout of all tensors."""
contiguous_format, preserve_format = "contiguous_format", "preserve_format"
channels_last, channels_last_3d = "channels_last", "channels_last_3d"
"""Names of memory formats: they are accepted and ignored, new tensors are in row-major order."""


@public()
def is_complex(input: "Tensor") -> bool:
    """Whether the elements are complex numbers: never.

    >>> tracegraph.zeros(2).is_complex()
    False
    """
    return False


@public()
def is_signed(input: "Tensor") -> bool:
    """Whether the dtype has negative numbers.

    >>> tracegraph.is_signed(tracegraph.tensor([True]))
    False
    """
    return input._data.dtype.kind in "if"


@public()
def is_nonzero(input: "Tensor") -> bool:
    """Whether the only element is not zero; a condition on it, as far as tracing is concerned.

    Raises:
        ShapeError: for a tensor of another number of elements.

    >>> tracegraph.tensor([0.0]).is_nonzero()
    False
    """
    if input._data.size != 1:
        raise ShapeError(f"is_nonzero: a tensor of shape {input.shape} has {input._data.size} elements, not one")
    return bool(input)


@public()
def is_same_size(input: "Tensor", other: "Tensor") -> bool:
    """Whether two tensors have the same shape.

    >>> tracegraph.is_same_size(tracegraph.zeros(2), tracegraph.zeros(3))
    False
    """
    return bool(input.shape == other.shape)


TYPE_NAMES: dict[str, DType] = {
    "HalfTensor": float16, "FloatTensor": float32, "DoubleTensor": float64, "ByteTensor": uint8, "CharTensor": int8,
    "ShortTensor": int16, "IntTensor": int32, "LongTensor": int64, "BoolTensor": bool_,
}  # fmt: skip


@public()
def type(input: "Tensor", dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's kind, or the tensor in another dtype (or of the kind of such a name).

    >>> tracegraph.tensor([1.5]).type()
    'tracegraph.FloatTensor'
    >>> tracegraph.tensor([1.5]).type(tracegraph.int64)
    tensor([1])
    """
    if dtype is None:
        return "tracegraph." + next(name for name, known in TYPE_NAMES.items() if known == input.dtype)
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", "")  # of FloatTensor and the like
    return to(input, TYPE_NAMES.get(name.rsplit(".", 1)[-1], dtype))


@public()
def cpu(input: "Tensor", memory_format: Any = None) -> "Tensor":
    """The tensor itself: it is in the computer's memory.

    >>> tracegraph.tensor([1, 2]).cpu()
    tensor([1, 2])
    """
    return input


@public()
def pin_memory(input: "Tensor", device: Any = None) -> "Tensor":
    """The tensor itself: there is no GPU whose reading could be sped up.

    >>> tracegraph.tensor([1, 2]).pin_memory()
    tensor([1, 2])
    """
    return input


@public()
def share_memory_(input: "Tensor") -> "Tensor":
    """The tensor itself: memory is shared with processes that are forked, and not with others.

    >>> tracegraph.tensor([1, 2]).share_memory_()
    tensor([1, 2])
    """
    return input


@public()
def cuda(input: "Tensor", device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> "Tensor":
    """Refused: this build has no other device than the CPU.

    Raises:
        ArgumentTypeError: always.

    >>> tracegraph.tensor([1, 2]).cuda()
    Traceback (most recent call last):
    ...
    tracegraph.runtime.errors.ArgumentTypeError: cuda: device 'cuda' is not available; this build runs on 'cpu'
      at ...
    """
    check_device("cuda", "cuda" if device is None else device)
    return input
