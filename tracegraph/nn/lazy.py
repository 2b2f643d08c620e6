"""Layers that learn the size of their input from their first call: `LazyLinear(10)`, `LazyConv2d(8, 3)` and so on.

After it they are the ordinary layers. Make the optimiser after the first call.
"""

from typing import Any, ClassVar

from tracegraph.autograd.modes import GradMode
from tracegraph.nn import batch_normalisation, convolution, linear
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from tracegraph.runtime.errors import GradientError, ShapeError
from tracegraph.tensor import Tensor


class LazyModuleMixin(Module):
    """Put before a layer's class, it calls `initialize_parameters` with the arguments of the first call.

    After that the module is one of `cls_to_become`.
    """

    cls_to_become: ClassVar[type[Module] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(_shape_like_given, with_module=True)
        self._initialize_hook = self.register_forward_pre_hook(_initialize, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes and values; to be written by subclasses."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of the module has no shape yet."""
        return any(is_lazy(value) for value in (*self._parameters.values(), *self._buffers.values()))


def _shape_like_given(module: Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a state dict is loaded: give what has no shape yet that of the values that come."""
    for name, value in (*module._parameters.items(), *module._buffers.items()):
        given = state_dict.get(prefix + name)
        if is_lazy(value) and given is not None and not is_lazy(given):
            value.materialize(given.shape)


def _initialize(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the first forward."""
    with GradMode(False):
        module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise GradientError(f"module {module._get_name()} has not been fully initialized")
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


class _Lazy(LazyModuleMixin):
    """A layer one size of which is known from its input."""

    size: ClassVar[str]
    """The attribute that holds the size; 0 until it is known."""
    _is_sized: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        setattr(self, self.size, 0)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(dtype=parameter.dtype)
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.ndim:
                self._buffers[name] = UninitializedBuffer(dtype=buffer.dtype)

    def _size_of(self, input: Tensor) -> int:
        raise NotImplementedError

    def _shape(self, name: str) -> tuple[int, ...]:
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw the parameters anew, once their shapes are known."""
        if self._is_sized:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give the parameters the shapes that an input asks for, and their initial values."""
        setattr(self, self.size, self._size_of(input))
        if self.has_uninitialized_params():
            for name, value in (*self._parameters.items(), *self._buffers.items()):
                if is_lazy(value):
                    value.materialize(self._shape(name))
            self._is_sized = True
            self.reset_parameters()
            del self._is_sized


class LazyLinear(_Lazy, linear.Linear):
    """`Linear` whose `in_features` is the last size of its first input.

    >>> layer = tracegraph.nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(tracegraph.zeros(2, 5)).shape, layer
    ((2, 3), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become = linear.Linear
    size = "in_features"

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(1, out_features, bias, device=device, dtype=dtype)

    def _size_of(self, input: Tensor) -> int:
        return input.shape[-1]

    def _shape(self, name: str) -> tuple[int, ...]:
        return (self.out_features, self.in_features) if name == "weight" else (self.out_features,)


class _LazyConvolution(_Lazy, convolution._Convolution):
    size = "in_channels"

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        # As many channels in as out are divisible by the groups if any number of them is.
        super().__init__(out_channels, out_channels, kernel_size, *args, **kwargs)

    def _size_of(self, input: Tensor) -> int:
        if input.ndim not in (self.rank + 1, self.rank + 2):
            raise ShapeError(
                f"Expected {self.rank + 1}D (unbatched) or {self.rank + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {input.shape}"
            )
        return input.shape[-self.rank - 1]

    def _shape(self, name: str) -> tuple[int, ...]:
        first, second = self.out_channels, self.in_channels
        if name == "bias":
            return (first,)
        if second % self.groups:
            raise ShapeError("in_channels must be divisible by groups")
        first, second = (second, first) if self.transposed else (first, second)
        return (first, second // self.groups, *self.kernel_size)


class _LazyNormalisation(_Lazy):
    size = "num_features"

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(1, eps, momentum, affine, track_running_stats, device=device, dtype=dtype, **options)

    def _size_of(self, input: Tensor) -> int:
        return input.shape[1]

    def _shape(self, name: str) -> tuple[int, ...]:
        return (self.num_features,)


class LazyConv1d(_LazyConvolution, convolution.Conv1d):
    """`Conv1d` whose `in_channels` is that of its first input."""

    cls_to_become = convolution.Conv1d


class LazyConv2d(_LazyConvolution, convolution.Conv2d):
    """`Conv2d` whose `in_channels` is that of its first input."""

    cls_to_become = convolution.Conv2d


class LazyConv3d(_LazyConvolution, convolution.Conv3d):
    """`Conv3d` whose `in_channels` is that of its first input."""

    cls_to_become = convolution.Conv3d


class LazyConvTranspose1d(_LazyConvolution, convolution.ConvTranspose1d):
    """`ConvTranspose1d` whose `in_channels` is that of its first input."""

    cls_to_become = convolution.ConvTranspose1d


class LazyConvTranspose2d(_LazyConvolution, convolution.ConvTranspose2d):
    """`ConvTranspose2d` whose `in_channels` is that of its first input."""

    cls_to_become = convolution.ConvTranspose2d


class LazyConvTranspose3d(_LazyConvolution, convolution.ConvTranspose3d):
    """`ConvTranspose3d` whose `in_channels` is that of its first input."""

    cls_to_become = convolution.ConvTranspose3d


class LazyBatchNorm1d(_LazyNormalisation, batch_normalisation.BatchNorm1d):
    """`BatchNorm1d` whose `num_features` is the second size of its first input."""

    cls_to_become = batch_normalisation.BatchNorm1d


class LazyBatchNorm2d(_LazyNormalisation, batch_normalisation.BatchNorm2d):
    """`BatchNorm2d` whose `num_features` is the second size of its first input."""

    cls_to_become = batch_normalisation.BatchNorm2d


class LazyBatchNorm3d(_LazyNormalisation, batch_normalisation.BatchNorm3d):
    """`BatchNorm3d` whose `num_features` is the second size of its first input."""

    cls_to_become = batch_normalisation.BatchNorm3d


class LazyInstanceNorm1d(_LazyNormalisation, batch_normalisation.InstanceNorm1d):
    """`InstanceNorm1d` whose `num_features` is the second size of its first input."""

    cls_to_become = batch_normalisation.InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormalisation, batch_normalisation.InstanceNorm2d):
    """`InstanceNorm2d` whose `num_features` is the second size of its first input."""

    cls_to_become = batch_normalisation.InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormalisation, batch_normalisation.InstanceNorm3d):
    """`InstanceNorm3d` whose `num_features` is the second size of its first input."""

    cls_to_become = batch_normalisation.InstanceNorm3d


__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "LazyLinear", "LazyModuleMixin",
]  # fmt: skip
