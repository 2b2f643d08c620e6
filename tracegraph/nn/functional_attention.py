"""Attention as functions: `scaled_dot_product_attention`, and `multi_head_attention_forward` with its projections.

Vaswani and others, arXiv:1706.03762.
"""

import math
from typing import Any

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.contraction import linear
from tracegraph.compiler.ops.creation import zeros
from tracegraph.compiler.ops.joining import cat
from tracegraph.compiler.ops.normalisation import softmax
from tracegraph.compiler.ops.padding import pad
from tracegraph.compiler.ops.parts import chunk, split
from tracegraph.nn.functional_dropout import dropout
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`softmax(query @ key.T * scale + mask) @ value`, for (..., l, e), (..., s, e) and (..., s, v): (..., l, v).

    Args:
        query: (..., l, e).
        key: (..., s, e).
        value: (..., s, v).
        attn_mask: broadcast to (..., l, s); bool says what takes part, a float is added. A row of which nothing takes
            part gives 0.
        dropout_p: how likely a weight is set to 0, also in evaluation.
        is_causal: position i sees the positions up to i.
        scale: `1 / sqrt(e)` unless given.
        enable_gqa: each head (dimension -3) of key and value serves several of the query.

    Raises:
        ShapeError: when shapes do not fit.
        DTypeError: when dtypes differ, or the mask is neither bool nor float.

    >>> x = tracegraph.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> tracegraph.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    _check_attention(query, key, value, attn_mask)
    if enable_gqa:
        key, value = _repeat_heads(key, query), _repeat_heads(value, query)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    if is_causal:
        future = np.tri(query.shape[-2], key.shape[-2], dtype=np.bool_)
        scores = scores.masked_fill(dispatch.as_tensor(~future, literal=True), -math.inf)
    if attn_mask is None or not key.shape[-2]:
        return dropout(softmax(scores, -1), dropout_p) @ value
    if attn_mask.dtype == np.bool_:
        scores = scores + attn_mask.logical_not().to(scores.dtype).masked_fill(attn_mask.logical_not(), -math.inf)
    else:
        scores = scores + attn_mask
    with GradMode(False):
        blind = scores.amax(-1, keepdim=True) == -math.inf
    weights = softmax(scores.masked_fill(blind, 0.0), -1).masked_fill(blind, 0.0)
    return dropout(weights, dropout_p) @ value


def _check_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None) -> None:
    name = "scaled_dot_product_attention"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        shapes = [query.shape, key.shape, value.shape]
        raise ShapeError(f"{name}: query, key and value need at least 2 dimensions, got shapes {shapes}")
    if not query.dtype == key.dtype == value.dtype or query.dtype.kind != "f":
        dtypes = [query.dtype.name, key.dtype.name, value.dtype.name]
        raise DTypeError(f"{name}: query, key and value need one float dtype, got {dtypes}")
    if attn_mask is not None and attn_mask.dtype not in (np.bool_, np.float32, query.dtype):
        raise DTypeError(f"{name}: attn_mask needs to be bool or {query.dtype}, got {attn_mask.dtype}")


def _repeat_heads(input: Tensor, query: Tensor) -> Tensor:
    """(..., few heads, s, e) as (..., heads of the query, s, e)."""
    if min(query.ndim, input.ndim) < 3 or not input.shape[-3] or query.shape[-3] % input.shape[-3]:
        raise ShapeError(
            "scaled_dot_product_attention: the heads (dimension -3) of key and value must divide those of the query, "
            f"got shapes {input.shape} and {query.shape}"
        )
    *batch, heads, steps, width = input.shape
    times = query.shape[-3] // heads
    spread = input.unsqueeze(-3).expand(*batch, heads, times, steps, width)
    return spread.reshape(*batch, heads * times, steps, width)  # type: ignore[no-any-return]


