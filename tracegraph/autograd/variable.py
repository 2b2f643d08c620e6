"""`Variable(x, requires_grad=True)`, as older scripts write it."""

from tracegraph.runtime.errors import ArgumentTypeError
from tracegraph.tensor import Tensor


def Variable(data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:  # noqa: N802 - PyTorch's name
    """The tensor's values and memory, as a tensor of which a gradient is wanted or not (`volatile` is ignored).

    >>> tracegraph.autograd.Variable(tracegraph.tensor([1.0]), requires_grad=True)
    tensor([1.], requires_grad=True)
    """
    if not isinstance(data, Tensor):
        raise ArgumentTypeError(f"Variable: takes a Tensor, not a {type(data).__name__}")
    return data.detach().requires_grad_(requires_grad)
