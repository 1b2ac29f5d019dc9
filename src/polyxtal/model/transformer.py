"""Blocks of a vision transformer: attention and a hidden layer, each normalised first."""

from __future__ import annotations

import math

import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor, nn

FEW_TOKENS = 512
"""On a CPU, up to so many tokens attention is two plain matrix products."""


class Block(nn.Module):
    """x + attention(norm x), then x + hidden(norm x).

    Args:
        width: Numbers of a token.
        heads: Attention heads; they divide the width.
        expansion: Width of the hidden layer over the token's.
    """

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        """Make the layers."""
        super().__init__()
        self.heads = heads
        self.attention_norm, self.hidden_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "#batch heads tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Let tokens look at each other, then think by themselves."""
        together = self.query_key_value(self.attention_norm(x))
        query, key, value = (split_heads(part, self.heads) for part in together.chunk(3, -1))
        x = x + self.attended(join_heads(attend(query, key, value, bias)))
        return x + self.narrow(functional.gelu(self.widen(self.hidden_norm(x))))


class CrossBlock(nn.Module):
    """x + attention(norm x, norm memory), then x + hidden(norm x).

    Args:
        width: Numbers of a token.
        memory_width: Numbers of a token that is looked at.
        heads: Attention heads; they divide the width.
        expansion: Width of the hidden layer over the token's.
    """

    def __init__(self, width: int, memory_width: int, heads: int, expansion: int) -> None:
        """Make the layers."""
        super().__init__()
        self.heads = heads
        self.attention_norm, self.hidden_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.memory_norm = nn.LayerNorm(memory_width)
        self.query, self.attended = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(memory_width, 2 * width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        memory: Float[Tensor, "batch seen memory_width"],
        bias: Float[Tensor, "#batch heads tokens seen"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Let tokens look at the memory, then think by themselves."""
        query = split_heads(self.query(self.attention_norm(x)), self.heads)
        both = self.key_value(self.memory_norm(memory)).chunk(2, -1)
        key, value = (split_heads(part, self.heads) for part in both)
        x = x + self.attended(join_heads(attend(query, key, value, bias)))
        return x + self.narrow(functional.gelu(self.widen(self.hidden_norm(x))))


def split_heads(
    x: Float[Tensor, "batch tokens width"], heads: int
) -> Float[Tensor, "batch heads tokens part"]:
    """Give each head its part of a token's numbers."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(
    x: Float[Tensor, "batch heads tokens part"],
) -> Float[Tensor, "batch tokens width"]:
    """Put the heads' parts side by side again."""
    return x.transpose(1, 2).flatten(2)


def attend(
    query: Float[Tensor, "batch heads tokens width"],
    key: Float[Tensor, "batch heads seen width"],
    value: Float[Tensor, "batch heads seen width"],
    bias: Float[Tensor, "#batch heads tokens seen"] | None = None,
) -> Float[Tensor, "batch heads tokens width"]:
    """Average values by softmax(q·k / √width + bias).

    `scaled_dot_product_attention`, except for few tokens on a CPU: there its blocks are made for
    long sequences, and in bfloat16 its backward pass takes longer than all the rest of a step
    (`python benchmarks/pretraining.py`).
    """
    if query.device.type != "cpu" or max(query.shape[-2], key.shape[-2]) > FEW_TOKENS:
        if bias is not None:
            bias = bias.to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, bias)
    # Three axes go to the library's batched product as they are; four are copied.
    q, k, v = (x.flatten(0, 1) for x in (query, key, value))
    logits = (q / math.sqrt(q.shape[-1])) @ k.mT
    if bias is not None:
        logits = (logits.unflatten(0, query.shape[:2]) + bias).flatten(0, 1)
    return (logits.softmax(-1).to(v.dtype) @ v).unflatten(0, query.shape[:2])


class Transformer(nn.Module):
    """Blocks, and a norm at the end."""

    def __init__(self, width: int, depth: int, heads: int, expansion: int) -> None:
        """Make the blocks."""
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, heads, expansion) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "#batch heads tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Run the blocks, with the same bias of attention in each."""
        return self.states(x, bias)[-1]

    def states(
        self,
        x: Float[Tensor, "batch tokens width"],
        bias: Float[Tensor, "#batch heads tokens tokens"] | None = None,
    ) -> list[Float[Tensor, "batch tokens width"]]:
        """Run the blocks and keep what goes into each; the last state is the result."""
        states = []
        for block in self.blocks:
            states.append(x)
            x = block(x, bias)
        return [*states, self.norm(x)]
