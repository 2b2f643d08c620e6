"""How a tensor is printed: `format_tensor`."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


def format_tensor(tensor: "Tensor", *, precision: int = 4) -> str:
    """The tensor as PyTorch prints it: values, then the dtype where it is not the usual one,
    then gradient information.
    """
    data = tensor._data
    prefix = "tensor("
    if data.dtype.kind == "f":
        finite = data[np.isfinite(data)]
        if finite.size and bool((finite == np.trunc(finite)).all()) and bool((np.abs(finite) < 1e8).all()):
            formatter: Any = {"float_kind": lambda v: f"{v:.0f}." if np.isfinite(v) else str(v)}
        elif finite.size and (np.abs(finite).max() >= 1e8 or np.abs(finite[finite != 0]).min() < 1e-4):
            formatter = {"float_kind": lambda v: f"{v:.{precision}e}" if np.isfinite(v) else str(v)}
        else:
            formatter = {"float_kind": lambda v: f"{v:.{precision}f}" if np.isfinite(v) else str(v)}
        body = np.array2string(data, separator=", ", prefix=prefix, formatter=formatter)
    else:
        body = np.array2string(data, separator=", ", prefix=prefix)
    details = []
    if data.size == 0:
        details.append(f"size={tuple(data.shape)}")
    if str(data.dtype) not in ("float32", "int64", "bool"):
        details.append(f"dtype={data.dtype}")
    if tensor.grad_fn is not None:
        details.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        details.append("requires_grad=True")
    return ", ".join([prefix + body, *details]) + ")"
