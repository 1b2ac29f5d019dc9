"""From grain ids to fields, with the augmentations that preserve a periodic polycrystal.

A roll shifts the periodic box. A rotation of the cube moves the voxels and rotates the crystals
with them: the field at P x is that at x, and q becomes p q. Stiffness labels rotate, too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from polyxtal.algebra.mandel import mandel_rotation
from polyxtal.algebra.rotation import quaternion_multiply, quaternion_to_matrix
from polyxtal.crystal.laue import CUBIC
from polyxtal.dataset.features import Feature
from polyxtal.dataset.fields_kernel import expand_kernel


def box_rotations() -> Float[Tensor, "24 4"]:
    """Return the 24 rotations that map a cubic box onto itself, whatever the crystals in it."""
    return CUBIC.rotations


@lru_cache(maxsize=1)
def turn_axes() -> tuple[Int[Tensor, "24 3"], Int[Tensor, "24 3"]]:
    """Return how each rotation p of `box_rotations` permutes the axes.

    Returns:
        For each axis of the rotated box the original axis, and 1 where it is reversed.
    """
    matrices = quaternion_to_matrix(box_rotations()).round().to(torch.int64)
    axes = matrices.abs().argmax(-1)
    return axes, (matrices.sum(-1) < 0).to(torch.int64)


@lru_cache(maxsize=64)
def turns_of(grid: tuple[int, int, int]) -> Int[Tensor, " turns"]:
    """Return the indices in `box_rotations` of the rotations that map a grid onto itself."""
    axes, _ = turn_axes()
    shape = torch.tensor(grid)
    return (shape[axes] == shape).all(-1).nonzero()[:, 0]


def turn_orientations(
    orientations: Float[Tensor, "batch grains 4"], turns: Int[Tensor, " batch"]
) -> Float[Tensor, "batch grains 4"]:
    """Rotate the crystals: q becomes p q."""
    p = box_rotations().to(orientations)[turns.to(orientations.device)]
    return quaternion_multiply(p[:, None], orientations)


def turn_stiffness(
    stiffness: Float[Tensor, "batch *crystals 6 6"], turns: Int[Tensor, " batch"]
) -> Float[Tensor, "batch *crystals 6 6"]:
    """Rotate Mandel stiffness: Q C Qᵀ."""
    q = mandel_rotation(quaternion_to_matrix(box_rotations())).to(stiffness)
    q = q[turns.to(stiffness.device)]
    q = q.reshape(len(turns), *[1] * (stiffness.ndim - 3), 6, 6)
    return q @ stiffness @ q.mT


def expand(
    grain_id: Integer[Tensor, "batch nx ny nz"],
    orientations: Float[Tensor, "batch grains 4"],
    feature: Feature,
    turns: Int[Tensor, " batch"] | None = None,
    shifts: Int[Tensor, "batch 3"] | None = None,
    compiled: bool | None = None,
) -> Float[Tensor, "batch channels nx ny nz"]:
    """Return the fields of a batch, each rotated and then rolled.

    Args:
        grain_id: Grain of each voxel; any integer type.
        orientations: Unit quaternions of the grains, on the same device. [-]
        feature: Feature of the voxels.
        turns: Indices in `box_rotations`, from `turns_of(grid)` (default: no rotation).
        shifts: Number of voxels to roll by along x, y, z (default: 0).
        compiled: Use the compiled loops (default: on the CPU).
    Returns:
        Fields in the orientations' precision, channels first.
    """
    batch, *grid = grain_id.shape
    if turns is None:
        turns = torch.zeros(batch, dtype=torch.int64)
    if shifts is None:
        shifts = torch.zeros(batch, 3, dtype=torch.int64)
    table = feature.compute(turn_orientations(orientations, turns))
    axes, flipped = (part[turns.cpu()] for part in turn_axes())
    if grain_id.device.type == "cpu" if compiled is None else compiled:
        out = torch.empty(batch, table.shape[-1], *grid, dtype=table.dtype)
        expand_kernel(
            grain_id.numpy(),
            np.ascontiguousarray(table.numpy()),
            axes.numpy(),
            flipped.numpy(),
            shifts.numpy(),
            out.numpy(),
        )
        return out
    source = _source_voxels((grid[0], grid[1], grid[2]), axes, flipped, shifts, grain_id.device)
    ids = grain_id.reshape(batch, -1).to(torch.int64).gather(1, source)
    field = table.gather(1, ids[:, :, None].expand(-1, -1, table.shape[-1]))
    return field.mT.reshape(batch, table.shape[-1], *grid)


def _source_voxels(
    grid: tuple[int, int, int], axes: Tensor, flipped: Tensor, shifts: Tensor, device: torch.device
) -> Int[Tensor, "batch voxels"]:
    """Return the original voxel, in C order, of each voxel of the rotated and rolled box."""
    strides = torch.tensor([grid[1] * grid[2], grid[2], 1])
    parts = []
    for axis, n in enumerate(grid):
        at = (torch.arange(n) - shifts[:, axis, None].cpu()) % n
        at = torch.where(flipped[:, axis, None] > 0, n - 1 - at, at)
        parts.append((at * strides[axes[:, axis], None]).to(device))
    x, y, z = parts
    return (x[:, :, None, None] + y[:, None, :, None] + z[:, None, None]).reshape(len(x), -1)


def random_moves(
    grid: tuple[int, int, int], batch: int, generator: torch.Generator
) -> tuple[Int[Tensor, " batch"], Int[Tensor, "batch 3"]]:
    """Draw rotations and rolls uniformly."""
    allowed = turns_of(grid)
    turns = allowed[torch.randint(len(allowed), (batch,), generator=generator)]
    rolls = [torch.randint(n, (batch,), generator=generator) for n in grid]
    return turns, torch.stack(rolls, dim=-1)
