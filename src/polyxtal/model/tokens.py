"""Patches of a field, and their positional encoding."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def patchify(
    field: Float[Tensor, "batch channels nx ny nz"], patch: int
) -> Float[Tensor, "batch patches values"]:
    """Cut fields into cubes of `patch` voxels; values run over x, y, z, channel, the last first."""
    batch, channels, *grid = field.shape
    nx, ny, nz = (n // patch for n in grid)
    cut = field.reshape(batch, channels, nx, patch, ny, patch, nz, patch)
    return cut.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(batch, nx * ny * nz, patch**3 * channels)


def unpatchify(
    patches: Float[Tensor, "batch patches values"], patch: int, grid: tuple[int, int, int]
) -> Float[Tensor, "batch channels nx ny nz"]:
    """Assemble fields from patches, the inverse of `patchify`."""
    batch = len(patches)
    nx, ny, nz = (n // patch for n in grid)
    cut = patches.reshape(batch, nx, ny, nz, patch, patch, patch, -1)
    return cut.permute(0, 7, 1, 4, 2, 5, 3, 6).reshape(batch, -1, *grid)


def gather_patches(
    patches: Float[Tensor, "batch patches values"], index: Int[Tensor, "batch chosen"]
) -> Float[Tensor, "batch chosen values"]:
    """Select patches of each field by their index."""
    return patches.gather(1, index[:, :, None].expand(-1, -1, patches.shape[-1]))


def sine_positions(edge: int, width: int) -> Float[Tensor, "patches width"]:
    """Return the positional encoding of edge³ patches, a third of the width per axis.

    sin(i / 10000^(2k/d)) and cos of the same for k = 0 ... d/2 - 1, d = width / 3 (the paper's
    eq. 3).

    Args:
        edge: Patches along an edge.
        width: Width of a token, a multiple of 6.
    Returns:
        Positional encoding, float32.
    """
    half = width // 6
    rate = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(edge, dtype=torch.float64)[:, None] * rate
    axis = torch.cat([angle.sin(), angle.cos()], -1)
    x = axis[:, None, None].expand(edge, edge, edge, -1)
    y = axis[None, :, None].expand(edge, edge, edge, -1)
    z = axis[None, None].expand(edge, edge, edge, -1)
    return torch.cat([x, y, z], -1).reshape(edge**3, width).to(torch.float32)
