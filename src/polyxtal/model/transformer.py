"""Pre-norm transformer blocks, in single precision."""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor, nn

FEW_TOKENS = 512
"""Largest number of tokens for which attention on a CPU is two plain matrix products."""
linear = partial(nn.Linear, dtype=torch.float32)
layer_norm = partial(nn.LayerNorm, dtype=torch.float32)


class Block(nn.Module):
    """Self-attention block: x + attention(norm x), then x + hidden(norm x).

    Args:
        width: Width of a token.
        heads: Attention heads, a divisor of the width.
        expansion: Ratio of the hidden layer's width to the token's.
    """

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        """Make the layers."""
        super().__init__()
        self.heads = heads
        self.attention_norm, self.hidden_norm = layer_norm(width), layer_norm(width)
        self.query_key_value, self.attended = linear(width, 3 * width), linear(width, width)
        self.widen = linear(width, expansion * width)
        self.narrow = linear(expansion * width, width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "#batch heads tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Apply attention among the tokens, then the hidden layer to each of them."""
        together = self.query_key_value(self.attention_norm(x))
        query, key, value = (split_heads(part, self.heads) for part in together.chunk(3, -1))
        x = x + self.attended(join_heads(attend(query, key, value, bias)))
        return x + self.narrow(functional.gelu(self.widen(self.hidden_norm(x))))


class CrossBlock(nn.Module):
    """Cross-attention block: x + attention(norm x, norm memory), then x + hidden(norm x).

    Args:
        width: Width of a token.
        memory_width: Width of a token of the memory.
        heads: Attention heads, a divisor of the width.
        expansion: Ratio of the hidden layer's width to the token's.
    """

    def __init__(self, width: int, memory_width: int, heads: int, expansion: int) -> None:
        """Make the layers."""
        super().__init__()
        self.heads = heads
        self.attention_norm, self.hidden_norm = layer_norm(width), layer_norm(width)
        self.memory_norm = layer_norm(memory_width)
        self.query, self.attended = linear(width, width), linear(width, width)
        self.key_value = linear(memory_width, 2 * width)
        self.widen = linear(width, expansion * width)
        self.narrow = linear(expansion * width, width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        memory: Float[Tensor, "batch seen memory_width"],
        bias: Float[Tensor, "#batch heads tokens seen"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Apply attention to the memory, then the hidden layer to each token."""
        query = split_heads(self.query(self.attention_norm(x)), self.heads)
        both = self.key_value(self.memory_norm(memory)).chunk(2, -1)
        key, value = (split_heads(part, self.heads) for part in both)
        x = x + self.attended(join_heads(attend(query, key, value, bias)))
        return x + self.narrow(functional.gelu(self.widen(self.hidden_norm(x))))


def split_heads(
    x: Float[Tensor, "batch tokens width"], heads: int
) -> Float[Tensor, "batch heads tokens part"]:
    """Split the tokens into one part per attention head."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(
    x: Float[Tensor, "batch heads tokens part"],
) -> Float[Tensor, "batch tokens width"]:
    """Concatenate the parts of all attention heads, the inverse of `split_heads`."""
    return x.transpose(1, 2).flatten(2)


def attend(
    query: Float[Tensor, "batch heads tokens width"],
    key: Float[Tensor, "batch heads seen width"],
    value: Float[Tensor, "batch heads seen width"],
    bias: Float[Tensor, "#batch heads tokens seen"] | None = None,
) -> Float[Tensor, "batch heads tokens width"]:
    """Return the scaled dot-product attention, softmax(q·k / √width + bias) · value.

    For few tokens on a CPU, two matrix products are faster than `scaled_dot_product_attention`,
    whose blocks are made for long sequences (`python benchmarks/pretraining.py`).
    """
    if query.device.type != "cpu" or max(query.shape[-2], key.shape[-2]) > FEW_TOKENS:
        if bias is not None:
            bias = bias.to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, bias)
    # Batched products of three axes need no copy; those of four do.
    q, k, v = (x.flatten(0, 1) for x in (query, key, value))
    logits = (q / math.sqrt(q.shape[-1])) @ k.mT
    if bias is not None:
        logits = (logits.unflatten(0, query.shape[:2]) + bias).flatten(0, 1)
    return (logits.softmax(-1).to(v.dtype) @ v).unflatten(0, query.shape[:2])


class Transformer(nn.Module):
    """Self-attention blocks and a final norm.

    Args:
        width: Width of a token.
        depth: Number of blocks.
        heads: Attention heads, a divisor of the width.
        expansion: Ratio of a hidden layer's width to the token's.
    """

    def __init__(self, width: int, depth: int, heads: int, expansion: int) -> None:
        """Make the blocks."""
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, heads, expansion) for _ in range(depth)])
        self.norm = layer_norm(width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "#batch heads tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Apply all blocks, with the same attention bias in each."""
        return self.states(x, bias)[-1]

    def states(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "#batch heads tokens tokens"] | None = None,
    ) -> list[Float[Tensor, "batch tokens width"]]:
        """Return the input of each block and, last, the normalised result."""
        states = []
        for block in self.blocks:
            states.append(x)
            x = block(x, bias)
        return [*states, self.norm(x)]
