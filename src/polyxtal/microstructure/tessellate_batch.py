"""Voronoi tessellations of many boxes at once, in torch's array operations, for a GPU.

The box is cut into blocks. A seed can own a voxel of a block only if its least distance from the
block does not exceed the least of all seeds' greatest distances from it; few seeds pass, and the
block's voxels ask these alone. The result is that of asking every seed.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 5
"""Edge of a block. [voxels]"""
CANDIDATES = 48
"""Seeds that a block's voxels ask at first; doubled until none is missed."""
MEMORY = 1 << 28
"""Distances held at once. [numbers]"""


def voronoi_batch(
    grid: tuple[int, int, int],
    seeds: Float[Tensor, "batch grains 3"],
    scale: Float[Tensor, "batch 3"],
    present: Int[Tensor, " batch"] | None = None,
) -> Int[Tensor, "batch nx ny nz"]:
    """Assign the voxels of periodic boxes to their nearest seeds.

    Args:
        grid: Voxels along x, y, z.
        seeds: Positions in voxels.
        scale: What a voxel's edge counts along each axis.
        present: Number of seeds of each box, the first of those given; None for all.
    Returns:
        Grain of every voxel, on the seeds' device.
    """
    batch, grains, _ = seeds.shape
    if present is None:
        present = torch.full((batch,), grains, device=seeds.device)
    blocks = 1
    for n in grid:
        blocks *= -(-n // BLOCK)
    step = max(1, MEMORY // (blocks * max(grains, CANDIDATES * BLOCK**3)))
    parts = [
        _assign(grid, *part)
        for part in zip(seeds.split(step), scale.split(step), present.split(step), strict=True)
    ]
    return torch.cat(parts)


def _assign(
    grid: tuple[int, int, int], seeds: Tensor, scale: Tensor, present: Tensor
) -> Int[Tensor, "batch nx ny nz"]:
    grains = seeds.shape[1]
    counts = [-(-n // BLOCK) for n in grid]
    # Squared distances from a block: the axes' parts are added up over the grid of blocks.
    least, most = [], []
    for axis, n in enumerate(grid):
        middle = (torch.arange(counts[axis], device=seeds.device) * BLOCK + 0.5 * BLOCK).to(seeds)
        gap = _periodic(middle[None, :, None] - seeds[:, None, :, axis], n)
        factor = scale[:, axis, None, None]
        least.append(((gap - 0.5 * BLOCK).clamp_min(0) * factor).square())
        most.append(((gap + 0.5 * BLOCK).clamp_max(0.5 * n) * factor).square())
    absent = torch.arange(grains, device=seeds.device) >= present[:, None]
    nearest = _over_blocks(least).masked_fill(absent[:, None], torch.inf)
    bound = _over_blocks(most).masked_fill(absent[:, None], torch.inf).amin(-1)
    candidates = min(CANDIDATES, grains)
    while True:
        lower, index = nearest.topk(candidates, dim=-1, largest=False)
        if candidates == grains or bool((lower[..., -1] > bound).all()):
            break
        candidates = min(2 * candidates, grains)
    return _ask(grid, counts, seeds, scale, present, index)


def _ask(
    grid: tuple[int, int, int],
    counts: list[int],
    seeds: Tensor,
    scale: Tensor,
    present: Tensor,
    index: Int[Tensor, "batch blocks candidates"],
) -> Int[Tensor, "batch nx ny nz"]:
    """Let the voxels of every block find the nearest of its candidates."""
    batch, blocks, candidates = index.shape
    index = index.sort(-1).values  # of equally near seeds the first, as where all are asked
    chosen = seeds.gather(1, index.reshape(batch, -1, 1).expand(-1, -1, 3))
    chosen = chosen.reshape(batch, *counts, candidates, 3)
    parts = []
    for axis, n in enumerate(grid):
        points = (torch.arange(counts[axis] * BLOCK, device=seeds.device) + 0.5).to(seeds)
        shape = [1, 1, 1, 1, 1, BLOCK]
        shape[1 + axis] = counts[axis]
        gap = _periodic(points.reshape(shape) - chosen[..., axis, None], n)
        parts.append((gap * scale[:, axis].reshape(-1, 1, 1, 1, 1, 1)).square())
    x, y, z = (part.reshape(batch, blocks, candidates, BLOCK) for part in parts)
    absent = index >= present[:, None, None]
    x = x.masked_fill(absent[..., None], torch.inf)
    distance = x[..., :, None, None] + y[..., None, :, None] + z[..., None, None, :]
    best = distance.argmin(2).reshape(batch, blocks, -1)
    owner = index.gather(2, best).reshape(batch, *counts, BLOCK, BLOCK, BLOCK)
    nx, ny, nz = grid
    full = owner.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, *(c * BLOCK for c in counts))
    return full[:, :nx, :ny, :nz]


def _periodic(difference: Tensor, n: int) -> Tensor:
    gap = difference.abs() % n
    return torch.minimum(gap, n - gap)


def _over_blocks(parts: list[Tensor]) -> Float[Tensor, "batch blocks grains"]:
    x, y, z = parts
    total = x[:, :, None, None] + y[:, None, :, None] + z[:, None, None]
    return total.flatten(1, 3)
