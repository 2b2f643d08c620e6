"""`Module`: a part of a model, with its parameters, buffers and submodules; subclass it and write `forward`."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from tracegraph import _state
from tracegraph.compiler.ops.spec import as_dtype, float16, float32, float64
from tracegraph.nn.hooks import HookHandle, run_after, run_before
from tracegraph.nn.members import Members
from tracegraph.nn.parameter import Buffer, Parameter
from tracegraph.nn.state_dict import IncompatibleKeys, load, persistent_tensors
from tracegraph.nn.watched import WatchedDict, namespace_of
from tracegraph.observe.values import MISSING, same
from tracegraph.runtime.device import Device, check_device
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor

_Member = TypeVar("_Member")
_TABLES = ("_parameters", "_buffers", "_modules")


class Module(Members):
    """A part of a model. Tensors and modules assigned as attributes are found by `parameters()`.

    `state_dict()` and the like.

    Call the module, not `forward`: the call also runs the hooks. Every change of a module is noticed by the functions
    that were traced with it.

    >>> class Scale(tracegraph.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tracegraph.nn.Parameter(tracegraph.tensor([2.0]))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(tracegraph.tensor([1.0, 3.0])).detach()
    tensor([2., 6.])
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    training: bool
    _non_persistent_buffers: dict[str, bool]
    _forward_hooks: WatchedDict
    _forward_pre_hooks: WatchedDict

    def __init__(self) -> None:
        held = namespace_of(self)
        held["training"] = True
        for name in (*_TABLES, "_non_persistent_buffers", "_forward_hooks", "_forward_pre_hooks"):
            held[name] = WatchedDict()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; to be written by every subclass.

        Raises:
            NotImplementedError: here.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the hooks and `forward`."""
        if self._forward_pre_hooks:
            args, kwargs = run_before(self, args, kwargs)
        result = self.forward(*args, **kwargs)
        return run_after(self, args, kwargs, result) if self._forward_hooks else result

    # -- attributes ---------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        held = namespace_of(self)
        if isinstance(value, Parameter):
            self._take_over(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._take_over(name, "_modules")
            self._modules[name] = value
        elif isinstance(value, Buffer):
            self._take_over(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in held.get("_parameters", ()) and name not in held:
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign '{type(value).__name__}' as parameter '{name}' (tracegraph.nn.Parameter or "
                    f"None expected)"
                )
            self._parameters[name] = None
        elif name in held.get("_modules", ()) and name not in held:
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign '{type(value).__name__}' as child module '{name}' (tracegraph.nn.Module or "
                    f"None expected)"
                )
            self._modules[name] = None
        elif name in held.get("_buffers", ()) and name not in held:
            if value is not None and not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"cannot assign '{type(value).__name__}' as buffer '{name}' (tracegraph.Tensor or None expected)"
                )
            self._buffers[name] = value
        else:
            if not same(held.get(name, MISSING), value):
                _state.bump_epoch()
            object.__setattr__(self, name, value)

    def _check_ready(self, table: str) -> None:
        if table not in namespace_of(self):
            kind = {"_parameters": "parameters", "_modules": "module", "_buffers": "buffer"}[table]
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")

    def _take_over(self, name: str, wanted: str) -> None:
        """Remove a name from everywhere but the table in which it is about to be entered."""
        self._check_ready(wanted)
        held = namespace_of(self)
        for table in (held, *(held[other] for other in _TABLES if other != wanted)):
            if name in table:
                del table[name]
                _state.bump_epoch()

    def __getattr__(self, name: str) -> Any:
        held = namespace_of(self)
        for table in _TABLES:
            if table in held and name in held[table]:
                return held[table][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        _state.bump_epoch()
        for table in _TABLES:
            if name in namespace_of(self).get(table, ()):
                del namespace_of(self)[table][name]
                self._non_persistent_buffers.pop(name, None)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        own = [name for table in _TABLES for name in namespace_of(self).get(table, ())]
        return sorted({*super().__dir__(), *own})

    def __getstate__(self) -> dict[str, Any]:
        return dict(namespace_of(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        _state.bump_epoch()
        namespace_of(self).update(state)

    # -- registration -------------------------------------------------------------------------------------------------

    def _check_name(self, kind: str, name: str, table: str) -> None:
        self._check_ready(table)
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{kind} name should be a string, got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in namespace_of(self).get(table, ()) and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (or a place for one, None) under a name.

        Raises:
            ArgumentTypeError: when it is not a Parameter.
            KeyError: when the name contains a dot, is empty or taken.
        """
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' (tracegraph.nn.Parameter "
                f"or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ArgumentError(f"Cannot assign non-leaf Tensor to parameter '{name}'")
        self._check_name("parameter", name, "_parameters")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is kept with the module but not learnt; saved in the state dict if `persistent`.

        Raises:
            ArgumentTypeError: when it is not a Tensor.
            KeyError: when the name contains a dot, is empty or taken.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or None required)"
            )
        self._check_name("buffer", name, "_buffers")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.pop(name, None)
        else:
            self._non_persistent_buffers[name] = True

    def register_module(self, name: str, module: "Module | None") -> None:
        """Add a submodule under a name.

        Raises:
            ArgumentTypeError: when it is not a Module.
            KeyError: when the name contains a dot, is empty or taken.
        """
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = module

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a submodule under a name; the same as `register_module`."""
        self.register_module(name, module)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call `hook(module, args)` before each `forward`; what it returns, unless None, replaces the arguments."""
        return HookHandle(self._forward_pre_hooks, hook, with_kwargs, prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call `hook(module, args, result)` after each `forward`; what it returns, unless None, replaces the result."""
        return HookHandle(self._forward_hooks, hook, with_kwargs, prepend)

    # -- state --------------------------------------------------------------------------------------------------------

    def state_dict(
        self, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name.

        Detached, in the module's memory (with `keep_vars` themselves).
        """
        found: dict[str, Tensor] = OrderedDict() if destination is None else destination
        for name, (_, _, tensor) in persistent_tensors(self, prefix).items():
            found[name] = tensor if keep_vars else tensor.detach()
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state dict into the parameters and buffers, in place; with `assign` its tensors take their place.

        Returns the missing and the unexpected keys.

        Raises:
            StateDictError: when shapes differ or, with `strict`, keys are missing or left over; all problems are
                listed.
        """
        return load(self, state_dict, strict, assign)

    # -- changing everything ------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` on every module below this one, and then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, convert: Callable[[Tensor], Tensor]) -> Self:
        """Replace the storage of parameters, their gradients and buffers."""
        for module in self.modules():
            for parameter in module._parameters.values():
                if parameter is not None:
                    parameter.data = convert(parameter.detach())
                    if parameter.grad is not None:
                        parameter.grad = convert(parameter.grad.detach())
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = convert(buffer)
        return self

    def to(self, *targets: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False) -> Self:
        """Cast floating point parameters and buffers to a dtype (or to that of a tensor), in place.

        Raises:
            ArgumentTypeError: for a device other than the CPU, or a dtype that is not a float.
        """
        for target in targets:
            if isinstance(target, Tensor):
                dtype = target.dtype
            elif isinstance(target, str | Device):
                device = target
            elif target is not None and not isinstance(target, bool):
                dtype = target
        check_device("Module.to", device)
        if dtype is None:
            return self
        wanted = as_dtype(dtype)
        if wanted.kind != "f":
            raise ArgumentTypeError(f"Module.to only accepts floating point dtypes, but got {wanted}")
        return self._apply(lambda tensor: tensor.to(wanted) if tensor.is_floating_point() else tensor)

    def float(self) -> Self:
        """Cast floating point parameters and buffers to float32, in place."""
        return self.to(float32)

    def double(self) -> Self:
        """Cast floating point parameters and buffers to float64, in place."""
        return self.to(float64)

    def half(self) -> Self:
        """Cast floating point parameters and buffers to float16, in place."""
        return self.to(float16)

    def cpu(self) -> Self:
        """The module itself: it is in the computer's memory."""
        return self

    def train(self, mode: bool = True) -> Self:
        """Set the training flag of this module and all below it, which dropout and batch normalisation look at.

        Raises:
            ArgumentError: when `mode` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Clear the training flag of this module and all below it."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` set them to zero."""
        zero_gradients(self.parameters(), set_to_none)

    # -- text ---------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What the module shows of its settings between the parentheses; subclasses give theirs."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({''.join(extra)})"
        lines = "".join(f"\n  {line}" for line in [*extra, *children])
        return f"{self._get_name()}({lines}\n)"


def zero_gradients(parameters: Iterator[Any], set_to_none: bool) -> None:
    """Forget the gradients of tensors, or set them to zero."""
    recording = _state.active_recorder() is not None
    for parameter in parameters:
        if set_to_none:
            if recording or parameter._grad is not None:
                parameter.grad = None
        elif (gradient := parameter.grad) is not None:
            if gradient.requires_grad:
                parameter.grad = gradient = gradient.detach()
            gradient.zero_()


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


__all__ = ["Module"]
