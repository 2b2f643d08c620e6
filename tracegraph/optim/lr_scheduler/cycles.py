"""`CyclicLR` and `OneCycleLR`: rates that rise and fall, with the momentum going the other way."""

import math
from collections.abc import Callable
from typing import Any

from tracegraph.autograd.modes import no_grad
from tracegraph.optim.groups import ParamGroup
from tracegraph.optim.lr_scheduler.base import (
    ANNEALING,
    LRScheduler,
    Rates,
    check_annealing,
    check_optimizer,
    function_state,
    per_group,
    positive_whole,
    set_in,
)
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError

_MODES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "triangular": ("cycle", lambda gamma, x: 1.0),
    "triangular2": ("cycle", lambda gamma, x: 1 / 2.0 ** (x - 1)),
    "exp_range": ("iterations", lambda gamma, x: float(gamma**x)),
}
"""What the amplitude of a cycle is multiplied by, as a function of the number of the cycle or of the step."""


class _Cycling(LRScheduler):
    """Schedulers that move "momentum", or the first of "betas", against the rate."""

    cycle_momentum: bool

    def _begin_momentum(self, optimizer: Optimizer, base: Any, most: Any, last_epoch: int) -> None:
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ArgumentError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in optimizer.defaults
        least = per_group("base_momentum", optimizer, base)
        for group, low, high in zip(
            optimizer.param_groups, least, per_group("max_momentum", optimizer, most), strict=True
        ):
            if last_epoch == -1:
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low

    def _set_momentum(self, group: ParamGroup, value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_Cycling):
    """Between `base_lr` and `max_lr`, up in `step_size_up` steps and down in `step_size_down` (arXiv:1506.01186).

    Args:
        optimizer: the optimiser whose rates are set.
        base_lr: the lowest rate, or a list with one for each group.
        max_lr: the highest rate of the first cycle, or a list.
        step_size_up: the steps on the way up.
        step_size_down: the steps on the way down; as many as up if None.
        mode: "triangular", "triangular2" (half as high each cycle) or "exp_range" (`gamma` times each step).
        gamma: for "exp_range".
        scale_fn: a function that multiplies the height instead of `mode`.
        scale_mode: whether `scale_fn` is given the number of the "cycle" or of the step ("iterations").
        cycle_momentum: move the momentum the other way.
        base_momentum: the lowest momentum, or a list.
        max_momentum: the highest momentum, or a list.
        last_epoch: the step to go on from.

    Raises:
        ArgumentError: for an unknown mode, lists of another length, an optimiser without momentum.
    """

    _not_saved = ("optimizer", "_scale_fn_custom")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        base_lrs = per_group("base_lr", check_optimizer(optimizer), base_lr)
        if last_epoch == -1:
            self._set_all(optimizer, base_lrs)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = step_size_up / self.total_size
        if mode not in _MODES and scale_fn is None:
            raise ArgumentError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _MODES[mode][0]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    @staticmethod
    @no_grad
    def _set_all(optimizer: Optimizer, rates: Rates) -> None:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            set_in(group, "lr", rate)

    def scale_fn(self, x: float) -> float:
        """What the height is multiplied by."""
        return self._scale_fn_custom(x) if self._scale_fn_custom is not None else _MODES[self.mode][1](self.gamma, x)

    def get_lr(self) -> Rates:
        """The rates of this step; sets the momenta."""
        self._rates_now()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser; of a `scale_fn` the attributes, if it is an object of the user's."""
        custom = self._scale_fn_custom
        return {**super().state_dict(), "_scale_fn_custom": None if custom is None else function_state(custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])


class OneCycleLR(_Cycling):
    """Up to `max_lr` and then down to almost nothing, in `total_steps` steps (Smith and Topin, arXiv:1708.07120).

    Args:
        optimizer: the optimiser whose rates are set.
        max_lr: the highest rate, or a list with one for each group.
        total_steps: all steps; or give `epochs` and `steps_per_epoch`.
        epochs: the epochs.
        steps_per_epoch: the steps of each.
        pct_start: the part of all steps on the way up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum the other way.
        base_momentum: the lowest momentum, or a list.
        max_momentum: the highest momentum, or a list.
        div_factor: the first rate is `max_lr / div_factor`.
        final_div_factor: the last rate is the first one divided by this.
        three_phase: come down to the first rate as fast as up, then to the last one.
        last_epoch: the step to go on from.

    Raises:
        ArgumentError: for steps that are not positive, lists of another length, an optimiser without momentum.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = check_annealing(anneal_strategy)
        for group, most in zip(optimizer.param_groups, per_group("max_lr", optimizer, max_lr), strict=True):
            if last_epoch == -1:
                group["initial_lr"] = most / div_factor
                group["max_lr"] = most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The rates of this step; sets the momenta."""
        self._rates_now()
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        anneal, begin = ANNEALING[self._anneal_func_type], 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            begin = phase["end_step"]
        part = (self.last_epoch - begin) / (phase["end_step"] - begin)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(anneal(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                value = anneal(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                self._set_momentum(group, value)
        return rates


def _steps(total: Any, epochs: Any, each: Any) -> int:
    given = {"total_steps": total} if total is not None else {"epochs": epochs, "steps_per_epoch": each}
    if None in given.values():
        raise ArgumentError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return math.prod(positive_whole(name, value) for name, value in given.items())


def _phases(steps: int, up: Any, three: bool) -> list[dict[str, Any]]:
    """When each phase ends, and between which settings of a group it goes."""
    if not isinstance(up, float) or not 0 <= up <= 1:
        raise ArgumentError(f"Expected float between 0 and 1 pct_start, but got {up}")
    peak, last = float(up * steps) - 1, steps - 1
    rows = [(peak, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
    if three:
        rows.append((float(2 * up * steps) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        rows.append((last, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
    else:
        rows.append((last, "max_lr", "min_lr", "base_momentum", "max_momentum"))
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    return [dict(zip(names, row, strict=True)) for row in rows]


__all__ = ["CyclicLR", "OneCycleLR"]
