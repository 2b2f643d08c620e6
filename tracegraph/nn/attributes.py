"""What happens when an attribute of a module is set, read or deleted, and `register_parameter` and the like."""

from typing import TYPE_CHECKING, Any, cast

from tracegraph import _state
from tracegraph.nn.members import Members
from tracegraph.nn.parameter import Buffer, Parameter
from tracegraph.nn.watched import WatchedDict, namespace_of
from tracegraph.observe.values import MISSING, same
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor

if TYPE_CHECKING:
    from tracegraph.nn.module import Module

TABLES = ("_parameters", "_buffers", "_modules")
"""The tables of a module that hold what it is made of."""


class Derived:
    """A tensor attribute that a module has no tensor for: it is computed from others whenever it is read.

    So pruned and normalised weights follow what they are computed from, and no call of a module changes an attribute.
    """

    prefix = ""
    """What the printed class name of a module with such an attribute begins with."""

    def compute(self, module: "Module") -> Tensor:
        """The value now; to be written by subclasses."""
        raise NotImplementedError

    def assign(self, module: "Module", name: str, value: Any) -> None:
        """What `module.name = value` does.

        Raises:
            ArgumentTypeError: unless a subclass knows what to do.
        """
        raise ArgumentTypeError(
            f"cannot assign '{type(value).__name__}' to '{name}' of {type(module).__name__}: {type(self).__name__} "
            f"computes it; assign to what it is computed from, or remove {type(self).__name__} first"
        )


class Attributes(Members):
    """A `Members` whose attributes are sorted into parameters, buffers, modules and the rest."""

    _non_persistent_buffers_set: dict[str, bool]

    def _start(self) -> None:
        held = namespace_of(self)
        held["training"] = True
        for name in (*TABLES, "_non_persistent_buffers_set"):
            held[name] = WatchedDict()

    def _derive(self, name: str, derived: Derived) -> None:
        """Make an attribute a computed one; a tensor of that name must have been deleted before."""
        self._own_table("_derived")[name] = derived

    def _derived_as(self, name: str) -> Derived | None:
        """What computes an attribute, or None."""
        found: Derived | None = namespace_of(self).get("_derived", {}).get(name)
        return found

    def _own_table(self, name: str) -> WatchedDict:
        """One of the tables that a module has only once something is entered in it."""
        held = namespace_of(self)
        if name not in held:
            held[name] = WatchedDict()
        return cast(WatchedDict, held[name])

    def __setattr__(self, name: str, value: Any) -> None:
        held = namespace_of(self)
        if name in held.get("_derived", ()):
            held["_derived"][name].assign(self, name, value)
        elif isinstance(value, Parameter):
            self._take_over(name, "_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Members):
            self._take_over(name, "_modules")
            self._modules[name] = cast("Module", value)
        elif isinstance(value, Buffer):
            self._take_over(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        elif not self._set_known(held, name, value):
            if not same(held.get(name, MISSING), value):
                _state.bump_epoch()
            object.__setattr__(self, name, value)

    def _set_known(self, held: dict[str, Any], name: str, value: Any) -> bool:
        """Enter a value in the table that has the name already, if one has; only buffers take anything but None."""
        if name in held:
            return False
        for table, kind, wanted in (
            ("_parameters", "parameter", "nn.Parameter"),
            ("_modules", "child module", "nn.Module"),
        ):
            if name in held.get(table, ()):
                if value is not None:
                    raise ArgumentTypeError(
                        f"cannot assign '{type(value).__name__}' as {kind} '{name}' (tracegraph.{wanted} or None "
                        f"expected)"
                    )
                held[table][name] = None
                return True
        if name not in held.get("_buffers", ()):
            return False
        if value is not None and not isinstance(value, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type(value).__name__}' as buffer '{name}' (tracegraph.Tensor or None expected)"
            )
        self._buffers[name] = value
        return True

    def _check_ready(self, table: str) -> None:
        if table not in namespace_of(self):
            kind = {"_parameters": "parameters", "_modules": "module", "_buffers": "buffer"}[table]
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")

    def _take_over(self, name: str, wanted: str) -> None:
        """Remove a name from everywhere but the table in which it is about to be entered."""
        self._check_ready(wanted)
        held = namespace_of(self)
        for table in (held, *(held[other] for other in TABLES if other != wanted)):
            if name in table:
                del table[name]
                _state.bump_epoch()

    def __getattr__(self, name: str) -> Any:
        held = namespace_of(self)
        for table in TABLES:
            if table in held and name in held[table]:
                return held[table][name]
        if name in held.get("_derived", ()):
            return held["_derived"][name].compute(self)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        _state.bump_epoch()
        for table in (*TABLES, "_derived"):
            if name in namespace_of(self).get(table, ()):
                del namespace_of(self)[table][name]
                self._non_persistent_buffers_set.pop(name, None)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        own = [name for table in (*TABLES, "_derived") for name in namespace_of(self).get(table, ())]
        return sorted({*super().__dir__(), *own})

    def __getstate__(self) -> dict[str, Any]:
        state = dict(namespace_of(self))
        state.pop("_compiled_call", None)
        return state

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
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' (tracegraph.nn.Parameter "
                f"or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ArgumentError(f"Cannot assign non-leaf Tensor to parameter '{name}'")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is kept with the module but not learnt; saved in the state dict if `persistent`.

        Raises:
            ArgumentTypeError: when it is not a Tensor.
            KeyError: when the name contains a dot, is empty or taken.
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.pop(name, None)
        else:
            self._non_persistent_buffers_set[name] = True

    def register_module(self, name: str, module: "Module | None") -> None:
        """Add a submodule under a name.

        Raises:
            ArgumentTypeError: when it is not a Module.
            KeyError: when the name contains a dot, is empty or taken.
        """
        if module is not None and not isinstance(module, Members):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = module

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a submodule under a name; the same as `register_module`."""
        self.register_module(name, module)


__all__ = ["TABLES", "Attributes", "Derived"]
