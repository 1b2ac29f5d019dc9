"""A uniform grid of the cubic fundamental zone: the orientations that textures are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from polyxtal.crystal.symmetry import cubic_rotations, equivalent_orientations
from polyxtal.texture.cubochoric import EDGE, cubochoric_grid

FINEST, COARSEST = 1.0, 30.0
"""Resolutions on offer. [degrees]"""
SUBDIVISION = 5
"""Cells of the finer grid that measures volumes and distances, along an edge of a cell."""
_CHUNK = 1 << 24


@dataclass(frozen=True, eq=False)
class OrientationGrid:
    """Orientations that cover the cubic fundamental zone evenly.

    Attributes:
        resolution: Distance of neighbours asked for. [degrees]
        orientations: Unit quaternions in the zone, w > 0. [-]
        volumes: Share of the zone that is closest to each; they sum to 1. [-]
        covering_radius: Largest disorientation of any crystal from the closest one, measured on a
            finer grid. [degrees]
    """

    resolution: float
    orientations: Float[Tensor, "n 4"]
    volumes: Float[Tensor, "n"]
    covering_radius: float

    def __len__(self) -> int:
        """Return the number of orientations."""
        return len(self.orientations)

    def nearest(self, q: Float[Tensor, "m 4"]) -> tuple[Int[Tensor, " m"], Float[Tensor, " m"]]:
        """Find the closest grid orientation of crystals, and its disorientation [rad]."""
        return _nearest(self.orientations, q)

    def samples(self) -> tuple[Float[Tensor, "m 4"], Int[Tensor, " m"]]:
        """Cover each cell by finer orientations, about 125: these, and the cell of each."""
        return _samples(self.resolution)


@lru_cache(maxsize=8)
def orientation_grid(resolution: float = 10.0) -> OrientationGrid:
    """Cover the cubic fundamental zone with equal cells of SO(3) [Rosca2014].

    Cells of edge e in the cube of `cubochoric.py` lie 2 e apart in rotation angle near the
    identity; those whose centre is in the zone are taken: 192 at 15°, 627 at 10°, 4903 at 5°,
    with covering radii of 18.2°, 12.1° and 5.7°.

    Args:
        resolution: Distance of neighbours, 1 to 30. [degrees]
    Raises:
        ValueError: if the resolution is out of range.

    Example:
        >>> import polyxtal as px
        >>> grid = px.orientation_grid(30.0)
        >>> len(grid), round(grid.covering_radius, 2)
        (40, 33.25)
    """
    if not FINEST <= resolution <= COARSEST:
        raise ValueError(
            f"Argument `resolution` must be from {FINEST:g} to {COARSEST:g} degrees, "
            f"but is {resolution}."
        )
    grid = in_zone(cubochoric_grid(_cells(resolution)))
    fine = in_zone(cubochoric_grid(_cells(resolution) * SUBDIVISION))
    owner, distance = _nearest(grid, fine)
    volumes = torch.bincount(owner, minlength=len(grid)).to(torch.float64) / len(fine)
    return OrientationGrid(resolution, grid, volumes, math.degrees(float(distance.max())))


@lru_cache(maxsize=8)
def orientation_count(resolution: float) -> int:
    """Count the orientations of a grid, without the work that its volumes take."""
    return len(in_zone(cubochoric_grid(_cells(resolution))))


@lru_cache(maxsize=2)
def _samples(resolution: float) -> tuple[Tensor, Tensor]:
    fine = in_zone(cubochoric_grid(_cells(resolution) * SUBDIVISION))
    return fine, orientation_grid(resolution).nearest(fine)[0]


def _cells(resolution: float) -> int:
    return round(2 * EDGE / math.radians(resolution))


def in_zone(q: Float[Tensor, "n 4"]) -> Float[Tensor, "m 4"]:
    """Keep the orientations that no cubic equivalent brings closer to the identity."""
    symmetry = cubic_rotations().to(q)
    # The scalar part of q s is q · s*, and s* is in the group too.
    largest = torch.cat([(part @ symmetry.mT).abs().amax(-1) for part in q.split(_CHUNK // 24)])
    return q[q[:, 0].abs() >= largest - 1e-12]


def _nearest(grid: Float[Tensor, "n 4"], q: Float[Tensor, "m 4"]) -> tuple[Tensor, Tensor]:
    # Disorientation decreases with |g · (q s)|: the closest of all ±g s on the unit sphere.
    copies = equivalent_orientations(grid).reshape(-1, 4).numpy()
    tree = KDTree(np.concatenate([copies, -copies]))
    chord, place = tree.query(q.numpy())
    index = torch.from_numpy(place % len(copies) // 24)
    return index, 4 * torch.from_numpy(chord / 2).clamp_max(1.0).asin()
