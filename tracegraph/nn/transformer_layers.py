"""The layers of transformers: `TransformerEncoderLayer` and `TransformerDecoderLayer`.

Vaswani and others, arXiv:1706.03762; `norm_first` as in Xiong and others, arXiv:2002.04745.
"""

from collections.abc import Callable
from typing import Any

from tracegraph.nn import functional
from tracegraph.nn.attention import MultiheadAttention
from tracegraph.nn.dropout import Dropout
from tracegraph.nn.linear import Linear
from tracegraph.nn.module import Module
from tracegraph.nn.normalisation import LayerNorm
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]


def _activation(given: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise ArgumentError(f"activation should be relu/gelu, not {given}")
    return functional.relu if given == "relu" else functional.gelu


class _Layer(Module):
    """What the layers share: blocks of attention and of a feed-forward network, each with residual and layer norm."""

    activation: Callable[[Tensor], Tensor]

    def __init__(
        self,
        attentions: tuple[str, ...],
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: Activation,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        dtype: Any,
    ) -> None:
        super().__init__()
        for name in attentions:
            made = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype)
            self.add_module(name, made)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, dtype=dtype)
        self.norm_first = norm_first
        blocks = range(1, len(attentions) + 2)
        for number in blocks:
            self.add_module(f"norm{number}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
        for number in blocks:
            self.add_module(f"dropout{number}", Dropout(dropout))
        self.activation = _activation(activation)

    def _run(self, x: Tensor, blocks: list[Callable[[Tensor], Tensor]]) -> Tensor:
        """Add each block's result to what it gets, with the layer norm before the block or after the sum."""
        for number, block in enumerate(blocks, 1):
            norm, dropout = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
            x = x + dropout(block(norm(x))) if self.norm_first else norm(x + dropout(block(x)))
        return x

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))  # type: ignore[no-any-return]


def _attend(
    attention: Any, memory: Tensor | None, mask: Tensor | None, padding: Tensor | None, *, causal: bool
) -> Callable[[Tensor], Tensor]:
    """A block of attention to a memory, or of its input to itself."""

    def block(x: Tensor) -> Tensor:
        seen = x if memory is None else memory
        options = {"attn_mask": mask, "key_padding_mask": padding, "need_weights": False, "is_causal": causal}
        return attention(x, seen, seen, **options)[0]  # type: ignore[no-any-return]

    return block


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with dropout, residual and layer norm.

    Args:
        d_model: the size of input and result.
        nhead: heads of the attention.
        dim_feedforward: the size between the two linear maps.
        dropout: how likely an element is set to 0 while training.
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: the small number of the layer norms.
        batch_first: whether batches are (batch, steps, features) and not (steps, batch, features).
        norm_first: whether the norms come before the blocks.
        bias: whether linear maps and norms have biases.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: for an unknown activation.

    >>> tracegraph.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)(tracegraph.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        super().__init__(("self_attn",), *sizes, batch_first, norm_first, bias, dtype)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(steps, batch, d_model) to the same shape; masks as `MultiheadAttention` takes them.

        Raises:
            ShapeError: when shapes do not fit.
        """
        attend = _attend(self.self_attn, None, src_mask, src_key_padding_mask, causal=is_causal)
        return self._run(src, [attend, self._feed_forward])


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory, and a feed-forward network, each with dropout, residual and layer norm.

    Args:
        d_model: the size of input and result.
        nhead: heads of the attentions.
        dim_feedforward: the size between the two linear maps.
        dropout: how likely an element is set to 0 while training.
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: the small number of the layer norms.
        batch_first: whether batches are (batch, steps, features) and not (steps, batch, features).
        norm_first: whether the norms come before the blocks.
        bias: whether linear maps and norms have biases.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: for an unknown activation.

    >>> decoder = tracegraph.nn.TransformerDecoderLayer(8, 2, 16)
    >>> decoder(tracegraph.zeros(5, 3, 8), tracegraph.zeros(7, 3, 8)).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        super().__init__(("self_attn", "multihead_attn"), *sizes, batch_first, norm_first, bias, dtype)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(steps, batch, d_model) and a memory (seen, batch, d_model) to the first shape.

        Masks are as `MultiheadAttention` takes them.

        Raises:
            ShapeError: when shapes do not fit.
        """
        attend = _attend(self.self_attn, None, tgt_mask, tgt_key_padding_mask, causal=tgt_is_causal)
        look = _attend(self.multihead_attn, memory, memory_mask, memory_key_padding_mask, causal=memory_is_causal)
        return self._run(tgt, [attend, look, self._feed_forward])


__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]
