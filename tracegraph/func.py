"""Modules as functions of their parameters: `functional_call`."""

from collections.abc import Mapping, Sequence
from typing import Any

from tracegraph.nn.module import Module
from tracegraph.nn.state_dict import StateDictError
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor

Tensors = Mapping[str, Tensor]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Tensors | Sequence[Tensors],
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of some of its parameters and buffers.

    Args:
        module: the module; it is as it was afterwards.
        parameter_and_buffer_dicts: tensors by the names of `named_parameters` and `named_buffers`; or several dicts.
        args: of the call; what is no tuple is the only one.
        kwargs: of the call.
        tie_weights: use a tensor for all names of a parameter that has several.
        strict: all parameters and buffers have to be given; otherwise unknown names are passed over as well.

    Raises:
        ArgumentError: for a name given twice, and what is no dict.
        StateDictError: with `strict`, for unknown names and missing ones.

    >>> layer = tracegraph.nn.Linear(1, 1, bias=False)
    >>> tracegraph.func.functional_call(layer, {"weight": tracegraph.tensor([[3.0]])}, tracegraph.ones(1, 1))
    tensor([[3.]])
    """
    given = _merged(parameter_and_buffer_dicts)
    holders: dict[str, tuple[dict[str, Any], str]] = {}
    for path, one in module.named_modules(remove_duplicate=False):
        tables: Any = (one._parameters, one._buffers)
        for table in tables:
            holders.update({f"{path}.{name}" if path else name: (table, name) for name in table})
    present = {full: table[name] for full, (table, name) in holders.items() if table[name] is not None}
    unknown = [name for name in given if name not in present]
    used = {name: tensor for name, tensor in given.items() if name in present}
    if tie_weights:
        by_identity = {id(present[name]): tensor for name, tensor in used.items()}
        tied = {name: by_identity[id(own)] for name, own in present.items() if id(own) in by_identity}
        used = tied | used
    missing = [name for name in present if name not in used]
    if strict and (unknown or missing):
        raise StateDictError(f"functional_call of {type(module).__name__}: missing {missing}, unexpected {unknown}")
    try:
        for full, tensor in used.items():
            table, name = holders[full]
            table[name] = tensor
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for full in used:
            table, name = holders[full]
            table[name] = present[full]


def _merged(given: Any) -> dict[str, Tensor]:
    if isinstance(given, Mapping):
        return dict(given)
    if not isinstance(given, Sequence) or not all(isinstance(one, Mapping) for one in given):
        raise ArgumentError(
            f"functional_call: takes a dict of tensors or a sequence of such, not a {type(given).__name__}"
        )
    merged: dict[str, Tensor] = {}
    for one in given:
        twice = [name for name in one if name in merged]
        if twice:
            raise ArgumentError(f"functional_call: {', '.join(map(repr, twice))} given twice")
        merged.update(one)
    return merged


__all__ = ["functional_call"]
