"""From a polycrystal of any grid to cubes of the size that a model sees."""

from __future__ import annotations

import math
from itertools import islice, product

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.dataset.features import Feature
from polyxtal.microstructure.polycrystal import Polycrystal

MAX_WINDOWS = 4096


def window_starts(voxels: int, edge: int) -> list[int]:
    """Place as few windows as cover a periodic axis, evenly.

    Args:
        voxels: Voxels of the axis.
        edge: Voxels of a window.
    Returns:
        First voxel of each window; one window where the axis is not longer than it.
    """
    count = math.ceil(voxels / edge)
    return [round(i * voxels / count) for i in range(count)]


def windows(
    rve: Polycrystal, edge: int, feature: Feature, count: int | None = None
) -> Float[Tensor, "windows channels edge edge edge"]:
    """Cut a periodic polycrystal into cubes of voxels that cover it, evenly, across its faces.

    Voxels are neither scaled nor mixed, so grains keep their size in voxels. A grid that is a
    window gives one, itself; a longer axis gives several; a shorter one is repeated, as it repeats
    itself in space.

    Args:
        rve: Polycrystal of any grid.
        edge: Voxels along a window.
        feature: What each voxel is to hold.
        count: Cut the first ones only; None for all.
    Returns:
        Fields, float32, channels first.
    Raises:
        ValueError: if more than 4096 windows are needed.
    """
    starts = [window_starts(n, edge) for n in rve.grid]
    needed = math.prod(len(axis) for axis in starts)
    if needed > MAX_WINDOWS:
        raise ValueError(
            f"A model of {edge}³ voxels reads at most {MAX_WINDOWS} windows, but a grid of "
            f"{rve.grid} needs {needed}; coarsen it first."
        )
    table = feature.compute(rve.orientations).to(torch.float32)
    step = torch.arange(edge)
    fields = []
    for corner in islice(product(*starts), count):
        x, y, z = ((start + step) % n for start, n in zip(corner, rve.grid, strict=True))
        ids = rve.grain_id[x[:, None, None], y[None, :, None], z[None, None, :]]
        fields.append(table[ids].permute(3, 0, 1, 2))
    return torch.stack(fields)
