"""Transformers: stacks of layers, `TransformerEncoder` and `TransformerDecoder`, and `Transformer` of both.

Vaswani and others, arXiv:1706.03762.
"""

import copy
import math
from typing import Any

from tracegraph.compiler.ops.creation import full
from tracegraph.compiler.ops.triangles import triu
from tracegraph.nn import functional, init
from tracegraph.nn.container import ModuleList
from tracegraph.nn.module import Module
from tracegraph.nn.normalisation import LayerNorm
from tracegraph.nn.transformer_layers import Activation, TransformerDecoderLayer, TransformerEncoderLayer
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ShapeError
from tracegraph.tensor import Tensor


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """Copies of an encoder layer, one after the other, and a norm.

    Args:
        encoder_layer: the layer; all copies start with its weights.
        num_layers: how many copies.
        norm: applied at the end.
        enable_nested_tensor: accepted and ignored: there are no nested tensors.
        mask_check: accepted and ignored.

    >>> layer = tracegraph.nn.TransformerEncoderLayer(8, 2, 16)
    >>> tracegraph.nn.TransformerEncoder(layer, 2)(tracegraph.zeros(5, 3, 8)).shape
    (5, 3, 8)
    """

    norm: Module | None

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.enable_nested_tensor, self.mask_check = num_layers, enable_nested_tensor, mask_check
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """(steps, batch, d_model) to the same shape.

        Raises:
            ShapeError: when shapes do not fit.
        """
        options = {"src_key_padding_mask": src_key_padding_mask, "is_causal": is_causal is True}
        for layer in self.layers:
            src = layer(src, src_mask=mask, **options)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """Copies of a decoder layer, one after the other, and a norm.

    Args:
        decoder_layer: the layer; all copies start with its weights.
        num_layers: how many copies.
        norm: applied at the end.

    >>> layer = tracegraph.nn.TransformerDecoderLayer(8, 2, 16)
    >>> decoder = tracegraph.nn.TransformerDecoder(layer, 2)
    >>> decoder(tracegraph.zeros(5, 3, 8), tracegraph.zeros(7, 3, 8)).shape
    (5, 3, 8)
    """

    norm: Module | None

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(steps, batch, d_model) and a memory (seen, batch, d_model) to the first shape.

        Raises:
            ShapeError: when shapes do not fit.
        """
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal is True,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder, and a decoder that looks at what it gives.

    Args:
        d_model: the size of inputs and result.
        nhead: heads of the attentions.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: the size inside of the feed-forward networks.
        dropout: how likely an element is set to 0 while training.
        activation: "relu", "gelu" or a function of a tensor.
        custom_encoder: takes the place of the encoder.
        custom_decoder: takes the place of the decoder.
        layer_norm_eps: the small number of the layer norms.
        batch_first: whether batches are (batch, steps, features) and not (steps, batch, features).
        norm_first: whether the norms come before the blocks.
        bias: whether linear maps and norms have biases.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: for an unknown activation.

    >>> model = tracegraph.nn.Transformer(8, 2, 1, 1, 16)
    >>> model(tracegraph.zeros(7, 3, 8), tracegraph.zeros(5, 3, 8)).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__()
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        if custom_encoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
            custom_encoder = TransformerEncoder(
                TransformerEncoderLayer(*settings, dtype=dtype), num_encoder_layers, norm
            )
        if custom_decoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
            custom_decoder = TransformerDecoder(
                TransformerDecoderLayer(*settings, dtype=dtype), num_decoder_layers, norm
            )
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw all matrices anew, Glorot-uniform."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(seen, batch, d_model) for the encoder and (steps, batch, d_model) for the decoder to the second shape.

        Raises:
            ShapeError: when shapes do not fit.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(f"the batch number of src and tgt must be equal, got shapes {src.shape} and {tgt.shape}")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"the feature number of src and tgt must be equal to d_model {self.d_model}, got shapes {src.shape} "
                f"and {tgt.shape}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(  # type: ignore[no-any-return]
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The mask (sz, sz) that lets each position see itself and those before: 0 there, `-inf` elsewhere.

        >>> tracegraph.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return triu(full((sz, sz), -math.inf, dtype=dtype), 1)


__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerEncoder",
]
