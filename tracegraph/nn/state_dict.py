"""Saving and restoring what a module has learnt: `state_dict`, `load_state_dict`, their hooks, and extra state."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops import dispatch
from tracegraph.nn.conversion import Conversion
from tracegraph.nn.hooks import HookHandle
from tracegraph.nn.parameter import Parameter, is_lazy
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, TracegraphError
from tracegraph.tensor import Tensor

if TYPE_CHECKING:
    from tracegraph.nn.module import Module

EXTRA_STATE = "_extra_state"
"""The last part of the key under which `get_extra_state` is saved."""
_ASSIGN = "assign_to_params_buffers"
_NONE: dict[int, Any] = {}


class StateDictError(ArgumentError, RuntimeError):
    """A state dict does not fit the module it is loaded into."""


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find, and what it found and could not use."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Saving(Conversion):
    """The part of `Module` that makes and reads state dicts."""

    _version: ClassVar[int] = 1
    """Saved as metadata of a state dict; a class that changes what it saves raises it."""
    _state_dict_hooks: Mapping[int, Any] = _NONE
    _state_dict_pre_hooks: Mapping[int, Any] = _NONE
    _load_state_dict_pre_hooks: Mapping[int, Any] = _NONE
    _load_state_dict_post_hooks: Mapping[int, Any] = _NONE

    def state_dict(self, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> "OrderedDict[str, Any]":
        """Parameters and persistent buffers by dotted name.

        Detached, in the module's memory (with `keep_vars` themselves).

        >>> list(tracegraph.nn.Linear(2, 1).state_dict(prefix="head."))
        ['head.weight', 'head.bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, may_replace in list(self._state_dict_hooks.values()):
            replaced = hook(self, destination, prefix, metadata)
            if replaced is not None and not may_replace:
                raise StateDictError("state_dict post-hook must return None")
            destination = destination if replaced is None else replaced
        return cast("OrderedDict[str, Any]", destination)

    def _persistent(self) -> dict[str, Tensor]:
        """The module's own parameters and persistent buffers."""
        buffers = {k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set}
        return {name: value for name, value in (self._parameters | buffers).items() if value is not None}

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Enter what this module itself saves, without its submodules; a subclass may do it in a way of its own."""
        for name, value in self._persistent().items():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
        if type(self).get_extra_state is not Saving.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state dict (of tensors or NumPy arrays) into the parameters and buffers, in place.

        With `assign` its tensors take their place. Returns the missing and the unexpected keys.

        Raises:
            ArgumentTypeError: when `state_dict` is not a mapping.
            StateDictError: when shapes differ or, with `strict`, keys are missing or left over; all problems are
                listed. What fits has been copied by then.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None) or {}
        given: Any = OrderedDict(state_dict)
        given._metadata = metadata
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []

        def load(module: "Saving", given: Any, prefix: str) -> None:
            local = dict(metadata.get(prefix[:-1], {}))
            if assign:
                local[_ASSIGN] = True
            module._load_from_state_dict(given, prefix, local, True, missing, unexpected, problems)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {key: value for key, value in given.items() if key.startswith(below)}, below)
            for hook in list(module._load_state_dict_post_hooks.values()):
                if hook(module, IncompatibleKeys(missing, unexpected)) is not None:
                    raise AssertionError("a hook of register_load_state_dict_post_hook must return None")

        load(self, given, "")
        if strict and unexpected:
            problems.insert(0, f"Unexpected key(s) in state_dict: {_listed(unexpected)}. ")
        if strict and missing:
            problems.insert(0, f"Missing key(s) in state_dict: {_listed(missing)}. ")
        if problems:
            listed = "".join("\n\t" + problem for problem in problems)
            raise StateDictError(f"Error(s) in loading state_dict for {type(self).__name__}:{listed}")
        return IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take what this module itself saves from a state dict; a subclass may do it in a way of its own."""
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._persistent()
        for name, mine in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_one(name, key, mine, state_dict[key], bool(local_metadata.get(_ASSIGN)))
                if problem is not None:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA_STATE
        if type(self).set_extra_state is not Saving.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        for key in state_dict if strict else ():
            if key.startswith(prefix) and key != extra:
                first, dot, _ = key[len(prefix) :].partition(".")
                if first not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    def _load_one(self, name: str, key: str, mine: Tensor, value: Any, assign: bool) -> str | None:
        """Copy or assign one value; what is wrong with it, or None."""
        if isinstance(value, np.ndarray):
            value = dispatch.as_tensor(value, copy=assign)
        if not isinstance(value, Tensor):
            return f'While copying the parameter named "{key}", expected a Tensor, got {type(value).__name__}.'
        if is_lazy(mine):
            return None if is_lazy(value) else f"{key}: the parameter is not initialised yet; run the module once."
        if is_lazy(value):
            return f"{key}: the parameter in the checkpoint is not initialised."
        if mine.ndim == 0 and value.shape == (1,):
            value = value[0]
        if value.shape != mine.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {list(value.shape)} from checkpoint, "
                f"the shape in current model is {list(mine.shape)}."
            )
        try:
            with GradMode(False):
                if not assign:
                    mine.copy_(value)
                elif name not in self._parameters:
                    self._buffers[name] = value
                elif isinstance(value, Parameter):
                    self._parameters[name] = value.requires_grad_(mine.requires_grad)  # type: ignore[assignment]
                else:
                    self._parameters[name] = Parameter(value, mine.requires_grad)
        except TracegraphError as error:
            return f'While copying the parameter named "{key}", an exception occurred: {error}'
        return None

    def get_extra_state(self) -> Any:
        """What is to be saved besides tensors; a subclass that has something writes this and `set_extra_state`.

        Raises:
            RuntimeError: here.
        """
        raise RuntimeError(f"{type(self).__name__}.get_extra_state is not written; write it and set_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave.

        Raises:
            RuntimeError: here.
        """
        raise RuntimeError(f"{type(self).__name__}.set_extra_state is not written; write it and get_extra_state")

    # -- hooks --------------------------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[["Module", str, bool], None]) -> HookHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` looks at this module."""
        return HookHandle(self._own_table("_state_dict_pre_hooks"), hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> HookHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` once this module and all below it are entered."""
        return HookHandle(self._own_table("_state_dict_hooks"), (hook, False))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """The same; what the hook returns, unless None, takes the place of the state dict."""
        return HookHandle(self._own_table("_state_dict_hooks"), (hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> HookHandle:
        """Call a hook before this module takes what is its own from a state dict.

        `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., None], with_module: bool = False) -> HookHandle:
        return HookHandle(
            self._own_table("_load_state_dict_pre_hooks"), _WithModule(hook, self) if with_module else hook
        )

    def register_load_state_dict_post_hook(self, hook: Callable[["Module", IncompatibleKeys], None]) -> HookHandle:
        """Call `hook(module, incompatible_keys)` after this module and all below it have been loaded.

        It may change the lists of missing and unexpected keys.
        """
        return HookHandle(self._own_table("_load_state_dict_post_hooks"), hook)


class _WithModule:
    """A hook that is given its module first; a class, so that it follows a copy of the module."""

    def __init__(self, hook: Callable[..., None], module: Saving) -> None:
        self._hook, self._module = hook, module

    def __call__(self, *args: Any) -> None:
        self._hook(self._module, *args)


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


__all__ = ["IncompatibleKeys", "Saving", "StateDictError"]
