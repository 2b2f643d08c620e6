"""`Embedding`: a learnt vector for each of a number of things; `EmbeddingBag`: their sums, means or maxima."""

from typing import Any

from tracegraph.autograd.modes import GradMode
from tracegraph.nn import functional, init
from tracegraph.nn.linear import new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor


class _Table(Module):
    """A table of vectors, looked up by number."""

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
    ) -> None:
        super().__init__()
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(f"padding_idx {padding_idx} must be within num_embeddings {num_embeddings}")
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse

    def _fill(self, given: Tensor | None, freeze: bool, device: Any, dtype: Any) -> None:
        """Make the table: a new one, or a given one."""
        check_device(type(self).__name__, device)
        shape = (self.num_embeddings, self.embedding_dim)
        if given is None:
            self.weight = new_parameter(*shape, dtype=dtype)
            self.weight.requires_grad_(not freeze)
            self.reset_parameters()
            return
        if given.shape != shape:
            raise ShapeError(f"{type(self).__name__}: a table of shape {given.shape} is given, {shape} is wanted")
        self.weight = Parameter(given, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with GradMode(False):
                self.weight[self.padding_idx].zero_()

    def _limits(self) -> str:
        """What is not as by default, for the representation."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        return text + (f", scale_grad_by_freq={self.scale_grad_by_freq}" if self.scale_grad_by_freq else "")


class Embedding(_Table):
    """A table of `num_embeddings` learnt vectors, looked up by number; standard normal at first.

    Args:
        num_embeddings: how many.
        embedding_dim: the size of each.
        padding_idx: this row stays as it is, zeros at first.
        max_norm: vectors that are looked up and longer are scaled down to it, in place.
        norm_type: the order of the norm that measures their length.
        scale_grad_by_freq: divide the gradient of a vector by how often it is looked up in a call.
        sparse: accepted; gradients are dense.
        device: the CPU.
        dtype: of the vectors.

    >>> tracegraph.nn.Embedding(10, 3)(tracegraph.tensor([[1, 2], [3, 4]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self._fill(_weight, _freeze, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> "Embedding":
        """An embedding over a given table (num_embeddings, embedding_dim), not learnt if `freeze`."""
        count, size = _sizes(cls.__name__, embeddings)
        return cls(count, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        """Integers (...) to vectors (..., embedding_dim)."""
        return functional.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """The sizes and options."""
        sizes = f"{self.num_embeddings}, {self.embedding_dim}"
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{sizes}{padding}{self._limits()[len(sizes) :]}{', sparse=True' if self.sparse else ''}"


class EmbeddingBag(_Table):
    """Sums, means or maxima of bags of the vectors of an `Embedding`, without the vectors in between.

    Args:
        num_embeddings: how many vectors.
        embedding_dim: the size of each.
        max_norm: vectors that are looked up and longer are scaled down to it, in place.
        norm_type: the order of the norm that measures their length.
        scale_grad_by_freq: divide the gradient of a vector by how often it is looked up in a call.
        mode: "sum", "mean" or "max".
        sparse: accepted; gradients are dense.
        include_last_offset: the offsets end with the end of the last bag.
        padding_idx: left out of the bags.
        device: the CPU.
        dtype: of the vectors.

    >>> tracegraph.nn.EmbeddingBag(10, 3)(tracegraph.tensor([1, 2, 3]), tracegraph.tensor([0, 2])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self.mode = mode
        self.include_last_offset = include_last_offset
        self._fill(_weight, False, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> "EmbeddingBag":
        """Bags over a given table (num_embeddings, embedding_dim), not learnt if `freeze`."""
        count, size = _sizes(cls.__name__, embeddings)
        made = cls(
            count,
            size,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        made.weight.requires_grad_(not freeze)
        return made

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Integers (bags, n), or (n,) with the offsets of the bags, to vectors (bags, embedding_dim)."""
        return functional.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """The sizes and options."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self._limits()}, mode={self.mode!r}{padding}"


def _sizes(name: str, embeddings: Tensor) -> tuple[int, int]:
    """How many vectors a given table has, and their size."""
    if embeddings.ndim != 2:
        raise ShapeError(f"{name}: a table has two dimensions, got shape {embeddings.shape}")
    return embeddings.shape[0], embeddings.shape[1]


__all__ = ["Embedding", "EmbeddingBag"]
