"""All parameters as one vector, and back."""

from collections.abc import Iterable

from tracegraph.autograd.modes import no_grad
from tracegraph.compiler.ops.joining import cat
from tracegraph.runtime.errors import ArgumentTypeError
from tracegraph.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters in one vector.

    >>> tracegraph.nn.utils.parameters_to_vector([tracegraph.ones(2), tracegraph.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return cat([parameter.reshape((parameter.numel(),)) for parameter in parameters])


@no_grad
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of a vector into the parameters, in place.

    Raises:
        ArgumentTypeError: when `vec` is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise ArgumentTypeError(f"vector_to_parameters: expected a Tensor, but got {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        parameter.copy_(vec[start : start + parameter.numel()].reshape(parameter.shape))
        start += parameter.numel()


__all__ = ["parameters_to_vector", "vector_to_parameters"]
