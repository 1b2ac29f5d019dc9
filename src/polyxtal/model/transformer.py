"""Blocks of a vision transformer: attention and a hidden layer, each normalised first."""

from __future__ import annotations

import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor, nn


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
        self.widen, self.narrow = (
            nn.Linear(width, expansion * width),
            nn.Linear(expansion * width, width),
        )

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        """Let tokens look at each other, then think by themselves."""
        batch, tokens, width = x.shape
        together = self.query_key_value(self.attention_norm(x))
        query, key, value = together.reshape(
            batch, tokens, 3, self.heads, width // self.heads
        ).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.attended(seen.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.narrow(functional.gelu(self.widen(self.hidden_norm(x))))


class Transformer(nn.Module):
    """Blocks, and a norm at the end."""

    def __init__(self, width: int, depth: int, heads: int, expansion: int) -> None:
        """Make the blocks."""
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, heads, expansion) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        """Run the blocks."""
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