def additive_mask(mask: Tensor | None, name: str, dtype: Any) -> Tensor | None:
    """A mask to be added: `-inf` where a bool mask is True; a float one as it is.

    Raises:
        DTypeError: for any other dtype.
    """
    if mask is None or mask.dtype.kind == "f":
        return mask
    if mask.dtype != np.bool_:
        raise DTypeError(f"only bool and floating types of {name} are supported, not {mask.dtype}")
    return mask.to(dtype).masked_fill(mask, -math.inf)  # type: ignore[no-any-return]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The function behind `MultiheadAttention`: projections, attention of each head, projection of all heads.

    Args:
        query: (l, n, e) or (l, e).
        key: (s, n, e) or (s, e); its last size is that of `k_proj_weight` where that is used.
        value: the same for values.
        embed_dim_to_check: e.
        num_heads: e is divided among so many heads.
        in_proj_weight: (3 e, e), the projections of query, key and value below each other.
        in_proj_bias: (3 e).
        bias_k: (1, 1, e), added to the keys as one more position.
        bias_v: the same for values.
        add_zero_attn: add a position of zeros to keys and values.
        dropout_p: how likely a weight is set to 0 while training.
        out_proj_weight: (e, e).
        out_proj_bias: (e).
        training: whether there is dropout.
        key_padding_mask: (n, s) or (s), True or `-inf` for keys that do not count.
        need_weights: also return the weights.
        attn_mask: (l, s) or (n * num_heads, l, s), True or `-inf` for what is not seen.
        use_separate_proj_weight: use the three weights that follow in place of `in_proj_weight`.
        q_proj_weight: (e, e).
        k_proj_weight: (e, size of keys).
        v_proj_weight: (e, size of values).
        static_k: (n * num_heads, s, e / num_heads), in place of the projected keys.
        static_v: the same for values.
        average_attn_weights: return the mean weights of the heads, not those of each.
        is_causal: tells that `attn_mask` is the causal one.

    Raises:
        ShapeError: when shapes do not fit.
        ArgumentError: for `is_causal` without a mask.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    steps, batch, width = query.shape
    if width != embed_dim_to_check or width % num_heads:
        raise ShapeError(
            f"multi_head_attention_forward: embedding dimension {width} where {embed_dim_to_check} is expected, and a "
            f"multiple of num_heads {num_heads}"
        )
    if is_causal and attn_mask is None:
        raise ArgumentError(
            "multi_head_attention_forward: Need attn_mask if specifying the is_causal hint; "
            "`Transformer.generate_square_subsequent_mask` makes one"
        )
    padding = additive_mask(key_padding_mask, "key_padding_mask", query.dtype)
    causal = is_causal and padding is None and not need_weights
    mask = None if causal else _square_mask(attn_mask, query, key, num_heads)
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight
    q, k, v = _project_inputs(query, key, value, weights, in_proj_bias)
    added = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise ArgumentError("multi_head_attention_forward: bias cannot be added to static key or value")
        k, v = (cat([part, bias.expand(1, batch, width)]) for part, bias in ((k, bias_k), (v, bias_v)))
        added += 1
    elif bias_k is not None or bias_v is not None:
        raise ArgumentError("multi_head_attention_forward: bias_k and bias_v are given together or not at all")
    q = _heads(q, num_heads)
    k = _heads(k, num_heads) if static_k is None else _static(static_k, batch, num_heads, width)
    v = _heads(v, num_heads) if static_v is None else _static(static_v, batch, num_heads, width)
    if add_zero_attn:
        nothing = zeros(batch, num_heads, 1, width // num_heads, dtype=k.dtype)
        k, v = cat([k, nothing], 2), cat([v, nothing], 2)
        added += 1
    mask = _joint_mask(mask, padding, added, batch, k.shape[2])
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        scores = (q * math.sqrt(1 / q.shape[-1])) @ k.transpose(-2, -1)
        shares = dropout(softmax(scores if mask is None else scores + mask, -1), dropout_p)
        output = shares @ v
    else:
        output = scaled_dot_product_attention(q, k, v, mask, dropout_p, causal)
    output = linear(output.permute(2, 0, 1, 3).reshape(steps, batch, width), out_proj_weight, out_proj_bias)
    output = output if batched else output.squeeze(1)
    if not need_weights:
        return output, None
    shares = shares.mean(1) if average_attn_weights else shares
    return output, (shares if batched else shares.squeeze(0))


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None, heads: int
) -> bool:
    """Whether there is a batch dimension."""
    name = "multi_head_attention_forward"
    if query.ndim not in (2, 3):
        raise ShapeError(f"{name}: query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D")
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise ShapeError(f"{name}: for {query.ndim}-D query, key and value are {key.ndim}-D and {value.ndim}-D")
    if key_padding_mask is not None and key_padding_mask.ndim != query.ndim - 1:
        raise ShapeError(
            f"{name}: for {query.ndim}-D query, key_padding_mask should be {query.ndim - 1}-D, got "
            f"{key_padding_mask.ndim}-D"
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise ShapeError(f"{name}: attn_mask should be 2-D or 3-D, got {attn_mask.ndim}-D")
    return query.ndim == 3


def _square_mask(attn_mask: Tensor | None, query: Tensor, key: Tensor, heads: int) -> Tensor | None:
    """The mask as (1, 1, l, s) or (n, heads, l, s), to be added."""
    mask = additive_mask(attn_mask, "attn_mask", query.dtype)
    if mask is None:
        return None
    (steps, batch), seen = query.shape[:2], key.shape[0]
    wanted = (steps, seen) if mask.ndim == 2 else (batch * heads, steps, seen)
    if mask.shape != wanted:
        raise ShapeError(f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {wanted}")
    return mask.reshape(*((1, 1) if mask.ndim == 2 else (batch, heads)), steps, seen)  # type: ignore[no-any-return]


def _joint_mask(mask: Tensor | None, padding: Tensor | None, added: int, batch: int, seen: int) -> Tensor | None:
    """What is added to the scores (n, heads, l, s): both masks, with 0 for the positions added at the end."""
    if mask is not None and added:
        mask = pad(mask, (0, added))
    if padding is None:
        return mask
    padding = pad(padding, (0, added)) if added else padding
    if padding.shape != (batch, seen):
        raise ShapeError(f"Expected key_padding_mask of shape {(batch, seen - added)}, got {padding.shape}")
    padding = padding.reshape(batch, 1, 1, seen)
    return padding if mask is None else mask + padding


def _project_inputs(query: Tensor, key: Tensor, value: Tensor, weights: Any, bias: Tensor | None) -> tuple[Tensor, ...]:
    """Queries, keys and values, projected by one weight below each other or by three."""
    name = "multi_head_attention_forward"
    separate = isinstance(weights, tuple)
    if (weights is None) or (separate and any(weight is None for weight in weights)):
        raise ArgumentError(f"{name}: the weights of the projections are missing")
    if key.shape[:2] != value.shape[:2] or (not separate and key.shape != value.shape):
        raise ShapeError(f"{name}: key shape {key.shape} does not match value shape {value.shape}")
    if not separate and key is value:
        width = query.shape[-1]
        if query is key:
            return chunk(linear(query, weights, bias), 3, -1)
        of_query, of_rest = split(weights, [width, 2 * width])
        bias_query, bias_rest = (None, None) if bias is None else split(bias, [width, 2 * width])
        return (linear(query, of_query, bias_query), *chunk(linear(key, of_rest, bias_rest), 2, -1))
    parts = weights if separate else chunk(weights, 3)
    biases = (None, None, None) if bias is None else chunk(bias, 3)
    return tuple([linear(*row) for row in zip((query, key, value), parts, biases, strict=True)])


def _heads(projected: Tensor, heads: int) -> Tensor:
    """(s, n, e) to (n, heads, s, e / heads)."""
    steps, batch, width = projected.shape
    return projected.reshape(steps, batch, heads, width // heads).permute(1, 2, 0, 3)  # type: ignore[no-any-return]


def _static(given: Tensor, batch: int, heads: int, width: int) -> Tensor:
    """(n * heads, s, e / heads) to (n, heads, s, e / heads)."""
    if given.ndim != 3 or given.shape[0] != batch * heads or given.shape[2] != width // heads:
        raise ShapeError(
            f"multi_head_attention_forward: static keys and values need shape {(batch * heads, 's', width // heads)}, "
            f"got {given.shape}"
        )
    return given.reshape(batch, heads, given.shape[1], width // heads)  # type: ignore[no-any-return]


__all__ = ["additive_mask", "multi_head_attention_forward", "scaled_dot_product_attention"]
