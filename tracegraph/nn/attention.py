"""Attention of several heads as a layer: `MultiheadAttention`."""

from typing import Any

from tracegraph.nn import functional, init
from tracegraph.nn.linear import Linear, new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` that shows under the name which PyTorch gives to the last projection of attention."""


class MultiheadAttention(Module):
    """Attention of `num_heads` heads with learnt projections.

    Vaswani and others, arXiv:1706.03762. Weights of projections are Glorot-uniform at first, biases 0.

    Args:
        embed_dim: the size of queries and results, divided among the heads.
        num_heads: how many heads.
        dropout: how likely an attention weight is set to 0 while training.
        bias: whether the projections have biases.
        add_bias_kv: add one learnt position to keys and values.
        add_zero_attn: add a position of zeros to keys and values.
        kdim: the size of keys, `embed_dim` unless given.
        vdim: the size of values, `embed_dim` unless given.
        batch_first: whether batches are (batch, steps, features) and not (steps, batch, features).
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: when the sizes are not positive, or the heads do not divide `embed_dim`.

    >>> attention = tracegraph.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = tracegraph.zeros(3, 5, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads}"
            )
        if embed_dim % num_heads:
            raise ArgumentError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        same = self.kdim == embed_dim and self.vdim == embed_dim
        self._qkv_same_embed_dim = same
        shapes = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else new_parameter(*shape, dtype=dtype))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, dtype=dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the parameters anew."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The result (l, n, e), and with `need_weights` the weights (n, l, s), of each head (n, heads, l, s).

        Args:
            query: (l, n, embed_dim), with `batch_first` (n, l, embed_dim), or (l, embed_dim).
            key: (s, n, kdim) or the like.
            value: (s, n, vdim) or the like.
            key_padding_mask: (n, s) or (s), True or `-inf` for keys that do not count.
            need_weights: whether the weights are returned.
            attn_mask: (l, s) or (n * num_heads, l, s), True or `-inf` for what is not seen.
            average_attn_weights: return the mean of the heads' weights.
            is_causal: tells that `attn_mask` is the causal one.

        Raises:
            ShapeError: when shapes do not fit.
        """
        turned = self.batch_first and query.ndim == 3
        if turned:
            alike, shared = query is key, key is value
            query = query.transpose(0, 1)
            key = query if alike else key.transpose(0, 1)
            value = key if shared else value.transpose(0, 1)
        output, weights = functional.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if turned else output), weights


__all__ = ["MultiheadAttention"]
