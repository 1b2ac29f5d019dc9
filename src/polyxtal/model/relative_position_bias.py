"""Relative position bias of attention among the patches of a periodic field."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from jaxtyping import Float, Int
from torch import Tensor, nn


def periodic_offsets(edge: int) -> Int[Tensor, "patches patches"]:
    """Return the index of the periodic offset between each pair of edge³ patches.

    Offset (dx, dy, dz), each modulo the edge, has the index (dx · edge + dy) · edge + dz.
    """
    axis = torch.arange(edge)
    apart = (axis - axis[:, None]) % edge
    x, y = apart[:, None, None, :, None, None], apart[:, None, None, :, None]
    z = apart[:, None, None]
    return ((x * edge + y) * edge + z).reshape(edge**3, edge**3)


def periodic_distances(edge: int) -> Float[Tensor, " offsets"]:
    """Return the shortest periodic length of each offset. [patches]"""
    return _shortest(edge).norm(dim=-1)


def periodic_steps(edge: int) -> Float[Tensor, " offsets"]:
    """Return the largest component of each shortest offset: 1 for adjacent patches. [patches]"""
    return _shortest(edge).amax(-1)


def _shortest(edge: int) -> Float[Tensor, "offsets 3"]:
    axis = torch.arange(edge)
    short = torch.minimum(axis, edge - axis).to(torch.float32)
    return torch.cartesian_prod(short, short, short).reshape(-1, 3)


class RelativePositionBias(nn.Module):
    """Learned bias of the attention logits, one number per head and periodic offset.

    Its initial value is minus the distance times a slope, from 0 for the first head to `steepest`
    for the last one, so that some heads attend to neighbours before training [Press2022]. To and
    from token 0, [CLS], each head has one number, initially 0.

    Args:
        edge: Patches along an edge.
        heads: Attention heads.
        steepest: Slope of the last head. [1 / patch]
    """

    index: Tensor

    def __init__(self, edge: int, heads: int, steepest: float = 3.0) -> None:
        """Fill the table with its initial values."""
        super().__init__()
        slope = torch.linspace(0.0, steepest, heads, dtype=torch.float32)
        table = torch.zeros(edge**3 + 2, heads, dtype=torch.float32)
        table[: edge**3] = -periodic_distances(edge)[:, None] * slope
        self.table = nn.Parameter(table)
        index = torch.full((edge**3 + 1,) * 2, edge**3)  # to [CLS], in column 0
        index[0] = edge**3 + 1  # from [CLS]
        index[1:, 1:] = periodic_offsets(edge)
        self.register_buffer("index", index, persistent=False)

    def forward(
        self,
        seen: Int[Tensor, "batch seen"] | None = None,
        asking: Int[Tensor, "batch asking"] | None = None,
    ) -> Float[Tensor, "batch heads tokens seen_tokens"]:
        """Return the bias of chosen keys and queries.

        Args:
            seen: Patches of the keys, which follow [CLS] (default: all in order).
            asking: Patches of the queries, without [CLS] (default: the tokens of the keys).
        """
        tokens = len(self.index)
        every = functional.embedding(self.index, self.table).transpose(1, 2)  # row, head, column
        if seen is None:
            return every.transpose(0, 1)[None]
        columns = torch.cat([seen.new_zeros(len(seen), 1), seen + 1], 1)
        rows = columns if asking is None else asking + 1
        # Rows are gathered and columns chosen by a product, because the backward pass of gathering
        # single numbers took a tenth of a training step.
        found = functional.embedding(rows, every.reshape(tokens, -1))
        choice = functional.one_hot(columns, tokens).to(found.dtype).mT
        bias = found.reshape(len(rows), -1, tokens) @ choice
        return bias.unflatten(1, (rows.shape[1], -1)).transpose(1, 2)
