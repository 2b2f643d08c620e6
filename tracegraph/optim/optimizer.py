"""`Optimizer`: what all optimisers share. Their steps are tensor operations alone, so a traced step needs no Python."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from tracegraph import _state
from tracegraph.autograd.modes import GradMode, no_grad
from tracegraph.eager import default_dtype
from tracegraph.nn.module import zero_gradients
from tracegraph.nn.watched import WatchedDict, WatchedList, namespace_of
from tracegraph.observe import Child
from tracegraph.observe.values import MISSING, same
from tracegraph.optim.groups import ParamGroup, States
from tracegraph.optim.hooks import HOOKS, Hooks, hooked
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor, wrap
from tracegraph.trace.classify import register_expander

Active = list[tuple[Tensor, Tensor, WatchedDict]]
"""Parameters with a gradient: the parameter, its gradient, its state."""


class Optimizer(Hooks):
    """Base of the optimisers: parameter groups with settings, and a state per parameter.

    The state is made when a parameter is added, so that the first step is the same computation as every other.
    Subclasses write `init_state`, which makes it, and `update`, which does the step of one group; or all of `step`.

    Args:
        params: tensors, `named_parameters()`, or dicts with such "params" and settings of their own.
        defaults: the settings of groups that do not give theirs.
    """

    counts_steps: ClassVar[bool] = False
    """Whether the state has a 0-d tensor "step"; parameters that always step together share it."""

    state_type: ClassVar[type[WatchedDict]] = WatchedDict
    """What the state of one parameter is kept in."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor"
            )
        self._begin_hooks()
        self.defaults = defaults
        self.state = States()
        self.param_groups = WatchedList()
        given = list(params)
        if not given:
            raise ArgumentError("optimizer got an empty parameter list")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def __setattr__(self, name: str, value: Any) -> None:
        if not same(namespace_of(self).get(name, MISSING), value):
            _state.bump_epoch()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        _state.bump_epoch()
        object.__delattr__(self, name)

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The state of a parameter before the first step (without "step")."""
        return {}

    def update(self, group: ParamGroup, active: Active) -> None:
        """Do the step of the parameters of a group that have a gradient."""
        raise NotImplementedError

    # -- groups and state ---------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own: a dict with "params" and settings.

        Raises:
            ArgumentTypeError: when one is not a tensor.
            ArgumentError: when one is not a leaf or is in another group already.
        """
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _separated(param_group["params"])
        for parameter in params:
            if not isinstance(parameter, Tensor):
                raise ArgumentTypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(parameter).__name__}"
                )
            if not parameter.is_leaf:
                raise ArgumentError("can't optimize a non-leaf Tensor")
        if any(("param_names" in group) != bool(names) for group in list.__iter__(self.param_groups)):
            raise ArgumentError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        known = {id(parameter) for group in self.param_groups for parameter in group.setting("params")}
        ids = {id(parameter) for parameter in params}
        if known & ids or len(ids) < len(params):
            raise ArgumentError("some parameters appear in more than one parameter group")
        named = {"param_names": names} if names else {}
        group = ParamGroup({**self.defaults, **param_group, **named, "params": WatchedList(params)})
        self.param_groups.append(group)
        self._start_states(group, [parameter for parameter in params if parameter.requires_grad])

    def _start_states(self, group: ParamGroup, parameters: list[Tensor]) -> None:
        """Give parameters their first state."""
        step = scalar_state(0.0)
        for parameter in parameters:
            made = self.state_type()
            if self.counts_steps:
                made["step"] = step
            made.update(self.init_state(parameter, group))
            if made:
                self.state[parameter] = made

    def part(self, state: WatchedDict, name: str, parameter: Tensor) -> Tensor:
        """A tensor of a state; zeros if a setting that asks for it was changed after the state was made."""
        found = state.get(name)
        return state.setdefault(name, self.zeros_like(parameter)) if found is None else found  # type: ignore[no-any-return]

    @staticmethod
    def zeros_like(parameter: Tensor) -> Tensor:
        """A new tensor of zeros in the parameter's shape and dtype."""
        return wrap(np.zeros(parameter._data.shape, parameter._data.dtype))

    # -- the step -----------------------------------------------------------------------------------------------------

    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters that have a gradient.

        `closure` computes the loss and the gradients first and is returned.
        """
        loss = None
        if closure is not None:
            with GradMode(True):
                loss = closure()
        with GradMode(False):
            for group in list.__iter__(self.param_groups):
                active = self._active(group)
                if active:
                    self.update(group, active)
        return loss

    def _active(self, group: ParamGroup) -> Active:
        """The parameters of a group that have a gradient, with their state; counts the step."""
        pairs: list[tuple[Tensor, Tensor]] = []
        idle: list[Tensor] = []
        for parameter in list.__iter__(group.setting("params")):
            gradient = parameter.grad
            if gradient is None:
                idle.append(parameter)
            else:
                pairs.append((parameter, gradient))
        state = self.state
        if self.counts_steps:
            fresh = [parameter for parameter, _ in pairs if parameter not in state]
            if fresh:
                self._start_states(group, fresh)
        active = [(parameter, gradient, state.get(parameter, _NONE)) for parameter, gradient in pairs]
        if self.counts_steps and active:
            self._count(active, idle)
        return active

    def _count(self, active: Active, idle: list[Tensor]) -> None:
        """Add 1 to the steps; parameters that have stepped together so far and do not now get counts of their own."""
        resting = {id(self.state[parameter]["step"]) for parameter in idle if parameter in self.state}
        counts: dict[int, Tensor] = {}
        for _, _, state in active:
            step = state["step"]
            if id(step) not in counts:
                counts[id(step)] = step.clone() if id(step) in resting else step
            if id(step) in resting:
                state["step"] = counts[id(step)]
        for step in counts.values():
            step.add_(1)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` set them to zero."""
        zero_gradients(self._parameters(), set_to_none)

    def _parameters(self) -> Iterator[Tensor]:
        for group in list.__iter__(self.param_groups):
            yield from list.__iter__(group.setting("params"))

    # -- saving -------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and settings, with parameters replaced by their numbers: {"state": {0: ...}, "param_groups": [...]}.

        As in PyTorch, parameters that have not stepped yet have no state there.
        """
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self)
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        saved = {numbers[id(p)]: self.saved_state(held) for p, held in self.state.items() if id(p) in numbers}
        made: dict[str, Any] = {"state": {n: held for n, held in saved.items() if held}, "param_groups": groups}
        for hook in list(self._state_dict_post_hooks.values()):
            replaced = hook(self, made)
            made = made if replaced is None else replaced
        return made

    def saved_state(self, held: WatchedDict) -> dict[str, Any]:
        """The state of a parameter in the form of PyTorch; empty before its first step."""
        return {} if self.counts_steps and held["step"].item() == 0 else dict(held)

    def loaded_state(self, saved: dict[str, Any], group: ParamGroup) -> dict[str, Any]:
        """The inverse of `saved_state`."""
        return saved

    @no_grad
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings, copied into the state's tensors in place.

        Raises:
            ArgumentError: when groups or numbers of parameters differ.
        """
        state_dict = dict(state_dict)
        for hook in list(self._load_state_dict_pre_hooks.values()):
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ArgumentError("loaded state dict has a different number of parameter groups")
        if any(len(new["params"]) != len(old["params"]) for new, old in zip(groups, self.param_groups, strict=True)):
            raise ArgumentError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        for group, loaded in zip(self.param_groups, groups, strict=True):
            for name, value in loaded.items():
                if name != "params":
                    group[name] = value.clone() if isinstance(value, Tensor) else value
            states = [state_dict["state"].get(number, {}) for number in loaded["params"]]
            self._load_group(group, states)
        for hook in list(self._load_state_dict_post_hooks.values()):
            hook(self)

    def _load_group(self, group: ParamGroup, states: list[dict[str, Any]]) -> None:
        pairs = list(zip(group["params"], states, strict=True))
        self._start_states(group, [p for p, loaded in pairs if p not in self.state and (loaded or p.requires_grad)])
        if self.counts_steps:
            self._load_counts([(p, float(loaded.get("step", 0.0))) for p, loaded in pairs if p in self.state])
        for parameter, loaded in pairs:
            if not loaded and parameter not in self.state:
                continue
            held = self.state[parameter]
            wanted = {**self.init_state(parameter, group), **self.loaded_state(loaded, group)}
            for name in set(held) - set(wanted) - {"step"}:
                del held[name]
            for name, value in wanted.items():
                if name == "step" and self.counts_steps:
                    continue
                present = held.get(name)
                if isinstance(present, Tensor):
                    present.copy_(value if isinstance(value, Tensor) else wrap(np.asarray(value)))
                else:
                    held[name] = _copied(value, parameter)

    def _load_counts(self, counts: list[tuple[Tensor, float]]) -> None:
        """Set the steps; equal ones share a tensor."""
        shared: dict[float, Tensor] = {}
        used: set[int] = set()
        for parameter, count in counts:
            held = self.state[parameter]
            if count not in shared:
                step = held["step"] if id(held["step"]) not in used else scalar_state(count)
                step.fill_(count)
                used.add(id(step))
                shared[count] = step
            held["step"] = shared[count]

    def __getstate__(self) -> dict[str, Any]:
        return {
            "attributes": {k: v for k, v in namespace_of(self).items() if k not in _NOT_SAVED},
            "state": [(parameter, dict(held)) for parameter, held in self.state.items()],
            "param_groups": [{**group.copy(), "params": list(group["params"])} for group in self.param_groups],
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        namespace_of(self).update(saved["attributes"])
        self._begin_hooks()
        self.state = States()
        for parameter, held in saved["state"]:
            self.state[parameter] = self.state_type(held)
        groups = [ParamGroup({**group, "params": WatchedList(group["params"])}) for group in saved["param_groups"]]
        self.param_groups = WatchedList(groups)

    def __repr__(self) -> str:
        groups = [
            "\n".join(
                [
                    f"Parameter Group {number}",
                    *(f"    {name}: {group[name]}" for name in sorted(group) if name != "params"),
                ]
            )
            for number, group in enumerate(self.param_groups)
        ]
        return f"{type(self).__name__} (\n" + "\n\n".join(groups) + "\n)"


_NOT_SAVED = ("state", "param_groups", *HOOKS)
"""Attributes that copies do not take over as they are."""
_NONE = WatchedDict()
"""The state of a parameter of an optimiser that keeps none."""


def scalar_state(value: float) -> Tensor:
    """A 0-d tensor for the state, in the default dtype."""
    return wrap(np.array(value, default_dtype()))


def _separated(listed: Any) -> tuple[list[Any], list[str]]:
    """The parameters of a group, and their names if they come with names."""
    if isinstance(listed, set | frozenset):
        raise ArgumentTypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    given = [listed] if isinstance(listed, Tensor) else list(listed)
    names = [each[0] for each in given if isinstance(each, tuple)]
    if names and len(names) < len(given):
        raise ArgumentError("all optimizer params should be with/without names. Some param names are missing")
    return [each[1] if isinstance(each, tuple) else each for each in given], names


def _copied(value: Any, parameter: Tensor) -> Any:
    """A loaded value as the state keeps it: tensors are new and have the dtype of the parameter."""
    if isinstance(value, Tensor):
        return value.detach().to(parameter._data.dtype).clone()
    if isinstance(value, list):
        return [_copied(part, parameter) for part in value]
    return value


def _attribute(name: str) -> Callable[[Any], object]:
    return lambda optimizer: namespace_of(optimizer).get(name, MISSING)


def expand(optimizer: Any) -> Iterator[Child]:
    """The parts of an optimiser."""
    yield Child("(names)", lambda held: tuple(namespace_of(held)), tuple(namespace_of(optimizer)))
    for name, value in namespace_of(optimizer).items():
        yield Child(name, _attribute(name), value)


register_expander(Optimizer, expand)

__all__ = ["Active", "Optimizer", "scalar_state"]
