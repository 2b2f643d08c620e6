"""Averages of weights: `AveragedModel` with `update_bn`, and `SWALR`, which anneals the rate to a constant one.

Izmailov and others, "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv:1803.05407.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tracegraph.autograd.modes import no_grad
from tracegraph.construct import tensor
from tracegraph.nn.batch_normalisation import _BatchNorm
from tracegraph.nn.module import Module
from tracegraph.optim.lr_scheduler.base import ANNEALING, LRScheduler, Rates, check_annealing, current, per_group
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor

Average = Callable[[Tensor, Tensor, Any], Tensor]
"""Gives the new average from the average, the new value, and how many values are in the average."""
Averages = Callable[[list[Tensor], list[Tensor], Any], None]
"""The same for lists, in place."""


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An exponential average: `decay * average + (1 - decay) * value`.

    Raises:
        ArgumentError: for a decay outside [0, 1].
    """
    _check_decay(decay)

    def ema_update(average: Tensor, value: Tensor, count: Any) -> Tensor:
        return average * decay + value * (1 - decay)

    return no_grad(ema_update)


def get_swa_avg_fn() -> Average:
    """The mean of all values."""

    def swa_update(average: Tensor, value: Tensor, count: Any) -> Tensor:
        moved: Tensor = average + (value - average) / (count + 1)
        return moved

    return no_grad(swa_update)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """An exponential average of lists of tensors, in place.

    Raises:
        ArgumentError: for a decay outside [0, 1].
    """
    return _for_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Averages:
    """The mean of lists of tensors, in place."""
    return _for_lists(get_swa_avg_fn())


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _for_lists(average_of: Average) -> Averages:
    def update(averages: list[Tensor], values: list[Tensor], count: Any) -> None:
        for average, value in zip(averages, values, strict=True):
            average.copy_(average_of(average, value, count))

    return no_grad(update)


class AveragedModel(Module):
    """A copy of a model with the average of the weights that `update_parameters` is shown.

    Args:
        model: the model to copy.
        device: where the copy is kept.
        avg_fn: gives the new average from the average, the new value and the number of values; the mean if None.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average buffers too, instead of copying them.

    Raises:
        ArgumentError: for both `avg_fn` and `multi_avg_fn`.

    >>> model = tracegraph.nn.Linear(2, 1)
    >>> averaged = tracegraph.optim.swa_utils.AveragedModel(model)
    >>> averaged.update_parameters(model)
    >>> int(averaged.n_averaged)
    1
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=np.int64))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    @no_grad
    def update_parameters(self, model: Module) -> None:
        """Take the weights of a model into the average; the first ones are copied."""
        averages, values = self._tensors(self.module), [each.detach() for each in self._tensors(model)]
        if self.n_averaged == 0:
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(averages, values, self.n_averaged)
        else:
            _for_lists(self.avg_fn or get_swa_avg_fn())(averages, values, self.n_averaged)
        if not self.use_buffers:
            for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                kept.copy_(buffer)
        self.n_averaged.add_(1)

    def _tensors(self, model: Module) -> list[Tensor]:
        return [*model.parameters(), *(model.buffers() if self.use_buffers else ())]


@no_grad
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalisations anew, as means over the batches of `loader`.

    Args:
        loader: batches; of a list or tuple the first element is the input.
        model: the model, which is called with each input.
        device: where inputs are moved to.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta, was_training = [module.momentum for module in norms], model.training
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    model.train()
    for batch in loader:
        given = batch[0] if isinstance(batch, list | tuple) else batch
        model(given if device is None else given.to(device))
    for module, momentum in zip(norms, momenta, strict=True):
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the rates as they are to constant ones, in `anneal_epochs` epochs.

    Args:
        optimizer: the optimiser whose rates are set.
        swa_lr: the rate at the end, or a list with one for each group.
        anneal_epochs: the epochs until then.
        anneal_strategy: "cos" or "linear".
        last_epoch: the epoch to go on from.

    Raises:
        ArgumentError: for an unknown strategy, negative epochs, a list of another length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = check_annealing(anneal_strategy)
        self.anneal_epochs = _epochs(anneal_epochs)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """Each rate's start, found from what it is now, and from there on towards the end."""
        step = self._step_count - 1 if self.anneal_epochs else max(1, self._step_count - 1)
        before, now = (self._part(number) for number in (step - 1, step))
        rates = []
        for rate, end in zip(self._rates_now(), current(self.optimizer, "swa_lr"), strict=True):
            start = end if before == 1 else (rate - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates

    def _part(self, step: int) -> float:
        """How much of the way is done."""
        done = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return float(ANNEALING[self._anneal_strategy](0.0, 1.0, done))


def _epochs(given: Any) -> int:
    if not isinstance(given, int) or given < 0:
        raise ArgumentError(f"anneal_epochs must be equal or greater than 0, got {given}")
    return given


__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]
