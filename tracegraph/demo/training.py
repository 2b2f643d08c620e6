"""`Trainer`: a small convolutional network and its optimiser, trained eagerly or traced by the same functions."""

import time
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from tracegraph import nn, optim, random
from tracegraph.autograd import no_grad
from tracegraph.construct import tensor
from tracegraph.tensor import Tensor
from tracegraph.trace import TracedFunction, trace

OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "adam": lambda parameters: optim.Adam(parameters, lr=1e-3),
    "sgd": lambda parameters: optim.SGD(parameters, lr=0.02, momentum=0.9),
}


def build_network() -> nn.Module:
    """The network of PyTorch's MNIST example: images (n, 1, 28, 28) to the logits (n, 10) of the classes."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


class Trainer:
    """A network, its optimiser, and its own place in the sequence of random numbers.

    Two trainers may be used in turns: each draws the numbers it would draw alone.

    Args:
        seed: Of the initial parameters and of dropout.
        traced: Whether the steps are traced.
        optimiser: "adam" or "sgd".
    """

    def __init__(self, seed: int, *, traced: bool, optimiser: str = "adam") -> None:
        random.manual_seed(seed)
        network = build_network()
        updates = OPTIMISERS[optimiser](network.parameters())

        def train_step(images: Tensor, labels: Tensor) -> Tensor:
            updates.zero_grad()
            loss = nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            updates.step()
            return loss

        def predict(images: Tensor) -> Tensor:
            with no_grad():
                return network(images).argmax(1)  # type: ignore[no-any-return]

        self.network = network
        self.optimiser = updates
        self.train_step: Callable[[Tensor, Tensor], Tensor] = trace(train_step) if traced else train_step
        self.predict: Callable[[Tensor], Tensor] = trace(predict) if traced else predict
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self._random = random.get_rng_state()

    @property
    def traced_step(self) -> TracedFunction[..., Tensor]:
        """The traced training step.

        Raises:
            TypeError: this trainer is eager.
        """
        if not isinstance(self.train_step, TracedFunction):
            raise TypeError("this trainer is not traced")
        return self.train_step

    def step(self, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
        """One step of training on a batch; notes its loss and its time in seconds, and returns the loss."""
        batch, truth = tensor(images), tensor(labels)
        random.set_rng_state(self._random)
        started = time.perf_counter()
        loss = self.train_step(batch, truth)
        self.seconds.append(time.perf_counter() - started)
        self._random = random.get_rng_state()
        self.losses.append(float(loss.item()))
        return self.losses[-1]

    def accuracy(self, images: npt.NDArray[Any], labels: npt.NDArray[Any], *, batch_size: int = 250) -> float:
        """The share of images whose class is predicted rightly, from 0 to 1; dropout is off meanwhile."""
        self.network.eval()
        try:
            right = 0
            for start in range(0, len(labels), batch_size):
                answers = self.predict(tensor(images[start : start + batch_size]))
                right += int((answers.numpy() == labels[start : start + batch_size]).sum())
        finally:
            self.network.train()
        return right / len(labels)
