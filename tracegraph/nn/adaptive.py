"""`AdaptiveLogSoftmaxWithLoss`: the likelihood of many classes, of which the rare ones get smaller vectors."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from tracegraph.compiler.ops.joining import cat
from tracegraph.nn.container import ModuleList, Sequential
from tracegraph.nn.linear import Linear
from tracegraph.nn.module import Module
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor


class OutputAndLoss(NamedTuple):
    """The log-probabilities of the targets, (n,), and their mean, negated."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probabilities of classes that are sorted by their frequency, the most frequent first.

    The head scores the classes below the first cutoff, and one cluster for each further range of classes; the classes
    of a cluster are scored from a projection of the input, smaller by `div_value` from cluster to cluster.

    All clusters are computed for all inputs, which keeps traced functions static.

    Args:
        in_features: the size of the inputs.
        n_classes: how many classes there are.
        cutoffs: the numbers of classes at which clusters begin, increasing.
        div_value: by what the size of the projection shrinks.
        head_bias: the head adds a bias.
        device: the CPU.
        dtype: of the parameters.

    Grave and others, "Efficient softmax approximation for GPUs", arXiv:1609.04309.

    >>> layer = tracegraph.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10])
    >>> layer(tracegraph.zeros(3, 8), tracegraph.tensor([0, 7, 19])).output.shape
    (3,)
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        bounds = [0, *cutoffs, n_classes]
        if len(bounds) == 2 or any(int(high) != high or low >= high for low, high in itertools.pairwise(bounds)):
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs must be increasing integers from 1 to {n_classes - 1}, "
                f"at least one, got {list(cutoffs)}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = bounds[1:]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for number, (low, high) in enumerate(itertools.pairwise(self.cutoffs), 1):
            size = int(in_features // (div_value**number))
            self.tail.append(
                Sequential(
                    Linear(in_features, size, bias=False, device=device, dtype=dtype),
                    Linear(size, high - low, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> OutputAndLoss:
        """Inputs (n, in_features) and class numbers (n,), or one of each, to log-probabilities of the targets and loss.

        Raises:
            ShapeError: when the shapes do not fit.
            IndexError: when a target is not a class.
        """
        if target_.ndim > 1 or input_.ndim != target_.ndim + 1 or input_.shape[:-1] != target_.shape:
            raise ShapeError(
                "AdaptiveLogSoftmaxWithLoss: takes inputs (n, features) with targets (n,), or (features,) with (), "
                f"got shapes {input_.shape} and {target_.shape}"
            )
        rows = input_ if input_.ndim == 2 else input_.unsqueeze(0)
        output = self.log_prob(rows).gather(1, target_.reshape((rows.shape[0], 1))).sum(1)
        loss = -output.mean()
        return OutputAndLoss(output if target_.ndim else output.reshape(()), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, (n, n_classes)."""
        head = self.head(input).log_softmax(1)
        parts = [head[:, : self.shortlist_size]]
        for number, projection in enumerate(self.tail):
            place = self.shortlist_size + number
            parts.append(projection(input).log_softmax(1) + head[:, place : place + 1])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each input, (n,)."""
        return self.log_prob(input).argmax(1)  # type: ignore[no-any-return]


__all__ = ["AdaptiveLogSoftmaxWithLoss"]
