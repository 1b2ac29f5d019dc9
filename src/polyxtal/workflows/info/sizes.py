"""Sizes of the grains of a polycrystal, from their volumes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from polyxtal.microstructure.polycrystal import Polycrystal


class GrainSizes(NamedTuple):
    """Sizes of the grains that have voxels.

    Attributes:
        smallest, median, mean, largest: Diameters of the sphere of equal volume; of the circle of
            equal area in a single layer. [µm]
        voxels: Median number of voxels. [-]
    """

    smallest: float
    median: float
    mean: float
    largest: float
    voxels: float


def diameters(rve: Polycrystal) -> Float[Tensor, " grains"]:
    """Return the diameter of each grain with voxels, see `GrainSizes`. [µm]"""
    share = rve.volume_fractions[rve.volume_fractions > 0]
    edges = [s for s, n in zip(rve.size, rve.grid, strict=True) if n > 1]
    if len(edges) == 2:
        return (share * math.prod(edges) * (4 / math.pi)) ** 0.5
    # Root by root, since volumes of the smallest and largest voxels are no numbers.
    edge = math.prod(length ** (1 / 3) for length in rve.size)
    return edge * (share * (6 / math.pi)) ** (1 / 3)


def grain_sizes(rve: Polycrystal) -> GrainSizes:
    """Return the sizes of the grains."""
    diameter, share = diameters(rve), rve.volume_fractions
    voxels = share[share > 0] * rve.grain_id.numel()
    return GrainSizes(
        float(diameter.min()),
        float(np.median(diameter)),
        float(diameter.mean()),
        float(diameter.max()),
        float(np.median(voxels)),
    )
