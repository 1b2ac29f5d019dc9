"""Sizes and shapes of the grains of a volume."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.microstructure.tessellate import voxel_moments


class GrainStatistics(NamedTuple):
    """Sizes and shapes of grains.

    Attributes:
        diameter: Diameter of the sphere of equal volume; 0 for empty grains. [µm]
        extent: Root mean square distance of a grain's voxels from its centre along x, y, z. [µm]
    """

    diameter: Float[Tensor, " grains"]
    extent: Float[Tensor, "grains 3"]

    def spread(self) -> float:
        """Standard deviation of the logarithm of the diameters of grains with voxels. [-]"""
        return float(self.diameter[self.diameter > 0].log().std())

    def aspect(self) -> tuple[float, float, float]:
        """Mean extents, relative to the one along z. [-]"""
        mean = self.extent[self.diameter > 0].mean(0)
        x, y, z = (mean / mean[2]).tolist()
        return x, y, z


def grain_statistics(rve: Polycrystal) -> GrainStatistics:
    """Return sizes and shapes of grains, which must be compact and smaller than half the box."""
    owner = rve.grain_id.numpy().astype(np.int32)
    grains = rve.grains
    flat = rve.grain_id.reshape(-1)
    first = torch.zeros(grains, dtype=torch.int64)
    first[flat.flip(0)] = torch.arange(len(flat) - 1, -1, -1)
    corner = np.stack(np.unravel_index(first.numpy(), rve.grid), -1) + 0.5
    volume, offset, squares = voxel_moments(owner, corner)
    count = np.maximum(volume, 1)[:, None]
    centre = corner + offset / count
    volume, offset, squares = voxel_moments(owner, centre)
    spacing = np.array(rve.spacing)
    variance = squares / count - (offset / count) ** 2 + 1 / 12
    diameter = (volume * np.prod(spacing) * 6 / np.pi) ** (1 / 3)
    extent = np.sqrt(np.where(volume[:, None] > 0, variance, 0.0)) * spacing
    return GrainStatistics(torch.from_numpy(diameter), torch.from_numpy(extent))
