"""Windows: cubes of a model's size that cover a polycrystal of any grid."""

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
    """Return the first voxel of each of the fewest windows that cover a periodic axis evenly.

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
    """Return the fields of evenly placed windows that cover a periodic polycrystal.

    Voxels are neither rescaled nor averaged, so grains keep their size in voxels. A longer axis
    than the window's gives several windows, a shorter one is repeated periodically.

    Args:
        rve: Polycrystal of any grid.
        edge: Voxels along a window.
        feature: Feature of a voxel.
        count: Number of windows, the first ones (default: all).
    Returns:
        Fields, float32, channels first.
    Raises:
        ValueError: if more than 4096 windows are needed, or a feature of several Laue groups is not
            for one of the polycrystal's.
    """
    starts = [window_starts(n, edge) for n in rve.grid]
    needed = math.prod(len(axis) for axis in starts)
    if needed > MAX_WINDOWS:
        raise ValueError(
            f"A model of {edge}³ voxels reads at most {MAX_WINDOWS} windows, but a grid of "
            f"{rve.grid} needs {needed}; coarsen it first."
        )
    table = feature.table(rve).to(torch.float32)
    step = torch.arange(edge)
    fields = []
    for corner in islice(product(*starts), count):
        x, y, z = ((start + step) % n for start, n in zip(corner, rve.grid, strict=True))
        ids = rve.grain_id[x[:, None, None], y[None, :, None], z[None, None, :]]
        fields.append(table[ids].permute(3, 0, 1, 2))
    return torch.stack(fields)
