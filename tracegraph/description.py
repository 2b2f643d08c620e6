"""What a tensor says of itself without its values: shape, dtype, device, layout in memory."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.compiler.ops.spec import DType, Spec
from tracegraph.runtime.device import CPU, Device
from tracegraph.sharing import address_of

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


class Description:
    """The part of a tensor that tells what it is."""

    _data: np.ndarray
    _base: "Tensor | None"

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self._data.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the elements (a NumPy dtype)."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def device(self) -> Device:
        """Where the data lives: the CPU."""
        return CPU

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    @property
    def _spec(self) -> Spec:
        return Spec(self._data.shape, self._data.dtype)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self._data.shape if dim is None else self._data.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._data.size

    nelement = numel
    ndimension = dim

    def stride(self, dim: int | None = None) -> Any:
        """Steps in elements (not bytes) between neighbours along each dimension."""
        strides = tuple(step // self._data.itemsize for step in self._data.strides)
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order without gaps."""
        return bool(self._data.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Whether the dtype is a float."""
        return self._data.dtype.kind == "f"

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    def storage_offset(self) -> int:
        """Steps in elements from the beginning of the memory that the tensor lies in to its first element."""
        whole = self._data if self._base is None else self._base._data
        distance = address_of(self._data) - address_of(whole)
        return distance // self._data.itemsize

    def get_device(self) -> int:
        """The number of the device: -1 for the CPU."""
        return -1

    def is_set_to(self, other: "Tensor") -> bool:
        """Whether another tensor is the same memory, seen in the same shape and with the same strides."""
        mine, others = self._data, other._data
        same = address_of(mine) == address_of(others) and mine.strides == others.strides
        return same and mine.shape == others.shape and mine.dtype == others.dtype

    def is_pinned(self) -> bool:
        """Whether the memory is one that GPUs read faster: never."""
        return False

    def is_shared(self) -> bool:
        """Whether the memory is shared with other processes: never."""
        return False

    def is_inference(self) -> bool:
        """Whether it was made in a mode in which autograd keeps no account at all: never."""
        return False

    @property
    def layout(self) -> str:
        """How elements lie in memory: "strided"."""
        return "strided"


def _fact(name: str, value: bool) -> property:
    """An attribute of that value: what tensors of other kinds and devices would answer differently."""
    return property(lambda self: value, doc=f"`{name}`: always {value}.")


for _name in ("cuda", "sparse", "sparse_csr", "quantized", "meta", "mkldnn", "mps", "xpu", "nested"):
    setattr(Description, f"is_{_name}", _fact(f"is_{_name}", False))
setattr(Description, "is_cpu", _fact("is_cpu", True))  # noqa: B010 - as those above
