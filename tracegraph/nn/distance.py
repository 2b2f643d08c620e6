"""Distances of vectors as layers: `CosineSimilarity` and `PairwiseDistance`."""

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.tensor import Tensor

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along a dimension; norms below `eps` count as `eps`.

    >>> tracegraph.nn.CosineSimilarity()(tracegraph.tensor([[1.0, 1.0]]), tracegraph.tensor([[2.0, 0.0]]))
    tensor([0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two shapes that broadcast; the result lacks the dimension."""
        return functional.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The norm of order `p` of the difference of vectors along the last dimension.

    >>> tracegraph.nn.PairwiseDistance(eps=0.0)(tracegraph.tensor([[3.0, 4.0]]), tracegraph.tensor([[0.0, 0.0]]))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(n, d) or (d) each, or shapes that broadcast; the result lacks the last dimension unless `keepdim`."""
        return functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
