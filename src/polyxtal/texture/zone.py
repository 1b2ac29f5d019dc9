"""A uniform grid of a fundamental zone: the orientations that textures are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from polyxtal.argument_types import require_number, require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.cubochoric import EDGE, cubochoric_grid

FINEST, COARSEST = 1.0, 30.0
"""Finest and coarsest resolution. [degrees]"""
SUBDIVISION = 5
"""Number of cells of the finer grid, for volumes and distances, along the edge of a cell."""
_CHUNK = 1 << 24
LARGEST = {
    name: math.radians(angle)
    for name, angle in {
        "m-3m": 62.8, "m-3": 90.0, "6/mmm": 93.85, "4/mmm": 98.5, "-3m": 104.5, "mmm": 120.0,
    }.items()
}  # fmt: skip
"""Angles that no disorientation exceeds, by Laue group; 180° for the others. [rad]"""


@dataclass(frozen=True, eq=False)
class OrientationGrid:
    """Orientations that cover the fundamental zone of a Laue group evenly.

    Attributes:
        resolution: Nominal distance of neighbours. [degrees]
        orientations: Unit quaternions in the zone, w > 0. [-]
        volumes: Share of the zone that is closest to each; they sum to 1. [-]
        covering_radius: Largest disorientation of any crystal from its nearest grid orientation,
            measured on a finer grid. [degrees]
        laue: The Laue group.
    """

    resolution: float
    orientations: Float[Tensor, "n 4"]
    volumes: Float[Tensor, " n"]
    covering_radius: float
    laue: LaueGroup = CUBIC

    def __len__(self) -> int:
        """Return the number of orientations."""
        return len(self.orientations)

    def nearest(self, q: Float[Tensor, "m 4"]) -> tuple[Int[Tensor, " m"], Float[Tensor, " m"]]:
        """Return the index of the nearest grid orientation, and its disorientation [rad]."""
        return _nearest(self.orientations, q, self.laue)

    def samples(self) -> tuple[Float[Tensor, "m 4"], Int[Tensor, " m"]]:
        """Return about 125 finer orientations in each cell, and the cell of each."""
        return _samples(self.resolution, self.laue)


def orientation_grid(resolution: float = 10.0, laue: str | LaueGroup = CUBIC) -> OrientationGrid:
    """Cover the fundamental zone of a Laue group with equal cells of SO(3) [Rosca2014].

    Cells of edge e in the cube of `cubochoric.py` lie 2 e apart in rotation angle near the
    identity; those whose centre is in the zone are taken: for m-3m 192 at 15°, 627 at 10°, 4903
    at 5°, with covering radii of 18.2°, 12.1° and 5.7°.

    Args:
        resolution: Nominal distance of neighbours, 1 to 30. [degrees]
        laue: Laue group or its name.
    Raises:
        ValueError: if the resolution is out of range, or there is no such group.

    Example:
        >>> import polyxtal as px
        >>> grid = px.orientation_grid(30.0)
        >>> len(grid), round(grid.covering_radius, 2)
        (40, 33.25)
        >>> len(px.orientation_grid(30.0, "6/mmm"))
        32
    """
    require_number(resolution, "resolution")
    if not FINEST <= resolution <= COARSEST:
        raise ValueError(
            f"Argument `resolution` must be from {FINEST:g} to {COARSEST:g} degrees, "
            f"but is {resolution}."
        )
    return _grid(float(resolution), as_group(laue))


def as_group(laue: str | LaueGroup) -> LaueGroup:
    """Return the Laue group of a name.

    Raises:
        ValueError: if there is none.
    """
    require_type(laue, (str, LaueGroup), "laue")
    return LaueGroup(laue) if isinstance(laue, str) else laue


@lru_cache(maxsize=8)
def _grid(resolution: float, laue: LaueGroup) -> OrientationGrid:
    grid = zone_orientations(resolution, laue)
    fine = zone_grid(_cells(resolution) * SUBDIVISION, laue)
    owner, distance = _nearest(grid, fine, laue)
    volumes = torch.bincount(owner, minlength=len(grid)).to(torch.float64) / len(fine)
    return OrientationGrid(resolution, grid, volumes, math.degrees(float(distance.max())), laue)


@lru_cache(maxsize=8)
def orientation_count(resolution: float, laue: LaueGroup = CUBIC) -> int:
    """Return the number of orientations of a grid, without computing its volumes."""
    return len(zone_orientations(resolution, laue))


@lru_cache(maxsize=2)
def _samples(resolution: float, laue: LaueGroup) -> tuple[Tensor, Tensor]:
    fine = zone_grid(_cells(resolution) * SUBDIVISION, laue)
    return fine, orientation_grid(resolution, laue).nearest(fine)[0]


def zone_orientations(resolution: float, laue: LaueGroup) -> Float[Tensor, "n 4"]:
    """Return the orientations of `orientation_grid`, without the volumes of their cells."""
    return zone_grid(_cells(resolution), laue)


def _cells(resolution: float) -> int:
    return round(2 * EDGE / math.radians(resolution))


def zone_grid(cells: int, laue: LaueGroup) -> Float[Tensor, "n 4"]:
    """Return the rotations of `cubochoric_grid` that lie in the fundamental zone."""
    return in_zone(cubochoric_grid(cells, LARGEST.get(laue.name, math.pi)), laue)


def in_zone(q: Float[Tensor, "n 4"], laue: LaueGroup = CUBIC) -> Float[Tensor, "m 4"]:
    """Return the orientations that are nearest to the identity among their equivalents."""
    largest = torch.cat([laue.half_angle_cosine(part) for part in q.split(_CHUNK // laue.order)])
    return q[q[:, 0].abs() >= largest - 1e-12]


def _nearest(
    grid: Float[Tensor, "n 4"], q: Float[Tensor, "m 4"], laue: LaueGroup
) -> tuple[Tensor, Tensor]:
    # Disorientation decreases with |g · (q s)|: the closest of all ±g s on the unit sphere.
    copies = laue.equivalents(grid).reshape(-1, 4).numpy()
    tree = KDTree(np.concatenate([copies, -copies]))
    chord, place = tree.query(q.numpy())
    index = torch.from_numpy(place % len(copies) // laue.order)
    return index, 4 * torch.from_numpy(chord / 2).clamp_max(1.0).asin()
