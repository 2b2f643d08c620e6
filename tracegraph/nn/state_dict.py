"""Saving and restoring what a module has learnt: the work behind `Module.state_dict` and `Module.load_state_dict`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tracegraph.autograd.modes import GradMode
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor

if TYPE_CHECKING:
    from tracegraph.nn.module import Module


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


def persistent_tensors(module: "Module", prefix: str = "") -> dict[str, tuple["Module", str, Tensor]]:
    """The parameters and persistent buffers by full name, each with the module that holds it and its name there."""
    found: dict[str, tuple[Module, str, Tensor]] = {}
    for name, parameter in module._parameters.items():
        if parameter is not None:
            found[prefix + name] = (module, name, parameter)
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers:
            found[prefix + name] = (module, name, buffer)
    for name, child in module._modules.items():
        if child is not None:
            found.update(persistent_tensors(child, f"{prefix}{name}."))
    return found


def load(module: "Module", state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy a state dict into the module's tensors. With `assign` its tensors take the place of the module's.

    Raises:
        ArgumentTypeError: when `state_dict` is not a mapping.
        StateDictError: when shapes differ or, with `strict`, keys are missing or left over; it lists all of them.
    """
    if not isinstance(state_dict, Mapping):
        raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    own = persistent_tensors(module)
    missing = [name for name in own if name not in state_dict]
    unexpected = [name for name in state_dict if name not in own]
    problems = []
    if strict and unexpected:
        problems.append(f"Unexpected key(s) in state_dict: {_listed(unexpected)}. ")
    if strict and missing:
        problems.append(f"Missing key(s) in state_dict: {_listed(missing)}. ")
    for name, (_, _, mine) in own.items():
        value = state_dict.get(name, mine)
        if not isinstance(value, Tensor):
            problems.append(f"{name}: expected a Tensor, got {type(value).__name__}.")
        elif value.shape != mine.shape:
            problems.append(
                f"size mismatch for {name}: copying a param with shape {list(value.shape)} from checkpoint, "
                f"the shape in current model is {list(mine.shape)}."
            )
    if problems:
        listed = "".join("\n\t" + problem for problem in problems)
        raise StateDictError(f"Error(s) in loading state_dict for {type(module).__name__}:{listed}")
    with GradMode(False):
        for name, (holder, key, mine) in own.items():
            if name not in state_dict:
                continue
            if assign:
                _replace(holder, key, mine, state_dict[name])
            else:
                mine.copy_(state_dict[name])
    return IncompatibleKeys(missing, unexpected)


def _replace(holder: "Module", key: str, mine: Tensor, value: Tensor) -> None:
    if key in holder._parameters:
        holder._parameters[key] = value if isinstance(value, Parameter) else Parameter(value, mine.requires_grad)
    else:
        holder._buffers[key] = value


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


__all__ = ["IncompatibleKeys", "StateDictError", "load", "persistent_tensors"]
