"""Tessellations in torch's array operations, for a GPU: one box, or many Voronoi ones at once.

For a batch, each box is cut into blocks. A seed can own a voxel of a block only if its minimum
distance from the block does not exceed the smallest maximum distance of all seeds; few seeds pass,
and only these are compared with the block's voxels. The result is that of comparing every seed.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 5
"""Edge of a block. [voxels]"""
CANDIDATES = 48
"""Number of candidate seeds of a block at first; doubled until none is missed."""
MEMORY = 1 << 28
"""Number of distances held at once."""


def voronoi_batch(
    grid: tuple[int, int, int],
    seeds: Float[Tensor, "batch grains 3"],
    scale: Float[Tensor, "batch 3"],
    present: Int[Tensor, " batch"] | None = None,
) -> Int[Tensor, "batch nx ny nz"]:
    """Assign the voxels of periodic boxes to their nearest seeds.

    Args:
        grid: Number of voxels along x, y, z.
        seeds: Positions in voxels.
        scale: Scaled edge of a voxel along each axis.
        present: Number of seeds of each box, the first of those given (default: all).
    Returns:
        Grain of each voxel, on the seeds' device.
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


def nearest_seed(
    grid: tuple[int, int, int],
    seeds: Float[Tensor, "grains 3"],
    weights: Float[Tensor, " grains"],
    scale: Float[Tensor, "3"],
) -> Int[Tensor, "nx ny nz"]:
    """Assign voxels like `power_diagram`, on any device, with every voxel asking every seed.

    Args:
        grid: Number of voxels along x, y, z.
        seeds: Positions in voxels.
        weights: Power of each seed, in scaled voxels squared.
        scale: Scaled edge of a voxel along each axis.
    Returns:
        Grain of each voxel.
    """
    extent = torch.tensor(grid, dtype=seeds.dtype, device=seeds.device)
    best = torch.full(grid, torch.inf, dtype=seeds.dtype, device=seeds.device)
    owner = torch.zeros(grid, dtype=torch.int64, device=seeds.device)
    axes = [torch.arange(n, dtype=seeds.dtype, device=seeds.device) + 0.5 for n in grid]
    for grain, (position, weight) in enumerate(zip(seeds, weights, strict=True)):
        gaps = []
        for axis, points in enumerate(axes):
            gap = (points - position[axis]).abs()
            gaps.append((torch.minimum(gap, extent[axis] - gap) * scale[axis]) ** 2)
        power = gaps[0][:, None, None] + gaps[1][:, None] + gaps[2] - weight
        nearer = power < best
        best = torch.where(nearer, power, best)
        owner[nearer] = grain
    return owner


def _assign(
    grid: tuple[int, int, int], seeds: Tensor, scale: Tensor, present: Tensor
) -> Int[Tensor, "batch nx ny nz"]:
    grains = seeds.shape[1]
    counts = [-(-n // BLOCK) for n in grid]
    # Squared distances from a block: the parts of the axes are summed over the grid of blocks.
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
    """Return the nearest candidate of the block for every voxel."""
    batch, blocks, candidates = index.shape
    index = index.sort(-1).values  # ties go to the first seed, as where all are compared
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
