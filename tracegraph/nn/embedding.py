"""`Embedding`: a learnt vector for each of a number of things."""

from typing import Any

from tracegraph.autograd.modes import GradMode
from tracegraph.nn import functional, init
from tracegraph.nn.linear import new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class Embedding(Module):
    """A table of `num_embeddings` learnt vectors, looked up by number.

    Row `padding_idx` stays as it is (zeros at first).

    The vectors are standard normal at first.

    >>> tracegraph.nn.Embedding(10, 3)(tracegraph.tensor([[1, 2], [3, 4]])).shape
    (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(f"padding_idx {padding_idx} must be within num_embeddings {num_embeddings}")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = new_parameter(num_embeddings, embedding_dim, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with GradMode(False):
                self.weight[self.padding_idx].zero_()

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> "Embedding":
        """An embedding over a given table (num_embeddings, embedding_dim), not learnt if `freeze`."""
        made = cls(embeddings.shape[0], embeddings.shape[1], padding_idx)
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        return made

    def forward(self, input: Tensor) -> Tensor:
        """Integers (...) to vectors (..., embedding_dim)."""
        return functional.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


__all__ = ["Embedding"]
